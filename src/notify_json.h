
/*
 * JSON (RFC 8259): receipts and refusals.
 *
 * They are printed into the caller's buffer without a terminating zero or
 * newline.  Like snprintf() each function returns the length that the whole
 * text has: when it is more than cap, out does not hold the text.  Only
 * strings that need escaping go through jansson, which allocates.
 */


#ifndef NOTIFY_JSON_H_INCLUDED
#define NOTIFY_JSON_H_INCLUDED


#include <stddef.h>
#include <stdint.h>

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
 * can fail is done before the message is published; this cannot fail.
 */

#define NOTIFY_JSON_RECEIPT_LEN(len)                                          \
    (sizeof("{\"id\":\"\",\"user\":,\"sockets\":4294967295}") - 1             \
     + NOTIFY_ID_LEN + (len))

size_t notify_json_receipt(char *out, size_t cap, uint64_t id,
    const char *user, size_t len, uint32_t sockets);


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
