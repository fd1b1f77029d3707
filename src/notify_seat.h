/*
 * A worker's seat: taking one, leaving it, and reaping those of the dead.
 */

#ifndef NOTIFY_SEAT_H_INCLUDED
#define NOTIFY_SEAT_H_INCLUDED

#include "notify_counters.h"
#include "notify_zone.h"


/*
 * Takes a seat for this process and generation, in z->seat; sweeps first, and
 * prefers one whose worker died with sockets on their way to it.  Sets
 * z->wake_self when there is something in its inbox.  To be called in the
 * thread that will call notify_seat_leave(): the seat's life lock is held till
 * then, or till death.  Returns 0, or -1 when no seat is free; one that is
 * being reaped by another will be.
 */
int notify_seat_take(notify_zone_t *z, uint32_t generation);

/*
 * Gives the seat back: what its inbox holds is done with, but for batches,
 * which another worker inherits.  Sockets that have not left, and messages
 * taken and not done with, are reaped by the next sweep.
 */
void notify_seat_leave(notify_zone_t *z);

/*
 * Reaps the seats whose workers have died: their sockets are gone, and what
 * they were to deliver goes with them.  Then wakes all that have messages,
 * since a worker that dies between publishing and waking leaves others asleep.
 * Returns how many it reaped, and adds that to z->reaped, and to z->held the
 * connections that died with those of this worker's master.  Cheap when there
 * is none: a try at each life lock; else one rebuild.
 */
unsigned notify_seat_sweep(notify_zone_t *z);

/*
 * Takes sockets that nobody inherits away from a seat that has waited for more
 * than that many seconds: fills in up to max of their descriptors, which the
 * caller closes, and returns how many.  What else is in that seat's inbox goes.
 */
uint32_t notify_seat_orphans(notify_zone_t *z, uint32_t seconds,
    int *descriptors, uint32_t max);

/*
 * Asks the oldest exiting worker to give its seat up: it finds evicted set in
 * its seat.
 */
void notify_seat_evict(notify_zone_t *z);

/* Seconds that no step of the clock changes, the same ones in all processes. */
uint32_t notify_seconds(void);

#endif /* NOTIFY_SEAT_H_INCLUDED */
