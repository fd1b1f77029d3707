
/*
 * What is read as an id is what a regular expression and strtoull() make of
 * it, and is printed as it was; ids only grow.
 */


#include <regex.h>

#include "fuzz.h"
#include "notify_id.h"


#define NUMBER  "(0|[1-9][0-9]{0,13})"


static int
reference(const uint8_t *p, size_t n, uint64_t *id)
{
    char                 text[64], *end;
    unsigned long long   ms, seq;

    static int      compiled;
    static regex_t  form;

    if (!compiled) {
        fuzz_check(regcomp(&form, "^" NUMBER "(-" NUMBER ")?$",
                           REG_EXTENDED|REG_NOSUB)
                   == 0);
        compiled = 1;
    }

    if (n >= sizeof(text) || memchr(p, '\0', n) != NULL) {
        return -1;
    }

    memcpy(text, p, n);
    text[n] = '\0';

    if (regexec(&form, text, 0, NULL, 0) != 0) {
        return -1;
    }

    ms = strtoull(text, &end, 10);
    seq = (*end == '-') ? strtoull(end + 1, NULL, 10) : 0;

    if (ms >= 1ULL << 44 || seq >= 1ULL << 20) {
        return -1;
    }

    *id = ms * (1 << 20) + seq;

    if (*end != '-' && *id != 0) {
        (*id)--;
    }

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int        rc;
    char       out[NOTIFY_ID_LEN];
    fuzz_t     f;
    size_t     i, n, turn;
    uint8_t   *copy;
    uint64_t   id, want, next, now;

    id = 0;
    want = 0;

    copy = fuzz_copy(data, size);
    rc = notify_id_read(copy, size, &id);

    fuzz_check(rc == reference(copy, size, &want) && id == want);

    if (rc == 0 && memchr(data, '-', size) != NULL) {
        n = notify_id_print(out, id);
        fuzz_check(n == size && memcmp(out, data, n) == 0);

    } else if (rc == 0 && id != 0) {

        /* a time: the first id of that millisecond is the next one */

        n = notify_id_print(out, id + 1);
        fuzz_check(n == size + 2 && memcmp(out, data, size) == 0);
        fuzz_check(memcmp(out + size, "-0", 2) == 0);
    }

    free(copy);

    f.p = data;
    f.n = size;
    id = 0;

    for (turn = 0; turn < 8; turn++) {

        for (now = 0, i = 0; i < 6; i++) {
            now = now << 8 | fuzz_byte(&f);
        }

        if (id > UINT64_MAX - 8) {
            break;
        }

        next = notify_id_next(id, now);
        fuzz_check(next > id);
        fuzz_check(next == id + 1 || next >> NOTIFY_ID_SEQ_BITS == now
                   || now > NOTIFY_ID_MS_MAX);

        n = notify_id_print(out, next);
        fuzz_check(notify_id_read((uint8_t *) out, n, &id) == 0);
        fuzz_check(id == next);
    }

    return 0;
}
