
/*
 * What fuzz targets share: an input that also says into which pieces it is
 * to be cut, and a check that stops.
 */


#ifndef FUZZ_H_INCLUDED
#define FUZZ_H_INCLUDED


#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define fuzz_check(cond)                                                      \
    ((cond) ? (void) 0 : fuzz_stop(#cond, __FILE__, __LINE__))


typedef struct {
    const uint8_t   *p;             /* borrowed from libFuzzer */
    size_t           n;
} fuzz_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


__attribute__((unused))
static void
fuzz_stop(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}


/* the next byte of the input, 0 behind its end */

__attribute__((unused))
static uint8_t
fuzz_byte(fuzz_t *f)
{
    if (f->n == 0) {
        return 0;
    }

    f->n--;

    return *f->p++;
}


/* the size of the next piece of what has n bytes left, at least 1 */

__attribute__((unused))
static size_t
fuzz_piece(fuzz_t *f, size_t n)
{
    size_t  piece;

    piece = 1 + fuzz_byte(f) % 64;

    return (piece < n) ? piece : n;
}


/*
 * A copy of its own size, so that ASan sees each byte read outside of it;
 * free() it
 */

__attribute__((unused))
static uint8_t *
fuzz_copy(const uint8_t *p, size_t n)
{
    uint8_t  *copy;

    copy = calloc(n ? n : 1, 1);
    fuzz_check(copy != NULL);

    if (n != 0) {
        memcpy(copy, p, n);
    }

    return copy;
}


/* looks at each byte, so that ASan and MSan judge it */

__attribute__((unused))
static unsigned
fuzz_read(const void *p, size_t n)
{
    size_t             i;
    const uint8_t     *b = p;
    volatile unsigned  sum;

    sum = 0;

    for (i = 0; i < n; i++) {
        sum += b[i];
    }

    return sum;
}


#endif /* FUZZ_H_INCLUDED */
