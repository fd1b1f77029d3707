/*
 * The zone's lock, and what its taker does after another died in it.
 */

#ifndef NOTIFY_LOCK_H_INCLUDED
#define NOTIFY_LOCK_H_INCLUDED

#include "notify_zone.h"


/*
 * Takes head->lock: spins a little, since it is held for under a microsecond,
 * then sleeps.  Rebuilds the zone when the last holder died.
 */
void notify_lock(notify_zone_t *z);

/*
 * Gives it back, then wakes the seats noted in z->wake.  The caller's own
 * seat is not woken through its eventfd: z->wake_self is set instead.
 */
void notify_unlock(notify_zone_t *z);

/*
 * Makes everything derived anew from the truth, and drops what belongs to
 * seats that are not live.  All seats with messages will be woken: whoever was
 * to wake them may have died.  Time grows with the zone: about 0.1 us a key or
 * message.  The caller holds the lock.
 */
void notify_rebuild_locked(notify_zone_t *z);

/*
 * A new configuration: counts it and returns its generation.  size, from
 * notify_zone_commit(), is what the pages may take from now on.
 */
uint32_t notify_zone_configure(notify_zone_t *z, uint64_t size);

#endif /* NOTIFY_LOCK_H_INCLUDED */
