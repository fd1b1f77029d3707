/*
 * A worker's seat: taking one, leaving it, and reaping those of the dead.
 *
 * A worker holds its seat's life lock for as long as it lives, so a seat
 * whose life lock can be had belongs to nobody, whatever its state says.
 * Lock order: a life lock, then head->lock.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <unistd.h>

#include "notify_inbox.h"
#include "notify_lock.h"
#include "notify_seat.h"


static bool notify_seat_trylife(notify_seat_t *s);
static void notify_seat_reap(notify_zone_t *z, notify_seat_t *s);


int
notify_seat_take(notify_zone_t *z, uint32_t generation)
{
    uint32_t        i;
    notify_seat_t  *s;

    for (i = 0; i < z->head->seats; i++) {
        s = &z->seats[i];

        if (!notify_seat_trylife(s)) {
            continue;
        }

        if (s->state != NOTIFY_SEAT_FREE) {
            notify_seat_reap(z, s);
        }

        notify_lock(z);

        s->generation = generation;
        s->pid = getpid();
        s->exiting = 0;
        s->tls = 0;
        s->wake = 0;

        notify_store(&s->state, NOTIFY_SEAT_LIVE);

        z->seat = i;

        notify_unlock(z);

        return 0;
    }

    return -1;
}


void
notify_seat_leave(notify_zone_t *z)
{
    uint32_t        slot;
    notify_seat_t  *s;

    s = &z->seats[z->seat];

    notify_lock(z);

    while (notify_inbox_take(z, z->seat, &slot)) {
        notify_inbox_done(z, slot, z->seat);
    }

    notify_store(&s->state, NOTIFY_SEAT_FREE);

    notify_unlock(z);

    z->seat = NOTIFY_NONE;

    (void) pthread_mutex_unlock(&s->life);
}


unsigned
notify_seat_sweep(notify_zone_t *z)
{
    uint32_t        i;
    unsigned        n;
    notify_seat_t  *s;

    n = 0;

    for (i = 0; i < z->head->seats; i++) {
        s = &z->seats[i];

        if (i == z->seat
            || s->state == NOTIFY_SEAT_FREE
            || !notify_seat_trylife(s))
        {
            continue;
        }

        if (s->state != NOTIFY_SEAT_FREE) {
            notify_seat_reap(z, s);
            n++;
        }

        (void) pthread_mutex_unlock(&s->life);
    }

    return n;
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


/* the caller has the dead worker's life lock */

static void
notify_seat_reap(notify_zone_t *z, notify_seat_t *s)
{
    notify_lock(z);

    /* killed below, the next sweep finds it dying and does the same */

    notify_store(&s->state, NOTIFY_SEAT_DYING);

    notify_rebuild_locked(z);

    notify_store(&s->state, NOTIFY_SEAT_FREE);

    notify_unlock(z);
}
