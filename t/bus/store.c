/*
 * Processes push, resume, read and evict in a small zone that is always full
 * of history, and are killed: at random moments, and just before and after
 * stores of truth (crash.h).
 *
 * A client outlives the process that serves it: it is written down what it was
 * given, and another process lets it resume from the last of that.  At the end
 * it is compared: each client had all messages of its key from its first socket
 * on, once, in order, with their own bytes; but for those that a gap has
 * announced, where some were gone indeed.
 *
 *     store [-s SEED] [-r ROUNDS] [-t SECONDS of a round]
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "check.h"

#include <errno.h>
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


#define WORKERS     6
#define SEATS       10
#define KEYS        12
#define CLIENTS     48
#define SERVED      16                       /* clients of one worker */
#define HELD        96                       /* messages taken and kept */
#define PUSHES      400000                   /* of a round, at most */
#define GOT         PUSHES                   /* by one client */
#define BODY        (24 * 1024)
#define SIZE        (256 * 1024)
#define MORTAL      20000                    /* stores of truth in a life */
#define DEADLINE    240                      /* seconds, for all */
#define START       4000000000000ull         /* ms: after the zone's birth */


enum { RUN = 0, DRAIN, QUIT };

/* what a push was answered; 0: its worker died */
enum { ACCEPTED = 1, REFUSED };

/* a push that is left by a worker that died */
#define LEFT  0x80000000u

/* in what a client got: a message, or where it began, or began again */
enum { MESSAGE = 1, HELLO, GAP };

typedef struct {
    uint64_t       id;                       /* 0: not known */
    uint32_t       key;
    uint32_t       length;
    uint32_t       status;
    uint32_t       count;
    uint32_t       untold;                   /* tries with an id that is not
                                                known, if they had one */
} push_t;

typedef struct {
    uint64_t       id;
    uint32_t       push;                     /* of MESSAGE */
    uint32_t       kind;
} got_t;

/* Written by its owner alone; storing ngot is what gives it something. */
typedef struct {
    uint32_t       owner;                    /* a life, or 0 */
    uint32_t       key;
    uint32_t       ngot;
    bool           live;                     /* and has all there is */
    got_t          got[GOT];
} client_t;

typedef struct {
    uint32_t       phase;
    uint32_t       npushes;
    uint32_t       nlives;
    uint32_t       nrepeated;
    uint32_t       nlate;
    uint32_t       nslow;
    uint32_t       nretried;
    uint32_t       ntwice;
    uint32_t       ngaps;
    uint32_t       nasked;
    uint32_t       failed;

    /*
     * Of each worker, or of the dead one whose place it takes: the phase that
     * it acts in, and the push that has no answer yet, + 1, with LEFT when
     * its worker is dead.
     */
    uint32_t       knows[WORKERS];
    uint32_t       pushing[WORKERS];

    char           error[256];
    client_t       clients[CLIENTS];
    push_t         pushes[PUSHES];
} shared_t;


/* a client in the hands of this worker */
typedef struct {
    client_t      *client;                   /* NULL: none */
    uint32_t       block;
    uint64_t       since;
    bool           reading;
} served_t;


static shared_t          *shm;
static notify_zone_t      zone;
static char               text[KEYS][8];
static notify_name_of_t   names[KEYS];
static pid_t              pids[WORKERS];
static uint32_t           life_of[WORKERS];
static uint64_t           lot;
static unsigned           nkills, nchecks;

/* a worker's own */
static uint32_t           me;
static unsigned           place;
static unsigned           left;              /* stores of truth; 0: immortal */
static served_t           served[SERVED];
static notify_item_t      held[HELD];
static unsigned           nheld;
static bool               lazy;              /* its clients are slow */
static uint8_t            body[BODY], bytes[BODY + 16];


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


/* how often something has happened, in all workers */

static void
count(uint32_t *n)
{
    (void) __atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
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
    (void) name;
    (void) after;

    if (left == 0 || --left) {
        return;
    }

    if (shm->pushing[place]) {
        shm->pushing[place] |= LEFT;
    }

    for ( ;; ) {
        (void) kill(getpid(), SIGKILL);
    }
}


ssize_t
crash_write(const char *name, int fd, const void *p, size_t n)
{
    crash_point(name, 0);

    return (write)(fd, p, n);
}


/* --- what a worker does */

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


/* reads an item's frame; returns the number of its push */

static uint32_t
read_item(const notify_item_t *item)
{
    size_t            n, head, length;
    uint32_t          number;
    const uint8_t    *p;
    notify_cursor_t   cursor;

    memset(&cursor, 0, sizeof(cursor));
    length = 0;

    while ((p = notify_bus_piece(&zone, item->message, &cursor, &n)) != NULL) {

        if (length + n > sizeof(bytes)) {
            fail_with("a message is too long");
            return 0;
        }

        memcpy(bytes + length, p, n);
        length += n;
    }

    head = bytes[1] < 126 ? 2 : 4;
    memcpy(&number, bytes + head, sizeof(number));

    if (number >= PUSHES || shm->pushes[number].length + head != length) {
        fail_with("a message is none that was pushed");
        return 0;
    }

    fill(body, (uint32_t) (length - head), number);

    if (memcmp(body, bytes + head, length - head) != 0) {
        fail_with("push %u came with other bytes", number);
    }

    return number;
}


static void
write_down(client_t *c, unsigned kind, uint64_t id, uint32_t push)
{
    got_t  *g;

    if (c->ngot == GOT) {
        fail_with("a client got too much to be written down");
        return;
    }

    g = &c->got[c->ngot];
    g->kind = kind;
    g->id = id;
    g->push = push;

    __atomic_store_n(&c->ngot, c->ngot + 1, __ATOMIC_RELEASE);
}


static void
give(served_t *s, const notify_item_t *item)
{
    write_down(s->client, MESSAGE, item->id, read_item(item));
    s->since = item->id;
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
take(void)
{
    unsigned        i, k, n;
    uint32_t        done[HELD];
    served_t       *s;
    notify_item_t   items[HELD];

    n = give_back(done, nheld > HELD / 2 ? HELD : pick(lazy ? 2 : HELD));
    n = notify_bus_take(&zone, items, HELD - nheld, done, n);

    for (i = 0; i < n; i++) {

        for (k = 0; k < SERVED; k++) {
            s = &served[k];

            if (s->client == NULL || s->block != items[i].key || s->reading
                || items[i].id <= s->since)
            {
                continue;
            }

            if (items[i].stored && pick(5) == 0) {
                s->reading = true;
                s->client->live = false;
                count(&shm->nslow);
                continue;
            }

            give(s, &items[i]);
        }

        if (lazy) {
            notify_bus_wait(&zone, &items[i]);
        }

        held[nheld++] = items[i];
    }
}


/* half of the zone waits, and most of it here: it is given back */

static void
hurry(void)
{
    unsigned  n;
    uint32_t  done[1];

    n = 0;

    while (notify_bus_close_slow(&zone, nheld != 0, done, n)) {
        n = give_back(done, 1);
    }

    count(&shm->nasked);
}


/* the client goes: it may have been late, or of another mind */

static void
let_go(served_t *s)
{
    notify_bus_leave(&zone, s->block);

    s->client->live = false;
    __atomic_store_n(&s->client->owner, 0, __ATOMIC_RELEASE);
    s->client = NULL;
}


static void
read_on(served_t *s)
{
    int             i, n;
    uint32_t        done[HELD];
    uint64_t        live;
    unsigned        back;
    notify_item_t   items[8];

    back = give_back(done, nheld > HELD - 8 ? 8 : pick(8));

    n = notify_bus_read(&zone, s->block, s->since, items, 1 + pick(8), done,
                        back, START + now(), &live);

    if (n == -1) {
        let_go(s);
        count(&shm->nlate);
        return;
    }

    if (n == 0) {
        s->reading = false;
        s->client->live = true;
        s->since = live;
        return;
    }

    for (i = 0; i < n; i++) {
        give(s, &items[i]);
        held[nheld++] = items[i];
    }
}


static void
resume(served_t *s, client_t *c)
{
    notify_resume_t  r;

    memset(&r, 0, sizeof(r));
    r.now = START + now();

    if (c->ngot == 0) {
        s->block = notify_bus_join(&zone, &names[c->key], NULL, &s->since);
        s->reading = false;

    } else {
        r.last = c->got[c->ngot - 1].id;
        s->block = notify_bus_resume(&zone, &names[c->key], NULL, &r);
        s->since = r.since;
        s->reading = true;
    }

    if (s->block == 0) {
        __atomic_store_n(&c->owner, 0, __ATOMIC_RELEASE);
        return;
    }

    s->client = c;

    if (c->ngot == 0) {
        write_down(c, HELLO, s->since, 0);

    } else if (r.gap) {
        write_down(c, GAP, r.since, 0);
        count(&shm->ngaps);

    } else if (r.since != r.last) {
        fail_with("a socket resumes at another place, without a gap");
    }

    c->live = !s->reading;
}


static void
serve(void)
{
    uint32_t   nobody;
    client_t  *c;
    served_t  *s;

    s = &served[pick(SERVED)];

    if (s->client) {

        if (shm->phase == RUN && pick(40) == 0) {
            let_go(s);

        } else if (s->reading) {
            read_on(s);
        }

        return;
    }

    c = &shm->clients[pick(CLIENTS)];
    nobody = 0;

    if (__atomic_compare_exchange_n(&c->owner, &nobody, me, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    {
        resume(s, c);
    }
}


/* returns whether it had been published */

static bool
publish(uint32_t number)
{
    int               rc;
    push_t           *p;
    struct iovec      iov;
    notify_publish_t  publish;
    notify_receipt_t  receipt;

    p = &shm->pushes[number];

    __atomic_store_n(&shm->pushing[place], number + 1, __ATOMIC_RELEASE);

    fill(body, p->length, number);

    iov.iov_base = body;
    iov.iov_len = p->length;

    memset(&publish, 0, sizeof(publish));
    publish.kind = NOTIFY_TEXT;
    publish.length = p->length;
    publish.iov = &iov;
    publish.niov = 1;
    publish.count = p->count;
    publish.once = p->count ? number + 1 : 0;
    publish.ttl = 1 + number % 4;
    publish.now = START + now();

    memset(&receipt, 0, sizeof(receipt));

    rc = notify_bus_publish(&zone, &names[p->key], &publish, &receipt);

    if (rc == NOTIFY_OTHER) {
        fail_with("push %u was taken for another", number);
    }

    if (p->id && rc == 0 && receipt.id != p->id) {

        if (receipt.repeated) {
            fail_with("push %u has two ids", number);
        }

        /* it was not in the history any more */

        p->untold++;
    }

    if (rc == 0) {
        p->id = receipt.id;
    }

    p->status = rc == 0 ? ACCEPTED : REFUSED;

    __atomic_store_n(&shm->pushing[place], 0, __ATOMIC_RELEASE);

    return receipt.repeated;
}


static bool
all_pushed(void)
{
    return shm->npushes >= PUSHES - WORKERS;
}


/*
 * Meanwhile nobody pushes, so that the zone still knows of what has been
 * published when it comes again.
 */

static bool
some_left(void)
{
    unsigned  w;

    for (w = 0; w < WORKERS; w++) {
        if (shm->pushing[w] & LEFT) {
            return true;
        }
    }

    return false;
}


static void
push(void)
{
    push_t    *p;
    uint32_t   number;

    static const uint32_t  counts[] = { 0, 2, 8, 16, 64, 64, 64, 64 };

    if (all_pushed() || some_left()) {
        return;
    }

    number = __atomic_fetch_add(&shm->npushes, 1, __ATOMIC_SEQ_CST);

    p = &shm->pushes[number];
    p->key = pick(2) ? pick(KEYS) : pick(2);
    p->length = 8 + (pick(6) ? pick(150) : pick(3) ? pick(6000)
                                                    : pick(BODY - 8));
    p->count = counts[pick(8)];

    (void) publish(number);

    /* a site that does not wait for the answer, while others push */

    if (p->count && pick(16) == 0 && publish(number)) {
        count(&shm->ntwice);
    }
}


/*
 * What the dead one had no answer to is pushed again, if it may be.  Nobody
 * else does: two would not agree on what it is.
 */

static void
push_again(void)
{
    push_t    *p;
    uint32_t   number;

    number = shm->pushing[place] & ~LEFT;

    if (number == 0) {
        return;
    }

    p = &shm->pushes[number - 1];

    if (p->count == 0) {
        __atomic_store_n(&shm->pushing[place], 0, __ATOMIC_RELEASE);
        return;
    }

    if (p->id) {
        p->id = 0;
        p->untold++;
    }

    count(&shm->nretried);

    if (publish(number - 1)) {
        count(&shm->nrepeated);
    }
}


__attribute__((noreturn))
static void
worker(void)
{
    unsigned  i;
    uint64_t  swept;
    uint32_t  done[HELD], phase;

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

    while (notify_seat_take(&zone, 1) == -1) {
        if (shm->failed) {
            _exit(1);
        }
    }

    left = 1 + pick(MORTAL);
    lazy = pick(3);
    swept = now();

    push_again();

    while (!shm->failed && (phase = shm->phase) != QUIT) {

        if (phase != RUN) {
            left = 0;
        }

        __atomic_store_n(&shm->knows[place], phase, __ATOMIC_RELEASE);

        if (zone.seats[zone.seat].slow == NOTIFY_SLOW_ASKED) {
            hurry();
        }

        switch (pick(7)) {
        case 0:
        case 1:
            take();
            break;
        case 2:
        case 3:
            if (phase == RUN) {
                push();
            }
            break;
        default:
            serve();
        }

        if (now() - swept > 5) {
            (void) notify_seat_sweep(&zone);
            swept = now();
        }
    }

    left = 0;

    for (i = 0; i < SERVED; i++) {
        if (served[i].client) {
            let_go(&served[i]);
        }
    }

    i = give_back(done, HELD);
    (void) notify_bus_take(&zone, NULL, 0, done, i);
    notify_seat_leave(&zone);

    _exit(shm->failed != 0);
}


/* --- the master */

static void
start(unsigned w)
{
    pid_t     pid;
    uint64_t  seed;

    me = ++shm->nlives;
    life_of[w] = me;
    place = w;
    shm->knows[w] = RUN;
    seed = check_random(&lot);

    pid = fork();

    if (pid == -1) {
        broken("fork()");
    }

    if (pid == 0) {
        lot = seed;
        worker();
    }

    pids[w] = pid;
}


/* the clients of a dead worker are free */

static void
inherit(uint32_t life)
{
    uint32_t   i;
    client_t  *c;

    for (i = 0; i < CLIENTS; i++) {
        c = &shm->clients[i];

        if (c->owner == life) {
            c->live = false;
            __atomic_store_n(&c->owner, 0, __ATOMIC_RELEASE);
        }
    }
}


/* new ones take the places of the dead */

static void
bury(void)
{
    int       status;
    pid_t     pid;
    unsigned  w;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
            fail_with("a worker's status is %x", status);
        }

        for (w = 0; w < WORKERS; w++) {
            if (pids[w] == pid) {
                nkills++;
                inherit(life_of[w]);

                if (shm->pushing[w]) {
                    shm->pushing[w] |= LEFT;
                    shm->pushes[(shm->pushing[w] & ~LEFT) - 1].untold++;
                }

                start(w);
            }
        }
    }
}


/* a death ends it early */

static void
pause_ms(unsigned ms)
{
    struct timespec  t;

    t.tv_sec = 0;
    t.tv_nsec = (long) ms * 1000000;

    (void) nanosleep(&t, NULL);
}


static void
check_now(void)
{
    const char  *error;

    notify_lock(&zone);
    error = check_zone(&zone);
    notify_unlock(&zone);

    nchecks++;

    if (error) {
        fail_with("%s", error);
    }
}


/* whether all has happened that a round is to show */

static bool
all_seen(void)
{
    return shm->nretried && shm->nrepeated && shm->ntwice && shm->ngaps
           && shm->nlate && shm->nslow && shm->nasked;
}


/* for that long, unless there have been enough pushes, or something misses */

static void
rage(unsigned seconds)
{
    uint64_t  end;

    end = now() + seconds * 1000;

    while (!shm->failed && !all_pushed() && (now() < end || !all_seen())) {
        pause_ms(1 + pick(8));

        if (pick(3) == 0) {
            (void) kill(pids[pick(WORKERS)], SIGKILL);
        }

        bury();

        if (pick(4) == 0) {
            check_now();
        }
    }
}


static bool
all_live(void)
{
    unsigned  i;

    for (i = 0; i < CLIENTS; i++) {
        if (!shm->clients[i].live) {
            return false;
        }
    }

    return true;
}


/* the largest id of the key that is known to have been accepted */

static uint64_t
last_of(uint32_t key)
{
    uint32_t  i;
    uint64_t  id;

    for (i = 0, id = 0; i < shm->npushes; i++) {
        if (shm->pushes[i].key == key && shm->pushes[i].status == ACCEPTED
            && shm->pushes[i].id > id)
        {
            id = shm->pushes[i].id;
        }
    }

    return id;
}


static bool
has_all(const client_t *c, uint64_t last)
{
    uint32_t  n;

    n = __atomic_load_n(&c->ngot, __ATOMIC_ACQUIRE);

    return n && c->got[n - 1].id >= last;
}


/* no worker pushes any more, nor is going to */

static bool
all_answered(void)
{
    unsigned  w;

    for (w = 0; w < WORKERS; w++) {
        if (shm->knows[w] != DRAIN || shm->pushing[w]) {
            return false;
        }
    }

    return true;
}


/* no more pushes: each client is to have the last one of its key */

static void
drain(void)
{
    bool      all;
    unsigned  i;
    uint64_t  deadline, last[KEYS];

    shm->phase = DRAIN;
    deadline = now() + 20000;

    do {
        pause_ms(20);
        bury();

        all = all_answered() && all_live();

        for (i = 0; i < KEYS; i++) {
            last[i] = last_of(i);
        }

        for (i = 0; i < CLIENTS; i++) {
            all = all && has_all(&shm->clients[i],
                                 last[shm->clients[i].key]);
        }

        if (now() > deadline) {
            fail_with("a client does not get its last message");
        }

    } while (!all && !shm->failed);

    shm->phase = QUIT;

    for (i = 0; i < WORKERS; i++) {
        (void) waitpid(pids[i], NULL, 0);
    }
}


static void
finish(void)
{
    const char  *error;

    (void) notify_seat_sweep(&zone);
    check_now();

    while (zone.head->stored) {
        notify_lock(&zone);
        (void) notify_store_evict_locked(&zone, 64, START + now());
        notify_unlock(&zone);
    }

    error = check_empty(&zone);

    if (error) {
        fail_with("at the end: %s", error);
    }
}


/* --- comparing */

typedef struct {
    uint64_t       id;
    uint32_t       push;
} accepted_t;

typedef struct {
    uint32_t       n;
    uint32_t       max;
    uint64_t      *id;
} wonder_t;


static int
by_id(const void *a, const void *b)
{
    const accepted_t  *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}


/*
 * The messages of a key by id: those with a receipt, and those that somebody
 * has got, for the pushes of the dead may have been published, too.
 */

static uint32_t
accepted_of(uint32_t key, accepted_t *list)
{
    uint32_t   i, k, n, m;
    got_t     *g;
    push_t    *p;
    client_t  *c;

    n = 0;

    for (i = 0; i < shm->npushes; i++) {
        p = &shm->pushes[i];

        if (p->key == key && p->status == ACCEPTED) {
            list[n].id = p->id;
            list[n++].push = i;
        }
    }

    for (i = 0; i < CLIENTS; i++) {
        c = &shm->clients[i];

        for (k = 0; c->key == key && k < c->ngot; k++) {
            g = &c->got[k];

            if (g->kind == MESSAGE) {
                list[n].id = g->id;
                list[n++].push = g->push;
            }
        }
    }

    qsort(list, n, sizeof(accepted_t), by_id);

    for (i = 0, m = 0; i < n; i++) {

        if (m && list[i].id == list[m - 1].id) {
            if (list[i].push != list[m - 1].push) {
                fail_with("an id is that of two pushes");
            }
            continue;
        }

        list[m++] = list[i];
    }

    return m;
}


/* the first of the list with an id after that */

static uint32_t
after(const accepted_t *list, uint32_t n, uint64_t id)
{
    uint32_t  low, high, mid;

    low = 0;
    high = n;

    while (low < high) {
        mid = (low + high) / 2;

        if (list[mid].id <= id) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }

    return low;
}


/* tries of the key's pushes that may have left a trace: none but a gap */

static uint32_t
untold_of(uint32_t key)
{
    uint32_t  i, n;

    for (i = 0, n = 0; i < shm->npushes; i++) {
        n += shm->pushes[i].key == key ? shm->pushes[i].untold : 0;
    }

    return n;
}


/* a gap without a message in it that is known: each such id once */

static void
wonder(wonder_t *w, uint64_t id)
{
    uint32_t  i;

    for (i = 0; i < w->n; i++) {
        if (w->id[i] == id) {
            return;
        }
    }

    if (w->n == w->max) {
        fail_with("a client was told of a gap where none is");
        return;
    }

    w->id[w->n++] = id;
}


static void
compare_client(const client_t *c, const accepted_t *list, uint32_t n,
    wonder_t *wonders)
{
    uint32_t      i, at;
    uint64_t      last;
    const got_t  *g;

    last = 0;

    for (i = 0; i < c->ngot; i++) {
        g = &c->got[i];
        at = after(list, n, last);

        if (g->kind == HELLO) {
            last = g->id;
            continue;
        }

        if (g->id <= last) {
            fail_with("a client of key %u got %llx after %llx", c->key,
                      (unsigned long long) g->id, (unsigned long long) last);
        }

        if (g->kind == MESSAGE && (at == n || list[at].id != g->id)) {
            fail_with("a client of key %u misses %llx", c->key,
                      (unsigned long long) list[at].id);
        }

        if (g->kind == GAP && (at == n || list[at].id > g->id)) {
            wonder(wonders, g->id);
        }

        last = g->id;
    }

    if (after(list, n, last) != n) {
        fail_with("a client of key %u misses the last messages", c->key);
    }
}


static void
compare(void)
{
    uint32_t     i, k, n;
    wonder_t     wonders;
    accepted_t  *list;

    for (k = 0; k < KEYS; k++) {
        n = shm->npushes;

        for (i = 0; i < CLIENTS; i++) {
            n += shm->clients[i].key == k ? shm->clients[i].ngot : 0;
        }

        list = malloc((n + 1) * sizeof(accepted_t));
        n = accepted_of(k, list);

        wonders.n = 0;
        wonders.max = untold_of(k);
        wonders.id = malloc((wonders.max + 1) * sizeof(uint64_t));

        for (i = 0; i < CLIENTS; i++) {
            if (shm->clients[i].key == k) {
                compare_client(&shm->clients[i], list, n, &wonders);
            }
        }

        free(wonders.id);
        free(list);
    }
}


static bool
round_of(unsigned number, unsigned seconds)
{
    unsigned  w, i, ngot;

    nkills = 0;

    /* what a push of the last round was is none of this one's business */

    memset(shm->pushes, 0, shm->npushes * sizeof(push_t));
    memset(shm, 0, offsetof(shared_t, clients));

    for (i = 0; i < CLIENTS; i++) {
        memset(&shm->clients[i], 0, offsetof(client_t, got));
        shm->clients[i].key = i % KEYS;
    }

    for (w = 0; w < WORKERS; w++) {
        start(w);
    }

    rage(seconds);
    drain();

    if (!shm->failed) {
        compare();
    }

    ngot = 0;

    for (i = 0; i < CLIENTS; i++) {
        ngot += shm->clients[i].ngot;
    }

    finish();

    ok(!shm->failed, "round %u: %u killed, %u pushes, %u got, %u gaps", number,
       nkills, shm->npushes, ngot, shm->ngaps);

    if (shm->failed) {
        diag("%s", shm->error);
        return false;
    }

    ok(all_seen(),
       "%u pushes without an answer came again, %u had been taken; %u came "
       "twice; %u readers were late, %u slow; %u asked to hurry",
       shm->nretried, shm->nrepeated, shm->ntwice, shm->nlate, shm->nslow,
       shm->nasked);

    return true;
}


/* nothing but what interrupts a pause */

static void
hear(int signal)
{
    (void) signal;
}


static void
make(void)
{
    unsigned     i, k, n;
    uint32_t     place[KEYS];
    const char  *what;

    struct sigaction  heard;

    memset(&heard, 0, sizeof(heard));
    heard.sa_handler = hear;
    heard.sa_flags = SA_RESTART;
    (void) sigaction(SIGCHLD, &heard, NULL);

    shm = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
               MAP_SHARED|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);

    if (shm == MAP_FAILED) {
        broken("mmap()");
    }

    if (notify_zone_create(&zone, SIZE, SEATS, &what) == -1) {
        broken(what);
    }

    /* keys that share no place in the table of what is lost */

    for (k = 0, n = 0; k < KEYS; n++) {
        snprintf(text[k], sizeof(text[k]), "%u", n);
        names[k].user = (uint8_t *) text[k];
        names[k].user_length = strlen(text[k]);
        place[k] = notify_key_hash(&zone, &names[k]) % NOTIFY_LOST;

        for (i = 0; i < k && place[i] != place[k]; i++) { /* void */ }

        k += i == k;
    }
}


int
main(int argc, char **argv)
{
    int       c;
    unsigned  rounds, seconds, i;

    lot = 1;
    rounds = 2;
    seconds = 4;

    while ((c = getopt(argc, argv, "s:r:t:")) != -1) {
        switch (c) {
        case 's':
            lot = strtoull(optarg, NULL, 0);
            break;
        case 'r':
            rounds = (unsigned) strtoul(optarg, NULL, 0);
            break;
        case 't':
            seconds = (unsigned) strtoul(optarg, NULL, 0);
            break;
        default:
            return 2;
        }
    }

    diag("store -s %llu -r %u -t %u", (unsigned long long) lot, rounds,
         seconds);

    alarm(DEADLINE);
    make();

    for (i = 1; i <= rounds; i++) {
        if (!round_of(i, seconds)) {
            break;
        }
    }

    diag("%u checks of the zone meanwhile", nchecks);

    return test_done();
}
