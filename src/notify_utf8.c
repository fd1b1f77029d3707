
/*
 * UTF-8 checked as bytes arrive: whole characters are taken in a fast loop,
 * one that is cut by the end of the bytes goes through notify_utf8_t.
 */


#include <string.h>

#include "notify_utf8.h"


#define NOTIFY_UTF8_SPENT  0xff         /* u->need after an error */


static int notify_utf8_lead(notify_utf8_t *u, uint8_t c);
static const uint8_t *notify_utf8_ascii(const uint8_t *p, const uint8_t *end);
static const uint8_t *notify_utf8_whole(const uint8_t *p, const uint8_t *end);


int
notify_utf8_feed(notify_utf8_t *u, const uint8_t *p, size_t n)
{
    const uint8_t  *end;

    if (u->need == NOTIFY_UTF8_SPENT) {
        return -1;
    }

    if (n == 0) {
        return 0;
    }

    end = p + n;

    for ( ;; ) {

        for ( /* void */ ; u->need != 0 && p < end; p++) {
            if (*p < u->low || *p > u->high) {
                u->need = NOTIFY_UTF8_SPENT;
                return -1;
            }

            u->need--;
            u->low = u->need ? 0x80 : 0;
            u->high = u->need ? 0xbf : 0;
        }

        if (p < end) {
            p = notify_utf8_whole(p, end);
        }

        if (p == end) {
            return 0;
        }

        /* a bad character, or one that is cut: bytewise */

        if (notify_utf8_lead(u, *p++) != 0) {
            u->need = NOTIFY_UTF8_SPENT;
            return -1;
        }
    }
}


bool
notify_utf8_done(const notify_utf8_t *u)
{
    return u->need == 0;
}


bool
notify_utf8_valid(const uint8_t *p, size_t n)
{
    return n == 0 || notify_utf8_whole(p, p + n) == p + n;
}


size_t
notify_utf8_cut(const uint8_t *p, size_t n, size_t max)
{
    if (n <= max) {
        return n;
    }

    while (max > 0 && (p[max] & 0xc0) == 0x80) {
        max--;
    }

    return max;
}


/* a first byte that is not ASCII: table 3-7 of the Unicode standard */

static int
notify_utf8_lead(notify_utf8_t *u, uint8_t c)
{
    if (c < 0xc2 || c > 0xf4) {
        return -1;
    }

    u->low = 0x80;
    u->high = 0xbf;

    if (c < 0xe0) {
        u->need = 1;
        return 0;
    }

    if (c < 0xf0) {
        u->need = 2;

        if (c == 0xe0) {
            u->low = 0xa0;

        } else if (c == 0xed) {
            u->high = 0x9f;
        }

        return 0;
    }

    u->need = 3;

    if (c == 0xf0) {
        u->low = 0x90;

    } else if (c == 0xf4) {
        u->high = 0x8f;
    }

    return 0;
}


/* the first byte that is not ASCII, or end */

static const uint8_t *
notify_utf8_ascii(const uint8_t *p, const uint8_t *end)
{
    uint64_t  w[4];

    while (end - p >= (ptrdiff_t) sizeof(w)) {
        memcpy(w, p, sizeof(w));

        if ((w[0] | w[1] | w[2] | w[3]) & 0x8080808080808080) {
            break;
        }

        p += sizeof(w);
    }

    while (end - p >= (ptrdiff_t) sizeof(w[0])) {
        memcpy(w, p, sizeof(w[0]));

        if (w[0] & 0x8080808080808080) {
            break;
        }

        p += sizeof(w[0]);
    }

    while (p < end && *p < 0x80) {
        p++;
    }

    return p;
}


/* takes whole characters; stops at the first one that is bad or cut */

static const uint8_t *
notify_utf8_whole(const uint8_t *p, const uint8_t *end)
{
    unsigned       i;
    notify_utf8_t  u;

    while (p < end) {

        if (*p < 0x80) {
            p = notify_utf8_ascii(p, end);
            continue;
        }

        if (notify_utf8_lead(&u, *p) != 0 || end - p <= u.need
            || p[1] < u.low || p[1] > u.high)
        {
            return p;
        }

        for (i = 2; i <= u.need; i++) {
            if ((p[i] & 0xc0) != 0x80) {
                return p;
            }
        }

        p += 1 + u.need;
    }

    return p;
}
