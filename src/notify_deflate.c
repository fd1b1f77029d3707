
/*
 * permessage-deflate for one whole message at a time.
 */


#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "notify_codec.h"
#include "notify_deflate.h"
#include "notify_extension.h"
#include "notify_utf8.h"


/* a sync flush ends in these, which are not sent (7.2.1) */
#define NOTIFY_DEFLATE_TAIL  4

/* zlib's least in raw streams, in bits */
#define NOTIFY_DEFLATE_WINDOW_MIN  9

/* zlib matches no farther back than the window less this, MIN_LOOKAHEAD */
#define NOTIFY_DEFLATE_LOOKAHEAD  262

/* from here on speed is worth more than what the best search would save */
#define NOTIFY_DEFLATE_LARGE  (64 * 1024)

#define NOTIFY_INFLATE_PIECE  4096      /* bytes */


/* zlib's data_type: between two blocks, with no bit of a byte left */
#define NOTIFY_INFLATE_BETWEEN  128


typedef struct {
    z_stream              z;
    notify_utf8_t         utf8;
    bool                  text;
    bool                  keep;
    size_t                max;
    uint8_t              *data;     /* what there is of the message */
    size_t                len;
    size_t                size;     /* of data */
    uint16_t              code;
    const char           *why;
    uint8_t               piece[NOTIFY_INFLATE_PIECE];
} notify_inflate_t;


static bool notify_inflate_all(notify_inflate_t *in, const uint8_t *p,
    size_t n);
static bool notify_inflate_some(notify_inflate_t *in);
static bool notify_inflate_room(notify_inflate_t *in);
static bool notify_inflate_fail(notify_inflate_t *in, uint16_t code,
    const char *why);


unsigned
notify_deflate_window(size_t n, unsigned bits)
{
    unsigned  w;

    if (bits < NOTIFY_DEFLATE_WINDOW_MIN) {
        return (n <= (size_t) 1 << bits) ? NOTIFY_DEFLATE_WINDOW_MIN : 0;
    }

    for (w = NOTIFY_DEFLATE_WINDOW_MIN; w < bits; w++) {
        if (n + NOTIFY_DEFLATE_LOOKAHEAD <= (size_t) 1 << w) {
            break;
        }
    }

    return w;
}


uint8_t *
notify_deflate(const uint8_t *p, size_t n, unsigned bits, size_t head,
    size_t *len)
{
    int       level, memory;
    size_t    size;
    uint8_t  *out, *less;
    z_stream  z;

    memset(&z, 0, sizeof(z_stream));

    level = (n < NOTIFY_DEFLATE_LARGE) ? Z_DEFAULT_COMPRESSION : Z_BEST_SPEED;

    /* with a block of zlib's as large as the message, while there are such */

    for (memory = 2; memory < 8; memory++) {
        if (n <= (size_t) 64 << memory) {
            break;
        }
    }

    if (deflateInit2(&z, level, Z_DEFLATED, -(int) bits, memory,
                     Z_DEFAULT_STRATEGY)
        != Z_OK)
    {
        return NULL;
    }

    /* room that is left says that all has been flushed */

    size = n - 1 + NOTIFY_DEFLATE_TAIL + 1;
    out = malloc(head + size);

    if (out == NULL) {
        (void) deflateEnd(&z);
        return NULL;
    }

    z.next_in = (Bytef *) p;
    z.avail_in = (uInt) n;
    z.next_out = out + head;
    z.avail_out = (uInt) size;

    if (deflate(&z, Z_SYNC_FLUSH) != Z_OK || z.avail_out == 0) {
        (void) deflateEnd(&z);
        free(out);
        return NULL;
    }

    *len = size - z.avail_out - NOTIFY_DEFLATE_TAIL;

    (void) deflateEnd(&z);

    less = realloc(out, head + *len);

    return (less != NULL) ? less : out;
}


void
notify_inflate(const uint8_t *p, size_t n, size_t max, bool text, bool keep,
    notify_inflated_t *m)
{
    unsigned           bits;
    notify_inflate_t   in;

    memset(m, 0, sizeof(notify_inflated_t));

    if (n == 0) {
        return;
    }

    memset(&in, 0, offsetof(notify_inflate_t, piece));

    in.text = text;
    in.keep = keep;
    in.max = max;

    /* nothing reaches back behind the first byte of the message */

    for (bits = NOTIFY_DEFLATE_WINDOW_MIN; bits < NOTIFY_WINDOW_MAX; bits++) {
        if (max <= (size_t) 1 << bits) {
            break;
        }
    }

    if (inflateInit2(&in.z, -(int) bits) != Z_OK) {
        m->code = NOTIFY_CLOSE_INTERNAL;
        m->why = "no memory";
        return;
    }

    if (notify_inflate_all(&in, p, n) && text
        && !notify_utf8_done(&in.utf8))
    {
        (void) notify_inflate_fail(&in, NOTIFY_CLOSE_BAD_DATA,
                                   "inflated text is not UTF-8");
    }

    (void) inflateEnd(&in.z);

    m->code = in.code;
    m->why = in.why;

    if (in.code || in.len == 0) {
        free(in.data);
        return;
    }

    m->data = in.data;
    m->len = in.len;
}


/* the payload, and what its sender has cut off */

static bool
notify_inflate_all(notify_inflate_t *in, const uint8_t *p, size_t n)
{
    static const uint8_t  tail[NOTIFY_DEFLATE_TAIL] = { 0, 0, 0xff, 0xff };

    in->z.next_in = (Bytef *) p;
    in->z.avail_in = (uInt) n;

    if (!notify_inflate_some(in)) {
        return false;
    }

    /* a final block may be the end: the stream has been reset */

    if (in->z.total_in == 0) {
        return true;
    }

    in->z.next_in = (Bytef *) tail;
    in->z.avail_in = sizeof(tail);

    if (!notify_inflate_some(in)) {
        return false;
    }

    if (in->z.total_in != 0
        && (in->z.data_type & 0xff) != NOTIFY_INFLATE_BETWEEN)
    {
        return notify_inflate_fail(in, NOTIFY_CLOSE_BAD_DATA,
                                   "compressed data is cut");
    }

    return true;
}


/* while there is input, or output that has found no room */

static bool
notify_inflate_some(notify_inflate_t *in)
{
    int        rc;
    bool       more;
    size_t     left, n;
    uint8_t   *to;

    do {
        left = in->max - in->len;

        if (in->keep && left != 0) {

            if (!notify_inflate_room(in)) {
                return false;
            }

            to = in->data + in->len;
            left = in->size - in->len;

        } else {

            /* a byte more than there may be tells that there are more */

            to = in->piece;
            left = (left < sizeof(in->piece)) ? left + 1 : sizeof(in->piece);
        }

        in->z.next_out = to;
        in->z.avail_out = (uInt) left;

        rc = inflate(&in->z, Z_SYNC_FLUSH);

        n = (size_t) (in->z.next_out - to);

        more = (n > in->max - in->len);
        n -= more;

        if (in->text && notify_utf8_feed(&in->utf8, to, n) != 0) {
            return notify_inflate_fail(in, NOTIFY_CLOSE_BAD_DATA,
                                       "inflated text is not UTF-8");
        }

        if (more) {
            return notify_inflate_fail(in, NOTIFY_CLOSE_TOO_BIG,
                                       "inflated message is too big");
        }

        in->len += n;

        if (rc == Z_STREAM_END) {

            /* blocks may follow a final one (7.2.3.4) */

            if (inflateReset(&in->z) != Z_OK) {
                rc = Z_DATA_ERROR;
            }
        }

        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
            return rc == Z_MEM_ERROR
                   ? notify_inflate_fail(in, NOTIFY_CLOSE_INTERNAL,
                                         "no memory")
                   : notify_inflate_fail(in, NOTIFY_CLOSE_BAD_DATA,
                                         "compressed data is corrupt");
        }

    } while (in->z.avail_in || in->z.avail_out == 0);

    return true;
}


/* for at least a byte, of which there may be one */

static bool
notify_inflate_room(notify_inflate_t *in)
{
    size_t    size;
    uint8_t  *data;

    if (in->len < in->size) {
        return true;
    }

    size = (in->size != 0) ? in->size * 2
                           : (size_t) in->z.avail_in * 4 + 64;

    if (size > in->max) {
        size = in->max;
    }

    data = realloc(in->data, size);

    if (data == NULL) {
        return notify_inflate_fail(in, NOTIFY_CLOSE_INTERNAL, "no memory");
    }

    in->data = data;
    in->size = size;

    return true;
}


static bool
notify_inflate_fail(notify_inflate_t *in, uint16_t code, const char *why)
{
    in->code = code;
    in->why = why;

    return false;
}
