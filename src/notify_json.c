
/*
 * JSON: receipts and refusals are printed, strings escaped by jansson.  What
 * was pushed is only looked at, byte by byte: it goes on as it came, so that
 * a number that no type of ours can hold is as good as any.
 */


#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "notify_json.h"
#include "notify_utf8.h"


enum {
    sw_value = 0,
    sw_first_value,     /* of an array, which may be empty */
    sw_name,
    sw_first_name,      /* of an object, likewise */
    sw_colon,
    sw_behind,          /* a value */
    sw_string,
    sw_escape,
    sw_hex,
    sw_word,            /* true, false, null */
    sw_minus,
    sw_zero,
    sw_integer,
    sw_point,
    sw_fraction,
    sw_e,
    sw_sign,
    sw_exponent
};


/* where in a value the next byte stands */
typedef struct {
    uint8_t       state;                     /* sw_ */
    uint8_t       left;                      /* digits of \u */
    bool          name;                      /* the string is one */
    const char   *word;                      /* the rest of it */
    unsigned      depth;                     /* arrays, objects that are open */
    uint8_t       objects[NOTIFY_JSON_DEPTH / 8];    /* which are objects */
} notify_json_place_t;


static bool notify_json_step(notify_json_place_t *at, uint8_t c);
static bool notify_json_number(notify_json_place_t *at, uint8_t c);
static bool notify_json_between(notify_json_place_t *at, uint8_t c);
static bool notify_json_open(notify_json_place_t *at, uint8_t c);
static bool notify_json_close(notify_json_place_t *at, uint8_t c);
static bool notify_json_in_object(const notify_json_place_t *at);
static bool notify_json_digit(uint8_t c);
static bool notify_json_plain(const uint8_t *p, size_t n, bool *ascii);
static size_t notify_json_readable(uint8_t *out, size_t max, const uint8_t *p,
    size_t n);
static char *notify_json_put(char *out, const char *p, size_t n);


size_t
notify_json_string(char *out, size_t cap, const uint8_t *p, size_t n)
{
    bool     plain, ascii;
    size_t   len;
    json_t  *json;

    plain = notify_json_plain(p, n, &ascii);

    if (!ascii && !notify_utf8_valid(p, n)) {
        return 0;
    }

    if (plain) {

        if (n + 2 <= cap) {
            *out++ = '"';
            out = notify_json_put(out, (const char *) p, n);
            *out = '"';
        }

        return n + 2;
    }

    json = json_stringn_nocheck((const char *) p, n);
    if (json == NULL) {
        return 0;
    }

    len = json_dumpb(json, out, cap, JSON_ENCODE_ANY);

    json_decref(json);

    return len;
}


size_t
notify_json_receipt(char *out, uint64_t id, const char *user, size_t len,
    uint32_t sockets)
{
    char  *p;

    static const char  head[] = "{\"id\":\"";
    static const char  middle[] = "\",\"user\":";
    static const char  tail[] = ",\"sockets\":";

    p = notify_json_put(out, head, sizeof(head) - 1);
    p += notify_id_print(p, id);
    p = notify_json_put(p, middle, sizeof(middle) - 1);
    p = notify_json_put(p, user, len);
    p = notify_json_put(p, tail, sizeof(tail) - 1);
    p += notify_number_print(p, sockets);
    *p++ = '}';

    return (size_t) (p - out);
}


/* {"id":"...","data":  is what a message of notify.v1 begins with */

size_t
notify_json_message(char *out, uint64_t id)
{
    char  *p;

    static const char  head[] = "{\"id\":\"";
    static const char  tail[] = "\",\"data\":";

    p = notify_json_put(out, head, sizeof(head) - 1);
    p += notify_id_print(p, id);
    p = notify_json_put(p, tail, sizeof(tail) - 1);

    return (size_t) (p - out);
}


size_t
notify_json_hello(char *out, uint64_t id, const char *user, size_t len,
    bool gap)
{
    char  *p;

    static const char  head[] = "{\"hello\":{\"id\":\"";
    static const char  middle[] = "\",\"user\":";
    static const char  yes[] = ",\"gap\":true}}";
    static const char  no[] = ",\"gap\":false}}";

    p = notify_json_put(out, head, sizeof(head) - 1);
    p += notify_id_print(p, id);
    p = notify_json_put(p, middle, sizeof(middle) - 1);
    p = notify_json_put(p, user, len);
    p = gap ? notify_json_put(p, yes, sizeof(yes) - 1)
            : notify_json_put(p, no, sizeof(no) - 1);

    return (size_t) (p - out);
}


bool
notify_json_valid(const struct iovec *iov, unsigned niov)
{
    size_t                i;
    unsigned              k;
    notify_utf8_t         utf8;
    const uint8_t        *p;
    notify_json_place_t   place;

    memset(&utf8, 0, sizeof(utf8));
    memset(&place, 0, sizeof(place));

    for (k = 0; k < niov; k++) {
        p = iov[k].iov_base;

        if (notify_utf8_feed(&utf8, p, iov[k].iov_len) != 0) {
            return false;
        }

        for (i = 0; i < iov[k].iov_len; i++) {
            if (!notify_json_step(&place, p[i])) {
                return false;
            }
        }
    }

    /* a number ends where something else stands */

    return notify_json_step(&place, ' ')
           && place.state == sw_behind && place.depth == 0;
}


/* the next byte; false: it cannot stand there */

static bool
notify_json_step(notify_json_place_t *at, uint8_t c)
{
    switch (at->state) {

    case sw_string:
        if (c == '"') {
            at->state = at->name ? sw_colon : sw_behind;

        } else if (c == '\\') {
            at->state = sw_escape;
        }

        return c >= 0x20;

    case sw_escape:
        at->state = (c == 'u') ? sw_hex : sw_string;
        at->left = 4;

        return c != '\0' && strchr("\"\\/bfnrtu", c) != NULL;

    case sw_hex:
        if (--at->left == 0) {
            at->state = sw_string;
        }

        return notify_json_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');

    case sw_word:
        if (c != (uint8_t) *at->word++) {
            return false;
        }

        if (*at->word == '\0') {
            at->state = sw_behind;
        }

        return true;

    case sw_minus:
    case sw_zero:
    case sw_integer:
    case sw_point:
    case sw_fraction:
    case sw_e:
    case sw_sign:
    case sw_exponent:
        return notify_json_number(at, c);

    default:
        return notify_json_between(at, c);
    }
}


/* inside of a number, or the first byte behind it */

static bool
notify_json_number(notify_json_place_t *at, uint8_t c)
{
    switch (at->state) {

    case sw_minus:
        at->state = (c == '0') ? sw_zero : sw_integer;
        return notify_json_digit(c);

    case sw_point:
        at->state = sw_fraction;
        return notify_json_digit(c);

    case sw_e:
        at->state = (c == '+' || c == '-') ? sw_sign : sw_exponent;
        return at->state == sw_sign || notify_json_digit(c);

    case sw_sign:
        at->state = sw_exponent;
        return notify_json_digit(c);

    default:
        break;
    }

    if (at->state != sw_zero && notify_json_digit(c)) {
        return true;
    }

    if (c == '.' && (at->state == sw_zero || at->state == sw_integer)) {
        at->state = sw_point;
        return true;
    }

    if ((c == 'e' || c == 'E') && at->state != sw_exponent) {
        at->state = sw_e;
        return true;
    }

    at->state = sw_behind;

    return notify_json_between(at, c);
}


/* where a value or name begins, or behind one */

static bool
notify_json_between(notify_json_place_t *at, uint8_t c)
{
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        return true;
    }

    switch (at->state) {

    case sw_colon:
        at->state = sw_value;
        return c == ':';

    case sw_behind:
        if (c != ',') {
            return notify_json_close(at, c);
        }

        at->state = notify_json_in_object(at) ? sw_name : sw_value;
        return at->depth != 0;

    case sw_first_name:
    case sw_name:
        if (c == '}' && at->state == sw_first_name) {
            return notify_json_close(at, c);
        }

        at->state = sw_string;
        at->name = true;
        return c == '"';

    default: /* sw_value, sw_first_value */
        if (c == ']' && at->state == sw_first_value) {
            return notify_json_close(at, c);
        }

        return notify_json_open(at, c);
    }
}


/* the first byte of a value */

static bool
notify_json_open(notify_json_place_t *at, uint8_t c)
{
    size_t   byte;
    uint8_t  bit;

    switch (c) {

    case '{':
    case '[':
        if (at->depth == NOTIFY_JSON_DEPTH) {
            return false;
        }

        byte = at->depth / 8;
        bit = (uint8_t) (1u << at->depth % 8);

        if (c == '{') {
            at->objects[byte] |= bit;
            at->state = sw_first_name;

        } else {
            at->objects[byte] &= (uint8_t) ~bit;
            at->state = sw_first_value;
        }

        at->depth++;
        return true;

    case '"':
        at->state = sw_string;
        at->name = false;
        return true;

    case 't':
        at->word = "rue";
        break;

    case 'f':
        at->word = "alse";
        break;

    case 'n':
        at->word = "ull";
        break;

    case '-':
        at->state = sw_minus;
        return true;

    default:
        at->state = (c == '0') ? sw_zero : sw_integer;
        return notify_json_digit(c);
    }

    at->state = sw_word;

    return true;
}


/* c ends what is open, if that is of its kind */

static bool
notify_json_close(notify_json_place_t *at, uint8_t c)
{
    if (at->depth == 0 || c != (notify_json_in_object(at) ? '}' : ']')) {
        return false;
    }

    at->depth--;
    at->state = sw_behind;

    return true;
}


static bool
notify_json_in_object(const notify_json_place_t *at)
{
    return at->depth != 0
           && (at->objects[(at->depth - 1) / 8] >> (at->depth - 1) % 8 & 1);
}


static bool
notify_json_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}


size_t
notify_json_error(char *out, size_t cap, const char *field,
    const uint8_t *text, size_t n)
{
    char     string[NOTIFY_JSON_STRING_LEN(NOTIFY_JSON_ERROR_TEXT)];
    size_t   need, len, field_len;
    uint8_t  readable[NOTIFY_JSON_ERROR_TEXT];

    static const char  head[] = "{\"error\":";
    static const char  middle[] = ",\"field\":\"";

    n = notify_json_readable(readable, sizeof(readable), text, n);

    len = notify_json_string(string, sizeof(string), readable, n);
    if (len == 0) {
        return 0;
    }

    field_len = field ? strlen(field) : 0;

    need = sizeof(head) - 1 + len + 1;

    if (field) {
        need += sizeof(middle) - 1 + field_len + 1;
    }

    if (need > cap) {
        return need;
    }

    out = notify_json_put(out, head, sizeof(head) - 1);
    out = notify_json_put(out, string, len);

    if (field) {
        out = notify_json_put(out, middle, sizeof(middle) - 1);
        out = notify_json_put(out, field, field_len);
        *out++ = '"';
    }

    *out = '}';

    return need;
}


/* nothing that RFC 8259, 7 wants escaped; not ascii: it may not be UTF-8 */

static bool
notify_json_plain(const uint8_t *p, size_t n, bool *ascii)
{
    size_t   i;
    uint8_t  bits;

    *ascii = false;
    bits = 0;

    for (i = 0; i < n; i++) {
        if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\') {
            return false;
        }

        bits |= p[i];
    }

    *ascii = bits < 0x80;

    return true;
}


/* copies whole characters, and "?" for each byte that belongs to none */

static size_t
notify_json_readable(uint8_t *out, size_t max, const uint8_t *p, size_t n)
{
    size_t  i, k, len;

    k = 0;

    for (i = 0; i < n; i += len) {

        for (len = 1; len <= 4 && len <= n - i; len++) {
            if (notify_utf8_valid(p + i, len)) {
                break;
            }
        }

        if (len > 4 || len > n - i) {
            len = 1;

            if (k == max) {
                break;
            }

            out[k++] = '?';
            continue;
        }

        if (len > max - k) {
            break;
        }

        memcpy(out + k, p + i, len);
        k += len;
    }

    return k;
}


static char *
notify_json_put(char *out, const char *p, size_t n)
{
    if (n != 0) {
        memcpy(out, p, n);
    }

    return out + n;
}
