/*
 * The store against a model: what is published comes back to whoever resumes,
 * all of it and in order; or it is said that some is gone.
 */

#include "model.h"

#include <errno.h>

#include "notify_bus.h"
#include "notify_lock.h"
#include "notify_publish.h"
#include "notify_seat.h"
#include "notify_store.h"


#define KEYS   6
#define STEPS  20000
#define NOW    4000000000000ull              /* after the zone's birth */


typedef struct {
    uint64_t       id;
    uint32_t       length;
    bool           stored;
} published_t;


static notify_zone_t      z;
static notify_name_of_t   name[KEYS];
static char               text[KEYS][8];
static published_t        published[KEYS][STEPS];
static unsigned           npublished[KEYS];
static uint64_t           now, first;
static unsigned           nfull, ngaps, nwhole, nread;
static uint8_t            body[8192];


static int
push(unsigned k, uint32_t length, uint32_t count, uint32_t ttl, uint64_t once,
    notify_receipt_t *receipt)
{
    struct iovec      iov = { body, length };
    notify_publish_t  p;

    memset(&p, 0, sizeof(p));
    p.kind = NOTIFY_TEXT;
    p.length = length;
    p.iov = &iov;
    p.niov = 1;
    p.count = count;
    p.ttl = ttl;
    p.once = once;
    p.now = now;

    return notify_bus_publish(&z, &name[k], &p, receipt);
}


static void
publish(unsigned k, uint32_t count)
{
    uint32_t          length;
    published_t      *p;
    notify_receipt_t  receipt;

    length = pick(4) ? pick(60) : pick(6000);

    if (push(k, length, count, 1 + pick(100), 0, &receipt) != 0) {
        nfull++;
        return;
    }

    p = &published[k][npublished[k]++];
    p->id = receipt.id;
    p->length = length;
    p->stored = count != 0;
}


/*
 * Reads all after last, as a socket does: what comes must be what was
 * published, without a hole; or there is a gap, and what comes is the rest.
 */

static void
resume(unsigned k, uint64_t last)
{
    int               n, i;
    unsigned          at;
    uint32_t          key, done[4];
    uint64_t          since, live;
    notify_item_t     items[4];
    notify_resume_t   r;

    r.last = last;
    r.now = now;
    key = notify_bus_resume(&z, &name[k], NULL, &r);

    if (key == 0) {
        nfull++;
        return;
    }

    for (at = 0; at < npublished[k] && published[k][at].id <= r.since; at++) {

        /* what is left out must be said to be gone, and no more than that */

        if (published[k][at].id > last && !r.gap) {
            failed("no gap, but message %u is left out", at);
        }
    }

    since = r.since;
    n = 0;

    do {
        n = notify_bus_read(&z, key, since, items, 1 + pick(4), done,
                            (unsigned) n, now, &live);

        for (i = 0; i < n; i++) {

            if (at == npublished[k] || items[i].id != published[k][at].id
                || items[i].length < published[k][at].length)
            {
                failed("read message %llx, expected %llx",
                       (unsigned long long) items[i].id,
                       at == npublished[k] ? 0
                       : (unsigned long long) published[k][at].id);
            }

            at++;
            nread++;
            since = items[i].id;
            done[i] = items[i].slot;
        }

    } while (n > 0);

    if (n == -1 || live != notify_bus_last_id(&z)) {
        failed("reading ends with %d", n);
    }

    if (at != npublished[k]) {
        failed("messages %u to %u were not read", at, npublished[k]);
    }

    if (r.gap) {
        ngaps++;

    } else {
        nwhole++;
    }

    notify_bus_leave(&z, key);
}


/* a gap is not only never hidden: it is not said where there is none */

static void
no_gap(unsigned k)
{
    unsigned         i;
    uint32_t         key;
    notify_key_t    *kp;
    notify_resume_t  r;

    key = notify_key_find_locked(&z, &name[k], notify_key_hash(&z, &name[k]));

    if (key == 0) {
        return;
    }

    kp = notify_block(&z, key);

    /* all that is stored is the newest: who has the one before has no gap */

    i = npublished[k] - kp->stored;

    if (kp->stored == 0 || i == 0 || !published[k][i - 1].stored
        || published[k][i - 1].id < kp->lost)
    {
        return;
    }

    r.last = published[k][i - 1].id;
    r.now = now;
    key = notify_bus_resume(&z, &name[k], NULL, &r);

    if (key) {
        if (r.gap) {
            failed("a gap, where nothing is gone");
        }

        notify_bus_leave(&z, key);
    }
}


static void
rebuild(void)
{
    char  *before, *after;

    before = check_dump(&z);

    notify_lock(&z);
    notify_rebuild_locked(&z);
    notify_unlock(&z);

    after = check_dump(&z);

    if (strcmp(before, after) != 0) {
        failed("a rebuild changes the store");
    }

    free(before);
    free(after);
}


static void
step(void)
{
    unsigned     k, n;
    const char  *error;

    k = pick(KEYS);
    now += pick(3000);

    switch (pick(12)) {
    case 0:
    case 1:
    case 2:
        n = npublished[k];
        resume(k, n ? published[k][n - 1 - pick(n < 12 ? n : 12)].id : first);
        break;
    case 3:
        resume(k, first + pick(1000));
        break;
    case 4:
        no_gap(k);
        break;
    case 5:
        rebuild();
        break;
    case 6:
        publish(k, pick(20) ? 8 : 0);
        break;
    default:
        publish(k, 1 + pick(40));
    }

    error = check_zone(&z);

    if (error) {
        failed("%s", error);
    }
}


static void
once(void)
{
    notify_receipt_t  a, b;

    is(push(0, 20, 8, 60, 7, &a), 0, "a message with an Idempotency-Key");
    is(a.repeated, false, "is new");
    is(push(0, 20, 8, 60, 7, &b), 0, "and published again");
    ok(b.repeated && b.id == a.id, "is the same");
    is(push(0, 21, 8, 60, 7, &b), NOTIFY_OTHER, "with another body it is not");
    is(push(1, 20, 8, 60, 7, &b), 0, "another user's");
    ok(!b.repeated && b.id > a.id, "is new");
    is(push(0, 5000, 8, 60, 8, &a), 0, "a large one");
    is(push(0, 5000, 8, 60, 8, &b), 0, "comes again");
    ok(b.repeated && b.id == a.id, "and is the same");
    body[4999] = 1;
    is(push(0, 5000, 8, 60, 8, &b), NOTIFY_OTHER, "to its last byte");
    is_str(check_zone(&z), NULL, "all holds");
}


int
main(void)
{
    unsigned     i;
    const char  *what;

    if (notify_zone_create(&z, NOTIFY_ZONE_MIN, 3, &what) == -1
        || notify_seat_take(&z, 1) == -1)
    {
        diag("%s: %s", what, strerror(errno));
        return 1;
    }

    for (i = 0; i < KEYS; i++) {
        name[i].user = (uint8_t *) text[i];
        name[i].user_length = (size_t) sprintf(text[i], "u%u", i);
    }

    cast_lots();

    now = NOW;
    first = notify_bus_last_id(&z);

    for (i = 0; i < STEPS && failures == 0; i++) {
        step();
    }

    is(failures, 0, "%u steps agree with the model", i);
    is(nfull, 0, "history goes before anything is refused");
    ok(ngaps > STEPS / 100 && nwhole > STEPS / 100,
       "%u sockets resumed with a gap, %u without", ngaps, nwhole);
    ok(nread > STEPS, "%u messages were read", nread);

    once();

    notify_lock(&z);
    while (notify_store_evict_locked(&z, 100, now)) { /* all */ }
    notify_unlock(&z);

    is_str(check_empty(&z), NULL, "when all history has gone nothing is left");

    for (i = 0; i < KEYS; i++) {
        resume(i, published[i][0].id);
    }

    is(failures, 0, "but that there was, is known");

    notify_seat_leave(&z);
    notify_zone_destroy(&z);

    return test_done();
}
