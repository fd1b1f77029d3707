
/*
 * What is read as an id is printed as it was, and ids only grow.
 */


#include "fuzz.h"
#include "notify_id.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int        rc;
    char       out[NOTIFY_ID_LEN];
    fuzz_t     f;
    size_t     i, n, turn;
    uint8_t   *copy;
    uint64_t   id, next, now;

    copy = fuzz_copy(data, size);
    rc = notify_id_read(copy, size, &id);

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
