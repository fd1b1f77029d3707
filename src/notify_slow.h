/*
 * The mark at half of the zone: what waits for slow sockets may take so much.
 * Beyond it, the worker that has most of it is asked to close its slowest
 * sockets, until it takes less.
 *
 * Lock: every call wants head->lock.  SIGKILL: all of it is derived; a rebuild
 * asks anew.
 */

#ifndef NOTIFY_SLOW_H_INCLUDED
#define NOTIFY_SLOW_H_INCLUDED

#include "notify_zone.h"


/*
 * More waits than before: beyond the mark, asks a seat, unless one has been
 * asked and has not answered.  Notes in z->wake that it is to be woken, but
 * for the caller's own, which looks by itself.
 */
void notify_slow_ask_locked(notify_zone_t *z);

/*
 * The seat that was asked answers, for each socket that it is about to close;
 * can: there is one that would help.  Whether it is to close it; if not,
 * enough has gone, or another seat has more and has been asked instead.
 */
bool notify_slow_answer_locked(notify_zone_t *z, bool can);

#endif /* NOTIFY_SLOW_H_INCLUDED */
