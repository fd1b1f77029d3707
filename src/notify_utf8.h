
/*
 * UTF-8 (RFC 3629) checked as bytes arrive.
 *
 * Plain C over buffers: nothing is allocated, kept or logged, any bytes may
 * come in, no byte outside of [p, p + n) is read.  NULL is fine where n is 0.
 */


#ifndef NOTIFY_UTF8_H_INCLUDED
#define NOTIFY_UTF8_H_INCLUDED


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


/*
 * All zero: between two characters, which is also how to begin.  Three bytes
 * without a pointer: it may be copied, stored, and sent to another process.
 */
typedef struct {
    uint8_t   need;         /* bytes that the character still wants */
    uint8_t   low;          /* the next one is in low .. high */
    uint8_t   high;
} notify_utf8_t;


/*
 * Takes the next n bytes of a text.  0, or -1 as soon as some byte cannot
 * stand where it is, whatever may follow: overlong forms, surrogates and what
 * lies behind U+10FFFF are found at their second byte.  An error is final:
 * later calls give -1 too.
 */
int notify_utf8_feed(notify_utf8_t *u, const uint8_t *p, size_t n);

/* may the text end here?  false inside of a character and after an error */
bool notify_utf8_done(const notify_utf8_t *u);

/* a whole text at once */
bool notify_utf8_valid(const uint8_t *p, size_t n);

/*
 * The longest beginning of a valid text that has at most max bytes and does
 * not cut a character; its length.
 */
size_t notify_utf8_cut(const uint8_t *p, size_t n, size_t max);


#endif /* NOTIFY_UTF8_H_INCLUDED */
