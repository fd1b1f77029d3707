/*
 * Makes room in a full zone.
 */

#include <time.h>

#include "notify_lock.h"
#include "notify_room.h"
#include "notify_store.h"


/* messages that are evicted in one hold of the lock */
#define NOTIFY_ROOM_EVICT  64u


bool
notify_room_make(notify_zone_t *z, size_t length, uint64_t now)
{
    bool      enough;
    unsigned  n;
    uint64_t  all, wanted;

    if (length > z->head->size) {
        return false;
    }

    if (now == 0) {
        now = (uint64_t) time(NULL) * 1000;
    }

    all = z->head->size / NOTIFY_PAGE_SIZE * NOTIFY_PAGE_USABLE;
    wanted = length / NOTIFY_BLOCK;

    do {
        notify_lock(z);

        n = notify_store_evict_locked(z, NOTIFY_ROOM_EVICT, now);
        enough = z->head->used_blocks + wanted <= all;

        notify_unlock(z);

    } while (n == NOTIFY_ROOM_EVICT && !enough);

    return n != 0;
}
