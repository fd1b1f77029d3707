
/*
 * Message ids: next, print, read.
 */


#include <inttypes.h>
#include <stdio.h>
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
    int   n;
    char  text[NOTIFY_ID_LEN + 1];

    n = snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64,
                 id >> NOTIFY_ID_SEQ_BITS, id & NOTIFY_ID_SEQ_MAX);

    memcpy(out, text, (size_t) n);

    return (size_t) n;
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
