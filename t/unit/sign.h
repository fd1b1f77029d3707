
/*
 * The other side of notify_token: makes keys and signs.  What goes wrong in
 * here is the test's own fault and ends it.
 */


#ifndef SIGN_H_INCLUDED
#define SIGN_H_INCLUDED


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "notify_signature.h"


#define SIGN_TOKEN_MAX  32768       /* bytes of a token that is made here */

#define sign_must(cond)                                                       \
    ((cond) ? (void) 0 : sign_stop(#cond, __FILE__, __LINE__))


__attribute__((unused))
static void
sign_stop(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}


/* a pair of keys: bits for RSA, a curve's NID for EC, or 0 */

__attribute__((unused))
static EVP_PKEY *
sign_pair(int type, int size)
{
    EVP_PKEY      *pkey;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    ctx = EVP_PKEY_CTX_new_id(type, NULL);

    sign_must(ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1);

    if (type == EVP_PKEY_RSA) {
        sign_must(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, size) == 1);
    }

    if (type == EVP_PKEY_EC) {
        sign_must(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, size) == 1);
    }

    sign_must(EVP_PKEY_keygen(ctx, &pkey) == 1);

    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


__attribute__((unused))
static EVP_PKEY *
sign_secret(const void *p, size_t n)
{
    EVP_PKEY  *pkey;

    pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, p, n);
    sign_must(pkey != NULL);

    return pkey;
}


/* PEM of one half, terminated by a zero; free() it */

__attribute__((unused))
static char *
sign_pem(EVP_PKEY *pkey, int private_half)
{
    BIO   *bio;
    char  *p, *pem;
    long   n;

    bio = BIO_new(BIO_s_mem());
    sign_must(bio != NULL);

    if (private_half) {
        sign_must(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL,
                                           NULL) == 1);
    } else {
        sign_must(PEM_write_bio_PUBKEY(bio, pkey) == 1);
    }

    n = BIO_get_mem_data(bio, &p);
    pem = malloc((size_t) n + 1);
    sign_must(pem != NULL);

    memcpy(pem, p, (size_t) n);
    pem[n] = '\0';

    BIO_free(bio);

    return pem;
}


/* base64url without padding; returns what is behind it */

__attribute__((unused))
static char *
sign_base64(char *out, const void *p, size_t n)
{
    size_t          i, len;
    uint32_t        bits;
    const uint8_t  *b = p;

    static const char  letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (i = 0; i < n; i += 3) {
        len = n - i < 3 ? n - i : 3;

        bits = (uint32_t) b[i] << 16;
        bits |= len > 1 ? (uint32_t) b[i + 1] << 8 : 0;
        bits |= len > 2 ? b[i + 2] : 0;

        *out++ = letters[bits >> 18];
        *out++ = letters[bits >> 12 & 63];

        if (len > 1) {
            *out++ = letters[bits >> 6 & 63];
        }

        if (len > 2) {
            *out++ = letters[bits & 63];
        }
    }

    return out;
}


/* signs (p, n) as JWS wants it; returns the length of what is in out */

__attribute__((unused))
static size_t
sign_bytes(uint8_t out[NOTIFY_SIGNATURE_MAX], notify_signature_alg_e alg,
    EVP_PKEY *pkey, const void *p, size_t n)
{
    size_t          len;
    ECDSA_SIG      *both;
    EVP_MD_CTX     *ctx;
    const EVP_MD   *md;
    const uint8_t  *der;

    md = (alg == NOTIFY_SIGNATURE_EDDSA) ? NULL : EVP_sha256();
    len = NOTIFY_SIGNATURE_MAX;
    ctx = EVP_MD_CTX_new();

    sign_must(ctx != NULL
              && EVP_DigestSignInit(ctx, NULL, md, NULL, pkey) == 1
              && EVP_DigestSign(ctx, out, &len, p, n) == 1);

    EVP_MD_CTX_free(ctx);

    if (alg == NOTIFY_SIGNATURE_ES256) {
        der = out;
        both = d2i_ECDSA_SIG(NULL, &der, (long) len);
        sign_must(both != NULL);

        BN_bn2binpad(ECDSA_SIG_get0_r(both), out, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(both), out + 32, 32);
        len = 64;

        ECDSA_SIG_free(both);
    }

    return len;
}


/* a token of the two texts; returns its length */

__attribute__((unused))
static size_t
sign_token(char out[SIGN_TOKEN_MAX], notify_signature_alg_e alg,
    EVP_PKEY *pkey, const void *header, size_t header_len,
    const void *payload, size_t payload_len)
{
    char     *p;
    size_t    n;
    uint8_t   sig[NOTIFY_SIGNATURE_MAX];

    sign_must((header_len + payload_len) * 4 / 3 + 8
              + NOTIFY_SIGNATURE_MAX * 4 / 3
              < SIGN_TOKEN_MAX);

    p = sign_base64(out, header, header_len);
    *p++ = '.';
    p = sign_base64(p, payload, payload_len);

    n = sign_bytes(sig, alg, pkey, out, (size_t) (p - out));

    *p++ = '.';
    p = sign_base64(p, sig, n);

    return (size_t) (p - out);
}


#endif /* SIGN_H_INCLUDED */
