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
#include <unistd.h>

#include "notify_inbox.h"
#include "notify_lock.h"
#include "notify_seat.h"


static void notify_seat_open(notify_zone_t *z, uint32_t seat,
    uint32_t generation);
static void notify_seat_reap(notify_zone_t *z, const uint64_t *dead);
static uint32_t notify_seat_state(const notify_seat_t *s);
static bool notify_seat_trylife(notify_seat_t *s);


int
notify_seat_take(notify_zone_t *z, uint32_t generation)
{
    uint32_t        i;
    notify_seat_t  *s;

    (void) notify_seat_sweep(z);

    for (i = 0; i < z->head->seats; i++) {
        s = &z->seats[i];

        if (notify_seat_state(s) != NOTIFY_SEAT_FREE
            || !notify_seat_trylife(s))
        {
            continue;
        }

        if (notify_seat_state(s) == NOTIFY_SEAT_FREE) {
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
    s->exiting = 0;
    s->tls = 0;
    s->wake = 0;

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

    while (notify_inbox_take(z, z->seat, &slot)) {
        notify_inbox_done(z, slot, z->seat);
    }

    state = s->sockets || s->taken ? NOTIFY_SEAT_DYING : NOTIFY_SEAT_FREE;

    notify_store(&s->state, state);

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
            || notify_seat_state(s) == NOTIFY_SEAT_FREE
            || !notify_seat_trylife(s))
        {
            continue;
        }

        /* it may have been left, or reaped, before its life lock was had */

        if (notify_seat_state(s) == NOTIFY_SEAT_FREE) {
            (void) pthread_mutex_unlock(&s->life);
            continue;
        }

        dead[i / 64] |= (uint64_t) 1 << (i % 64);
        n++;
    }

    if (n) {
        notify_seat_reap(z, dead);
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
            notify_store(&z->seats[i].state, NOTIFY_SEAT_FREE);
            (void) pthread_mutex_unlock(&z->seats[i].life);
        }
    }
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
