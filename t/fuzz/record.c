
/*
 * A batch of another version: whatever is said to be valid can be acted on,
 * and what a codec was left as is valid.
 */


#include "fuzz.h"
#include "notify_record.h"


#define RECORDS_MAX  4
#define BODY_MAX     4096


static uint8_t  body[BODY_MAX];


static size_t
put(size_t at, const void *p, size_t n)
{
    fuzz_check(BODY_MAX - at >= n);
    memcpy(body + at, p, n);

    return at + n;
}


static void
change(fuzz_t *f, void *p, size_t n)
{
    size_t    at;
    uint8_t  *bytes = p;

    at = fuzz_byte(f) % n;
    bytes[at] = fuzz_byte(f);
}


/* a record as it is written, of a codec that some frames have left so */

static size_t
record(fuzz_t *f, size_t at, uint32_t key, int *honest)
{
    size_t                 i, n, used, more;
    uint8_t                how, wire[64], zero[512];
    notify_codec_t         codec;
    notify_record_t        r;
    notify_codec_event_t   ev;

    memset(zero, 0, sizeof(zero));
    memset(&codec, 0, sizeof(codec));
    memset(&r, 0, sizeof(r));

    how = fuzz_byte(f);

    r.key = key;
    r.codec = (how & 1) ? sizeof(codec) : 0;
    r.data = r.codec ? fuzz_byte(f) : 0;
    r.tail = fuzz_byte(f);
    r.behind = r.tail / 2;
    r.window = (how & 2) ? 15 : 0;
    r.expires = how & 4;
    r.code = 1000;

    more = r.data + r.tail;

    codec.deflate = r.window != 0;
    n = fuzz_byte(f) % sizeof(wire);

    for (i = 0; i < n; i++) {
        wire[i] = fuzz_byte(f);
    }

    for (i = 0; i < n; i += used) {
        used = notify_codec_feed(&codec, wire + i, n - i, 4096, &ev);

        if (ev.type == NOTIFY_CODEC_ERROR || ev.type == NOTIFY_CODEC_CLOSE) {

            /* no such socket is handed over */

            fuzz_check(!notify_codec_valid(&codec));
            memset(&codec, 0, sizeof(codec));
            codec.deflate = r.window != 0;
        }

        fuzz_check(notify_codec_valid(&codec));
    }

    /* what another version may have written there */

    if (how & 8) {
        *honest = 0;
        change(f, &codec, sizeof(codec));
        change(f, &codec, offsetof(notify_codec_t, control));
    }

    if (how & 16) {
        *honest = 0;
        change(f, &r, sizeof(r));
        change(f, &r, sizeof(r));
    }

    at = put(at, &r, sizeof(r));

    if (how & 1) {
        at = put(at, &codec, sizeof(codec));
    }

    return put(at, zero, more);
}


/* goes on where the other worker was, byte by byte */

static void
go_on(notify_codec_t *cd, fuzz_t *f)
{
    size_t                 i;
    uint8_t                message, *wire;
    notify_codec_event_t   ev;

    for (i = 0; i < f->n; i++) {
        wire = fuzz_copy(f->p + i, 1);
        message = cd->message;

        fuzz_check(notify_codec_feed(cd, wire, 1, 4096, &ev) == 1);
        fuzz_check(ev.type != NOTIFY_CODEC_DATA || message != 0);

        if (ev.data != NULL) {
            (void) fuzz_read(ev.data, ev.len);
        }

        free(wire);

        if (ev.type == NOTIFY_CODEC_ERROR || ev.type == NOTIFY_CODEC_CLOSE) {
            fuzz_check(!notify_codec_valid(cd));
            return;
        }

        fuzz_check(notify_codec_valid(cd));
    }
}


static void
act(const uint8_t *p, size_t size, uint32_t n, fuzz_t *f)
{
    uint32_t          i;
    notify_codec_t    codec;
    notify_record_t   r;

    for (i = 0; i < n; i++) {
        fuzz_check(size >= sizeof(r));
        memcpy(&r, p, sizeof(r));
        p += sizeof(r);
        size -= sizeof(r);

        fuzz_check(r.key < n && r.member == 0);
        fuzz_check(r.codec == 0 || r.codec == sizeof(codec));
        fuzz_check(r.codec != 0 || r.data == 0);
        fuzz_check(r.window == 0 || (r.window >= 8 && r.window <= 15));
        fuzz_check(r.expires == 0 || notify_close_valid(r.code));

        if (r.codec) {
            fuzz_check(size >= sizeof(codec));
            memcpy(&codec, p, sizeof(codec));
            p += sizeof(codec);
            size -= sizeof(codec);

            fuzz_check(codec.message <= NOTIFY_OP_BINARY && codec.error == 0);
            fuzz_check(!codec.packed || codec.deflate);
            fuzz_check(!codec.deflate || r.window != 0);
            fuzz_check(codec.utf8.need <= 3);

            go_on(&codec, f);
        }

        fuzz_check(size >= r.data && size - r.data >= r.tail);
        p += r.data + r.tail;
        size -= r.data + r.tail;
    }

    fuzz_check(size == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                     honest;
    size_t                  at;
    fuzz_t                  f;
    uint8_t                 how, *copy;
    uint32_t                i, n, keys[RECORDS_MAX], members[RECORDS_MAX];
    notify_batch_reader_t   reader;

    f.p = data;
    f.n = size;
    how = fuzz_byte(&f);
    n = 1 + how % RECORDS_MAX;
    at = 0;
    honest = how >= 8;

    for (i = 0; i < n; i++) {
        keys[i] = i;
        members[i] = 0;

        if (how >= 8) {
            at = record(&f, at, n - 1 - i, &honest);
        }
    }

    if (how < 8) {

        /* the bytes themselves */

        at = (f.n < BODY_MAX) ? f.n : BODY_MAX;
        at = put(0, f.p, at);
    }

    copy = fuzz_copy(body, at);

    memset(&reader, 0, sizeof(reader));
    reader.piece = copy;
    reader.left = (uint32_t) at;
    reader.rest = at;

    if (notify_records_valid(NULL, reader, keys, members, n)) {
        act(copy, at, n, &f);

    } else {
        fuzz_check(!honest);
    }

    free(copy);

    return 0;
}
