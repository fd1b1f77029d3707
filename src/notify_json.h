
/*
 * JSON (RFC 8259): receipts and refusals.
 *
 * They are printed into the caller's buffer without a terminating zero or
 * newline.  Each function returns the length that the whole text has; one with
 * a cap is like snprintf(): when it is more, out does not hold the text.  Only
 * strings that need escaping go through jansson, which allocates.
 */


#ifndef NOTIFY_JSON_H_INCLUDED
#define NOTIFY_JSON_H_INCLUDED


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "notify_id.h"


/* the longest that a text of n bytes can become: "\u0000" for each */
#define NOTIFY_JSON_STRING_LEN(n)  (2 + 6 * (n))

/*
 * A string with its quotes: (p, n) is valid UTF-8 and may hold NUL.  Returns
 * 0 when there is no memory, or the text is not valid UTF-8.
 */
size_t notify_json_string(char *out, size_t cap, const uint8_t *p, size_t n);


/*
 * {"id":"1732435200123-0","user":"42","sockets":3}
 *
 * user is what notify_json_string() has printed, so that the one step that
 * can fail is done before the message is published; this cannot fail: out has
 * room for the length below.
 */

#define NOTIFY_JSON_RECEIPT_LEN(len)                                          \
    (sizeof("{\"id\":\"\",\"user\":,\"sockets\":4294967295}") - 1             \
     + NOTIFY_ID_LEN + (len))

size_t notify_json_receipt(char *out, uint64_t id, const char *user,
    size_t len, uint32_t sockets);


/*
 * notify.v1: a message is {"id":"1732435200123-0","data":  and then its JSON,
 * or its text as a string, and "}"; or base64 as a string and
 * ,"encoding":"base64"}.  The first one tells where a socket begins:
 *
 * {"hello":{"id":"1732435200123-0","user":"42","gap":false}}
 *
 * Both print to out, which has room for the length below, and cannot fail;
 * user is what notify_json_string() has printed.
 */

#define NOTIFY_JSON_MESSAGE_LEN                                               \
    (sizeof("{\"id\":\"\",\"data\":") - 1 + NOTIFY_ID_LEN)

#define NOTIFY_JSON_HELLO_LEN(len)                                            \
    (sizeof("{\"hello\":{\"id\":\"\",\"user\":,\"gap\":false}}") - 1       \
     + NOTIFY_ID_LEN + (len))

size_t notify_json_message(char *out, uint64_t id);

size_t notify_json_hello(char *out, uint64_t id, const char *user, size_t len,
    bool gap);

/*
 * Whether a body in pieces is one JSON value (RFC 8259), of whatever numbers
 * and names, in UTF-8, at most NOTIFY_JSON_DEPTH arrays and objects deep.
 * Allocates nothing; any bytes may come in (t/fuzz/json.c).
 */
#define NOTIFY_JSON_DEPTH  1024

bool notify_json_valid(const struct iovec *iov, unsigned niov);


/*
 * {"error":"user is empty","field":"user"}
 *
 * The text may quote what a peer has sent: bytes that are not UTF-8 are shown
 * as "?", and it is cut at NOTIFY_JSON_ERROR_TEXT bytes, not inside of a
 * character.  field is a name of ours that needs no escaping, or NULL: then
 * there is none.  Returns 0 when there is no memory.
 */

#define NOTIFY_JSON_ERROR_TEXT  1024

#define NOTIFY_JSON_ERROR_LEN(n, field_len)                                   \
    (sizeof("{\"error\":,\"field\":\"\"}") - 1                                \
     + NOTIFY_JSON_STRING_LEN(n) + (field_len))

size_t notify_json_error(char *out, size_t cap, const char *field,
    const uint8_t *text, size_t n);


#endif /* NOTIFY_JSON_H_INCLUDED */
