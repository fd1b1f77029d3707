
/*
 * notify_token: the examples of RFC 7515 and RFC 8037, and each way in which
 * a token can be bad.
 */


#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "notify_token.h"
#include "sign.h"
#include "test.h"


#define NOW     1700000000
#define SECRET  "0123456789abcdef0123456789abcdef"
#define OTHER   "fedcba9876543210fedcba9876543210"

#define HS256   "{\"alg\":\"HS256\"}"
#define GOOD    "{\"sub\":\"42\",\"exp\":1700000060}"

/* the payload of RFC 7515's examples */

#define JOE                                                                   \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm"  \
    "NvbS9pc19yb290Ijp0cnVlfQ"


/* the claims of the last token that was good, and where they stand */

static notify_token_claims_t   claims;
static uint8_t                *claims_buf;

static EVP_PKEY               *secret, *other;


/* a token at a guard page, with a buffer of its own size */

static notify_token_error_e
verify(const notify_token_rule_t *rule, const void *token, size_t n,
    int64_t now)
{
    notify_token_error_e  error;

    free(claims_buf);
    claims_buf = malloc(n ? n : 1);
    sign_must(claims_buf != NULL);

    error = notify_token_verify(rule, test_guard(token, n), n, now,
                                claims_buf, &claims);

    sign_must(ERR_peek_error() == 0);

    return error;
}


static notify_token_key_t
read_key(notify_signature_alg_e alg, const char *text, const char *kid)
{
    const char          *why;
    notify_token_key_t   key;

    sign_must(notify_signature_key_read(&key.key, alg,
                                        (const uint8_t *) text, strlen(text),
                                        &why)
              == 0);

    key.kid = kid;

    return key;
}


/* what a token of the secret with this header and payload is */

static notify_token_error_e
judge(const notify_token_rule_t *rule, const char *header,
    const char *payload)
{
    char    token[SIGN_TOKEN_MAX];
    size_t  n;

    n = sign_token(token, NOTIFY_SIGNATURE_HS256, secret, header,
                   strlen(header), payload, strlen(payload));

    return verify(rule, token, n, NOW);
}


/*
 * RFC 7515, A.1 to A.3; RFC 8037, A.4.  None of them is a token of ours: two
 * claims are missing, or all.  What is found wrong says that the signature
 * is good, since nothing behind it was looked at before.
 */

static void
test_examples(void)
{
    char                   *changed, number[32];
    size_t                  i, j, n, bad;
    notify_token_key_t      key;
    notify_token_rule_t     rule;
    notify_token_error_e    error;

    static const struct {
        notify_signature_alg_e   alg;
        const char              *key;
        const char              *token;
        notify_token_error_e     error;
    } cases[] = {
        { NOTIFY_SIGNATURE_HS256,
          "\x03\x23\x35\x4b\x2b\x0f\xa5\xbc\x83\x7e\x06\x65\x77\x7b\xa6\x8f"
          "\x5a\xb3\x28\xe6\xf0\x54\xc9\x28\xa9\x0f\x84\xb2\xd2\x50\x2e\xbf"
          "\xd3\xfb\x5a\x92\xd2\x06\x47\xef\x96\x8a\xb4\xc3\x77\x62\x3d\x22"
          "\x3d\x2e\x21\x72\x05\x2e\x4f\x08\xc0\xcd\x9a\xf5\x67\xd0\x80\xa3",
          "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE "."
          "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
          NOTIFY_TOKEN_SUB },

        { NOTIFY_SIGNATURE_RS256,
          "-----BEGIN PUBLIC KEY-----\n"
          "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"
          "NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n"
          "P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n"
          "9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n"
          "EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n"
          "FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n"
          "oQIDAQAB\n"
          "-----END PUBLIC KEY-----\n",
          "eyJhbGciOiJSUzI1NiJ9." JOE "."
          "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
          "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
          "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
          "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
          "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
          "p0igcN_IoypGlUPQGe77Rw",
          NOTIFY_TOKEN_SUB },

        { NOTIFY_SIGNATURE_ES256,
          "-----BEGIN PUBLIC KEY-----\n"
          "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
          "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
          "-----END PUBLIC KEY-----\n",
          "eyJhbGciOiJFUzI1NiJ9." JOE "."
          "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
          "pmWQxfKTUJqPP3-Kg6NU1Q",
          NOTIFY_TOKEN_SUB },

        { NOTIFY_SIGNATURE_EDDSA,
          "-----BEGIN PUBLIC KEY-----\n"
          "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
          "-----END PUBLIC KEY-----\n",
          "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
          "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5B"
          "hVsPt9g7sVvpAr_MuM0KAg",
          NOTIFY_TOKEN_PAYLOAD },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        key = read_key(cases[i].alg, cases[i].key, NULL);
        rule = (notify_token_rule_t) { &key, 1, NULL, NULL, 0 };

        n = strlen(cases[i].token);
        snprintf(number, sizeof(number), "example %zu", i + 1);

        is(verify(&rule, cases[i].token, n, 1300819379), cases[i].error,
           "%s: the signature is good", number);

        if (cases[i].error == NOTIFY_TOKEN_SUB) {
            is(verify(&rule, cases[i].token, n, 1300819380),
               NOTIFY_TOKEN_EXPIRED, "%s: until it expires", number);

            rule.iss = "joe";
            is(verify(&rule, cases[i].token, n, 1300819379), NOTIFY_TOKEN_SUB,
               "%s: joe made it", number);

            rule.iss = "jo";
            is(verify(&rule, cases[i].token, n, 1300819379), NOTIFY_TOKEN_ISS,
               "%s: nobody else", number);
        }

        bad = 0;

        for (j = 0; j < n; j++) {
            error = verify(&rule, cases[i].token, j, 1300819379);
            bad += error >= NOTIFY_TOKEN_FORM
                   && error <= NOTIFY_TOKEN_SIGNATURE;
        }

        is(bad, n, "%s: no part of it is one", number);

        changed = malloc(n);
        sign_must(changed != NULL);
        bad = 0;

        for (j = 0; j < n; j++) {
            memcpy(changed, cases[i].token, n);
            changed[j] = changed[j] == 'A' ? 'B' : 'A';
            error = verify(&rule, changed, n, 1300819379);
            bad += error >= NOTIFY_TOKEN_FORM
                   && error <= NOTIFY_TOKEN_SIGNATURE;
        }

        is(bad, n, "%s: each letter of it matters", number);

        free(changed);
        notify_signature_key_free(&key.key);
    }
}


/* RFC 7515, A.5 and others who would do without a key */

static void
test_none(void)
{
    char                   token[SIGN_TOKEN_MAX], *p;
    size_t                 i;
    notify_token_key_t     key;
    notify_token_rule_t    rule;

    static const char  *const  names[] = {
        "none", "None", "NONE", "nOnE", "", "HS256 ", "hs256", "HS384",
        "HS256\\u0000", "RS256"
    };

    static const char  plain[] = "eyJhbGciOiJub25lIn0." JOE ".";

    key = read_key(NOTIFY_SIGNATURE_HS256, SECRET, NULL);
    rule = (notify_token_rule_t) { &key, 1, NULL, NULL, 0 };

    is(verify(&rule, plain, sizeof(plain) - 1, NOW), NOTIFY_TOKEN_FORM,
       "a token without a signature");

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(token, sizeof(token), "{\"alg\":\"%s\"}", names[i]);

        is(judge(&rule, token, GOOD),
           strchr(names[i], '\\') ? NOTIFY_TOKEN_HEADER : NOTIFY_TOKEN_ALG,
           "alg \"%s\" is not the key's", names[i]);

        p = sign_base64(token + 256, token, strlen(token));
        *p++ = '.';
        p = sign_base64(p, GOOD, strlen(GOOD));
        *p++ = '.';

        is(verify(&rule, token + 256, (size_t) (p - token) - 256, NOW),
           NOTIFY_TOKEN_FORM, "nor without a signature");
    }

    notify_signature_key_free(&key.key);
}


/* everybody has the public key: it must not pass for a secret */

static void
test_confusion(void)
{
    char                   token[SIGN_TOKEN_MAX], *pem;
    size_t                 n;
    EVP_PKEY              *rsa, *p256, *public;
    notify_token_key_t     keys[3];
    notify_token_rule_t    rule;

    static const char  rs256[] = "{\"alg\":\"RS256\"}";
    static const char  es256[] = "{\"alg\":\"ES256\"}";

    rsa = sign_pair(EVP_PKEY_RSA, 2048);
    p256 = sign_pair(EVP_PKEY_EC, NID_X9_62_prime256v1);

    pem = sign_pem(rsa, 0);
    public = sign_secret(pem, strlen(pem));

    keys[0] = read_key(NOTIFY_SIGNATURE_RS256, pem, NULL);
    rule = (notify_token_rule_t) { keys, 1, NULL, NULL, 0 };

    n = sign_token(token, NOTIFY_SIGNATURE_RS256, rsa, rs256, strlen(rs256),
                   GOOD, strlen(GOOD));
    is(verify(&rule, token, n, NOW), NOTIFY_TOKEN_OK, "a token of RS256");

    n = sign_token(token, NOTIFY_SIGNATURE_HS256, public, HS256,
                   strlen(HS256), GOOD, strlen(GOOD));
    is(verify(&rule, token, n, NOW), NOTIFY_TOKEN_ALG,
       "one of HS256 that has the public key for a secret");

    n = sign_token(token, NOTIFY_SIGNATURE_HS256, public, rs256,
                   strlen(rs256), GOOD, strlen(GOOD));
    is(verify(&rule, token, n, NOW), NOTIFY_TOKEN_SIGNATURE,
       "the same that says it were RS256");

    keys[1] = read_key(NOTIFY_SIGNATURE_HS256, SECRET, NULL);

    free(pem);
    pem = sign_pem(p256, 0);
    keys[2] = read_key(NOTIFY_SIGNATURE_ES256, pem, NULL);

    rule.nkeys = 3;

    n = sign_token(token, NOTIFY_SIGNATURE_HS256, public, HS256,
                   strlen(HS256), GOOD, strlen(GOOD));
    is(verify(&rule, token, n, NOW), NOTIFY_TOKEN_SIGNATURE,
       "nor where there are keys of both");

    n = sign_token(token, NOTIFY_SIGNATURE_ES256, p256, es256, strlen(es256),
                   GOOD, strlen(GOOD));
    is(verify(&rule, token, n, NOW), NOTIFY_TOKEN_OK,
       "each key takes what is its own");

    is(judge(&rule, HS256, GOOD), NOTIFY_TOKEN_OK, "all of them");

    free(pem);
    EVP_PKEY_free(public);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);

    for (n = 0; n < 3; n++) {
        notify_signature_key_free(&keys[n].key);
    }
}


static void
test_headers(void)
{
    size_t                 i;
    notify_token_key_t     key;
    notify_token_rule_t    rule;

    static const struct {
        const char            *header;
        notify_token_error_e   error;
    } cases[] = {
        { HS256, NOTIFY_TOKEN_OK },
        { " {\t\"alg\" : \"HS256\"}\r\n", NOTIFY_TOKEN_OK },
        { "{\"typ\":\"JWT\",\"alg\":\"HS256\"}", NOTIFY_TOKEN_OK },
        { "{\"typ\":17,\"alg\":\"HS256\"}", NOTIFY_TOKEN_OK },
        { "{\"alg\":\"HS256\",\"jku\":\"http://evil.example/\"}",
          NOTIFY_TOKEN_OK },
        { "{\"alg\":\"HS256\",\"kid\":\"\"}", NOTIFY_TOKEN_OK },
        { "{\"alg\":\"HS256\",\"kid\":7}", NOTIFY_TOKEN_HEADER },
        { "{\"alg\":\"HS256\",\"kid\":null}", NOTIFY_TOKEN_HEADER },
        { "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", NOTIFY_TOKEN_CRIT },
        { "{\"alg\":\"HS256\",\"crit\":[]}", NOTIFY_TOKEN_CRIT },
        { "{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}",
          NOTIFY_TOKEN_CRIT },
        { "{\"alg\":\"none\",\"alg\":\"HS256\"}", NOTIFY_TOKEN_HEADER },
        { "{\"alg\":\"HS256\",\"\\u0061lg\":\"HS256\"}", NOTIFY_TOKEN_HEADER },
        { "{}", NOTIFY_TOKEN_ALG },
        { "{\"alg\":256}", NOTIFY_TOKEN_ALG },
        { "{\"alg\":[\"HS256\"]}", NOTIFY_TOKEN_ALG },
        { "{\"Alg\":\"HS256\"}", NOTIFY_TOKEN_ALG },
        { "[\"HS256\"]", NOTIFY_TOKEN_HEADER },
        { "\"HS256\"", NOTIFY_TOKEN_HEADER },
        { "{\"alg\":\"HS256\"}}", NOTIFY_TOKEN_HEADER },
        { "{\"alg\":\"HS256\"", NOTIFY_TOKEN_HEADER },
        { "{\"alg\":\"HS256\",}", NOTIFY_TOKEN_HEADER },
        { "{alg:\"HS256\"}", NOTIFY_TOKEN_HEADER },
        { "{\"alg\":\"HS256\",\"x\":\"\xff\"}", NOTIFY_TOKEN_HEADER },
    };

    key = read_key(NOTIFY_SIGNATURE_HS256, SECRET, NULL);
    rule = (notify_token_rule_t) { &key, 1, NULL, NULL, 0 };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is(judge(&rule, cases[i].header, GOOD), cases[i].error,
           "header %s", cases[i].header);
    }

    notify_signature_key_free(&key.key);
}


static void
test_rotation(void)
{
    char                   token[SIGN_TOKEN_MAX];
    size_t                 n;
    EVP_PKEY              *third;
    notify_token_key_t     keys[2];
    notify_token_rule_t    rule;

    static const char  new_kid[] = "{\"alg\":\"HS256\",\"kid\":\"new\"}";
    static const char  old_kid[] = "{\"alg\":\"HS256\",\"kid\":\"old\"}";
    static const char  no_kid[] = "{\"alg\":\"HS256\",\"kid\":\"ne\"}";

    keys[0] = read_key(NOTIFY_SIGNATURE_HS256, SECRET, NULL);
    keys[1] = read_key(NOTIFY_SIGNATURE_HS256, OTHER, NULL);
    rule = (notify_token_rule_t) { keys, 2, NULL, NULL, 0 };

    is(judge(&rule, HS256, GOOD), NOTIFY_TOKEN_OK, "the first key");

    n = sign_token(token, NOTIFY_SIGNATURE_HS256, other, HS256, strlen(HS256),
                   GOOD, strlen(GOOD));
    is(verify(&rule, token, n, NOW), NOTIFY_TOKEN_OK, "the second key");

    third = sign_secret(SECRET OTHER, 64);
    n = sign_token(token, NOTIFY_SIGNATURE_HS256, third, HS256, strlen(HS256),
                   GOOD, strlen(GOOD));
    is(verify(&rule, token, n, NOW), NOTIFY_TOKEN_SIGNATURE, "another key");
    EVP_PKEY_free(third);

    is(judge(&rule, old_kid, GOOD), NOTIFY_TOKEN_OK,
       "a kid does not matter to keys without");

    keys[0].kid = "new";
    keys[1].kid = "old";

    is(judge(&rule, new_kid, GOOD), NOTIFY_TOKEN_OK, "a kid names its key");
    is(judge(&rule, old_kid, GOOD), NOTIFY_TOKEN_SIGNATURE, "and no other");
    is(judge(&rule, no_kid, GOOD), NOTIFY_TOKEN_KID, "or none");
    is(judge(&rule, HS256, GOOD), NOTIFY_TOKEN_OK, "a token may have none");

    keys[1].kid = NULL;

    is(judge(&rule, no_kid, GOOD), NOTIFY_TOKEN_SIGNATURE,
       "a key without takes any");

    notify_signature_key_free(&keys[0].key);
    notify_signature_key_free(&keys[1].key);
}


#define EXP  "\"exp\":1700000060"

static void
test_claims(void)
{
    size_t                 i;
    notify_token_key_t     key;
    notify_token_rule_t    rule;

    static const struct {
        const char            *payload;
        notify_token_error_e   error;
        const char            *sub;
        const char            *groups;
        int64_t                until;
    } cases[] = {
        { GOOD, NOTIFY_TOKEN_OK, "42", "", 1700000060 },
        { "{\"sub\":42," EXP "}", NOTIFY_TOKEN_OK, "42", "", 1700000060 },
        { "{\"sub\":-7," EXP "}", NOTIFY_TOKEN_OK, "-7", "", 1700000060 },
        { "{\"sub\":-0," EXP "}", NOTIFY_TOKEN_OK, "0", "", 1700000060 },
        { "{\"sub\":9223372036854775807," EXP "}", NOTIFY_TOKEN_OK,
          "9223372036854775807", "", 1700000060 },
        { "{\"sub\":-9223372036854775808," EXP "}", NOTIFY_TOKEN_OK,
          "-9223372036854775808", "", 1700000060 },
        { "{\"sub\":9223372036854775808," EXP "}", NOTIFY_TOKEN_PAYLOAD,
          NULL, NULL, 0 },
        { "{\"sub\":\"\\u00e9\\ud83d\\ude00\"," EXP "}", NOTIFY_TOKEN_OK,
          "\xc3\xa9\xf0\x9f\x98\x80", "", 1700000060 },
        { "{\"sub\":\"a\\nb\"," EXP "}", NOTIFY_TOKEN_SUB, NULL, NULL,
          0 },
        { "{\"iat\":\"never\",\"jti\":{},\"sub\":\"x\"," EXP "}",
          NOTIFY_TOKEN_OK, "x", "", 1700000060 },
        { "{\"sub\":\"x\",\"exp\":1700000001}", NOTIFY_TOKEN_OK, "x", "",
          1700000001 },
        { "{\"sub\":\"x\",\"exp\":1700000001.9}", NOTIFY_TOKEN_OK, "x", "",
          1700000001 },
        { "{\"sub\":\"x\",\"exp\":1.7e10}", NOTIFY_TOKEN_OK, "x", "",
          17000000000 },
        { "{\"sub\":\"x\",\"exp\":9007199254740992}", NOTIFY_TOKEN_OK, "x",
          "", 9007199254740992 },
        { "{\"sub\":\"x\",\"nbf\":1700000000," EXP "}", NOTIFY_TOKEN_OK, "x",
          "", 1700000060 },
        { "{\"sub\":\"x\",\"nbf\":-5," EXP "}", NOTIFY_TOKEN_OK, "x", "",
          1700000060 },
        { "{\"sub\":\"x\",\"groups\":[]," EXP "}", NOTIFY_TOKEN_OK, "x", "",
          1700000060 },
        { "{\"sub\":\"x\",\"groups\":[\"staff\"]," EXP "}", NOTIFY_TOKEN_OK,
          "x", "staff", 1700000060 },
        { "{\"groups\":[\"a b\",\"\\u00e9\",\"c\"],\"sub\":\"x\"," EXP "}",
          NOTIFY_TOKEN_OK, "x", "a b,\xc3\xa9,c", 1700000060 },

        { "", NOTIFY_TOKEN_FORM, NULL, NULL, 0 },
        { "42", NOTIFY_TOKEN_PAYLOAD, NULL, NULL, 0 },
        { "[{\"sub\":\"x\"," EXP "}]", NOTIFY_TOKEN_PAYLOAD, NULL, NULL, 0 },
        { "{\"sub\":\"x\"," EXP "}x", NOTIFY_TOKEN_PAYLOAD, NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"sub\":\"y\"," EXP "}", NOTIFY_TOKEN_PAYLOAD,
          NULL, NULL, 0 },
        { "{\"sub\":\"x\"," EXP ",\"exp\":1800000000}", NOTIFY_TOKEN_PAYLOAD,
          NULL, NULL, 0 },
        { "{\"sub\":\"a\\u0000b\"," EXP "}", NOTIFY_TOKEN_PAYLOAD, NULL, NULL,
          0 },
        { "{\"sub\":\"\xff\"," EXP "}", NOTIFY_TOKEN_PAYLOAD, NULL, NULL, 0 },
        { "{\"sub\":\"\\ud800\"," EXP "}", NOTIFY_TOKEN_PAYLOAD, NULL, NULL,
          0 },

        { "{}", NOTIFY_TOKEN_NO_EXP, NULL, NULL, 0 },
        { "{\"sub\":\"x\"}", NOTIFY_TOKEN_NO_EXP, NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"Exp\":1700000060}", NOTIFY_TOKEN_NO_EXP, NULL,
          NULL, 0 },
        { "{\"sub\":\"x\",\"exp\":\"1700000060\"}", NOTIFY_TOKEN_TIME, NULL,
          NULL, 0 },
        { "{\"sub\":\"x\",\"exp\":null}", NOTIFY_TOKEN_TIME, NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"exp\":true}", NOTIFY_TOKEN_TIME, NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"exp\":9007199254740993}", NOTIFY_TOKEN_TIME,
          NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"exp\":9223372036854775807}", NOTIFY_TOKEN_TIME,
          NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"exp\":1e300}", NOTIFY_TOKEN_TIME, NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"exp\":1e400}", NOTIFY_TOKEN_PAYLOAD, NULL, NULL,
          0 },
        { "{\"sub\":\"x\",\"nbf\":\"\"," EXP "}", NOTIFY_TOKEN_TIME, NULL,
          NULL, 0 },
        { "{\"sub\":\"x\",\"nbf\":-1e300," EXP "}", NOTIFY_TOKEN_TIME, NULL,
          NULL, 0 },

        { "{\"sub\":\"x\",\"exp\":1700000000}", NOTIFY_TOKEN_EXPIRED, NULL,
          NULL, 0 },
        { "{\"sub\":\"x\",\"exp\":1700000000.9}", NOTIFY_TOKEN_EXPIRED, NULL,
          NULL, 0 },
        { "{\"sub\":\"x\",\"exp\":0}", NOTIFY_TOKEN_EXPIRED, NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"exp\":-1}", NOTIFY_TOKEN_EXPIRED, NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"nbf\":1700000001," EXP "}", NOTIFY_TOKEN_EARLY,
          NULL, NULL, 0 },

        { "{" EXP "}", NOTIFY_TOKEN_SUB, NULL, NULL, 0 },
        { "{\"sub\":\"\"," EXP "}", NOTIFY_TOKEN_SUB, NULL, NULL, 0 },
        { "{\"sub\":4.2," EXP "}", NOTIFY_TOKEN_SUB, NULL, NULL, 0 },
        { "{\"sub\":42.0," EXP "}", NOTIFY_TOKEN_SUB, NULL, NULL, 0 },
        { "{\"sub\":true," EXP "}", NOTIFY_TOKEN_SUB, NULL, NULL, 0 },
        { "{\"sub\":null," EXP "}", NOTIFY_TOKEN_SUB, NULL, NULL, 0 },
        { "{\"sub\":[\"x\"]," EXP "}", NOTIFY_TOKEN_SUB, NULL, NULL, 0 },

        { "{\"sub\":\"x\",\"groups\":\"staff\"," EXP "}", NOTIFY_TOKEN_GROUPS,
          NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"groups\":null," EXP "}", NOTIFY_TOKEN_GROUPS,
          NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"groups\":{}," EXP "}", NOTIFY_TOKEN_GROUPS, NULL,
          NULL, 0 },
        { "{\"sub\":\"x\",\"groups\":[7]," EXP "}", NOTIFY_TOKEN_GROUPS, NULL,
          NULL, 0 },
        { "{\"sub\":\"x\",\"groups\":[\"\"]," EXP "}", NOTIFY_TOKEN_GROUPS,
          NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"groups\":[\"a,b\"]," EXP "}", NOTIFY_TOKEN_GROUPS,
          NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"groups\":[\"a\",\" b\"]," EXP "}",
          NOTIFY_TOKEN_GROUPS, NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"groups\":[\"b \"]," EXP "}", NOTIFY_TOKEN_GROUPS,
          NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"groups\":[\"a\\nb\"]," EXP "}",
          NOTIFY_TOKEN_GROUPS, NULL, NULL, 0 },
        { "{\"sub\":\"x\",\"groups\":[\"a\\u007f\"]," EXP "}",
          NOTIFY_TOKEN_GROUPS, NULL, NULL, 0 },
    };

    key = read_key(NOTIFY_SIGNATURE_HS256, SECRET, NULL);
    rule = (notify_token_rule_t) { &key, 1, NULL, NULL, 0 };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        if (!is(judge(&rule, HS256, cases[i].payload), cases[i].error,
                "payload %s", cases[i].payload)
            || cases[i].sub == NULL)
        {
            continue;
        }

        is_mem(claims.sub, claims.sub_len, cases[i].sub,
               strlen(cases[i].sub), "its sub");
        is_mem(claims.groups, claims.groups_len, cases[i].groups,
               strlen(cases[i].groups), "its groups");
        is(claims.until, cases[i].until, "its end");
    }

    notify_signature_key_free(&key.key);
}


static void
test_long_names(void)
{
    char                   payload[1024], name[300];
    notify_token_key_t     key;
    notify_token_rule_t    rule;

    key = read_key(NOTIFY_SIGNATURE_HS256, SECRET, NULL);
    rule = (notify_token_rule_t) { &key, 1, NULL, NULL, 0 };

    memset(name, 'u', sizeof(name));

    snprintf(payload, sizeof(payload),
             "{\"sub\":\"%.255s\",\"groups\":[\"%.255s\"]," EXP "}", name,
             name);
    is(judge(&rule, HS256, payload), NOTIFY_TOKEN_OK, "names of 255 bytes");
    is_mem(claims.sub, claims.sub_len, name, 255, "are whole");
    is_mem(claims.groups, claims.groups_len, name, 255, "both");

    snprintf(payload, sizeof(payload), "{\"sub\":\"%.256s\"," EXP "}", name);
    is(judge(&rule, HS256, payload), NOTIFY_TOKEN_SUB, "a sub of 256");

    snprintf(payload, sizeof(payload),
             "{\"sub\":\"u\",\"groups\":[\"%.256s\"]," EXP "}", name);
    is(judge(&rule, HS256, payload), NOTIFY_TOKEN_GROUPS, "a group of 256");

    notify_signature_key_free(&key.key);
}


static void
test_leeway(void)
{
    notify_token_key_t     key;
    notify_token_rule_t    rule;

    key = read_key(NOTIFY_SIGNATURE_HS256, SECRET, NULL);
    rule = (notify_token_rule_t) { &key, 1, NULL, NULL, 5 };

    is(judge(&rule, HS256, "{\"sub\":\"x\",\"exp\":1699999996}"),
       NOTIFY_TOKEN_OK, "expired 4 seconds ago");
    is(claims.until, 1700000001, "it is good for one more");
    is(judge(&rule, HS256, "{\"sub\":\"x\",\"exp\":1699999995}"),
       NOTIFY_TOKEN_EXPIRED, "expired 5 seconds ago");
    is(judge(&rule, HS256, "{\"sub\":\"x\",\"nbf\":1700000005," EXP "}"),
       NOTIFY_TOKEN_OK, "valid in 5 seconds");
    is(judge(&rule, HS256, "{\"sub\":\"x\",\"nbf\":1700000006," EXP "}"),
       NOTIFY_TOKEN_EARLY, "valid in 6 seconds");

    notify_signature_key_free(&key.key);
}


static void
test_issuer_and_audience(void)
{
    size_t                 i;
    notify_token_key_t     key;
    notify_token_rule_t    rule;

    static const struct {
        const char            *iss;
        const char            *aud;
        const char            *claims;
        notify_token_error_e   error;
    } cases[] = {
        { NULL, NULL, "\"iss\":\"joe\"", NOTIFY_TOKEN_OK },
        { NULL, NULL, "\"iss\":7", NOTIFY_TOKEN_OK },
        { "joe", NULL, "\"iss\":\"joe\"", NOTIFY_TOKEN_OK },
        { "joe", NULL, "\"iss\":\"Joe\"", NOTIFY_TOKEN_ISS },
        { "joe", NULL, "\"iss\":\"joe \"", NOTIFY_TOKEN_ISS },
        { "joe", NULL, "\"iss\":[\"joe\"]", NOTIFY_TOKEN_ISS },
        { "joe", NULL, "\"x\":0", NOTIFY_TOKEN_ISS },

        { NULL, NULL, "\"aud\":\"notify\"", NOTIFY_TOKEN_NO_AUD },
        { NULL, NULL, "\"aud\":[]", NOTIFY_TOKEN_NO_AUD },
        { NULL, NULL, "\"aud\":null", NOTIFY_TOKEN_NO_AUD },
        { NULL, "notify", "\"aud\":\"notify\"", NOTIFY_TOKEN_OK },
        { NULL, "notify", "\"aud\":[\"notify\"]", NOTIFY_TOKEN_OK },
        { NULL, "notify", "\"aud\":[7,\"mail\",\"notify\"]",
          NOTIFY_TOKEN_OK },
        { NULL, "notify", "\"aud\":\"mail\"", NOTIFY_TOKEN_AUD },
        { NULL, "notify", "\"aud\":\"notifyx\"", NOTIFY_TOKEN_AUD },
        { NULL, "notify", "\"aud\":[]", NOTIFY_TOKEN_AUD },
        { NULL, "notify", "\"aud\":[\"mail\",[\"notify\"]]",
          NOTIFY_TOKEN_AUD },
        { NULL, "notify", "\"aud\":{\"notify\":\"notify\"}",
          NOTIFY_TOKEN_AUD },
        { NULL, "notify", "\"x\":0", NOTIFY_TOKEN_AUD },

        { "joe", "notify", "\"iss\":\"joe\",\"aud\":\"notify\"",
          NOTIFY_TOKEN_OK },
        { "joe", "notify", "\"iss\":\"notify\",\"aud\":\"joe\"",
          NOTIFY_TOKEN_ISS },
    };

    char  payload[256];

    key = read_key(NOTIFY_SIGNATURE_HS256, SECRET, NULL);
    rule = (notify_token_rule_t) { &key, 1, NULL, NULL, 0 };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rule.iss = cases[i].iss;
        rule.aud = cases[i].aud;

        snprintf(payload, sizeof(payload), "{\"sub\":\"x\"," EXP ",%s}",
                 cases[i].claims);

        is(judge(&rule, HS256, payload), cases[i].error,
           "%s for iss %s and aud %s", cases[i].claims,
           rule.iss ? rule.iss : "(none)", rule.aud ? rule.aud : "(none)");
    }

    notify_signature_key_free(&key.key);
}


/* what no encoder makes, though a decoder might make something of it */

static void
test_forms(void)
{
    char                    token[SIGN_TOKEN_MAX], changed[SIGN_TOKEN_MAX];
    char                   *dot, *last;
    size_t                  i, n, at;
    notify_token_key_t      key;
    notify_token_rule_t     rule;
    notify_token_error_e    error;

    static const char  *const  inserted[] = {
        "=", "==", " ", "\n", "\r\n", "+", "/", "\t", "%2e", "\x80", "\xff",
        "\"", ","
    };

    static const char  *const  whole[] = {
        "", ".", "..", "...", "a", "a.b", "a.b.c", "a.b.c.d", "aa.bb.cc",
        "aaaa.bbbb.cccc", ".e30.e30", "e30..e30", "e30.e30.", "e30.e30",
        "e30.e30.e30.e30", "e30.e30.e30.e30.e30", "e30.e30.e30", "e3.e30.e30",
        "e31.e30.e30", "e30=.e30.e30"
    };

    key = read_key(NOTIFY_SIGNATURE_HS256, SECRET, NULL);
    rule = (notify_token_rule_t) { &key, 1, NULL, NULL, 0 };

    for (i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        error = verify(&rule, whole[i], strlen(whole[i]), NOW);
        ok(error >= NOTIFY_TOKEN_FORM && error <= NOTIFY_TOKEN_ALG,
           "\"%s\" is no token", whole[i]);
    }

    n = sign_token(token, NOTIFY_SIGNATURE_HS256, secret, HS256,
                   strlen(HS256), GOOD, strlen(GOOD));
    is(verify(&rule, token, n, NOW), NOTIFY_TOKEN_OK, "this one is");

    token[n] = '\0';
    dot = strchr(token, '.');
    last = strrchr(token, '.');

    /* in each part: where it begins, inside, at its end */

    const size_t  places[] = {
        0, 2, (size_t) (dot - token), (size_t) (dot - token) + 1,
        (size_t) (dot - token) + 3, (size_t) (last - token),
        (size_t) (last - token) + 1, (size_t) (last - token) + 7, n
    };

    for (i = 0; i < sizeof(inserted) / sizeof(inserted[0]); i++) {
        for (at = 0; at < sizeof(places) / sizeof(places[0]); at++) {
            snprintf(changed, sizeof(changed), "%.*s%s%s", (int) places[at],
                     token, inserted[i], token + places[at]);

            error = verify(&rule, changed, n + strlen(inserted[i]), NOW);
            ok(error > NOTIFY_TOKEN_NONE && error <= NOTIFY_TOKEN_SIGNATURE,
               "\"%s\" at %zu", inserted[i], places[at]);
        }
    }

    /* 32 bytes are 43 letters, whose last one has two bits too many */

    memcpy(changed, token, n);
    sign_must(n - (size_t) (last - token) == 44);
    changed[n - 1]++;
    is(verify(&rule, changed, n, NOW), NOTIFY_TOKEN_SIGNATURE,
       "bits behind the end");

    notify_signature_key_free(&key.key);
}


static void
test_sizes(void)
{
    char                   token[SIGN_TOKEN_MAX], payload[SIGN_TOKEN_MAX / 2];
    size_t                 n, len;
    notify_token_key_t     key;
    notify_token_rule_t    rule;

    key = read_key(NOTIFY_SIGNATURE_HS256, SECRET, NULL);
    rule = (notify_token_rule_t) { &key, 1, NULL, NULL, 0 };

    len = 0;

    do {
        len++;
        memset(payload, ' ', len);
        memcpy(payload + len, GOOD, strlen(GOOD));

        n = sign_token(token, NOTIFY_SIGNATURE_HS256, secret, HS256,
                       strlen(HS256), payload, len + strlen(GOOD));

        if (n == NOTIFY_TOKEN_MAX) {
            is(verify(&rule, token, n, NOW), NOTIFY_TOKEN_OK, "8192 bytes");
        }

        if (n > NOTIFY_TOKEN_MAX) {
            is(verify(&rule, token, n, NOW), NOTIFY_TOKEN_LONG,
               "%zu bytes", n);
        }

    } while (n <= NOTIFY_TOKEN_MAX);

    memset(payload, '[', 6000);
    n = sign_token(token, NOTIFY_SIGNATURE_HS256, secret, HS256,
                   strlen(HS256), payload, 6000);
    is(verify(&rule, token, n, NOW), NOTIFY_TOKEN_PAYLOAD,
       "6000 brackets that nobody closes");

    memset(token, 'A', NOTIFY_TOKEN_MAX);
    token[4] = '.';
    token[8] = '.';
    is(verify(&rule, token, NOTIFY_TOKEN_MAX, NOW), NOTIFY_TOKEN_HEADER,
       "a signature that is longer than any");

    memcpy(token, "eyJhbGciOiJIUzI1NiJ9.e30.", 25);
    is(verify(&rule, token, NOTIFY_TOKEN_MAX, NOW), NOTIFY_TOKEN_SIGNATURE,
       "the same behind a good header");

    notify_signature_key_free(&key.key);
}


static void
test_places(void)
{
    size_t          i, n, len;
    uint8_t        *p;
    const uint8_t  *at;

    static const struct {
        const char  *line;
        const char  *token;
    } bearer[] = {
        { "Bearer a.b.c", "a.b.c" },
        { "bearer a.b.c", "a.b.c" },
        { "BEARER   a.b.c", "a.b.c" },
        { "Bearer a.b.c ", "a.b.c " },
        { "Bearer ", NULL },
        { "Bearer   ", NULL },
        { "Bearer", NULL },
        { "Bearera.b.c", NULL },
        { "Bearer\ta.b.c", NULL },
        { " Bearer a", NULL },
        { "Basic a.b.c", NULL },
        { "Basic Bearer a.b.c", NULL },
        { "B", NULL },
        { "", NULL },
    }, protocols[] = {
        { "notify.token.a.b.c", "a.b.c" },
        { "notify.v1, notify.token.a.b.c", "a.b.c" },
        { "notify.v1,notify.token.a.b.c,chat", "a.b.c" },
        { " \tnotify.token.a.b.c\t ,", "a.b.c" },
        { ",, ,notify.token.x", "x" },
        { "notify.token.a, notify.token.b", "a" },
        { "notify.token., notify.token.b", "b" },
        { "notify.token.", NULL },
        { "notify.token", NULL },
        { "Notify.token.a", NULL },
        { "xnotify.token.a", NULL },
        { "notify.v1", NULL },
        { ",", NULL },
        { " ", NULL },
        { "", NULL },
    };

    for (i = 0; i < sizeof(bearer) / sizeof(bearer[0]); i++) {
        n = strlen(bearer[i].line);
        p = test_guard(bearer[i].line, n);
        at = notify_token_in_bearer(p, n, &len);

        if (bearer[i].token == NULL) {
            ok(at == NULL, "no token in \"%s\"", bearer[i].line);
            continue;
        }

        is_mem(at, at ? len : 0, bearer[i].token, strlen(bearer[i].token),
               "the token in \"%s\"", bearer[i].line);
    }

    for (i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        n = strlen(protocols[i].line);
        p = test_guard(protocols[i].line, n);
        at = notify_token_in_protocols(p, n, &len);

        if (protocols[i].token == NULL) {
            ok(at == NULL, "no token in \"%s\"", protocols[i].line);
            continue;
        }

        is_mem(at, at ? len : 0, protocols[i].token,
               strlen(protocols[i].token), "the token in \"%s\"",
               protocols[i].line);
    }
}


static void
test_texts(void)
{
    int  i, j, same;

    is_str(notify_token_text(NOTIFY_TOKEN_NONE), "there is no token",
           "the first");
    is_str(notify_token_text(NOTIFY_TOKEN_SIGNATURE),
           "token signature is wrong", "one between");
    is_str(notify_token_text(NOTIFY_TOKEN_EXPIRED), "token expired",
           "another");
    is_str(notify_token_text(NOTIFY_TOKEN_GROUPS),
           "token groups is not an array of names without commas",
           "the last");

    same = 0;

    for (i = 0; i < NOTIFY_TOKEN_ERRORS; i++) {
        for (j = 0; j < i; j++) {
            same += strcmp(notify_token_text(i), notify_token_text(j)) == 0;
        }
    }

    is(same, 0, "all can be told apart");
}


int
main(void)
{
    secret = sign_secret(SECRET, 32);
    other = sign_secret(OTHER, 32);

    test_examples();
    test_none();
    test_confusion();
    test_headers();
    test_rotation();
    test_claims();
    test_long_names();
    test_leeway();
    test_issuer_and_audience();
    test_forms();
    test_sizes();
    test_places();
    test_texts();

    EVP_PKEY_free(secret);
    EVP_PKEY_free(other);
    free(claims_buf);

    return test_done();
}
