
/*
 * notify_utf8 against a validator written longhand: it decodes, and compares
 * the number with the ranges of RFC 3629.
 */


#include "notify_utf8.h"
#include "test.h"


/* is this exactly one character? */

static bool
one_character(const uint8_t *p, size_t n)
{
    size_t    i, len;
    uint32_t  code, least;

    if (p[0] < 0x80) {
        len = 1;
        code = p[0];
        least = 0;

    } else if ((p[0] & 0xe0) == 0xc0) {
        len = 2;
        code = p[0] & 0x1f;
        least = 0x80;

    } else if ((p[0] & 0xf0) == 0xe0) {
        len = 3;
        code = p[0] & 0x0f;
        least = 0x800;

    } else if ((p[0] & 0xf8) == 0xf0) {
        len = 4;
        code = p[0] & 0x07;
        least = 0x10000;

    } else {
        return false;
    }

    if (len != n) {
        return false;
    }

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return false;
        }

        code = code << 6 | (p[i] & 0x3f);
    }

    return code >= least && code <= 0x10ffff
           && !(code >= 0xd800 && code <= 0xdfff);
}


static bool
reference(const uint8_t *p, size_t n)
{
    size_t  len;

    while (n > 0) {
        for (len = 1; len <= 4 && len <= n; len++) {
            if (one_character(p, len)) {
                break;
            }
        }

        if (len > 4 || len > n) {
            return false;
        }

        p += len;
        n -= len;
    }

    return true;
}


/* can (p, n) be the beginning of a text? */

static bool
reference_prefix(const uint8_t *p, size_t n)
{
    size_t   len, more;
    uint8_t  s[4];

    while (n > 0) {
        for (len = 1; len <= 4 && len <= n; len++) {
            if (one_character(p, len)) {
                break;
            }
        }

        if (len > 4 || len > n) {
            break;
        }

        p += len;
        n -= len;
    }

    if (n == 0) {
        return true;
    }

    if (n > 3) {
        return false;
    }

    /*
     * The least and the greatest continuation show whether there is any:
     * 0x80 .. 0xbf minus what is overlong, a surrogate or too great is a
     * range that has one of the ends, or both.
     */

    for (more = 1; n + more <= 4; more++) {
        memcpy(s, p, n);

        memset(s + n, 0x80, more);
        if (one_character(s, n + more)) {
            return true;
        }

        memset(s + n, 0xbf, more);
        if (one_character(s, n + more)) {
            return true;
        }
    }

    return false;
}


/* whole, and bytewise with an error at exactly the byte that makes it */

static bool
agrees(const uint8_t *p, size_t n)
{
    int             rc;
    size_t          i;
    notify_utf8_t   u, zero;
    const uint8_t  *g;

    g = test_guard(p, n);

    if (notify_utf8_valid(g, n) != reference(p, n)) {
        return false;
    }

    memset(&u, 0, sizeof(u));

    rc = notify_utf8_feed(&u, g, n);

    if ((rc == 0) != reference_prefix(p, n)
        || notify_utf8_done(&u) != reference(p, n))
    {
        return false;
    }

    memset(&u, 0, sizeof(u));
    memset(&zero, 0, sizeof(zero));

    for (i = 0; i < n; i++) {
        rc = notify_utf8_feed(&u, g + i, 1);

        if ((rc == 0) != reference_prefix(p, i + 1)
            || notify_utf8_done(&u) != reference(p, i + 1))
        {
            return false;
        }

        /* between characters nothing is kept */

        if (rc == 0 && notify_utf8_done(&u)
            && memcmp(&u, &zero, sizeof(u)) != 0)
        {
            return false;
        }
    }

    return true;
}


static void
test_short(void)
{
    bool     good;
    long     v, bad;
    size_t   n;
    uint8_t  s[3];

    for (n = 1; n <= 3; n++) {
        bad = 0;

        for (v = 0; v < 1L << 8 * n; v++) {
            s[0] = (uint8_t) v;
            s[1] = (uint8_t) (v >> 8);
            s[2] = (uint8_t) (v >> 16);

            /* three bytes: whole all of them, in pieces some */

            good = (n == 3 && (s[0] < 0x80 || (s[2] & 0x3f) % 21 > 1))
                   ? notify_utf8_valid(s, n) == reference(s, n)
                   : agrees(s, n);

            if (!good && bad++ == 0) {
                test_dump("differs", s, n);
            }
        }

        is(bad, 0, "sequences of %zu bytes are judged rightly", n);
    }
}


static void
test_four(void)
{
    long      bad;
    size_t    i, j, k;
    unsigned  a;
    uint8_t   s[4];

    static const uint8_t  edge[] = {
        0x00, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x9f, 0xa0, 0xbe, 0xbf, 0xc0,
        0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff
    };

    bad = 0;

    for (a = 0xc0; a <= 0xff; a++) {
        for (i = 0; i < sizeof(edge); i++) {
            for (j = 0; j < sizeof(edge); j++) {
                for (k = 0; k < sizeof(edge); k++) {
                    s[0] = (uint8_t) a;
                    s[1] = edge[i];
                    s[2] = edge[j];
                    s[3] = edge[k];

                    if (!agrees(s, 4) && bad++ == 0) {
                        test_dump("differs", s, 4);
                    }
                }
            }
        }
    }

    is(bad, 0, "sequences of four bytes are judged rightly");
}


/* every code point, and the numbers around that are none */

static void
test_code_points(void)
{
    long      bad;
    uint8_t   s[4];
    uint32_t  c;

    bad = 0;

    for (c = 0x10000; c < 0x200000; c++) {
        s[0] = (uint8_t) (0xf0 | c >> 18);
        s[1] = (uint8_t) (0x80 | (c >> 12 & 0x3f));
        s[2] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
        s[3] = (uint8_t) (0x80 | (c & 0x3f));

        if (notify_utf8_valid(s, 4) != (c <= 0x10ffff) && bad++ == 0) {
            diag("first at U+%X", c);
        }
    }

    for (c = 0; c < 0x10000; c++) {
        s[0] = (uint8_t) (0xe0 | c >> 12);
        s[1] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
        s[2] = (uint8_t) (0x80 | (c & 0x3f));

        if (notify_utf8_valid(s, 3)
            != (c >= 0x800 && !(c >= 0xd800 && c <= 0xdfff)) && bad++ == 0)
        {
            diag("first at U+%X", c);
        }
    }

    is(bad, 0, "all code points in three and four bytes are judged rightly");
}


/* one bad byte or character at each place of a text, around the wide steps */

static void
test_places(void)
{
    long     bad;
    size_t   i, k, n;
    uint8_t  s[100];

    static const char *const  parts[] = {
        "\x80", "\xff", "\xc3", "\xc3\xa9", "\xe2\x82\xac", "\xe2\x82",
        "\xed\xa0\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98", "\xf4\x90\x80\x80"
    };

    bad = 0;

    for (k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
        for (n = strlen(parts[k]); n <= sizeof(s); n++) {
            for (i = 0; i + strlen(parts[k]) <= n; i++) {
                memset(s, 'a', sizeof(s));
                memcpy(s + i, parts[k], strlen(parts[k]));

                if (notify_utf8_valid(test_guard(s, n), n) != reference(s, n)
                    && bad++ == 0)
                {
                    test_dump("differs", s, n);
                }
            }
        }
    }

    is(bad, 0, "a character is judged alike at each place of a text");
}


/* a text of all kinds of characters, cut at every two places */

static void
test_cuts(void)
{
    long            bad;
    size_t          i, j, n;
    notify_utf8_t   u;
    const uint8_t  *g;

    static const char  text[] =
        "seventeen letters \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 and \xd0\xb4"
        "\xd0\xb0 \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e \xf4\x8f\xbf\xbf and "
        "then some more that is only ASCII";

    bad = 0;
    n = sizeof(text) - 1;
    g = test_guard(text, n);

    for (i = 0; i <= n; i++) {
        for (j = i; j <= n; j++) {
            memset(&u, 0, sizeof(u));

            if (notify_utf8_feed(&u, g, i) != 0
                || notify_utf8_done(&u) != reference((uint8_t *) text, i)
                || notify_utf8_feed(&u, g + i, j - i) != 0
                || notify_utf8_done(&u) != reference((uint8_t *) text, j)
                || notify_utf8_feed(&u, g + j, n - j) != 0
                || !notify_utf8_done(&u))
            {
                bad++;
            }
        }
    }

    is(bad, 0, "a text is valid wherever it is cut into three");
}


static void
test_edges(void)
{
    notify_utf8_t  u;

    memset(&u, 0, sizeof(u));

    ok(notify_utf8_valid(NULL, 0), "an empty text is valid");
    is(notify_utf8_feed(&u, NULL, 0), 0, "nothing can be fed");
    ok(notify_utf8_done(&u), "and the text may end");

    is(notify_utf8_feed(&u, (uint8_t *) "\xe2", 1), 0, "a lead byte is taken");
    is(notify_utf8_feed(&u, NULL, 0), 0, "nothing can be fed after it");
    ok(!notify_utf8_done(&u), "but the text may not end");

    is(notify_utf8_feed(&u, (uint8_t *) "a", 1), -1, "a letter is an error");
    is(notify_utf8_feed(&u, (uint8_t *) "a", 1), -1, "which is final");
    is(notify_utf8_feed(&u, NULL, 0), -1, "also for nothing");
    ok(!notify_utf8_done(&u), "and the text has no valid end");
}


static void
test_cut(void)
{
    const uint8_t  *p;

    static const char  text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const int   want[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11 };
    size_t             i;

    p = test_guard(text, sizeof(text) - 1);

    for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        is(notify_utf8_cut(p, sizeof(text) - 1, i), want[i],
           "a text cut at %zu bytes keeps whole characters", i);
    }

    is(notify_utf8_cut(NULL, 0, 5), 0, "nothing is cut to nothing");
}


int
main(void)
{
    test_edges();
    test_short();
    test_four();
    test_code_points();
    test_places();
    test_cuts();
    test_cut();

    return test_done();
}
