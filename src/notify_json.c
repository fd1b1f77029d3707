
/*
 * JSON: receipts and refusals are printed, strings escaped by jansson.
 */


#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "notify_json.h"
#include "notify_utf8.h"


static bool notify_json_plain(const uint8_t *p, size_t n);
static size_t notify_json_readable(uint8_t *out, size_t max, const uint8_t *p,
    size_t n);
static char *notify_json_put(char *out, const char *p, size_t n);


size_t
notify_json_string(char *out, size_t cap, const uint8_t *p, size_t n)
{
    size_t   len;
    json_t  *json;

    if (!notify_utf8_valid(p, n)) {
        return 0;
    }

    if (notify_json_plain(p, n)) {

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
notify_json_receipt(char *out, size_t cap, uint64_t id, const char *user,
    size_t len, uint32_t sockets)
{
    char    text[NOTIFY_ID_LEN], count[NOTIFY_NUMBER_LEN];
    size_t  need, text_len, count_len;

    static const char  head[] = "{\"id\":\"";
    static const char  middle[] = "\",\"user\":";
    static const char  tail[] = ",\"sockets\":";

    text_len = notify_id_print(text, id);
    count_len = notify_number_print(count, sockets);

    need = sizeof(head) - 1 + text_len + sizeof(middle) - 1 + len
           + sizeof(tail) - 1 + count_len + 1;

    if (need <= cap) {
        out = notify_json_put(out, head, sizeof(head) - 1);
        out = notify_json_put(out, text, text_len);
        out = notify_json_put(out, middle, sizeof(middle) - 1);
        out = notify_json_put(out, user, len);
        out = notify_json_put(out, tail, sizeof(tail) - 1);
        out = notify_json_put(out, count, count_len);
        *out = '}';
    }

    return need;
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


/* what jansson reads of a body in pieces */
typedef struct {
    const struct iovec  *iov;
    unsigned             niov;
    size_t               at;
} notify_json_pieces_t;


static size_t
notify_json_read(void *buffer, size_t size, void *data)
{
    size_t                 n;
    notify_json_pieces_t  *pieces = data;

    while (pieces->niov && pieces->at == pieces->iov->iov_len) {
        pieces->iov++;
        pieces->niov--;
        pieces->at = 0;
    }

    if (pieces->niov == 0) {
        return 0;
    }

    n = pieces->iov->iov_len - pieces->at;
    n = n < size ? n : size;

    memcpy(buffer, (const char *) pieces->iov->iov_base + pieces->at, n);
    pieces->at += n;

    return n;
}


bool
notify_json_valid(const struct iovec *iov, unsigned niov)
{
    json_t                *json;
    notify_json_pieces_t   pieces;

    pieces.iov = iov;
    pieces.niov = niov;
    pieces.at = 0;

    json = json_load_callback(notify_json_read, &pieces,
                              JSON_DECODE_ANY|JSON_ALLOW_NUL, NULL);
    if (json == NULL) {
        return false;
    }

    json_decref(json);

    return true;
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


/* nothing that RFC 8259, 7 wants escaped */

static bool
notify_json_plain(const uint8_t *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\') {
            return false;
        }
    }

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
