
/*
 * Any bytes as a token, a key, a header line; and tokens whose signature is
 * good, with headers and payloads made of what matters in them, whole or with
 * a byte changed.
 *
 * What is good has the form that it must have, and no byte of it can be
 * changed.
 */


#include <openssl/err.h>

#include "fuzz.h"
#include "notify_token.h"
#include "notify_user.h"
#include "sign.h"


#define NOW     1700000000
#define SECRET  "0123456789abcdef0123456789abcdef"


static const char  *const  words[] = {
    "{", "}", "[", "]", ":", ",", "\"", " ", "{\"alg\":\"HS256\"",
    "{\"alg\":\"RS256\"", "{\"alg\":\"none\"", ",\"kid\":", ",\"crit\":[]",
    "{\"sub\":", "\"42\"", "42", "-1", "1.5", ",\"exp\":", ",\"nbf\":",
    "1700000060", "1700000000", "1e9", "9007199254740993", "\"a\"", "\"b\"",
    ",\"aud\":", ",\"iss\":", ",\"groups\":[", "\"x,y\"", "\\u0000", "\\u00e9",
    "\xc3\xa9", "null", "true", ",\"exp\":1700000060}", ",\"sub\":\"x\""
};

#define WORDS  (sizeof(words) / sizeof(words[0]))


/*
 * Some words, or the bytes themselves, up to the input's next 0xff, behind
 * what is there already.
 */

static size_t
text_of(fuzz_t *f, char *out, size_t n, size_t size)
{
    size_t   len;
    uint8_t  c;

    while (f->n != 0 && (c = fuzz_byte(f)) != 0xff) {

        if (c & 0x80) {
            len = strlen(words[(c & 0x7f) % WORDS]);

            if (n + len > size) {
                break;
            }

            memcpy(out + n, words[(c & 0x7f) % WORDS], len);
            n += len;
            continue;
        }

        if (n == size) {
            break;
        }

        out[n++] = (char) c;
    }

    return n;
}


static size_t
put(char *out, const char *text)
{
    memcpy(out, text, strlen(text));

    return strlen(text);
}


static notify_token_error_e
verify(const notify_token_rule_t *rule, const uint8_t *p, size_t n)
{
    size_t                  i, start;
    uint8_t                *token, *buf;
    const char             *why;
    notify_token_error_e    error;
    notify_token_claims_t   claims;

    token = fuzz_copy(p, n);
    buf = fuzz_copy(p, n);

    error = notify_token_verify(rule, token, n, NOW, buf, &claims);

    fuzz_check(ERR_peek_error() == 0);
    fuzz_check(memcmp(token, p, n) == 0);
    fuzz_check(error < NOTIFY_TOKEN_ERRORS && notify_token_text(error));

    if (error == NOTIFY_TOKEN_OK) {
        fuzz_check(claims.until > NOW);
        fuzz_check(notify_user_check(claims.sub, claims.sub_len, &why) == 0);

        start = 0;

        for (i = 0; claims.groups_len && i <= claims.groups_len; i++) {
            if (i == claims.groups_len || claims.groups[i] == ',') {
                fuzz_check(notify_user_check(claims.groups + start, i - start,
                                             &why)
                           == 0);
                start = i + 1;
            }
        }
    }

    free(token);
    free(buf);

    return error;
}


static void
fuzz_key(notify_signature_alg_e alg, const uint8_t *data, size_t size)
{
    uint8_t                 *copy;
    const char              *why;
    notify_signature_key_t   key;

    copy = fuzz_copy(data, size);
    why = NULL;

    fuzz_check((notify_signature_key_read(&key, alg, copy, size, &why) == 0)
               == (why == NULL));
    fuzz_check(ERR_peek_error() == 0);

    notify_signature_key_free(&key);
    free(copy);
}


static void
fuzz_places(const uint8_t *data, size_t size)
{
    size_t          len;
    uint8_t        *copy;
    const uint8_t  *at;

    copy = fuzz_copy(data, size);

    at = notify_token_in_bearer(copy, size, &len);
    fuzz_check(at == NULL || (len > 0 && at + len == copy + size));

    at = notify_token_in_protocols(copy, size, &len);
    fuzz_check(at == NULL
               || (len > 0 && at >= copy + strlen(NOTIFY_TOKEN_PROTOCOL)
                   && at + len <= copy + size
                   && memchr(at, ',', len) == NULL));

    free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                    header[1024], payload[2048];
    char                    token[SIGN_TOKEN_MAX];
    size_t                  header_len, payload_len, n, at;
    fuzz_t                  f;
    uint8_t                 flags, bit;
    EVP_PKEY               *pkey;
    const char             *why;
    notify_token_key_t      key;
    notify_token_rule_t     rule;
    notify_token_error_e    error;

    fuzz_check(notify_signature_key_read(&key.key, NOTIFY_SIGNATURE_HS256,
                                         (const uint8_t *) SECRET,
                                         strlen(SECRET), &why)
               == 0);

    f.p = data;
    f.n = size;
    flags = fuzz_byte(&f);

    key.kid = (flags & 1) ? "a" : NULL;

    rule.keys = &key;
    rule.nkeys = 1;
    rule.aud = (flags & 2) ? "a" : NULL;
    rule.iss = (flags & 4) ? "b" : NULL;
    rule.leeway = (flags & 8) ? 60 : 0;

    /* nobody but the owner of the secret makes a good one */

    fuzz_check(verify(&rule, f.p, f.n) != NOTIFY_TOKEN_OK);

    fuzz_key((notify_signature_alg_e) (flags >> 6), f.p, f.n);
    fuzz_places(f.p, f.n);

    /* half of them begin and end as most tokens do */

    header_len = (flags & 16) ? put(header, "{\"alg\":\"HS256\"") : 0;
    header_len = text_of(&f, header, header_len, sizeof(header) - 1);

    payload_len = (flags & 32)
                  ? put(payload, "{\"sub\":\"42\",\"exp\":1700000060") : 0;
    payload_len = text_of(&f, payload, payload_len, sizeof(payload) - 1);

    header_len += (flags & 16) ? put(header + header_len, "}") : 0;
    payload_len += (flags & 32) ? put(payload + payload_len, "}") : 0;

    pkey = sign_secret(SECRET, strlen(SECRET));
    n = sign_token(token, NOTIFY_SIGNATURE_HS256, pkey, header, header_len,
                   payload, payload_len);
    EVP_PKEY_free(pkey);

    error = verify(&rule, (uint8_t *) token, n);
    fuzz_check(error != NOTIFY_TOKEN_SIGNATURE);

    if (error == NOTIFY_TOKEN_OK) {
        at = ((size_t) fuzz_byte(&f) << 8 | fuzz_byte(&f)) % n;
        bit = (uint8_t) (1 << fuzz_byte(&f) % 8);

        token[at] = (char) (token[at] ^ bit);
        fuzz_check(verify(&rule, (uint8_t *) token, n) != NOTIFY_TOKEN_OK);
    }

    notify_signature_key_free(&key.key);

    return 0;
}
