/*
 * The bus: sockets join and leave keys, a push publishes, workers take.
 */

#include <string.h>
#include <time.h>

#include "notify_bus.h"
#include "notify_codec.h"
#include "notify_id.h"
#include "notify_inbox.h"
#include "notify_lock.h"
#include "notify_message.h"
#include "notify_store.h"


/* a frame up to this long is copied while the lock is held */
#define NOTIFY_COPY_LOCKED  4096u


/* a publication on its way through several holds of the lock */
typedef struct {
    const notify_name_of_t  *name;
    const notify_publish_t  *p;
    notify_receipt_t        *receipt;
    uint32_t                 hash;
    uint32_t                 length;         /* of the frame */
    uint32_t                 message;        /* a draft, or 0 */
    size_t                   head_length;
    uint8_t                  head[NOTIFY_HEAD_MAX];
} notify_publication_t;

/* what a hold of the lock has come to, beside 0 and the results of publish */
enum {
    NOTIFY_COPY = 1,                         /* the draft is to be filled */
    NOTIFY_NEW                               /* it was not published before */
};

/* reading found no memory to hold a message with */
#define NOTIFY_READ_FULL  -2

/* history that is evicted in one hold of the lock, to make room */
#define NOTIFY_EVICT  64u

/* ms, by which the clock of a page may be ahead of ours */
#define NOTIFY_AHEAD  5000u


static int notify_bus_publish_locked(notify_zone_t *z,
    notify_publication_t *pub);
static int notify_bus_publish_once_locked(notify_zone_t *z,
    notify_publication_t *pub, uint32_t key);
static int notify_bus_publish_to_locked(notify_zone_t *z,
    notify_publication_t *pub, uint32_t key);
static int notify_bus_publish_finish_locked(notify_zone_t *z,
    notify_publication_t *pub, uint32_t key, uint32_t message);
static void notify_bus_publish_to_nobody_locked(notify_zone_t *z,
    notify_publication_t *pub, uint32_t key);
static bool notify_bus_same(const notify_zone_t *z, notify_publication_t *pub,
    uint32_t message);
static bool notify_bus_make_room(notify_zone_t *z, uint64_t now);
static int notify_bus_read_locked(notify_zone_t *z, uint32_t key,
    uint64_t since, notify_item_t *items, unsigned max, uint64_t *live);
static void notify_bus_item(notify_zone_t *z, notify_item_t *item,
    uint32_t message, uint32_t slot);
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

    do {
        notify_lock(z);

        key = notify_key_join_locked(z, name, hash, z->seat);
        *since = z->head->last_id;

        notify_unlock(z);

    } while (key == 0 && notify_bus_make_room(z, 0));

    return key;
}


uint32_t
notify_bus_resume(notify_zone_t *z, const notify_name_of_t *name,
    notify_resume_t *r)
{
    uint32_t       hash, key;
    uint64_t       newest, lost;
    notify_key_t  *k;

    hash = notify_key_hash(z, name);

    do {
        notify_lock(z);

        key = notify_key_join_locked(z, name, hash, z->seat);

        if (key) {
            k = notify_block(z, key);

            lost = k->lost > z->head->birth ? k->lost : z->head->birth;
            newest = (r->now + NOTIFY_AHEAD) << NOTIFY_ID_SEQ_BITS;
            newest = newest > z->head->last_id ? newest : z->head->last_id;

            r->gap = r->last < lost || r->last > newest;
            r->since = r->last < lost ? lost : r->last;

            if (r->since > z->head->last_id) {
                r->since = z->head->last_id;
            }
        }

        notify_unlock(z);

    } while (key == 0 && notify_bus_make_room(z, r->now));

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
    int                   rc;
    notify_publication_t  pub;

    pub.name = name;
    pub.p = p;
    pub.receipt = receipt;
    pub.hash = notify_key_hash(z, name);
    pub.message = 0;
    pub.head_length = 0;

    if (p->kind != NOTIFY_CLOSE) {
        pub.head_length = notify_frame_head(pub.head,
                                            p->kind == NOTIFY_TEXT
                                            ? NOTIFY_OP_TEXT
                                            : NOTIFY_OP_BINARY,
                                            p->length);
    }

    pub.length = (uint32_t) (pub.head_length + p->length);

    for ( ;; ) {
        notify_lock(z);

        rc = notify_bus_publish_locked(z, &pub);

        if (rc != NOTIFY_COPY && rc != NOTIFY_FULL && pub.message) {
            /* it was not needed, or has been published before */
            notify_message_free(z, pub.message);
        }

        notify_unlock(z);

        if (rc == NOTIFY_COPY) {
            notify_bus_write(z, pub.message, pub.head, pub.head_length, p);
            continue;
        }

        if (rc != NOTIFY_FULL || !notify_bus_make_room(z, p->now)) {
            break;
        }
    }

    if (rc == NOTIFY_FULL && pub.message) {
        notify_lock(z);
        notify_message_free(z, pub.message);
        notify_unlock(z);
    }

    return rc;
}


/*
 * History goes, oldest first, before anything is refused: so many at a time,
 * for the lock's sake.  false: there is none.
 */

static bool
notify_bus_make_room(notify_zone_t *z, uint64_t now)
{
    unsigned  n;

    if (now == 0) {
        now = (uint64_t) time(NULL) * 1000;
    }

    notify_lock(z);

    n = notify_store_evict_locked(z, NOTIFY_EVICT, now);

    notify_unlock(z);

    return n != 0;
}


/* the key may come and go between two holds */

static int
notify_bus_publish_locked(notify_zone_t *z, notify_publication_t *pub)
{
    int            rc;
    uint32_t       key;
    notify_key_t  *k;

    notify_store_expire_locked(z, pub->p->now);

    key = notify_key_find_locked(z, pub->name, pub->hash);
    k = key ? notify_block(z, key) : NULL;

    if (k && pub->p->once) {
        rc = notify_bus_publish_once_locked(z, pub, key);

        if (rc != NOTIFY_NEW) {
            return rc;
        }
    }

    if (pub->p->count == 0 && (k == NULL || k->sockets == 0)) {
        notify_bus_publish_to_nobody_locked(z, pub, key);
        return 0;
    }

    if (key == 0) {
        key = notify_key_make_locked(z, pub->name, pub->hash);

        if (key == 0) {
            return NOTIFY_FULL;
        }
    }

    rc = notify_bus_publish_to_locked(z, pub, key);

    if (rc != 0) {
        /* a key that was made for it, or not */
        notify_key_release_locked(z, key);
    }

    return rc;
}


/* whether it has been published before; evicted ones are forgotten */

static int
notify_bus_publish_once_locked(notify_zone_t *z, notify_publication_t *pub,
    uint32_t key)
{
    uint32_t           message;
    notify_message_t  *m;

    message = notify_store_once_locked(z, key, pub->p->once);

    if (message == 0) {
        return NOTIFY_NEW;
    }

    if (!notify_bus_same(z, pub, message)) {
        return NOTIFY_OTHER;
    }

    m = notify_block(z, message);

    pub->receipt->id = m->id;
    pub->receipt->sockets = m->sockets;
    pub->receipt->repeated = true;

    return 0;
}


static void
notify_bus_publish_to_nobody_locked(notify_zone_t *z,
    notify_publication_t *pub, uint32_t key)
{
    uint64_t  id;

    id = notify_bus_next_id(z, pub->p->now);

    if (pub->p->kind != NOTIFY_CLOSE) {
        notify_key_lost_locked(z, key, pub->hash, id);
    }

    pub->receipt->id = id;
    pub->receipt->sockets = 0;
    pub->receipt->repeated = false;
}


static int
notify_bus_publish_to_locked(notify_zone_t *z, notify_publication_t *pub,
    uint32_t key)
{
    int       rc;
    uint32_t  message;

    if (pub->message) {
        return notify_bus_publish_finish_locked(z, pub, key, pub->message);
    }

    message = notify_message_alloc(z, pub->length);

    if (message == 0) {
        return NOTIFY_FULL;
    }

    if (pub->length > NOTIFY_COPY_LOCKED) {
        notify_message_draft(z, message, z->seat);
        pub->message = message;
        return NOTIFY_COPY;
    }

    notify_bus_write(z, message, pub->head, pub->head_length, pub->p);

    rc = notify_bus_publish_finish_locked(z, pub, key, message);

    if (rc != 0) {
        notify_message_free(z, message);
    }

    return rc;
}


static int
notify_bus_publish_finish_locked(notify_zone_t *z, notify_publication_t *pub,
    uint32_t key, uint32_t message)
{
    const notify_publish_t  *p;
    notify_message_t        *m;

    p = pub->p;
    m = notify_block(z, message);

    m->id = notify_bus_next_id(z, p->now);
    m->key = key;
    m->kind = (uint8_t) p->kind;
    m->json = p->json;
    m->stored = (p->count != 0);
    m->once = p->once;
    m->sockets = ((notify_key_t *) notify_block(z, key))->sockets;

    if (p->kind == NOTIFY_CLOSE) {
        m->u.code = p->code;

    } else if (p->count) {
        m->u.expires = (uint32_t) (p->now / 1000) + p->ttl;

    } else {
        /* before anybody has it */
        notify_key_lost_locked(z, key, pub->hash, m->id);
    }

    if (notify_inbox_publish(z, message) == -1) {
        m->u.seat = z->seat;
        return NOTIFY_FULL;
    }

    pub->message = 0;

    pub->receipt->id = m->id;
    pub->receipt->sockets = m->sockets;
    pub->receipt->repeated = false;

    if (p->count) {
        notify_store_append_locked(z, message);
        notify_store_bound_locked(z, key, p->count);
    }

    return 0;
}


/* whether a message's frame is that of the publication */

static bool
notify_bus_same(const notify_zone_t *z, notify_publication_t *pub,
    uint32_t message)
{
    size_t             left, size, n;
    unsigned           i;
    const uint8_t     *piece, *p;
    notify_cursor_t    cursor;
    notify_message_t  *m;

    m = notify_block(z, message);

    if (m->length != pub->length || m->kind != pub->p->kind) {
        return false;
    }

    memset(&cursor, 0, sizeof(notify_cursor_t));

    i = 0;
    p = pub->head;
    left = pub->head_length;

    while ((piece = notify_bus_piece(z, message, &cursor, &size)) != NULL) {

        while (size) {

            while (left == 0) {
                p = pub->p->iov[i].iov_base;
                left = pub->p->iov[i].iov_len;
                i++;
            }

            n = size < left ? size : left;

            if (memcmp(piece, p, n) != 0) {
                return false;
            }

            piece += n;
            size -= n;
            p += n;
            left -= n;
        }
    }

    return true;
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
    item->code = m->kind == NOTIFY_CLOSE ? (uint16_t) m->u.code : 0;
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

        notify_unlock(z);

    } while (n == NOTIFY_READ_FULL && notify_bus_make_room(z, now));

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
