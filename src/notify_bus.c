/*
 * The bus: sockets join and leave keys, a push publishes, workers take.
 */

#include <string.h>

#include "notify_bus.h"
#include "notify_codec.h"
#include "notify_id.h"
#include "notify_inbox.h"
#include "notify_lock.h"


/* a frame up to this long is copied while the lock is held */
#define NOTIFY_COPY_LOCKED  4096u


static int notify_bus_publish_locked(notify_zone_t *z, uint32_t key,
    uint32_t message, const notify_publish_t *p, notify_receipt_t *receipt);
static int notify_bus_publish_draft(notify_zone_t *z,
    const notify_name_of_t *name, uint32_t hash, uint32_t message,
    const notify_publish_t *p, notify_receipt_t *receipt);
static uint64_t notify_bus_next_id(notify_zone_t *z, uint64_t now);
static unsigned notify_bus_take_locked(notify_zone_t *z, notify_item_t *items,
    unsigned max, const uint32_t *done, unsigned ndone);
static void notify_bus_write(notify_zone_t *z, uint32_t message,
    const uint8_t *head, size_t head_length, const notify_publish_t *p);
static void notify_bus_copy(notify_zone_t *z, uint32_t message,
    notify_cursor_t *cursor, uint8_t **to, size_t *room, const uint8_t *from,
    size_t n);


uint32_t
notify_bus_join(notify_zone_t *z, const notify_name_of_t *name,
    uint64_t *since)
{
    uint32_t  hash, key;

    hash = notify_key_hash(z, name);

    notify_lock(z);

    key = notify_key_join_locked(z, name, hash, z->seat);
    *since = z->head->last_id;

    notify_unlock(z);

    return key;
}


void
notify_bus_leave(notify_zone_t *z, uint32_t key)
{
    notify_lock(z);

    notify_key_leave_locked(z, key, z->seat);

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


int
notify_bus_publish(notify_zone_t *z, const notify_name_of_t *name,
    const notify_publish_t *p, notify_receipt_t *receipt)
{
    int            rc;
    size_t         head_length;
    uint8_t        head[NOTIFY_HEAD_MAX];
    uint32_t       hash, key, message, length;
    notify_key_t  *k;

    hash = notify_key_hash(z, name);

    head_length = 0;

    if (p->kind != NOTIFY_CLOSE) {
        head_length = notify_frame_head(head,
                                        p->kind == NOTIFY_TEXT
                                        ? NOTIFY_OP_TEXT : NOTIFY_OP_BINARY,
                                        p->length);
    }

    length = (uint32_t) (head_length + p->length);

    notify_lock(z);

    key = notify_key_find_locked(z, name, hash);
    k = key ? notify_block(z, key) : NULL;

    if (k == NULL || k->sockets == 0) {
        receipt->id = notify_bus_next_id(z, p->now);
        receipt->sockets = 0;
        notify_unlock(z);
        return 0;
    }

    message = notify_message_alloc(z, length);

    if (message == 0) {
        notify_unlock(z);
        return -1;
    }

    if (length > NOTIFY_COPY_LOCKED) {
        notify_message_draft(z, message, z->seat);
        notify_unlock(z);

        notify_bus_write(z, message, head, head_length, p);

        return notify_bus_publish_draft(z, name, hash, message, p, receipt);
    }

    notify_bus_write(z, message, head, head_length, p);

    rc = notify_bus_publish_locked(z, key, message, p, receipt);

    notify_unlock(z);

    return rc;
}


/* the key may have come or gone while the body was copied */

static int
notify_bus_publish_draft(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash, uint32_t message, const notify_publish_t *p,
    notify_receipt_t *receipt)
{
    int            rc;
    uint32_t       key;
    notify_key_t  *k;

    notify_lock(z);

    key = notify_key_find_locked(z, name, hash);
    k = key ? notify_block(z, key) : NULL;

    if (k == NULL || k->sockets == 0) {
        notify_message_free(z, message);
        receipt->id = notify_bus_next_id(z, p->now);
        receipt->sockets = 0;
        rc = 0;

    } else {
        rc = notify_bus_publish_locked(z, key, message, p, receipt);
    }

    notify_unlock(z);

    return rc;
}


static int
notify_bus_publish_locked(notify_zone_t *z, uint32_t key, uint32_t message,
    const notify_publish_t *p, notify_receipt_t *receipt)
{
    notify_message_t  *m;

    m = notify_block(z, message);

    m->id = notify_bus_next_id(z, p->now);
    m->key = key;
    m->kind = (uint8_t) p->kind;

    if (p->kind == NOTIFY_CLOSE) {
        m->code = p->code;
    }

    receipt->id = m->id;
    receipt->sockets = ((notify_key_t *) notify_block(z, key))->sockets;

    if (notify_inbox_publish(z, message) == -1) {
        notify_message_free(z, message);
        return -1;
    }

    return 0;
}


static uint64_t
notify_bus_next_id(notify_zone_t *z, uint64_t now)
{
    uint64_t  id;

    id = notify_id_next(z->head->last_id, now);
    notify_store(&z->head->last_id, id);

    return id;
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
    unsigned  n;

    *sent = false;

    notify_lock(z);

    n = notify_bus_take_locked(z, items, max, done, ndone);

    if (n == 0) {
        *sent = notify_batch_send_locked(z, batch, notify_bus_next_id(z, now))
                == 0;
    }

    notify_unlock(z);

    return n;
}


static unsigned
notify_bus_take_locked(notify_zone_t *z, notify_item_t *items, unsigned max,
    const uint32_t *done, unsigned ndone)
{
    unsigned           i, n;
    uint32_t           message, slot;
    notify_item_t     *item;
    notify_message_t  *m;

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

        m = notify_block(z, message);
        item = &items[n++];

        item->id = m->id;
        item->key = m->key;
        item->message = message;
        item->slot = slot;
        item->length = m->length;
        item->code = m->code;
        item->kind = m->kind;

        if (m->kind == NOTIFY_BATCH) {

            /*
             * What stands behind it stays in the inbox till it has been
             * adopted: whoever inherits this seat finds it there.
             */

            break;
        }
    }

    return n;
}


uint32_t
notify_bus_successor(notify_zone_t *z, uint32_t *n)
{
    uint32_t        i, best;
    notify_seat_t  *s, *b;

    best = NOTIFY_NONE;
    *n = 0;

    notify_lock(z);

    for (i = 0; i < z->head->seats; i++) {

        if (!notify_batch_may_locked(z, i, 1)) {
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


static void
notify_bus_write(notify_zone_t *z, uint32_t message, const uint8_t *head,
    size_t head_length, const notify_publish_t *p)
{
    size_t            room;
    uint8_t          *to;
    unsigned          i;
    notify_cursor_t   cursor;

    memset(&cursor, 0, sizeof(notify_cursor_t));
    to = NULL;
    room = 0;

    notify_bus_copy(z, message, &cursor, &to, &room, head, head_length);

    for (i = 0; i < p->niov; i++) {
        notify_bus_copy(z, message, &cursor, &to, &room, p->iov[i].iov_base,
                        p->iov[i].iov_len);
    }
}


static void
notify_bus_copy(notify_zone_t *z, uint32_t message, notify_cursor_t *cursor,
    uint8_t **to, size_t *room, const uint8_t *from, size_t n)
{
    size_t    size;
    uint32_t  length;

    while (n) {

        if (*room == 0) {
            *to = notify_message_piece(z, message, &cursor->extent,
                                       &cursor->at, &length);
            *room = length;
        }

        size = n < *room ? n : *room;

        memcpy(*to, from, size);

        *to += size;
        *room -= size;
        from += size;
        n -= size;
    }
}
