
/*
 * What tests share that do things drawn by lot and compare the outcome with a
 * model: the lot, which TEST_SEED repeats, and the first of all failures.
 */

#ifndef MODEL_H_INCLUDED
#define MODEL_H_INCLUDED


#include "../bus/check.h"
#include "test.h"


static uint64_t  state;                      /* of the lot */
static unsigned  failures;


static void
cast_lots(void)
{
    state = getenv("TEST_SEED") ? strtoull(getenv("TEST_SEED"), NULL, 0) : 1;
    diag("TEST_SEED=%llu", (unsigned long long) state);
}


static unsigned
pick(unsigned n)
{
    return (unsigned) (check_random(&state) % n);
}


/* what does not agree with the model; the first says why */

__attribute__((format(printf, 1, 2), unused))
static void
failed(const char *fmt, ...)
{
    va_list  args;

    if (failures++ == 0) {
        printf("# ");
        va_start(args, fmt);
        vprintf(fmt, args);
        va_end(args);
        printf("\n");
    }
}


/* the bytes of a body, the same for the same seed */

__attribute__((unused))
static void
fill(uint8_t *p, size_t n, uint64_t seed)
{
    size_t    i;
    uint64_t  x;

    for (i = 0; i < n; i += 8) {
        x = check_random(&seed);
        memcpy(p + i, &x, n - i < 8 ? n - i : 8);
    }
}

#endif /* MODEL_H_INCLUDED */
