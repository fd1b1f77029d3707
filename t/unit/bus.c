/*
 * The bus against a model: random calls of 45 seats, with a zone that is
 * often full, and after each call everything that must hold in a zone.
 *
 * A view is what a worker process has; here one process has them all.
 */

#include "model.h"

#include <errno.h>
#include <unistd.h>

#include "notify_bus.h"
#include "notify_lock.h"
#include "notify_seat.h"


#define VIEWS      45
#define SEATS      48
#define KEYS       12
#define STEPS      8000
#define QUEUE      4096
#define BODY_MAX   (300 * 1024)
#define NOW        1732435200000ull


typedef struct {
    uint64_t         id;
    unsigned         key;
    unsigned         kind;
    uint16_t         code;
    size_t           length;
    uint64_t         seed;                   /* of its bytes */
} message_t;

typedef struct {
    notify_zone_t    z;
    bool             seated;
    bool             awake;                  /* has to take */
    unsigned         sockets[KEYS];
    message_t        queue[QUEUE];
    unsigned         first;
    unsigned         n;
    notify_item_t    taken[QUEUE];
    message_t        taken_as[QUEUE];
    unsigned         ntaken;
} view_t;


static view_t            view[VIEWS];
static notify_name_of_t  name[KEYS];
static uint32_t          block[KEYS];
static uint8_t           body[BODY_MAX], got[BODY_MAX + 16];
static uint64_t          last_id;
static unsigned          nfull, npublished, ntaken, nreaped, nrebuilt;
static bool              all_woken;          /* by a rebuild */


static void
names(void)
{
    static char  text[KEYS][2][256];
    unsigned     i;
    size_t       realm[KEYS] = { 0, 0, 0, 1, 2, 255, 255, 0, 70, 0, 0, 0 };
    size_t       user[KEYS] = { 1, 2, 76, 2, 1, 255, 1, 255, 10, 77, 200, 201 };

    for (i = 0; i < KEYS; i++) {
        memset(text[i][0], 'r', 255);
        memset(text[i][1], 'u', 255);

        name[i].realm = (uint8_t *) text[i][0];
        name[i].realm_length = realm[i];
        name[i].user = (uint8_t *) text[i][1];
        name[i].user_length = user[i];
    }

    /* the same bytes, cut elsewhere */

    memcpy(text[3][0], "a", 1);
    memcpy(text[3][1], "bc", 2);
    memcpy(text[4][0], "ab", 2);
    memcpy(text[4][1], "c", 1);
}


static unsigned
sockets_of(unsigned key)
{
    unsigned  i, n;

    for (i = 0, n = 0; i < VIEWS; i++) {
        n += view[i].sockets[key];
    }

    return n;
}


static unsigned
targets_of(unsigned key)
{
    unsigned  i, n;

    for (i = 0, n = 0; i < VIEWS; i++) {
        n += view[i].sockets[key] != 0;
    }

    return n;
}


static uint32_t
room(void)
{
    return check_room(&view[0].z);
}


/* a call that was refused must have had a reason, and have left no trace */

static void
refused(const char *what, const char *before, uint32_t left, uint32_t needed)
{
    char  *after;

    nfull++;
    after = check_dump(&view[0].z);

    if (strcmp(before, after) != 0) {
        failed("%s was refused, but not without a trace", what);
    }

    if (left >= needed) {
        failed("%s was refused with room for %u records", what, left);
    }

    free(after);
}


static void
join(unsigned v, unsigned k)
{
    char      *before;
    uint32_t   key, left, length, needed;
    uint64_t   since;

    if (!view[v].seated) {
        return;
    }

    length = (uint32_t) (name[k].realm_length + name[k].user_length);
    needed = length <= NOTIFY_KEY_NAME ? 1
             : 1 + (length - NOTIFY_KEY_NAME + NOTIFY_NAME - 1) / NOTIFY_NAME;
    before = check_dump(&view[0].z);
    left = room();

    key = notify_bus_join(&view[v].z, &name[k], NULL, &since);

    if (since != last_id) {
        failed("join: since is not the last id");
    }

    if (key == 0) {
        refused("a join", before, left, needed);

    } else {
        if (block[k] && sockets_of(k) && key != block[k]) {
            failed("join: the key has moved");
        }

        block[k] = key;
        view[v].sockets[k]++;
    }

    free(before);
}


static void
leave(unsigned v, unsigned k)
{
    if (view[v].sockets[k]) {
        view[v].sockets[k]--;
        notify_bus_leave(&view[v].z, block[k]);
    }
}


static size_t
length_of(void)
{
    switch (pick(8)) {
    case 0:
        return 0;
    case 1:
    case 2:
    case 3:
        return pick(100);
    case 4:
        return pick(1000);
    case 5:
        return 4000 + pick(200);             /* about what makes a draft */
    case 6:
        return pick(40000);
    default:
        return pick(BODY_MAX);
    }
}


static void
queue(unsigned v, const message_t *m)
{
    view_t  *w;

    w = &view[v];

    if (w->n == QUEUE) {
        failed("the model's queue is full");
        return;
    }

    w->queue[(w->first + w->n++) % QUEUE] = *m;
}


static void
publish(unsigned v, unsigned k)
{
    int               rc;
    char             *before;
    size_t            cut;
    uint32_t          left, needed;
    unsigned          i;
    message_t         m;
    struct iovec      iov[3];
    notify_publish_t  p;
    notify_receipt_t  receipt;

    if (!view[v].seated) {
        return;
    }

    memset(&m, 0, sizeof(m));
    memset(&p, 0, sizeof(p));

    m.key = k;
    m.kind = NOTIFY_TEXT + pick(3);
    m.code = m.kind == NOTIFY_CLOSE ? (uint16_t) (4000 + pick(1000)) : 0;
    m.length = m.kind == NOTIFY_CLOSE ? 0 : length_of();
    m.seed = check_random(&state);

    fill(body, m.length, m.seed);
    cut = m.length ? pick((unsigned) m.length + 1) : 0;

    iov[0].iov_base = body;
    iov[0].iov_len = cut;
    iov[1].iov_base = NULL;
    iov[1].iov_len = 0;
    iov[2].iov_base = body + cut;
    iov[2].iov_len = m.length - cut;

    p.kind = m.kind;
    p.code = m.code;
    p.length = m.length;
    p.iov = iov;
    p.niov = 3;
    p.now = NOW - pick(3);                   /* a clock that is stepped back */

    /* in the worst case each extent of a body is no longer than a record */

    needed = 1 + (uint32_t) (m.length + 10 + 119) / 120
             + (targets_of(k) > 2 ? (targets_of(k) - 2 + 14) / 15 : 0);
    before = check_dump(&view[0].z);
    left = room();

    rc = notify_bus_publish(&view[v].z, &name[k], &p, &receipt);

    if (rc == -1) {
        last_id = notify_bus_last_id(&view[v].z);
        refused("a push", before, left, needed);
        free(before);
        return;
    }

    free(before);
    npublished++;

    if (receipt.id <= last_id || receipt.sockets != sockets_of(k)) {
        failed("publish: a receipt of id %llx, %u sockets",
               (unsigned long long) receipt.id, receipt.sockets);
    }

    last_id = m.id = receipt.id;

    for (i = 0; i < VIEWS; i++) {
        if (view[i].sockets[k]) {
            queue(i, &m);
        }
    }
}


/* an item's frame is the header of RFC 6455, 5.2, and the message's bytes */

static void
compare(view_t *w, const notify_item_t *item, const message_t *m)
{
    size_t            n, length, head;
    const uint8_t    *p;
    notify_cursor_t   cursor;

    if (item->id != m->id || item->kind != m->kind
        || item->key != block[m->key]
        || (m->kind == NOTIFY_CLOSE && item->code != m->code))
    {
        failed("take: id %llx, expected %llx", (unsigned long long) item->id,
               (unsigned long long) m->id);
        return;
    }

    memset(&cursor, 0, sizeof(cursor));
    length = 0;

    while ((p = notify_bus_piece(&w->z, item->message, &cursor, &n)) != NULL) {
        memcpy(got + length, p, n);
        length += n;
    }

    head = m->kind == NOTIFY_CLOSE ? 0
           : m->length < 126 ? 2 : m->length < 65536 ? 4 : 10;

    if (length != item->length || length != head + m->length) {
        failed("take: %zu bytes of %zu", length, m->length);
        return;
    }

    if (head && got[0] != (m->kind == NOTIFY_TEXT ? 0x81 : 0x82)) {
        failed("take: opcode %02x", got[0]);
    }

    fill(body, m->length, m->seed);

    if (memcmp(got + head, body, m->length) != 0) {
        failed("take: other bytes");
    }
}


/* gives some of the items back that were taken, and looks at them before */

static unsigned
done(view_t *w, uint32_t *slots, unsigned max)
{
    unsigned  n, i;

    for (n = 0; n < max && w->ntaken; n++) {
        i = pick(w->ntaken);
        compare(w, &w->taken[i], &w->taken_as[i]);
        slots[n] = w->taken[i].slot;

        w->ntaken--;
        w->taken[i] = w->taken[w->ntaken];
        w->taken_as[i] = w->taken_as[w->ntaken];
    }

    return n;
}


static void
take(unsigned v, unsigned max, unsigned back)
{
    view_t         *w;
    unsigned        i, n;
    uint32_t        slots[64];
    notify_item_t   items[64];

    w = &view[v];

    if (!w->seated || w->ntaken + max > QUEUE) {
        return;
    }

    n = done(w, slots, back);
    n = notify_bus_take(&w->z, items, max, slots, n);

    if (n != (w->n < max ? w->n : max)) {
        failed("take: %u of %u, max %u", n, w->n, max);
    }

    for (i = 0; i < n && w->n; i++) {
        compare(w, &items[i], &w->queue[w->first]);
        w->taken[w->ntaken] = items[i];
        w->taken_as[w->ntaken++] = w->queue[w->first];
        w->first = (w->first + 1) % QUEUE;
        w->n--;
        ntaken++;
    }

    w->awake = n != 0;
}


static void
rebuild(void)
{
    char  *before, *after;

    nrebuilt++;
    all_woken = true;
    before = check_dump(&view[0].z);

    notify_lock(&view[0].z);
    notify_rebuild_locked(&view[0].z);
    notify_unlock(&view[0].z);

    after = check_dump(&view[0].z);

    if (strcmp(before, after) != 0) {
        failed("a rebuild changes the zone");
        printf("# before:\n%s# after:\n%s", before, after);
    }

    free(before);
    free(after);
}


/* without leaving and giving back: the seat is reaped as a dead worker's */

static void
go(unsigned v)
{
    bool     held;
    view_t  *w;

    w = &view[v];

    held = w->z.seats[w->z.seat].sockets || w->ntaken;

    notify_seat_leave(&w->z);

    w->seated = false;
    w->awake = false;
    w->ntaken = 0;
    w->n = 0;
    memset(w->sockets, 0, sizeof(w->sockets));

    if (notify_seat_sweep(&view[(v + 1) % VIEWS].z) != held) {
        failed("sweep: %sreaped", held ? "not " : "");
    }

    nreaped += held;
    all_woken |= held;
}


/* who has messages must have been told, and nobody twice */

static void
look(void)
{
    view_t    *w;
    unsigned   i;
    uint64_t   count;

    for (i = 0; i < VIEWS; i++) {
        w = &view[i];

        if (!w->seated) {
            continue;
        }

        /* a rebuild wakes all, and then knows of those with messages only */

        w->awake &= !all_woken || w->n != 0;

        if (w->z.wake_self) {
            w->z.wake_self = false;
            w->awake |= w->n != 0;
        }

        if (read(w->z.seats[w->z.seat].event, &count, sizeof(count))
            == sizeof(count))
        {
            if (!all_woken && (count != 1 || w->awake)) {
                failed("seat %u was woken %u times", w->z.seat,
                       (unsigned) count);
            }

            w->awake |= w->n != 0;
        }

        if (w->n && !w->awake) {
            failed("seat %u sleeps with %u messages", w->z.seat, w->n);
        }
    }
}


static void
step(void)
{
    unsigned     v, k;
    uint64_t     count;
    const char  *error;

    v = pick(VIEWS);
    k = pick(KEYS);
    all_woken = false;

    if (!view[v].seated) {
        if (notify_seat_take(&view[v].z, 1) == -1) {
            failed("no seat");
            return;
        }

        /* what woke its last owner is of no concern */

        (void) !read(view[v].z.seats[view[v].z.seat].event, &count,
                     sizeof(count));
        view[v].z.wake_self = false;
        view[v].seated = true;
    }

    switch (pick(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        join(v, k);
        break;
    case 4:
    case 5:
    case 6:
        leave(v, k);
        break;
    case 7:
    case 8:
    case 9:
        publish(v, k);
        break;
    case 10:
        if (pick(8) == 0) {
            go(v);
        }
        break;
    case 11:
        rebuild();
        break;
    default:
        for (k = 0; k < 5; k++) {
            take((v + k) % VIEWS, 1 + pick(20), pick(60));
        }
    }

    look();

    for (k = 0; k < KEYS; k++) {
        if (notify_bus_online(&view[v].z, &name[k]) != sockets_of(k)) {
            failed("online: not %u sockets of key %u", sockets_of(k), k);
        }
    }

    error = check_zone(&view[0].z);

    if (error) {
        failed("%s", error);
    }
}


static void
end(void)
{
    unsigned  v, k;

    for (v = 0; v < VIEWS; v++) {
        for (k = 0; k < KEYS; k++) {
            while (view[v].sockets[k]) {
                leave(v, k);
            }
        }

        while (view[v].seated && (view[v].n || view[v].ntaken)) {
            take(v, 60, 60);
        }

        take(v, 1, 0);
    }

    is_str(check_empty(&view[0].z), NULL, "at the end the zone is empty");
}


int
main(void)
{
    unsigned       i, steps;
    const char    *what;
    notify_zone_t  z;

    cast_lots();
    steps = getenv("TEST_STEPS") ? (unsigned) atoi(getenv("TEST_STEPS"))
                                 : STEPS;
    diag("TEST_STEPS=%u", steps);

    if (notify_zone_create(&z, NOTIFY_ZONE_MIN, SEATS, &what) == -1) {
        diag("%s: %s", what, strerror(errno));
        return 1;
    }

    names();
    last_id = notify_bus_last_id(&z);

    for (i = 0; i < VIEWS; i++) {
        view[i].z = z;
    }

    for (i = 0; i < steps && failures == 0; i++) {
        step();
    }

    is(failures, 0, "all of %u steps agree with the model", i);
    ok(npublished > steps / 20, "%u pushes were published", npublished);
    ok(ntaken > npublished, "%u messages were taken", ntaken);
    ok(nfull > steps / 100, "%u calls were refused", nfull);
    ok(nreaped > steps / 500, "%u seats were reaped", nreaped);
    ok(nrebuilt > steps / 50, "%u rebuilds", nrebuilt);

    end();

    notify_zone_destroy(&z);

    return test_done();
}
