/*
 * How fast the bus is, and what its one lock costs when many want it:
 * processes push to users of each other and take what they are sent.
 *
 *     bus [SECONDS]
 *
 * An operation is to find the user, publish 40 bytes, and take and be done
 * with as many messages as came.  cpu: of all processes, for each operation.
 * naps: how often one slept, for want of the lock or of a message.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "notify_bus.h"
#include "notify_seat.h"


#define MAX    64
#define USERS  1000                          /* that each process serves */


typedef struct {
    volatile uint32_t  ready;                /* processes */
    volatile uint32_t  phase;                /* 1: go; 2: stop */
    uint64_t           operations[MAX];
    uint64_t           taken[MAX];
} shared_t;


static shared_t       *shm;
static notify_zone_t   zone;


static double
seconds(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


static void
name_of(notify_name_of_t *name, char text[16], unsigned i)
{
    name->realm_length = 0;
    name->user = (uint8_t *) text;
    name->user_length = (size_t) sprintf(text, "%u", i);
}


static void
join(unsigned me)
{
    char              text[16];
    unsigned          i;
    uint64_t          since;
    notify_name_of_t  name;

    for (i = 0; i < USERS; i++) {
        name_of(&name, text, me * USERS + i);

        if (notify_bus_join(&zone, &name, NULL, &since) == 0) {
            fprintf(stderr, "the zone is full\n");
            exit(1);
        }
    }
}


/* returns how many messages it took */

static unsigned
operate(unsigned user, unsigned *ndone, uint32_t *done)
{
    char               text[16];
    unsigned           i, n;
    notify_item_t      items[32];
    notify_name_of_t   name;
    notify_publish_t   p;
    notify_receipt_t   receipt;

    static struct iovec  iov = {
        "{\"unread\":1234,\"of\":\"a conversation\"}  ", 40
    };

    name_of(&name, text, user);

    memset(&p, 0, sizeof(p));
    p.kind = NOTIFY_TEXT;
    p.length = iov.iov_len;
    p.iov = &iov;
    p.niov = 1;
    p.now = 1732435200000ull;

    (void) notify_bus_publish(&zone, &name, &p, &receipt);

    n = notify_bus_take(&zone, items, 32, done, *ndone);

    for (i = 0; i < n; i++) {
        done[i] = items[i].slot;
    }

    *ndone = n;

    return n;
}


static void
work(unsigned me, unsigned n)
{
    uint32_t  done[32];
    uint64_t  seed;
    unsigned  ndone;

    if (notify_seat_take(&zone, 1) == -1) {
        exit(1);
    }

    join(me);
    seed = me;
    ndone = 0;

    (void) __atomic_fetch_add(&shm->ready, 1, __ATOMIC_SEQ_CST);

    while (shm->phase == 0) {
        usleep(100);
    }

    while (shm->phase == 1) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        shm->taken[me] += operate((unsigned) (seed >> 33) % (n * USERS),
                                  &ndone, done);
        shm->operations[me]++;
    }

    _exit(0);
}


static double
cpu_of(const struct rusage *u)
{
    return (double) (u->ru_utime.tv_sec + u->ru_stime.tv_sec)
           + (double) (u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}


static void
measure(unsigned n, double length)
{
    int            status;
    double         start, took, cpu;
    pid_t          pid[MAX];
    unsigned       i;
    uint64_t       operations, taken;
    const char    *what;
    struct rusage  before, after;

    if (notify_zone_create(&zone, 64 * 1024 * 1024, n, &what) == -1) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }

    memset(shm, 0, sizeof(shared_t));
    getrusage(RUSAGE_CHILDREN, &before);

    for (i = 0; i < n; i++) {
        pid[i] = fork();

        if (pid[i] == 0) {
            work(i, n);
        }
    }

    while (shm->ready < n) {
        usleep(1000);
    }

    start = seconds();
    shm->phase = 1;

    while (seconds() - start < length) {
        usleep(1000);
    }

    shm->phase = 2;
    took = seconds() - start;

    for (i = 0, operations = 0, taken = 0; i < n; i++) {
        waitpid(pid[i], &status, 0);
        operations += shm->operations[i];
        taken += shm->taken[i];
    }

    getrusage(RUSAGE_CHILDREN, &after);
    cpu = cpu_of(&after) - cpu_of(&before);

    printf("%9u  %12.0f  %9.0f  %8.2f  %12ld\n", n,
           (double) operations / took, (double) taken / took,
           cpu * 1e6 / (double) operations,
           (long) ((double) (after.ru_nvcsw - before.ru_nvcsw) / took));

    notify_zone_destroy(&zone);
}


int
main(int argc, char **argv)
{
    double    length;
    unsigned  i;

    static const unsigned  processes[] = { 1, 2, 8, 32, 54 };

    length = argc > 1 ? atof(argv[1]) : 2;

    shm = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
               MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (shm == MAP_FAILED) {
        perror("mmap()");
        return 1;
    }

    printf("processes  operations/s    taken/s  cpu (us)  naps/s\n");

    for (i = 0; i < sizeof(processes) / sizeof(processes[0]); i++) {
        measure(processes[i], length);
    }

    return 0;
}
