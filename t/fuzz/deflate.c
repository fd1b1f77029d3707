
/*
 * Whatever a peer sends as a compressed message ends at the limit, and is the
 * same kept or looked at; and what we compress, we and zlib read again.
 */


#include <zlib.h>

#include "fuzz.h"
#include "notify_codec.h"
#include "notify_deflate.h"
#include "notify_utf8.h"


#define OUT_MAX  (256 * 1024)


static uint8_t  out[OUT_MAX];


/* zlib alone: how much the payload gives, or -1 when that is no message */

static long
reference(const uint8_t *p, size_t n)
{
    int       rc;
    size_t    len;
    z_stream  z;

    memset(&z, 0, sizeof(z));
    fuzz_check(inflateInit2(&z, -15) == Z_OK);

    z.next_in = (Bytef *) p;
    z.avail_in = (uInt) n;
    z.next_out = out;
    z.avail_out = sizeof(out);

    rc = inflate(&z, Z_SYNC_FLUSH);

    if (rc == Z_OK && z.avail_in == 0 && z.avail_out != 0) {
        z.next_in = (Bytef *) "\0\0\xff\xff";
        z.avail_in = 4;
        rc = inflate(&z, Z_SYNC_FLUSH);
    }

    len = sizeof(out) - z.avail_out;

    (void) inflateEnd(&z);

    /* final blocks, and what is longer, are not for this one to judge */

    if (rc == Z_STREAM_END || z.avail_out == 0) {
        return -2;
    }

    return rc == Z_DATA_ERROR ? -1 : (long) len;
}


static void
inflated(const uint8_t *p, size_t n, size_t max, int text)
{
    long               len;
    uint8_t           *copy;
    notify_inflated_t  kept, seen;

    copy = fuzz_copy(p, n);

    notify_inflate(copy, n, max, text, true, &kept);
    notify_inflate(copy, n, max, text, false, &seen);

    free(copy);

    fuzz_check(kept.code == seen.code && kept.why == seen.why);
    fuzz_check(seen.data == NULL);
    fuzz_check((kept.code != 0) == (kept.why != NULL));
    fuzz_check(kept.len <= max && (kept.data != NULL) == (kept.len != 0));

    if (kept.code) {
        fuzz_check(kept.data == NULL
                   && (kept.code == NOTIFY_CLOSE_BAD_DATA
                       || kept.code == NOTIFY_CLOSE_TOO_BIG));

    } else {
        fuzz_read(kept.data, kept.len);
        fuzz_check(!text || notify_utf8_valid(kept.data, kept.len));
    }

    len = n ? reference(p, n) : 0;

    if (len == -1) {
        fuzz_check(kept.code != 0);
    }

    if (len >= 0 && kept.code == 0) {
        fuzz_check((size_t) len == kept.len
                   && memcmp(out, kept.data ? kept.data : out, kept.len) == 0);
    }

    if (len >= 0 && (size_t) len > max) {
        fuzz_check(kept.code != 0);
    }

    free(kept.data);
}


/* the input's bytes, each of them said some times */

static size_t
stretch(const uint8_t *p, size_t n, uint8_t *to, size_t size)
{
    size_t  i, len, times;

    len = 0;

    for (i = 0; i < n; i++) {
        times = 1 + (p[i] & 15) * (p[i] & 15);

        if (times > size - len) {
            break;
        }

        memset(to + len, p[i], times);
        len += times;
    }

    return len;
}


static void
deflated(const uint8_t *p, size_t n, unsigned bits)
{
    size_t             len;
    uint8_t           *packed, *copy;
    unsigned           w;
    notify_inflated_t  m;

    if (n == 0) {
        return;
    }

    w = notify_deflate_window(n, bits);
    fuzz_check(w == 0 ? bits == 8 && n > 256
                      : w >= 9 && w <= (bits == 8 ? 9 : bits));

    if (w == 0) {
        return;
    }

    copy = fuzz_copy(p, n);
    packed = notify_deflate(copy, n, w, 3, &len);
    free(copy);

    if (packed == NULL) {
        return;
    }

    fuzz_check(len > 0 && len < n);

    inflated(packed + 3, len, n, 0);

    notify_inflate(packed + 3, len, n, false, true, &m);
    fuzz_check(m.code == 0 && m.len == n && memcmp(m.data, p, n) == 0);
    free(m.data);

    notify_inflate(packed + 3, len, n - 1, false, true, &m);
    fuzz_check(m.code == NOTIFY_CLOSE_TOO_BIG);

    free(packed);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          n;
    fuzz_t          f;
    uint8_t         how;
    static uint8_t  text[16 * 1024];

    static const size_t  limits[] = {
        0, 1, 10, 100, 512, 513, 4096, 100000
    };

    f.p = data;
    f.n = size;
    how = fuzz_byte(&f);

    inflated(f.p, f.n, limits[how & 7], how & 8);

    n = stretch(f.p, f.n, text, sizeof(text));
    deflated(text, n, 8 + (how >> 4 & 7));
    deflated(f.p, f.n, 8 + (how >> 4 & 7));

    return 0;
}
