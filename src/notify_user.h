
/*
 * The name of a user: how it comes out of a URI, and what it may be.
 *
 * Plain C over (p, n): nothing is allocated, kept or logged, any bytes may
 * come in.
 */


#ifndef NOTIFY_USER_H_INCLUDED
#define NOTIFY_USER_H_INCLUDED


#include <stddef.h>
#include <stdint.h>


#define NOTIFY_USER_MAX  255        /* bytes */


/*
 * Undoes percent-encoding once (RFC 3986, 2.1; "+" stays "+") and returns the
 * length, at most n; -1 when some "%" is not followed by two hex digits: out
 * is spoilt then.  out has room for n bytes and may be p itself.
 */
ptrdiff_t notify_percent_decode(uint8_t *out, const uint8_t *p, size_t n);

/*
 * May this name a user: 1 .. 255 bytes of valid UTF-8 without NUL?  0, or -1
 * and *why is a constant text such as "user is empty".
 */
int notify_user_check(const uint8_t *p, size_t n, const char **why);

/*
 * How many bytes the control character has that [p, p + n) begins with, those
 * of Unicode beyond ASCII included (U+0080 to U+009F: terminals obey them,
 * too); 0: it begins with none, or n is 0.
 */
size_t notify_control_length(const uint8_t *p, size_t n);


#endif /* NOTIFY_USER_H_INCLUDED */
