/*
 * The store: each user's last messages.
 */

#include "notify_counters.h"
#include "notify_id.h"
#include "notify_keys.h"
#include "notify_message.h"
#include "notify_store.h"


#define NOTIFY_STORE_EXPIRE  2              /* at a time */
#define NOTIFY_STORE_AHEAD   4              /* asked for before their turn */


static void notify_store_settle(notify_zone_t *z, notify_key_t *k);
static inline uint32_t notify_store_soon(const notify_zone_t *z,
    uint32_t message);
static void notify_store_evict(notify_zone_t *z, uint32_t message);
static void notify_store_count(notify_zone_t *z, unsigned counter);


void
notify_store_append_locked(notify_zone_t *z, uint32_t message)
{
    notify_key_t      *k;
    notify_head_t     *head;
    notify_message_t  *m;

    head = z->head;
    m = notify_block(z, message);
    k = notify_block(z, m->key);

    /* the one before it is not written to: it is seldom cached */

    m->link = k->last;
    k->last = message;
    k->fresh++;
    k->stored++;

    m->newer = 0;
    m->older = head->newest;

    if (head->newest) {
        ((notify_message_t *) notify_block(z, head->newest))->newer = message;

    } else {
        head->oldest = message;
    }

    head->newest = message;
    head->stored++;
}


void
notify_store_bound_locked(notify_zone_t *z, uint32_t key, uint32_t count)
{
    notify_key_t  *k;

    k = notify_block(z, key);

    while (k->stored > count) {

        if (k->first == 0) {
            notify_store_settle(z, k);
        }

        notify_store_evict(z, k->first);
    }
}


/* has all of a key's history in the list from the oldest on */

static void
notify_store_settle(notify_zone_t *z, notify_key_t *k)
{
    uint32_t           message, older, list, *link;
    notify_message_t  *m;

    if (k->fresh == 0) {
        return;
    }

    list = 0;

    for (message = k->last; k->fresh; k->fresh--) {
        m = notify_block(z, message);
        older = m->link;

        m->link = list;
        list = message;
        message = older;
    }

    for (link = &k->first; *link; link = &m->link) {
        m = notify_block(z, *link);
    }

    *link = list;
}


unsigned
notify_store_evict_locked(notify_zone_t *z, unsigned n, uint64_t now)
{
    uint32_t           ahead;
    uint64_t           age;
    unsigned           i;
    notify_message_t  *m;

    ahead = z->head->oldest;

    for (i = 0; i < NOTIFY_STORE_AHEAD; i++) {
        ahead = notify_store_soon(z, ahead);
    }

    for (i = 0; i < n && z->head->oldest; i++) {
        m = notify_block(z, z->head->oldest);

        if (m->u.expires > now / 1000) {
            age = notify_id_ms(m->id);
            z->evicted = now > age ? now - age : 1;
            notify_store_count(z, NOTIFY_N_EVICTED);
        }

        ahead = notify_store_soon(z, ahead);
        notify_store_evict(z, z->head->oldest);
    }

    return i;
}


/*
 * Has the lines fetched that the eviction of this message, and a look at the
 * next, want: they are seldom cached, and the walk is one miss after another
 * without it.  Messages that came one after another lie so, as a rule, so that
 * the eighth from here is asked for, too, before its turn.  Returns the next,
 * or 0.
 *
 * Inlined in any case: gcc takes a function that only prefetches for one
 * without effects, and leaves out its calls.
 */

static inline __attribute__((always_inline)) uint32_t
notify_store_soon(const notify_zone_t *z, uint32_t message)
{
    notify_message_t  *m;

    if (message == 0) {
        return 0;
    }

    m = notify_block(z, message);

    __builtin_prefetch(notify_block(z, m->key), 1);
    __builtin_prefetch(notify_block(z, m->newer), 1);
    __builtin_prefetch((uint8_t *) m + 8u * m->blocks * NOTIFY_BLOCK, 1);

    return m->newer;
}


void
notify_store_expire_locked(notify_zone_t *z, uint64_t now)
{
    unsigned           i;
    notify_message_t  *m;

    for (i = 0; i < NOTIFY_STORE_EXPIRE && z->head->oldest; i++) {
        m = notify_block(z, z->head->oldest);

        if (m->u.expires > now / 1000) {
            return;
        }

        notify_store_evict(z, z->head->oldest);
    }
}


/* it is the oldest of its key */

static void
notify_store_evict(notify_zone_t *z, uint32_t message)
{
    notify_key_t      *k;
    notify_head_t     *head;
    notify_message_t  *m;

    head = z->head;
    m = notify_block(z, message);
    k = notify_block(z, m->key);

    /* killed between the two, the rebuild stores the second */

    notify_key_lost_locked(z, m->key, k->hash, m->id);
    notify_store(&m->stored, 0);

    /* of those since, the last one's link leads to it no more */

    if (k->first) {
        k->first = m->link;

    } else {
        k->fresh--;
    }

    k->stored--;

    if (m->older) {
        ((notify_message_t *) notify_block(z, m->older))->newer = m->newer;

    } else {
        head->oldest = m->newer;
    }

    if (m->newer) {
        ((notify_message_t *) notify_block(z, m->newer))->older = m->older;

    } else {
        head->newest = m->older;
    }

    head->stored--;

    notify_message_release(z, message);
}


uint32_t
notify_store_after_locked(notify_zone_t *z, uint32_t key, uint64_t id)
{
    uint32_t           message;
    notify_key_t      *k;
    notify_message_t  *m;

    k = notify_block(z, key);

    notify_store_settle(z, k);

    for (message = k->first; message; message = m->link) {
        m = notify_block(z, message);

        if (m->id > id) {
            return message;
        }
    }

    return 0;
}


uint32_t
notify_store_once_locked(notify_zone_t *z, uint32_t key, uint64_t once)
{
    uint32_t           message;
    notify_key_t      *k;
    notify_message_t  *m;

    k = notify_block(z, key);

    notify_store_settle(z, k);

    for (message = k->first; message; message = m->link) {
        m = notify_block(z, message);

        if (m->once == once) {
            return message;
        }
    }

    return 0;
}


void
notify_store_relink(notify_zone_t *z, uint32_t list)
{
    uint32_t           message;
    notify_message_t  *m;

    z->head->oldest = 0;
    z->head->newest = 0;
    z->head->stored = 0;

    while (list) {
        message = list;
        m = notify_block(z, message);
        list = m->link;

        if (m->stored) {
            notify_store_append_locked(z, message);
        }
    }
}


static void
notify_store_count(notify_zone_t *z, unsigned counter)
{
    if (z->seat != NOTIFY_NONE) {
        z->seats[z->seat].counters[counter]++;
    }
}
