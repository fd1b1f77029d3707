
/*
 * permessage-deflate as a handshake negotiates it (RFC 7692, 5 and 7.1).
 *
 * Plain C over (p, n) without a terminating zero: nothing is allocated, kept
 * or logged.
 */


#ifndef NOTIFY_EXTENSION_H_INCLUDED
#define NOTIFY_EXTENSION_H_INCLUDED


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define NOTIFY_WINDOW_MAX  15           /* bits */


/* what was agreed upon; no side keeps its window from message to message */
typedef struct {
    uint8_t   server;       /* bits of the window that we compress with,
                               8 .. 15 */
    bool      limited;      /* the client asked for these: they are answered */
    uint8_t   client;       /* bits that the client offers to stay within,
                               8 .. 15; 0: it has named none */
} notify_extension_t;


/*
 * Looks in a line of Sec-WebSocket-Extensions for the first offer of
 * permessage-deflate that can be accepted.  1 and *e, or 0.  A field of
 * several lines is read by a call for each, up to the first 1.
 *
 * An offer is declined that has an unknown parameter, one twice, one with a
 * value that must have none, one without that must have one, or a number of
 * bits that is not 8 .. 15 in its shortest form.  Then the next one is looked
 * at.
 *
 * The line is one that notify_upgrade_extensions_valid() has found valid; of
 * any other something is made, but no byte outside of it is read.
 */
int notify_extension_offer(const uint8_t *p, size_t n, notify_extension_t *e);

/* prints the answer, without a zero at its end, and returns its length */
#define NOTIFY_EXTENSION_LEN  128

size_t notify_extension_answer(char out[NOTIFY_EXTENSION_LEN],
    const notify_extension_t *e);


#endif /* NOTIFY_EXTENSION_H_INCLUDED */
