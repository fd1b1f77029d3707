/*
 * The lock, after whoever had it has died; and a rebuild of a large zone.
 */

#include "../bus/check.h"

#include <errno.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "notify_bus.h"
#include "notify_lock.h"
#include "notify_seat.h"
#include "test.h"


#define KEYS  100000


static notify_zone_t  z;


/* waits for a child that must end well, and says whether it did */

static bool
ends(pid_t pid)
{
    int  status;

    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status)
           && WEXITSTATUS(status) == 0;
}


static void
died(void)
{
    int    i;
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        notify_lock(&z);
        _exit(0);
    }

    ok(ends(pid), "a process dies in the lock");
    is(z.head->dirty, 1, "which stays dirty");

    /* as if it had been in the midst of something */

    z.head->used_blocks = 77;
    z.head->partial[0] = 12345;

    notify_lock(&z);
    is_str(check_empty(&z), NULL, "the next to take it finds all repaired");
    is(z.head->dirty, 1, "and is about to change it");
    notify_unlock(&z);
    is(z.head->dirty, 0, "then it is clean");

    /* twice: the one who has repaired dies in the lock, too */

    for (i = 0; i < 2; i++) {
        pid = fork();

        if (pid == 0) {
            notify_lock(&z);
            z.head->used_pages = 99;
            z.head->free_page = 98;
            _exit(0);
        }

        ok(ends(pid), "another dies in it");
    }

    notify_lock(&z);
    is_str(check_empty(&z), NULL, "all is repaired again");
    notify_unlock(&z);
}


static void
contended(void)
{
    pid_t     pid[4];
    unsigned  i, n, good;
    uint64_t  before;

    before = z.head->last_id;

    for (i = 0; i < 4; i++) {
        pid[i] = fork();

        if (pid[i] == 0) {
            for (n = 0; n < 20000; n++) {
                notify_lock(&z);
                z.head->last_id++;
                notify_unlock(&z);
            }

            _exit(0);
        }
    }

    for (i = 0, good = 0; i < 4; i++) {
        good += ends(pid[i]);
    }

    is(good, 4, "four processes take it 20,000 times each");
    is(z.head->last_id - before, 80000, "one after the other");
}


static double
seconds(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


static void
large(void)
{
    char              *before, *after, text[16];
    double             start;
    uint32_t           i, wrong;
    uint64_t           since;
    const char        *what;
    notify_zone_t      big;
    notify_publish_t   p;
    notify_receipt_t   receipt;
    notify_name_of_t   name = { NULL, 0, (uint8_t *) text, 0 };

    if (notify_zone_create(&big, 64 * 1024 * 1024, 4, &what) == -1
        || notify_seat_take(&big, 1) == -1)
    {
        ok(false, "a large zone: %s: %s", what, strerror(errno));
        return;
    }

    memset(&p, 0, sizeof(p));
    p.kind = NOTIFY_TEXT;
    wrong = 0;

    for (i = 0; i < KEYS; i++) {
        name.user_length = (size_t) sprintf(text, "%u", i);
        wrong += notify_bus_join(&big, &name, NULL, &since) == 0;

        if (i % 2) {
            wrong += notify_bus_publish(&big, &name, &p, &receipt) != 0;
        }
    }

    is(wrong, 0, "%u users, and a message for every other one", KEYS);

    before = check_dump(&big);
    start = seconds();

    notify_lock(&big);
    notify_rebuild_locked(&big);
    notify_unlock(&big);

    diag("rebuilt in %.1f ms", (seconds() - start) * 1000);

    after = check_dump(&big);
    ok(strcmp(before, after) == 0, "a rebuild changes nothing");
    is_str(check_zone(&big), NULL, "all holds in it");

    free(before);
    free(after);

    notify_seat_leave(&big);
    start = seconds();
    is(notify_seat_sweep(&big), 1, "they are all gone when the seat is reaped");
    diag("reaped in %.1f ms", (seconds() - start) * 1000);
    is_str(check_empty(&big), NULL, "without a trace");

    notify_zone_destroy(&big);
}


int
main(void)
{
    const char  *what;

    if (notify_zone_create(&z, NOTIFY_ZONE_MIN, 4, &what) == -1) {
        diag("%s: %s", what, strerror(errno));
        return 1;
    }

    died();
    contended();
    large();

    notify_zone_destroy(&z);

    return test_done();
}
