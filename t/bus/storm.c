/*
 * Processes join, push, take and leave in a small zone that is often full,
 * and are killed at random moments and at every point of crash.h.  Survivors
 * sweep, and new ones take the places of the dead.
 *
 * Each push and all that is taken is written down.  When a round has had its
 * deaths, no more is pushed, and all that waits is taken: by workers that
 * take only when they are woken, so that a lost wake-up shows.  Then it is
 * compared: what was published reached each socket that had joined before and
 * stayed, once, in order, with its own bytes; what was refused reached nobody;
 * what died half-way reached all or none.  Some users may have a few sockets
 * only: they have no more at any time, and those that had to go for others were
 * the oldest.  At the end all leave, history is evicted, and the zone is empty.
 *
 *     storm [-s SEED] [-r ROUNDS] [-k KILLS] [-n NAMED] [-p SECONDS]
 *           [-d SECONDS]
 *
 * -k and -n: deaths at random and by name, in each round; -p: how long it
 * waits for one condition; -d: the time for all, after which it dies.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "check.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "notify_bus.h"
#include "notify_lock.h"
#include "notify_seat.h"
#include "notify_store.h"
#include "test.h"


#define WORKERS     8
#define SEATS       12
#define KEYS        40
#define FAVOURITES  4                        /* of them, by turns */
#define LIMITED     34                       /* those from here on */
#define SOCKETS     400                      /* of one life, open or not */
#define HOLD        12                       /* messages taken and kept */
#define LIVES       4096                     /* of a round */
#define PUSHES      (1u << 20)
#define TAKEN       (1u << 22)
#define BODY        (200 * 1024)
#define CALM        1000                     /* pushes after the last death */
#define SIZE        (512 * 1024)
#define SIZE_LARGE   (1024 * 1024)
#define DEADLINE    600                      /* seconds */
#define NONE        ((uint32_t) -1)
#define START       4000000000000ull         /* ms: after the zone's birth */


enum { RUN = 0, DRAIN, QUIT };

enum { TRYING = 1, ACCEPTED, REFUSED };

enum { JOINING = 1, OPEN, LEAVING, LEFT };

typedef struct {
    uint64_t       id;                       /* 0: not known */
    uint32_t       key;
    uint32_t       length;
    uint32_t       status;
    uint32_t       number;
} push_t;

/* what a life has taken, in its order */
typedef struct {
    uint64_t       id;
    uint32_t       push;                     /* its number; NONE: it is empty */
    uint32_t       key;
    uint32_t       life;                     /* 0: not written to the end */
} got_t;

typedef struct {
    uint64_t       since;
    uint64_t       before;                   /* the last id before it left */
    uint64_t       after;                    /* and after */
    uint32_t       key;
    uint32_t       block;
    uint32_t       status;
    uint32_t       member;                   /* where sockets are counted */
    bool           replaced;
} socket_t;

/* a process, from the seat that it takes to its death or the round's end */
typedef struct {
    bool           dead;
    bool           quiet;                    /* has nothing more to do */
    uint32_t       seat;
    uint32_t       nsockets;
    socket_t       sockets[SOCKETS];
} life_t;

typedef struct {
    uint32_t       phase;
    uint32_t       armed;                    /* a point + 1, or 0 */
    uint32_t       skip;                     /* times that it is passed first */
    uint32_t       npushes;
    uint32_t       ngot;
    uint32_t       nrefused;
    uint32_t       nreplaced;
    uint32_t       nlives;
    uint32_t       failed;
    char           error[256];
    life_t         lives[LIVES + 1];
    push_t         pushes[PUSHES];
    got_t          got[TAKEN];
} shared_t;


/*
 * All that crash.h makes out of the bus, but what happens once in a zone.
 * Some come only after a certain death.
 */
static const struct {
    const char  *name;
    const char  *first;
} points[] = {
    { "notify_lock", NULL },
    { "notify_unlock", NULL },
    { "notify_lock_wake", NULL },
    { "notify_rebuild_locked", NULL },
    { "notify_rebuild_roots", "notify_message_draft" },
    { "notify_key_make", NULL },
    { "notify_key_join_locked", NULL },
    { "notify_key_entries_make", NULL },
    { "notify_key_leave_locked", NULL },
    { "notify_key_free", NULL },
    { "notify_key_mark", NULL },
    { "notify_key_lost_locked", NULL },
    { "notify_limit_join_locked", NULL },
    { "notify_limit_enter", NULL },
    { "notify_limit_leave_locked", NULL },
    { "notify_members_next", NULL },
    { "notify_members_make", NULL },
    { "notify_members_trim", NULL },
    { "notify_members_mark", NULL },
    { "notify_members_settle", NULL },
    { "notify_inbox_post", NULL },
    { "notify_message_draft", NULL },
    { "notify_message_free", NULL },
    { "notify_inbox_publish", NULL },
    { "notify_inbox_take", NULL },
    { "notify_inbox_done", NULL },
    { "notify_target_keep", NULL },
    { "notify_message_next_id", NULL },
    { "notify_seat_open", NULL },
    { "notify_seat_leave", NULL },
    { "notify_seat_reap", NULL },
    { "notify_seat_reaped", NULL },
    { "notify_store_evict", NULL },
    { "notify_inbox_hold", NULL },
    { "notify_zone_configure", NULL }
};

#define NPOINTS  (sizeof(points) / sizeof(points[0]))


static shared_t           *shm;
static notify_zone_t       zone;
static notify_name_of_t    names[KEYS];
static pid_t               pids[WORKERS];
static uint32_t            life_of[WORKERS];
static uint64_t            lot;
static unsigned            nkills, nnamed, nchecks;
static uint64_t            patience;         /* ms, for one condition */

/* a worker's own */
static bool                mortal;           /* points count */
static uint32_t            me;
static life_t             *life;
static uint8_t             body[BODY], bytes[BODY + 16];
static notify_item_t       held[HOLD];
static unsigned            nheld;
static bool                again;            /* has to take */


static unsigned
pick(unsigned n)
{
    return (unsigned) (check_random(&lot) % n);
}


static uint64_t
now(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}


/* the first to fail says what is wrong */

__attribute__((format(printf, 1, 2)))
static void
fail_with(const char *fmt, ...)
{
    va_list  args;

    if (__atomic_exchange_n(&shm->failed, 1, __ATOMIC_SEQ_CST) == 0) {
        va_start(args, fmt);
        vsnprintf(shm->error, sizeof(shm->error), fmt, args);
        va_end(args);
    }
}


__attribute__((noreturn))
static void
broken(const char *what)
{
    printf("Bail out! %s: %s\n", what, strerror(errno));
    exit(2);
}


/* --- points to die at */

void
crash_point(const char *name, int after)
{
    uint32_t  point;

    point = shm->armed;

    if (!mortal || point == 0 || (int) (point - 1) % 2 != after
        || strcmp(points[(point - 1) / 2].name, name) != 0)
    {
        return;
    }

    /* one dies, whoever comes when it has been passed often enough */

    if (__atomic_fetch_sub(&shm->skip, 1, __ATOMIC_SEQ_CST) != 0) {
        return;
    }

    shm->armed = 0;

    for ( ;; ) {
        (void) kill(getpid(), SIGKILL);
    }
}


ssize_t
crash_write(const char *name, int fd, const void *p, size_t n)
{
    ssize_t  rc;

    crash_point(name, 0);
    rc = (write)(fd, p, n);
    crash_point(name, 1);

    return rc;
}


/* --- a worker */

static void
fill(uint8_t *p, uint32_t n, uint32_t number)
{
    uint32_t  i;
    uint64_t  x, state;

    state = number;

    for (i = 0; i < n; i += 8) {
        x = i ? check_random(&state) : number;
        memcpy(p + i, &x, n - i < 8 ? n - i : 8);
    }
}


/* which of the names a key has; KEYS for none */

static uint32_t
key_of(uint32_t block)
{
    uint8_t           text[NOTIFY_REALM_MAX + NOTIFY_USER_MAX];
    uint32_t          k;
    notify_name_of_t  n;

    notify_key_name(&zone, block, text, &n);

    for (k = 0; k < KEYS; k++) {
        if (n.realm_length == names[k].realm_length
            && n.user_length == names[k].user_length
            && memcmp(n.user, names[k].user, n.user_length) == 0
            && memcmp(n.realm, names[k].realm, n.realm_length) == 0)
        {
            break;
        }
    }

    return k;
}


/* how many sockets of a user there may be; 0: any number */

static uint32_t
limit_of(uint32_t k)
{
    return k < LIMITED ? 0 : 2 + k % 3;
}


/* reads an item's frame; returns the number of its push */

static uint32_t
read_item(const notify_item_t *item)
{
    size_t            n, head, length;
    uint32_t          number;
    const uint8_t    *p;
    notify_cursor_t   cursor;

    if (item->kind == NOTIFY_REPLACE) {
        return NONE;
    }

    memset(&cursor, 0, sizeof(cursor));
    length = 0;

    while ((p = notify_bus_piece(&zone, item->message, &cursor, &n)) != NULL) {

        if (length + n > sizeof(bytes)) {
            fail_with("a message is too long");
            return NONE;
        }

        memcpy(bytes + length, p, n);
        length += n;
    }

    head = bytes[1] < 126 ? 2 : bytes[1] == 126 ? 4 : 10;

    if (length < head || length != item->length) {
        fail_with("a message is cut short");
        return NONE;
    }

    length -= head;

    if (length == 0) {
        return NONE;
    }

    memcpy(&number, bytes + head, sizeof(number));

    if (number >= shm->npushes || shm->pushes[number].length != length) {
        fail_with("a message is none that was pushed");
        return NONE;
    }

    fill(body, (uint32_t) length, number);

    if (memcmp(body, bytes + head, length) != 0) {
        fail_with("push %u came with other bytes", number);
    }

    return number;
}


static void
write_down(const notify_item_t *item, uint32_t number)
{
    got_t     *g;
    uint32_t   i;

    i = __atomic_fetch_add(&shm->ngot, 1, __ATOMIC_SEQ_CST);

    if (i >= TAKEN) {
        fail_with("too much was taken to be written down");
        return;
    }

    g = &shm->got[i];
    g->id = item->id;
    g->push = number;
    g->key = key_of(item->key);

    __atomic_store_n(&g->life, me, __ATOMIC_RELEASE);
}


/* looks at what is given back: nobody else may have used its blocks */

static unsigned
give_back(uint32_t *done, unsigned max)
{
    unsigned  n, i;

    for (n = 0; n < max && nheld; n++) {
        i = pick(nheld);
        (void) read_item(&held[i]);
        done[n] = held[i].slot;
        held[i] = held[--nheld];
    }

    return n;
}


static void
leave(socket_t *s)
{
    if (s->status != OPEN) {
        return;
    }

    s->before = notify_bus_last_id(&zone);
    __atomic_store_n(&s->status, LEAVING, __ATOMIC_RELEASE);

    notify_bus_leave_member(&zone, s->block, s->member);

    s->after = notify_bus_last_id(&zone);
    __atomic_store_n(&s->status, LEFT, __ATOMIC_RELEASE);
}


/* it has to go, unless it has gone */

static void
replace(const notify_item_t *item)
{
    uint32_t   i;
    socket_t  *s;

    for (i = 0; i < life->nsockets; i++) {
        s = &life->sockets[i];

        if (s->member == item->member && s->block == item->key
            && limit_of(s->key))
        {
            if (s->status == OPEN) {
                s->replaced = true;
                __atomic_fetch_add(&shm->nreplaced, 1, __ATOMIC_SEQ_CST);
                leave(s);
            }

            return;
        }
    }

    fail_with("member %u has to go, and never came", item->member);
}


static void
take(unsigned back)
{
    unsigned        i, n, max;
    uint32_t        done[HOLD];
    notify_item_t   items[HOLD];

    n = give_back(done, back);
    max = nheld == HOLD ? 0 : 1 + pick(HOLD - nheld);

    n = notify_bus_take(&zone, items, max, done, n);
    again = n != 0 || max == 0;

    for (i = 0; i < n; i++) {

        if (items[i].kind == NOTIFY_REPLACE) {
            replace(&items[i]);

        } else {
            write_down(&items[i], read_item(&items[i]));
        }

        held[nheld++] = items[i];
    }
}


static void
join(uint32_t k)
{
    uint32_t         block;
    uint64_t         since;
    socket_t        *s;
    notify_limit_t   limit;

    if (life->nsockets == SOCKETS) {
        return;
    }

    s = &life->sockets[life->nsockets];
    s->key = k;
    s->status = JOINING;

    memset(&limit, 0, sizeof(limit));
    limit.max = limit_of(k);
    limit.refuse = k & 1;
    limit.code = 4409;
    limit.now = START + now();

    block = notify_bus_join(&zone, &names[k], &limit, &since);

    if (block) {
        s->block = block;
        s->member = limit.member;
        s->since = since;
        __atomic_store_n(&s->status, OPEN, __ATOMIC_RELEASE);
        __atomic_store_n(&life->nsockets, life->nsockets + 1,
                         __ATOMIC_RELEASE);
    }
}


/* reads what is stored, as a socket that was too slow or has resumed */

static void
read_store(void)
{
    int             n, i;
    uint32_t        done[HOLD];
    uint64_t        since, live;
    unsigned        back;
    socket_t       *s;
    notify_item_t   items[HOLD];

    if (life->nsockets == 0) {
        return;
    }

    s = &life->sockets[pick(life->nsockets)];

    if (s->status != OPEN) {
        return;
    }

    back = give_back(done, pick(HOLD + 1));
    since = ((notify_key_t *) notify_block(&zone, s->block))->lost;

    n = notify_bus_read(&zone, s->block, since, items, HOLD - nheld, done,
                        back, START + now(), &live);

    for (i = 0; i < n; i++) {

        if (items[i].id <= since || key_of(items[i].key) != s->key) {
            fail_with("read a message that is out of place");
        }

        since = items[i].id;
        (void) read_item(&items[i]);
        held[nheld++] = items[i];
    }
}


static uint32_t
length_of(void)
{
    switch (pick(16)) {
    case 0:
        return 0;
    case 1:
    case 2:
    case 3:
        return 8 + pick(2000);
    case 4:
        return 4000 + pick(200);
    case 5:
        return 8 + pick(20000);
    case 6:
        return 8 + pick(BODY - 8);
    default:
        return 8 + pick(100);
    }
}


static void
push(uint32_t k)
{
    int               rc;
    push_t           *p;
    uint32_t          number;
    struct iovec      iov;
    notify_publish_t  publish;
    notify_receipt_t  receipt;

    /* a killer that is late does not make them too many */

    if (shm->npushes > PUSHES / 2) {
        (void) poll(NULL, 0, 1);
    }

    number = __atomic_fetch_add(&shm->npushes, 1, __ATOMIC_SEQ_CST);

    if (number >= PUSHES) {
        fail_with("too many pushes to be written down");
        return;
    }

    p = &shm->pushes[number];
    p->number = number;
    p->key = k;
    p->length = length_of();

    __atomic_store_n(&p->status, TRYING, __ATOMIC_RELEASE);

    fill(body, p->length, number);

    iov.iov_base = body;
    iov.iov_len = p->length;

    memset(&publish, 0, sizeof(publish));
    publish.kind = NOTIFY_TEXT + (number & 1);
    publish.length = p->length;
    publish.iov = &iov;
    publish.niov = 1;
    publish.count = pick(3) ? 0 : 1 + pick(20);
    publish.ttl = pick(3);
    publish.now = START + now();

    rc = notify_bus_publish(&zone, &names[k], &publish, &receipt);

    if (rc == 0) {
        p->id = receipt.id;

    } else {
        __atomic_fetch_add(&shm->nrefused, 1, __ATOMIC_SEQ_CST);
    }

    __atomic_store_n(&p->status, rc == 0 ? ACCEPTED : REFUSED,
                     __ATOMIC_RELEASE);
}


/*
 * One of the first keys is everybody's favourite, so that its seats do not fit
 * in its block; then it is another, and this one is left by all and freed.
 */

static uint32_t
favourite(void)
{
    return (shm->npushes / 8192) % FAVOURITES;
}


static uint32_t
some_key(void)
{
    return pick(3) ? FAVOURITES + pick(KEYS - FAVOURITES) : favourite();
}


static void
leave_some(void)
{
    uint32_t   i;
    socket_t  *s;

    for (i = 0; i < life->nsockets; i++) {
        s = &life->sockets[i];

        if (s->key < FAVOURITES ? s->key != favourite() : pick(16) == 0) {
            leave(s);
        }
    }
}


static void
act(void)
{
    static const uint64_t  sizes[] = { SIZE, SIZE - 4 * NOTIFY_PAGE_SIZE,
                                       SIZE_LARGE };

    switch (pick(32)) {
    case 0:
    case 1:
        join(some_key());
        return;
    case 2:
        join(LIMITED + pick(KEYS - LIMITED));
        return;
    case 3:
        leave_some();
        return;
    case 4:
        if (pick(20) == 0) {
            (void) notify_zone_configure(&zone, sizes[pick(3)]);
        }
        return;
    case 5:
        read_store();
        return;
    case 6:
        if (again || pick(4) == 0) {
            return;
        }

        /* a pause, in which the inbox fills */

        (void) poll(NULL, 0, (int) pick(3));
        return;
    default:
        push(some_key());
    }
}


/* a worker that quits leaves as it should, or as a dead one */

static void
quit(void)
{
    uint32_t  i, done[HOLD];

    mortal = false;

    if (pick(4) == 0) {
        _exit(0);
    }

    for (i = 0; i < life->nsockets; i++) {
        leave(&life->sockets[i]);
    }

    i = give_back(done, HOLD);
    (void) notify_bus_take(&zone, NULL, 0, done, i);

    notify_seat_leave(&zone);

    _exit(0);
}


/* leaves its seat in the midst of all, and takes another */

static void
move(void)
{
    uint32_t  i, done[HOLD];
    uint64_t  until;

    for (i = 0; i < life->nsockets; i++) {
        leave(&life->sockets[i]);
    }

    /* what waits was for sockets that have left: nobody will miss it */

    i = give_back(done, HOLD);
    (void) notify_bus_take(&zone, NULL, 0, done, i);

    for (i = 0; i < life->nsockets; i++) {
        life->sockets[i].before = 0;
    }

    notify_seat_leave(&zone);

    for (until = now() + patience;
         notify_seat_take(&zone, 1) == -1; )
    {
        if (now() > until) {
            fail_with("no seat is ever free");
            _exit(1);
        }
    }

    life->seat = zone.seat;
    again = false;
}


static void
worker(void)
{
    int             timeout;
    uint64_t        count, swept;
    struct pollfd   p;

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

    mortal = true;

    while (notify_seat_take(&zone, 1) == -1) {
        if (shm->failed) {
            _exit(1);
        }
    }

    life->seat = zone.seat;
    join(favourite());
    swept = now();

    while (!shm->failed && shm->phase != QUIT) {

        if (shm->phase == RUN) {
            if (pick(3000) == 0) {
                move();
            }

            act();
        }

        p.fd = zone.seats[zone.seat].event;
        p.events = POLLIN;
        timeout = shm->phase == RUN || again || zone.wake_self ? 0 : 5;

        if (poll(&p, 1, timeout) == 1
            && read(p.fd, &count, sizeof(count)) == sizeof(count))
        {
            again = true;
        }

        if (zone.wake_self) {
            zone.wake_self = false;
            again = true;
        }

        if (again && (shm->phase != RUN || pick(3) != 0)) {
            take(pick(HOLD + 1));
        }

        if (!again && nheld && shm->phase == DRAIN) {
            take(HOLD);
        }

        life->quiet = shm->phase == DRAIN && !again && nheld == 0;

        if (now() - swept > 5) {
            (void) notify_seat_sweep(&zone);
            swept = now();
        }
    }

    if (shm->failed) {
        _exit(1);
    }

    quit();
}


/* --- the killer */

static void
start(unsigned w)
{
    pid_t     pid;
    uint64_t  seed;

    if (shm->nlives == LIVES) {
        fail_with("too many lives");
        return;
    }

    me = ++shm->nlives;
    life_of[w] = me;
    seed = check_random(&lot);

    pid = fork();

    if (pid == -1) {
        broken("fork()");
    }

    if (pid == 0) {
        lot = seed;
        life = &shm->lives[me];
        worker();
    }

    pids[w] = pid;
}


/* buries who has died, and starts another; true if somebody had */

static bool
bury(void)
{
    int       status;
    pid_t     pid;
    bool      died;
    unsigned  w;

    died = false;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
            fail_with("a worker's status is %x", status);
        }

        for (w = 0; w < WORKERS; w++) {
            if (pids[w] == pid) {
                shm->lives[life_of[w]].dead = true;
                died = true;
                start(w);
            }
        }
    }

    return died;
}


/* the members of a user's key, the oldest first; the caller has the lock */

static uint32_t
members_of(uint32_t k, uint64_t words[NOTIFY_MEMBERS_MAX])
{
    uint32_t  key;

    key = notify_key_find_locked(&zone, &names[k],
                                 notify_key_hash(&zone, &names[k]));

    return key ? check_members_of(&zone, key, words) : 0;
}


/* what must hold between two holds of the lock, in the midst of all */

static void
check_now(void)
{
    uint32_t     k, n;
    uint64_t     words[NOTIFY_MEMBERS_MAX];
    const char  *error;

    notify_lock(&zone);

    error = check_zone(&zone);

    for (k = LIMITED; k < KEYS && error == NULL; k++) {
        n = members_of(k, words);

        if (n > limit_of(k)) {
            fail_with("%u members of key %u, of at most %u", n, k,
                      limit_of(k));
        }
    }

    notify_unlock(&zone);

    nchecks++;

    if (error) {
        fail_with("%s", error);
    }
}


static void
kill_one(void)
{
    unsigned  w;

    w = pick(WORKERS);

    (void) kill(pids[w], SIGKILL);
    nkills++;
}


/* whether somebody has died at the point in that time */

static bool
die_at(uint32_t point, uint32_t skip, unsigned ms)
{
    uint32_t  armed;
    uint64_t  until;

    until = now() + ms;
    armed = point + 1;

    shm->skip = skip;
    __atomic_store_n(&shm->armed, armed, __ATOMIC_SEQ_CST);

    while (__atomic_load_n(&shm->armed, __ATOMIC_SEQ_CST)) {

        (void) poll(NULL, 0, 1);
        (void) bury();

        if (now() > until || shm->failed) {
            return !__atomic_compare_exchange_n(&shm->armed, &armed, 0, false,
                                                __ATOMIC_SEQ_CST,
                                                __ATOMIC_SEQ_CST);
        }
    }

    return true;
}


static uint32_t
point_after(const char *name)
{
    uint32_t  i;

    for (i = 0; strcmp(points[i].name, name) != 0; i++) { /* void */ }

    return 2 * i + 1;
}


/* somebody dies at the point, sooner or later */

static void
kill_named(uint32_t point)
{
    uint32_t     skip;
    uint64_t     until;
    const char  *first;

    first = points[point / 2].first;
    skip = first ? 0 : pick(4);
    until = now() + patience;

    do {
        if (first) {
            (void) die_at(point_after(first), 0, 100);
        }

        if (die_at(point, skip, first ? 10 : 30)) {
            nnamed++;
            return;
        }

        /* others come after a death, but not after each */

        kill_one();
        skip = 0;

    } while (now() < until && !shm->failed);

    fail_with("nobody came to %s, %s its store", points[point / 2].name,
              point % 2 ? "after" : "before");
}


static void
rage(unsigned kills, unsigned named)
{
    static uint32_t  point;

    unsigned         i;

    for (i = 0; i < kills + named && !shm->failed; i++) {

        if (pick(kills + named) < named) {
            kill_named(point);
            point = (point + 1) % (2 * NPOINTS);

        } else {
            (void) poll(NULL, 0, (int) pick(5));
            kill_one();
        }

        (void) bury();

        if (pick(2) == 0) {
            check_now();
        }
    }
}


/* --- the end of a round */

static bool
all_quiet(void)
{
    bool      quiet;
    uint32_t  i;

    for (i = 0; i < WORKERS; i++) {
        if (!shm->lives[life_of[i]].quiet) {
            return false;
        }
    }

    quiet = true;

    notify_lock(&zone);

    for (i = 0; i < SEATS; i++) {
        quiet &= zone.seats[i].first == 0 && zone.seats[i].taken == 0;
    }

    notify_unlock(&zone);

    return quiet;
}


/* all go on without a death, after which all with messages are woken */

static void
calm(void)
{
    uint32_t  pushes;
    uint64_t  until;

    until = now() + patience;

    for (pushes = shm->npushes + CALM; shm->npushes < pushes; ) {

        if (bury() || notify_seat_sweep(&zone)) {
            pushes = shm->npushes + CALM;
        }

        if (shm->failed) {
            return;
        }

        if (now() > until) {
            fail_with("nobody pushes any more");
            return;
        }

        (void) poll(NULL, 0, 1);
    }
}


/* whether a worker of now has the socket of that member open */

static bool
is_open(uint32_t k, uint64_t word)
{
    uint32_t         w, i;
    const life_t    *l;
    const socket_t  *s;

    for (w = 0; w < WORKERS; w++) {
        l = &shm->lives[life_of[w]];

        for (i = 0; i < l->nsockets && l->seat == notify_member_seat(word);
             i++)
        {
            s = &l->sockets[i];

            if (s->status == OPEN && s->key == k
                && s->member == notify_member_id(word))
            {
                return true;
            }
        }
    }

    return false;
}


/* all is quiet: the members are those that are open, and have come last */

static void
check_members_now(uint32_t k)
{
    uint32_t         i, n, l, open;
    uint64_t         words[NOTIFY_MEMBERS_MAX];
    const socket_t  *s;

    open = 0;

    notify_lock(&zone);
    n = members_of(k, words);
    notify_unlock(&zone);

    for (i = 0; i < n; i++) {
        if (!is_open(k, words[i])) {
            fail_with("key %u: member %u is nobody's", k,
                      notify_member_id(words[i]));
        }
    }

    for (l = 1; l <= shm->nlives; l++) {
        for (i = 0; i < shm->lives[l].nsockets; i++) {
            s = &shm->lives[l].sockets[i];

            if (s->key != k) {
                continue;
            }

            open += s->status == OPEN && !shm->lives[l].dead;

            if (s->replaced && n && s->member > notify_member_id(words[0])) {
                fail_with("key %u: %u had to go, and %u is older", k,
                          s->member, notify_member_id(words[0]));
            }
        }
    }

    if (open != n) {
        fail_with("key %u: %u sockets are open, %u members", k, open, n);
    }
}


static void
drain(void)
{
    uint32_t  i;
    uint64_t  until;

    until = now() + patience;

    __atomic_store_n(&shm->phase, DRAIN, __ATOMIC_SEQ_CST);

    while (!shm->failed && !all_quiet()) {

        (void) bury();
        (void) notify_seat_sweep(&zone);
        (void) poll(NULL, 0, 1);

        if (now() < until) {
            continue;
        }

        for (i = 0; i < SEATS; i++) {
            if (zone.seats[i].first) {
                fail_with("seat %u sleeps, and has messages", i);
            }
        }

        fail_with("the workers come not to rest");
    }

    if (!shm->failed) {
        check_now();
    }

    for (i = LIMITED; i < KEYS && !shm->failed; i++) {
        check_members_now(i);
    }
}


static int
by_id(const void *a, const void *b)
{
    const push_t  *p, *q;

    p = *(push_t *const *) a;
    q = *(push_t *const *) b;

    return p->id < q->id ? -1 : p->id > q->id;
}


static int
by_life(const void *a, const void *b)
{
    const got_t  *p, *q;

    p = *(got_t *const *) a;
    q = *(got_t *const *) b;

    if (p->life != q->life) {
        return p->life < q->life ? -1 : 1;
    }

    return p < q ? -1 : p > q;
}


/* an empty message says not which push it was: one with its id, or undecided */

static push_t *
find_empty(const got_t *g)
{
    uint32_t   i;
    push_t    *p, *undecided;

    undecided = NULL;

    for (i = 0; i < shm->npushes; i++) {
        p = &shm->pushes[i];

        if (p->length || p->key != g->key) {
            continue;
        }

        if (p->id == g->id) {
            return p;
        }

        if (p->status == TRYING && p->id == 0 && undecided == NULL) {
            undecided = p;
        }
    }

    return undecided;
}


/* gives a push whose maker died its id, if anybody has got it */

static void
settle(got_t *g)
{
    push_t  *p;

    p = g->push == NONE ? find_empty(g) : &shm->pushes[g->push];

    if (p == NULL) {
        fail_with("life %u got an empty message that nobody pushed", g->life);
        return;
    }

    g->push = p->number;

    if (p->key != g->key) {
        fail_with("push %u to key %u came to key %u", p->number, p->key,
                  g->key);
    }

    if (p->status == REFUSED) {
        fail_with("push %u was refused, and came", p->number);
    }

    if (p->status == TRYING && p->id == 0) {
        p->id = g->id;
    }

    if (p->id != g->id) {
        fail_with("push %u came with another id", p->number);
    }
}


/* whether a life may get a push, and whether it must */

static bool
expected(const life_t *l, const push_t *p, bool *must)
{
    bool             may;
    uint32_t         i, n;
    const socket_t  *s;

    may = false;
    *must = false;

    /* the one that it was joining when it died has no number yet */

    n = l->nsockets + (l->dead && l->nsockets < SOCKETS);

    for (i = 0; i < n; i++) {
        s = &l->sockets[i];

        if (s->key != p->key || s->status == 0 || s->since >= p->id) {
            continue;
        }

        if (s->status == OPEN) {
            *must = true;
            return true;
        }

        if (s->status != LEFT || p->id <= s->after) {
            may = true;
        }

        if (s->status != JOINING && p->id <= s->before) {
            *must = true;
            return true;
        }
    }

    return may;
}


static void
compare_life(uint32_t number, got_t **got, uint32_t ngot, push_t **pushes,
    uint32_t npushes)
{
    bool      may, must;
    life_t   *l;
    uint32_t  i, at;

    l = &shm->lives[number];
    at = 0;

    for (i = 1; i < ngot; i++) {
        if (got[i]->id <= got[i - 1]->id) {
            fail_with("life %u got push %u after push %u", number,
                      got[i]->push, got[i - 1]->push);
            return;
        }
    }

    for (i = 0; i < npushes; i++) {

        if (at == ngot && l->dead) {
            return;                          /* it did not live to get more */
        }

        may = expected(l, pushes[i], &must);

        if (at < ngot && got[at]->id == pushes[i]->id) {

            if (!may) {
                fail_with("life %u got push %u, which was not for it", number,
                          pushes[i]->number);
            }

            at++;

        } else if (must) {
            fail_with("life %u did not get push %u to key %u of %u bytes",
                      number, pushes[i]->number, pushes[i]->key,
                      pushes[i]->length);
        }
    }

    if (at < ngot) {
        fail_with("life %u got push %u, out of place", number, got[at]->push);
    }
}


static void
compare(void)
{
    got_t     **got;
    push_t    **pushes;
    uint32_t    i, n, ngot, npushes, l;

    got = calloc(shm->ngot + 1, sizeof(got_t *));
    pushes = calloc(shm->npushes + 1, sizeof(push_t *));
    ngot = 0;
    npushes = 0;

    for (i = 0; i < shm->ngot && !shm->failed; i++) {
        if (shm->got[i].life) {
            got[ngot++] = &shm->got[i];
            settle(&shm->got[i]);
        }
    }

    for (i = 0; i < shm->npushes; i++) {
        if (shm->pushes[i].id) {
            pushes[npushes++] = &shm->pushes[i];
        }
    }

    qsort(got, ngot, sizeof(got_t *), by_life);
    qsort(pushes, npushes, sizeof(push_t *), by_id);

    for (l = 1, i = 0; l <= shm->nlives && !shm->failed; l++, i += n) {

        for (n = 0; i + n < ngot && got[i + n]->life == l; n++) { /* void */ }

        compare_life(l, got + i, n, pushes, npushes);
    }

    free(got);
    free(pushes);
}


/* all leave; nothing stays */

static void
finish(void)
{
    int          status;
    unsigned     w;
    const char  *error;

    __atomic_store_n(&shm->phase, QUIT, __ATOMIC_SEQ_CST);

    for (w = 0; w < WORKERS; w++) {

        if (shm->failed) {
            (void) kill(pids[w], SIGKILL);
        }

        if (waitpid(pids[w], &status, 0) != pids[w]) {
            broken("waitpid()");
        }

        if (!shm->failed && status != 0) {
            fail_with("a worker's status is %x at the end", status);
        }
    }

    if (shm->failed) {
        return;
    }

    (void) notify_seat_sweep(&zone);

    notify_lock(&zone);
    while (notify_store_evict_locked(&zone, 1000, START)) { /* all */ }
    notify_unlock(&zone);

    error = check_empty(&zone);

    if (error) {
        fail_with("at the end: %s", error);
    }
}


static void
forget(void)
{
    memset(shm->lives, 0, sizeof(life_t) * (shm->nlives + 1));
    memset(shm->pushes, 0, sizeof(push_t) * shm->npushes);
    memset(shm->got, 0, sizeof(got_t) * shm->ngot);

    shm->phase = RUN;
    shm->nlives = 0;
    shm->npushes = 0;
    shm->ngot = 0;
    shm->nrefused = 0;
    shm->nreplaced = 0;
}


static bool
round_of(unsigned number, unsigned kills, unsigned named)
{
    uint32_t  w, npushes, ngot, nrefused, nreplaced;

    forget();

    for (w = 0; w < WORKERS; w++) {
        start(w);
    }

    rage(kills, named);
    calm();
    drain();

    npushes = shm->npushes;
    ngot = shm->ngot;
    nrefused = shm->nrefused;
    nreplaced = shm->nreplaced;

    if (!shm->failed) {
        compare();
    }

    finish();

    if (!ok(!shm->failed, "round %u: %u lives, %u pushes, %u refused, "
            "%u taken, %u sockets replaced", number, shm->nlives, npushes,
            nrefused, ngot, nreplaced))
    {
        diag("%s", shm->error);
    }

    return !shm->failed;
}


static void
make(void)
{
    static char   text[KEYS][2][256];
    unsigned      k;
    const char   *what;

    shm = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
               MAP_SHARED|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);

    if (shm == MAP_FAILED) {
        broken("mmap()");
    }

    if (notify_zone_create(&zone, SIZE, SEATS, &what) == -1
        || notify_zone_commit(&zone, SIZE_LARGE) == 0)
    {
        broken("the zone");
    }

    for (k = 0; k < KEYS; k++) {
        memset(text[k][0], 'r', 255);
        names[k].realm = (uint8_t *) text[k][0];
        names[k].realm_length = k & 1 ? k * 6 : 0;
        memset(text[k][1], '0' + (int) k, 255);
        names[k].user = (uint8_t *) text[k][1];
        names[k].user_length = 1 + k * 6;
    }
}


int
main(int argc, char **argv)
{
    int       c;
    uint64_t  seed;
    unsigned  rounds, kills, named, deadline, i;

    seed = 1;
    rounds = 3;
    kills = 150;
    named = 2 * NPOINTS;
    patience = 20000;
    deadline = DEADLINE;

    while ((c = getopt(argc, argv, "s:r:k:n:p:d:")) != -1) {
        switch (c) {
        case 's':
            seed = strtoull(optarg, NULL, 0);
            break;
        case 'r':
            rounds = (unsigned) strtoul(optarg, NULL, 0);
            break;
        case 'k':
            kills = (unsigned) strtoul(optarg, NULL, 0);
            break;
        case 'n':
            named = (unsigned) strtoul(optarg, NULL, 0);
            break;
        case 'p':
            patience = strtoull(optarg, NULL, 0) * 1000;
            break;
        case 'd':
            deadline = (unsigned) strtoul(optarg, NULL, 0);
            break;
        default:
            return 2;
        }
    }

    lot = seed;
    diag("storm -s %llu -r %u -k %u -n %u", (unsigned long long) seed, rounds,
         kills, named);

    alarm(deadline);
    make();

    for (i = 1; i <= rounds; i++) {
        if (!round_of(i, kills, named)) {
            break;
        }
    }

    diag("%u killed at random, %u by name, %u checks of the zone meanwhile",
         nkills, nnamed, nchecks);

    return test_done();
}
