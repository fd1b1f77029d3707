/*
 * Seats: taken, left, and reaped when their workers have died.
 */

#include "../bus/check.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notify_bus.h"
#include "notify_lock.h"
#include "notify_seat.h"
#include "test.h"


#define SEATS  6


static notify_zone_t     zone;
static notify_name_of_t  name = { NULL, 0, (const uint8_t *) "42", 2 };


static uint32_t
join(notify_zone_t *z)
{
    uint64_t  since;

    return notify_bus_join(z, &name, NULL, &since);
}


static uint32_t
push(notify_zone_t *z)
{
    notify_publish_t  p;
    notify_receipt_t  receipt;

    memset(&p, 0, sizeof(p));
    p.kind = NOTIFY_TEXT;

    return notify_bus_publish(z, &name, &p, &receipt) == 0 ? receipt.sockets
                                                           : 1000;
}


static bool
woken(const notify_zone_t *z)
{
    uint64_t  n;

    return read(z->seats[z->seat].event, &n, sizeof(n)) == sizeof(n);
}


/* takes a seat, says so; is told to do what f says, says so; and waits */

__attribute__((noreturn))
static void
work(void (*f)(notify_zone_t *z), int told, int says)
{
    char           c;
    notify_zone_t  z;

    z = zone;

    if (notify_seat_take(&z, 1) == 0 && write(says, "", 1) == 1
        && read(told, &c, 1) == 1)
    {
        f(&z);
        (void) !write(says, "", 1);
    }

    for ( ;; ) {
        pause();
    }
}


/*
 * n workers that have seats at one time, and do what they should one after the
 * other; then they are killed.
 */

static bool
workers(unsigned n, void (*const *f)(notify_zone_t *z))
{
    int       status, told[3][2], says[3][2];
    bool      good;
    char      c;
    pid_t     pid[3];
    unsigned  i;

    good = true;

    for (i = 0; i < n; i++) {

        if (pipe(told[i]) == -1 || pipe(says[i]) == -1) {
            return false;
        }

        pid[i] = fork();

        if (pid[i] == 0) {
            work(f[i], told[i][0], says[i][1]);
        }

        good &= pid[i] > 0 && read(says[i][0], &c, 1) == 1;
    }

    for (i = 0; i < n && good; i++) {
        good &= write(told[i][1], "", 1) == 1 && read(says[i][0], &c, 1) == 1;
    }

    for (i = 0; i < n; i++) {
        good &= kill(pid[i], SIGKILL) == 0
                && waitpid(pid[i], &status, 0) == pid[i];

        close(told[i][0]);
        close(told[i][1]);
        close(says[i][0]);
        close(says[i][1]);
    }

    return good;
}


static bool
worker(void (*f)(notify_zone_t *z))
{
    return workers(1, &f);
}


static void
taken(void)
{
    unsigned       i;
    notify_zone_t  z[SEATS], more;

    for (i = 0; i < SEATS; i++) {
        z[i] = zone;

        if (notify_seat_take(&z[i], 5) == -1 || z[i].seat != i) {
            break;
        }
    }

    is(i, SEATS, "each worker takes a seat of its own");
    is(zone.seats[2].state, NOTIFY_SEAT_LIVE, "a seat lives");
    is(zone.seats[2].generation, 5, "in a generation");
    is(zone.seats[2].pid, getpid(), "and a process");

    more = zone;
    is(notify_seat_take(&more, 5), -1, "then there is none");
    is(more.seat, NOTIFY_NONE, "and the worker has none");

    is(notify_seat_sweep(&zone), 0, "nobody has died");

    notify_seat_leave(&z[3]);
    is(z[3].seat, NOTIFY_NONE, "who leaves has none");
    is(zone.seats[3].state, NOTIFY_SEAT_FREE, "and it is free");
    is(notify_seat_take(&more, 6), 0, "another takes it");
    is(more.seat, 3, "that one");
    is(zone.seats[3].generation, 6, "in a newer generation");

    z[3] = more;

    for (i = 0; i < SEATS; i++) {
        notify_seat_leave(&z[i]);
    }

    is_str(check_empty(&zone), NULL, "all have left");
}


static void
left(void)
{
    uint32_t       key;
    notify_item_t  item;
    notify_zone_t  a, b;

    a = b = zone;
    (void) notify_seat_take(&a, 1);
    (void) notify_seat_take(&b, 1);

    key = join(&a);
    (void) push(&b);
    (void) push(&b);
    notify_bus_leave(&a, key);

    is(notify_bus_online(&b, &name), 0, "a worker's last socket has left");
    notify_seat_leave(&a);
    is_str(check_empty(&zone), NULL, "what waited for it goes with its seat");

    (void) notify_seat_take(&a, 1);
    (void) join(&a);
    notify_seat_leave(&a);

    is(zone.seats[0].state, NOTIFY_SEAT_DYING,
       "a seat that is left with sockets is not free");
    is(notify_seat_sweep(&b), 1, "it is reaped");
    is_str(check_empty(&zone), NULL, "and its sockets are gone");

    (void) notify_seat_take(&a, 1);
    key = join(&a);
    (void) push(&b);
    is(notify_bus_take(&a, &item, 1, NULL, 0), 1, "a message is taken");
    notify_bus_leave(&a, key);
    notify_seat_leave(&a);
    is(notify_seat_sweep(&b), 1, "a seat left with one is reaped, too");
    is_str(check_empty(&zone), NULL, "and that is gone");

    notify_seat_leave(&b);
}


static void
lives_with_sockets(notify_zone_t *z)
{
    (void) join(z);
    (void) join(z);
}


static void
lives_with_messages(notify_zone_t *z)
{
    notify_item_t  item;

    (void) join(z);
    (void) push(z);
    (void) push(z);
    (void) notify_bus_take(z, &item, 1, NULL, 0);
}


/* it has published, and did not come to wake anybody */

static void
lives_till_waking(notify_zone_t *z)
{
    int32_t  fd;

    fd = z->seats[0].event;
    z->seats[0].event = -1;
    (void) push(z);
    z->seats[0].event = fd;
}


static void
lives_in_the_lock(notify_zone_t *z)
{
    (void) join(z);
    notify_lock(z);
}


static void
reaped(void)
{
    static void (*const  three[])(notify_zone_t *z) = {
        lives_with_messages, lives_till_waking, lives_in_the_lock
    };

    unsigned             i;
    uint32_t             key;
    notify_zone_t        a, b[SEATS];
    notify_item_t        item;

    a = zone;
    (void) notify_seat_take(&a, 1);
    key = join(&a);

    ok(worker(lives_with_sockets), "a worker is killed");
    is(notify_bus_online(&a, &name), 3, "its sockets count");
    is(push(&a), 3, "also in receipts");
    is(notify_seat_sweep(&a), 1, "till it is reaped");
    is(notify_bus_online(&a, &name), 1, "then they do not");
    is(notify_seat_sweep(&a), 0, "once");
    is(notify_bus_take(&a, &item, 1, NULL, 0), 1,
       "what the others had to take, they take");
    (void) notify_bus_take(&a, NULL, 0, &item.slot, 1);
    (void) notify_bus_take(&a, &item, 1, NULL, 0);
    a.wake_self = false;

    ok(workers(3, three), "three more are killed, one in the lock");

    while (woken(&a)) { /* by the first of them */ }

    a.wake_self = false;
    is(notify_seat_sweep(&a), 3, "all are reaped");
    ok(a.wake_self, "who sweeps is told that it has messages itself");
    is_str(check_zone(&zone), NULL, "all holds");

    while (notify_bus_take(&a, &item, 1, NULL, 0)) {
        (void) notify_bus_take(&a, NULL, 0, &item.slot, 1);
    }

    notify_bus_leave(&a, key);
    is_str(check_empty(&zone), NULL, "nothing is left of them");

    key = join(&a);

    ok(worker(lives_till_waking), "another is killed before it wakes us");

    while (woken(&a)) { /* drained */ }

    is(notify_seat_sweep(&zone), 1, "and reaped by a process without seat");
    ok(woken(&a), "who has messages is woken");

    (void) notify_bus_take(&a, &item, 1, NULL, 0);
    (void) notify_bus_take(&a, NULL, 0, &item.slot, 1);
    notify_bus_leave(&a, key);

    /* a seat whose worker has died is taken without a sweep before */

    ok(worker(lives_with_sockets), "and another");

    for (i = 0; i < SEATS - 1; i++) {
        b[i] = zone;

        if (notify_seat_take(&b[i], 1) == -1) {
            break;
        }
    }

    is(i, SEATS - 1, "its seat can be taken, too");
    is(notify_bus_online(&a, &name), 0, "and its sockets are gone");

    while (i) {
        notify_seat_leave(&b[--i]);
    }

    notify_seat_leave(&a);
    is_str(check_empty(&zone), NULL, "nothing is left");
}


/* children of a worker, such as a shell that a script starts */

static void
forked(void)
{
    int            status;
    pid_t          pid;
    notify_zone_t  a;

    a = zone;
    (void) notify_seat_take(&a, 1);
    (void) join(&a);

    pid = fork();

    if (pid == 0) {
        _exit(0);
    }

    is(waitpid(pid, &status, 0), pid, "a worker's child ends");
    is(notify_seat_sweep(&zone), 0, "the worker has its seat still");

    pid = vfork();

    if (pid == 0) {
        execl("/bin/true", "true", (char *) NULL);
        _exit(1);
    }

    is(waitpid(pid, &status, 0), pid, "and one that becomes a program");
    is(notify_seat_sweep(&zone), 0, "it has it still");

    notify_seat_leave(&a);
    is(notify_seat_sweep(&zone), 1, "till it leaves it");
}


int
main(void)
{
    const char  *what;

    if (notify_zone_create(&zone, NOTIFY_ZONE_MIN, SEATS, &what) == -1) {
        diag("%s: %s", what, strerror(errno));
        return 1;
    }

    taken();
    left();
    reaped();
    forked();

    is_str(check_empty(&zone), NULL, "at the end nothing is left");

    notify_zone_destroy(&zone);

    return test_done();
}
