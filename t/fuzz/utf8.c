
/*
 * A text that is fed in pieces is judged as the whole is, and as decoding it
 * longhand says.
 */


#include "fuzz.h"
#include "notify_utf8.h"


/* the length of the character at p, or 0 */

static size_t
character(const uint8_t *p, size_t n)
{
    size_t    i, len;
    uint32_t  code;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    len = (p[0] < 0x80) ? 1 : (p[0] >> 5 == 6) ? 2 : (p[0] >> 4 == 14) ? 3
          : (p[0] >> 3 == 30) ? 4 : 0;

    if (len == 0 || len > n) {
        return 0;
    }

    code = (len == 1) ? p[0] : p[0] & (0xffU >> (len + 1));

    for (i = 1; i < len; i++) {
        if (p[i] >> 6 != 2) {
            return 0;
        }

        code = code << 6 | (p[i] & 0x3f);
    }

    return (code < least[len] || code > 0x10ffff || code >> 11 == 0x1b)
           ? 0 : len;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             rc;
    size_t          i, n, len, valid, cut;
    fuzz_t          f;
    uint8_t        *text, *copy;
    notify_utf8_t   u;

    /* the first half is the text, the rest says how it is cut */

    n = size / 2;
    f.p = data + n;
    f.n = size - n;

    text = fuzz_copy(data, n);

    for (valid = 0; valid < n; valid += len) {
        len = character(text + valid, n - valid);

        if (len == 0) {
            break;
        }
    }

    fuzz_check(notify_utf8_valid(text, n) == (valid == n));
    fuzz_check(notify_utf8_valid(text, valid));

    cut = notify_utf8_cut(text, valid, fuzz_byte(&f));
    fuzz_check(cut <= valid && notify_utf8_valid(text, cut));

    memset(&u, 0, sizeof(u));
    rc = 0;

    for (i = 0; i < n && rc == 0; i += len) {
        len = fuzz_piece(&f, n - i);

        copy = fuzz_copy(text + i, len);
        rc = notify_utf8_feed(&u, copy, len);
        free(copy);

        /* an error is not before the bad character, nor later than it */

        fuzz_check(rc == 0 || i + len > valid);
        fuzz_check(rc != 0 || i + len < valid + 4);
    }

    fuzz_check((rc == 0 && notify_utf8_done(&u)) == (valid == n));

    free(text);

    return 0;
}
