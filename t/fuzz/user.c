
/*
 * Percent-decoding in place and elsewhere agree, and undo encoding; what may
 * name a user has the form that it must have.
 */


#include "fuzz.h"
#include "notify_user.h"
#include "notify_utf8.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int          rc;
    char         digits[4];
    size_t       i;
    uint8_t     *copy, *out, *encoded;
    ptrdiff_t    len;
    const char  *why;

    copy = fuzz_copy(data, size);
    out = fuzz_copy(data, size);

    len = notify_percent_decode(out, copy, size);
    fuzz_check(len >= -1 && len <= (ptrdiff_t) size);
    fuzz_check(memchr(data, '%', size) != NULL || len == (ptrdiff_t) size);
    fuzz_check(notify_percent_decode(copy, copy, size) == len);

    if (len >= 0) {
        fuzz_check(memcmp(copy, out, (size_t) len) == 0);
    }

    free(copy);
    free(out);

    encoded = malloc(3 * size + 1);
    fuzz_check(encoded != NULL);

    for (i = 0; i < size; i++) {
        snprintf(digits, sizeof(digits), (i % 2) ? "%%%02x" : "%%%02X",
                 data[i]);
        memcpy(encoded + 3 * i, digits, 3);
    }

    fuzz_check(notify_percent_decode(encoded, encoded, 3 * size)
               == (ptrdiff_t) size);
    fuzz_check(memcmp(encoded, data, size) == 0);

    free(encoded);

    why = NULL;
    copy = fuzz_copy(data, size);
    rc = notify_user_check(copy, size, &why);

    fuzz_check((rc == 0) == (size >= 1 && size <= NOTIFY_USER_MAX
                             && memchr(data, '\0', size) == NULL
                             && notify_utf8_valid(data, size)));
    fuzz_check((rc == 0) == (why == NULL));

    free(copy);

    return 0;
}
