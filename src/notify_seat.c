/*
 * A worker's seat: taking one, leaving it, and reaping those of the dead.
 *
 * A worker holds its seat's life lock for as long as it lives, so a seat
 * whose life lock can be had belongs to nobody, whatever its state says.
 * Lock order: a life lock, then head->lock.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "notify_batch.h"
#include "notify_inbox.h"
#include "notify_lock.h"
#include "notify_seat.h"
#include "notify_slow.h"


static void notify_seat_open(notify_zone_t *z, uint32_t seat,
    uint32_t generation);
static int notify_seat_take_state(notify_zone_t *z, uint32_t state,
    uint32_t generation);
static void notify_seat_reap(notify_zone_t *z, const uint64_t *dead);
static void notify_seat_reaped(notify_zone_t *z, uint32_t seat);
static uint32_t notify_seat_disown(notify_zone_t *z, uint32_t seat,
    int *descriptors, uint32_t max);
static bool notify_seat_is_used(const notify_seat_t *s);
static uint32_t notify_seat_state(const notify_seat_t *s);
static bool notify_seat_trylife(notify_seat_t *s);


int
notify_seat_take(notify_zone_t *z, uint32_t generation)
{
    (void) notify_seat_sweep(z);

    if (notify_seat_take_state(z, NOTIFY_SEAT_INHERIT, generation) == 0) {
        return 0;
    }

    return notify_seat_take_state(z, NOTIFY_SEAT_FREE, generation);
}


static int
notify_seat_take_state(notify_zone_t *z, uint32_t state, uint32_t generation)
{
    uint32_t        i;
    notify_seat_t  *s;

    for (i = 0; i < z->head->seats; i++) {
        s = &z->seats[i];

        if (notify_seat_state(s) != state || !notify_seat_trylife(s)) {
            continue;
        }

        if (notify_seat_state(s) == state) {
            notify_seat_open(z, i, generation);
            return 0;
        }

        /* it was taken since, and its taker has died: the next sweep's */

        (void) pthread_mutex_unlock(&s->life);
    }

    return -1;
}


/* the caller has the life lock */

static void
notify_seat_open(notify_zone_t *z, uint32_t seat, uint32_t generation)
{
    notify_seat_t  *s;

    s = &z->seats[seat];

    notify_lock(z);

    s->generation = generation;
    s->pid = getpid();
    s->parent = getppid();
    s->capacity = 0;
    s->exiting = 0;
    s->evicted = 0;
    s->slow = NOTIFY_SLOW_NONE;
    s->tls = 0;
    s->held = 0;

    if (notify_seat_state(s) == NOTIFY_SEAT_INHERIT) {

        /*
         * Some of what was on its way may have been given up
         * (notify_seat_disown()): this finds the sockets that still are.
         */

        notify_store(&s->state, NOTIFY_SEAT_DYING);
        notify_rebuild_locked(z);
    }

    s->wake = s->first != 0;
    z->wake_self |= s->first != 0;

    notify_store(&s->state, NOTIFY_SEAT_LIVE);

    z->seat = seat;

    notify_unlock(z);
}


void
notify_seat_leave(notify_zone_t *z)
{
    uint32_t        slot, state;
    notify_seat_t  *s;

    s = &z->seats[z->seat];

    notify_lock(z);

    while (s->batches == 0 && notify_inbox_take(z, z->seat, &slot)) {
        notify_inbox_done(z, slot, z->seat);
    }

    /* what a dead worker leaves is reaped */

    state = s->sockets || s->taken || s->batches ? NOTIFY_SEAT_DYING
                                                 : NOTIFY_SEAT_FREE;

    notify_store(&s->state, state);

    /* instead of this one, if it was the one that was asked */

    notify_slow_ask_locked(z);

    notify_unlock(z);

    z->seat = NOTIFY_NONE;

    (void) pthread_mutex_unlock(&s->life);
}


unsigned
notify_seat_sweep(notify_zone_t *z)
{
    uint32_t        i;
    unsigned        n;
    uint64_t        dead[NOTIFY_SEATS_MAX / 64];
    notify_seat_t  *s;

    n = 0;
    memset(dead, 0, sizeof(dead));

    for (i = 0; i < z->head->seats; i++) {
        s = &z->seats[i];

        if (i == z->seat
            || !notify_seat_is_used(s)
            || !notify_seat_trylife(s))
        {
            continue;
        }

        /* it may have been left, or reaped, before its life lock was had */

        if (!notify_seat_is_used(s)) {
            (void) pthread_mutex_unlock(&s->life);
            continue;
        }

        dead[i / 64] |= (uint64_t) 1 << (i % 64);
        n++;
    }

    if (n) {
        notify_seat_reap(z, dead);
        z->reaped += n;
    }

    return n;
}


/*
 * One rebuild for all that have died: a whole generation may have.  The
 * caller has their life locks, which are given back.
 */

static void
notify_seat_reap(notify_zone_t *z, const uint64_t *dead)
{
    uint32_t  i;

    notify_lock(z);

    for (i = 0; i < z->head->seats; i++) {
        if (dead[i / 64] >> (i % 64) & 1) {
            notify_store(&z->seats[i].state, NOTIFY_SEAT_DYING);
        }
    }

    notify_rebuild_locked(z);

    notify_unlock(z);

    /*
     * All that have messages are awake now, and not before: killed above, the
     * next sweep finds the seats still dying, and wakes them.
     */

    for (i = 0; i < z->head->seats; i++) {
        if (dead[i / 64] >> (i % 64) & 1) {
            notify_seat_reaped(z, i);
        }
    }
}


/* the last step: it waits for an heir, or is anybody's */

static void
notify_seat_reaped(notify_zone_t *z, uint32_t seat)
{
    uint32_t        state;
    notify_seat_t  *s;

    s = &z->seats[seat];

    if (s->parent == getppid()) {
        /* each nginx counts its own */
        z->held += s->held;
    }

    s->held = 0;

    notify_lock(z);

    if (s->batches) {
        s->inherit = notify_seconds();
        state = NOTIFY_SEAT_INHERIT;

    } else {
        notify_batch_discard_locked(z, seat);
        state = NOTIFY_SEAT_FREE;
    }

    notify_store(&s->state, state);

    notify_unlock(z);

    (void) pthread_mutex_unlock(&s->life);
}


uint32_t
notify_seat_orphans(notify_zone_t *z, uint32_t seconds, int *descriptors,
    uint32_t max)
{
    uint32_t        i, n;
    notify_seat_t  *s;

    n = 0;

    for (i = 0; i < z->head->seats && n == 0; i++) {
        s = &z->seats[i];

        if (notify_seat_state(s) != NOTIFY_SEAT_INHERIT
            || notify_seconds() - s->inherit <= seconds
            || !notify_seat_trylife(s))
        {
            continue;
        }

        if (notify_seat_state(s) == NOTIFY_SEAT_INHERIT) {
            n = notify_seat_disown(z, i, descriptors, max);
        }

        (void) pthread_mutex_unlock(&s->life);
    }

    return n;
}


/*
 * A batch at a time: killed in here, the descriptors are gone, and the next
 * one to look finds that.  Its entries stay till somebody takes the seat; or
 * till no batch is left: then it is a dead worker's without sockets on their
 * way, and reaped.
 */

static uint32_t
notify_seat_disown(notify_zone_t *z, uint32_t seat, int *descriptors,
    uint32_t max)
{
    uint32_t           n, message, slot;
    notify_seat_t     *s;
    notify_message_t  *m;

    n = 0;
    s = &z->seats[seat];

    notify_lock(z);

    do {
        message = notify_inbox_take(z, seat, &slot);

        if (message == 0) {
            break;
        }

        m = notify_block(z, message);

        if (m->kind == NOTIFY_BATCH) {
            n = notify_batch_sockets(z, message);

            if (n > max
                || notify_batch_receive(z, seat, m->id, descriptors, n) == -1)
            {
                n = 0;
            }
        }

        notify_inbox_done(z, slot, seat);

    } while (n == 0);

    if (s->batches == 0) {
        notify_store(&s->state, NOTIFY_SEAT_DYING);
    }

    notify_unlock(z);

    return n;
}


void
notify_seat_evict(notify_zone_t *z)
{
    uint32_t        i;
    uint64_t        one;
    notify_seat_t  *s, *oldest;

    oldest = NULL;

    for (i = 0; i < z->head->seats; i++) {
        s = &z->seats[i];

        if (notify_seat_state(s) == NOTIFY_SEAT_LIVE
            && s->exiting
            && !s->evicted
            && (oldest == NULL || s->generation < oldest->generation))
        {
            oldest = s;
        }
    }

    if (oldest) {
        one = 1;
        oldest->evicted = 1;
        (void) !write(oldest->event, &one, sizeof(one));
    }
}


uint32_t
notify_seconds(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint32_t) ts.tv_sec;
}


/* LIVE or DYING: if its worker is dead, it has to be reaped */

static bool
notify_seat_is_used(const notify_seat_t *s)
{
    uint32_t  state;

    state = notify_seat_state(s);

    return state == NOTIFY_SEAT_LIVE || state == NOTIFY_SEAT_DYING;
}


/* may be read without a lock: only who has the life lock changes it */

static uint32_t
notify_seat_state(const notify_seat_t *s)
{
    return __atomic_load_n(&s->state, __ATOMIC_RELAXED);
}


static bool
notify_seat_trylife(notify_seat_t *s)
{
    int  rc;

    rc = pthread_mutex_trylock(&s->life);

    if (rc == EOWNERDEAD) {
        rc = pthread_mutex_consistent(&s->life);
    }

    return rc == 0;
}
