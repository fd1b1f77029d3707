/*
 * Keys against a model: who has joined what, with names of all lengths, more
 * seats than a key has entries for, and a zone that is often full.
 */

#include "model.h"

#include <errno.h>

#include "notify_blocks.h"
#include "notify_keys.h"
#include "notify_lock.h"


#define SEATS  80
#define NAMES  40
#define STEPS  1000


static notify_zone_t      z;
static notify_name_of_t   name[NAMES];
static uint32_t           hash[NAMES], block[NAMES];
static unsigned           sockets[NAMES][SEATS];
static unsigned           nfull, nrebuilt;


static unsigned
sum(unsigned k)
{
    unsigned  s, n;

    for (s = 0, n = 0; s < SEATS; s++) {
        n += sockets[k][s];
    }

    return n;
}


/* lengths about those at which another block is needed */

static void
names(void)
{
    static uint8_t       text[NAMES][2][256];
    static const size_t  about[] = { NOTIFY_KEY_NAME,
                                     NOTIFY_KEY_NAME + NOTIFY_NAME,
                                     NOTIFY_KEY_NAME + 2 * NOTIFY_NAME,
                                     NOTIFY_KEY_NAME + 3 * NOTIFY_NAME };

    size_t               total, realm, i;
    unsigned             k;

    for (k = 0; k < NAMES; k++) {

        total = k < 24 ? about[k / 6] + k % 3 - 1
                : k == 24 ? NOTIFY_REALM_MAX + NOTIFY_USER_MAX
                : 1 + k % 7;

        realm = total > NOTIFY_USER_MAX ? total - NOTIFY_USER_MAX : 0;

        if (k % 6 > 2 && total > 1) {
            realm = total / 2 > NOTIFY_REALM_MAX ? NOTIFY_REALM_MAX
                                                 : total / 2;
        }

        for (i = 0; i < 255; i++) {
            text[k][0][i] = (uint8_t) ('a' + i % 23);
            text[k][1][i] = (uint8_t) ('a' + (i + realm) % 23);
        }

        /* some differ in their last byte only, or in where the realm ends */

        if (k >= 25) {
            text[k][1][total - realm - 1] = (uint8_t) ('A' + k / 7);
        }

        name[k].realm = text[k][0];
        name[k].realm_length = realm;
        name[k].user = text[k][1];
        name[k].user_length = total - realm;
        hash[k] = notify_key_hash(&z, &name[k]);
    }
}


static void
join(unsigned k, unsigned s)
{
    char      *before, *after;
    uint32_t   key, had, left, needed;
    size_t     length;

    had = block[k];
    left = check_room(&z);
    before = left < 8 ? check_dump(&z) : NULL;

    key = notify_key_join_locked(&z, &name[k], hash[k], s);

    if (key == 0) {
        length = name[k].realm_length + name[k].user_length;
        needed = had || length <= NOTIFY_KEY_NAME ? 1
                 : 1 + (uint32_t) ((length - NOTIFY_KEY_NAME + NOTIFY_NAME - 1)
                                   / NOTIFY_NAME);

        if (left >= needed) {
            failed("a join was refused with room for %u records", left);
            return;
        }

        after = check_dump(&z);

        if (strcmp(before, after) != 0) {
            failed("a join was refused, but not without a trace");
        }

        nfull++;
        free(after);

    } else {
        if (had && had != key) {
            failed("key %u has moved", k);
        }

        block[k] = key;
        sockets[k][s]++;
    }

    free(before);
}


static void
leave(unsigned k, unsigned s)
{
    if (sockets[k][s] == 0) {
        return;
    }

    notify_key_leave_locked(&z, block[k], s);

    if (--sockets[k][s] == 0 && sum(k) == 0) {
        block[k] = 0;
    }
}


static void
compare(void)
{
    unsigned              k, n;
    uint32_t             *entry;
    uint8_t               bytes[NOTIFY_REALM_MAX + NOTIFY_USER_MAX];
    const char           *error;
    notify_name_of_t      got;
    notify_entry_walk_t   at;

    for (k = 0; k < NAMES; k++) {

        if (notify_key_find_locked(&z, &name[k], hash[k]) != block[k]) {
            failed("name %u is not key %u", k, block[k]);
            return;
        }

        if (block[k] == 0) {
            continue;
        }

        memset(&at, 0, sizeof(at));

        for (n = 0; (entry = notify_key_entry_next(&z, block[k], &at)); ) {
            n += *entry ? notify_entry_n(*entry) : 0;

            if (*entry && notify_entry_n(*entry)
                          != sockets[k][notify_entry_seat(*entry)])
            {
                failed("name %u: entry %08x", k, *entry);
            }
        }

        if (n != sum(k)) {
            failed("name %u: %u sockets of %u", k, n, sum(k));
        }

        notify_key_name(&z, block[k], bytes, &got);

        if (got.realm_length != name[k].realm_length
            || got.user_length != name[k].user_length
            || memcmp(got.realm, name[k].realm, got.realm_length) != 0
            || memcmp(got.user, name[k].user, got.user_length) != 0)
        {
            failed("key %u has another name than %u", block[k], k);
        }
    }

    error = check_zone(&z);

    if (error) {
        failed("%s", error);
    }
}


static void
rebuild(void)
{
    char  *before, *after;

    nrebuilt++;
    before = check_dump(&z);

    notify_lock(&z);
    notify_rebuild_locked(&z);
    notify_unlock(&z);

    after = check_dump(&z);

    if (strcmp(before, after) != 0) {
        failed("a rebuild changes the keys");
    }

    free(before);
    free(after);
}


static void
step(unsigned i)
{
    unsigned  k, s, n;

    k = pick(NAMES);
    s = pick(SEATS);

    switch (pick(20)) {
    case 0:
        if (pick(10) == 0) {
            rebuild();
        }
        break;
    case 1:
        /* all seats want the same */
        for (s = 0; s < SEATS; s++) {
            join(k, s);
        }
        break;
    case 2:
        for (s = 0; s < SEATS; s++) {
            while (sockets[k][s]) {
                leave(k, s);
            }
        }
        break;
    default:
        /* the zone fills, and empties */
        for (n = 1 + pick(10); n; n--) {
            if (i / 500 % 2) {
                leave(pick(NAMES), pick(SEATS));
            } else {
                join(pick(NAMES), pick(SEATS));
            }
        }
    }
}


static void
hashes(void)
{
    unsigned          k, l, same;
    notify_name_of_t  a, b;

    for (k = 0, same = 0; k < NAMES; k++) {
        for (l = 0; l < k; l++) {
            same += hash[k] == hash[l];
        }
    }

    is(same, 0, "no two names have one hash");

    memset(&a, 0, sizeof(a));
    a.realm = (const uint8_t *) "abc";
    a.realm_length = 1;
    a.user = (const uint8_t *) "bc";
    a.user_length = 2;

    b = a;
    b.realm_length = 2;
    b.user = (const uint8_t *) "c";
    b.user_length = 1;

    ok(notify_key_hash(&z, &a) != notify_key_hash(&z, &b),
       "where the realm ends, counts");
    is(notify_key_hash(&z, &a), notify_key_hash(&z, &a),
       "a name has one hash");

    z.head->seed[1] ^= 1;
    ok(notify_key_hash(&z, &name[0]) != hash[0], "in this zone alone");
    z.head->seed[1] ^= 1;
}


static void
bounds(void)
{
    uint32_t  key, *entry;

    key = notify_key_join_locked(&z, &name[0], hash[0], 7);
    entry = notify_key_entry_locked(&z, key, 7);

    *entry = notify_entry(7, notify_entry_n(~0u) - 1);
    ((notify_key_t *) notify_block(&z, key))->sockets = notify_entry_n(*entry);
    z.seats[7].sockets = notify_entry_n(*entry);

    is(notify_key_join_locked(&z, &name[0], hash[0], 7), key,
       "a seat can have 1,048,575 sockets of a key");
    is(notify_key_join_locked(&z, &name[0], hash[0], 7), 0,
       "and no more");
    is_str(check_zone(&z), NULL, "which does no harm");

    notify_key_leave_locked(&z, key, 8);
    is(((notify_key_t *) notify_block(&z, key))->sockets, notify_entry_n(~0u),
       "who has not joined cannot leave");

    *entry = notify_entry(7, 1);
    ((notify_key_t *) notify_block(&z, key))->sockets = 1;
    z.seats[7].sockets = 1;
    notify_key_leave_locked(&z, key, 7);
}


int
main(void)
{
    unsigned     i, k, s;
    const char  *what;

    if (notify_zone_create(&z, NOTIFY_PAGE_SIZE, SEATS, &what) == -1) {
        diag("%s: %s", what, strerror(errno));
        return 1;
    }

    for (s = 0; s < SEATS; s++) {
        z.seats[s].state = NOTIFY_SEAT_LIVE;
    }

    cast_lots();

    names();
    hashes();

    for (i = 0; i < STEPS && failures == 0; i++) {
        step(i);
        if (i % 4 == 0) {
            compare();
        }
    }

    compare();
    is(failures, 0, "%u steps agree with the model", i);
    ok(nfull > 100, "%u joins were refused", nfull);
    ok(nrebuilt > 5, "%u rebuilds", nrebuilt);

    for (k = 0; k < NAMES; k++) {
        for (s = 0; s < SEATS; s++) {
            while (sockets[k][s]) {
                leave(k, s);
            }
        }
    }

    is_str(check_empty(&z), NULL, "when all have left, the zone is empty");

    bounds();
    is_str(check_empty(&z), NULL, "and again");

    notify_zone_destroy(&z);

    return test_done();
}
