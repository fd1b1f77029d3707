
/*
 * What a peer sends gives the same events whole, in pieces, byte by byte, and
 * read by reference.h.  The input is either the bytes themselves, or says
 * which frames they are, since a fuzzer seldom finds a mask and a length that
 * fit.
 */


#include "fuzz.h"
#include "notify_codec.h"
#include "reference.h"


#define WIRE_MAX  8192
#define EMPTY     (NOTIFY_EMPTY_FRAGMENTS_MAX - 1)


typedef struct {
    reference_t   out;
    const char   *why;                  /* of the error, or NULL */
    int           open;                 /* inside of a message */
} seen_t;


static uint8_t      wire[WIRE_MAX];
static seen_t       whole, pieces, bytes;
static reference_t  reference;


/* a message whose fragments are almost too many without payload */

static size_t
make_empty(void)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < EMPTY; i++) {
        wire[n++] = i ? 0x00 : 0x01;
        wire[n++] = 0x80;
        memset(wire + n, 0, 4);
        n += 4;
    }

    return n;
}


/* frames, mostly good ones, out of the input's bytes, behind n others */

static size_t
make_wire(fuzz_t *f, size_t n, bool deflate)
{
    size_t    i, len, at;
    uint8_t   kind, mask[4];

    static const uint8_t  first[] = {
        0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x80, 0x00
    };

    while (f->n > 0 && WIRE_MAX - n > 14 + 300) {

        kind = fuzz_byte(f);
        wire[n++] = (kind < 250) ? first[kind % sizeof(first)]
                    : (kind < 252) ? 0x88 : fuzz_byte(f);

        if (deflate && (kind & 32)) {
            wire[n - 1] ^= NOTIFY_FRAME_RSV1;
        }

        len = fuzz_byte(f);

        if (kind % 7 == 0) {
            len += 45;

        } else if (kind % 7 != 1) {
            len %= 12;
        }

        if (len < 126) {
            wire[n++] = (uint8_t) (0x80 | len);

        } else {
            wire[n++] = 0x80 | 126;
            wire[n++] = (uint8_t) (len >> 8);
            wire[n++] = (uint8_t) len;
        }

        for (i = 0; i < 4; i++) {
            mask[i] = fuzz_byte(f);
            wire[n++] = mask[i];
        }

        at = n;

        for (i = 0; i < len; i++) {
            wire[n++] = fuzz_byte(f) ^ mask[i % 4];
        }

        if (kind == 250 && len >= 2) {
            wire[at] = 0x03 ^ mask[0];
            wire[at + 1] = 0xe8 ^ mask[1];
        }
    }

    return n;
}


static void
see(seen_t *s, const notify_codec_event_t *ev)
{
    switch (ev->type) {

    case NOTIFY_CODEC_NONE:
        fuzz_check(ev->data == NULL && ev->len == 0 && ev->code == 0);
        break;

    case NOTIFY_CODEC_DATA:
        fuzz_check(ev->first == !s->open);
        fuzz_check(ev->len != 0 || ev->last);

        if (ev->first) {
            reference_mark(&s->out, ev->packed ? ev->binary ? 'B' : 'T'
                                               : ev->binary ? 'b' : 't');
        }

        reference_put(&s->out, 'D', ev->data, ev->len);
        s->open = !ev->last;

        if (ev->last) {
            reference_mark(&s->out, '.');
        }

        break;

    case NOTIFY_CODEC_PING:
    case NOTIFY_CODEC_PONG:
        fuzz_check(ev->len <= NOTIFY_CONTROL_MAX);
        reference_mark(&s->out, ev->type == NOTIFY_CODEC_PING ? 'p' : 'o');
        reference_put(&s->out, ev->type == NOTIFY_CODEC_PING ? 'P' : 'O',
                      ev->data, ev->len);
        break;

    case NOTIFY_CODEC_CLOSE:
        fuzz_check(ev->len <= NOTIFY_CONTROL_MAX);
        reference_mark(&s->out, 'c');
        reference_put(&s->out, 'C', ev->data, ev->len);
        s->out.code = ev->code;
        break;

    case NOTIFY_CODEC_ERROR:
        fuzz_check(ev->why != NULL);
        s->out.code = ev->code;
        s->out.error = 1;
        s->why = ev->why;
        break;
    }
}


/* all bytes of one piece; 0 when no more may come */

static int
feed(notify_codec_t *cd, seen_t *s, const uint8_t *p, size_t n, uint64_t max)
{
    size_t                 used, i;
    uint8_t               *copy;
    notify_codec_event_t   ev;

    copy = fuzz_copy(p, n);

    for (i = 0; i < n; i += used) {
        used = notify_codec_feed(cd, copy + i, n - i, max, &ev);

        fuzz_check(used >= 1 && used <= n - i);
        fuzz_check(ev.type != NOTIFY_CODEC_NONE || used == n - i);

        see(s, &ev);

        if (ev.type == NOTIFY_CODEC_ERROR || ev.type == NOTIFY_CODEC_CLOSE) {
            fuzz_check(used == n - i && !notify_codec_idle(cd));
            break;
        }

        fuzz_check(notify_codec_valid(cd));
    }

    free(copy);

    s->out.at += n;

    return s->out.code == 0;
}


/* cuts that say nothing are after each byte */

static void
run(seen_t *s, fuzz_t *cuts, size_t n, uint64_t max, bool deflate)
{
    size_t           i, piece;
    notify_codec_t   cd;

    memset(&cd, 0, sizeof(cd));
    cd.deflate = deflate;

    s->out.n = 0;
    s->out.code = 0;
    s->out.error = 0;
    s->out.at = 0;
    s->why = NULL;
    s->open = 0;

    for (i = 0; i < n; i += piece) {
        piece = cuts ? fuzz_piece(cuts, n - i) : n;

        if (!feed(&cd, s, wire + i, piece, max)) {
            return;
        }

        if (notify_codec_idle(&cd)) {
            fuzz_check(!s->open);
            memset(&cd, 0, sizeof(cd));
            cd.deflate = deflate;
        }
    }
}


/* in pieces some of a text comes out before its bad byte */

static void
compare(const seen_t *s, const reference_t *r)
{
    fuzz_check(s->out.code == r->code && s->out.error == r->error);
    fuzz_check(s->out.n == r->n
               || (s->out.n < r->n && r->error
                   && r->code == NOTIFY_CLOSE_BAD_DATA));
    fuzz_check(memcmp(s->out.log, r->log, s->out.n * sizeof(r->log[0])) == 0);
}


/* a close that we print is one that a codec takes, once it is masked */

static void
send_back(fuzz_t *f, uint8_t how)
{
    char                   reason[256];
    size_t                 n;
    unsigned               code;
    uint8_t                out[NOTIFY_FRAME_CONTROL_MAX];
    uint8_t                in[sizeof(out) + 4];
    notify_codec_t         cd;
    notify_codec_event_t   ev;

    code = (unsigned) fuzz_byte(f) << 8 | fuzz_byte(f);

    if (how & 8) {
        code = 1000 + code % 16;
    }

    n = (f->n < sizeof(reason)) ? f->n : sizeof(reason) - 1;
    memcpy(reason, f->p, n);
    reason[n] = '\0';

    if (!notify_utf8_valid((uint8_t *) reason, strlen(reason))) {
        memset(reason, 'r', n);
    }

    n = notify_frame_close(out, code, reason);
    fuzz_check(n >= 2 && n <= sizeof(out) && out[1] == n - 2);

    in[0] = out[0];
    in[1] = 0x80 | out[1];
    memset(in + 2, 0, 4);
    memcpy(in + 6, out + 2, n - 2);

    memset(&cd, 0, sizeof(cd));
    notify_codec_feed(&cd, in, n + 4, 0, &ev);

    fuzz_check(ev.type == NOTIFY_CODEC_CLOSE);
    fuzz_check(ev.code == (notify_close_valid(code) ? code
                                                    : NOTIFY_CLOSE_NONE));
    fuzz_check(ev.len < 2
               || memcmp(ev.data + 2, reason, ev.len - 2) == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    n, len;
    fuzz_t    f, cuts, none = { NULL, 0 };
    uint8_t   how;
    bool      deflate;
    uint64_t  max;

    /* a byte of choices, a quarter for the cuts, the rest for the wire */

    f.p = data;
    f.n = size;
    how = fuzz_byte(&f);
    deflate = how & 16;
    max = (how & 2) ? 100 : (how & 4) ? UINT64_MAX : 4096;

    cuts.p = f.p;
    cuts.n = f.n / 4;
    f.p += cuts.n;
    f.n -= cuts.n;

    n = (how & 32) ? make_empty() : 0;

    if (how & 1) {
        n = make_wire(&f, n, deflate);

    } else {
        len = (f.n < WIRE_MAX - n) ? f.n : WIRE_MAX - n;
        memcpy(wire + n, f.p, len);
        n += len;
    }

    reference_frames(&reference, wire, n, max, deflate);

    run(&whole, NULL, n, max, deflate);
    run(&pieces, &cuts, n, max, deflate);
    run(&bytes, &none, n, max, deflate);

    compare(&whole, &reference);
    compare(&pieces, &reference);
    compare(&bytes, &reference);

    /* byte by byte all of it comes out, and no later than it must */

    fuzz_check(bytes.out.n == reference.n);
    fuzz_check(reference.code == 0 || bytes.out.at == reference.at);

    fuzz_check(whole.why == bytes.why && pieces.why == bytes.why);

    send_back(&cuts, how);

    return 0;
}
