
/*
 * A reader of frames that shares no code and no idea with src/: it has all
 * bytes at once, goes back in them as it likes, and says what RFC 6455 says in
 * the order in which it says it.  Slow, and meant to be obvious.
 */


#ifndef REFERENCE_H_INCLUDED
#define REFERENCE_H_INCLUDED


#include "fuzz.h"


#define REFERENCE_MAX  16384


/* What came out: each byte with what it is of, 'D'ata, 'P'ing, p'O'ng, ... */
typedef struct {
    uint16_t   log[3 * REFERENCE_MAX];
    size_t     n;
    unsigned   code;            /* of the close or error, or 0 */
    int        error;           /* we close, not the peer */
    size_t     at;              /* how many bytes had come then */
} reference_t;


typedef struct {
    const uint8_t   *p;
    size_t           n;
    uint64_t         max;
    uint8_t          message[REFERENCE_MAX];    /* all its fragments */
    size_t           have;
    uint64_t         declared;                  /* bytes, by their headers */
    unsigned         empty;                     /* fragments without payload */
    int              opcode;                    /* of the message, or 0 */
    int              said;                      /* that it has begun */
    int              deflate;                   /* RFC 7692 holds, */
    int              packed;                    /* for this message */
} reference_input_t;


/* RFC 3629, 4: what the bytes of a character may be */

static const struct {
    size_t   n;
    uint8_t  from[4];
    uint8_t  to[4];
} reference_utf8[] = {
    { 1, { 0x00 }, { 0x7f } },
    { 2, { 0xc2, 0x80 }, { 0xdf, 0xbf } },
    { 3, { 0xe0, 0xa0, 0x80 }, { 0xe0, 0xbf, 0xbf } },
    { 3, { 0xe1, 0x80, 0x80 }, { 0xec, 0xbf, 0xbf } },
    { 3, { 0xed, 0x80, 0x80 }, { 0xed, 0x9f, 0xbf } },
    { 3, { 0xee, 0x80, 0x80 }, { 0xef, 0xbf, 0xbf } },
    { 4, { 0xf0, 0x90, 0x80, 0x80 }, { 0xf0, 0xbf, 0xbf, 0xbf } },
    { 4, { 0xf1, 0x80, 0x80, 0x80 }, { 0xf3, 0xbf, 0xbf, 0xbf } },
    { 4, { 0xf4, 0x80, 0x80, 0x80 }, { 0xf4, 0x8f, 0xbf, 0xbf } }
};


/*
 * The first byte of a text that cannot stand where it is; n: there is none,
 * and *whole says whether the text may end here.
 */

static size_t
reference_bad(const uint8_t *p, size_t n, int *whole)
{
    size_t  i, k, row, best, len;

    *whole = 1;

    for (i = 0; i < n; i += len) {

        best = 0;
        len = 0;

        for (row = 0; row < 9; row++) {

            for (k = 0; k < reference_utf8[row].n && i + k < n; k++) {
                if (p[i + k] < reference_utf8[row].from[k]
                    || p[i + k] > reference_utf8[row].to[k])
                {
                    break;
                }
            }

            if (k == reference_utf8[row].n) {
                len = k;

            } else if (k > best) {
                best = k;
            }
        }

        if (len == 0 && i + best == n) {
            *whole = 0;
            return n;
        }

        if (len == 0) {
            return i + best;
        }
    }

    return n;
}


static void
reference_put(reference_t *r, char of, const uint8_t *p, size_t n)
{
    size_t  i;

    fuzz_check(sizeof(r->log) / sizeof(r->log[0]) - r->n > n);

    for (i = 0; i < n; i++) {
        r->log[r->n++] = (uint16_t) (of << 8 | p[i]);
    }
}


static void
reference_mark(reference_t *r, char what)
{
    static const uint8_t  nothing;

    reference_put(r, what, &nothing, 1);
}


/* always 0: no more is read */

static int
reference_end(reference_t *r, unsigned code, int error, size_t at)
{
    r->code = code;
    r->error = error;
    r->at = at;

    return 0;
}


static int
reference_code_valid(unsigned code)
{
    /* 7.4.1, the registry that it made (1012 to 1014), and 7.4.2 */

    switch (code) {

    case 1000: case 1001: case 1002: case 1003: case 1007: case 1008:
    case 1009: case 1010: case 1011: case 1012: case 1013: case 1014:
        return 1;

    default:
        return code >= 3000 && code < 5000;
    }
}


/* a whole control frame; at is where its last byte stands, plus one */

static int
reference_control(reference_t *r, unsigned opcode, const uint8_t *p, size_t n,
    size_t at)
{
    int       whole;
    unsigned  code;

    if (opcode != 8) {
        reference_mark(r, opcode == 9 ? 'p' : 'o');
        reference_put(r, opcode == 9 ? 'P' : 'O', p, n);
        return 1;
    }

    code = 1005;

    if (n == 1) {
        return reference_end(r, 1002, 1, at);
    }

    if (n >= 2) {
        code = p[0] * 256u + p[1];

        if (!reference_code_valid(code)) {
            return reference_end(r, 1002, 1, at);
        }

        if (reference_bad(p + 2, n - 2, &whole) != n - 2 || !whole) {
            return reference_end(r, 1007, 1, at);
        }
    }

    reference_mark(r, 'c');
    reference_put(r, 'C', p, n);

    return reference_end(r, code, 0, at);
}


/*
 * The n bytes of a data frame's payload that are there, behind the first at
 * bytes; last: it is all there, and ends its message.
 */

static int
reference_data(reference_t *r, reference_input_t *in, const uint8_t *payload,
    size_t n, int last, size_t at)
{
    int     whole;
    size_t  bad, good, before;

    before = in->have;

    memcpy(in->message + before, payload, n);
    in->have += n;

    bad = in->have;
    whole = 1;

    if (in->opcode == 1 && !in->packed) {
        bad = reference_bad(in->message, in->have, &whole);
    }

    good = bad - before;

    if (good == n && last && !whole) {

        /* cut off by the end: what came last is too little */

        good = n ? n - 1 : 0;

    } else {
        whole = 1;
    }

    if ((good != 0 || (last && good == n && whole)) && !in->said) {
        in->said = 1;
        reference_mark(r, in->packed ? in->opcode == 1 ? 'T' : 'B'
                                     : in->opcode == 1 ? 't' : 'b');
    }

    reference_put(r, 'D', payload, good);

    if (!whole) {
        return reference_end(r, 1007, 1, at + n);
    }

    if (good != n) {
        return reference_end(r, 1007, 1, at + good + 1);
    }

    if (last) {
        reference_mark(r, '.');

        in->have = 0;
        in->declared = 0;
        in->empty = 0;
        in->opcode = 0;
        in->packed = 0;
        in->said = 0;
    }

    return 1;
}


/* the frame that begins at *i; 0: nothing can be read behind it */

static int
reference_frame(reference_t *r, reference_input_t *in, size_t *i)
{
    int             fin, control;
    size_t          at, k, more, there;
    uint8_t         payload[REFERENCE_MAX];
    uint64_t        length, max;
    unsigned        opcode, reserved;
    const uint8_t  *p;

    p = in->p;
    at = *i;

    /* 5.2, the first byte: FIN, three RSV bits, opcode */

    fin = p[at] >= 0x80;
    opcode = p[at] % 16;
    control = opcode >= 8;
    reserved = (p[at] / 16) % 8;

    /* RFC 7692, 6.2: RSV1, on what begins a message */

    if (in->deflate && reserved == 4 && (opcode == 1 || opcode == 2)
        && in->opcode == 0)
    {
        in->packed = 1;
        reserved = 0;
    }

    if (reserved != 0
        || (opcode > 2 && opcode < 8) || opcode > 10
        || (control && !fin)
        || (opcode == 0 && in->opcode == 0)
        || (!control && opcode != 0 && in->opcode != 0))
    {
        return reference_end(r, 1002, 1, at + 1);
    }

    if (!control && opcode != 0) {
        in->opcode = (int) opcode;
    }

    if (++at == in->n) {
        return 0;
    }

    /* the second byte: MASK, length or its form */

    length = p[at] % 128;

    if (p[at] < 0x80 || (control && length > 125)) {
        return reference_end(r, 1002, 1, at + 1);
    }

    at++;
    more = (length == 126) ? 2 : (length == 127) ? 8 : 0;

    for (k = 0; k < more; k++) {

        if (at == in->n) {
            return 0;
        }

        if (k == 0 && more == 8 && p[at] >= 0x80) {
            return reference_end(r, 1002, 1, at + 1);
        }

        length = (k == 0) ? p[at] : length * 256 + p[at];
        at++;
    }

    if ((more == 2 && length < 126) || (more == 8 && length < 65536)) {
        return reference_end(r, 1002, 1, at);
    }

    /* what we allow */

    max = in->max;

    if (in->packed && max < UINT64_MAX / 2) {
        max = max + max / 2 + 64;
    }

    if (!control) {
        if (length > max || in->declared > max - length) {
            return reference_end(r, 1009, 1, at);
        }

        in->declared += length;

        if (length == 0 && !fin && ++in->empty > 1024) {
            return reference_end(r, 1008, 1, at);
        }
    }

    /* 5.3 */

    if (in->n - at < 4) {
        return 0;
    }

    there = in->n - at - 4;

    if (there > length) {
        there = (size_t) length;
    }

    for (k = 0; k < there; k++) {
        payload[k] = p[at + 4 + k] ^ p[at + k % 4];
    }

    at += 4;
    *i = at + there;

    if (!control) {
        return reference_data(r, in, payload, there, fin && there == length,
                              at)
               && there == length;
    }

    return there == length
           && reference_control(r, opcode, payload, there, at + there);
}


static void
reference_frames(reference_t *r, const uint8_t *p, size_t n, uint64_t max,
    int deflate)
{
    size_t             i;
    reference_input_t  in;

    fuzz_check(n <= REFERENCE_MAX);

    memset(&in, 0, sizeof(in));

    in.p = p;
    in.n = n;
    in.max = max;
    in.deflate = deflate;

    r->n = 0;
    r->code = 0;
    r->error = 0;
    r->at = 0;

    for (i = 0; i < n && reference_frame(r, &in, &i); /* void */) {
        /* void */
    }
}


#endif /* REFERENCE_H_INCLUDED */
