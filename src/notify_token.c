
/*
 * Signed tokens: the form, the signature, the claims, in this order.
 */


#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "notify_token.h"
#include "notify_user.h"


/* times that a double has exactly, far from where int64_t ends */
#define NOTIFY_TOKEN_TIME_MAX  ((int64_t) 1 << 53)


typedef struct {
    const uint8_t  *p;
    size_t          n;
} notify_token_part_t;


static bool notify_token_split(const uint8_t *p, size_t n,
    notify_token_part_t part[3]);
static ptrdiff_t notify_token_decode(uint8_t *out, size_t size,
    const notify_token_part_t *part);
static int notify_token_digit(uint8_t c);
static json_t *notify_token_object(const notify_token_part_t *part,
    uint8_t *buf, size_t size);

static notify_token_error_e notify_token_signed(
    const notify_token_rule_t *rule, json_t *header,
    const notify_token_part_t *text, const notify_token_part_t *signature);
static notify_token_error_e notify_token_payload(
    const notify_token_rule_t *rule, json_t *payload, int64_t now,
    uint8_t *buf, notify_token_claims_t *claims);
static bool notify_token_time(json_t *value, int64_t *time);
static notify_token_error_e notify_token_audience(
    const notify_token_rule_t *rule, json_t *aud);
static bool notify_token_is(json_t *value, const char *text);
static size_t notify_token_sub(json_t *sub, uint8_t *out);
static ptrdiff_t notify_token_groups(json_t *groups, uint8_t *out);
static bool notify_token_group(json_t *group);
static bool notify_token_name(const char *p, size_t n);


notify_token_error_e
notify_token_verify(const notify_token_rule_t *rule, const uint8_t *p,
    size_t n, int64_t now, uint8_t *buf, notify_token_claims_t *claims)
{
    json_t                *json;
    notify_token_part_t    text, part[3];
    notify_token_error_e   error;

    if (n > NOTIFY_TOKEN_MAX) {
        return NOTIFY_TOKEN_LONG;
    }

    if (!notify_token_split(p, n, part)) {
        return NOTIFY_TOKEN_FORM;
    }

    json = notify_token_object(&part[0], buf, n);
    if (json == NULL) {
        return NOTIFY_TOKEN_HEADER;
    }

    text.p = p;
    text.n = (size_t) (part[1].p + part[1].n - p);

    error = notify_token_signed(rule, json, &text, &part[2]);

    json_decref(json);

    if (error != NOTIFY_TOKEN_OK) {
        return error;
    }

    json = notify_token_object(&part[1], buf, n);
    if (json == NULL) {
        return NOTIFY_TOKEN_PAYLOAD;
    }

    error = notify_token_payload(rule, json, now, buf, claims);

    json_decref(json);

    return error;
}


/* two dots, and something before, between and behind them */

static bool
notify_token_split(const uint8_t *p, size_t n, notify_token_part_t part[3])
{
    unsigned        i;
    const uint8_t  *dot, *end;

    end = p + n;

    for (i = 0; i < 3; i++) {

        if (p == end) {
            return false;
        }

        dot = memchr(p, '.', (size_t) (end - p));

        if ((dot == NULL) != (i == 2)) {
            return false;
        }

        part[i].p = p;
        part[i].n = (size_t) ((dot ? dot : end) - p);

        if (part[i].n == 0) {
            return false;
        }

        p = dot ? dot + 1 : end;
    }

    return true;
}


/*
 * Base64url without padding (RFC 7515, 2).  Bits that no byte has must be
 * zero, so that nothing has two forms.  Returns the length, or -1.
 */

static ptrdiff_t
notify_token_decode(uint8_t *out, size_t size, const notify_token_part_t *part)
{
    int       digit;
    size_t    i, len;
    uint32_t  bits;

    /* 2 letters are a byte, 3 are two, 4 are three */

    if (part->n % 4 == 1 || part->n - (part->n + 3) / 4 > size) {
        return -1;
    }

    bits = 0;
    len = 0;

    for (i = 0; i < part->n; i++) {

        digit = notify_token_digit(part->p[i]);
        if (digit < 0) {
            return -1;
        }

        bits = (bits << 6) | (uint32_t) digit;

        /* 6, 4, 2 and 0 bits are left to the next letter */

        switch (i % 4) {

        case 1:
            out[len++] = (uint8_t) (bits >> 4);
            bits &= 0xf;
            break;

        case 2:
            out[len++] = (uint8_t) (bits >> 2);
            bits &= 0x3;
            break;

        case 3:
            out[len++] = (uint8_t) bits;
            bits = 0;
            break;
        }
    }

    return bits == 0 ? (ptrdiff_t) len : -1;
}


static int
notify_token_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '-' ? 62 : c == '_' ? 63 : -1;
}


/* the JSON object that a part has, or NULL; buf is spoilt */

static json_t *
notify_token_object(const notify_token_part_t *part, uint8_t *buf, size_t size)
{
    json_t     *json;
    ptrdiff_t   n;

    n = notify_token_decode(buf, size, part);
    if (n < 0) {
        return NULL;
    }

    json = json_loadb((const char *) buf, (size_t) n, JSON_REJECT_DUPLICATES,
                      NULL);

    if (json != NULL && !json_is_object(json)) {
        json_decref(json);
        return NULL;
    }

    return json;
}


/* by any key that may have: the key says how, the header must agree */

static notify_token_error_e
notify_token_signed(const notify_token_rule_t *rule, json_t *header,
    const notify_token_part_t *text, const notify_token_part_t *signature)
{
    size_t                     i;
    json_t                    *kid;
    uint8_t                    sig[NOTIFY_SIGNATURE_MAX];
    ptrdiff_t                  n;
    notify_token_error_e       error, most;
    const notify_token_key_t  *key;

    if (json_object_get(header, "crit") != NULL) {
        return NOTIFY_TOKEN_CRIT;
    }

    kid = json_object_get(header, "kid");

    if (kid != NULL && !json_is_string(kid)) {
        return NOTIFY_TOKEN_HEADER;
    }

    n = notify_token_decode(sig, sizeof(sig), signature);
    most = NOTIFY_TOKEN_NONE;

    for (i = 0; i < rule->nkeys; i++) {
        key = &rule->keys[i];

        if (!notify_token_is(json_object_get(header, "alg"),
                             notify_signature_name(key->key.alg)))
        {
            error = NOTIFY_TOKEN_ALG;

        } else if (kid != NULL && key->kid != NULL
                   && !notify_token_is(kid, key->kid))
        {
            error = NOTIFY_TOKEN_KID;

        } else if (n < 0
                   || !notify_signature_good(&key->key, text->p, text->n, sig,
                                             (size_t) n))
        {
            error = NOTIFY_TOKEN_SIGNATURE;

        } else {
            return NOTIFY_TOKEN_OK;
        }

        if (error > most) {
            most = error;
        }
    }

    return most;
}


static notify_token_error_e
notify_token_payload(const notify_token_rule_t *rule, json_t *payload,
    int64_t now, uint8_t *buf, notify_token_claims_t *claims)
{
    json_t                *value;
    int64_t                exp, nbf;
    ptrdiff_t              n;
    notify_token_error_e   error;

    value = json_object_get(payload, "exp");
    if (value == NULL) {
        return NOTIFY_TOKEN_NO_EXP;
    }

    if (!notify_token_time(value, &exp)) {
        return NOTIFY_TOKEN_TIME;
    }

    value = json_object_get(payload, "nbf");
    nbf = -NOTIFY_TOKEN_TIME_MAX;

    if (value != NULL && !notify_token_time(value, &nbf)) {
        return NOTIFY_TOKEN_TIME;
    }

    claims->until = exp + rule->leeway;

    if (now >= claims->until) {
        return NOTIFY_TOKEN_EXPIRED;
    }

    if (now < nbf - rule->leeway) {
        return NOTIFY_TOKEN_EARLY;
    }

    if (rule->iss != NULL
        && !notify_token_is(json_object_get(payload, "iss"), rule->iss))
    {
        return NOTIFY_TOKEN_ISS;
    }

    error = notify_token_audience(rule, json_object_get(payload, "aud"));
    if (error != NOTIFY_TOKEN_OK) {
        return error;
    }

    /* what comes out of a payload is never longer than what it came from */

    claims->sub = buf;
    claims->sub_len = notify_token_sub(json_object_get(payload, "sub"), buf);

    if (claims->sub_len == 0) {
        return NOTIFY_TOKEN_SUB;
    }

    claims->groups = buf + claims->sub_len;

    n = notify_token_groups(json_object_get(payload, "groups"),
                            buf + claims->sub_len);
    if (n < 0) {
        return NOTIFY_TOKEN_GROUPS;
    }

    claims->groups_len = (size_t) n;

    return NOTIFY_TOKEN_OK;
}


/* a NumericDate (RFC 7519, 2): a number, a fraction of a second is cut off */

static bool
notify_token_time(json_t *value, int64_t *time)
{
    double  real;

    if (json_is_integer(value)) {
        *time = json_integer_value(value);
        return *time >= -NOTIFY_TOKEN_TIME_MAX
               && *time <= NOTIFY_TOKEN_TIME_MAX;
    }

    if (!json_is_real(value)) {
        return false;
    }

    real = json_real_value(value);

    if (real < (double) -NOTIFY_TOKEN_TIME_MAX
        || real > (double) NOTIFY_TOKEN_TIME_MAX)
    {
        return false;
    }

    *time = (int64_t) real;

    return true;
}


static notify_token_error_e
notify_token_audience(const notify_token_rule_t *rule, json_t *aud)
{
    size_t   i;
    json_t  *value;

    if (rule->aud == NULL) {
        return aud == NULL ? NOTIFY_TOKEN_OK : NOTIFY_TOKEN_NO_AUD;
    }

    if (notify_token_is(aud, rule->aud)) {
        return NOTIFY_TOKEN_OK;
    }

    json_array_foreach(aud, i, value) {
        if (notify_token_is(value, rule->aud)) {
            return NOTIFY_TOKEN_OK;
        }
    }

    return NOTIFY_TOKEN_AUD;
}


/* of what is no string, or is NULL, it is not */

static bool
notify_token_is(json_t *value, const char *text)
{
    return json_is_string(value)
           && json_string_length(value) == strlen(text)
           && memcmp(json_string_value(value), text, strlen(text)) == 0;
}


/* the length, 0: it cannot be a user */

static size_t
notify_token_sub(json_t *sub, uint8_t *out)
{
    char         number[sizeof("-9223372036854775808")];
    size_t       n;
    const char  *text;

    if (json_is_integer(sub)) {
        n = (size_t) snprintf(number, sizeof(number), "%lld",
                              (long long) json_integer_value(sub));
        text = number;

    } else if (json_is_string(sub)) {
        n = json_string_length(sub);
        text = json_string_value(sub);

    } else {
        return 0;
    }

    if (!notify_token_name(text, n)) {
        return 0;
    }

    memcpy(out, text, n);

    return n;
}


/* the length of them all, or -1 */

static ptrdiff_t
notify_token_groups(json_t *groups, uint8_t *out)
{
    size_t    i, n;
    json_t   *group;
    uint8_t  *p;

    if (groups != NULL && !json_is_array(groups)) {
        return -1;
    }

    p = out;

    json_array_foreach(groups, i, group) {

        if (!notify_token_group(group)) {
            return -1;
        }

        if (p != out) {
            *p++ = ',';
        }

        n = json_string_length(group);
        memcpy(p, json_string_value(group), n);
        p += n;
    }

    return p - out;
}


/* one that stays one in a list with commas, whoever reads that */

static bool
notify_token_group(json_t *group)
{
    size_t       n;
    const char  *p;

    if (!json_is_string(group)) {
        return false;
    }

    p = json_string_value(group);
    n = json_string_length(group);

    return notify_token_name(p, n)
           && memchr(p, ',', n) == NULL
           && p[0] != ' ' && p[n - 1] != ' ';
}


/*
 * A user, and no control character in it: the variables may stand in a header,
 * whose end no token is to be.
 */

static bool
notify_token_name(const char *p, size_t n)
{
    size_t          i;
    const char     *why;
    const uint8_t  *name;

    name = (const uint8_t *) p;

    if (notify_user_check(name, n, &why) == -1) {
        return false;
    }

    for (i = 0; i < n; i++) {
        if (notify_control_length(name + i, n - i)) {
            return false;
        }
    }

    return true;
}


const char *
notify_token_text(notify_token_error_e error)
{
    static const char  *texts[NOTIFY_TOKEN_ERRORS] = {
        "token is good",
        "there is no token",
        "token is longer than 8192 bytes",
        "token is not three parts with dots between them",
        "token header is not a JSON object in base64url",
        "token header has crit, which nothing here understands",
        "token alg is not that of a key",
        "token kid is that of no key",
        "token signature is wrong",
        "token payload is not a JSON object in base64url",
        "token has no exp",
        "token exp or nbf is not a time",
        "token expired",
        "token is not valid yet",
        "token iss is not the one expected",
        "token aud is not the one expected",
        "token has an aud, and none is expected",
        "token sub is not 1 to 255 bytes of printable text, nor an integer",
        "token groups is not an array of names without commas",
    };

    return texts[error];
}


const uint8_t *
notify_token_in_bearer(const uint8_t *p, size_t n, size_t *len)
{
    size_t  i;

    static const char  scheme[] = "bearer ";

    if (n < sizeof(scheme) - 1) {
        return NULL;
    }

    for (i = 0; i < sizeof(scheme) - 2; i++) {
        if ((p[i] | 0x20) != scheme[i]) {
            return NULL;
        }
    }

    if (p[i] != ' ') {
        return NULL;
    }

    while (i < n && p[i] == ' ') {
        i++;
    }

    *len = n - i;

    return *len ? p + i : NULL;
}


const uint8_t *
notify_token_in_protocols(const uint8_t *p, size_t n, size_t *len)
{
    const uint8_t  *end, *last, *comma;

    static const char  prefix[] = NOTIFY_TOKEN_PROTOCOL;

    end = p + n;

    while (p < end) {

        comma = memchr(p, ',', (size_t) (end - p));
        last = comma ? comma : end;

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        while (p < last && (last[-1] == ' ' || last[-1] == '\t')) {
            last--;
        }

        if ((size_t) (last - p) > sizeof(prefix) - 1
            && memcmp(p, prefix, sizeof(prefix) - 1) == 0)
        {
            p += sizeof(prefix) - 1;
            *len = (size_t) (last - p);

            return p;
        }

        p = comma ? comma + 1 : end;
    }

    return NULL;
}
