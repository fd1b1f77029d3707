/*
 * The store: each user's last messages, for sockets that resume.
 *
 * Lock: every call wants head->lock.  SIGKILL: a message is stored by the
 * store of its type, and evicted by that of its key's lost id, which comes
 * before its stored flag goes: a rebuild finishes what had begun.  The lists,
 * by id, are derived.
 */

#ifndef NOTIFY_STORE_H_INCLUDED
#define NOTIFY_STORE_H_INCLUDED

#include "notify_zone.h"


/*
 * A published message, whose stored flag is set, is the newest of its key.
 * Touches no other message of the key: those are put into their order when
 * somebody reads, or has too many.
 */
void notify_store_append_locked(notify_zone_t *z, uint32_t message);

/* Evicts the oldest of a key until it has at most count. */
void notify_store_bound_locked(notify_zone_t *z, uint32_t key, uint32_t count);

/*
 * Evicts up to n of the oldest messages of all, for want of memory.  Returns
 * how many; counts them, and notes in z->evicted the age in ms of the youngest
 * that had time to live.  Keys may be freed.  now is in ms since the epoch.
 */
unsigned notify_store_evict_locked(notify_zone_t *z, unsigned n, uint64_t now);

/*
 * Evicts the oldest while their time is over: a few, each time it is called,
 * which is more than come in.  Keys may be freed.
 */
void notify_store_expire_locked(notify_zone_t *z, uint64_t now);

/*
 * The oldest stored message of the key with an id after that, or 0; those after
 * it follow by link.
 */
uint32_t notify_store_after_locked(notify_zone_t *z, uint32_t key, uint64_t id);

/*
 * The stored message of the key that was pushed with that hash of an
 * Idempotency-Key, or 0.  Time grows with the key's history.
 */
uint32_t notify_store_once_locked(notify_zone_t *z, uint32_t key,
    uint64_t once);

/* Rebuild: makes the lists of the messages in this list, which is by id. */
void notify_store_relink(notify_zone_t *z, uint32_t list);

#endif /* NOTIFY_STORE_H_INCLUDED */
