/*
 * Publishing: a message's way into the zone, in one or several holds of the
 * lock.
 */

#include <string.h>

#include "notify_codec.h"
#include "notify_inbox.h"
#include "notify_lock.h"
#include "notify_message.h"
#include "notify_publish.h"
#include "notify_room.h"
#include "notify_slow.h"
#include "notify_store.h"


/* a frame up to this long is copied, or compared, while the lock is held */
#define NOTIFY_COPY_LOCKED  4096u


/* a publication on its way through several holds of the lock */
typedef struct {
    const notify_name_of_t  *name;
    const notify_publish_t  *p;
    notify_receipt_t        *receipt;
    uint32_t                 hash;
    uint32_t                 length;         /* of the frame */
    uint32_t                 message;        /* a draft, or 0 */
    uint32_t                 earlier;        /* held, to be compared with */
    uint32_t                 slot;           /* by which it is given back */
    size_t                   head_length;
    uint8_t                  head[NOTIFY_HEAD_MAX];
} notify_publication_t;

/* what a hold of the lock has come to, beside 0 and the results of publish */
enum {
    NOTIFY_COPY = 1,                         /* the draft is to be filled */
    NOTIFY_COMPARE,                          /* with the earlier one */
    NOTIFY_NEW                               /* it was not published before */
};


static int notify_publish_locked(notify_zone_t *z,
    notify_publication_t *pub);
static int notify_publish_once_locked(notify_zone_t *z,
    notify_publication_t *pub, uint32_t key);
static int notify_publish_compare(notify_zone_t *z,
    notify_publication_t *pub);
static int notify_publish_to_locked(notify_zone_t *z,
    notify_publication_t *pub, uint32_t key);
static int notify_publish_finish_locked(notify_zone_t *z,
    notify_publication_t *pub, uint32_t key, uint32_t message);
static void notify_publish_to_nobody_locked(notify_zone_t *z,
    notify_publication_t *pub, uint32_t key);
static bool notify_publish_same(const notify_zone_t *z,
    notify_publication_t *pub, uint32_t message);
static void notify_publish_write(notify_zone_t *z, uint32_t message,
    const uint8_t *head, size_t head_length, const notify_publish_t *p);


int
notify_bus_publish(notify_zone_t *z, const notify_name_of_t *name,
    const notify_publish_t *p, notify_receipt_t *receipt)
{
    return notify_bus_publish_hashed(z, name, notify_key_hash(z, name), p,
                                     receipt);
}


int
notify_bus_publish_hashed(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash, const notify_publish_t *p, notify_receipt_t *receipt)
{
    int                   rc;
    notify_publication_t  pub;

    memset(&pub, 0, sizeof(notify_publication_t));

    pub.name = name;
    pub.p = p;
    pub.receipt = receipt;
    pub.hash = hash;

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

        rc = notify_publish_locked(z, &pub);

        if ((rc == 0 || rc == NOTIFY_OTHER) && pub.message) {
            /* it was not needed, or has been published before */
            notify_message_free(z, pub.message);
        }

        notify_unlock(z);

        switch (rc) {

        case NOTIFY_COPY:
            notify_publish_write(z, pub.message, pub.head, pub.head_length, p);
            continue;

        case NOTIFY_COMPARE:
            return notify_publish_compare(z, &pub);

        case NOTIFY_FULL:

            if (notify_room_make(z, pub.length, p->now)) {
                continue;
            }

            if (pub.message) {
                notify_lock(z);
                notify_message_free(z, pub.message);
                notify_unlock(z);
            }

            return NOTIFY_FULL;

        default:
            return rc;
        }
    }
}


/* the key may come and go between two holds */

static int
notify_publish_locked(notify_zone_t *z, notify_publication_t *pub)
{
    int            rc;
    uint32_t       key;
    notify_key_t  *k;

    notify_store_expire_locked(z, pub->p->now);

    key = notify_key_find_locked(z, pub->name, pub->hash);
    k = key ? notify_block(z, key) : NULL;

    if (k && pub->p->once) {
        rc = notify_publish_once_locked(z, pub, key);

        if (rc != NOTIFY_NEW) {
            return rc;
        }
    }

    if (pub->p->count == 0 && (k == NULL || k->sockets == 0)) {
        notify_publish_to_nobody_locked(z, pub, key);
        return 0;
    }

    if (key == 0) {
        key = notify_key_make_locked(z, pub->name, pub->hash);

        if (key == 0) {
            return NOTIFY_FULL;
        }
    }

    rc = notify_publish_to_locked(z, pub, key);

    if (rc != 0) {
        /* a key that was made for it, or not */
        notify_key_release_locked(z, key);
    }

    return rc;
}


/* whether it has been published before; evicted ones are forgotten */

static int
notify_publish_once_locked(notify_zone_t *z, notify_publication_t *pub,
    uint32_t key)
{
    uint32_t           message;
    notify_message_t  *m;

    message = notify_store_once_locked(z, key, pub->p->once);

    if (message == 0) {
        return NOTIFY_NEW;
    }

    m = notify_block(z, message);

    if (m->length != pub->length || m->kind != pub->p->kind) {
        return NOTIFY_OTHER;
    }

    pub->receipt->id = m->id;
    pub->receipt->sockets = m->sockets;
    pub->receipt->repeated = true;

    if (pub->length > NOTIFY_COPY_LOCKED) {
        pub->earlier = message;
        pub->slot = notify_inbox_hold(z, message, z->seat);
        notify_slow_ask_locked(z);

        if (pub->slot) {
            return NOTIFY_COMPARE;
        }

        /* a full zone: room could cost the history this very message */
    }

    return notify_publish_same(z, pub, message) ? 0 : NOTIFY_OTHER;
}


static int
notify_publish_compare(notify_zone_t *z, notify_publication_t *pub)
{
    bool  same;

    same = notify_publish_same(z, pub, pub->earlier);

    notify_lock(z);

    notify_inbox_done(z, pub->slot, z->seat);

    if (pub->message) {
        notify_message_free(z, pub->message);
    }

    notify_unlock(z);

    return same ? 0 : NOTIFY_OTHER;
}


static void
notify_publish_to_nobody_locked(notify_zone_t *z,
    notify_publication_t *pub, uint32_t key)
{
    uint64_t  id;

    id = notify_message_next_id(z, pub->p->now);

    if (pub->p->kind != NOTIFY_CLOSE) {
        notify_key_lost_locked(z, key, pub->hash, id);
    }

    pub->receipt->id = id;
    pub->receipt->sockets = 0;
    pub->receipt->repeated = false;
}


static int
notify_publish_to_locked(notify_zone_t *z, notify_publication_t *pub,
    uint32_t key)
{
    int       rc;
    uint32_t  message;

    if (pub->message) {
        return notify_publish_finish_locked(z, pub, key, pub->message);
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

    notify_publish_write(z, message, pub->head, pub->head_length, pub->p);

    rc = notify_publish_finish_locked(z, pub, key, message);

    if (rc != 0) {
        notify_message_free(z, message);
    }

    return rc;
}


static int
notify_publish_finish_locked(notify_zone_t *z, notify_publication_t *pub,
    uint32_t key, uint32_t message)
{
    const notify_publish_t  *p;
    notify_message_t        *m;

    p = pub->p;
    m = notify_block(z, message);

    m->id = notify_message_next_id(z, p->now);
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


/* whether a message of that length has the frame of the publication */

static bool
notify_publish_same(const notify_zone_t *z, notify_publication_t *pub,
    uint32_t message)
{
    size_t            left, n;
    uint32_t          size;
    unsigned          i;
    const uint8_t    *piece, *p;
    notify_cursor_t   cursor;

    memset(&cursor, 0, sizeof(notify_cursor_t));

    i = 0;
    p = pub->head;
    left = pub->head_length;

    while ((piece = notify_message_piece(z, message, &cursor.extent, &cursor.at,
                                         &size))
           != NULL)
    {
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
            size -= (uint32_t) n;
            p += n;
            left -= n;
        }
    }

    return true;
}


/* a frame's head is always in the first piece */

static void
notify_publish_write(notify_zone_t *z, uint32_t message, const uint8_t *head,
    size_t head_length, const notify_publish_t *p)
{
    size_t            left, n;
    uint8_t          *to;
    uint32_t          room;
    unsigned          i;
    const uint8_t    *from;
    notify_cursor_t   cursor;

    memset(&cursor, 0, sizeof(notify_cursor_t));

    to = notify_message_piece(z, message, &cursor.extent, &cursor.at, &room);

    if (to == NULL) {
        return;
    }

    memcpy(to, head, head_length);

    to += head_length;
    room -= (uint32_t) head_length;

    for (i = 0; i < p->niov; i++) {
        from = p->iov[i].iov_base;

        for (left = p->iov[i].iov_len; left; left -= n) {

            if (room == 0) {
                to = notify_message_piece(z, message, &cursor.extent,
                                          &cursor.at, &room);
            }

            n = left < room ? left : room;

            memcpy(to, from, n);

            to += n;
            room -= (uint32_t) n;
            from += n;
        }
    }
}
