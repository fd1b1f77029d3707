
/*
 * Signatures of JWS (RFC 7515; RFC 7518, 3; RFC 8037), and the keys that they
 * are checked with.
 *
 * Plain C over (p, n) and OpenSSL, whose queue of errors is left empty: nginx
 * takes what is in it for an error of TLS.
 */


#ifndef NOTIFY_SIGNATURE_H_INCLUDED
#define NOTIFY_SIGNATURE_H_INCLUDED


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define NOTIFY_SIGNATURE_MAX         2048       /* bytes: RSA, 16384 bits */

#define NOTIFY_SIGNATURE_KEY_MAX     16384      /* bytes of a key's text */
#define NOTIFY_SIGNATURE_SECRET_MIN  32         /* bytes: RFC 7518, 3.2 */
#define NOTIFY_SIGNATURE_RSA_MIN     2048       /* bits: RFC 7518, 3.3 */


typedef enum {
    NOTIFY_SIGNATURE_HS256 = 0,
    NOTIFY_SIGNATURE_RS256,
    NOTIFY_SIGNATURE_ES256,
    NOTIFY_SIGNATURE_EDDSA,                     /* Ed25519 */
    NOTIFY_SIGNATURE_ALGS
} notify_signature_alg_e;


struct evp_pkey_st;

typedef struct {
    notify_signature_alg_e   alg;
    struct evp_pkey_st      *pkey;              /* OpenSSL's; owned */
} notify_signature_key_t;


/* The algorithm of that name ("HS256"), or NOTIFY_SIGNATURE_ALGS. */
notify_signature_alg_e notify_signature_alg(const char *name);

const char *notify_signature_name(notify_signature_alg_e alg);

/*
 * Makes a key of its text: for HS256 a secret, less one newline at the end if
 * the rest is printable ASCII (an editor's, not the secret's); for the others
 * a public key in PEM.  Returns 0, or -1 and *write is a constant text that
 * says what to write.  Free the key with notify_signature_key_free().
 */
int notify_signature_key_read(notify_signature_key_t *key,
    notify_signature_alg_e alg, const uint8_t *p, size_t n,
    const char **write);

void notify_signature_key_free(notify_signature_key_t *key);

/*
 * Whether (sig, m) is what the owner of the key signed (p, n) with, by the
 * key's algorithm and no other.
 */
bool notify_signature_good(const notify_signature_key_t *key,
    const uint8_t *p, size_t n, const uint8_t *sig, size_t m);


#endif /* NOTIFY_SIGNATURE_H_INCLUDED */
