/*
 * Included before each source of the bus when the storm is built (gcc
 * -include): makes every store of truth, and every wake-up, a point where a
 * worker can be made to die, just before or just after it.  A point's name is
 * that of the function it stands in.
 */

#ifndef CRASH_H_INCLUDED
#define CRASH_H_INCLUDED

#define _GNU_SOURCE

#include <unistd.h>

#include "notify_zone.h"


/* Does not return when the process is to die here (storm.c). */
void crash_point(const char *name, int after);

ssize_t crash_write(const char *name, int fd, const void *p, size_t n);


#undef notify_store

#define notify_store(p, v)                                                    \
    do {                                                                      \
        crash_point(__func__, 0);                                             \
        notify_barrier();                                                     \
        __atomic_store_n(p, v, __ATOMIC_RELAXED);                             \
        notify_barrier();                                                     \
        crash_point(__func__, 1);                                             \
    } while (0)

#define write(fd, p, n)  crash_write(__func__, fd, p, n)

#endif /* CRASH_H_INCLUDED */
