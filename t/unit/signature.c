
/*
 * notify_signature: what may be a key, and what it has signed.
 */


#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "notify_signature.h"
#include "sign.h"
#include "test.h"


#define SECRET  "0123456789abcdef0123456789abcdef"


static EVP_PKEY  *rsa, *p256, *ed25519;


static void
test_names(void)
{
    is(notify_signature_alg("HS256"), NOTIFY_SIGNATURE_HS256, "HS256");
    is(notify_signature_alg("RS256"), NOTIFY_SIGNATURE_RS256, "RS256");
    is(notify_signature_alg("ES256"), NOTIFY_SIGNATURE_ES256, "ES256");
    is(notify_signature_alg("EdDSA"), NOTIFY_SIGNATURE_EDDSA, "EdDSA");

    is(notify_signature_alg("none"), NOTIFY_SIGNATURE_ALGS, "none is none");
    is(notify_signature_alg("hs256"), NOTIFY_SIGNATURE_ALGS, "case matters");
    is(notify_signature_alg("HS2566"), NOTIFY_SIGNATURE_ALGS, "so does all");
    is(notify_signature_alg(""), NOTIFY_SIGNATURE_ALGS, "nothing is none");

    is_str(notify_signature_name(NOTIFY_SIGNATURE_EDDSA), "EdDSA",
           "and back");
}


/* whether (p, n) is a key */

static bool
reads(notify_signature_alg_e alg, const void *p, size_t n)
{
    int                      rc;
    const char              *why;
    notify_signature_key_t   key;

    why = NULL;
    rc = notify_signature_key_read(&key, alg, test_guard(p, n), n, &why);

    sign_must(ERR_peek_error() == 0);
    sign_must((rc == 0) == (why == NULL));
    sign_must((rc == 0) == (key.pkey != NULL));

    notify_signature_key_free(&key);

    return rc == 0;
}


/* whether what is signed by the secret s is good by the key read from p */

static bool
secret_is(const void *p, size_t n, const void *s, size_t m)
{
    bool                     good;
    size_t                   len;
    uint8_t                  sig[NOTIFY_SIGNATURE_MAX];
    EVP_PKEY                *pkey;
    const char              *why;
    notify_signature_key_t   key;

    pkey = sign_secret(s, m);
    len = sign_bytes(sig, NOTIFY_SIGNATURE_HS256, pkey, "text", 4);
    EVP_PKEY_free(pkey);

    if (notify_signature_key_read(&key, NOTIFY_SIGNATURE_HS256, p, n, &why)
        != 0)
    {
        return false;
    }

    good = notify_signature_good(&key, (const uint8_t *) "text", 4, sig, len);
    notify_signature_key_free(&key);

    return good;
}


static void
test_secrets(void)
{
    char     large[NOTIFY_SIGNATURE_KEY_MAX + 1];
    char    *pem;

    static const char  binary[] = SECRET "\x80\n";

    ok(reads(NOTIFY_SIGNATURE_HS256, SECRET, 32), "a secret of 32 bytes");
    ok(!reads(NOTIFY_SIGNATURE_HS256, SECRET, 31), "31 are too few");
    ok(!reads(NOTIFY_SIGNATURE_HS256, "", 0), "none are too few");
    ok(!reads(NOTIFY_SIGNATURE_HS256, "\n", 1), "so is an empty line");
    ok(!reads(NOTIFY_SIGNATURE_HS256, &(SECRET "\n")[1], 32),
       "nor 31 and a newline");
    ok(!reads(NOTIFY_SIGNATURE_HS256, "123456789012345678901234567890\r\n", 32),
       "a line's end is not counted");

    ok(secret_is(SECRET, 32, SECRET, 32), "a secret is what it is");
    ok(secret_is(SECRET "\n", 33, SECRET, 32), "less a newline");
    ok(secret_is(SECRET "\r\n", 34, SECRET, 32), "or one of DOS");
    ok(secret_is(SECRET "\n\n", 34, SECRET "\n\n", 34), "but one, not two");
    ok(secret_is(" " SECRET " ", 34, " " SECRET " ", 34), "and no blanks");
    ok(secret_is(binary, 34, binary, 34), "a binary's last byte is its own");
    ok(!secret_is(binary, 34, binary, 33), "not less");

    memset(large, 'x', sizeof(large));

    ok(reads(NOTIFY_SIGNATURE_HS256, large, NOTIFY_SIGNATURE_KEY_MAX),
       "the largest secret");
    ok(!reads(NOTIFY_SIGNATURE_HS256, large, NOTIFY_SIGNATURE_KEY_MAX + 1),
       "a larger one");

    pem = sign_pem(rsa, 0);
    ok(!reads(NOTIFY_SIGNATURE_HS256, pem, strlen(pem)),
       "a public key is no secret");
    free(pem);

    pem = sign_pem(rsa, 1);
    ok(!reads(NOTIFY_SIGNATURE_HS256, pem, strlen(pem)),
       "nor is a private one");
    free(pem);
}


static void
test_public_keys(void)
{
    char      *pem, *other, both[8192];
    size_t     i, j;
    EVP_PKEY  *small, *p384, *k256, *ed448;

    small = sign_pair(EVP_PKEY_RSA, 1024);
    p384 = sign_pair(EVP_PKEY_EC, NID_secp384r1);
    k256 = sign_pair(EVP_PKEY_EC, NID_secp256k1);
    ed448 = sign_pair(EVP_PKEY_ED448, 0);

    struct {
        const char              *name;
        EVP_PKEY                *pkey;
        notify_signature_alg_e   alg;           /* ALGS: it fits none */
    } keys[] = {
        { "RSA, 2048 bits", rsa, NOTIFY_SIGNATURE_RS256 },
        { "P-256", p256, NOTIFY_SIGNATURE_ES256 },
        { "Ed25519", ed25519, NOTIFY_SIGNATURE_EDDSA },
        { "RSA, 1024 bits", small, NOTIFY_SIGNATURE_ALGS },
        { "P-384", p384, NOTIFY_SIGNATURE_ALGS },
        { "secp256k1", k256, NOTIFY_SIGNATURE_ALGS },
        { "Ed448", ed448, NOTIFY_SIGNATURE_ALGS },
    };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        pem = sign_pem(keys[i].pkey, 0);
        other = sign_pem(keys[i].pkey, 1);

        for (j = 0; j < NOTIFY_SIGNATURE_ALGS; j++) {
            is(reads((notify_signature_alg_e) j, pem, strlen(pem)),
               j == keys[i].alg, "%s for %s", keys[i].name,
               notify_signature_name((notify_signature_alg_e) j));

            ok(!reads((notify_signature_alg_e) j, other, strlen(other)),
               "never the private half");
        }

        snprintf(both, sizeof(both), "%s%s", pem, other);
        ok(keys[i].alg == NOTIFY_SIGNATURE_ALGS
           || !reads(keys[i].alg, both, strlen(both)),
           "nor beside the public half");

        snprintf(both, sizeof(both), "our key:\n%s\nthe end\n", pem);
        is(keys[i].alg != NOTIFY_SIGNATURE_ALGS
           && reads(keys[i].alg, both, strlen(both)),
           keys[i].alg != NOTIFY_SIGNATURE_ALGS, "words around it");

        ok(!reads(NOTIFY_SIGNATURE_RS256, pem, strlen(pem) / 2), "half of it");

        free(pem);
        free(other);
    }

    EVP_PKEY_free(small);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(k256);
    EVP_PKEY_free(ed448);
}


/* none of these asks on the terminal, or crashes */

static void
test_no_keys(void)
{
    size_t  i, j;

    static const char  *const  texts[] = {
        "",
        "-----BEGIN PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n"
        "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
        "AAAAAAAAAAAAAAAAAAAAAA==\n-----END PUBLIC KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        SECRET SECRET,
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (j = NOTIFY_SIGNATURE_RS256; j < NOTIFY_SIGNATURE_ALGS; j++) {
            ok(!reads((notify_signature_alg_e) j, texts[i], strlen(texts[i])),
               "text %zu is no key for %s", i,
               notify_signature_name((notify_signature_alg_e) j));
        }
    }
}


/* each byte of it counts, and so does its length */

static void
test_signatures(void)
{
    char                    *pem;
    size_t                   i, j, n, bad;
    uint8_t                  sig[NOTIFY_SIGNATURE_MAX], *p;
    uint8_t                  zero[NOTIFY_SIGNATURE_MAX];
    const char              *why, *name, *made;
    notify_signature_key_t   key;

    static const uint8_t  text[] = "what is signed";

    struct {
        notify_signature_alg_e   alg;
        EVP_PKEY                *pkey;
        size_t                   size;
    } cases[] = {
        { NOTIFY_SIGNATURE_HS256, sign_secret(SECRET, 32), 32 },
        { NOTIFY_SIGNATURE_RS256, rsa, 256 },
        { NOTIFY_SIGNATURE_ES256, p256, 64 },
        { NOTIFY_SIGNATURE_EDDSA, ed25519, 64 },
    };

    memset(zero, 0, sizeof(zero));

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        name = notify_signature_name(cases[i].alg);
        pem = i ? sign_pem(cases[i].pkey, 0) : NULL;
        made = pem ? pem : SECRET;

        is(notify_signature_key_read(&key, cases[i].alg,
                                     (const uint8_t *) made, strlen(made),
                                     &why),
           0, "a key of %s", name);

        n = sign_bytes(sig, cases[i].alg, cases[i].pkey, text, sizeof(text));

        is(n, cases[i].size, "%s: the size of a signature", name);

        ok(notify_signature_good(&key, test_guard(text, sizeof(text)),
                                 sizeof(text), sig, n),
           "%s: a good signature", name);

        p = test_guard(sig, n);
        bad = 0;

        for (j = 0; j < n; j++) {
            p[j] ^= 0x01;
            bad += !notify_signature_good(&key, text, sizeof(text), p, n);
            p[j] ^= 0x01;
        }

        is(bad, n, "%s: each byte of it matters", name);

        bad = 0;

        for (j = 0; j < n; j++) {
            bad += !notify_signature_good(&key, text, sizeof(text),
                                          test_guard(sig, j), j);
        }

        is(bad, n, "%s: so does its end", name);

        sig[n] = 0;
        ok(!notify_signature_good(&key, text, sizeof(text), sig, n + 1),
           "%s: and that nothing follows", name);
        ok(!notify_signature_good(&key, text, sizeof(text) - 1, sig, n),
           "%s: another text", name);
        ok(!notify_signature_good(&key, text, sizeof(text), zero, n),
           "%s: zeros", name);
        ok(!notify_signature_good(&key, text, sizeof(text), zero,
                                  sizeof(zero)),
           "%s: the longest", name);

        is(ERR_peek_error(), 0, "%s: no errors of OpenSSL are left", name);

        notify_signature_key_free(&key);
        free(pem);
    }

    EVP_PKEY_free(cases[0].pkey);
}


int
main(void)
{
    rsa = sign_pair(EVP_PKEY_RSA, 2048);
    p256 = sign_pair(EVP_PKEY_EC, NID_X9_62_prime256v1);
    ed25519 = sign_pair(EVP_PKEY_ED25519, 0);

    test_names();
    test_secrets();
    test_public_keys();
    test_no_keys();
    test_signatures();

    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(ed25519);

    return test_done();
}
