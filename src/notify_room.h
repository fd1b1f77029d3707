/*
 * Makes room in a full zone.
 */

#ifndef NOTIFY_ROOM_H_INCLUDED
#define NOTIFY_ROOM_H_INCLUDED

#include "notify_zone.h"


/*
 * History goes, oldest first, before anything is refused: until there is room
 * for length bytes.  Takes the lock itself, several times, so that nobody waits
 * long.  now is in ms since the epoch, or 0.  Returns whether it is worthwhile
 * to try again: not when no history is left, nor when so much can never fit,
 * which is not to cost all users theirs.
 */
bool notify_room_make(notify_zone_t *z, size_t length, uint64_t now);

#endif /* NOTIFY_ROOM_H_INCLUDED */
