
/*
 * The name of a user: percent-decoding, and what it may be.
 */


#include <string.h>

#include "notify_user.h"
#include "notify_utf8.h"


static int notify_percent_hex(uint8_t c);


ptrdiff_t
notify_percent_decode(uint8_t *out, const uint8_t *p, size_t n)
{
    int       high, low;
    size_t    i;
    uint8_t  *o;

    o = out;

    for (i = 0; i < n; i++) {

        if (p[i] != '%') {
            *o++ = p[i];
            continue;
        }

        if (n - i < 3) {
            return -1;
        }

        high = notify_percent_hex(p[i + 1]);
        low = notify_percent_hex(p[i + 2]);

        if (high < 0 || low < 0) {
            return -1;
        }

        *o++ = (uint8_t) (high << 4 | low);
        i += 2;
    }

    return o - out;
}


int
notify_user_check(const uint8_t *p, size_t n, const char **why)
{
    if (n == 0) {
        *why = "user is empty";
        return -1;
    }

    if (n > NOTIFY_USER_MAX) {
        *why = "user is longer than 255 bytes";
        return -1;
    }

    if (memchr(p, '\0', n) != NULL) {
        *why = "user has a NUL byte";
        return -1;
    }

    if (!notify_utf8_valid(p, n)) {
        *why = "user is not valid UTF-8";
        return -1;
    }

    return 0;
}


size_t
notify_control_length(const uint8_t *p, size_t n)
{
    if (n == 0) {
        return 0;
    }

    if (p[0] < 0x20 || p[0] == 0x7f) {
        return 1;
    }

    return (p[0] == 0xc2 && n > 1 && p[1] >= 0x80 && p[1] <= 0x9f) ? 2 : 0;
}


static int
notify_percent_hex(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return -1;
}
