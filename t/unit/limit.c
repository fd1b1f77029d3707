/*
 * The limit of a key's sockets against a model: random joins with limits of
 * their own, leaves, handovers, deaths and rebuilds of several seats.  After
 * each call the members of each key are those of the model, in the order of
 * their age.
 *
 * A view is what a worker process has; here one process has them all.
 */

#include "model.h"

#include <errno.h>
#include <unistd.h>

#include "notify_bus.h"
#include "notify_lock.h"
#include "notify_seat.h"


#define VIEWS    9
#define SEATS    12
#define KEYS     4
#define SOCKETS  4096                        /* that are open at once */
#define STEPS    15000
#define HANDED   8
#define NOW      1732435200000ull


typedef struct {
    bool             open;
    bool             counted;                /* is a member */
    bool             told;                   /* to close, and has not yet */
    bool             moving;                 /* handed over, not adopted */
    bool             dead;                   /* its worker is, and nobody has
                                                looked */
    unsigned         key;
    uint32_t         seat;
    uint32_t         block;
    uint32_t         member;
    uint64_t         age;
} socket_t;

typedef struct {
    notify_zone_t    z;
    bool             seated;
} view_t;


static view_t            view[VIEWS];
static notify_name_of_t  name[KEYS];
static socket_t          sockets[SOCKETS];
static uint64_t          age;
static uint32_t          generation;
static unsigned          nrefused, nreplaced, nclosed, nhanded, nadopted;
static unsigned          nreaped, nrebuilt, nlowered, nfull, ninherited;


/* the model's members of a key, the oldest first */

static unsigned
members(unsigned key, socket_t **list)
{
    unsigned  i, n, at;

    for (i = 0, n = 0; i < SOCKETS; i++) {

        if (!sockets[i].open || !sockets[i].counted || sockets[i].key != key) {
            continue;
        }

        for (at = n++; at && list[at - 1]->age > sockets[i].age; at--) {
            list[at] = list[at - 1];
        }

        list[at] = &sockets[i];
    }

    return n;
}


static socket_t *
unused(void)
{
    unsigned  i;

    for (i = 0; sockets[i].open; i++) { /* void */ }

    return &sockets[i];
}


/* somebody has looked for the dead: their sockets are gone */

static void
reaped(void)
{
    unsigned  i;

    for (i = 0; i < SOCKETS; i++) {
        sockets[i].open &= !sockets[i].dead;
    }
}


static bool
some_dead(void)
{
    unsigned  i;

    for (i = 0; i < SOCKETS && !(sockets[i].open && sockets[i].dead); i++) {
        /* void */
    }

    return i < SOCKETS;
}


/* what the call is to do, is done in the model first */

static void
join(unsigned v, unsigned k)
{
    bool             refused;
    uint32_t         block;
    uint64_t         since;
    unsigned         n, i;
    socket_t        *s, *list[SOCKETS];
    notify_limit_t   limit;

    memset(&limit, 0, sizeof(limit));
    limit.max = pick(8) ? 3 + k * 10 : 1 + pick(40);
    limit.refuse = pick(3) == 0;
    limit.code = 4409;
    limit.now = NOW;

    n = members(k, list);

    if (n >= limit.max && some_dead()) {
        reaped();
        n = members(k, list);
    }

    block = notify_bus_join(&view[v].z, &name[k], &limit, &since);

    if (block == 0 && limit.why != NOTIFY_LIMIT_REFUSED) {
        failed("a join failed");
        return;
    }

    refused = n >= limit.max && limit.refuse;

    if (refused != (block == 0)) {
        failed("%u members, limit %u: %s", n, limit.max,
               block ? "let in" : "refused");
        return;
    }

    if (refused) {
        nrefused++;
        return;
    }

    for (i = 0; n - i >= limit.max; i++) {
        list[i]->counted = false;
        list[i]->told = true;
        nreplaced++;
        nlowered += i == 1;
    }

    s = unused();
    memset(s, 0, sizeof(socket_t));
    s->open = true;
    s->counted = true;
    s->key = k;
    s->seat = view[v].z.seat;
    s->block = block;
    s->member = limit.member;
    s->age = ++age;
}


/* one without a limit is not counted */

static void
join_without(unsigned v, unsigned k)
{
    uint32_t   block;
    uint64_t   since;
    socket_t  *s;

    block = notify_bus_join(&view[v].z, &name[k], NULL, &since);

    s = unused();
    memset(s, 0, sizeof(socket_t));
    s->open = true;
    s->key = k;
    s->seat = view[v].z.seat;
    s->block = block;
}


/* one of the sockets that the seat has; or NULL */

static socket_t *
some_socket(unsigned v)
{
    unsigned  i, n;

    i = pick(SOCKETS);

    for (n = 0; n < SOCKETS; n++, i = (i + 1) % SOCKETS) {

        if (sockets[i].open && !sockets[i].moving && !sockets[i].dead
            && sockets[i].seat == view[v].z.seat)
        {
            return &sockets[i];
        }
    }

    return NULL;
}


static void
leave(unsigned v, socket_t *s)
{
    s->open = false;
    notify_bus_leave_member(&view[v].z, s->block, s->member);
}


static void
replaced(unsigned v, const notify_item_t *item)
{
    unsigned  i;

    if (item->code != 4409) {
        failed("replaced with %u", item->code);
    }

    for (i = 0; i < SOCKETS; i++) {

        if (!sockets[i].open || sockets[i].dead
            || sockets[i].seat != view[v].z.seat
            || sockets[i].block != item->key
            || sockets[i].member != item->member)
        {
            continue;
        }

        if (!sockets[i].told || sockets[i].moving) {
            failed("the wrong socket is told to close");
        }

        leave(v, &sockets[i]);
        nclosed++;

        return;
    }
}


static void
adopt(unsigned v, const notify_item_t *item)
{
    int                    fd[NOTIFY_BATCH_MAX];
    uint32_t               i, n, at, keys[NOTIFY_BATCH_MAX];
    uint32_t               ids[NOTIFY_BATCH_MAX], sum;
    notify_batch_reader_t  reader;

    n = notify_batch_open(&view[v].z, item->message, &reader);
    notify_batch_keys(&view[v].z, item->message, keys, ids);
    sum = 0;

    if (notify_batch_receive(&view[v].z, view[v].z.seat, item->id, fd, n)
        == -1)
    {
        failed("no descriptors");
        return;
    }

    for (i = 0; i < n; i++) {
        (void) close(fd[i]);

        notify_batch_read(&view[v].z, &reader, &at, sizeof(at));

        if (!sockets[at].moving || sockets[at].seat != view[v].z.seat) {
            failed("adopted what was not handed over");
        }

        sockets[at].moving = false;
        sum += ids[i] - sockets[at].member;
        sum += 1000003 * (keys[i] - sockets[at].block);
        nadopted++;
    }

    if (sum) {
        failed("a batch says other keys and members than were handed over");
    }
}


static void
take_items(unsigned v, notify_item_t *items, unsigned n)
{
    unsigned  i;
    uint32_t  done[16];

    for (i = 0; i < n; i++) {

        switch (items[i].kind) {
        case NOTIFY_REPLACE:
            replaced(v, &items[i]);
            break;
        case NOTIFY_BATCH:
            adopt(v, &items[i]);
            break;
        }

        done[i] = items[i].slot;
    }

    (void) notify_bus_take(&view[v].z, NULL, 0, done, n);
}


static void
take(unsigned v, unsigned max)
{
    unsigned        n;
    notify_item_t   items[16];

    n = notify_bus_take(&view[v].z, items, max, NULL, 0);
    take_items(v, items, n);
}


static void
hand_over(unsigned v)
{
    int             fd[HANDED];
    bool            sent;
    unsigned        n, i, heirs;
    uint32_t        at[HANDED], keys[HANDED], ids[HANDED];
    socket_t       *s;
    notify_item_t   items[16];
    notify_batch_t  batch;

    batch.to = notify_bus_successor(&view[v].z, NULL, &heirs);

    if (batch.to == NOTIFY_NONE) {
        return;
    }

    for (i = 0; i < HANDED; i++) {
        s = some_socket(v);

        if (s == NULL) {
            break;
        }

        s->moving = true;
        at[i] = (uint32_t) (s - sockets);
        keys[i] = s->block;
        ids[i] = s->member;
        fd[i] = view[v].z.fd;
    }

    if (i == 0) {
        return;
    }

    batch.n = i;
    batch.keys = keys;
    batch.members = ids;
    batch.descriptors = fd;
    batch.records = (const uint8_t *) at;
    batch.length = i * sizeof(uint32_t);

    n = notify_bus_take_or_send(&view[v].z, items, 16, NULL, 0, &batch, NOW,
                                &sent);

    while (i--) {
        sockets[at[i]].moving = sent;
        sockets[at[i]].seat = sent ? batch.to : view[v].z.seat;
        nhanded += sent;
    }

    take_items(v, items, n);
}


/* its worker dies; sometimes nobody looks till a limit is reached */

static void
die(unsigned v)
{
    uint32_t  seat;
    unsigned  i;

    if (some_dead()) {
        (void) notify_seat_sweep(&view[(v + 1) % VIEWS].z);
        reaped();
    }

    seat = view[v].z.seat;
    notify_seat_leave(&view[v].z);
    view[v].seated = false;

    for (i = 0; i < SOCKETS; i++) {
        if (sockets[i].open && sockets[i].seat == seat && !sockets[i].moving) {
            sockets[i].dead = true;
            nreaped++;
        }
    }

    if (pick(2)) {
        (void) notify_seat_sweep(&view[(v + 1) % VIEWS].z);
        reaped();
    }
}


static void
start(unsigned v)
{
    unsigned  i;

    if (notify_seat_take(&view[v].z, ++generation) == -1) {
        failed("no seat");
        return;
    }

    reaped();
    view[v].seated = true;
    view[v].z.seats[view[v].z.seat].capacity = 100000;

    for (i = 0; i < SOCKETS; i++) {
        ninherited += sockets[i].open && sockets[i].moving
                      && sockets[i].seat == view[v].z.seat;
    }
}


static void
rebuild(unsigned v)
{
    notify_lock(&view[v].z);
    notify_rebuild_locked(&view[v].z);
    notify_unlock(&view[v].z);

    /* the entries of those who have left their seats are dropped by it */

    nrebuilt++;
}


static void
push(unsigned v, unsigned k)
{
    struct iovec      iov;
    notify_publish_t  p;
    notify_receipt_t  receipt;

    iov.iov_base = "x";
    iov.iov_len = 1;

    memset(&p, 0, sizeof(p));
    p.kind = NOTIFY_TEXT;
    p.length = 1;
    p.iov = &iov;
    p.niov = 1;
    p.now = NOW;

    if (notify_bus_publish(&view[v].z, &name[k], &p, &receipt) != 0) {
        nfull++;
    }
}


static void
compare(void)
{
    unsigned     k, i, n;
    uint32_t     key;
    uint64_t     words[NOTIFY_MEMBERS_MAX];
    socket_t    *list[SOCKETS];
    const char  *error;

    for (k = 0; k < KEYS; k++) {
        key = notify_key_find_locked(&view[0].z, &name[k],
                                     notify_key_hash(&view[0].z, &name[k]));
        n = members(k, list);

        if (key == 0) {
            if (n) {
                failed("key %u is gone, with %u members", k, n);
            }
            continue;
        }

        if (check_members_of(&view[0].z, key, words) != n) {
            failed("key %u: not %u members", k, n);
            return;
        }

        for (i = 0; i < n; i++) {
            if (notify_member_seat(words[i]) != list[i]->seat
                || notify_member_id(words[i]) != list[i]->member)
            {
                failed("key %u: member %u of %u is another", k, i, n);
                return;
            }
        }
    }

    error = check_zone(&view[0].z);

    if (error) {
        failed("%s", error);
    }
}


static void
step(void)
{
    unsigned   v;
    socket_t  *s;

    v = pick(VIEWS);

    if (!view[v].seated) {
        start(v);
        return;
    }

    switch (pick(20)) {
    case 0:
        if (pick(6) == 0) {
            die(v);
        }
        break;
    case 1:
        if (!some_dead()) {
            rebuild(v);
        }
        break;
    case 2:
        push(v, pick(KEYS));
        break;
    case 3:
        join_without(v, pick(KEYS));
        break;
    case 4:
    case 5:
    case 6:
        hand_over(v);
        break;
    case 7:
    case 8:
        s = some_socket(v);

        if (s) {
            leave(v, s);
        }
        break;
    case 9:
    case 10:
    case 11:
        take(v, 1 + pick(16));
        break;
    default:
        join(v, pick(KEYS));
    }

    compare();
}


static void
end(void)
{
    unsigned   v;
    socket_t  *s;

    for (v = 0; v < VIEWS; v++) {
        if (!view[v].seated) {
            start(v);
        }
    }

    for (v = 0; v < VIEWS; v++) {

        while (view[v].z.seats[view[v].z.seat].first) {
            take(v, 16);
        }

        while ((s = some_socket(v)) != NULL) {
            leave(v, s);
        }
    }

    is_str(check_empty(&view[0].z), NULL, "at the end the zone is empty");
}


/* --- one after the other */

static uint32_t
one(unsigned v, uint32_t max, bool refuse, notify_limit_t *limit)
{
    uint64_t  since;

    memset(limit, 0, sizeof(notify_limit_t));
    limit->max = max;
    limit->refuse = refuse;
    limit->code = 4409;
    limit->now = NOW;

    return notify_bus_join(&view[v].z, &name[0], limit, &since);
}


/* four billion members later */

static void
ids_come_again(void)
{
    uint32_t        key, first;
    notify_limit_t  limit;

    view[0].z.head->serial = 0x1fffffffdull;

    key = one(0, 9, true, &limit);
    is(limit.member, 0xfffffffe, "an id is the lower half of the serial");
    first = limit.member;

    (void) one(0, 9, true, &limit);
    is(limit.member, 0xffffffff, "and the next one follows");
    notify_bus_leave_member(&view[0].z, key, limit.member);

    (void) one(0, 9, true, &limit);
    is(limit.member, 1, "but 0, which is none");
    notify_bus_leave_member(&view[0].z, key, limit.member);

    view[0].z.head->serial = 0x2fffffffdull;
    (void) one(0, 9, true, &limit);
    is(limit.member, 0xffffffff, "and those that are still there");

    notify_bus_leave_member(&view[0].z, key, limit.member);
    notify_bus_leave_member(&view[0].z, key, first);

    is_str(check_empty(&view[0].z), NULL, "all of which can leave");
}


/* the first has its word in the key */

static void
the_first_is_free(void)
{
    uint32_t        key, used, plain;
    uint64_t        since;
    notify_limit_t  limit;

    used = view[0].z.head->used_blocks;
    key = notify_bus_join(&view[0].z, &name[0], NULL, &since);
    plain = view[0].z.head->used_blocks - used;
    used += plain;

    (void) one(0, 9, true, &limit);
    is(view[0].z.head->used_blocks, used, "the first member takes no block");

    notify_bus_leave(&view[0].z, key);
    notify_bus_leave_member(&view[0].z, key, limit.member);
    is_str(check_empty(&view[0].z), NULL, "and leaves none");

    used = view[0].z.head->used_blocks;
    key = one(0, 9, true, &limit);
    is(view[0].z.head->used_blocks - used, plain,
       "nor does that of a user who has no key yet");

    notify_bus_leave_member(&view[0].z, key, limit.member);
    is_str(check_empty(&view[0].z), NULL, "and leaves none");
}


static void
as_many_as_can_be(void)
{
    uint32_t        i, key, used;
    unsigned        n;
    static uint32_t member[NOTIFY_MEMBERS_MAX];
    notify_limit_t  limit;

    for (i = 0, n = 0, key = 0; i < NOTIFY_MEMBERS_MAX; i++) {
        key = one(i % 3, NOTIFY_MEMBERS_MAX, true, &limit);
        n += key != 0;
        member[i] = limit.member;
    }

    is(n, NOTIFY_MEMBERS_MAX, "1,024 sockets can be members");
    is(one(0, NOTIFY_MEMBERS_MAX, true, &limit), 0, "and no more");
    is(limit.why, NOTIFY_LIMIT_REFUSED, "for this reason");

    rebuild(0);
    is_str(check_zone(&view[0].z), NULL, "a rebuild keeps them");

    used = view[0].z.head->used_blocks;

    for (i = 0; i < NOTIFY_MEMBERS_MAX - 1; i++) {
        notify_bus_leave_member(&view[i % 3].z, key, member[i]);
    }

    ok(view[0].z.head->used_blocks < used - 60,
       "those who leave give their blocks back");

    notify_bus_leave_member(&view[i % 3].z, key, member[i]);
    is_str(check_empty(&view[0].z), NULL, "and the last ones all");
}


/* the dead are not counted, also before anybody has looked for them */

static void
the_dead(void)
{
    uint32_t        key;
    notify_limit_t  limit;

    (void) one(1, 2, true, &limit);
    (void) one(1, 2, true, &limit);
    is(one(0, 2, true, &limit), 0, "a third of two sockets is refused");

    notify_seat_leave(&view[1].z);
    view[1].seated = false;

    key = one(0, 2, true, &limit);
    ok(key != 0, "but not when the worker of the two has died");
    is(view[0].z.seats[view[0].z.seat].sockets, 1, "it is alone");

    notify_bus_leave_member(&view[0].z, key, limit.member);
    is_str(check_empty(&view[0].z), NULL, "and leaves nothing");
}


/* a full zone lets nobody in, and closes nobody for it */

static void
full(void)
{
    char            *before, *after;
    uint32_t         key;
    uint64_t         since;
    unsigned         i;
    notify_limit_t   limit, first;

    key = one(2, 1, false, &first);
    (void) notify_bus_join(&view[3].z, &name[1], NULL, &since);

    do {
        i = nfull;
        push(0, 1);
    } while (i == nfull);

    before = check_dump(&view[0].z);
    is(one(0, 1, false, &limit), 0, "a full zone lets nobody in");
    after = check_dump(&view[0].z);

    is(limit.why, NOTIFY_LIMIT_FULL, "because it is full");
    is_str(after, before, "and closes nobody for it");

    free(before);
    free(after);

    notify_bus_leave_member(&view[2].z, key, first.member);
    notify_bus_leave(&view[3].z,
                     notify_key_find_locked(&view[0].z, &name[1],
                                  notify_key_hash(&view[0].z, &name[1])));

    while (view[3].z.seats[view[3].z.seat].first) {
        take(3, 16);
    }

    is_str(check_empty(&view[0].z), NULL, "and can be emptied");
}


int
main(void)
{
    unsigned       i, steps;
    const char    *what;
    notify_zone_t  z;

    static uint8_t  text[KEYS][8];

    cast_lots();
    steps = getenv("TEST_STEPS") ? (unsigned) atoi(getenv("TEST_STEPS"))
                                 : STEPS;
    diag("TEST_STEPS=%u", steps);

    if (notify_zone_create(&z, NOTIFY_ZONE_MIN, SEATS, &what) == -1) {
        diag("%s: %s", what, strerror(errno));
        return 1;
    }

    for (i = 0; i < KEYS; i++) {
        memset(text[i], 'a' + (int) i, 8);
        name[i].user = text[i];
        name[i].user_length = 8;
    }

    for (i = 0; i < VIEWS; i++) {
        view[i].z = z;
        start(i);
    }

    ids_come_again();
    the_first_is_free();
    as_many_as_can_be();
    full();
    the_dead();

    for (i = 0; i < steps && failures == 0; i++) {
        step();
    }

    is(failures, 0, "all of %u steps agree with the model", i);
    ok(nrefused > steps / 100, "%u joins were refused", nrefused);
    ok(nreplaced > steps / 50, "%u members were replaced", nreplaced);
    ok(nclosed > nreplaced / 4, "%u of them had to close", nclosed);
    ok(nlowered > steps / 1000, "%u times more than one", nlowered);
    ok(nhanded > steps / 50, "%u sockets were handed over", nhanded);
    ok(nadopted > nhanded / 2, "%u were adopted", nadopted);
    ok(ninherited > steps / 2000, "%u of them by an heir", ninherited);
    ok(nreaped > steps / 500, "%u died with their worker", nreaped);
    ok(nrebuilt > steps / 100, "%u rebuilds", nrebuilt);

    end();

    notify_zone_destroy(&z);

    return test_done();
}
