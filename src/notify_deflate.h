
/*
 * permessage-deflate (RFC 7692, 7.2) for one whole message at a time.
 *
 * Plain C over buffers, with zlib.  No side keeps its window, so that nothing
 * lives from message to message: zlib's state is made for the message and
 * gone when a call returns.
 */


#ifndef NOTIFY_DEFLATE_H_INCLUDED
#define NOTIFY_DEFLATE_H_INCLUDED


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


/*
 * Longer messages are not compressed: the worker would be busy with one for
 * too long.
 */
#define NOTIFY_DEFLATE_MAX  (1024 * 1024)

/*
 * The window, in bits from 9 to 15, with which a message of n bytes is to be
 * compressed for a peer that allows bits, from 8 to 15; 0: not at all.  It is
 * no larger than such a message makes use of, so that peers that allow more
 * can have the same.  zlib has no window of 8 bits in raw streams, but one of
 * 9 will do where the message itself is no longer than 256 bytes.
 */
unsigned notify_deflate_window(size_t n, unsigned bits);

/*
 * Compresses a message of 1 to NOTIFY_DEFLATE_MAX bytes with that window into
 * a payload that is shorter (7.2.1), and *len says how long.  Returns memory
 * of malloc(), the caller's, in which head bytes are left free before the
 * payload.  NULL: it would not be shorter, or there is no memory: send it as
 * it is.  Takes some 10 to 270 KB, by the message's length, till it returns.
 */
uint8_t *notify_deflate(const uint8_t *p, size_t n, unsigned bits, size_t head,
    size_t *len);


typedef struct {
    uint8_t      *data;     /* memory of malloc(), the caller's; NULL when the
                               message is empty, or was not to be kept */
    size_t        len;
    uint16_t      code;     /* not 0: close with it; data is NULL then */
    const char   *why;      /* with a code: a constant; else NULL */
} notify_inflated_t;

/*
 * Inflates the payload of a message (7.2.2), its fragments put together, that
 * may have max bytes: of more it says 1009 without having written them.  1007
 * for what is no such payload, also when it ends in its midst; and for a text
 * that is not UTF-8.  1011: no memory.  A payload of no bytes is an empty
 * message.
 *
 * With keep the message is written, into memory that grows as it does and is
 * never more than max bytes; else it is only looked at.  Beside that it takes
 * some 7 KB and a window as large as max, 32 KB at most, till it returns.
 */
void notify_inflate(const uint8_t *p, size_t n, size_t max, bool text,
    bool keep, notify_inflated_t *m);


#endif /* NOTIFY_DEFLATE_H_INCLUDED */
