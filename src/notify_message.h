/*
 * Messages: records of their own, and the extents of those that are large.
 *
 * Lock: every call wants head->lock, but for the bytes of a draft (its
 * maker's) and of a taken message (which nobody changes).  SIGKILL: what a
 * message has taken is the message's once its type is stored, and nobody's
 * before and after.
 */

#ifndef NOTIFY_MESSAGE_H_INCLUDED
#define NOTIFY_MESSAGE_H_INCLUDED

#include "notify_zone.h"


/*
 * Takes a message's block, and extents for length bytes of frame when they do
 * not fit in it.  Its type stays NOTIFY_FREE.  Returns 0 when the zone is
 * full; then nothing is taken.
 */
uint32_t notify_message_alloc(notify_zone_t *z, uint32_t length);

/* Gives the blocks back; stores NOTIFY_FREE first. */
void notify_message_free(notify_zone_t *z, uint32_t message);

/* Makes it a draft of this seat: kept while the seat lives, seen by nobody. */
void notify_message_draft(notify_zone_t *z, uint32_t message, uint32_t seat);

/*
 * The piece of a frame that begins at byte *at, which is moved to the end of
 * it; NULL at the end.  block is a message that the caller has as a draft or
 * has taken, and *extent must be 0 before the first call.  Needs no lock.
 */
uint8_t *notify_message_piece(const notify_zone_t *z, uint32_t message,
    uint32_t *extent, uint32_t *at, uint32_t *n);

/* Where in a frame a reader is: all 0 at its beginning. */
typedef struct {
    uint32_t         extent;
    uint32_t         at;
} notify_cursor_t;

/* The id of the next message that is published; now is in ms. */
uint64_t notify_message_next_id(notify_zone_t *z, uint64_t now);

/* Frees the message, if nobody needs it and it is not stored. */
void notify_message_release(notify_zone_t *z, uint32_t message);


/*
 * Rebuild, first pass: marks the blocks of a message, and puts it before
 * *list; or those of a draft whose maker lives.  Returns false when its blocks
 * are not its own, or it is of no use: then it must be freed.
 */
bool notify_message_mark(notify_zone_t *z, uint32_t message, uint32_t *list);
bool notify_draft_mark(notify_zone_t *z, uint32_t message);

#endif /* NOTIFY_MESSAGE_H_INCLUDED */
