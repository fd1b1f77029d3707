/*
 * The zone's lock, and what its taker does after another died in it.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "notify_batch.h"
#include "notify_blocks.h"
#include "notify_inbox.h"
#include "notify_keys.h"
#include "notify_lock.h"
#include "notify_message.h"
#include "notify_slow.h"
#include "notify_store.h"


#define NOTIFY_LOCK_SPINS  200
#define NOTIFY_LOCK_SLEEP  100000000        /* ns */


static int notify_lock_spin(pthread_mutex_t *m);
static int notify_lock_sleep(pthread_mutex_t *m);
static void notify_lock_wake(notify_zone_t *z);
static void notify_rebuild_roots(notify_zone_t *z, uint32_t *messages);
static void notify_rebuild_index(notify_zone_t *z);


#if defined(__x86_64__) || defined(__i386__)
#define notify_cpu_pause()  __builtin_ia32_pause()
#else
#define notify_cpu_pause()  notify_barrier()
#endif


void
notify_lock(notify_zone_t *z)
{
    int             rc;
    notify_head_t  *head;

    head = z->head;

    rc = notify_lock_spin(&head->lock);

    if (rc == EBUSY) {
        rc = notify_lock_sleep(&head->lock);
    }

    if (rc == EOWNERDEAD) {

        /* first of all, so that no unlock can make the lock unusable */

        rc = pthread_mutex_consistent(&head->lock);
    }

    if (rc != 0) {

        /* without the lock nothing could be done here that is safe */

        abort();
    }

    if (head->dirty) {
        notify_rebuild_locked(z);
    }

    notify_store(&head->dirty, 1);
}


static int
notify_lock_spin(pthread_mutex_t *m)
{
    int  rc, i;

    for (i = 0; i < NOTIFY_LOCK_SPINS; i++) {
        rc = pthread_mutex_trylock(m);

        if (rc != EBUSY) {
            return rc;
        }

        notify_cpu_pause();
    }

    return EBUSY;
}


/*
 * Not for ever: an unlock wakes one sleeper, and when that is killed before it
 * has the lock, while another has got it without sleeping, nobody knows of the
 * other sleepers any more.
 */

static int
notify_lock_sleep(pthread_mutex_t *m)
{
    int              rc;
    struct timespec  until;

    do {
        (void) clock_gettime(CLOCK_REALTIME, &until);

        until.tv_nsec += NOTIFY_LOCK_SLEEP;

        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }

        rc = pthread_mutex_timedlock(m, &until);

    } while (rc == ETIMEDOUT);

    return rc;
}


void
notify_unlock(notify_zone_t *z)
{
    notify_store(&z->head->dirty, 0);

    (void) pthread_mutex_unlock(&z->head->lock);

    notify_lock_wake(z);
}


static void
notify_lock_wake(notify_zone_t *z)
{
    uint32_t  i, seat;
    uint64_t  one, word;

    one = 1;

    for (i = 0; i < (z->head->seats + 63) / 64; i++) {

        word = z->wake[i];
        z->wake[i] = 0;

        for ( /* void */ ; word; word &= word - 1) {
            seat = i * 64 + (uint32_t) __builtin_ctzll(word);

            if (seat == z->seat) {
                z->wake_self = true;

            } else {
                /* EAGAIN: the counter is full, so it is awake already */
                (void) !write(z->seats[seat].event, &one, sizeof(one));
            }
        }
    }
}


void
notify_rebuild_locked(notify_zone_t *z)
{
    uint32_t        i, messages;
    notify_head_t  *head;

    head = z->head;

    notify_store(&head->dirty, 1);

    notify_blocks_forget(z);

    /* none was told: who has messages will be, as they are queued again */

    for (i = 0; i < head->seats; i++) {
        z->seats[i].first = 0;
        z->seats[i].last = 0;
        z->seats[i].wake = 0;
        z->seats[i].taken = 0;
        z->seats[i].slow = NOTIFY_SLOW_NONE;
        z->seats[i].waiting = 0;
        z->seats[i].batches = 0;
        z->seats[i].adopt = 0;
        z->seats[i].sockets = 0;
    }

    head->keys = 0;
    head->messages = 0;
    head->waiting = 0;

    messages = 0;

    notify_batch_apply(z);
    notify_rebuild_roots(z, &messages);
    notify_batch_restore(z, messages);
    notify_blocks_relist(z);
    notify_store_relink(z, notify_inbox_relink(z, messages));
    notify_rebuild_index(z);
    notify_slow_ask_locked(z);
}


static void
notify_rebuild_roots(notify_zone_t *z, uint32_t *messages)
{
    bool       kept;
    uint8_t   *type;
    uint32_t   b, end;

    end = z->head->top * NOTIFY_PAGE_BLOCKS;

    for (b = 0; b < end; b++) {
        type = notify_type(z, b);

        switch (*type) {

        case NOTIFY_FREE:
            continue;

        case NOTIFY_KEY:
            kept = notify_key_mark(z, b);
            break;

        case NOTIFY_MESSAGE:
            kept = notify_message_mark(z, b, messages);
            break;

        default: /* NOTIFY_DRAFT */
            kept = notify_draft_mark(z, b);
        }

        if (!kept) {
            notify_store(type, NOTIFY_FREE);
        }
    }
}


static void
notify_rebuild_index(notify_zone_t *z)
{
    uint32_t  b, end;

    z->head->buckets = notify_zone_buckets(z->head->size);

    memset(z->buckets, 0, z->head->buckets * sizeof(uint32_t));

    end = z->head->top * NOTIFY_PAGE_BLOCKS;

    for (b = 0; b < end; b++) {
        if (*notify_type(z, b) == NOTIFY_KEY) {
            notify_key_index(z, b);
        }
    }
}


uint32_t
notify_zone_configure(notify_zone_t *z, uint64_t size)
{
    uint32_t        generation;
    notify_head_t  *head;

    head = z->head;

    notify_lock(z);

    if (size != head->size) {
        notify_store(&head->size, size);

        if (notify_zone_buckets(size) != head->buckets) {
            notify_rebuild_locked(z);
        }

        notify_slow_ask_locked(z);
    }

    generation = head->generation + 1;
    notify_store(&head->generation, generation);

    notify_unlock(z);

    return generation;
}
