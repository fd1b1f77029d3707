
/*
 * WebSocket frames (RFC 6455, 5 and 7), the server's side.
 *
 * Plain C over buffers: no I/O, no allocation, no log.  The caller reads,
 * feeds, and acts on events; it writes what notify_frame_* have printed.
 */


#ifndef NOTIFY_CODEC_H_INCLUDED
#define NOTIFY_CODEC_H_INCLUDED


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notify_utf8.h"


/* opcodes, 5.2 */

enum {
    NOTIFY_OP_CONTINUATION = 0x0,
    NOTIFY_OP_TEXT = 0x1,
    NOTIFY_OP_BINARY = 0x2,
    NOTIFY_OP_CLOSE = 0x8,
    NOTIFY_OP_PING = 0x9,
    NOTIFY_OP_PONG = 0xa
};


/* close codes, 7.4.1 and IANA's registry; 44xx are our own */

enum {
    NOTIFY_CLOSE_NORMAL = 1000,
    NOTIFY_CLOSE_GOING_AWAY = 1001,
    NOTIFY_CLOSE_PROTOCOL = 1002,
    NOTIFY_CLOSE_UNACCEPTED = 1003,
    NOTIFY_CLOSE_NONE = 1005,           /* "no code came", never sent */
    NOTIFY_CLOSE_LOST = 1006,           /* "no close came", never sent */
    NOTIFY_CLOSE_BAD_DATA = 1007,       /* a text that is not UTF-8 */
    NOTIFY_CLOSE_POLICY = 1008,
    NOTIFY_CLOSE_TOO_BIG = 1009,
    NOTIFY_CLOSE_INTERNAL = 1011,
    NOTIFY_CLOSE_RESTART = 1012,
    NOTIFY_CLOSE_SLOW = 1013,
    NOTIFY_CLOSE_EXPIRED = 4401,        /* session or token expired */
    NOTIFY_CLOSE_LOGGED_OUT = 4403,     /* by DELETE */
    NOTIFY_CLOSE_REPLACED = 4409        /* by a newer socket */
};


#define NOTIFY_CONTROL_MAX   125        /* payload of a control frame, 5.5 */
#define NOTIFY_HEAD_MAX      10         /* bytes of a header that we send */
#define NOTIFY_FRAME_CONTROL_MAX  (2 + NOTIFY_CONTROL_MAX)

/* fragments without payload that one message may have: more are an attack */
#define NOTIFY_EMPTY_FRAGMENTS_MAX  1024


/*
 * What stands between two reads.  All zero: at a frame's beginning with no
 * message in progress, which is also how to begin.  No pointer: it may be
 * copied, stored, and handed to another process of the same machine that has
 * the same NOTIFY_CODEC_LAYOUT.  With permessage-deflate (RFC 7692), the caller
 * sets deflate when it begins.
 *
 * A cut header is not kept as bytes but as what they said so far.
 */

#define NOTIFY_CODEC_LAYOUT  2          /* of the struct, for handover */

typedef struct {
    uint64_t        left;       /* bytes of this frame's payload to come */
    uint64_t        length;     /* bytes of this message as declared so far */
    uint8_t         mask[4];    /* turned: mask[0] is the next byte's */
    uint16_t        empty;      /* fragments without payload in the message */
    uint8_t         state;      /* sw_ in notify_codec.c, 0 is the start */
    uint8_t         count;      /* of the state's bytes: done, or to come */
    uint8_t         first;      /* first byte of this frame: FIN, opcode */
    uint8_t         message;    /* opcode of the message in progress, or 0 */
    uint8_t         begun;      /* a DATA event of this message went out */
    uint8_t         error;      /* which one, or 0 */
    bool            deflate;    /* messages may be compressed: RSV1 */
    bool            packed;     /* the message in progress is */
    notify_utf8_t   utf8;
    uint8_t         have;       /* bytes in control[] */
    uint8_t         control[NOTIFY_CONTROL_MAX];
} notify_codec_t;


typedef enum {
    NOTIFY_CODEC_NONE = 0,  /* all bytes used, more are needed */
    NOTIFY_CODEC_DATA,      /* a piece of a text or binary message */
    NOTIFY_CODEC_PING,      /* answer with a PONG of the same payload */
    NOTIFY_CODEC_PONG,
    NOTIFY_CODEC_CLOSE,     /* the peer closes */
    NOTIFY_CODEC_ERROR      /* we must close */
} notify_codec_type_e;

typedef struct {
    notify_codec_type_e   type;
    uint16_t              code;     /* CLOSE: as received, 1005 when none was;
                                       ERROR: to send; else 0 */
    bool                  first;    /* DATA: begins a message */
    bool                  last;     /* DATA: ends it */
    bool                  binary;   /* DATA: of a binary message */
    bool                  packed;   /* DATA: compressed, as it came */
    uint8_t              *data;     /* DATA: unmasked, in the caller's buffer;
                                       control: the payload (CLOSE: with the
                                       code's two bytes), there or in the
                                       codec: read it before the next feed;
                                       never NULL there, else NULL */
    size_t                len;
    const char           *why;      /* ERROR: for the log and as reason,
                                       a constant; else NULL */
} notify_codec_event_t;


/*
 * Takes bytes from [p, p + n) up to the next event, and returns how many were
 * used: call again with the rest while it is not all used.  NONE comes only
 * with everything used, other events may do so too.  Payload is unmasked
 * where it lies.  max is what a message, all its fragments together, may have
 * in bytes.
 *
 * DATA comes as bytes arrive: no message is put together.  Its pieces have at
 * least one byte, but for an empty piece when the last frame has no payload,
 * so that each message ends with exactly one event that has last set.
 *
 * Errors, and the code that goes with them:
 *
 * - 1002: RSV bits (but RSV1, with deflate, on the first frame of a message;
 *   RFC 7692, 6), unknown opcodes, no mask (5.1), a control frame that is
 *   fragmented or longer than 125 bytes (5.5), a length not in its shortest
 *   form or with its top bit set (5.2), a continuation of nothing, a new
 *   message inside of another (5.4), a close payload of one byte, or with a
 *   code that must not be sent (7.4);
 * - 1007: a text, checked across fragments as bytes arrive, or the reason of
 *   a close is not UTF-8 (8.1);
 * - 1008: more than NOTIFY_EMPTY_FRAGMENTS_MAX fragments without payload;
 * - 1009: the message is longer than max: said as soon as the length is
 *   there, before any of the payload.
 *
 * A compressed message's bytes are handed out as they come, not looked at; they
 * may be notify_codec_bound(max).
 *
 * An error comes at the first byte that makes it, however the bytes were cut,
 * but the valid beginning of a text's piece with a bad byte in it is not
 * handed out.  It is final: all bytes are used, and each later call gives it
 * again.  After a CLOSE all bytes are used and ignored (1.4).
 */
size_t notify_codec_feed(notify_codec_t *cd, uint8_t *p, size_t n,
    uint64_t max, notify_codec_event_t *ev);

/*
 * true: the codec says no more than a zeroed one, so that it need not be kept
 * (control[] may hold the last event's payload)
 */
bool notify_codec_idle(const notify_codec_t *cd);

/*
 * How many bytes a message of max may have when it is compressed: half as many
 * again and 64.  What does not shrink grows by less, also when it was flushed
 * each 20 bytes.
 */
uint64_t notify_codec_bound(uint64_t max);

/*
 * May notify_codec_feed() have left it so, neither closed nor failed?  Any
 * bytes may stand there; one that is valid reads and writes nothing outside of
 * itself.
 */
bool notify_codec_valid(const notify_codec_t *cd);

/* may a peer send this code in a close frame? (7.4) */
bool notify_close_valid(unsigned code);


/*
 * What we send: unmasked frames with FIN set.  Each prints and returns the
 * length.  In the first byte of a compressed message's only frame RSV1 is set
 * then (RFC 7692, 6.1).
 */
#define NOTIFY_FRAME_RSV1  0x40

/* a header for a payload of len bytes, below 2^63: 2, 4 or 10 bytes */
size_t notify_frame_head(uint8_t out[NOTIFY_HEAD_MAX], unsigned opcode,
    uint64_t len);

/* a whole control frame; a payload longer than 125 bytes is cut there */
size_t notify_frame_control(uint8_t out[NOTIFY_FRAME_CONTROL_MAX],
    unsigned opcode, const uint8_t *p, size_t n);

/*
 * A close frame.  The reason, NULL for none, is valid UTF-8; it is cut at 123
 * bytes or before the character that crosses them.  With a code that must not
 * be sent (0, 1005, ...) the payload is empty.
 */
size_t notify_frame_close(uint8_t out[NOTIFY_FRAME_CONTROL_MAX],
    unsigned code, const char *reason);


#endif /* NOTIFY_CODEC_H_INCLUDED */
