/*
 * Hands out the zone's blocks: records, and runs within a page for messages.
 *
 * Lock: every call wants head->lock.  SIGKILL: bitmaps, counts and lists are
 * derived; the only truth stored here is head->top, before a page is used.
 */

#ifndef NOTIFY_BLOCKS_H_INCLUDED
#define NOTIFY_BLOCKS_H_INCLUDED

#include "notify_zone.h"


/*
 * Keys live long and messages do not, so each kind has pages of its own: a
 * page that messages have left is whole again and can take a large body.
 */
enum {
    NOTIFY_FOR_KEYS = 0,
    NOTIFY_FOR_MESSAGES
};


/*
 * Takes NOTIFY_RECORD blocks in a row, their bytes undefined.  Returns the
 * first, or 0 when the zone is full.
 */
uint32_t notify_record_alloc(notify_zone_t *z, unsigned purpose);

/*
 * Takes up to want blocks in a row, for messages; *got says how many: what a
 * record has at least, or want.  Returns the first, or 0 when the zone is full.
 */
uint32_t notify_run_alloc(notify_zone_t *z, uint32_t want, uint32_t *got);

/* Gives n blocks in a row back. */
void notify_blocks_free(notify_zone_t *z, uint32_t b, uint32_t n);


/* Rebuild: forgets what is used; then mark what is; then relist the pages. */
void notify_blocks_forget(notify_zone_t *z);

/*
 * Marks n blocks in a row used.  Returns false, and marks none, when they are
 * not n blocks of one page that were free till now.
 */
bool notify_blocks_mark(notify_zone_t *z, uint32_t b, uint32_t n);

void notify_blocks_relist(notify_zone_t *z);


static inline void
notify_record_free(notify_zone_t *z, uint32_t b)
{
    notify_blocks_free(z, b, NOTIFY_RECORD);
}


static inline bool
notify_record_mark(notify_zone_t *z, uint32_t b)
{
    return notify_blocks_mark(z, b, NOTIFY_RECORD);
}

#endif /* NOTIFY_BLOCKS_H_INCLUDED */
