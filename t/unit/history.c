/*
 * The store against a model: random calls of several seats in a zone that is
 * often full, with messages that are kept or not, that come again, expire and
 * are evicted; with sockets that are live, resume, and go back to reading.
 * After each call, which messages are there must be what the rules say, each
 * key must know what it has lost, and each socket has had its messages.
 *
 * A view is what a worker process has; here one process has them all.
 */

#include "model.h"

#include <errno.h>

#include "notify_bus.h"
#include "notify_id.h"
#include "notify_lock.h"
#include "notify_seat.h"
#include "notify_store.h"


#define VIEWS      6
#define SEATS      8
#define KEYS       16
#define SOCKETS    24                        /* of a view */
#define HELD       48                        /* items of a view */
#define STEPS      6000
#define MESSAGES   (1u << 15)
#define BODY_MAX   (60 * 1024)
#define NOW        1732435200000ull


typedef struct {
    uint64_t         id;
    unsigned         key;
    unsigned         kind;
    size_t           length;
    uint64_t         seed;                   /* of its bytes */
    uint64_t         once;
    uint64_t         expires;                /* s since the epoch */
    uint32_t         sockets;
    bool             here;                   /* is stored */
    bool             gone;                   /* while settle() looks */
} message_t;

typedef struct {
    bool             open;
    bool             reading;
    unsigned         key;
    uint32_t         block;
    unsigned         at;                     /* what it has is before this */
    uint64_t         since;
    uint64_t         joined;
} socket_t;

typedef struct {
    notify_zone_t    z;
    bool             seated;
    socket_t         sockets[SOCKETS];
    notify_item_t    held[HELD];
    unsigned         nheld;
} view_t;


static view_t            view[VIEWS];
static char              text[KEYS][8];
static notify_name_of_t  name[KEYS];
static uint32_t          hash[KEYS];
static uint64_t          lost[KEYS];         /* 0: nothing */
static message_t         message[MESSAGES];
static unsigned          nmessages, first;   /* the first that may be here */
static uint8_t           body[BODY_MAX], got[BODY_MAX + 16];
static uint64_t          now, birth, last_id;
static unsigned          nrepeated, nother, nfull, nevicted, nexpired, nbound;
static unsigned          ngaps, nresumed, nread, nlate, nclosed, nslow;


/* names that share no place in the table of what is lost */

static void
names(const notify_zone_t *z)
{
    unsigned  i, k, n;

    for (k = 0, n = 0; k < KEYS; n++) {
        snprintf(text[k], sizeof(text[k]), "%u", n);

        memset(&name[k], 0, sizeof(notify_name_of_t));
        name[k].user = (uint8_t *) text[k];
        name[k].user_length = strlen(text[k]);

        hash[k] = notify_key_hash(z, &name[k]);

        for (i = 0; i < k; i++) {
            if (hash[i] % NOTIFY_LOST == hash[k] % NOTIFY_LOST) {
                break;
            }
        }

        k += i == k;
    }
}


static uint32_t
room(void)
{
    return check_room(&view[0].z);
}


/* the message with that id, or one that has none */

static message_t *
find(uint64_t id)
{
    unsigned  i;

    for (i = nmessages; i > 0; i--) {
        if (message[i - 1].id == id) {
            return &message[i - 1];
        }
    }

    failed("there is no message %llx", (unsigned long long) id);

    return &message[MESSAGES - 1];
}


/* --- which messages are there */

/* marks those of the model that are here and not in the zone's store */

static void
compare_store(void)
{
    uint32_t           b;
    unsigned           i;
    notify_message_t  *m;

    b = view[0].z.head->oldest;

    for (i = first; i < nmessages; i++) {

        if (!message[i].here) {
            continue;
        }

        m = b ? notify_block(&view[0].z, b) : NULL;
        message[i].gone = (m == NULL || m->id != message[i].id);

        if (!message[i].gone) {
            b = m->newer;
        }
    }

    if (b) {
        failed("the store has a message that it should not have");
    }
}


/*
 * What has gone was the oldest of all, or of the key that was pushed to with
 * this count: because its time was over, or there was no room (may), or the
 * key had too many.
 */

static void
settle(const char *what, unsigned key, unsigned count, bool may)
{
    bool        oldest;
    unsigned    i, left, expired, before;
    message_t  *m;

    compare_store();

    for (i = first, left = 0; i < nmessages; i++) {
        left += message[i].here && !message[i].gone && message[i].key == key;
    }

    if (count && left > count) {
        failed("%s: %u messages of a user, at most %u", what, left, count);
    }

    oldest = true;
    before = 0;
    expired = 0;

    for (i = first; i < nmessages; i++) {
        m = &message[i];

        if (!m->here) {
            continue;
        }

        if (!m->gone) {
            oldest = false;
            before += m->key == key;
            continue;
        }

        m->here = false;
        m->gone = false;
        lost[m->key] = m->id > lost[m->key] ? m->id : lost[m->key];

        if (oldest && m->expires <= now / 1000 && expired < 4) {
            expired++;
            nexpired++;
            continue;
        }

        if (count && m->key == key && left == count && before == 0) {
            nbound++;
            continue;
        }

        if (!may || !oldest) {
            failed("%s: message %llx is gone%s", what,
                   (unsigned long long) m->id,
                   oldest ? ", there was room" : ", older ones are not");
        }

        nevicted++;
    }

    while (first < nmessages && !message[first].here) {
        first++;
    }
}


/* what each key knows of what it has lost, also when it is not there */

static void
compare_lost(void)
{
    uint32_t       key;
    unsigned       k;
    uint64_t       id;
    notify_zone_t  *z;

    z = &view[0].z;

    for (k = 0; k < KEYS; k++) {
        key = notify_key_find_locked(z, &name[k], hash[k]);
        id = key ? ((notify_key_t *) notify_block(z, key))->lost
                 : z->head->lost[hash[k] % NOTIFY_LOST];

        if (id != lost[k]) {
            failed("key %u has lost %llx, not %llx", k,
                   (unsigned long long) lost[k], (unsigned long long) id);
        }
    }
}


/* --- sockets */

/* the next message that it is to have, or nmessages */

static unsigned
next_for(socket_t *s)
{
    while (s->at < nmessages
           && (message[s->at].key != s->key
               || message[s->at].kind == NOTIFY_CLOSE
               || message[s->at].id <= s->since))
    {
        s->at++;
    }

    return s->at;
}


static unsigned
sockets_of(unsigned k)
{
    unsigned  v, i, n;

    for (v = 0, n = 0; v < VIEWS; v++) {
        for (i = 0; i < SOCKETS; i++) {
            n += view[v].sockets[i].open && view[v].sockets[i].key == k;
        }
    }

    return n;
}


/* its frame is the header of RFC 6455, 5.2, and the message's bytes */

static void
compare(view_t *w, const notify_item_t *item)
{
    size_t            n, length, head;
    message_t        *m;
    const uint8_t    *p;
    notify_cursor_t   cursor;

    m = find(item->id);

    if (item->kind != m->kind) {
        failed("message %llx is of another kind",
               (unsigned long long) item->id);
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
        failed("%zu bytes of %zu", length, m->length);
        return;
    }

    fill(body, m->length, m->seed);

    if (memcmp(got + head, body, m->length) != 0) {
        failed("message %llx has other bytes", (unsigned long long) m->id);
    }
}


/* gives some of what is held back, and looks at it before */

static unsigned
give_back(view_t *w, uint32_t *slots, unsigned max)
{
    unsigned  n, i;

    for (n = 0; n < max && w->nheld; n++) {
        i = pick(w->nheld);
        compare(w, &w->held[i]);
        slots[n] = w->held[i].slot;
        w->held[i] = w->held[--w->nheld];
    }

    return n;
}


static void
close_socket(view_t *w, socket_t *s)
{
    notify_bus_leave(&w->z, s->block);
    s->open = false;
}


/* as a worker does it: what a socket has no room for it reads later */

static void
give(socket_t *s, const notify_item_t *item)
{
    if (s->reading || item->id <= s->since) {
        return;
    }

    if (item->stored && pick(4) == 0) {
        s->reading = true;
        nslow++;
        return;
    }

    if (next_for(s) == nmessages || message[s->at].id != item->id) {
        failed("a socket got %llx, not its next message",
               (unsigned long long) item->id);
    }

    s->since = item->id;
}


static void
take(view_t *w)
{
    unsigned        i, n;
    uint32_t        slots[HELD];
    socket_t       *s;
    notify_item_t   items[16], *item;

    n = give_back(w, slots, w->nheld > HELD - 16 ? 16 : pick(16));
    n = notify_bus_take(&w->z, items, 16, slots, n);

    for (item = items; item < items + n; item++) {
        compare(w, item);

        for (i = 0; i < SOCKETS; i++) {
            s = &w->sockets[i];

            if (!s->open || s->block != item->key) {
                continue;
            }

            if (item->kind != NOTIFY_CLOSE) {
                give(s, item);

            } else if (item->id > s->joined) {
                close_socket(w, s);
                nclosed++;
            }
        }

        w->held[w->nheld++] = *item;
    }
}


static void
read_on(view_t *w, socket_t *s)
{
    int             i, n;
    unsigned        max, back;
    uint32_t        slots[HELD], left;
    uint64_t        live;
    notify_item_t   items[16];

    max = 1 + pick(16);
    back = give_back(w, slots, w->nheld > HELD - 16 ? 16 : pick(16));
    left = room();

    n = notify_bus_read(&w->z, s->block, s->since, items, max, slots, back,
                        now, &live);

    settle("read", KEYS, 0, left < max);
    nread++;

    if (n == -1) {

        if (lost[s->key] <= s->since) {
            failed("a socket cannot read on, and has lost nothing");
        }

        close_socket(w, s);
        nlate++;
        return;
    }

    if (n == 0) {

        if (next_for(s) < nmessages) {
            failed("a socket is live without message %llx",
                   (unsigned long long) message[s->at].id);
        }

        if (live != last_id) {
            failed("read: live is not the last id");
        }

        s->reading = false;
        s->since = live;
        return;
    }

    for (i = 0; i < n; i++) {

        if (next_for(s) == nmessages || message[s->at].id != items[i].id) {
            failed("a socket read %llx, not its next message",
                   (unsigned long long) items[i].id);
        }

        compare(w, &items[i]);
        s->since = items[i].id;
        w->held[w->nheld++] = items[i];
    }
}


/* where a socket may say that it has been */

static uint64_t
some_last(unsigned k)
{
    uint64_t  ms;

    switch (pick(10)) {
    case 0:
        return 0;
    case 1:
        return last_id;
    case 2:
        return last_id + 1 + pick(100);
    case 3:
        return lost[k];
    case 4:
        return lost[k] ? lost[k] - 1 : birth - 1;
    case 5:
        ms = now - 3000 + pick(9000);
        return (ms << NOTIFY_ID_SEQ_BITS) - 1;
    case 6:
        return birth;
    default:
        return nmessages ? message[nmessages - 1 - pick(nmessages > 60
                                                        ? 60 : nmessages)].id
                         : birth;
    }
}


static void
check_resume(unsigned k, const notify_resume_t *r)
{
    bool      gap;
    uint64_t  old, newest, since;

    old = lost[k] > birth ? lost[k] : birth;
    newest = last_id;

    if ((r->last & NOTIFY_ID_SEQ_MAX) == NOTIFY_ID_SEQ_MAX
        && (now + 5000) << NOTIFY_ID_SEQ_BITS > newest)
    {
        newest = (now + 5000) << NOTIFY_ID_SEQ_BITS;
    }

    gap = r->last < old || r->last > newest;
    since = r->last < old ? old : r->last > last_id ? last_id : r->last;

    if (r->gap != gap || r->since != since || r->joined != last_id) {
        failed("resume after %llx: gap %u, since %llx, not %u, %llx",
               (unsigned long long) r->last, r->gap,
               (unsigned long long) r->since, gap, (unsigned long long) since);
    }

    ngaps += gap;
    nresumed++;
}


static void
join(view_t *w, unsigned k, bool resume)
{
    uint32_t          key, left;
    unsigned          i;
    uint64_t          since;
    socket_t         *s;
    notify_resume_t   r;

    for (i = 0; i < SOCKETS && w->sockets[i].open; i++) { /* void */ }

    if (i == SOCKETS) {
        return;
    }

    left = room();

    memset(&r, 0, sizeof(r));
    r.last = resume ? some_last(k) : 0;
    r.now = now;

    key = resume ? notify_bus_resume(&w->z, &name[k], NULL, &r)
                 : notify_bus_join(&w->z, &name[k], NULL, &since);

    settle("join", KEYS, 0, left < 1);

    if (key == 0) {
        if (room() || w->z.head->stored) {
            failed("a join was refused with room for %u records", room());
        }

        nfull++;
        return;
    }

    if (resume) {
        check_resume(k, &r);
        since = r.since;

    } else if (since != last_id) {
        failed("join: since is not the last id");
    }

    s = &w->sockets[i];
    memset(s, 0, sizeof(socket_t));
    s->open = true;
    s->reading = resume;
    s->key = k;
    s->block = key;
    s->since = since;
    s->joined = last_id;
}


/* --- pushes */

static size_t
length_of(void)
{
    switch (pick(10)) {
    case 0:
        return 0;
    case 1:
        return 4000 + pick(200);             /* about what makes a draft */
    case 2:
        return pick(BODY_MAX);
    case 3:
        return pick(5) ? pick(9000) : 300 * 1024 + 1;       /* never fits */
    default:
        return pick(120);
    }
}


/* the message that is stored with that once, or NULL */

static message_t *
earlier(unsigned k, uint64_t once)
{
    unsigned  i;

    for (i = first; once && i < nmessages; i++) {
        if (message[i].here && message[i].key == k && message[i].once == once) {
            return &message[i];
        }
    }

    return NULL;
}


/* once was known: nothing is published */

static void
check_known(int rc, const message_t *m, const message_t *known,
    const notify_receipt_t *receipt)
{
    bool  same;

    same = m->length == known->length && m->seed == known->seed
           && m->kind == known->kind;

    if (!same) {
        nother++;

        if (rc != NOTIFY_OTHER) {
            failed("another body with a known key: %d", rc);
        }

        return;
    }

    nrepeated++;

    if (rc != 0 || !receipt->repeated || receipt->id != known->id
        || receipt->sockets != known->sockets)
    {
        failed("a push that came again: %d, %llx", rc,
               (unsigned long long) receipt->id);
    }
}


static void
check_full(const message_t *m, uint32_t needed)
{
    nfull++;
    last_id = notify_bus_last_id(&view[0].z);

    if (m->length > view[0].z.head->size) {
        return;
    }

    if (view[0].z.head->stored) {
        failed("a push was refused, and there is history");
    }

    if (room() >= needed) {
        failed("a push was refused with room for %u records, %u needed",
               room(), needed);
    }
}


static void
check_published(const message_t *m, const notify_receipt_t *receipt,
    unsigned count)
{
    message_t  *new;

    if (receipt->repeated || receipt->id <= last_id
        || receipt->sockets != sockets_of(m->key))
    {
        failed("a receipt of id %llx, %u sockets",
               (unsigned long long) receipt->id, receipt->sockets);
    }

    last_id = receipt->id;

    if (nmessages == MESSAGES - 1) {
        failed("the model is full");
        return;
    }

    new = &message[nmessages++];
    *new = *m;
    new->id = receipt->id;
    new->sockets = receipt->sockets;
    new->here = count != 0;

    if (count == 0 && m->kind != NOTIFY_CLOSE) {
        lost[m->key] = m->id > lost[m->key] ? m->id : new->id;
    }
}


static void
publish(view_t *w, unsigned k)
{
    int               rc;
    bool              may;
    size_t            cut;
    uint32_t          needed;
    message_t         m, *known;
    struct iovec      iov[2];
    notify_publish_t  p;
    notify_receipt_t  receipt;

    static const unsigned  counts[] = { 0, 1, 3, 8, 64 };

    memset(&m, 0, sizeof(m));
    memset(&p, 0, sizeof(p));
    memset(&receipt, 0, sizeof(receipt));

    m.key = k;
    m.kind = pick(12) == 0 ? NOTIFY_CLOSE : pick(2) ? NOTIFY_TEXT
                                                    : NOTIFY_BINARY;
    m.length = m.kind == NOTIFY_CLOSE ? 0 : length_of();
    m.seed = check_random(&state);

    p.count = m.kind == NOTIFY_CLOSE ? 0 : counts[pick(5)];
    p.ttl = 1 + pick(20);
    m.expires = now / 1000 + p.ttl;
    m.once = p.count && pick(2) ? 1 + pick(4) : 0;

    known = earlier(k, m.once);

    if (known && pick(3)) {
        m.kind = known->kind;
        m.length = known->length;
        m.seed = pick(2) ? known->seed : m.seed;
    }

    m.seed = m.length ? m.seed : 0;

    if (m.length <= BODY_MAX) {
        fill(body, m.length, m.seed);
    }

    /* a part of the body that does not exist is not read when it cannot fit */

    cut = m.length ? pick((unsigned) (m.length < BODY_MAX ? m.length
                                                          : BODY_MAX)) : 0;
    iov[0].iov_base = body;
    iov[0].iov_len = cut;
    iov[1].iov_base = body + cut;
    iov[1].iov_len = m.length - cut;

    p.kind = m.kind;
    p.once = m.once;
    p.length = m.length;
    p.iov = iov;
    p.niov = 2;
    p.now = now;

    /* a key, and a record for each extent of a body, twice 15 targets */

    needed = 2 + (uint32_t) (m.length + 10 + 119) / 120 + 2;
    may = room() < needed && m.length <= w->z.head->size;

    rc = notify_bus_publish(&w->z, &name[k], &p, &receipt);

    if (rc == 0 && !receipt.repeated) {
        check_published(&m, &receipt, p.count);
        settle("push", k, p.count, may);

        if (p.count && !message[nmessages - 1].here) {
            failed("what was stored is gone at once");
        }

    } else {
        settle("push", KEYS, 0, may);
    }

    if (known && known->here) {
        check_known(rc, &m, known, &receipt);

    } else if (rc == NOTIFY_OTHER || (rc == 0 && receipt.repeated)) {
        failed("a push was taken for one that is not there");
    }

    if (rc == NOTIFY_FULL) {
        check_full(&m, needed);
    }
}


/* --- steps */

static void
rebuild(view_t *w)
{
    char      *before, *after;
    uint64_t   table[NOTIFY_LOST];

    before = check_dump(&w->z);
    memcpy(table, w->z.head->lost, sizeof(table));

    notify_lock(&w->z);
    notify_rebuild_locked(&w->z);
    notify_unlock(&w->z);

    after = check_dump(&w->z);

    if (strcmp(before, after) != 0
        || memcmp(table, w->z.head->lost, sizeof(table)) != 0)
    {
        failed("a rebuild changes the zone");
    }

    free(before);
    free(after);
}


/* as a worker that dies: nothing is left or given back */

static void
go(unsigned v)
{
    view_t  *w;

    w = &view[v];

    notify_seat_leave(&w->z);
    (void) notify_seat_sweep(&view[(v + 1) % VIEWS].z);

    w->seated = false;
    w->nheld = 0;
    memset(w->sockets, 0, sizeof(w->sockets));
}


static void
use_socket(view_t *w)
{
    unsigned   i, n;
    socket_t  *s;

    n = pick(SOCKETS);

    for (i = 0; i < SOCKETS - 1 && !w->sockets[n].open; i++) {
        n = (n + 1) % SOCKETS;
    }

    s = &w->sockets[n];

    if (!s->open) {
        return;
    }

    if (s->reading) {
        read_on(w, s);

    } else if (pick(6) == 0) {
        close_socket(w, s);
    }
}


static void
step(void)
{
    unsigned     v, k;
    view_t      *w;
    const char  *error;

    v = pick(VIEWS);
    k = pick(3) ? pick(KEYS) : pick(3);
    w = &view[v];

    now += pick(50) ? pick(300) : 0;
    now -= pick(100) ? 0 : 1500;

    if (!w->seated) {
        w->seated = notify_seat_take(&w->z, 1) == 0;
    }

    switch (pick(16)) {
    case 0:
        join(w, k, false);
        break;
    case 1:
    case 2:
        join(w, k, true);
        break;
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
        publish(w, k);
        break;
    case 9:
        if (pick(8) == 0) {
            go(v);
        }
        break;
    case 10:
        rebuild(w);
        break;
    case 11:
    case 12:
        take(w);
        break;
    default:
        use_socket(w);
    }

    compare_lost();
    error = check_zone(&view[0].z);

    if (error) {
        failed("%s", error);
    }
}


/* all take and read what there is, and leave */

static void
end(void)
{
    bool       reads;
    unsigned   v, i, missing;
    socket_t  *s;

    missing = 0;

    for (v = 0; v < VIEWS; v++) {

        if (!view[v].seated) {
            continue;
        }

        do {
            take(&view[v]);
        } while (view[v].z.seats[view[v].z.seat].first);

        do {
            reads = false;

            for (i = 0; i < SOCKETS; i++) {
                s = &view[v].sockets[i];

                if (s->open && s->reading) {
                    read_on(&view[v], s);
                    reads = true;
                }
            }
        } while (reads);

        for (i = 0; i < SOCKETS; i++) {
            s = &view[v].sockets[i];

            if (s->open) {
                missing += next_for(s) < nmessages;
                close_socket(&view[v], s);
            }
        }

        while (view[v].nheld) {
            take(&view[v]);
            view[v].z.wake_self = false;
            go(v);
        }
    }

    is(missing, 0, "at the end no socket waits for a message");

    (void) notify_store_evict_locked(&view[0].z, MESSAGES, now);
    is_str(check_empty(&view[0].z), NULL,
           "without its history the zone is empty");
}


static void
against_the_model(notify_zone_t *z)
{
    unsigned  i, steps;

    cast_lots();
    steps = getenv("TEST_STEPS") ? (unsigned) atoi(getenv("TEST_STEPS"))
                                 : STEPS;
    diag("TEST_STEPS=%u", steps);

    names(z);

    now = NOW;
    birth = z->head->birth = z->head->last_id = NOW << NOTIFY_ID_SEQ_BITS;
    last_id = birth;

    for (i = 0; i < VIEWS; i++) {
        view[i].z = *z;
    }

    for (i = 0; i < steps && failures == 0 && nmessages < MESSAGES - 2; i++) {
        step();
    }

    is(failures, 0, "all of %u steps agree with the model", i);

    ok(nmessages > steps / 8, "%u pushes were published", nmessages);
    ok(nrepeated > steps / 200, "%u came again", nrepeated);
    ok(nother > steps / 400, "%u with another body", nother);
    ok(nevicted > steps / 50, "%u messages were evicted", nevicted);
    ok(nbound > steps / 50, "%u made place for newer ones", nbound);
    ok(nexpired > steps / 50, "%u have expired", nexpired);
    ok(nfull > steps / 1000, "%u calls were refused", nfull);
    ok(nresumed > steps / 20, "%u sockets resumed", nresumed);
    ok(ngaps > steps / 50 && ngaps < nresumed - steps / 50,
       "%u with a gap", ngaps);
    ok(nread > steps / 20, "%u times the store was read", nread);
    ok(nslow > steps / 200, "%u live sockets went back to it", nslow);
    ok(nlate > steps / 400, "%u came too late", nlate);
    ok(nclosed > steps / 200, "%u were closed", nclosed);

    if (failures == 0) {
        end();
    }
}


/* --- by hand */

static int
push(notify_zone_t *z, const char *user, unsigned count, size_t length,
    uint64_t *id)
{
    int                rc;
    struct iovec       iov;
    notify_name_of_t   n;
    notify_publish_t   p;
    notify_receipt_t   receipt;

    static uint8_t  zeroes[2 * 1024 * 1024];

    memset(&n, 0, sizeof(n));
    n.user = (const uint8_t *) user;
    n.user_length = strlen(user);

    iov.iov_base = zeroes;
    iov.iov_len = length;

    memset(&p, 0, sizeof(p));
    p.kind = NOTIFY_TEXT;
    p.count = count;
    p.ttl = 600;
    p.length = length;
    p.iov = &iov;
    p.niov = 1;
    p.now = now;

    rc = notify_bus_publish(z, &n, &p, &receipt);
    *id = receipt.id;

    return rc;
}


static uint32_t
resume(notify_zone_t *z, const char *user, uint64_t last, notify_resume_t *r)
{
    notify_name_of_t  n;

    memset(&n, 0, sizeof(n));
    n.user = (const uint8_t *) user;
    n.user_length = strlen(user);

    memset(r, 0, sizeof(notify_resume_t));
    r->last = last;
    r->now = now;

    return notify_bus_resume(z, &n, NULL, r);
}


/* the bytes that one more message takes */

static unsigned
cost(notify_zone_t *z, size_t length)
{
    int       rc;
    uint32_t  before;
    uint64_t  id;

    (void) notify_store_evict_locked(z, MESSAGES, now);

    rc = push(z, "42", 64, 1, &id);
    before = z->head->used_blocks;
    rc |= push(z, "42", 64, length, &id);

    if (rc) {
        return ~0u;
    }

    return (z->head->used_blocks - before) * NOTIFY_BLOCK;
}


static void
what_it_costs(void)
{
    size_t         length;
    unsigned       dear, bytes;
    const char    *what;
    notify_zone_t  z;

    if (notify_zone_create(&z, 16 * 1024 * 1024, SEATS, &what) == -1) {
        ok(false, "%s", what);
        return;
    }

    (void) notify_seat_take(&z, 1);

    for (length = 0, dear = 0; length <= 48; length++) {
        bytes = cost(&z, length);
        dear += bytes > 160;
    }

    is(dear, 0, "a message of up to 48 bytes takes %u bytes", bytes);

    for (length = 49, dear = 0; length < 1024 * 1024;
         length += length < 3000 ? 1 : length / 7)
    {
        bytes = cost(&z, length);

        dear += bytes > length + length / 10 + 160;
    }

    is(dear, 0, "a larger one its bytes, a tenth of them, and 160");
    is_str(check_zone(&z), NULL, "and the zone is whole");

    notify_seat_leave(&z);
    notify_zone_destroy(&z);
}


/* a user without sockets and history has no record, but it is remembered */

static void
what_is_lost(notify_zone_t *z)
{
    uint32_t         key;
    uint64_t         id, stored;
    notify_resume_t  r;

    is(push(z, "off", 0, 1, &id), 0, "a push that is not stored");
    is(z->head->keys, 0, "... of a user without a record");

    key = resume(z, "off", id - 1, &r);
    ok(key && r.gap, "who comes back from before it is told");
    is(r.since, id, "... and goes on behind it");
    notify_bus_leave(z, key);

    key = resume(z, "off", id, &r);
    ok(key && !r.gap, "who comes back with it misses nothing");
    notify_bus_leave(z, key);
    is(z->head->keys, 0, "and leaves no record");

    is(push(z, "on", 64, 1, &stored), 0, "a push that is stored");
    is(notify_store_evict_locked(z, 1, now), 1, "... is evicted");
    is(z->head->keys, 0, "and with it goes the record");

    key = resume(z, "on", stored - 1, &r);
    ok(key && r.gap, "who comes back from before it is told");
    notify_bus_leave(z, key);

    key = resume(z, "on", stored, &r);
    ok(key && !r.gap, "who comes back with it misses nothing");
    notify_bus_leave(z, key);

    is(push(z, "full", 0, 1024 * 1024, &id), 0,
       "a push to nobody needs no room");
    key = resume(z, "full", id, &r);
    is(push(z, "full", 0, 1024 * 1024, &stored), NOTIFY_FULL,
       "one to somebody does");
    notify_bus_leave(z, key);
    key = resume(z, "full", id, &r);
    ok(key && !r.gap, "what was refused is not lost");
    notify_bus_leave(z, key);

    is_str(check_empty(z), NULL, "the zone is empty");
}


/* a worker died between the two stores of an eviction */

static void
half_an_eviction(notify_zone_t *z)
{
    uint32_t          key, slot;
    uint64_t          id[3];
    notify_key_t     *k;
    notify_item_t     item;
    notify_resume_t   r;

    (void) push(z, "half", 64, 1, &id[0]);
    (void) push(z, "half", 64, 1, &id[1]);
    (void) push(z, "half", 64, 1, &id[2]);

    key = resume(z, "half", id[0], &r);
    ok(key && !r.gap, "three messages");

    k = notify_block(z, key);
    k->lost = id[0];

    notify_lock(z);
    notify_rebuild_locked(z);
    notify_unlock(z);

    is(k->stored, 2, "the oldest had been lost, and goes");

    /* not one that is older than what never was in the history */

    (void) push(z, "half", 0, 1, &id[2]);
    is(k->lost, id[2], "one that is not stored is lost");

    notify_lock(z);
    notify_rebuild_locked(z);
    notify_unlock(z);

    is(k->stored, 2, "the others stay, for their Idempotency-Keys");

    is(notify_bus_take(z, &item, 1, NULL, 0), 1, "the socket is there");
    slot = item.slot;
    is(notify_bus_take(z, &item, 1, &slot, 1), 0, "and has that one");

    notify_bus_leave(z, key);
    (void) notify_store_evict_locked(z, 8, now);
}


/* many sockets read one message: more than its own block has targets for */

static void
many_readers(notify_zone_t *z)
{
    int              n;
    unsigned         i, j;
    uint32_t         key, slot, left;
    uint64_t         id, live;
    notify_item_t    item[40];
    notify_resume_t  r;

    (void) push(z, "many", 64, 200, &id);
    key = resume(z, "many", id - 1, &r);
    left = z->head->used_blocks;
    n = 0;

    for (i = 0; i < 40; i++) {
        n += notify_bus_read(z, key, id - 1, &item[i], 1, NULL, 0, now, &live);
    }

    is(n, 40, "forty sockets hold a message at once");
    is(z->head->used_blocks - left, 3 * NOTIFY_RECORD, "in three more records");
    is_str(check_zone(z), NULL, "which are the message's");

    /* evicted, it stays for them */

    (void) notify_store_evict_locked(z, 1, now);
    is(z->head->messages, 1, "evicted, it is still there");

    for (i = 0, j = 0; i < 40; i++, j = (j + 17) % 40) {
        slot = item[j].slot;
        (void) notify_bus_take(z, NULL, 0, &slot, 1);
    }

    is(z->head->messages, 0, "until the last one has sent it");

    notify_bus_leave(z, key);
    is_str(check_empty(z), NULL, "and then the zone is empty");
}


static void
large_and_small(notify_zone_t *z)
{
    unsigned  i;
    char      user[16];
    uint64_t  id;
    uint32_t  stored;

    z->evicted = 0;

    for (i = 0; z->evicted == 0; i++) {
        snprintf(user, sizeof(user), "%u", i % 100);
        (void) push(z, user, 64, 20, &id);
    }

    ok(i > 1500, "%u messages fill the zone", i);

    stored = z->head->stored;
    is(push(z, "large", 64, 2 * 1024 * 1024, &id), NOTIFY_FULL,
       "what is larger than the zone is refused");
    is(z->head->stored, stored, "and costs nobody's history");

    is(push(z, "large", 64, 64 * 1024, &id), 0, "a large one fits");
    ok(stored - z->head->stored < 64 * 1024 / 128 + 3 * 64,
       "and evicts what it needs: %u", stored - z->head->stored);

    notify_zone_configure(z, NOTIFY_ZONE_MIN / 2);
    is(push(z, "small", 64, 100 * 1024, &id), 0,
       "a zone that was made smaller has room");
    ok(z->head->used_blocks <= NOTIFY_ZONE_MIN / 2 / NOTIFY_PAGE_SIZE
                               * NOTIFY_PAGE_USABLE,
       "when enough has gone: %u blocks are used", z->head->used_blocks);
    is_str(check_zone(z), NULL, "and is whole");
}


int
main(void)
{
    const char    *what;
    notify_zone_t  z;

    if (notify_zone_create(&z, NOTIFY_ZONE_MIN, SEATS, &what) == -1) {
        diag("%s: %s", what, strerror(errno));
        return 1;
    }

    now = NOW + 1000ull * 3600 * 24 * 365 * 10;

    (void) notify_seat_take(&z, 1);

    what_is_lost(&z);
    half_an_eviction(&z);
    many_readers(&z);
    large_and_small(&z);
    what_it_costs();

    notify_seat_leave(&z);
    notify_zone_destroy(&z);

    if (notify_zone_create(&z, NOTIFY_ZONE_MIN, SEATS, &what) == -1) {
        diag("%s: %s", what, strerror(errno));
        return 1;
    }

    against_the_model(&z);

    notify_zone_destroy(&z);

    return test_done();
}
