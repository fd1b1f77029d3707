
/*
 * TAP for unit tests: a test that is a program, run by t/unit.t.
 *
 *     int
 *     main(void)
 *     {
 *         ok(2 + 2 == 4, "two and two is %d", 4);
 *         is(strlen("abc"), 3, "length");
 *         is_mem(p, n, "abc", 3, "bytes");
 *         return test_done();
 *     }
 *
 * Each check returns whether it held.  A check that runs in a loop over
 * thousands of inputs would drown the output: count what fails in the loop,
 * show the first by diag(), and check the count behind it.
 */


#ifndef TEST_H_INCLUDED
#define TEST_H_INCLUDED


#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>


#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS  0x20         /* hidden by -std=c11 */
#endif


#define TEST_GUARD_SIZE  (1024 * 1024)      /* a multiple of any page */


#define ok(cond, ...)                                                         \
    test_ok((cond) ? true : false, __FILE__, __LINE__, __VA_ARGS__)

/* integers of any kind, compared as 64 signed bits */
#define is(got, expected, ...)                                                \
    test_is((int64_t) (got), (int64_t) (expected), __FILE__, __LINE__,        \
            __VA_ARGS__)

/* strings; NULL equals NULL */
#define is_str(got, expected, ...)                                            \
    test_is_str(got, expected, __FILE__, __LINE__, __VA_ARGS__)

/* (got, n) and (expected, m) are the same bytes */
#define is_mem(got, n, expected, m, ...)                                      \
    test_is_mem(got, n, expected, m, __FILE__, __LINE__, __VA_ARGS__)


static struct {
    int   run;
    int   failed;
} test_count;


/* a comment in the output */

__attribute__((format(printf, 1, 2), unused))
static void
diag(const char *fmt, ...)
{
    va_list  args;

    fputs("# ", stdout);

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);

    putchar('\n');
}


/* a name in one line: what TAP or a terminal could take amiss is escaped */

__attribute__((format(printf, 1, 0)))
static void
test_name(const char *fmt, va_list args)
{
    char         name[512];
    const char  *p;

    vsnprintf(name, sizeof(name), fmt, args);

    for (p = name; *p != '\0'; p++) {
        if (*p == '#' || *p == '\\') {
            printf("\\%c", *p);

        } else if ((unsigned char) *p < 0x20 || *p == 0x7f) {
            printf("\\x%02x", (unsigned) *p);

        } else {
            putchar(*p);
        }
    }

    putchar('\n');
}


__attribute__((format(printf, 4, 0)))
static bool
test_vok(bool held, const char *file, int line, const char *fmt, va_list args)
{
    test_count.run++;

    printf("%sok %d - ", held ? "" : "not ", test_count.run);
    test_name(fmt, args);

    if (!held) {
        test_count.failed++;
        diag("failed at %s line %d", file, line);
    }

    fflush(stdout);

    return held;
}


__attribute__((format(printf, 4, 5), unused))
static bool
test_ok(bool held, const char *file, int line, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    test_vok(held, file, line, fmt, args);
    va_end(args);

    return held;
}


__attribute__((format(printf, 5, 6), unused))
static bool
test_is(int64_t got, int64_t expected, const char *file, int line,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    test_vok(got == expected, file, line, fmt, args);
    va_end(args);

    if (got != expected) {
        diag("got %lld, expected %lld", (long long) got,
             (long long) expected);
    }

    return got == expected;
}


__attribute__((format(printf, 5, 6), unused))
static bool
test_is_str(const char *got, const char *expected, const char *file, int line,
    const char *fmt, ...)
{
    bool     held;
    va_list  args;

    held = (got == NULL || expected == NULL) ? got == expected
                                             : strcmp(got, expected) == 0;

    va_start(args, fmt);
    test_vok(held, file, line, fmt, args);
    va_end(args);

    if (!held) {
        diag("got \"%s\", expected \"%s\"", got ? got : "(null)",
             expected ? expected : "(null)");
    }

    return held;
}


static void
test_dump(const char *what, const void *p, size_t n)
{
    size_t          i;
    const uint8_t  *b = p;

    printf("# %s, %zu bytes: ", what, n);

    for (i = 0; i < n && i < 256; i++) {
        if (b[i] >= 0x20 && b[i] < 0x7f && b[i] != '\\') {
            putchar(b[i]);

        } else {
            printf("\\x%02x", b[i]);
        }
    }

    puts(i < n ? "..." : "");
}


__attribute__((format(printf, 7, 8), unused))
static bool
test_is_mem(const void *got, size_t n, const void *expected, size_t m,
    const char *file, int line, const char *fmt, ...)
{
    bool     held;
    va_list  args;

    held = n == m && (n == 0 || memcmp(got, expected, n) == 0);

    va_start(args, fmt);
    test_vok(held, file, line, fmt, args);
    va_end(args);

    if (!held) {
        test_dump("got", got, n);
        test_dump("expected", expected, m);
    }

    return held;
}


/*
 * A copy of (p, n), n <= TEST_GUARD_SIZE, that ends where a page begins that
 * can be neither read nor written.  Valid until the next call.
 */

__attribute__((unused))
static uint8_t *
test_guard(const void *p, size_t n)
{
    uint8_t         *copy;
    static uint8_t  *end;

    if (end == NULL) {
        copy = mmap(NULL, 2 * TEST_GUARD_SIZE, PROT_READ|PROT_WRITE,
                    MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

        if (copy == MAP_FAILED
            || mprotect(copy + TEST_GUARD_SIZE, TEST_GUARD_SIZE, PROT_NONE)
               != 0)
        {
            perror("a guard page");
            exit(2);
        }

        end = copy + TEST_GUARD_SIZE;
    }

    copy = end - n;

    if (n != 0) {
        memcpy(copy, p, n);
    }

    return copy;
}


/* the plan, and what main() returns */

__attribute__((unused))
static int
test_done(void)
{
    printf("1..%d\n", test_count.run);

    if (test_count.failed) {
        diag("%d of %d failed", test_count.failed, test_count.run);
    }

    return test_count.failed ? 1 : 0;
}


#endif /* TEST_H_INCLUDED */
