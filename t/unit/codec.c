
/*
 * notify_codec: what peers send, as scripts (the cases follow the Autobahn
 * test suite's), and what we send.
 *
 * Words of a script, separated by a space:
 *
 *   81:Hello     a frame: its first byte in hex, the payload, masked by us
 *   82*300:x     the same with the payload repeated
 *   =8185        bytes in hex, as they are
 *
 * What comes out is written as text[Hello] binary[*300:x] ping[] pong[]
 * close1000[reason] error1002, bytes that are not printable as \xNN; what is
 * compressed as packed-text[...] packed-binary[...].
 */


#include "notify_codec.h"
#include "test.h"


#define SCRIPT_MAX  (3 * 65536)


typedef struct {
    uint8_t   bytes[SCRIPT_MAX];
    size_t    n;
} wire_t;

typedef struct {
    char      text[4096];
    size_t    n;
    uint8_t   message[SCRIPT_MAX];
    size_t    len;
    bool      open;                 /* inside of a message */
    bool      binary;
    bool      packed;
    size_t    fed;                  /* bytes fed before the error came */
    bool      wrong;                /* an event that must not be */
} seen_t;

typedef struct {
    const char   *script;
    const char   *expected;
    size_t        at;               /* the error's last byte; 0: not checked */
    const char   *name;
} vector_t;


static bool    deflate;             /* messages may be compressed */
static wire_t  wire;
static seen_t  seen;


/* --- scripts */

static unsigned
hex(const char *p)
{
    unsigned  v;

    if (sscanf(p, "%2x", &v) != 1) {
        diag("bad script at %s", p);
        exit(2);
    }

    return v;
}


static void
wire_frame(uint8_t first, const char *payload, size_t len, size_t times)
{
    size_t    i, n;
    uint8_t  *p;

    static const uint8_t  mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

    p = wire.bytes + wire.n;
    n = len * times;

    *p++ = first;

    if (n < 126) {
        *p++ = (uint8_t) (0x80 | n);

    } else if (n < 65536) {
        *p++ = 0x80 | 126;
        *p++ = (uint8_t) (n >> 8);
        *p++ = (uint8_t) n;

    } else {
        *p++ = 0x80 | 127;
        memset(p, 0, 8);
        p[5] = (uint8_t) (n >> 16);
        p[6] = (uint8_t) (n >> 8);
        p[7] = (uint8_t) n;
        p += 8;
    }

    memcpy(p, mask, 4);
    p += 4;

    for (i = 0; i < n; i++) {
        *p++ = (uint8_t) payload[i % len] ^ mask[i % 4];
    }

    wire.n = (size_t) (p - wire.bytes);
}


static void
wire_script(const char *s)
{
    size_t    times;
    uint8_t   first;
    const char  *end;

    wire.n = 0;

    while (*s) {
        end = s + strcspn(s, " ");

        if (*s == '=') {
            for (s++; s < end; s += 2) {
                wire.bytes[wire.n++] = (uint8_t) hex(s);
            }

        } else {
            first = (uint8_t) hex(s);
            s += 2;
            times = 1;

            if (*s == '*') {
                times = strtoul(s + 1, (char **) &s, 10);
            }

            s++;
            wire_frame(first, s, (size_t) (end - s), times);
        }

        s = *end ? end + 1 : end;
    }
}


/* --- what comes out */

static void
say(const char *s)
{
    size_t  n;

    n = strlen(s);

    if (n < sizeof(seen.text) - seen.n) {
        memcpy(seen.text + seen.n, s, n + 1);
        seen.n += n;
    }
}


static void
say_bytes(const char *what, const uint8_t *p, size_t n)
{
    size_t  i;
    char    c[40];

    say(seen.n ? " " : "");
    say(what);
    say("[");

    for (i = 1; i < n && p[i] == p[0]; i++) { /* void */ }

    if (n > 20 && i == n) {
        sprintf(c, "*%zu:", n);
        say(c);
        n = 1;
    }

    for (i = 0; i < n; i++) {
        sprintf(c, (p[i] > 0x20 && p[i] < 0x7f) ? "%c" : "\\x%02x", p[i]);
        say(c);
    }

    say("]");
}


static void
see_data(const notify_codec_event_t *ev)
{
    if (ev->first == seen.open || (seen.open && ev->binary != seen.binary)
        || (seen.open && ev->packed != seen.packed)
        || (ev->len == 0 && !ev->last) || ev->data == NULL)
    {
        seen.wrong = true;
    }

    if (ev->first) {
        seen.len = 0;
    }

    memcpy(seen.message + seen.len, ev->data, ev->len);
    seen.len += ev->len;

    seen.open = !ev->last;
    seen.binary = ev->binary;
    seen.packed = ev->packed;

    if (ev->last) {
        say_bytes(ev->packed ? ev->binary ? "packed-binary" : "packed-text"
                             : ev->binary ? "binary" : "text",
                  seen.message, seen.len);
    }
}


static void
see(const notify_codec_event_t *ev)
{
    char  what[40];

    if ((ev->why != NULL) != (ev->type == NOTIFY_CODEC_ERROR)
        || (ev->code != 0) != (ev->type == NOTIFY_CODEC_ERROR
                               || ev->type == NOTIFY_CODEC_CLOSE))
    {
        seen.wrong = true;
    }

    switch (ev->type) {

    case NOTIFY_CODEC_NONE:
        if (ev->data != NULL || ev->len != 0) {
            seen.wrong = true;
        }

        break;

    case NOTIFY_CODEC_DATA:
        see_data(ev);
        break;

    case NOTIFY_CODEC_PING:
        say_bytes("ping", ev->data, ev->len);
        break;

    case NOTIFY_CODEC_PONG:
        say_bytes("pong", ev->data, ev->len);
        break;

    case NOTIFY_CODEC_CLOSE:
        sprintf(what, "close%u", ev->code);
        say_bytes(what, ev->len ? ev->data + 2 : ev->data,
                  ev->len ? ev->len - 2 : 0);
        break;

    case NOTIFY_CODEC_ERROR:
        sprintf(what, "%serror%u", seen.n ? " " : "", ev->code);
        say(what);
        break;
    }
}


/* --- feeding */

/* one piece, from a copy at a guard page; false when nothing more may come */

static bool
feed(notify_codec_t *cd, const uint8_t *bytes, size_t n, uint64_t max)
{
    size_t                 used;
    uint8_t               *p;
    notify_codec_event_t   ev, again;

    p = test_guard(bytes, n);

    do {
        used = notify_codec_feed(cd, p, n, max, &ev);

        if (used > n || (used < n && ev.type == NOTIFY_CODEC_NONE)) {
            seen.wrong = true;
            return false;
        }

        see(&ev);

        p += used;
        n -= used;

        if (ev.type == NOTIFY_CODEC_ERROR) {

            if (n != 0 || notify_codec_idle(cd)) {
                seen.wrong = true;
            }

            /* an error is final */

            p = test_guard("\x81\x80mask", 6);

            if (notify_codec_feed(cd, p, 6, max, &again) != 6
                || again.type != NOTIFY_CODEC_ERROR || again.code != ev.code
                || again.why != ev.why)
            {
                seen.wrong = true;
            }

            return false;
        }

        if (ev.type == NOTIFY_CODEC_CLOSE) {

            if (n != 0 || notify_codec_idle(cd)) {
                seen.wrong = true;
            }

            /* what follows a close is nothing */

            p = test_guard("\xff\x00", 2);

            if (notify_codec_feed(cd, p, 2, max, &again) != 2
                || again.type != NOTIFY_CODEC_NONE)
            {
                seen.wrong = true;
            }

            return false;
        }

    } while (n != 0);

    return true;
}


/*
 * Feeds the wire in pieces: first bytes, then step at a time.  Between two of
 * them the codec moves to another place, or is forgotten when it is idle.
 */

static void
run(size_t first, size_t step, uint64_t max)
{
    size_t           i, n;
    notify_codec_t   cd, moved;

    memset(&seen, 0, offsetof(seen_t, message));
    seen.len = 0;
    seen.open = false;
    seen.wrong = false;
    seen.fed = 0;

    memset(&cd, 0, sizeof(cd));
    cd.deflate = deflate;

    for (i = 0; i < wire.n; i += n) {
        n = (i == 0 && first) ? first : step;

        if (n > wire.n - i) {
            n = wire.n - i;
        }

        if (!feed(&cd, wire.bytes + i, n, max)) {
            seen.fed = i + n;
            return;
        }

        moved = cd;
        memset(&cd, 0xa5, sizeof(cd));

        if (notify_codec_idle(&moved)) {
            memset(&moved, 0, sizeof(moved));
            moved.deflate = deflate;
        }

        cd = moved;
    }
}


static void
check(const char *script, uint64_t max, const char *expected, size_t at,
    const char *name)
{
    size_t  cut, stride, bad;

    wire_script(script);

    run(0, wire.n, max);
    is_str(seen.text, expected, "%s: whole", name);
    ok(!seen.wrong, "%s: whole, each event is in order", name);

    run(0, 1, max);
    is_str(seen.text, expected, "%s: byte by byte", name);
    ok(!seen.wrong, "%s: byte by byte, each event is in order", name);

    if (at) {
        is(seen.fed, at, "%s: the error comes with its byte", name);
    }

    /* long ones are cut at some places, the beginning at all */

    bad = 0;
    stride = wire.n / 400 + 1;

    for (cut = 1; cut < wire.n; cut += (cut < 300) ? 1 : stride) {
        run(cut, wire.n, max);

        if ((seen.wrong || strcmp(seen.text, expected) != 0) && bad++ == 0) {
            diag("cut at %zu: %s", cut, seen.text);
        }
    }

    is(bad, 0, "%s: cut at every place", name);
}


static void
check_all(const vector_t *v, size_t n, uint64_t max)
{
    for ( /* void */ ; n > 0; n--, v++) {
        check(v->script, max, v->expected, v->at, v->name);
    }
}


#define CHECK_ALL(vectors, max)                                               \
    check_all(vectors, sizeof(vectors) / sizeof(vectors[0]), max)


/* --- the cases */

static const vector_t  messages[] = {
    { "81:", "text[]", 0, "an empty text" },
    { "82:", "binary[]", 0, "an empty binary" },
    { "81:Hello", "text[Hello]", 0, "a text" },
    { "=818537fa213d7f9f4d5158", "text[Hello]", 0, "RFC 6455, 5.7, masked" },
    { "82:\xff\xfe\x01", "binary[\\xff\\xfe\\x01]", 0,
      "a binary that is no UTF-8" },
    { "81*125:a", "text[*125:a]", 0, "125 bytes, the longest short length" },
    { "81*126:a", "text[*126:a]", 0, "126 bytes, the first 16-bit length" },
    { "81*127:a", "text[*127:a]", 0, "127 bytes" },
    { "82*128:\xfe", "binary[*128:\\xfe]", 0, "128 bytes" },
    { "82*65535:\xfe", "binary[*65535:\\xfe]", 0,
      "65535 bytes, the last 16-bit length" },
    { "82*65536:x", "binary[*65536:x]", 0,
      "65536 bytes, the first 64-bit length" },
    { "81:a 82:b 81:c", "text[a] binary[b] text[c]", 0, "three messages" },
    { "", "", 0, "nothing" },
    { "=8185", "", 0, "half a header" },
    { "=81fe007f37fa21", "", 0, "13 bytes of a header" },
};

static const vector_t  controls[] = {
    { "89:", "ping[]", 0, "an empty ping" },
    { "89:payload", "ping[payload]", 0, "a ping" },
    { "89:\xff\x80", "ping[\\xff\\x80]", 0, "a ping of any bytes" },
    { "89*125:p", "ping[*125:p]", 0, "the longest ping" },
    { "8a:", "pong[]", 0, "an empty pong nobody asked for" },
    { "8a:late", "pong[late]", 0, "a pong" },
    { "89*126:p", "error1002", 2, "a ping that is too long" },
    { "=8aff", "error1002", 2, "a pong with a 64-bit length" },
    { "88*126:p", "error1002", 2, "a close that is too long" },
    { "09:a", "error1002", 1, "a fragmented ping" },
    { "0a:a", "error1002", 1, "a fragmented pong" },
    { "08:", "error1002", 1, "a fragmented close" },
    { "89:1 89:2 8a:3 89:4", "ping[1] ping[2] pong[3] ping[4]", 0,
      "control frames in a row" },
};

static const vector_t  headers[] = {
    { "c1:a", "error1002", 1, "RSV1" },
    { "a1:a", "error1002", 1, "RSV2" },
    { "91:a", "error1002", 1, "RSV3" },
    { "f9:a", "error1002", 1, "all reserved bits, on a ping" },
    { "81:a c1:b", "text[a] error1002", 8, "RSV1 after a good message" },
    { "83:", "error1002", 1, "opcode 3" },
    { "84:a", "error1002", 1, "opcode 4" },
    { "85:", "error1002", 1, "opcode 5" },
    { "86:a", "error1002", 1, "opcode 6" },
    { "87:", "error1002", 1, "opcode 7" },
    { "8b:", "error1002", 1, "opcode 11" },
    { "8c:a", "error1002", 1, "opcode 12" },
    { "8d:", "error1002", 1, "opcode 13" },
    { "8e:a", "error1002", 1, "opcode 14" },
    { "8f:", "error1002", 1, "opcode 15" },
    { "=810548656c6c6f", "error1002", 2, "a text without a mask" },
    { "=8900", "error1002", 2, "a ping without a mask" },
    { "=81fe007d", "error1002", 4, "125 in a 16-bit length" },
    { "=81fe0000", "error1002", 4, "0 in a 16-bit length" },
    { "=81fe007e", "", 0, "126 in a 16-bit length" },
    { "=81ff000000000000ffff", "error1002", 10, "65535 in a 64-bit length" },
    { "=81ff0000000000000001", "error1002", 10, "1 in a 64-bit length" },
    { "=81ff0000000000010000", "", 0, "65536 in a 64-bit length" },
    { "=81ff8000000000000000", "error1002", 3, "the top bit of a length" },
    { "=81ffffffffffffffffff", "error1002", 3, "all bits of a length" },
    { "=81ff7fffffffffffffff", "error1009", 10, "the greatest length" },
};

static const vector_t  fragments[] = {
    { "01:frag 80:ment", "text[fragment]", 0, "a text in two" },
    { "02:\xff 00:\xfe 80:\xfd", "binary[\\xff\\xfe\\xfd]", 0,
      "a binary in three" },
    { "01: 80:", "text[]", 0, "an empty text in two" },
    { "01: 00: 80:", "text[]", 0, "an empty text in three" },
    { "01: 00:middle 80:", "text[middle]", 0, "only the middle has bytes" },
    { "01:a 80:", "text[a]", 0, "an empty last fragment" },
    { "01: 80:a", "text[a]", 0, "an empty first fragment" },
    { "01:a 89:p 80:b", "ping[p] text[ab]", 0, "a ping between fragments" },
    { "01:a 89: 8a:q 00:b 89:r 80:c", "ping[] pong[q] ping[r] text[abc]", 0,
      "control frames between fragments" },
    { "01:a 88:\x03\xe8", "close1000[]", 0, "a close between fragments" },
    { "80:a", "error1002", 1, "a continuation of nothing" },
    { "00:a", "error1002", 1, "a fragment of nothing" },
    { "81:a 80:b", "text[a] error1002", 8, "a continuation of a whole one" },
    { "01:a 81:b", "error1002", 8, "a text inside of a text" },
    { "01:a 01:b", "error1002", 8, "a fragmented text inside of a text" },
    { "02:a 81:b", "error1002", 8, "a text inside of a binary" },
    { "01:a 82:b", "error1002", 8, "a binary inside of a text" },
    { "01:a 89:p 82:b", "ping[p] error1002", 15,
      "a binary after a ping inside of a text" },
    { "01:a 80:b 02:c 80:d", "text[ab] binary[cd]", 0,
      "one after the other" },
};

/* at: a frame's header has 6 bytes */

static const vector_t  texts[] = {
    { "81:\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
      "text[\\xce\\xba\\xe1\\xbd\\xb9\\xcf\\x83\\xce\\xbc\\xce\\xb5]", 0,
      "a Greek word" },
    { "01:\xce 00:\xba\xe1 00:\xbd 80:\xb9",
      "text[\\xce\\xba\\xe1\\xbd\\xb9]", 0, "characters cut by fragments" },
    { "01:\xf0\x9f 89:\xff 00:\x98 00: 80:\x80",
      "ping[\\xff] text[\\xf0\\x9f\\x98\\x80]", 0,
      "a ping inside of a character" },
    { "81:a\x80z", "error1007", 8, "a lone continuation byte" },
    { "81:abc\xff", "error1007", 10, "0xff" },
    { "81:\xc0\xaf", "error1007", 7, "an overlong slash" },
    { "81:\xe0\x80\xaf", "error1007", 8, "an overlong slash in three" },
    { "81:\xed\xa0\x80z", "error1007", 8, "a surrogate" },
    { "81:\xf4\x90\x80\x80", "error1007", 8, "beyond U+10FFFF" },
    { "81:\xf5\x80\x80\x80", "error1007", 7, "a byte that begins nothing" },
    { "81:a\xe2\x82", "error1007", 9, "a character that is cut at the end" },
    { "01:a\xe2 80:\x82", "error1007", 15, "cut at the end of the last" },
    { "01:\xe2\x82 80:", "error1007", 14, "cut before an empty last" },
    { "01:\xe2\x82 80:a", "error1007", 15, "a letter inside of a character" },
    { "01:\xf4 00:\x90 80:\x80\x80", "error1007", 14,
      "beyond U+10FFFF, in fragments" },
    { "81:\xe2\x82\xac 81:\xac", "text[\\xe2\\x82\\xac] error1007", 16,
      "a bad message after a good one" },
    { "82:\xe2\x82 81:\xac", "binary[\\xe2\\x82] error1007", 15,
      "binary bytes do not count" },
};

static const vector_t  closes[] = {
    { "88:", "close1005[]", 0, "a close without a code" },
    { "88:\x03\xe8", "close1000[]", 0, "a close with 1000" },
    { "88:\x03\xe9tab", "close1001[tab]", 0, "a close with a reason" },
    { "88:\x03\xe8\xe2\x82\xac", "close1000[\\xe2\\x82\\xac]", 0,
      "a reason that is not ASCII" },
    { "88:\x11\x34", "close4404[]", 0, "a code of the application" },
    { "88:a", "error1002", 7, "a close of one byte" },
    { "88:\x03\xed", "error1002", 8, "1005 is never sent" },
    { "88:\x03\xe8\xff", "error1007", 9, "a reason that is not UTF-8" },
    { "88:\x03\xe8\xe2\x82", "error1007", 10, "a reason that is cut" },
    { "81:a 88: 81:b", "text[a] close1005[]", 0,
      "a message behind the close" },
    { "88: =ffff", "close1005[]", 0, "rubbish behind the close" },
    { "81:a 80: 81:b", "text[a] error1002", 8,
      "a message behind an error" },
};

/* a limit of ten bytes */

static const vector_t  limits[] = {
    { "81:0123456789", "text[0123456789]", 0, "ten of ten bytes" },
    { "81:0123456789a", "error1009", 2, "eleven of ten bytes" },
    { "82*126:x", "error1009", 4, "a 16-bit length beyond the limit" },
    { "82*65536:x", "error1009", 10, "a 64-bit length beyond the limit" },
    { "01:01234 80:56789", "text[0123456789]", 0, "ten bytes in two" },
    { "01:01234 80:56789a", "error1009", 13, "eleven bytes in two" },
    { "01:01234 00:56789 00: 80:a", "error1009", 30, "eleven in four" },
    { "81:0123456789 81:0123456789", "text[0123456789] text[0123456789]", 0,
      "each message counts alone" },
    { "01:01234 89:0123456789ab 80:56789",
      "ping[0123456789ab] text[0123456789]", 0,
      "control frames do not count" },
};


/* RFC 7692, 6 and 7.2: what is inside is not looked at here */

static const vector_t  packed[] = {
    { "c1:\xf2\x48\xcd", "packed-text[\\xf2H\\xcd]", 0, "a text" },
    { "c2:ab", "packed-binary[ab]", 0, "a binary" },
    { "c1:", "packed-text[]", 0, "no bytes" },
    { "c1:\xff\xff", "packed-text[\\xff\\xff]", 0,
      "what is no UTF-8 is no error yet" },
    { "41:a 00:b 80:c", "packed-text[abc]", 0, "in three" },
    { "41: 80:c", "packed-text[c]", 0, "an empty first fragment" },
    { "41:a 80:", "packed-text[a]", 0, "an empty last fragment" },
    { "41:a 89:p 80:b", "ping[p] packed-text[ab]", 0,
      "a ping between fragments" },
    { "c1:a 81:b c2:c 82:d",
      "packed-text[a] text[b] packed-binary[c] binary[d]", 0,
      "compressed or not, message by message" },
    { "c1:a 81:\xff", "packed-text[a] error1007", 14,
      "the next one is checked" },
    { "01:a 80:b", "text[ab]", 0, "fragments that are not" },
    { "c0:a", "error1002", 1, "RSV1 on a continuation of nothing" },
    { "41:a c0:b", "error1002", 8, "RSV1 on a continuation" },
    { "41:a 40:b", "error1002", 8, "RSV1 on a fragment in the middle" },
    { "01:a c0:b", "error1002", 8, "RSV1 on a plain one's continuation" },
    { "c9:", "error1002", 1, "RSV1 on a ping" },
    { "ca:a", "error1002", 1, "RSV1 on a pong" },
    { "c8:", "error1002", 1, "RSV1 on a close" },
    { "41:a c9:p", "error1002", 8, "RSV1 on a ping between fragments" },
    { "c3:", "error1002", 1, "RSV1 on opcode 3" },
    { "e1:a", "error1002", 1, "RSV1 and RSV2" },
    { "d1:a", "error1002", 1, "RSV1 and RSV3" },
    { "a1:a", "error1002", 1, "RSV2" },
    { "91:a", "error1002", 1, "RSV3" },
    { "f1:a", "error1002", 1, "all reserved bits" },
    { "41:a c1:b", "error1002", 8, "a message inside of another" },
};

/* a limit of ten bytes: 79 when they are compressed */

static const vector_t  packed_limits[] = {
    { "c1*79:x", "packed-text[*79:x]", 0, "79 of 79 bytes" },
    { "c1*80:x", "error1009", 2, "80 of 79 bytes" },
    { "41*40:x 80*39:x", "packed-text[*79:x]", 0, "79 bytes in two" },
    { "41*40:x 80*40:x", "error1009", 48, "80 bytes in two" },
    { "c1*79:x 81*11:x", "packed-text[*79:x] error1009", 87,
      "the next one is not" },
};


static void
test_packed(void)
{
    deflate = true;

    CHECK_ALL(packed, 4096);
    CHECK_ALL(packed_limits, 10);
    CHECK_ALL(messages, 100000);
    CHECK_ALL(fragments, 4096);

    deflate = false;

    is(notify_codec_bound(0), 64, "what is compressed of nothing");
    ok(notify_codec_bound(UINT64_MAX) == UINT64_MAX,
       "what is compressed of anything");
    ok(notify_codec_bound(UINT64_MAX / 2 - 1) > UINT64_MAX / 2,
       "what is compressed of much");
}


static void
test_limits(void)
{
    uint8_t               *p;
    notify_codec_t         cd;
    notify_codec_event_t   ev;

    CHECK_ALL(limits, 10);

    check("81:", 0, "text[]", 0, "no byte of none");
    check("81:a", 0, "error1009", 2, "a byte of none");
    check("=82ff7fffffffffffffff", UINT64_MAX, "", 0, "without a limit");

    /* the configuration changes inside of a message */

    memset(&cd, 0, sizeof(cd));
    wire_script("01:01234 80:");

    p = test_guard(wire.bytes, wire.n);
    is(notify_codec_feed(&cd, p, wire.n, 10, &ev), 11, "five of ten bytes");
    notify_codec_feed(&cd, p + 11, wire.n - 11, 4, &ev);
    is(ev.code, 1009, "five bytes are too much when the limit is four now");
}


static void
test_empty(void)
{
    bool            more;
    size_t          i, k;
    notify_codec_t  cd;

    for (i = 0; i < 2; i++) {
        memset(&seen, 0, sizeof(seen));
        memset(&cd, 0, sizeof(cd));

        /* those of the message before do not count */

        wire_script("01: 80:y 01:");
        more = feed(&cd, wire.bytes, wire.n, 100);

        wire_script("00:");

        for (k = 1; more && k < NOTIFY_EMPTY_FRAGMENTS_MAX + i; k++) {
            more = feed(&cd, wire.bytes, wire.n, 100);
        }

        is(k, NOTIFY_EMPTY_FRAGMENTS_MAX + i, "all of them are looked at");

        if (more) {
            wire_script("89: 00:x 80:");
            feed(&cd, wire.bytes, wire.n, 100);
        }

        is_str(seen.text, i ? "text[y] error1008"
                            : "text[y] ping[] text[x]",
               "%zu empty fragments", NOTIFY_EMPTY_FRAGMENTS_MAX + i);
    }
}


/* payloads of all lengths, places in memory, and cuts are unmasked */

static void
test_unmask(void)
{
    long                   bad;
    size_t                 len, shift, cut, used, i;
    uint8_t                plain[80], frame[128], copy[160], *p;
    notify_codec_t         cd;
    notify_codec_event_t   ev;

    static const uint8_t  mask[4] = { 0x00, 0x80, 0x55, 0xff };

    for (i = 0; i < sizeof(plain); i++) {
        plain[i] = (uint8_t) (i * 37 + 11);
    }

    bad = 0;

    for (len = 1; len <= sizeof(plain); len++) {

        frame[0] = 0x82;
        frame[1] = (uint8_t) (0x80 | len);
        memcpy(frame + 2, mask, 4);

        for (i = 0; i < len; i++) {
            frame[6 + i] = plain[i] ^ mask[i % 4];
        }

        for (shift = 0; shift < 17; shift++) {
            for (cut = 0; cut < len; cut += 1 + len / 24) {

                p = copy + shift;
                memset(copy, 0xee, sizeof(copy));
                memcpy(p, frame, 6 + len);
                memset(&cd, 0, sizeof(cd));

                used = notify_codec_feed(&cd, p, 6 + cut, 1000, &ev);
                used += notify_codec_feed(&cd, p + used, 6 + len - used,
                                          1000, &ev);

                if (used != 6 + len || !ev.last
                    || memcmp(p + 6, plain, len) != 0
                    || p[6 + len] != 0xee)
                {
                    bad++;
                }
            }
        }
    }

    is(bad, 0, "payloads are unmasked at each place, cut anywhere");
}


/* all codes, by the list of RFC 6455, 7.4 and IANA's registry */

static void
test_codes(void)
{
    long                   bad;
    bool                   want;
    unsigned               code;
    uint8_t                frame[8];
    notify_codec_t         cd;
    notify_codec_event_t   ev;

    bad = 0;

    for (code = 0; code <= 65535; code++) {
        want = code == 1000 || code == 1001 || code == 1002 || code == 1003
               || code == 1007 || code == 1008 || code == 1009
               || code == 1010 || code == 1011 || code == 1012
               || code == 1013 || code == 1014
               || (code >= 3000 && code < 5000);

        memset(&cd, 0, sizeof(cd));
        memcpy(frame, "\x88\x82\0\0\0\0", 6);
        frame[6] = (uint8_t) (code >> 8);
        frame[7] = (uint8_t) code;

        notify_codec_feed(&cd, frame, 8, 1000, &ev);

        if (notify_close_valid(code) != want
            || ev.type != (want ? NOTIFY_CODEC_CLOSE : NOTIFY_CODEC_ERROR)
            || ev.code != (want ? code : 1002))
        {
            bad++;
        }
    }

    is(bad, 0, "each close code is taken or refused rightly");
    ok(!notify_close_valid(65536 + 1000), "no code has more than 16 bits");
}


static void
test_idle(void)
{
    size_t          i, k;
    char            got[64];
    notify_codec_t  cd;

    /* what is idle before the first byte and after each: i, else a dot */

    static const char *const  cases[][2] = {
        { "81:ab", "i.......i" },
        { "89:a 8a:", "i......i.....i" },
        { "01:a 89: 80:", "i..................i" },
    };

    for (k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        memset(&cd, 0, sizeof(cd));
        memset(&seen, 0, sizeof(seen));
        wire_script(cases[k][0]);

        for (i = 0; i < wire.n; i++) {
            got[i] = notify_codec_idle(&cd) ? 'i' : '.';
            feed(&cd, wire.bytes + i, 1, 100);
        }

        got[i] = notify_codec_idle(&cd) ? 'i' : '.';
        got[i + 1] = '\0';

        is_str(got, cases[k][1], "idle only between messages: %s",
               cases[k][0]);
    }
}


/* events point into the caller's buffer where a payload lies there whole */

static void
test_in_place(void)
{
    uint8_t               *p;
    notify_codec_t         cd;
    notify_codec_event_t   ev;

    wire_script("89:abc 81:def 8a:");
    p = test_guard(wire.bytes, wire.n);
    memset(&cd, 0, sizeof(cd));

    is(notify_codec_feed(&cd, p, wire.n, 100, &ev), 9, "up to the ping");
    ok(ev.data == p + 6, "a ping's payload is not copied");

    is(notify_codec_feed(&cd, p + 9, wire.n - 9, 100, &ev), 9,
       "up to the text");
    ok(ev.data == p + 15, "a text is not copied");

    is(notify_codec_feed(&cd, p + 18, wire.n - 18, 100, &ev), 6,
       "up to the pong");
    ok(ev.data != NULL && ev.len == 0, "an empty payload is not NULL");

    is(notify_codec_feed(&cd, p, 0, 100, &ev), 0, "nothing is fed");
    is(ev.type, NOTIFY_CODEC_NONE, "and nothing comes out");
    is(notify_codec_feed(&cd, NULL, 0, 100, &ev), 0, "nothing, nowhere");

    /* a piece of a text comes before the rest has */

    p = test_guard("\x81\x85\0\0\0\0He", 8);
    is(notify_codec_feed(&cd, p, 8, 100, &ev), 8, "two bytes of five");
    is(ev.type, NOTIFY_CODEC_DATA, "come out as a piece");
    ok(ev.first && !ev.last && ev.len == 2, "which is the first, not last");
}


static void
test_heads(void)
{
    size_t   i, n;
    uint8_t  out[NOTIFY_HEAD_MAX];

    static const struct {
        unsigned      opcode;
        uint64_t      len;
        const char   *head;
        size_t        n;
    } heads[] = {
        { NOTIFY_OP_TEXT, 0, "\x81\x00", 2 },
        { NOTIFY_OP_TEXT, 5, "\x81\x05", 2 },
        { NOTIFY_OP_BINARY, 125, "\x82\x7d", 2 },
        { NOTIFY_OP_TEXT, 126, "\x81\x7e\x00\x7e", 4 },
        { NOTIFY_OP_TEXT, 256, "\x81\x7e\x01\x00", 4 },
        { NOTIFY_OP_BINARY, 65535, "\x82\x7e\xff\xff", 4 },
        { NOTIFY_OP_BINARY, 65536, "\x82\x7f\0\0\0\0\0\x01\0\0", 10 },
        { NOTIFY_OP_TEXT, (uint64_t) 1 << 32, "\x81\x7f\0\0\0\x01\0\0\0\0",
          10 },
        { NOTIFY_OP_TEXT, INT64_MAX,
          "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10 },
    };

    for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        n = notify_frame_head(out, heads[i].opcode, heads[i].len);

        is_mem(out, n, heads[i].head, heads[i].n, "the head of %llu bytes",
               (unsigned long long) heads[i].len);
    }
}


static void
test_controls(void)
{
    size_t   n;
    char     reason[200];
    uint8_t  out[NOTIFY_FRAME_CONTROL_MAX], payload[200];

    memset(payload, 'p', sizeof(payload));

    n = notify_frame_control(out, NOTIFY_OP_PING, NULL, 0);
    is_mem(out, n, "\x89\x00", 2, "an empty ping");

    n = notify_frame_control(out, NOTIFY_OP_PONG, payload, 3);
    is_mem(out, n, "\x8a\x03ppp", 5, "a pong");

    n = notify_frame_control(out, NOTIFY_OP_PING, payload, 125);
    is(n, 127, "the longest ping");

    n = notify_frame_control(out, NOTIFY_OP_PING, payload, 126);
    is(n, 127, "no ping is longer");
    is(out[1], 125, "and its length says so");

    n = notify_frame_close(out, 1000, NULL);
    is_mem(out, n, "\x88\x02\x03\xe8", 4, "a close without a reason");

    n = notify_frame_close(out, 1012, "restart");
    is_mem(out, n, "\x88\x09\x03\xf4restart", 11, "a close with a reason");

    n = notify_frame_close(out, 0, "ignored");
    is_mem(out, n, "\x88\x00", 2, "a close with 0 is empty");

    n = notify_frame_close(out, NOTIFY_CLOSE_NONE, "ignored");
    is_mem(out, n, "\x88\x00", 2, "a close with 1005 is empty");

    n = notify_frame_close(out, 1006, NULL);
    is_mem(out, n, "\x88\x00", 2, "a close with 1006 is empty");

    memset(reason, 'r', sizeof(reason));
    reason[123] = '\0';
    n = notify_frame_close(out, 1000, reason);
    is(n, 127, "a reason of 123 bytes fits");

    reason[123] = 'r';
    reason[199] = '\0';
    n = notify_frame_close(out, 1000, reason);
    is(n, 127, "a longer one is cut");

    memcpy(reason + 121, "\xe2\x82\xac", 3);
    n = notify_frame_close(out, 1000, reason);
    is(n, 125, "before the character that crosses the end");
    is(out[1], 123, "and the length says so");
}


int
main(void)
{
    CHECK_ALL(messages, SCRIPT_MAX);
    CHECK_ALL(controls, 1000);
    CHECK_ALL(headers, 1000000);
    CHECK_ALL(fragments, 1000);
    CHECK_ALL(texts, 1000);
    CHECK_ALL(closes, 1000);

    test_packed();
    test_limits();
    test_empty();
    test_unmask();
    test_codes();
    test_idle();
    test_in_place();
    test_heads();
    test_controls();

    return test_done();
}
