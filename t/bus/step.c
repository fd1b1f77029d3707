/*
 * Death at every instruction.
 *
 * Each scenario lets a victim do one thing with the zone, one instruction at
 * a time (ptrace).  Wherever the zone, the victim's robust list or a wake-up
 * has changed, the zone is copied, the copy is given what the kernel does for
 * a thread that dies (kernel/futex: exit_robust_list(), reproduced below), and
 * a survivor sweeps the copy.  Then all that must hold in a zone holds; what
 * the victim did has happened entirely or not at all; and no living worker
 * with a message, or one that is asked to close sockets, is asleep.  At the
 * end the living take all, leave, and the copy is empty.
 *
 * At the instructions between, the victim leaves the very same bytes behind.
 * That the kernel does the same is shown by victims that are killed for real,
 * at instructions drawn by lot: the outcome must be that of the copy.
 *
 *     step [-r N] [-s SEED] [-d SECONDS] [SCENARIO ...]
 *
 * -r: real kills may cost about N single steps in each scenario; -d: the time
 * for all, after which it dies.
 */

#include "check.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/futex.h>

#include "notify_batch.h"
#include "notify_bus.h"
#include "notify_lock.h"
#include "notify_members.h"
#include "notify_message.h"
#include "notify_seat.h"
#include "notify_store.h"
#include "test.h"


#define LIVING     21
#define SEATS      28
#define PAGES      5                         /* that a scenario may touch */
#define SIZE       (4 * NOTIFY_PAGE_SIZE)
#define BUCKETS    2048                      /* of a zone of 1 MiB */
#define NAMES      4
#define CHANGES    4                         /* in a scenario, at most */
#define DEADLINE   600                       /* seconds */
#define DRAFT      4200                      /* bytes: too long for the lock */
#define NOW        1732435200000ull

/* of a body: short, since memcpy() takes a long one byte by byte here */
#define PIECE      512
#define PIECES     (DRAFT / PIECE + 1)



typedef struct {
    const char  *name;
    void       (*base)(void);                /* by the living, before */
    void       (*prepare)(notify_zone_t *z); /* by the victim, before */
    void       (*run)(notify_zone_t *z);     /* by the victim: watched */
    unsigned     changes;                    /* that the living see, each all
                                                or nothing */
    int          messages;                   /* more after it: in inboxes and
                                                in the store */
    unsigned     loses;                      /* descriptors at most, when it
                                                dies */
} scenario_t;

typedef struct {
    uint8_t      head[sizeof(notify_head_t)];
    uint8_t      seats[SEATS * sizeof(notify_seat_t)];
    uint8_t      buckets[BUCKETS * sizeof(uint32_t)];
    uint8_t      pages[PAGES * NOTIFY_PAGE_SIZE];
} image_t;

/* what the living have, and give back at the end */
typedef struct {
    unsigned     view;                       /* of a stored message: its name */
    uint32_t     block;
    uint32_t     member;
    uint64_t     id;
} owned_t;

/* what is in the seats' pairs */
typedef struct {
    unsigned     n;
    struct {
        uint32_t     seat;
        uint32_t     descriptors;
        uint64_t     id;
    } datagram[8];
} pairs_t;

/* what decides how the next instruction's death would end */
typedef struct {
    image_t                  zone;
    struct robust_list_head  robust;
    uint64_t                 woken;          /* seats */
    uint64_t                 paired;         /* what is first in the pairs */
    pairs_t                  pairs;
} state_t;


static notify_zone_t     zone, copy;         /* without a seat */
static notify_zone_t     live[LIVING];
static image_t           blank, based;
static uint64_t          based_woken;
static pairs_t           based_pairs;
static state_t           seen;

static owned_t           joined[64], held[64], draft[4], stored[8];
static unsigned          njoined, nheld, ndraft, nstored;

static notify_name_of_t  name[NAMES];
static char              bytes[PIECE];

static unsigned          lost;               /* descriptors of batches */
static bool              phantoms;           /* sockets that no batch had */
static bool              strangers;          /* a batch's, but not its seat's */
static bool              forgotten;          /* members without a word, who are
                                                not told to close */

static pid_t             victim;
static uint64_t          lot;                /* the PRNG's state */


__attribute__((noreturn))
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
    f(image->seats, z->seats, sizeof(image->seats));
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
           && memcmp(image->seats, z->seats, sizeof(image->seats)) == 0
           && memcmp(image->buckets, z->buckets, sizeof(image->buckets)) == 0;
}


/* --- wake-ups: which seats' eventfds can be read, and what is in the pairs */

/* *paired is 0 when there is nothing, and changes with what is first */

static uint64_t
woken(uint64_t *paired)
{
    uint32_t       i;
    uint64_t       mask, id;
    struct pollfd  fds[2 * SEATS];

    for (i = 0; i < SEATS; i++) {
        fds[i].fd = zone.seats[i].event;
        fds[i].events = POLLIN;
        fds[SEATS + i].fd = zone.seats[i].pair[0];
        fds[SEATS + i].events = POLLIN;
    }

    if (poll(fds, 2 * SEATS, 0) == -1) {
        broken("poll()");
    }

    mask = 0;
    *paired = 0;

    for (i = 0; i < SEATS; i++) {
        mask |= (uint64_t) (fds[i].revents & POLLIN ? 1 : 0) << i;

        if (fds[SEATS + i].revents & POLLIN
            && recv(fds[SEATS + i].fd, &id, sizeof(id), MSG_PEEK)
               == sizeof(id))
        {
            *paired = *paired * SEATS + i + id;
        }
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


/* --- pairs: what has been handed over and not received */

/* any descriptor will do: that of the zone, n times */

static void
pairs_send(uint32_t seat, uint64_t id, uint32_t n)
{
    uint32_t         i;
    struct iovec     iov;
    struct msghdr    msg;
    struct cmsghdr  *cmsg;
    union {
        struct cmsghdr  align;
        uint8_t         bytes[CMSG_SPACE(NOTIFY_BATCH_MAX * sizeof(int))];
    } control;

    memset(&msg, 0, sizeof(msg));
    memset(&control, 0, sizeof(control));

    iov.iov_base = &id;
    iov.iov_len = sizeof(id);
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.bytes;
    msg.msg_controllen = CMSG_SPACE(n * sizeof(int));

    cmsg = CMSG_FIRSTHDR(&msg);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));

    for (i = 0; i < n; i++) {
        ((int *) CMSG_DATA(cmsg))[i] = zone.fd;
    }

    if (sendmsg(zone.seats[seat].pair[1], &msg, 0) == -1) {
        broken("sendmsg()");
    }
}


/* false: the pair is empty */

static bool
pairs_receive(uint32_t seat, uint64_t *id, uint32_t *n)
{
    uint32_t         i;
    struct iovec     iov;
    struct msghdr    msg;
    struct cmsghdr  *cmsg;
    union {
        struct cmsghdr  align;
        uint8_t         bytes[CMSG_SPACE(NOTIFY_BATCH_MAX * sizeof(int))];
    } control;

    memset(&msg, 0, sizeof(msg));

    iov.iov_base = id;
    iov.iov_len = sizeof(uint64_t);
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.bytes;
    msg.msg_controllen = sizeof(control.bytes);

    if (recvmsg(zone.seats[seat].pair[0], &msg, MSG_DONTWAIT) == -1) {
        return false;
    }

    cmsg = CMSG_FIRSTHDR(&msg);
    *n = cmsg ? (uint32_t) ((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;

    for (i = 0; i < *n; i++) {
        (void) close(((int *) CMSG_DATA(cmsg))[i]);
    }

    return true;
}


static void
pairs_load(const pairs_t *p)
{
    unsigned  i;
    uint32_t  seat, n;
    uint64_t  id;

    for (seat = 0; seat < SEATS; seat++) {
        while (pairs_receive(seat, &id, &n)) { /* drained */ }
    }

    for (i = 0; i < p->n; i++) {
        pairs_send(p->datagram[i].seat, p->datagram[i].id,
                   p->datagram[i].descriptors);
    }
}


static void
pairs_save(pairs_t *p, uint64_t paired)
{
    uint32_t  seat;

    p->n = 0;

    for (seat = 0; seat < SEATS; seat++) {

        while (paired
               && pairs_receive(seat, &p->datagram[p->n].id,
                                &p->datagram[p->n].descriptors))
        {
            p->datagram[p->n++].seat = seat;

            if (p->n == 8) {
                broken("the scenario needs more datagrams");
            }
        }
    }

    pairs_load(p);
}


#include "scenarios.h"


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
    uint64_t  mask, paired;

    mask = woken(&paired);

    for (i = 0; i < LIVING; i++) {

        if (mask >> live[i].seat & 1) {
            continue;
        }

        if (z->seats[live[i].seat].first) {
            snprintf(check_error, sizeof(check_error),
                     "seat %u sleeps, and has messages", live[i].seat);
            return check_error;
        }

        if (z->seats[live[i].seat].slow == NOTIFY_SLOW_ASKED) {
            snprintf(check_error, sizeof(check_error),
                     "seat %u sleeps, and is asked to close sockets",
                     live[i].seat);
            return check_error;
        }
    }

    return NULL;
}


/* what was stored is stored, or who resumes from before it is told */

static const char *
untold(const notify_zone_t *z)
{
    unsigned           i;
    uint32_t           hash, key, message;
    uint64_t           lost;
    notify_zone_t      v;
    notify_message_t  *m;

    v = *z;

    for (i = 0; i < nstored; i++) {
        hash = notify_key_hash(&v, &name[stored[i].view]);
        key = notify_key_find_locked(&v, &name[stored[i].view], hash);

        lost = key ? ((notify_key_t *) notify_block(&v, key))->lost
                   : v.head->lost[hash % NOTIFY_LOST];

        message = key ? notify_store_after_locked(&v, key, stored[i].id - 1)
                      : 0;
        m = message ? notify_block(&v, message) : NULL;

        if (lost < stored[i].id && (m == NULL || m->id != stored[i].id)) {
            return "a stored message has gone, and who resumes is not told";
        }
    }

    return NULL;
}


/* whether it is a member, or has a message in the inbox that it is not */

static bool
is_member(const notify_zone_t *z, uint32_t key, uint32_t seat, uint32_t id)
{
    uint32_t           slot, i;
    notify_target_t   *t;
    notify_message_t  *m;

    if (notify_members_find(z, key, seat, id)) {
        return true;
    }

    for (slot = z->seats[seat].first; slot; slot = t->next) {

        if (*notify_type(z, slot) == NOTIFY_MESSAGE) {
            m = notify_block(z, slot);
            t = m->targets;

            if (m->kind == NOTIFY_REPLACE && m->key == key && m->sockets == id)
            {
                return true;
            }

        } else {
            t = ((notify_targets_t *) notify_block(z, slot))->targets;
        }

        for (i = 0; notify_target_seat(t->word) != seat
                    || notify_target_state(t->word) != NOTIFY_PENDING; i++)
        {
            t++;
        }
    }

    return false;
}


static const char *
forgot(const notify_zone_t *z)
{
    unsigned  i;

    for (i = 0; i < njoined; i++) {
        if (joined[i].member
            && !is_member(z, joined[i].block, live[joined[i].view].seat,
                          joined[i].member))
        {
            return "a member has been replaced, and is not told";
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

    if (error == NULL) {
        error = untold(&z);
    }

    if (error == NULL) {
        error = forgot(&z);
    }

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


/* its sockets leave at once */

static void
adopt(notify_zone_t *z, const notify_item_t *item)
{
    int                    fd[NOTIFY_BATCH_MAX];
    uint32_t               i, n, keys[NOTIFY_BATCH_MAX];
    uint32_t               members[NOTIFY_BATCH_MAX];
    notify_batch_reader_t  reader;

    n = notify_batch_open(z, item->message, &reader);
    notify_batch_keys(z, item->message, keys, members);

    strangers |= z->seats[z->seat].sockets < n;

    if (notify_batch_receive(z, z->seat, item->id, fd, n) == -1) {
        lost += n;

    } else {
        for (i = 0; i < n; i++) {
            (void) close(fd[i]);
        }
    }

    for (i = 0; i < n; i++) {
        forgotten |= members[i]
                     && !is_member(z, keys[i], z->seat, members[i]);

        notify_bus_leave_member(z, keys[i], members[i]);
    }
}


static void
take_all(notify_zone_t *z)
{
    unsigned        k, n;
    uint32_t        done[8];
    notify_item_t   items[8];

    n = 0;

    do {
        n = notify_bus_take(z, items, 8, done, n);

        for (k = 0; k < n; k++) {
            done[k] = items[k].slot;

            if (items[k].kind == NOTIFY_BATCH) {
                adopt(z, &items[k]);
            }
        }

    } while (n);

    notify_bus_discard(z);
}


/* a seat that waits for an heir gets one; or its sockets are given up */

static void
inherit(const notify_zone_t *on, bool heir)
{
    int            fd[NOTIFY_BATCH_MAX];
    uint32_t       i, n;
    notify_zone_t  z;

    z = *on;

    if (heir) {
        if (notify_seat_take(&z, 3) == 0) {
            take_all(&z);

            if (z.seats[z.seat].sockets) {
                phantoms = true;
            }

            notify_seat_leave(&z);
        }

        return;
    }

    for (i = 0; i < SEATS; i++) {
        z.seats[i].inherit -= 100;
    }

    while ((n = notify_seat_orphans(&z, 5, fd, NOTIFY_BATCH_MAX)) != 0) {
        while (n) {
            (void) close(fd[--n]);
        }
    }

    (void) notify_seat_sweep(&z);
}


/* the living can go on, and give all back */

static const char *
wind_down(const notify_zone_t *on, bool heir)
{
    unsigned        i;
    uint64_t        paired;
    notify_zone_t   v;

    lost = 0;
    phantoms = false;
    strangers = false;
    forgotten = false;

    for (i = 0; i < nheld; i++) {
        v = view_of(on, held[i].view);
        (void) notify_bus_take(&v, NULL, 0, &held[i].block, 1);
    }

    for (i = 0; i < LIVING; i++) {
        v = view_of(on, i);
        take_all(&v);
    }

    for (i = 0; i < SEATS; i++) {
        if (on->seats[i].state == NOTIFY_SEAT_INHERIT) {
            inherit(on, heir);
        }
    }

    for (i = 0; i < njoined; i++) {
        v = view_of(on, joined[i].view);
        notify_bus_leave_member(&v, joined[i].block, joined[i].member);
    }

    v = *on;
    notify_lock(&v);
    (void) notify_store_evict_locked(&v, 1000, NOW);
    notify_unlock(&v);

    for (i = 0; i < ndraft; i++) {
        v = view_of(on, draft[i].view);
        notify_lock(&v);
        notify_message_free(&v, draft[i].block);
        notify_unlock(&v);
    }

    (void) woken(&paired);

    if (paired) {
        return "a descriptor stays in a pair";
    }

    if (strangers) {
        return "sockets that have been handed over have not joined";
    }

    if (forgotten) {
        return "a member that was handed over is none, and is not told";
    }

    return phantoms ? "an heir has sockets that no batch had"
                    : check_empty(on);
}


/* --- a scenario */

typedef struct {
    char        *dump[CHANGES + 1];          /* before, and after each */
    unsigned     changed[CHANGES + 1];       /* the step at which it is so */
    unsigned     changes;
    unsigned     steps;
    unsigned     states;
    const char  *error;
    unsigned     at;                         /* the step with the error */
    unsigned     loses;
    unsigned     expected;                   /* changes */
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

    error = wind_down(&copy, r->states & 2);

    set_woken(seen.woken);
    pairs_load(&seen.pairs);

    if (error == NULL && lost > r->loses) {
        error = "descriptors are lost";
    }

    if (error) {
        free(dump);
        return result_fail(r, error);
    }

    if (r->dump[0] == NULL) {
        r->dump[0] = dump;
        return true;
    }

    if (strcmp(r->dump[r->changes], dump) == 0) {
        free(dump);
        return true;
    }

    if (r->changes < r->expected) {
        r->changed[++r->changes] = r->steps;
        r->dump[r->changes] = dump;
        return true;
    }

    diag("before:\n%s# then:\n%s# now:\n%s", r->dump[0],
         r->dump[r->changes], dump);

    return result_fail(r, "it has happened in part");
}


/* whether anything is other than it was at the last look */

static bool
look(void)
{
    uint64_t                 mask, paired;
    struct robust_list_head  robust;

    mask = woken(&paired);
    victim_robust(&robust);

    if (mask == seen.woken
        && paired == seen.paired
        && memcmp(&robust, &seen.robust, sizeof(robust)) == 0
        && image_same(&zone, &seen.zone))
    {
        return false;
    }

    image_save(&zone, &seen.zone);
    seen.robust = robust;
    seen.woken = mask;
    seen.paired = paired;
    pairs_save(&seen.pairs, paired);

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
    char      *dump, *expected;
    unsigned   i;

    for (i = r->changes; i && n < r->changed[i]; i--) { /* void */ }

    expected = r->dump[i];

    image_load(&zone, &based);
    set_woken(based_woken);
    pairs_load(&based_pairs);
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

    r->error = wind_down(&zone, lot & 2);

    if (r->error == NULL && lost > r->loses) {
        r->error = "descriptors are lost";
    }

    if (r->error == NULL
        && strcmp(dump, expected) != 0)
    {
        diag("expected:\n%s# found:\n%s", expected, dump);
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
    uint64_t  paired;
    pairs_t   none;

    memset(&none, 0, sizeof(none));

    image_load(&zone, &blank);
    set_woken(0);
    pairs_load(&none);

    njoined = 0;
    nheld = 0;
    ndraft = 0;
    nstored = 0;

    s->base();

    based_woken = woken(&paired);
    pairs_save(&based_pairs, paired);
    image_save(&zone, &based);
}


static void
scenario(const scenario_t *s, unsigned budget)
{
    unsigned  kills, i;
    result_t  r;

    memset(&r, 0, sizeof(r));
    r.loses = s->loses;
    r.expected = s->changes;

    prepare_base(s);
    walk(s, &r);

    kills = 0;

    if (r.error == NULL && r.changes != s->changes) {
        r.error = "it changed not as often as it should";
    }

    if (r.error == NULL
        && messages_in(r.dump[r.changes]) - messages_in(r.dump[0])
           != s->messages)
    {
        diag("before:\n%s# after:\n%s", r.dump[0], r.dump[r.changes]);
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

    for (i = 0; i <= r.changes; i++) {
        free(r.dump[i]);
    }
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
    unsigned  budget, deadline;

    seed = 1;
    budget = 5000;
    deadline = DEADLINE;

    while ((c = getopt(argc, argv, "r:s:d:")) != -1) {
        switch (c) {
        case 'r':
            budget = (unsigned) strtoul(optarg, NULL, 0);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 0);
            break;
        case 'd':
            deadline = (unsigned) strtoul(optarg, NULL, 0);
            break;
        default:
            return 2;
        }
    }

    lot = seed;
    diag("step -r %u -s %llu", budget, (unsigned long long) seed);

    alarm(deadline);
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
