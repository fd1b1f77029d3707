/*
 * The bus: sockets join and leave keys, a push publishes, workers take.
 */

#include <string.h>

#include "notify_bus.h"
#include "notify_id.h"
#include "notify_inbox.h"
#include "notify_lock.h"
#include "notify_message.h"
#include "notify_room.h"
#include "notify_seat.h"
#include "notify_slow.h"
#include "notify_store.h"


/* reading found no memory to hold a message with */
#define NOTIFY_READ_FULL  (-2)

/* ms, by which the clock of a page may be ahead of ours */
#define NOTIFY_AHEAD  5000u


static uint32_t notify_bus_join_locked(notify_zone_t *z,
    const notify_name_of_t *name, uint32_t hash, notify_limit_t *limit);
static bool notify_bus_again(notify_zone_t *z, const notify_limit_t *limit,
    uint64_t now);
static void notify_bus_resume_locked(const notify_zone_t *z, uint32_t key,
    notify_resume_t *r);
static int notify_bus_read_locked(notify_zone_t *z, uint32_t key,
    uint64_t since, notify_item_t *items, unsigned max, uint64_t *live);
static void notify_bus_item(notify_zone_t *z, notify_item_t *item,
    uint32_t message, uint32_t slot);
static unsigned notify_bus_take_locked(notify_zone_t *z, notify_item_t *items,
    unsigned max, const uint32_t *done, unsigned ndone);


uint32_t
notify_bus_join(notify_zone_t *z, const notify_name_of_t *name,
    notify_limit_t *limit, uint64_t *since)
{
    uint32_t  hash, key;

    hash = notify_key_hash(z, name);

    do {
        notify_lock(z);

        key = notify_bus_join_locked(z, name, hash, limit);
        *since = z->head->last_id;

        notify_unlock(z);

    } while (key == 0 && notify_bus_again(z, limit, 0));

    return key;
}


uint32_t
notify_bus_resume(notify_zone_t *z, const notify_name_of_t *name,
    notify_limit_t *limit, notify_resume_t *r)
{
    uint32_t  hash, key;

    hash = notify_key_hash(z, name);

    do {
        notify_lock(z);

        key = notify_bus_join_locked(z, name, hash, limit);

        if (key) {
            notify_bus_resume_locked(z, key, r);
        }

        notify_unlock(z);

    } while (key == 0 && notify_bus_again(z, limit, r->now));

    return key;
}


static uint32_t
notify_bus_join_locked(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash, notify_limit_t *limit)
{
    if (limit && limit->max) {
        return notify_limit_join_locked(z, name, hash, z->seat, limit);
    }

    return notify_key_join_locked(z, name, hash, z->seat);
}


/* whether it may join when it tries again */

static bool
notify_bus_again(notify_zone_t *z, const notify_limit_t *limit, uint64_t now)
{
    switch (limit ? limit->why : NOTIFY_LIMIT_FULL) {

    case NOTIFY_LIMIT_FULL:
        return notify_room_make(z, 0, now);

    case NOTIFY_LIMIT_LOOK:
        (void) notify_seat_sweep(z);
        return true;

    case NOTIFY_LIMIT_AGAIN:
        return true;

    default: /* NOTIFY_LIMIT_REFUSED */
        return false;
    }
}


static void
notify_bus_resume_locked(const notify_zone_t *z, uint32_t key,
    notify_resume_t *r)
{
    uint64_t       newest, lost, ahead;
    notify_key_t  *k;

    k = notify_block(z, key);

    lost = k->lost > z->head->birth ? k->lost : z->head->birth;
    newest = z->head->last_id;

    r->joined = newest;
    r->since = r->last < lost ? lost : r->last;
    r->since = r->since > newest ? newest : r->since;

    if (notify_id_is_time(r->last)) {

        /* of a clock that may be ahead; an id would be another zone's */

        ahead = (r->now + NOTIFY_AHEAD) << NOTIFY_ID_SEQ_BITS;
        newest = ahead > newest ? ahead : newest;
    }

    r->gap = r->last < lost || r->last > newest;
}


void
notify_bus_leave(notify_zone_t *z, uint32_t key)
{
    notify_lock(z);

    notify_key_leave_locked(z, key, z->seat);

    notify_unlock(z);
}


void
notify_bus_leave_member(notify_zone_t *z, uint32_t key, uint32_t member)
{
    if (member == 0) {
        notify_bus_leave(z, key);
        return;
    }

    notify_lock(z);

    notify_limit_leave_locked(z, key, z->seat, member);

    notify_unlock(z);
}


uint32_t
notify_bus_online(notify_zone_t *z, const notify_name_of_t *name)
{
    uint32_t  hash, key, n;

    hash = notify_key_hash(z, name);

    notify_lock(z);

    key = notify_key_find_locked(z, name, hash);
    n = key ? ((notify_key_t *) notify_block(z, key))->sockets : 0;

    notify_unlock(z);

    return n;
}


uint64_t
notify_bus_last_id(const notify_zone_t *z)
{
    return __atomic_load_n(&z->head->last_id, __ATOMIC_RELAXED);
}


unsigned
notify_bus_take(notify_zone_t *z, notify_item_t *items, unsigned max,
    const uint32_t *done, unsigned ndone)
{
    unsigned  n;

    notify_lock(z);

    n = notify_bus_take_locked(z, items, max, done, ndone);

    notify_unlock(z);

    return n;
}


unsigned
notify_bus_take_or_send(notify_zone_t *z, notify_item_t *items, unsigned max,
    const uint32_t *done, unsigned ndone, const notify_batch_t *batch,
    uint64_t now, bool *sent)
{
    int       rc;
    unsigned  n;

    do {
        rc = NOTIFY_BATCH_LATER;

        notify_lock(z);

        n = notify_bus_take_locked(z, items, max, done, ndone);

        if (n == 0) {
            rc = notify_batch_send_locked(z, batch,
                                          notify_message_next_id(z, now));
        }

        notify_unlock(z);

        ndone = 0;

    } while (rc == NOTIFY_BATCH_NO_ROOM
             && notify_room_make(z, batch->length, now));

    *sent = (rc == 0);

    return n;
}


void
notify_bus_wait(notify_zone_t *z, const notify_item_t *item)
{
    if (item->slot & NOTIFY_SLOT_HELD) {
        /* it does, since it was read */
        return;
    }

    notify_lock(z);

    notify_inbox_wait(z, item->slot, z->seat);
    notify_slow_ask_locked(z);

    notify_unlock(z);
}


bool
notify_bus_close_slow(notify_zone_t *z, bool can, const uint32_t *done,
    unsigned ndone)
{
    bool      close;
    unsigned  i;

    notify_lock(z);

    for (i = 0; i < ndone; i++) {
        notify_inbox_done(z, done[i], z->seat);
    }

    close = notify_slow_answer_locked(z, can);

    notify_unlock(z);

    return close;
}


static unsigned
notify_bus_take_locked(notify_zone_t *z, notify_item_t *items, unsigned max,
    const uint32_t *done, unsigned ndone)
{
    unsigned  i, n;
    uint32_t  message, slot;

    for (i = 0; i < ndone; i++) {
        notify_inbox_done(z, done[i], z->seat);
    }

    for (n = 0; n < max; /* void */ ) {
        message = notify_inbox_take(z, z->seat, &slot);

        if (message == 0) {
            if (n == 0) {
                z->seats[z->seat].wake = 0;
            }

            break;
        }

        notify_bus_item(z, &items[n++], message, slot);

        if (items[n - 1].kind == NOTIFY_BATCH) {

            /*
             * What stands behind it stays in the inbox till it has been
             * adopted: whoever inherits this seat finds it there.
             */

            break;
        }
    }

    return n;
}


static void
notify_bus_item(notify_zone_t *z, notify_item_t *item, uint32_t message,
    uint32_t slot)
{
    notify_message_t  *m;

    m = notify_block(z, message);

    item->id = m->id;
    item->key = m->key;
    item->message = message;
    item->slot = slot;
    item->length = m->length;
    item->code = m->kind == NOTIFY_CLOSE || m->kind == NOTIFY_REPLACE
                 ? (uint16_t) m->u.code : 0;
    item->member = m->kind == NOTIFY_REPLACE ? m->sockets : 0;
    item->kind = m->kind;
    item->json = m->json;
    item->stored = m->stored;
}


int
notify_bus_read(notify_zone_t *z, uint32_t key, uint64_t since,
    notify_item_t *items, unsigned max, const uint32_t *done, unsigned ndone,
    uint64_t now, uint64_t *live)
{
    int       n;
    unsigned  i;

    do {
        notify_lock(z);

        for (i = 0; i < ndone; i++) {
            notify_inbox_done(z, done[i], z->seat);
        }

        ndone = 0;

        n = notify_bus_read_locked(z, key, since, items, max, live);
        notify_slow_ask_locked(z);

        notify_unlock(z);

    } while (n == NOTIFY_READ_FULL && notify_room_make(z, 0, now));

    return n < 0 ? -1 : n;
}


static int
notify_bus_read_locked(notify_zone_t *z, uint32_t key, uint64_t since,
    notify_item_t *items, unsigned max, uint64_t *live)
{
    int                n;
    uint32_t           message, slot;
    notify_key_t      *k;
    notify_message_t  *m;

    k = notify_block(z, key);

    if (since < k->lost) {
        return -1;
    }

    message = notify_store_after_locked(z, key, since);

    if (message == 0) {
        *live = z->head->last_id;
        return 0;
    }

    for (n = 0; message && (unsigned) n < max; message = m->link) {
        m = notify_block(z, message);
        slot = notify_inbox_hold(z, message, z->seat);

        if (slot == 0) {
            return n ? n : NOTIFY_READ_FULL;
        }

        notify_bus_item(z, &items[n++], message, slot);
    }

    return n;
}


uint32_t
notify_bus_successor(notify_zone_t *z, const uint64_t *but, uint32_t *n)
{
    uint32_t        i, best;
    notify_seat_t  *s, *b;

    best = NOTIFY_NONE;
    *n = 0;

    notify_lock(z);

    for (i = 0; i < z->head->seats; i++) {

        if ((but && but[i / 64] >> (i % 64) & 1)
            || !notify_batch_may_locked(z, i, 1))
        {
            continue;
        }

        s = &z->seats[i];
        b = &z->seats[best == NOTIFY_NONE ? i : best];

        if (best == NOTIFY_NONE || s->generation > b->generation) {
            best = i;
            *n = 1;

        } else if (s->generation == b->generation) {
            ++*n;

            if (s->sockets < b->sockets) {
                best = i;
            }
        }
    }

    notify_unlock(z);

    return best;
}


void
notify_bus_discard(notify_zone_t *z)
{
    if (!notify_batch_waiting(z, z->seat)) {
        return;
    }

    notify_lock(z);

    notify_batch_discard_locked(z, z->seat);

    notify_unlock(z);
}


const uint8_t *
notify_bus_piece(const notify_zone_t *z, uint32_t message,
    notify_cursor_t *cursor, size_t *n)
{
    uint8_t   *p;
    uint32_t   length;

    p = notify_message_piece(z, message, &cursor->extent, &cursor->at,
                             &length);
    *n = length;

    return p;
}
