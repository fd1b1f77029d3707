
/*
 * notify_deflate: the vectors of RFC 7692, what zlib itself makes of a
 * message, and what is no message.
 */


#include <zlib.h>

#include "notify_codec.h"
#include "notify_deflate.h"
#include "test.h"


#define N(a)  (sizeof(a) / sizeof(a[0]))

#define BIG  (512 * 1024)


/* --- peers */

/* one that compresses, with these settings, flushing each step bytes */

static size_t
peer_deflate(const uint8_t *p, size_t n, int level, int bits, int memory,
    int strategy, size_t step, uint8_t *out, size_t size)
{
    size_t    at, len;
    z_stream  z;

    memset(&z, 0, sizeof(z));

    if (deflateInit2(&z, level, Z_DEFLATED, -bits, memory, strategy) != Z_OK) {
        diag("deflateInit2(%d, %d, %d, %d)", level, bits, memory, strategy);
        exit(2);
    }

    z.next_out = out;
    z.avail_out = (uInt) size;

    at = 0;

    do {
        len = (step < n - at) ? step : n - at;

        z.next_in = (Bytef *) (p + at);
        z.avail_in = (uInt) len;

        (void) deflate(&z, Z_SYNC_FLUSH);

        at += len;

    } while (at < n);

    len = size - z.avail_out;

    (void) deflateEnd(&z);

    if (len < 4 || memcmp(out + len - 4, "\0\0\xff\xff", 4) != 0) {
        diag("no flush");
        exit(2);
    }

    return len - 4;
}


/* one that has a window of exactly so many bits */

static long
peer_inflate(const uint8_t *p, size_t n, int bits, uint8_t *out, size_t size)
{
    int       rc;
    z_stream  z;

    memset(&z, 0, sizeof(z));

    if (inflateInit2(&z, -bits) != Z_OK) {
        exit(2);
    }

    /* in small pieces, so that it has its window and not our buffer */

    z.next_in = (Bytef *) p;
    z.avail_in = (uInt) n;
    z.next_out = out;

    do {
        z.avail_out = (uInt) (size - z.total_out < 64 ? size - z.total_out
                                                      : 64);
        rc = inflate(&z, Z_SYNC_FLUSH);
    } while (rc == Z_OK && (z.avail_in || z.avail_out == 0));

    if (rc == Z_OK || rc == Z_BUF_ERROR) {
        z.next_in = (Bytef *) "\0\0\xff\xff";
        z.avail_in = 4;
        z.avail_out = 1;

        rc = inflate(&z, Z_SYNC_FLUSH);
    }

    n = z.total_out;

    (void) inflateEnd(&z);

    return rc == Z_OK ? (long) n : -1L;
}


/* text that compresses, but not to nothing */

static void
fill(uint8_t *p, size_t n, unsigned seed)
{
    size_t  i, len;
    char    line[80];

    for (i = 0; i < n; i += len) {
        seed = seed * 1103515245u + 12345u;
        len = (size_t) snprintf(line, sizeof(line),
                                "{\"id\":%u,\"text\":\"message %u\"},",
                                seed >> 8, seed % 97);

        if (len > n - i) {
            len = n - i;
        }

        memcpy(p + i, line, len);
    }
}


static void
noise(uint8_t *p, size_t n, unsigned seed)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        p[i] = (uint8_t) (seed >> 16);
    }
}


static void
inflate_guarded(const void *p, size_t n, size_t max, bool text, bool keep,
    notify_inflated_t *m)
{
    notify_inflate(test_guard(p, n), n, max, text, keep, m);
}


/* --- compressing */

static void
test_vector(void)
{
    size_t    len;
    uint8_t  *out;

    static const uint8_t  hello[] = {
        0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00
    };

    /* 7.2.3.1's "Hello" is not shorter; ten of them are */

    ok(notify_deflate((uint8_t *) "Hello", 5, 15, 0, &len) == NULL,
       "what does not get shorter is not compressed");

    out = notify_deflate((uint8_t *) "HelloHelloHelloHelloHello", 25, 15, 3,
                         &len);

    if (ok(out != NULL, "what does is")) {
        ok(len < 25, "it is shorter");
        is_mem(out + 3, 5, hello, 5, "it begins as the RFC's does");
    }

    free(out);
}


static void
test_lengths(void)
{
    int             wrong, packed;
    long            got;
    size_t          n, len, i;
    uint8_t        *out;
    unsigned        bits, w;
    static uint8_t  text[NOTIFY_DEFLATE_MAX], back[NOTIFY_DEFLATE_MAX];

    static const size_t  lengths[] = {
        1, 2, 20, 64, 65, 125, 126, 250, 251, 256, 257, 512, 513, 762, 763,
        1000, 4096, 4097, 16384, 32768, 32769, 65535, 65536, 65537, 300000,
        NOTIFY_DEFLATE_MAX
    };

    fill(text, sizeof(text), 1);

    for (bits = 8; bits <= 15; bits++) {
        wrong = 0;
        packed = 0;

        for (i = 0; i < N(lengths); i++) {
            n = lengths[i];
            w = notify_deflate_window(n, bits);

            if (bits == 8 && n > 256) {
                wrong += (w != 0);
                continue;
            }

            if (w < 9 || (w > bits && bits != 8)) {
                wrong++;
            }

            out = notify_deflate(text, n, w, 10, &len);

            if (out == NULL) {
                continue;
            }

            packed++;
            got = peer_inflate(out + 10, len, (int) (bits < w ? bits : w),
                               back, sizeof(back));

            if (len >= n || got != (long) n || memcmp(text, back, n) != 0) {
                diag("%zu bytes, window %u: %zu, %ld", n, w, len, got);
                wrong++;
            }

            free(out);
        }

        is(wrong, 0, "a peer with a window of %u bits reads all lengths",
           bits);
        ok(packed >= (bits == 8 ? 5 : (int) N(lengths) - 5),
           "... and most are compressed: %d", packed);
    }
}


static void
test_window(void)
{
    is(notify_deflate_window(1, 15), 9, "a short message, the least window");
    is(notify_deflate_window(250, 15), 9, "as long as zlib can reach back");
    is(notify_deflate_window(251, 15), 10, "one byte more");
    is(notify_deflate_window(1024 - 262, 15), 10, "the next");
    is(notify_deflate_window(100000, 15), 15, "a long one");
    is(notify_deflate_window(100000, 11), 11, "where the peer allows less");
    is(notify_deflate_window(1, 9), 9, "zlib's least");
    is(notify_deflate_window(256, 8), 9, "all that a window of 8 bits holds");
    is(notify_deflate_window(257, 8), 0, "more than that");
}


static void
test_noise(void)
{
    int             kept;
    size_t          n, len;
    uint8_t        *out;
    static uint8_t  bytes[70000];

    noise(bytes, sizeof(bytes), 7);
    kept = 0;

    for (n = 1; n <= sizeof(bytes); n = n * 3 + 1) {
        out = notify_deflate(bytes, n, 15, 0, &len);
        kept += (out != NULL);
        free(out);
    }

    is(kept, 0, "noise is not compressed");
}


/* the shortest gain: one byte is enough, none is not */

static void
test_gain(void)
{
    int       wrong, same;
    size_t    n, len, theirs;
    uint8_t  *out, text[64], packed[128];

    memset(text, 'a', sizeof(text));
    wrong = 0;
    same = 0;

    for (n = 1; n <= sizeof(text); n++) {
        theirs = peer_deflate(text, n, 6, 15, 8, 0, n, packed, sizeof(packed));
        out = notify_deflate(text, n, 15, 0, &len);

        same += (theirs == n - 1 && out != NULL && len == theirs);
        wrong += (out != NULL) != (theirs < n);
        wrong += (out != NULL && len != theirs);

        free(out);
    }

    is(wrong, 0, "compressed when and only when it is shorter");
    ok(same > 0, "also by one byte");
}


/* --- inflating */

static void
test_rfc(void)
{
    size_t             i;
    notify_inflated_t  m;

    /* 7.2.3: what inflates to "Hello" */

    static const struct {
        const char  *payload;
        size_t       n;
        const char  *name;
    } cases[] = {
        { "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "one block" },
        { "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11,
          "a block without compression" },
        { "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "a final block" },
        { "\xf3\x48\xcd\xc9\xc9\x07\x00", 7,
          "a final block, and nothing behind it" },
        { "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13,
          "two blocks" }
    };

    for (i = 0; i < N(cases); i++) {
        inflate_guarded(cases[i].payload, cases[i].n, 5, true, true, &m);

        is(m.code, 0, "7.2.3: %s", cases[i].name);
        is_mem(m.data, m.len, "Hello", 5, "... is Hello");
        free(m.data);

        inflate_guarded(cases[i].payload, cases[i].n, 4, true, true, &m);
        is(m.code, NOTIFY_CLOSE_TOO_BIG, "... and more than 4 bytes");
    }
}


static void
test_empty(void)
{
    notify_inflated_t  m;

    inflate_guarded("\x00", 1, 0, true, true, &m);
    ok(m.code == 0 && m.data == NULL && m.len == 0,
       "7.2.3.6: an empty message");

    inflate_guarded("", 0, 10, true, true, &m);
    ok(m.code == 0 && m.data == NULL && m.len == 0, "no bytes at all");

    inflate_guarded("\x02\x00", 2, 10, true, true, &m);
    ok(m.code == 0 && m.data == NULL && m.len == 0,
       "an empty block, then the tail's");

    inflate_guarded("\x03\x00", 2, 10, true, true, &m);
    ok(m.code == 0 && m.data == NULL && m.len == 0, "an empty final block");

    inflate_guarded("\x01", 1, 10, true, true, &m);
    ok(m.code == 0 && m.data == NULL && m.len == 0,
       "the tail's block is final");
}


/* all that zlib can be told to do, whole and flushed in between */

static void
test_peers(void)
{
    int                wrong;
    size_t             n, len, step, i;
    uint8_t           *packed;
    unsigned           how;
    notify_inflated_t  m;
    static uint8_t     text[70000];

    static const size_t  lengths[] = {
        1, 5, 100, 511, 512, 513, 4095, 4096, 4097, 33000, 70000
    };

    static const struct {
        int          level;
        int          bits;
        int          memory;
        int          strategy;
        const char  *name;
    } peers[] = {
        { 6, 15, 8, Z_DEFAULT_STRATEGY, "as usual" },
        { 9, 15, 9, Z_DEFAULT_STRATEGY, "best" },
        { 1, 9, 1, Z_DEFAULT_STRATEGY, "fast, little memory" },
        { 0, 15, 8, Z_DEFAULT_STRATEGY, "not compressed" },
        { 6, 15, 8, Z_FIXED, "fixed codes" },
        { 6, 15, 8, Z_HUFFMAN_ONLY, "codes only" },
        { 6, 12, 4, Z_RLE, "runs only" }
    };

    packed = malloc(2 * sizeof(text));

    for (how = 0; how < N(peers) * 2; how++) {
        wrong = 0;

        if (how < N(peers)) {
            fill(text, sizeof(text), how);

        } else {
            noise(text, sizeof(text), how);
        }

        for (i = 0; i < N(lengths) * 2; i++) {
            n = lengths[i / 2];
            step = (i % 2 && n > 20) ? 20 : n;

            len = peer_deflate(text, n, peers[how % N(peers)].level,
                               peers[how % N(peers)].bits,
                               peers[how % N(peers)].memory,
                               peers[how % N(peers)].strategy, step, packed,
                               2 * sizeof(text));

            if (len > notify_codec_bound(n)) {
                diag("%zu bytes by %zu: %zu", n, step, len);
                wrong++;
            }

            inflate_guarded(packed, len, n, false, true, &m);

            if (m.code || m.len != n || memcmp(m.data, text, n) != 0) {
                diag("%zu bytes: %u %s", n, m.code, m.why);
                wrong++;
            }

            free(m.data);

            inflate_guarded(packed, len, n, false, false, &m);
            wrong += (m.code != 0 || m.data != NULL);

            inflate_guarded(packed, len, n - 1, false, true, &m);
            wrong += (m.code != NOTIFY_CLOSE_TOO_BIG || m.data != NULL);

            inflate_guarded(packed, len, n - 1, false, false, &m);
            wrong += (m.code != NOTIFY_CLOSE_TOO_BIG || m.data != NULL);
        }

        is(wrong, 0, "%s, %s, at the limit and above it",
           how < N(peers) ? "text" : "noise", peers[how % N(peers)].name);
    }

    free(packed);
}


/* no beginning of a message is one, but where a flush or a final block ends */

static void
test_cut(void)
{
    int                good, other;
    size_t             n, len;
    uint8_t            text[600], packed[1000];
    notify_inflated_t  m;

    fill(text, sizeof(text), 3);
    len = peer_deflate(text, sizeof(text), 6, 15, 8, 0, sizeof(text), packed,
                       sizeof(packed));

    good = 0;
    other = 0;

    for (n = 1; n < len; n++) {
        inflate_guarded(packed, n, 4096, false, true, &m);

        good += (m.code == 0);
        other += (m.code != 0 && m.code != NOTIFY_CLOSE_BAD_DATA);

        free(m.data);
    }

    is(good, 0, "no beginning of a message is taken for one");
    is(other, 0, "each is refused with 1007");
}


static void
test_corrupt(void)
{
    size_t             i;
    notify_inflated_t  m;

    static const struct {
        const char  *payload;
        size_t       n;
        const char  *name;
    } cases[] = {
        { "\x06\x00", 2, "a type of block that is not there" },
        { "\x00\x05\x00\xfb\xff\x48", 6, "two lengths that do not agree" },
        { "\x02\x05\x00", 3, "a distance behind the beginning" },
        { "\xf3\x48\xcd\xc9\xc9\x07\x00\x06", 8,
          "a bad block behind a final one" },
        { "\xff\xff\xff\xff", 4, "ones" },
        { "\x00\x00", 2, "half a block's length" }
    };

    for (i = 0; i < N(cases); i++) {
        inflate_guarded(cases[i].payload, cases[i].n, 100, false, true, &m);

        ok(m.code == NOTIFY_CLOSE_BAD_DATA && m.data == NULL && m.len == 0
           && m.why != NULL,
           "1007: %s", cases[i].name);
    }
}


static void
test_utf8(void)
{
    size_t             len, i;
    uint8_t            packed[64];
    notify_inflated_t  m;

    static const struct {
        const char  *text;
        bool         good;
    } cases[] = {
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x94", true },
        { "a\xff", false },
        { "\xed\xa0\x80", false },
        { "\xe2\x82", false },
        { "\xc0\x80", false }
    };

    for (i = 0; i < N(cases); i++) {
        len = peer_deflate((uint8_t *) cases[i].text, strlen(cases[i].text), 6,
                           15, 8, 0, 100, packed, sizeof(packed));

        inflate_guarded(packed, len, 100, true, true, &m);
        is(m.code, cases[i].good ? 0 : NOTIFY_CLOSE_BAD_DATA,
           "a text of UTF-8, or not: %zu", i);
        free(m.data);

        inflate_guarded(packed, len, 100, true, false, &m);
        is(m.code, cases[i].good ? 0 : NOTIFY_CLOSE_BAD_DATA,
           "... that is only looked at");

        inflate_guarded(packed, len, 100, false, true, &m);
        is(m.code, 0, "... a binary message may have any bytes");
        free(m.data);
    }
}


/* 4 KB of which come 4 MB: it ends at the limit */

static void
test_bomb(void)
{
    size_t             len;
    uint8_t           *zeros, *packed;
    notify_inflated_t  m;

    zeros = calloc(1, 8 * BIG);
    packed = malloc(BIG);

    len = peer_deflate(zeros, 8 * BIG, 9, 15, 9, 0, 8 * BIG, packed, BIG);
    ok(len < 5000, "4 MB in %zu bytes", len);

    inflate_guarded(packed, len, 4096, true, true, &m);
    ok(m.code == NOTIFY_CLOSE_TOO_BIG && m.data == NULL, "1009: kept");

    inflate_guarded(packed, len, 4096, true, false, &m);
    ok(m.code == NOTIFY_CLOSE_TOO_BIG && m.data == NULL, "1009: looked at");

    inflate_guarded(packed, len, 8 * BIG, true, true, &m);
    ok(m.code == 0 && m.len == 8 * BIG, "where so much is allowed it is taken");
    free(m.data);

    free(zeros);
    free(packed);
}


/* final blocks without end: as many as there are bytes for */

static void
test_finals(void)
{
    size_t             i;
    uint8_t           *packed;
    notify_inflated_t  m;

    packed = malloc(BIG);

    for (i = 0; i < BIG; i += 2) {
        packed[i] = 0x03;
        packed[i + 1] = 0x00;
    }

    notify_inflate(packed, BIG, 4096, true, true, &m);
    ok(m.code == 0 && m.len == 0, "a quarter of a million final blocks");

    free(packed);
}


int
main(void)
{
    test_vector();
    test_lengths();
    test_window();
    test_noise();
    test_gain();
    test_rfc();
    test_empty();
    test_peers();
    test_cut();
    test_corrupt();
    test_utf8();
    test_bomb();
    test_finals();

    return test_done();
}
