
/*
 * WebSocket frames, the server's side: a header goes byte by byte through one
 * switch, payload goes in pieces as long as they come.
 */


#include <string.h>

#include "notify_codec.h"


#define NOTIFY_CODEC_FIN      0x80
#define NOTIFY_CODEC_RSV      0x70
#define NOTIFY_CODEC_OPCODE   0x0f
#define NOTIFY_CODEC_CONTROL  0x08      /* the opcodes 8 .. 15 */
#define NOTIFY_CODEC_MASKED   0x80


enum {
    sw_start = 0,
    sw_length,
    sw_length16,
    sw_length64,
    sw_mask,
    sw_payload,
    sw_closed,          /* after a close frame */
    sw_failed           /* after an error */
};


enum {
    NOTIFY_CODEC_OK = 0,
    NOTIFY_CODEC_BAD_RSV,
    NOTIFY_CODEC_BAD_OPCODE,
    NOTIFY_CODEC_BAD_FRAGMENT,
    NOTIFY_CODEC_BAD_CONTINUATION,
    NOTIFY_CODEC_BAD_INTERLEAVE,
    NOTIFY_CODEC_BAD_MASK,
    NOTIFY_CODEC_BAD_CONTROL,
    NOTIFY_CODEC_BAD_FORM,
    NOTIFY_CODEC_BAD_LENGTH,
    NOTIFY_CODEC_BAD_CLOSE,
    NOTIFY_CODEC_BAD_CODE,
    NOTIFY_CODEC_BAD_REASON,
    NOTIFY_CODEC_BAD_TEXT,
    NOTIFY_CODEC_BAD_EMPTY,
    NOTIFY_CODEC_BAD_SIZE
};


typedef struct {
    uint16_t      code;
    const char   *why;
} notify_codec_error_t;


/* 16 bytes at a time; both compilers make plain words of it elsewhere */
typedef uint8_t  notify_codec_vector_t __attribute__((vector_size(16)));


_Static_assert(sizeof(notify_codec_t) <= 160, "kept per socket while busy");


static unsigned notify_codec_head(notify_codec_t *cd, uint8_t c, uint64_t max);
static unsigned notify_codec_first(notify_codec_t *cd, uint8_t c);
static unsigned notify_codec_second(notify_codec_t *cd, uint8_t c,
    uint64_t max);
static unsigned notify_codec_sized(notify_codec_t *cd, uint64_t max);
static unsigned notify_codec_payload(notify_codec_t *cd, uint8_t *p,
    size_t n, notify_codec_event_t *ev);
static unsigned notify_codec_data(notify_codec_t *cd, uint8_t *p, size_t n,
    notify_codec_event_t *ev);
static unsigned notify_codec_control(notify_codec_t *cd, uint8_t *p, size_t n,
    notify_codec_event_t *ev);
static unsigned notify_codec_close(notify_codec_t *cd,
    notify_codec_event_t *ev);
static void notify_codec_unmask(notify_codec_t *cd, uint8_t *p, size_t n);
static void notify_codec_fail(notify_codec_t *cd, unsigned error,
    notify_codec_event_t *ev);


static const notify_codec_error_t  notify_codec_errors[] = {

    [NOTIFY_CODEC_BAD_RSV] =
        { NOTIFY_CLOSE_PROTOCOL, "reserved bits are set" },

    [NOTIFY_CODEC_BAD_OPCODE] =
        { NOTIFY_CLOSE_PROTOCOL, "opcode is unknown" },

    [NOTIFY_CODEC_BAD_FRAGMENT] =
        { NOTIFY_CLOSE_PROTOCOL, "control frame is fragmented" },

    [NOTIFY_CODEC_BAD_CONTINUATION] =
        { NOTIFY_CLOSE_PROTOCOL, "there is no message to continue" },

    [NOTIFY_CODEC_BAD_INTERLEAVE] =
        { NOTIFY_CLOSE_PROTOCOL, "message begins inside of another" },

    [NOTIFY_CODEC_BAD_MASK] =
        { NOTIFY_CLOSE_PROTOCOL, "frame is not masked" },

    [NOTIFY_CODEC_BAD_CONTROL] =
        { NOTIFY_CLOSE_PROTOCOL, "control frame is too long" },

    [NOTIFY_CODEC_BAD_FORM] =
        { NOTIFY_CLOSE_PROTOCOL, "length is not in its shortest form" },

    [NOTIFY_CODEC_BAD_LENGTH] =
        { NOTIFY_CLOSE_PROTOCOL, "length has its top bit set" },

    [NOTIFY_CODEC_BAD_CLOSE] =
        { NOTIFY_CLOSE_PROTOCOL, "close frame has half a code" },

    [NOTIFY_CODEC_BAD_CODE] =
        { NOTIFY_CLOSE_PROTOCOL, "close code must not be sent" },

    [NOTIFY_CODEC_BAD_REASON] =
        { NOTIFY_CLOSE_BAD_DATA, "close reason is not UTF-8" },

    [NOTIFY_CODEC_BAD_TEXT] =
        { NOTIFY_CLOSE_BAD_DATA, "text is not UTF-8" },

    [NOTIFY_CODEC_BAD_EMPTY] =
        { NOTIFY_CLOSE_POLICY, "message has too many empty fragments" },

    [NOTIFY_CODEC_BAD_SIZE] =
        { NOTIFY_CLOSE_TOO_BIG, "message is too big" }
};


size_t
notify_codec_feed(notify_codec_t *cd, uint8_t *p, size_t n, uint64_t max,
    notify_codec_event_t *ev)
{
    size_t    used, piece;
    unsigned  error;

    memset(ev, 0, sizeof(notify_codec_event_t));

    if (cd->state == sw_failed) {
        notify_codec_fail(cd, cd->error, ev);
        return n;
    }

    if (cd->state == sw_closed) {
        return n;
    }

    used = 0;

    while (used < n && ev->type == NOTIFY_CODEC_NONE) {

        if (cd->state == sw_payload) {
            piece = n - used;

            if (piece > cd->left) {
                piece = (size_t) cd->left;
            }

            error = notify_codec_payload(cd, p + used, piece, ev);
            used += piece;

        } else {
            error = notify_codec_head(cd, p[used++], max);

            if (cd->state == sw_payload && cd->left == 0) {
                error = notify_codec_payload(cd, p + used, 0, ev);
            }
        }

        if (error != NOTIFY_CODEC_OK) {
            notify_codec_fail(cd, error, ev);
        }
    }

    if (cd->state == sw_failed || cd->state == sw_closed) {
        return n;
    }

    return used;
}


bool
notify_codec_idle(const notify_codec_t *cd)
{
    return cd->state == sw_start && cd->message == 0;
}


uint64_t
notify_codec_bound(uint64_t max)
{
    return (max < UINT64_MAX / 2) ? max + max / 2 + 64 : UINT64_MAX;
}


bool
notify_codec_valid(const notify_codec_t *cd)
{
    uint8_t  deflate, packed, control;

    /* lengths may be any; only 0 and 1 may be read as bool */

    memcpy(&deflate, &cd->deflate, 1);
    memcpy(&packed, &cd->packed, 1);

    if (deflate > 1 || packed > deflate || cd->begun > 1 || cd->error != 0
        || cd->empty > NOTIFY_EMPTY_FRAGMENTS_MAX)
    {
        return false;
    }

    if (cd->utf8.need > 3
        || (cd->utf8.need && (cd->utf8.low < 0x80 || cd->utf8.high > 0xbf)))
    {
        return false;
    }

    control = cd->first & NOTIFY_CODEC_CONTROL;

    if (cd->message > NOTIFY_OP_BINARY
        || (cd->state != sw_start && !control && cd->message == 0))
    {
        return false;
    }

    switch (cd->state) {

    case sw_start:
    case sw_length:
        return cd->count == 0 && cd->have == 0;

    case sw_length16:
        return cd->count >= 1 && cd->count <= 2 && cd->have == 0 && !control;

    case sw_length64:
        return cd->count >= 1 && cd->count <= 8 && cd->have == 0 && !control;

    case sw_mask:
        return cd->count < sizeof(cd->mask) && cd->have == 0
               && (!control || cd->left <= NOTIFY_CONTROL_MAX);

    case sw_payload:
        return cd->count == 0 && cd->left != 0
               && (control ? cd->left <= NOTIFY_CONTROL_MAX
                             && cd->left + cd->have <= NOTIFY_CONTROL_MAX
                           : cd->have == 0);

    default: /* sw_closed, sw_failed */
        return false;
    }
}


bool
notify_close_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014)
           || (code >= 3000 && code <= 4999);
}


size_t
notify_frame_head(uint8_t out[NOTIFY_HEAD_MAX], unsigned opcode, uint64_t len)
{
    int     shift;
    size_t  n;

    out[0] = (uint8_t) (NOTIFY_CODEC_FIN | opcode);

    if (len < 126) {
        out[1] = (uint8_t) len;
        return 2;
    }

    if (len <= UINT16_MAX) {
        out[1] = 126;
        shift = 8;

    } else {
        out[1] = 127;
        shift = 56;
    }

    for (n = 2; shift >= 0; shift -= 8) {
        out[n++] = (uint8_t) (len >> shift);
    }

    return n;
}


size_t
notify_frame_control(uint8_t out[NOTIFY_FRAME_CONTROL_MAX], unsigned opcode,
    const uint8_t *p, size_t n)
{
    if (n > NOTIFY_CONTROL_MAX) {
        n = NOTIFY_CONTROL_MAX;
    }

    notify_frame_head(out, opcode, n);

    if (n != 0) {
        memcpy(out + 2, p, n);
    }

    return 2 + n;
}


size_t
notify_frame_close(uint8_t out[NOTIFY_FRAME_CONTROL_MAX], unsigned code,
    const char *reason)
{
    size_t   n;
    uint8_t  payload[NOTIFY_CONTROL_MAX];

    if (!notify_close_valid(code)) {
        return notify_frame_control(out, NOTIFY_OP_CLOSE, NULL, 0);
    }

    payload[0] = (uint8_t) (code >> 8);
    payload[1] = (uint8_t) code;
    n = 0;

    if (reason != NULL) {
        n = notify_utf8_cut((const uint8_t *) reason, strlen(reason),
                            NOTIFY_CONTROL_MAX - 2);
        memcpy(payload + 2, reason, n);
    }

    return notify_frame_control(out, NOTIFY_OP_CLOSE, payload, 2 + n);
}


/* a byte of a header; each check as early as its byte is there */

static unsigned
notify_codec_head(notify_codec_t *cd, uint8_t c, uint64_t max)
{
    switch (cd->state) {

    case sw_start:
        return notify_codec_first(cd, c);

    case sw_length:
        return notify_codec_second(cd, c, max);

    case sw_length16:
        cd->left = cd->left << 8 | c;

        if (--cd->count != 0) {
            return NOTIFY_CODEC_OK;
        }

        return (cd->left < 126) ? NOTIFY_CODEC_BAD_FORM
                                : notify_codec_sized(cd, max);

    case sw_length64:
        if (cd->count == 8 && (c & 0x80)) {
            return NOTIFY_CODEC_BAD_LENGTH;
        }

        cd->left = cd->left << 8 | c;

        if (--cd->count != 0) {
            return NOTIFY_CODEC_OK;
        }

        return (cd->left <= UINT16_MAX) ? NOTIFY_CODEC_BAD_FORM
                                        : notify_codec_sized(cd, max);

    default: /* sw_mask */
        cd->mask[cd->count++] = c;

        if (cd->count == sizeof(cd->mask)) {
            cd->count = 0;
            cd->state = sw_payload;
        }

        return NOTIFY_CODEC_OK;
    }
}


/* FIN, RSV and the opcode */

static unsigned
notify_codec_first(notify_codec_t *cd, uint8_t c)
{
    bool      packed;
    unsigned  opcode;

    opcode = c & NOTIFY_CODEC_OPCODE;
    packed = (c & NOTIFY_CODEC_RSV) == NOTIFY_FRAME_RSV1 && cd->deflate
             && (opcode == NOTIFY_OP_TEXT || opcode == NOTIFY_OP_BINARY);

    if ((c & NOTIFY_CODEC_RSV) && !packed) {
        return NOTIFY_CODEC_BAD_RSV;
    }

    switch (opcode) {

    case NOTIFY_OP_CONTINUATION:
        if (cd->message == 0) {
            return NOTIFY_CODEC_BAD_CONTINUATION;
        }

        break;

    case NOTIFY_OP_TEXT:
    case NOTIFY_OP_BINARY:
        if (cd->message != 0) {
            return NOTIFY_CODEC_BAD_INTERLEAVE;
        }

        cd->message = (uint8_t) opcode;
        cd->packed = packed;
        break;

    case NOTIFY_OP_CLOSE:
    case NOTIFY_OP_PING:
    case NOTIFY_OP_PONG:
        if (!(c & NOTIFY_CODEC_FIN)) {
            return NOTIFY_CODEC_BAD_FRAGMENT;
        }

        break;

    default:
        return NOTIFY_CODEC_BAD_OPCODE;
    }

    cd->first = c;
    cd->state = sw_length;

    return NOTIFY_CODEC_OK;
}


/* MASK and the length, or which form the length has */

static unsigned
notify_codec_second(notify_codec_t *cd, uint8_t c, uint64_t max)
{
    if (!(c & NOTIFY_CODEC_MASKED)) {
        return NOTIFY_CODEC_BAD_MASK;
    }

    c &= (uint8_t) ~NOTIFY_CODEC_MASKED;

    if (c > NOTIFY_CONTROL_MAX && (cd->first & NOTIFY_CODEC_CONTROL)) {
        return NOTIFY_CODEC_BAD_CONTROL;
    }

    if (c < 126) {
        cd->left = c;
        return notify_codec_sized(cd, max);
    }

    cd->left = 0;
    cd->count = (c == 126) ? 2 : 8;
    cd->state = (c == 126) ? sw_length16 : sw_length64;

    return NOTIFY_CODEC_OK;
}


/* the payload's length is known: may it come? */

static unsigned
notify_codec_sized(notify_codec_t *cd, uint64_t max)
{
    cd->state = sw_mask;

    if (cd->first & NOTIFY_CODEC_CONTROL) {
        return NOTIFY_CODEC_OK;
    }

    if (cd->packed) {
        max = notify_codec_bound(max);
    }

    /* max may have become smaller since the message began */

    if (cd->length > max || cd->left > max - cd->length) {
        return NOTIFY_CODEC_BAD_SIZE;
    }

    cd->length += cd->left;

    if (cd->left == 0 && !(cd->first & NOTIFY_CODEC_FIN)
        && ++cd->empty > NOTIFY_EMPTY_FRAGMENTS_MAX)
    {
        return NOTIFY_CODEC_BAD_EMPTY;
    }

    return NOTIFY_CODEC_OK;
}


/* a piece of a frame's payload, none when it is empty */

static unsigned
notify_codec_payload(notify_codec_t *cd, uint8_t *p, size_t n,
    notify_codec_event_t *ev)
{
    cd->left -= n;

    notify_codec_unmask(cd, p, n);

    if (cd->first & NOTIFY_CODEC_CONTROL) {
        return notify_codec_control(cd, p, n, ev);
    }

    return notify_codec_data(cd, p, n, ev);
}


/* a text is checked here, and the message ends with its last frame */

static unsigned
notify_codec_data(notify_codec_t *cd, uint8_t *p, size_t n,
    notify_codec_event_t *ev)
{
    bool  last;

    last = cd->left == 0 && (cd->first & NOTIFY_CODEC_FIN);

    if (cd->message == NOTIFY_OP_TEXT && !cd->packed) {

        if (notify_utf8_feed(&cd->utf8, p, n) != 0
            || (last && !notify_utf8_done(&cd->utf8)))
        {
            return NOTIFY_CODEC_BAD_TEXT;
        }
    }

    if (cd->left == 0) {
        cd->state = sw_start;
    }

    if (n == 0 && !last) {
        return NOTIFY_CODEC_OK;
    }

    ev->type = NOTIFY_CODEC_DATA;
    ev->first = !cd->begun;
    ev->last = last;
    ev->binary = cd->message == NOTIFY_OP_BINARY;
    ev->packed = cd->packed;
    ev->data = p;
    ev->len = n;

    cd->begun = 1;

    if (last) {
        cd->length = 0;
        cd->empty = 0;
        cd->message = 0;
        cd->begun = 0;
        cd->packed = false;
    }

    return NOTIFY_CODEC_OK;
}


/* only a payload that comes in several pieces is copied */

static unsigned
notify_codec_control(notify_codec_t *cd, uint8_t *p, size_t n,
    notify_codec_event_t *ev)
{
    if (cd->left != 0 || cd->have != 0) {
        memcpy(cd->control + cd->have, p, n);
        cd->have += (uint8_t) n;
    }

    if (cd->left != 0) {
        return NOTIFY_CODEC_OK;
    }

    ev->data = cd->have ? cd->control : p;
    ev->len = cd->have ? cd->have : n;

    cd->have = 0;
    cd->state = sw_start;

    switch (cd->first & NOTIFY_CODEC_OPCODE) {

    case NOTIFY_OP_PING:
        ev->type = NOTIFY_CODEC_PING;
        return NOTIFY_CODEC_OK;

    case NOTIFY_OP_PONG:
        ev->type = NOTIFY_CODEC_PONG;
        return NOTIFY_CODEC_OK;

    default: /* NOTIFY_OP_CLOSE */
        return notify_codec_close(cd, ev);
    }
}


static unsigned
notify_codec_close(notify_codec_t *cd, notify_codec_event_t *ev)
{
    unsigned  code;

    if (ev->len == 1) {
        return NOTIFY_CODEC_BAD_CLOSE;
    }

    code = NOTIFY_CLOSE_NONE;

    if (ev->len != 0) {
        code = (unsigned) ev->data[0] << 8 | ev->data[1];

        if (!notify_close_valid(code)) {
            return NOTIFY_CODEC_BAD_CODE;
        }

        if (!notify_utf8_valid(ev->data + 2, ev->len - 2)) {
            return NOTIFY_CODEC_BAD_REASON;
        }
    }

    ev->type = NOTIFY_CODEC_CLOSE;
    ev->code = (uint16_t) code;

    cd->state = sw_closed;

    return NOTIFY_CODEC_OK;
}


/* and turns the mask, so that it is ready for the frame's next byte (5.3) */

static void
notify_codec_unmask(notify_codec_t *cd, uint8_t *p, size_t n)
{
    size_t                 i;
    uint8_t                mask[4];
    notify_codec_vector_t  v, key = { 0 };

    for (i = 0; i < sizeof(key); i += sizeof(mask)) {
        memcpy((uint8_t *) &key + i, cd->mask, sizeof(mask));
    }

    for (i = 0; n - i >= sizeof(v); i += sizeof(v)) {
        memcpy(&v, p + i, sizeof(v));
        v ^= key;
        memcpy(p + i, &v, sizeof(v));
    }

    for ( /* void */ ; i < n; i++) {
        p[i] ^= cd->mask[i % sizeof(mask)];
    }

    memcpy(mask, cd->mask, sizeof(mask));

    for (i = 0; i < sizeof(mask); i++) {
        cd->mask[i] = mask[(i + n) % sizeof(mask)];
    }
}


static void
notify_codec_fail(notify_codec_t *cd, unsigned error,
    notify_codec_event_t *ev)
{
    cd->error = (uint8_t) error;
    cd->state = sw_failed;

    memset(ev, 0, sizeof(notify_codec_event_t));

    ev->type = NOTIFY_CODEC_ERROR;
    ev->code = notify_codec_errors[error].code;
    ev->why = notify_codec_errors[error].why;
}
