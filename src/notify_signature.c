
/*
 * Signatures by OpenSSL's EVP.
 */


#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "notify_signature.h"


#define NOTIFY_SIGNATURE_ES256_SIZE  64         /* r and s: RFC 7518, 3.4 */
#define NOTIFY_SIGNATURE_DER_MAX     80         /* what becomes of them */


typedef struct {
    const char  *name;
    int          type;                          /* of the key: EVP_PKEY_* */
    const char  *write;                         /* what a key is */
} notify_signature_algorithm_t;


static EVP_PKEY *notify_signature_secret(const uint8_t *p, size_t n);
static EVP_PKEY *notify_signature_public(notify_signature_alg_e alg,
    const uint8_t *p, size_t n);
static int notify_signature_no_password(char *buf, int size, int rwflag,
    void *u);
static bool notify_signature_fits(notify_signature_alg_e alg, EVP_PKEY *pkey);
static bool notify_signature_is_p256(EVP_PKEY *pkey);
static bool notify_signature_has(const uint8_t *p, size_t n,
    const char *text);

static bool notify_signature_mac(EVP_MD_CTX *ctx, EVP_PKEY *pkey,
    const uint8_t *p, size_t n, const uint8_t *sig, size_t m);
static bool notify_signature_public_good(EVP_MD_CTX *ctx,
    const notify_signature_key_t *key, const uint8_t *p, size_t n,
    const uint8_t *sig, size_t m);
static int notify_signature_der(uint8_t *out, const uint8_t *sig, size_t m);


#define NOTIFY_SIGNATURE_PUBOUT                                               \
    " in PEM, as \"openssl pkey -in private.pem -pubout\" makes"

static const notify_signature_algorithm_t  notify_signature_algorithms[] = {
    { "HS256", EVP_PKEY_HMAC,
      "a secret of 32 bytes or more, as \"openssl rand -hex 32\" makes" },

    { "RS256", EVP_PKEY_RSA,
      "a public key of RSA with 2048 bits or more" NOTIFY_SIGNATURE_PUBOUT },

    { "ES256", EVP_PKEY_EC, "a public key of P-256" NOTIFY_SIGNATURE_PUBOUT },

    { "EdDSA", EVP_PKEY_ED25519,
      "a public key of Ed25519" NOTIFY_SIGNATURE_PUBOUT },
};


notify_signature_alg_e
notify_signature_alg(const char *name)
{
    int  alg;

    for (alg = 0; alg < NOTIFY_SIGNATURE_ALGS; alg++) {
        if (strcmp(name, notify_signature_algorithms[alg].name) == 0) {
            break;
        }
    }

    return (notify_signature_alg_e) alg;
}


const char *
notify_signature_name(notify_signature_alg_e alg)
{
    return notify_signature_algorithms[alg].name;
}


int
notify_signature_key_read(notify_signature_key_t *key,
    notify_signature_alg_e alg, const uint8_t *p, size_t n,
    const char **write)
{
    key->alg = alg;
    key->pkey = NULL;

    if (n <= NOTIFY_SIGNATURE_KEY_MAX) {
        key->pkey = (alg == NOTIFY_SIGNATURE_HS256)
                    ? notify_signature_secret(p, n)
                    : notify_signature_public(alg, p, n);
        ERR_clear_error();
    }

    if (key->pkey == NULL) {
        *write = notify_signature_algorithms[alg].write;
        return -1;
    }

    return 0;
}


void
notify_signature_key_free(notify_signature_key_t *key)
{
    EVP_PKEY_free(key->pkey);
    key->pkey = NULL;
}


/*
 * PEM here would be a public key that was taken for a secret: everybody could
 * sign with it.
 */

static EVP_PKEY *
notify_signature_secret(const uint8_t *p, size_t n)
{
    size_t  i, len;

    if (notify_signature_has(p, n, "-----BEGIN ")) {
        return NULL;
    }

    len = n;

    if (len && p[len - 1] == '\n') {
        len--;

        if (len && p[len - 1] == '\r') {
            len--;
        }
    }

    for (i = 0; i < len; i++) {
        if (p[i] < 0x20 || p[i] >= 0x7f) {
            len = n;
            break;
        }
    }

    if (len < NOTIFY_SIGNATURE_SECRET_MIN) {
        return NULL;
    }

    return EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, p, len);
}


/* a private key has no business on a server that only verifies */

static EVP_PKEY *
notify_signature_public(notify_signature_alg_e alg, const uint8_t *p, size_t n)
{
    BIO       *bio;
    EVP_PKEY  *pkey;

    if (notify_signature_has(p, n, "PRIVATE KEY-----")) {
        return NULL;
    }

    bio = BIO_new_mem_buf(p, (int) n);
    if (bio == NULL) {
        return NULL;
    }

    pkey = PEM_read_bio_PUBKEY(bio, NULL, notify_signature_no_password, NULL);

    BIO_free(bio);

    if (pkey != NULL && !notify_signature_fits(alg, pkey)) {
        EVP_PKEY_free(pkey);
        return NULL;
    }

    return pkey;
}


/* OpenSSL's own asks on the terminal */

static int
notify_signature_no_password(char *buf, int size, int rwflag, void *u)
{
    (void) buf;
    (void) size;
    (void) rwflag;
    (void) u;

    return -1;
}


static bool
notify_signature_fits(notify_signature_alg_e alg, EVP_PKEY *pkey)
{
    if (EVP_PKEY_base_id(pkey) != notify_signature_algorithms[alg].type) {
        return false;
    }

    switch (alg) {

    case NOTIFY_SIGNATURE_RS256:
        return EVP_PKEY_bits(pkey) >= NOTIFY_SIGNATURE_RSA_MIN
               && EVP_PKEY_size(pkey) <= NOTIFY_SIGNATURE_MAX;

    case NOTIFY_SIGNATURE_ES256:
        return notify_signature_is_p256(pkey);

    default:
        return true;
    }
}


/*
 * Every version of OpenSSL has another way to ask for the curve; all print
 * the same SubjectPublicKeyInfo, which says it behind two bytes (RFC 5480, 2).
 */

static bool
notify_signature_is_p256(EVP_PKEY *pkey)
{
    int       n;
    bool      is;
    uint8_t  *der;

    static const uint8_t  p256[] = {
        0x30, 0x13,
        0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
        0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07
    };

    der = NULL;
    n = i2d_PUBKEY(pkey, &der);

    is = n > 2 + (int) sizeof(p256)
         && memcmp(der + 2, p256, sizeof(p256)) == 0;

    OPENSSL_free(der);

    return is;
}


static bool
notify_signature_has(const uint8_t *p, size_t n, const char *text)
{
    size_t  i, len;

    len = strlen(text);

    for (i = 0; i + len <= n; i++) {
        if (memcmp(p + i, text, len) == 0) {
            return true;
        }
    }

    return false;
}


bool
notify_signature_good(const notify_signature_key_t *key, const uint8_t *p,
    size_t n, const uint8_t *sig, size_t m)
{
    bool         good;
    EVP_MD_CTX  *ctx;

    good = false;
    ctx = EVP_MD_CTX_new();

    if (ctx != NULL) {
        good = (key->alg == NOTIFY_SIGNATURE_HS256)
               ? notify_signature_mac(ctx, key->pkey, p, n, sig, m)
               : notify_signature_public_good(ctx, key, p, n, sig, m);
    }

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();

    return good;
}


/* how much of it agrees must not be seen by the time that it takes */

static bool
notify_signature_mac(EVP_MD_CTX *ctx, EVP_PKEY *pkey, const uint8_t *p,
    size_t n, const uint8_t *sig, size_t m)
{
    size_t   len;
    uint8_t  mac[EVP_MAX_MD_SIZE];

    len = sizeof(mac);

    return EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1
           && EVP_DigestSign(ctx, mac, &len, p, n) == 1
           && m == len
           && CRYPTO_memcmp(mac, sig, m) == 0;
}


static bool
notify_signature_public_good(EVP_MD_CTX *ctx,
    const notify_signature_key_t *key, const uint8_t *p, size_t n,
    const uint8_t *sig, size_t m)
{
    int            len;
    uint8_t        der[NOTIFY_SIGNATURE_DER_MAX];
    const EVP_MD  *md;

    md = (key->alg == NOTIFY_SIGNATURE_EDDSA) ? NULL : EVP_sha256();

    if (key->alg == NOTIFY_SIGNATURE_ES256) {
        len = notify_signature_der(der, sig, m);

        if (len < 0) {
            return false;
        }

        sig = der;
        m = (size_t) len;
    }

    return EVP_DigestVerifyInit(ctx, NULL, md, NULL, key->pkey) == 1
           && EVP_DigestVerify(ctx, sig, m, p, n) == 1;
}


/* r and s as OpenSSL wants them: the length, or -1 */

static int
notify_signature_der(uint8_t *out, const uint8_t *sig, size_t m)
{
    int         n;
    BIGNUM     *r, *s;
    ECDSA_SIG  *both;

    if (m != NOTIFY_SIGNATURE_ES256_SIZE) {
        return -1;
    }

    r = BN_bin2bn(sig, NOTIFY_SIGNATURE_ES256_SIZE / 2, NULL);
    s = BN_bin2bn(sig + NOTIFY_SIGNATURE_ES256_SIZE / 2,
                  NOTIFY_SIGNATURE_ES256_SIZE / 2, NULL);
    both = ECDSA_SIG_new();

    if (r == NULL || s == NULL || both == NULL
        || ECDSA_SIG_set0(both, r, s) != 1)
    {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(both);
        return -1;
    }

    n = i2d_ECDSA_SIG(both, NULL);

    n = (n > 0 && n <= NOTIFY_SIGNATURE_DER_MAX) ? i2d_ECDSA_SIG(both, &out)
                                                 : -1;
    ECDSA_SIG_free(both);

    return n;
}
