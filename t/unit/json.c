
/*
 * notify_json, read back by jansson.
 */


#include <jansson.h>

#include "notify_json.h"
#include "test.h"


static long  allocations_left = -1;     /* -1: no limit */


static void *
scarce_malloc(size_t n)
{
    if (allocations_left == 0) {
        return NULL;
    }

    if (allocations_left > 0) {
        allocations_left--;
    }

    return malloc(n);
}


static void
test_string(void)
{
    char     out[256];
    size_t   i, n;

    static const struct {
        const char  *in;
        size_t       n;
        const char  *out;               /* NULL: not valid UTF-8 */
    } cases[] = {
        { "", 0, "\"\"" },
        { "42", 2, "\"42\"" },
        { "a@b.c/~", 7, "\"a@b.c/~\"" },
        { "\x7f", 1, "\"\x7f\"" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
          "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { "\"", 1, "\"\\\"\"" },
        { "\\", 1, "\"\\\\\"" },
        { "a\nb\tc\rd\be\ff", 11, "\"a\\nb\\tc\\rd\\be\\ff\"" },
        { "\0", 1, "\"\\u0000\"" },
        { "\x01\x1f\x20", 3, "\"\\u0001\\u001F \"" },
        { "\xc3\xa9\"", 3, "\"\xc3\xa9\\\"\"" },
        { "</script>", 9, "\"</script>\"" },
        { "\xff", 1, NULL },
        { "\"\xff", 2, NULL },
        { "\xe2\x82", 2, NULL },
        { "\xed\xa0\x80", 3, NULL },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(out, '#', sizeof(out));

        n = notify_json_string(out, sizeof(out),
                               test_guard(cases[i].in, cases[i].n),
                               cases[i].n);

        if (cases[i].out == NULL) {
            is(n, 0, "string %zu is not valid UTF-8", i);
            continue;
        }

        is_mem(out, n, cases[i].out, strlen(cases[i].out), "string %zu", i);
        is(out[n], '#', "and nothing is behind it");
    }

    is(notify_json_string(out, sizeof(out), NULL, 0), 2, "nothing at all");
}


/* a buffer of each size: never overrun, complete as soon as it can be */

static void
test_room(void)
{
    size_t    i, k, n, cap;
    char     *p, whole[64];

    static const char *const  texts[] = { "", "plain", "es\"ca\nped" };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        n = notify_json_string(whole, sizeof(whole),
                               (const uint8_t *) texts[i], strlen(texts[i]));

        for (k = 0, cap = 0; cap <= n + 1; cap++) {
            p = (char *) test_guard(whole, cap);
            memset(p, '#', cap);

            if (notify_json_string(p, cap, (const uint8_t *) texts[i],
                                   strlen(texts[i]))
                != n || (cap >= n && memcmp(p, whole, n) != 0))
            {
                k++;
            }
        }

        is(k, 0, "string %zu into each room", i);
    }

    n = notify_json_error(whole, sizeof(whole), "user",
                          (const uint8_t *) "is empty", 8);

    for (k = 0, cap = 0; cap <= n + 1; cap++) {
        p = (char *) test_guard(whole, cap);
        memset(p, '#', cap);

        if (notify_json_error(p, cap, "user", (const uint8_t *) "is empty", 8)
            != n || (cap >= n && memcmp(p, whole, n) != 0))
        {
            k++;
        }
    }

    is(k, 0, "an error into each room");
}


/* every byte and every code point, read back by jansson */

static void
test_read_back(void)
{
    long      bad;
    char      out[64];
    size_t    n, len;
    json_t   *json;
    uint8_t   s[4];
    uint32_t  c;

    bad = 0;

    for (c = 0; c <= 0x10ffff; c += (c < 0x3000) ? 1 : 97) {

        if (c >= 0xd800 && c <= 0xdfff) {
            continue;
        }

        if (c < 0x80) {
            len = 1;
            s[0] = (uint8_t) c;

        } else if (c < 0x800) {
            len = 2;
            s[0] = (uint8_t) (0xc0 | c >> 6);

        } else if (c < 0x10000) {
            len = 3;
            s[0] = (uint8_t) (0xe0 | c >> 12);

        } else {
            len = 4;
            s[0] = (uint8_t) (0xf0 | c >> 18);
        }

        for (n = 1; n < len; n++) {
            s[n] = (uint8_t) (0x80 | (c >> 6 * (len - 1 - n) & 0x3f));
        }

        n = notify_json_string(out, sizeof(out), test_guard(s, len), len);

        json = json_loadb(out, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

        if (n > NOTIFY_JSON_STRING_LEN(len) || json_string_length(json) != len
            || memcmp(json_string_value(json), s, len) != 0)
        {
            bad++;
        }

        json_decref(json);
    }

    is(bad, 0, "characters are read back by jansson as they were");
}


static void
test_receipt(void)
{
    char    out[256], user[64], *p;
    size_t  n, len;

    static const char  plain[] =
        "{\"id\":\"1732435200123-0\",\"user\":\"42\",\"sockets\":3}";
    static const char  longest[] =
        "{\"id\":\"17592186044415-1048575\",\"user\":\"a\\\"b\","
        "\"sockets\":4294967295}";

    len = notify_json_string(user, sizeof(user), (const uint8_t *) "42", 2);
    n = notify_json_receipt(out,
                            UINT64_C(1732435200123) << NOTIFY_ID_SEQ_BITS,
                            user, len, 3);
    is_mem(out, n, plain, strlen(plain), "a receipt");

    len = notify_json_string(user, sizeof(user), (const uint8_t *) "a\"b", 3);
    p = (char *) test_guard(longest, NOTIFY_JSON_RECEIPT_LEN(len));
    n = notify_json_receipt(p, UINT64_MAX, user, len, UINT32_MAX);
    is_mem(p, n, longest, strlen(longest), "the longest numbers");
    is(n, NOTIFY_JSON_RECEIPT_LEN(len), "make the longest receipt");
}


static void
test_error(void)
{
    char     out[8192];
    size_t   i, n;
    uint8_t  text[NOTIFY_JSON_ERROR_TEXT + 8];

    static const struct {
        const char  *field;
        const char  *text;
        const char  *out;
    } cases[] = {
        { "user", "user is empty",
          "{\"error\":\"user is empty\",\"field\":\"user\"}" },
        { NULL, "zone \"notify\" is full",
          "{\"error\":\"zone \\\"notify\\\" is full\"}" },
        { "Origin", "", "{\"error\":\"\",\"field\":\"Origin\"}" },
        { "Origin", "origin \"h\xe9t\xc3\xa9\xff\xe2\x82\" is refused",
          "{\"error\":\"origin \\\"h?t\xc3\xa9???\\\" is refused\","
          "\"field\":\"Origin\"}" },
        { "x", "\xf0\x9f\x98\x80 and \xf0\x9f\x98",
          "{\"error\":\"\xf0\x9f\x98\x80 and ???\",\"field\":\"x\"}" },
        { "x", "\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80",
          "{\"error\":\"?????????\",\"field\":\"x\"}" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        n = strlen(cases[i].text);
        n = notify_json_error(out, sizeof(out), cases[i].field,
                              test_guard(cases[i].text, n), n);

        is_mem(out, n, cases[i].out, strlen(cases[i].out), "error %zu", i);
    }

    n = notify_json_error(out, sizeof(out), NULL, NULL, 0);
    is_mem(out, n, "{\"error\":\"\"}", 12, "no text at all");

    /* cut, but not inside of a character */

    memset(text, 't', sizeof(text));
    n = notify_json_error(out, sizeof(out), NULL, text, sizeof(text));
    is(n, 12 + NOTIFY_JSON_ERROR_TEXT, "a long text is cut");

    memcpy(text + NOTIFY_JSON_ERROR_TEXT - 2, "\xe2\x82\xac", 3);
    n = notify_json_error(out, sizeof(out), NULL, text, sizeof(text));
    is(n, 10 + NOTIFY_JSON_ERROR_TEXT, "before the character that crosses");

    memset(text, 0xff, sizeof(text));
    n = notify_json_error(out, sizeof(out), NULL, text, sizeof(text));
    is(n, 12 + NOTIFY_JSON_ERROR_TEXT, "a long text of bad bytes, too");

    memset(text, 0x01, sizeof(text));
    n = notify_json_error(out, sizeof(out), "abc", text, sizeof(text));
    is(n, NOTIFY_JSON_ERROR_LEN(NOTIFY_JSON_ERROR_TEXT, 3),
       "the worst text makes the longest error");
}


/* the n-th allocation fails, until all pass (style T5) */

static void
test_memory(void)
{
    char    out[256];
    long    n;
    size_t  len, failed;

    json_set_alloc_funcs(scarce_malloc, free);

    failed = 0;

    for (n = 0; n < 100; n++) {
        allocations_left = n;
        len = notify_json_string(out, sizeof(out), (uint8_t *) "a\nb", 3);

        if (len != 0) {
            break;
        }

        failed++;
    }

    ok(failed > 0 && n < 100, "a string to escape needs memory");
    is_mem(out, len, "\"a\\nb\"", 6, "and is whole when there is enough");

    allocations_left = 0;

    is(notify_json_error(out, sizeof(out), NULL, (uint8_t *) "a\n", 2), 0,
       "an error to escape needs memory too");
    is(notify_json_string(out, sizeof(out), (uint8_t *) "a b!", 4), 6,
       "a plain string needs none");
    is(notify_json_receipt(out, 1, "\"a\\n\"", 5, 1), 37,
       "a receipt needs none");

    allocations_left = -1;
    json_set_alloc_funcs(malloc, free);
}


/* whole, and byte by byte with nothing in between */

static void
test_valid(void)
{
    bool           whole, pieces;
    char           deep[2 * NOTIFY_JSON_DEPTH + 2];
    size_t         i, k;
    struct iovec   iov[128];

    static const struct {
        bool         valid;
        const char  *text;
        size_t       n;
    } cases[] = {
#define CASE(valid, text)  { valid, text, sizeof(text) - 1 }
        CASE(true, "{}"),
        CASE(true, " [ ] "),
        CASE(true, "{\"a\":[1,{\"b\":null},\"c\"],\"a\":true}"),
        CASE(true, "[[],[false],{\"\":{}}]\r\n\t"),
        CASE(true, "\"\xc3\xa9 \\u00e9 \\\"\\\\\\/\\b\\f\\n\\r\\t\""),
        CASE(true, "\"\x7f\""),
        CASE(true, "0"),
        CASE(true, "-0"),
        CASE(true, "[0.5,-12.25e-3,1E+9,10e0]"),

        /* what we have no type for */
        CASE(true, "12345678901234567890"),
        CASE(true, "1e999"),
        CASE(true, "{\"\\u0000\":\"\\ud800\"}"),

        CASE(false, ""),
        CASE(false, " "),
        CASE(false, "{"),
        CASE(false, "[1"),
        CASE(false, "[1}"),
        CASE(false, "{\"a\":1]"),
        CASE(false, "[1,]"),
        CASE(false, "[,1]"),
        CASE(false, "{\"a\":1,}"),
        CASE(false, "{\"a\"}"),
        CASE(false, "{\"a\",1}"),
        CASE(false, "{1:2}"),
        CASE(false, "1 2"),
        CASE(false, "1,2"),
        CASE(false, "]"),
        CASE(false, "8\0"),
        CASE(false, "\xef\xbb\xbf{}"),
        CASE(false, "tru"),
        CASE(false, "truE"),
        CASE(false, "nulll"),
        CASE(false, "'a'"),
        CASE(false, "\"a"),
        CASE(false, "\"a\nb\""),
        CASE(false, "\"\0\""),
        CASE(false, "\"\\\0\""),
        CASE(false, "\"\\a\""),
        CASE(false, "\"\\u12g4\""),
        CASE(false, "\"\\u123\""),
        CASE(false, "\"\xff\""),
        CASE(false, "\"\xed\xa0\x80\""),
        CASE(false, "01"),
        CASE(false, "-"),
        CASE(false, "+1"),
        CASE(false, ".5"),
        CASE(false, "1."),
        CASE(false, "1.e5"),
        CASE(false, "1e"),
        CASE(false, "1e+"),
        CASE(false, "1.5.5"),
        CASE(false, "1e5e5"),
        CASE(false, "1e5.5"),
        CASE(false, "-a"),
        CASE(false, "0x10"),
        CASE(false, "NaN")
#undef CASE
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        iov[0].iov_base = test_guard(cases[i].text, cases[i].n);
        iov[0].iov_len = cases[i].n;
        whole = notify_json_valid(iov, 1);

        for (k = 0; k < cases[i].n; k++) {
            iov[2 * k].iov_base = NULL;
            iov[2 * k].iov_len = 0;
            iov[2 * k + 1].iov_base = (void *) (cases[i].text + k);
            iov[2 * k + 1].iov_len = 1;
        }

        pieces = notify_json_valid(iov, 2 * (unsigned) k);

        ok(whole == cases[i].valid && pieces == whole, "%s is%s JSON",
           cases[i].text, cases[i].valid ? "" : " not");
    }

    memset(deep, '[', NOTIFY_JSON_DEPTH + 1);
    memset(deep + NOTIFY_JSON_DEPTH + 1, ']', NOTIFY_JSON_DEPTH + 1);

    iov[0].iov_base = deep + 1;
    iov[0].iov_len = 2 * NOTIFY_JSON_DEPTH;
    ok(notify_json_valid(iov, 1), "as deep as may be");

    iov[0].iov_base = deep;
    iov[0].iov_len = sizeof(deep);
    ok(!notify_json_valid(iov, 1), "one deeper");
}


int
main(void)
{
    test_string();
    test_room();
    test_read_back();
    test_receipt();
    test_error();
    test_memory();
    test_valid();

    return test_done();
}
