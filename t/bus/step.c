/*
 * Death at every instruction.
 *
 * Each scenario lets a victim do one thing with the zone, one instruction at
 * a time (ptrace).  Wherever the zone, the victim's robust list or a wake-up
 * has changed, the zone is copied, the copy is given what the kernel does for
 * a thread that dies (kernel/futex: exit_robust_list(), reproduced below), and
 * a survivor sweeps the copy.  Then all that must hold in a zone holds; what
 * the victim did has happened entirely or not at all; and no living worker
 * with a message is asleep.  At the end the living take all, leave, and the
 * copy is empty.
 *
 * At the instructions between, the victim leaves the very same bytes behind.
 * That the kernel does the same is shown by victims that are killed for real,
 * at instructions drawn by lot: the outcome must be that of the copy.
 *
 *     step [-r N] [-s SEED] [SCENARIO ...]
 *
 * -r: real kills may cost about N single steps in each scenario.
 */

#include "check.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/futex.h>

#include "notify_bus.h"
#include "notify_lock.h"
#include "notify_seat.h"
#include "test.h"


#define LIVING     21
#define SEATS      28
#define PAGES      5                         /* that a scenario may touch */
#define SIZE       (4 * NOTIFY_PAGE_SIZE)
#define BUCKETS    2048                      /* of a zone of 1 MiB */
#define NAMES      4
#define DEADLINE   300                       /* seconds, for all */
#define DRAFT      4200                      /* bytes: copied without the lock */
#define NOW        1732435200000ull

/* of a body: short, since memcpy() takes a long one byte by byte here */
#define PIECE      512
#define PIECES     (DRAFT / PIECE + 1)

#define SEATS_AT   4096


typedef struct {
    const char  *name;
    void       (*base)(void);                /* by the living, before */
    void       (*prepare)(notify_zone_t *z); /* by the victim, before */
    void       (*run)(notify_zone_t *z);     /* by the victim: watched */
    unsigned     changes;                    /* seen by the living: 0 or 1 */
    int          messages;                   /* more for the living after it */
} scenario_t;

typedef struct {
    uint8_t      head[4096];
    uint8_t      seats[SEATS * sizeof(notify_seat_t)];
    uint8_t      buckets[BUCKETS * sizeof(uint32_t)];
    uint8_t      pages[PAGES * NOTIFY_PAGE_SIZE];
} image_t;

/* what the living have, and give back at the end */
typedef struct {
    unsigned     view;
    uint32_t     block;
} owned_t;

/* what decides how the next instruction's death would end */
typedef struct {
    image_t                  zone;
    struct robust_list_head  robust;
    uint64_t                 woken;
} state_t;


static notify_zone_t     zone, copy;         /* without a seat */
static notify_zone_t     live[LIVING];
static image_t           blank, based;
static uint64_t          based_woken;
static state_t           seen;

static owned_t           joined[64], held[64], draft[4];
static unsigned          njoined, nheld, ndraft;

static notify_name_of_t  name[NAMES];
static char              bytes[PIECE];

static pid_t             victim;
static uint64_t          lot;                /* the PRNG's state */


static void
broken(const char *what)
{
    printf("Bail out! %s: %s\n", what, strerror(errno));
    exit(2);
}


/* --- the zone's bytes, as far as they are used */

static void
image_each(const notify_zone_t *z, image_t *image,
    void (*f)(void *image, void *zone, size_t n))
{
    f(image->head, z->base, sizeof(image->head));
    f(image->seats, z->base + SEATS_AT, sizeof(image->seats));
    f(image->buckets, z->buckets, sizeof(image->buckets));
    f(image->pages, z->pages, sizeof(image->pages));
}


static void
image_save_part(void *image, void *z, size_t n)
{
    memcpy(image, z, n);
}


static void
image_load_part(void *image, void *z, size_t n)
{
    memcpy(z, image, n);
}


static void
image_save(const notify_zone_t *z, image_t *image)
{
    image_each(z, image, image_save_part);
}


static void
image_load(const notify_zone_t *z, image_t *image)
{
    image_each(z, image, image_load_part);
}


static bool
image_same(const notify_zone_t *z, const image_t *image)
{
    return memcmp(image->pages, z->pages, sizeof(image->pages)) == 0
           && memcmp(image->head, z->base, sizeof(image->head)) == 0
           && memcmp(image->seats, z->base + SEATS_AT, sizeof(image->seats))
              == 0
           && memcmp(image->buckets, z->buckets, sizeof(image->buckets)) == 0;
}


/* --- wake-ups: which seats' eventfds can be read */

static uint64_t
woken(void)
{
    uint32_t       i;
    uint64_t       mask;
    struct pollfd  fds[SEATS];

    for (i = 0; i < SEATS; i++) {
        fds[i].fd = zone.seats[i].event;
        fds[i].events = POLLIN;
    }

    if (poll(fds, SEATS, 0) == -1) {
        broken("poll()");
    }

    mask = 0;

    for (i = 0; i < SEATS; i++) {
        mask |= (uint64_t) (fds[i].revents & POLLIN ? 1 : 0) << i;
    }

    return mask;
}


static void
set_woken(uint64_t mask)
{
    uint32_t  i;
    uint64_t  n;

    for (i = 0; i < SEATS; i++) {

        while (read(live[0].seats[i].event, &n, sizeof(n)) == sizeof(n)) {
            /* drained */
        }

        n = 1;

        if (mask >> i & 1
            && write(live[0].seats[i].event, &n, sizeof(n)) != sizeof(n))
        {
            broken("eventfd");
        }
    }
}


/* --- what the living do */

/* a living worker's view of the zone or of its copy */

static notify_zone_t
view_of(const notify_zone_t *on, unsigned i)
{
    notify_zone_t  v;

    v = *on;
    v.seat = live[i].seat;

    return v;
}


/* a worker that is to take without having been told by others */

static void
rouse(notify_zone_t *z)
{
    uint64_t  one;

    one = 1;

    if (write(z->seats[z->seat].event, &one, sizeof(one)) != sizeof(one)) {
        broken("eventfd");
    }
}


static void
base_join(unsigned v, unsigned k)
{
    uint64_t  since;

    joined[njoined].view = v;
    joined[njoined].block = notify_bus_join(&live[v], &name[k], &since);

    if (joined[njoined++].block == 0) {
        broken("base_join");
    }
}


static void
base_join_each(unsigned n, unsigned k)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        base_join(i, k);
    }
}


static int
push(notify_zone_t *z, unsigned k, size_t n, notify_receipt_t *receipt)
{
    size_t            left;
    unsigned          i;
    struct iovec      iov[PIECES];
    notify_publish_t  p;

    memset(&p, 0, sizeof(p));

    for (i = 0, left = n; left; i++, left -= iov[i - 1].iov_len) {
        iov[i].iov_base = bytes;
        iov[i].iov_len = left < PIECE ? left : PIECE;
    }

    p.kind = NOTIFY_TEXT;
    p.length = n;
    p.iov = iov;
    p.niov = i;
    p.now = NOW;

    return notify_bus_publish(z, &name[k], &p, receipt);
}


static int
base_push(unsigned v, unsigned k, size_t n)
{
    int               rc;
    notify_receipt_t  receipt;

    rc = push(&live[v], k, n, &receipt);

    if (live[v].wake_self) {
        live[v].wake_self = false;
        rouse(&live[v]);
    }

    return rc;
}


static void
base_take(unsigned v, unsigned n)
{
    notify_item_t  item;

    while (n--) {
        if (notify_bus_take(&live[v], &item, 1, NULL, 0) != 1) {
            broken("base_take");
        }

        held[nheld].view = v;
        held[nheld++].block = item.slot;
    }

    rouse(&live[v]);
}


static void
base_draft(unsigned v, uint32_t n)
{
    uint32_t  message;

    notify_lock(&live[v]);

    message = notify_message_alloc(&live[v], n);
    notify_message_draft(&live[v], message, live[v].seat);

    notify_unlock(&live[v]);

    draft[ndraft].view = v;
    draft[ndraft++].block = message;
}


/* full to the last block; then living worker 1 is done with some */

static void
base_full(unsigned blocks)
{
    uint32_t       done;
    notify_item_t  item;

    notify_zone_configure(&live[0], 2 * NOTIFY_PAGE_SIZE);

    base_join(1, 3);

    while (base_push(0, 3, 10) == 0) { /* void */ }

    while (blocks--) {
        if (notify_bus_take(&live[1], &item, 1, NULL, 0) != 1) {
            broken("base_full");
        }

        done = item.slot;
        (void) notify_bus_take(&live[1], NULL, 0, &done, 1);
    }

    rouse(&live[1]);
}


/* a worker that dies, as f leaves it */

static void
base_dead(void (*f)(notify_zone_t *z))
{
    int            status;
    pid_t          pid;
    notify_zone_t  z;

    pid = fork();

    if (pid == 0) {
        z = zone;

        if (notify_seat_take(&z, 1) == -1) {
            _exit(2);
        }

        f(&z);
        _exit(0);
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid || status != 0) {
        broken("base_dead");
    }
}


/* --- the life of those that die before */

static void
victim_join(notify_zone_t *z, unsigned k)
{
    uint64_t  since;

    if (notify_bus_join(z, &name[k], &since) == 0) {
        _exit(3);
    }
}


static void
victim_push(notify_zone_t *z, unsigned k, size_t n)
{
    notify_receipt_t  receipt;

    if (push(z, k, n, &receipt) == -1) {
        _exit(3);
    }
}


static uint32_t
victim_take(notify_zone_t *z)
{
    notify_item_t  item;

    if (notify_bus_take(z, &item, 1, NULL, 0) != 1) {
        _exit(3);
    }

    return item.slot;
}


static void
dead_with_sockets(notify_zone_t *z)
{
    victim_join(z, 0);
    victim_join(z, 0);
    victim_join(z, 1);
}


/* it has published, and did not live to wake anybody */

static void
dead_before_waking(notify_zone_t *z)
{
    int       fd[LIVING];
    unsigned  i;

    victim_join(z, 0);

    for (i = 0; i < LIVING; i++) {
        fd[i] = z->seats[live[i].seat].event;
        z->seats[live[i].seat].event = -1;
    }

    victim_push(z, 0, 20);

    for (i = 0; i < LIVING; i++) {
        z->seats[live[i].seat].event = fd[i];
    }
}


static void
dead_with_messages(notify_zone_t *z)
{
    victim_join(z, 0);
    victim_join(z, 2);
    victim_push(z, 0, 20);
    victim_push(z, 2, 300);
    victim_push(z, 2, 3000);
    (void) victim_take(z);
    (void) victim_take(z);
}


static void
dead_while_copying(notify_zone_t *z)
{
    uint32_t  message;

    notify_lock(z);
    message = notify_message_alloc(z, 5000);
    notify_message_draft(z, message, z->seat);
    notify_unlock(z);
}


static void
dead_in_the_lock(notify_zone_t *z)
{
    victim_join(z, 0);
    notify_lock(z);
}


/* --- scenarios */

static void
base_none(void)
{
}


static void
prepare_seat(notify_zone_t *z)
{
    if (notify_seat_take(z, 1) == -1) {
        _exit(3);
    }
}


static void
prepare_none(notify_zone_t *z)
{
    (void) z;
}


static void
base_one(void)
{
    base_join(0, 0);
}


static void
base_three(void)
{
    base_join_each(3, 0);
    base_join(0, 0);
}


static void
base_six(void)
{
    base_join_each(6, 0);
}


static void
base_twenty(void)
{
    base_join_each(20, 0);
}


static void
prepare_joined(notify_zone_t *z)
{
    prepare_seat(z);
    victim_join(z, 0);
}


static void
prepare_joined_twice(notify_zone_t *z)
{
    prepare_joined(z);
    victim_join(z, 0);
}


static void
run_join(notify_zone_t *z)
{
    uint64_t  since;

    (void) notify_bus_join(z, &name[0], &since);
}


static void
run_join_long(notify_zone_t *z)
{
    uint64_t  since;

    (void) notify_bus_join(z, &name[2], &since);
}


static void
base_full_up(void)
{
    base_join_each(6, 0);
    base_full(0);
}


/* room for the first two of the four blocks of a long name */

static void
base_full_but_two(void)
{
    base_full(2);
}


static void
run_leave(notify_zone_t *z)
{
    uint32_t  key;

    notify_lock(z);
    key = notify_key_find_locked(z, &name[0], notify_key_hash(z, &name[0]));
    notify_unlock(z);

    notify_bus_leave(z, key);
}


static void
run_push_small(notify_zone_t *z)
{
    notify_receipt_t  receipt;

    (void) push(z, 0, 20, &receipt);
}


static void
run_push_mid(notify_zone_t *z)
{
    notify_receipt_t  receipt;

    (void) push(z, 0, 1000, &receipt);
}


static void
run_push_draft(notify_zone_t *z)
{
    notify_receipt_t  receipt;

    (void) push(z, 0, DRAFT, &receipt);
}


static void
run_push_close(notify_zone_t *z)
{
    notify_publish_t  p;
    notify_receipt_t  receipt;

    memset(&p, 0, sizeof(p));
    p.kind = NOTIFY_CLOSE;
    p.code = 4403;
    p.now = NOW;

    (void) notify_bus_publish(z, &name[0], &p, &receipt);
}


/* twenty seats listen, and there is room for a message but not for targets */

static void
base_full_targets(void)
{
    base_join_each(20, 0);
    base_full(2);
}


static void
base_full_body(void)
{
    base_join_each(3, 0);
    base_full(9);
}


/* the body's blocks are there, those of the targets are not */

static void
base_full_draft(void)
{
    base_join_each(20, 0);
    base_full(1 + (DRAFT + 4 + 8 + 127) / 128 + 1);
}


static void
base_busy(void)
{
    base_join_each(3, 0);
    base_push(0, 0, 20);
    base_push(3, 0, 2000);
    base_take(0, 1);
}


static void
prepare_inbox(notify_zone_t *z)
{
    prepare_joined(z);
    victim_push(z, 0, 30);
    victim_push(z, 0, 500);
    victim_push(z, 0, DRAFT);
}


static void
run_take(notify_zone_t *z)
{
    notify_item_t  items[2];

    (void) notify_bus_take(z, items, 2, NULL, 0);
}


static void
run_take_all(notify_zone_t *z)
{
    notify_item_t  items[8];

    (void) notify_bus_take(z, items, 8, NULL, 0);
}


static uint32_t  slots[3];

static void
prepare_taken(notify_zone_t *z)
{
    unsigned  i;

    prepare_inbox(z);

    for (i = 0; i < 3; i++) {
        slots[i] = victim_take(z);
    }
}


static void
run_done(notify_zone_t *z)
{
    (void) notify_bus_take(z, NULL, 0, slots, 3);
}


static void
prepare_taken_some(notify_zone_t *z)
{
    prepare_inbox(z);
    slots[0] = victim_take(z);
    slots[1] = victim_take(z);
}


static void
run_done_and_take(notify_zone_t *z)
{
    notify_item_t  items[2];

    (void) notify_bus_take(z, items, 2, slots, 2);
}


static void
run_seat_take(notify_zone_t *z)
{
    (void) notify_seat_take(z, 1);
}


static void
run_seat_leave(notify_zone_t *z)
{
    notify_seat_leave(z);
}


static void
prepare_to_leave(notify_zone_t *z)
{
    prepare_inbox(z);
    run_leave(z);
}


static void
base_dead_sockets(void)
{
    base_join_each(3, 0);
    base_dead(dead_with_sockets);
}


static void
base_dead_waking(void)
{
    base_join_each(3, 0);
    base_dead(dead_before_waking);
}


static void
base_dead_many(void)
{
    base_busy();
    base_dead(dead_with_messages);
    base_dead(dead_while_copying);
    base_dead(dead_before_waking);
}


static void
base_dead_lock(void)
{
    base_busy();
    base_draft(4, 4200);
    base_dead(dead_before_waking);
    base_dead(dead_in_the_lock);
}


static void
run_sweep(notify_zone_t *z)
{
    (void) notify_seat_sweep(z);
}


static void
run_online(notify_zone_t *z)
{
    (void) notify_bus_online(z, &name[0]);
}


static void
run_rebuild(notify_zone_t *z)
{
    notify_lock(z);
    notify_rebuild_locked(z);
    notify_unlock(z);
}


static void
base_keys(void)
{
    base_busy();
    base_join(5, 1);
    base_join(6, 2);
    base_push(5, 2, 100);
    base_draft(2, 4200);
}


static void
run_configure_same(notify_zone_t *z)
{
    (void) notify_zone_configure(z, SIZE);
}


static void
run_grow(notify_zone_t *z)
{
    (void) notify_zone_configure(z, 2 * SIZE);
}


static void
run_grow_index(notify_zone_t *z)
{
    (void) notify_zone_configure(z, 1024 * 1024);
}


static void
run_shrink(notify_zone_t *z)
{
    (void) notify_zone_configure(z, NOTIFY_PAGE_SIZE);
}


static const scenario_t  scenarios[] = {
    { "join: a new key",
      base_none, prepare_seat, run_join, 0, 0 },
    { "join: a new key of the longest name",
      base_one, prepare_seat, run_join_long, 0, 0 },
    { "join: a key that has sockets of this seat",
      base_one, prepare_joined, run_join, 0, 0 },
    { "join: a key that has sockets of others",
      base_three, prepare_seat, run_join, 0, 0 },
    { "join: a key whose entries are all in use",
      base_six, prepare_seat, run_join, 0, 0 },
    { "join: refused, no block for entries",
      base_full_up, prepare_seat, run_join, 0, 0 },
    { "join: refused, no blocks for the name",
      base_full_but_two, prepare_seat, run_join_long, 0, 0 },

    { "leave: one of two sockets",
      base_one, prepare_joined_twice, run_leave, 0, 0 },
    { "leave: the seat's last socket of a key",
      base_one, prepare_joined, run_leave, 0, 0 },
    { "leave: the last socket of a key",
      base_none, prepare_joined, run_leave, 0, 0 },

    { "publish: to nobody",
      base_none, prepare_seat, run_push_small, 0, 0 },
    { "publish: a small message to one seat",
      base_one, prepare_seat, run_push_small, 1, 1 },
    { "publish: a small message to three seats",
      base_three, prepare_seat, run_push_small, 1, 3 },
    { "publish: a small message to twenty seats",
      base_twenty, prepare_seat, run_push_small, 1, 20 },
    { "publish: a small message to its own seat too",
      base_three, prepare_joined, run_push_small, 1, 3 },
    { "publish: a message of several blocks to three seats",
      base_three, prepare_seat, run_push_mid, 1, 3 },
    { "publish: a draft to one seat",
      base_one, prepare_seat, run_push_draft, 1, 1 },
    { "publish: a draft to three seats",
      base_three, prepare_seat, run_push_draft, 1, 3 },
    { "publish: a draft to twenty seats",
      base_twenty, prepare_seat, run_push_draft, 1, 20 },
    { "publish: a close to three seats",
      base_three, prepare_seat, run_push_close, 1, 3 },
    { "publish: behind messages that wait",
      base_busy, prepare_seat, run_push_small, 1, 3 },
    { "publish: refused, no block at all",
      base_full_up, prepare_seat, run_push_small, 0, 0 },
    { "publish: refused, no blocks for the targets",
      base_full_targets, prepare_seat, run_push_small, 0, 0 },
    { "publish: refused, not enough blocks for the body",
      base_full_body, prepare_seat, run_push_mid, 0, 0 },
    { "publish: refused, a draft without blocks for the targets",
      base_full_draft, prepare_seat, run_push_draft, 0, 0 },

    { "take: some of what waits",
      base_three, prepare_inbox, run_take, 0, 0 },
    { "take: all of what waits",
      base_none, prepare_inbox, run_take_all, 0, 0 },
    { "done: the last to need the messages",
      base_none, prepare_taken, run_done, 0, 0 },
    { "done: others need the messages",
      base_three, prepare_taken, run_done, 0, 0 },
    { "done and take in one",
      base_none, prepare_taken_some, run_done_and_take, 0, 0 },

    { "seat: take",
      base_three, prepare_none, run_seat_take, 0, 0 },
    { "seat: take, when another has died with sockets",
      base_dead_sockets, prepare_none, run_seat_take, 0, 0 },
    { "seat: take, when another has died before waking",
      base_dead_waking, prepare_none, run_seat_take, 0, 0 },
    { "seat: leave",
      base_three, prepare_seat, run_seat_leave, 0, 0 },
    { "seat: leave with messages",
      base_three, prepare_to_leave, run_seat_leave, 0, 0 },
    { "seat: leave with sockets",
      base_three, prepare_joined, run_seat_leave, 0, 0 },
    { "seat: leave with sockets and what it has taken",
      base_three, prepare_taken, run_seat_leave, 0, 0 },

    { "sweep: nobody has died",
      base_three, prepare_seat, run_sweep, 0, 0 },
    { "sweep: one has died before waking",
      base_dead_waking, prepare_none, run_sweep, 0, 0 },
    { "sweep: three have died",
      base_dead_many, prepare_none, run_sweep, 0, 0 },
    { "sweep: one has died in the lock",
      base_dead_lock, prepare_none, run_sweep, 0, 0 },

    { "lock: another has died in it",
      base_dead_lock, prepare_none, run_online, 0, 0 },
    { "rebuild: nobody has died",
      base_keys, prepare_seat, run_rebuild, 0, 0 },
    { "rebuild: three have died",
      base_dead_many, prepare_none, run_rebuild, 0, 0 },

    { "configure: the same size",
      base_busy, prepare_none, run_configure_same, 0, 0 },
    { "configure: more pages",
      base_busy, prepare_none, run_grow, 1, 0 },
    { "configure: more pages and a larger index",
      base_keys, prepare_none, run_grow_index, 1, 0 },
    { "configure: fewer pages than are used",
      base_keys, prepare_none, run_shrink, 1, 0 }
};

#define NSCENARIOS  (sizeof(scenarios) / sizeof(scenarios[0]))


/* --- the victim */

static void
victim_start(const scenario_t *s)
{
    int            status;
    notify_zone_t  z;

    victim = fork();

    if (victim == 0) {
        z = zone;

        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1) {
            _exit(4);
        }

        s->prepare(&z);
        raise(SIGSTOP);
        s->run(&z);
        raise(SIGSTOP);
        _exit(0);
    }

    if (victim == -1 || waitpid(victim, &status, 0) != victim) {
        broken("fork()");
    }

    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP
        || ptrace(PTRACE_SETOPTIONS, victim, NULL,
                  (void *) PTRACE_O_EXITKILL) == -1)
    {
        printf("# the victim's status: %x\n", status);
        broken("the victim does not get ready");
    }
}


/* false: what it was to do is done */

static bool
victim_step(void)
{
    int  status;

    if (ptrace(PTRACE_SINGLESTEP, victim, NULL, NULL) == -1
        || waitpid(victim, &status, 0) != victim)
    {
        broken("ptrace()");
    }

    if (!WIFSTOPPED(status)) {
        printf("# the victim's status: %x\n", status);
        broken("the victim is gone");
    }

    if (WSTOPSIG(status) == SIGSTOP) {
        return false;
    }

    if (WSTOPSIG(status) != SIGTRAP) {
        printf("# the victim got signal %d\n", WSTOPSIG(status));
        broken("the victim is ill");
    }

    return true;
}


static void
victim_kill(void)
{
    int  status;

    if (kill(victim, SIGKILL) == -1
        || waitpid(victim, &status, 0) != victim
        || !WIFSIGNALED(status))
    {
        broken("kill()");
    }
}


static void
victim_read(void *to, const void *from, size_t n)
{
    struct iovec  local, remote;

    local.iov_base = to;
    local.iov_len = n;
    remote.iov_base = (void *) from;
    remote.iov_len = n;

    if (process_vm_readv(victim, &local, 1, &remote, 1, 0) != (ssize_t) n) {
        broken("process_vm_readv()");
    }
}


static void
victim_robust(struct robust_list_head *head)
{
    size_t  n;
    void   *at;

    if (syscall(SYS_get_robust_list, victim, &at, &n) == -1) {
        broken("get_robust_list()");
    }

    victim_read(head, at, sizeof(*head));
}


/*
 * What the kernel does with a futex of a dead thread (handle_futex_death());
 * nobody sleeps on the copy's.
 */

static void
bury_futex(uintptr_t entry, long offset)
{
    uint32_t   *word;
    uintptr_t   at;

    at = (entry & ~(uintptr_t) 1) + (uintptr_t) offset;

    if (at < (uintptr_t) zone.base || at >= (uintptr_t) zone.base + zone.mapped)
    {
        return;
    }

    word = (uint32_t *) (copy.base + (at - (uintptr_t) zone.base));

    if ((*word & FUTEX_TID_MASK) == (uint32_t) victim) {
        *word = (*word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
    }
}


/* exit_robust_list() */

static void
bury(const struct robust_list_head *head)
{
    void                *list;
    size_t               size;
    uintptr_t            entry, next, pending;
    unsigned             n;
    struct robust_list   r;

    if (syscall(SYS_get_robust_list, victim, &list, &size) == -1) {
        broken("get_robust_list()");
    }

    pending = (uintptr_t) head->list_op_pending;

    for (entry = (uintptr_t) head->list.next, n = 0;
         entry != (uintptr_t) list && n < 64;
         entry = next, n++)
    {
        victim_read(&r, (void *) (entry & ~(uintptr_t) 1), sizeof(r));
        next = (uintptr_t) r.next;

        if (entry != pending) {
            bury_futex(entry, head->futex_offset);
        }
    }

    if (pending) {
        bury_futex(pending, head->futex_offset);
    }
}


/* --- the survivors */

static const char *
asleep(const notify_zone_t *z)
{
    unsigned  i;
    uint64_t  mask;

    mask = woken();

    for (i = 0; i < LIVING; i++) {
        if (z->seats[live[i].seat].first && !(mask >> live[i].seat & 1)) {
            snprintf(check_error, sizeof(check_error),
                     "seat %u sleeps, and has messages", live[i].seat);
            return check_error;
        }
    }

    return NULL;
}


/* sweeps; NULL, and what the zone then says; or what is wrong */

static const char *
recover(const notify_zone_t *on, bool lock_first, char **dump)
{
    const char     *error;
    notify_zone_t   z;

    z = *on;

    if (!lock_first) {
        (void) notify_seat_sweep(&z);
    }

    notify_lock(&z);
    error = check_zone(&z);
    notify_unlock(&z);

    if (lock_first && error == NULL) {
        (void) notify_seat_sweep(&z);
        error = check_zone(&z);
    }

    if (error == NULL) {
        error = asleep(&z);
    }

    if (error == NULL && z.head->top > PAGES) {
        error = "the scenario needs more PAGES";
    }

    if (error == NULL) {
        *dump = check_dump(&z);
    }

    return error;
}


/* the living can go on, and give all back */

static const char *
wind_down(const notify_zone_t *on)
{
    unsigned        i, k, n;
    uint32_t        done[8];
    notify_zone_t   v;
    notify_item_t   items[8];

    for (i = 0; i < nheld; i++) {
        v = view_of(on, held[i].view);
        (void) notify_bus_take(&v, NULL, 0, &held[i].block, 1);
    }

    for (i = 0; i < LIVING; i++) {
        v = view_of(on, i);
        n = 0;

        do {
            n = notify_bus_take(&v, items, 8, done, n);

            for (k = 0; k < n; k++) {
                done[k] = items[k].slot;
            }

        } while (n);
    }

    for (i = 0; i < njoined; i++) {
        v = view_of(on, joined[i].view);
        notify_bus_leave(&v, joined[i].block);
    }

    for (i = 0; i < ndraft; i++) {
        v = view_of(on, draft[i].view);
        notify_lock(&v);
        notify_message_free(&v, draft[i].block);
        notify_unlock(&v);
    }

    return check_empty(on);
}


/* --- a scenario */

typedef struct {
    char        *dump[2];                    /* before and after */
    unsigned     changes;
    unsigned     changed;                    /* the step that changed it */
    unsigned     steps;
    unsigned     states;
    const char  *error;
    unsigned     at;                         /* the step with the error */
} result_t;


static bool
result_fail(result_t *r, const char *error)
{
    r->error = error;
    r->at = r->steps;

    return false;
}


/* the victim dies here, in the copy */

static bool
die_in_copy(result_t *r)
{
    char        *dump;
    const char  *error;

    r->states++;

    image_load(&copy, &seen.zone);
    bury(&seen.robust);

    error = recover(&copy, r->states & 1, &dump);

    if (error) {
        return result_fail(r, error);
    }

    error = wind_down(&copy);

    set_woken(seen.woken);

    if (error) {
        free(dump);
        return result_fail(r, error);
    }

    if (r->dump[0] == NULL) {
        r->dump[0] = r->dump[1] = dump;
        return true;
    }

    if (strcmp(r->dump[1], dump) == 0) {
        free(dump);
        return true;
    }

    if (r->changes++ == 0) {
        r->dump[1] = dump;
        r->changed = r->steps;
        return true;
    }

    diag("before:\n%s# then:\n%s# now:\n%s", r->dump[0], r->dump[1], dump);

    return result_fail(r, "it has happened in part");
}


/* whether anything is other than it was at the last look */

static bool
look(void)
{
    uint64_t                 mask;
    struct robust_list_head  robust;

    mask = woken();
    victim_robust(&robust);

    if (mask == seen.woken
        && memcmp(&robust, &seen.robust, sizeof(robust)) == 0
        && image_same(&zone, &seen.zone))
    {
        return false;
    }

    image_save(&zone, &seen.zone);
    seen.robust = robust;
    seen.woken = mask;

    return true;
}


static void
walk(const scenario_t *s, result_t *r)
{
    bool  more;

    memset(&seen, 0, sizeof(seen));
    victim_start(s);

    do {
        if (look() && !die_in_copy(r)) {
            break;
        }

        more = victim_step();
        r->steps++;

    } while (more);

    victim_kill();
}


/* the victim really dies after n steps */

static void
die(const scenario_t *s, result_t *r, unsigned n)
{
    char      *dump;
    unsigned   i;

    image_load(&zone, &based);
    set_woken(based_woken);
    victim_start(s);

    for (i = 0; i < n; i++) {
        (void) victim_step();
    }

    victim_kill();

    r->at = n;
    r->error = recover(&zone, lot & 1, &dump);

    if (r->error) {
        return;
    }

    r->error = wind_down(&zone);

    if (r->error == NULL
        && strcmp(dump, r->dump[r->changes && n >= r->changed]) != 0)
    {
        diag("expected:\n%s# found:\n%s",
             r->dump[r->changes && n >= r->changed], dump);
        r->error = "killed, it ends otherwise than in the copy";
    }

    free(dump);
}


/* messages that wait in the inboxes: ids are what has two slashes */

static int
messages_in(const char *dump)
{
    int          n;
    const char  *p;

    n = 0;

    for (p = dump; *p; p++) {
        n += p[0] == '/' && p[1] != '/';
    }

    return n / 4;
}


static void
prepare_base(const scenario_t *s)
{
    image_load(&zone, &blank);
    set_woken(0);

    njoined = 0;
    nheld = 0;
    ndraft = 0;

    s->base();

    based_woken = woken();
    image_save(&zone, &based);
}


static void
scenario(const scenario_t *s, unsigned budget)
{
    unsigned  kills;
    result_t  r;

    memset(&r, 0, sizeof(r));

    prepare_base(s);
    walk(s, &r);

    kills = 0;

    if (r.error == NULL && r.changes != s->changes) {
        r.error = "it changed not as often as it should";
    }

    if (r.error == NULL
        && messages_in(r.dump[1]) - messages_in(r.dump[0]) != s->messages)
    {
        diag("before:\n%s# after:\n%s", r.dump[0], r.dump[1]);
        r.error = "not the messages that it should bring";
    }

    while (r.error == NULL && budget > 0) {
        die(s, &r, (unsigned) (check_random(&lot) % r.steps));
        budget -= budget < r.at + 100 ? budget : r.at + 100;
        kills++;
    }

    if (!ok(r.error == NULL, "%s (%u instructions, %u states, %u killed)",
            s->name, r.steps, r.states, kills))
    {
        diag("%s after %u instructions", r.error, r.at);
    }

    if (r.dump[1] != r.dump[0]) {
        free(r.dump[1]);
    }

    free(r.dump[0]);
}


/* --- all */

/* one processor for victim and watcher: three times the steps a second */

static void
settle(void)
{
    int        cpu;
    cpu_set_t  set;

    cpu = sched_getcpu();

    if (cpu == -1) {
        return;
    }

    CPU_ZERO(&set);
    CPU_SET((unsigned) cpu, &set);
    (void) sched_setaffinity(0, sizeof(set), &set);
}


static void
names(void)
{
    static uint8_t  text[2][255];

    memset(text[0], 'r', 255);
    memset(text[1], 'u', 255);
    memset(bytes, 'x', sizeof(bytes));

    name[0].user = (const uint8_t *) "42";
    name[0].user_length = 2;
    name[1].user = (const uint8_t *) "bob@example.com";
    name[1].user_length = 15;
    name[2].realm = text[0];
    name[2].realm_length = 255;
    name[2].user = text[1];
    name[2].user_length = 255;
    name[3].user = (const uint8_t *) "full";
    name[3].user_length = 4;
}


static void
make_zones(void)
{
    unsigned     i;
    const char  *what;

    if (notify_zone_create(&zone, SIZE, SEATS, &what) == -1
        || notify_zone_create(&copy, SIZE, SEATS, &what) == -1
        || notify_zone_commit(&zone, 1024 * 1024) == 0
        || notify_zone_commit(&copy, 1024 * 1024) == 0)
    {
        broken(what);
    }

    for (i = 0; i < LIVING; i++) {
        live[i] = zone;

        if (notify_seat_take(&live[i], 1) == -1) {
            broken("no seat");
        }
    }

    image_save(&zone, &blank);
}


static bool
chosen(const char *title, char **patterns)
{
    if (*patterns == NULL) {
        return true;
    }

    for ( /* void */ ; *patterns; patterns++) {
        if (strstr(title, *patterns)) {
            return true;
        }
    }

    return false;
}


int
main(int argc, char **argv)
{
    int       c;
    size_t    i;
    uint64_t  seed;
    unsigned  budget;

    seed = 1;
    budget = 5000;

    while ((c = getopt(argc, argv, "r:s:")) != -1) {
        switch (c) {
        case 'r':
            budget = (unsigned) strtoul(optarg, NULL, 0);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 0);
            break;
        default:
            return 2;
        }
    }

    lot = seed;
    diag("step -r %u -s %llu", budget, (unsigned long long) seed);

    alarm(DEADLINE);
    settle();
    names();
    make_zones();

    for (i = 0; i < NSCENARIOS; i++) {
        if (chosen(scenarios[i].name, argv + optind)) {
            scenario(&scenarios[i], budget);
        }
    }

    return test_done();
}
