
/*
 * notify_user: percent-decoding, and what may name a user.
 */


#include "notify_user.h"
#include "test.h"


static void
test_decode(void)
{
    size_t     i, n;
    uint8_t   *p, out[64];
    ptrdiff_t  len;

    static const struct {
        const char  *in;
        const char  *out;               /* NULL: a bad escape */
    } cases[] = {
        { "", "" },
        { "42", "42" },
        { "a%40b.c", "a@b.c" },
        { "a+b", "a+b" },
        { "%2F", "/" },
        { "%2f", "/" },
        { "%2525", "%25" },
        { "%c3%A9", "\xc3\xa9" },
        { "%7e%7E", "~~" },
        { "x%ffy", "x\xffy" },
        { "%41%42%43", "ABC" },
        { "%", NULL },
        { "%4", NULL },
        { "a%", NULL },
        { "a%4", NULL },
        { "%zz", NULL },
        { "%4g", NULL },
        { "%g4", NULL },
        { "%%41", NULL },
        { "% 41", NULL },
        { "%+1", NULL },
        { "%u0041", NULL },
        { "%4\xc1", NULL },
        { "%@1", NULL },
        { "%`1", NULL },
        { "%1G", NULL },
        { "%:1", NULL },
        { "%/1", NULL },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        n = strlen(cases[i].in);

        p = test_guard(cases[i].in, n);
        len = notify_percent_decode(out, p, n);

        if (cases[i].out == NULL) {
            is(len, -1, "\"%s\" has a bad escape", cases[i].in);
            is(notify_percent_decode(p, p, n), -1, "in place too");
            continue;
        }

        is_mem(out, (size_t) len, cases[i].out, strlen(cases[i].out),
               "\"%s\" is decoded once", cases[i].in);

        len = notify_percent_decode(p, p, n);
        is_mem(p, (size_t) len, cases[i].out, strlen(cases[i].out),
               "in place too");
    }

    len = notify_percent_decode(out, (const uint8_t *) "a%00b", 5);
    is_mem(out, (size_t) len, "a\0b", 3, "a NUL is decoded");
    is(notify_percent_decode(NULL, NULL, 0), 0, "nothing is nothing");
}


/* each byte, in both digits' cases */

static void
test_all_bytes(void)
{
    int       bad, v;
    char      text[8];
    uint8_t   out[8];

    bad = 0;

    for (v = 0; v < 256; v++) {
        sprintf(text, "%%%02x%%%02X", (unsigned) v, (unsigned) v);

        if (notify_percent_decode(out, test_guard(text, 6), 6) != 2
            || out[0] != v || out[1] != v)
        {
            bad++;
        }
    }

    is(bad, 0, "each byte can be encoded");
}


static void
test_check(void)
{
    int          rc;
    size_t       i;
    char         name[300];
    const char  *why;

    static const struct {
        const char  *name;
        size_t       n;
        const char  *why;
    } cases[] = {
        { "42", 2, NULL },
        { "a@b.c", 5, NULL },
        { "\xe6\x97\xa5", 3, NULL },
        { "\x01\x7f\n", 3, NULL },
        { "", 0, "user is empty" },
        { "\0", 1, "user has a NUL byte" },
        { "4\0" "2", 3, "user has a NUL byte" },
        { "4\xff", 2, "user is not valid UTF-8" },
        { "\xe6\x97", 2, "user is not valid UTF-8" },
        { "\xc0\x80", 2, "user is not valid UTF-8" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        why = NULL;

        rc = notify_user_check(test_guard(cases[i].name, cases[i].n),
                               cases[i].n, &why);

        is(rc, cases[i].why ? -1 : 0, "name %zu is judged", i);
        is_str(why, cases[i].why, "and the reason fits");
    }

    memset(name, 'u', sizeof(name));
    why = NULL;

    is(notify_user_check(test_guard(name, 255), 255, &why), 0, "255 bytes");
    is(notify_user_check(test_guard(name, 256), 256, &why), -1, "256 bytes");
    is_str(why, "user is longer than 255 bytes", "are too many");
}


/* of each character of two bytes and less, and of what is cut */

static void
test_control(void)
{
    int      bad, c, want;
    uint8_t  text[2];

    bad = 0;

    for (c = 0; c < 0x800; c++) {

        want = c < 0x20 || (c >= 0x7f && c < 0xa0);

        if (c < 0x80) {
            text[0] = (uint8_t) c;
            bad += notify_control_length(test_guard(text, 1), 1)
                   != (size_t) want;
            continue;
        }

        text[0] = (uint8_t) (0xc0 | c >> 6);
        text[1] = (uint8_t) (0x80 | (c & 0x3f));
        bad += notify_control_length(test_guard(text, 2), 2)
               != (size_t) want * 2;
    }

    is(bad, 0, "each character is judged");

    is(notify_control_length(test_guard("\xc2", 1), 1), 0, "half of one");
    is(notify_control_length(test_guard("\xc2\n", 2), 2), 0,
       "what does not belong to it");
    is(notify_control_length(test_guard("\nx", 2), 2), 1, "the first one");
    is(notify_control_length(NULL, 0), 0, "nothing");
}


int
main(void)
{
    test_decode();
    test_all_bytes();
    test_check();
    test_control();

    return test_done();
}
