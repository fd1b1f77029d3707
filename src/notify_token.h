
/*
 * Signed tokens: JWS in compact form (RFC 7515, 7.1) whose payload has the
 * claims of a JWT (RFC 7519, 4.1).
 *
 * Plain C over (p, n), with OpenSSL (notify_signature.h) and jansson.  Any
 * bytes may come in (t/fuzz/token.c); no memory is kept.
 *
 * Why no library for it: libjwt, as Debian 12 has it (1.10.2), takes the
 * algorithm out of the token's own header, skips what is no base64, accepts
 * duplicate names in JSON, reads the key's PEM again for each token, and has
 * no EdDSA.
 */


#ifndef NOTIFY_TOKEN_H_INCLUDED
#define NOTIFY_TOKEN_H_INCLUDED


#include <stddef.h>
#include <stdint.h>

#include "notify_signature.h"


#define NOTIFY_TOKEN_MAX  8192                  /* bytes of a token */


/*
 * What is wrong with a token; the later the value, the further it came.
 * Nothing of the payload is looked at before the signature was found good.
 */
typedef enum {
    NOTIFY_TOKEN_OK = 0,
    NOTIFY_TOKEN_NONE,                          /* there is none: the
                                                   caller's to say */
    NOTIFY_TOKEN_LONG,
    NOTIFY_TOKEN_FORM,
    NOTIFY_TOKEN_HEADER,
    NOTIFY_TOKEN_CRIT,
    NOTIFY_TOKEN_ALG,
    NOTIFY_TOKEN_KID,
    NOTIFY_TOKEN_SIGNATURE,
    NOTIFY_TOKEN_PAYLOAD,
    NOTIFY_TOKEN_NO_EXP,
    NOTIFY_TOKEN_TIME,
    NOTIFY_TOKEN_EXPIRED,
    NOTIFY_TOKEN_EARLY,
    NOTIFY_TOKEN_ISS,
    NOTIFY_TOKEN_AUD,
    NOTIFY_TOKEN_NO_AUD,
    NOTIFY_TOKEN_SUB,
    NOTIFY_TOKEN_GROUPS,
    NOTIFY_TOKEN_ERRORS
} notify_token_error_e;


typedef struct {
    notify_signature_key_t   key;               /* owned */
    const char              *kid;               /* borrowed; NULL: none */
} notify_token_key_t;


/* What a token must be; all is borrowed. */
typedef struct {
    notify_token_key_t      *keys;
    size_t                   nkeys;             /* 1 or more */
    const char              *aud;               /* NULL: there is no aud */
    const char              *iss;               /* NULL: any, or none */
    int64_t                  leeway;            /* seconds, 0 or more */
} notify_token_rule_t;


/*
 * What a good token says; sub and groups stand in the caller's buffer, and have
 * no control character in them.
 */
typedef struct {
    const uint8_t           *sub;               /* 1 .. 255 bytes of UTF-8
                                                   without NUL */
    size_t                   sub_len;
    const uint8_t           *groups;            /* "a,b", each name without
                                                   "," and control bytes */
    size_t                   groups_len;
    int64_t                  until;             /* unix time: exp and the
                                                   leeway */
} notify_token_claims_t;


/*
 * Checks a token at a time (unix, seconds).  buf has room for n bytes.
 *
 * The header's alg must be a key's, which alone is checked that way: nobody
 * but the configuration chooses how.  A header with crit is refused, typ does
 * not matter, and where the token and a key both have a kid, they must agree.
 * exp and sub (a string or an integer) must be there; aud must be, or have,
 * the rule's, and a token that has one is refused where the rule has none
 * (RFC 7519, 4.1.3).  iat and jti do not matter.
 */
notify_token_error_e notify_token_verify(const notify_token_rule_t *rule,
    const uint8_t *p, size_t n, int64_t now, uint8_t *buf,
    notify_token_claims_t *claims);

/* An error in words such as "token expired". */
const char *notify_token_text(notify_token_error_e error);


/*
 * The token in the value of Authorization: Bearer (RFC 6750, 2.1), or in a
 * line of Sec-WebSocket-Protocol: the first name "notify.token." and what
 * follows it.  Returns it with its length; NULL: there is none.
 */
#define NOTIFY_TOKEN_PROTOCOL  "notify.token."

const uint8_t *notify_token_in_bearer(const uint8_t *p, size_t n,
    size_t *len);
const uint8_t *notify_token_in_protocols(const uint8_t *p, size_t n,
    size_t *len);


#endif /* NOTIFY_TOKEN_H_INCLUDED */
