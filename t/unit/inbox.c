/*
 * Messages and inboxes: bodies of every length, publications to any number of
 * seats, refused at every block that they need, taken and done with in any
 * order.
 */

#include "model.h"

#include <errno.h>

#include "notify_blocks.h"
#include "notify_inbox.h"
#include "notify_lock.h"


#define SEATS  80
#define PAGES  4


static notify_zone_t     z;
static notify_name_of_t  name = { NULL, 0, (const uint8_t *) "42", 2 };


/* the first seats join, each once or more */

static uint32_t
join(unsigned seats)
{
    unsigned  i;
    uint32_t  key, hash;

    hash = notify_key_hash(&z, &name);
    key = 0;

    for (i = 0; i < seats; i++) {
        key = notify_key_join_locked(&z, &name, hash, i);

        if (i % 3 == 0) {
            (void) notify_key_join_locked(&z, &name, hash, i);
        }
    }

    return key;
}


static void
leave(uint32_t key, unsigned seats)
{
    unsigned  i;

    for (i = 0; i < seats; i++) {
        notify_key_leave_locked(&z, key, i);

        if (i % 3 == 0) {
            notify_key_leave_locked(&z, key, i);
        }
    }
}


static uint32_t
make(uint32_t key, uint32_t length)
{
    uint32_t           message;
    notify_message_t  *m;

    message = notify_message_alloc(&z, length);

    if (message) {
        m = notify_block(&z, message);
        m->id = ++z.head->last_id;
        m->key = key;
        m->kind = NOTIFY_TEXT;
    }

    return message;
}


/* writes or compares all bytes of a body; false: they are not as written */

static bool
bytes(uint32_t message, bool write)
{
    uint8_t           *p;
    uint32_t           i, n, at, extent, total;
    uint64_t           seed;
    notify_message_t  *m;

    m = notify_block(&z, message);
    seed = m->id;
    at = 0;
    extent = 0;
    total = 0;

    while ((p = notify_message_piece(&z, message, &extent, &at, &n)) != NULL) {
        for (i = 0; i < n; i++) {
            if (write) {
                p[i] = (uint8_t) check_random(&seed);

            } else if (p[i] != (uint8_t) check_random(&seed)) {
                return false;
            }
        }

        total += n;
    }

    return total == m->length;
}


static void
bodies(void)
{
    uint32_t  length, key, message, seat, slot, n, wrong;

    seat = 0;
    wrong = 0;
    key = join(1);

    for (length = 0, n = 0; length < 40000; n++) {
        message = make(key, length);

        wrong += message == 0 || !bytes(message, true)
                 || notify_inbox_publish(&z, message) != 0
                 || !bytes(message, false)
                 || check_zone(&z) != NULL
                 || notify_inbox_take(&z, seat, &slot) != message
                 || !bytes(message, false);

        notify_inbox_done(&z, slot, seat);

        length += length < 400 ? 1 : length < 17000 ? 97 : 1009;
    }

    is(wrong, 0, "%u messages of 0 to 40,000 bytes come as they were", n);

    is(make(key, 4000000), 0, "one that is larger than the zone is refused");
    is_str(check_zone(&z), NULL, "without a trace");

    leave(key, 1);
    is_str(check_empty(&z), NULL, "nothing is left of all this");
}


/* the first hole is too short, the body is cut to what there is */

static void
fragments(void)
{
    uint32_t  b[PAGES * NOTIFY_PAGE_USABLE], n, i, key, message, slot;

    key = join(1);

    for (n = 0; (b[n] = notify_record_alloc(&z, NOTIFY_FOR_MESSAGES)); n++) {
        /* all */
    }

    for (i = 0; i < n; i += 2) {
        notify_record_free(&z, b[i]);
    }

    message = make(key, (n / 2 - 2) * (NOTIFY_RECORD_SIZE - 8));

    ok(message != 0, "a zone of single records takes a body as large as they");

    if (message) {
        (void) bytes(message, true);
        is(notify_inbox_publish(&z, message), 0, "which is published");
        is(bytes(message, false), true, "as it was");
        (void) notify_inbox_take(&z, 0, &slot);
        notify_inbox_done(&z, slot, 0);
    }

    is(make(key, (n / 2 + 2) * (NOTIFY_RECORD_SIZE - 8)), 0,
       "a body that is larger than they is refused");

    for (i = 1; i < n; i += 2) {
        notify_record_free(&z, b[i]);
    }

    leave(key, 1);
    is_str(check_empty(&z), NULL, "without a trace");
}


/* takes and is done with, seat by seat, in an order drawn by lot */

static unsigned
drain(unsigned seats, uint32_t message)
{
    unsigned  i, k, wrong;
    uint32_t  order[SEATS], slot[SEATS], swap;

    wrong = 0;

    for (i = 0; i < seats; i++) {
        order[i] = i;
        k = pick(i + 1);
        swap = order[k];
        order[k] = order[i];
        order[i] = swap;
    }

    for (i = 0; i < seats; i++) {
        wrong += notify_inbox_take(&z, order[i], &slot[order[i]]) != message;
    }

    wrong += check_zone(&z) != NULL;

    for (i = 0; i < seats; i++) {
        k = order[seats - 1 - i];
        notify_inbox_done(&z, slot[k], k);
        wrong += i % 8 == 0 && check_zone(&z) != NULL;
    }

    return wrong;
}


static void
targets(void)
{
    unsigned  seats, i, wrong;
    uint32_t  key, message, slot;

    wrong = 0;

    for (seats = 1; seats <= SEATS; seats++) {
        key = join(seats);
        message = make(key, 200);

        wrong += notify_inbox_publish(&z, message) != 0
                 || check_zone(&z) != NULL;

        for (i = 0; i < SEATS; i++) {
            wrong += (z.seats[i].first != 0) != (i < seats);
            wrong += ((z.wake[i / 64] >> (i % 64) & 1) != 0) != (i < seats);
        }

        wrong += drain(seats, message);

        memset(z.wake, 0, sizeof(z.wake));

        for (i = 0; i < SEATS; i++) {
            z.seats[i].wake = 0;
            wrong += notify_inbox_take(&z, i, &slot) != 0;
        }

        leave(key, seats);
        wrong += check_empty(&z) != NULL;
    }

    is(wrong, 0, "a message comes to 1 to %u seats, and to no other", SEATS);
}


/* with n records, n = 0, 1, 2, until it can be published */

static void
refused(unsigned seats, uint32_t length)
{
    char      *before, *after;
    bool       done;
    uint32_t   b[PAGES * NOTIFY_PAGE_USABLE], n, i, key, message, tries;
    unsigned   wrong;

    key = join(seats);
    wrong = 0;
    done = false;

    for (tries = 0; !done && tries < 100; tries++) {

        for (n = 0; (b[n] = notify_record_alloc(&z, NOTIFY_FOR_MESSAGES)); n++)
        {
            /* all */
        }

        for (i = 0; i < tries; i++) {
            notify_record_free(&z, b[--n]);
        }

        before = check_dump(&z);
        message = make(key, length);

        if (message && notify_inbox_publish(&z, message) == 0) {
            done = true;

        } else {
            if (message) {
                notify_message_free(&z, message);
            }

            wrong += z.head->used_blocks
                     != PAGES * NOTIFY_PAGE_USABLE - tries * NOTIFY_RECORD;
            after = check_dump(&z);
            wrong += strcmp(before, after) != 0;
            free(after);
        }

        free(before);

        while (n) {
            notify_record_free(&z, b[--n]);
        }

        wrong += check_zone(&z) != NULL;
    }

    is(wrong, 0, "%u bytes to %u seats: refused %u times without a trace",
       length, seats, tries - 1);
    ok(done, "and then published");

    memset(z.wake, 0, sizeof(z.wake));

    is(drain(seats, message), 0, "and taken");

    leave(key, seats);
    is_str(check_empty(&z), NULL, "nothing is left");
}


/* a rebuild at any time, with messages pending, taken and done */

static void
rebuilt(void)
{
    char      *before, *after;
    unsigned   i, k, wrong, seats, taken[SEATS];
    uint32_t   key, slot[SEATS][8], message;

    seats = 21;
    key = join(seats);
    wrong = 0;
    memset(taken, 0, sizeof(taken));

    for (i = 0; i < 200; i++) {

        if (i % 3 == 0) {
            message = make(key, pick(2000));

            if (message && notify_inbox_publish(&z, message) == -1) {
                notify_message_free(&z, message);
            }
        }

        for (k = 0; k < 10; k++) {
            seats = pick(21);

            if (taken[seats] < 8
                && notify_inbox_take(&z, seats, &slot[seats][taken[seats]]))
            {
                taken[seats]++;

            } else if (taken[seats]) {
                notify_inbox_done(&z, slot[seats][--taken[seats]], seats);
            }
        }

        before = check_dump(&z);
        notify_rebuild_locked(&z);
        after = check_dump(&z);

        wrong += strcmp(before, after) != 0 || check_zone(&z) != NULL;

        free(before);
        free(after);
    }

    is(wrong, 0, "%u rebuilds change nothing", i);

    for (i = 0; i < 21; i++) {
        do {
            while (taken[i]) {
                notify_inbox_done(&z, slot[i][--taken[i]], i);
            }

            taken[i] = notify_inbox_take(&z, i, &slot[i][0]) != 0;
        } while (taken[i]);
    }

    memset(z.wake, 0, sizeof(z.wake));
    leave(key, 21);
    is_str(check_empty(&z), NULL, "nothing is left");
}


/* kept by a rebuild while the maker lives, and not longer */

static void
drafts(void)
{
    uint32_t  message;

    message = notify_message_alloc(&z, 5000);
    notify_message_draft(&z, message, 3);

    ((notify_message_t *) notify_block(&z, message))->id = 1;
    (void) bytes(message, true);

    notify_rebuild_locked(&z);
    is_str(check_zone(&z), NULL, "a draft is kept by a rebuild");
    is(bytes(message, false), true, "with its bytes");

    z.seats[3].state = NOTIFY_SEAT_DYING;
    notify_rebuild_locked(&z);
    is_str(check_empty(&z), NULL, "but not when its maker has died");

    z.seats[3].state = NOTIFY_SEAT_LIVE;
}


int
main(void)
{
    unsigned     s;
    const char  *what;

    if (notify_zone_create(&z, PAGES * NOTIFY_PAGE_SIZE, SEATS, &what) == -1) {
        diag("%s: %s", what, strerror(errno));
        return 1;
    }

    for (s = 0; s < SEATS; s++) {
        z.seats[s].state = NOTIFY_SEAT_LIVE;
    }

    cast_lots();

    bodies();
    fragments();
    targets();

    refused(1, 10);
    refused(1, 1000);
    refused(3, 10);
    refused(40, 10);
    refused(40, 3000);

    rebuilt();
    drafts();

    notify_zone_destroy(&z);

    return test_done();
}
