
/*
 * Message ids: next, print, read.
 */


#include <string.h>

#include "notify_id.h"


static const uint8_t *notify_id_number(const uint8_t *p, const uint8_t *end,
    uint64_t max, uint64_t *value);


uint64_t
notify_id_next(uint64_t last, uint64_t now_ms)
{
    uint64_t  id;

    if (now_ms > NOTIFY_ID_MS_MAX) {
        now_ms = NOTIFY_ID_MS_MAX;
    }

    id = now_ms << NOTIFY_ID_SEQ_BITS;

    return (id > last) ? id : last + 1;
}


size_t
notify_id_print(char *out, uint64_t id)
{
    size_t  n;

    n = notify_number_print(out, id >> NOTIFY_ID_SEQ_BITS);
    out[n++] = '-';

    return n + notify_number_print(out + n, id & NOTIFY_ID_SEQ_MAX);
}


/* two digits */

static inline char *
notify_number_pair(char *out, uint32_t pair)
{
    static const char  pairs[] =
        "00010203040506070809101112131415161718192021222324"
        "25262728293031323334353637383940414243444546474849"
        "50515253545556575859606162636465666768697071727374"
        "75767778798081828384858687888990919293949596979899";

    memcpy(out, &pairs[pair * 2], 2);

    return out + 2;
}


/*
 * Each push prints three numbers, and printf() would be a part of its cost:
 * four digits at a time, but for those that come first.
 */

size_t
notify_number_print(char *out, uint64_t number)
{
    char      *p;
    uint32_t   n, first, four[(NOTIFY_NUMBER_LEN + 3) / 4];

    n = 0;

    while (number >= 10000) {
        four[n++] = (uint32_t) (number % 10000);
        number /= 10000;
    }

    p = out;
    first = (uint32_t) number;

    if (first >= 100) {

        if (first >= 1000) {
            p = notify_number_pair(p, first / 100);

        } else {
            *p++ = (char) ('0' + first / 100);
        }

        p = notify_number_pair(p, first % 100);

    } else if (first >= 10) {
        p = notify_number_pair(p, first);

    } else {
        *p++ = (char) ('0' + first);
    }

    while (n) {
        first = four[--n];
        p = notify_number_pair(p, first / 100);
        p = notify_number_pair(p, first % 100);
    }

    return (size_t) (p - out);
}


int
notify_id_read(const uint8_t *p, size_t n, uint64_t *id)
{
    uint64_t        ms, seq;
    const uint8_t  *end;

    if (n == 0) {
        return -1;
    }

    end = p + n;

    p = notify_id_number(p, end, NOTIFY_ID_MS_MAX, &ms);
    if (p == NULL) {
        return -1;
    }

    if (p == end) {
        *id = ms ? (ms << NOTIFY_ID_SEQ_BITS) - 1 : 0;
        return 0;
    }

    if (*p++ != '-') {
        return -1;
    }

    p = notify_id_number(p, end, NOTIFY_ID_SEQ_MAX, &seq);
    if (p == NULL || p != end) {
        return -1;
    }

    *id = ms << NOTIFY_ID_SEQ_BITS | seq;

    return 0;
}


/* returns what follows the digits, or NULL; max is far below 2^64 / 10 */

static const uint8_t *
notify_id_number(const uint8_t *p, const uint8_t *end, uint64_t max,
    uint64_t *value)
{
    uint64_t        v;
    const uint8_t  *start;

    v = 0;

    for (start = p; p < end && *p >= '0' && *p <= '9'; p++) {

        if (p > start && *start == '0') {
            return NULL;
        }

        v = v * 10 + (*p - '0');

        if (v > max) {
            return NULL;
        }
    }

    if (p == start) {
        return NULL;
    }

    *value = v;

    return p;
}
