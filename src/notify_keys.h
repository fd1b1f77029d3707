/*
 * Keys: which seats hold sockets of a user, found by realm and user.
 *
 * Lock: every call wants head->lock.  SIGKILL: joining a new key is decided
 * by its type's store, else joining and leaving by the store of one entry; the
 * index and the counts are derived.
 */

#ifndef NOTIFY_KEYS_H_INCLUDED
#define NOTIFY_KEYS_H_INCLUDED

#include "notify_user.h"
#include "notify_zone.h"


#define NOTIFY_REALM_MAX       255u


/* Who: bytes borrowed for the call; each part within its bound above. */
typedef struct {
    const uint8_t  *realm;
    size_t          realm_length;
    const uint8_t  *user;
    size_t          user_length;
} notify_name_of_t;


/* Where the keys of that hash begin: the first one's block, or 0. */
static inline uint32_t *
notify_key_bucket(const notify_zone_t *z, uint32_t hash)
{
    return &z->buckets[hash & (z->head->buckets - 1)];
}


/*
 * The hash of a name in this zone.  Who goes on to look for the key has its
 * bucket brought into the cache by this, and by notify_key_soon(), some work of
 * his later, what the bucket leads to: so he waits less for memory while he
 * has the lock.  Both need none, and change nothing.
 */
uint32_t notify_key_hash(const notify_zone_t *z, const notify_name_of_t *name);
void notify_key_soon(const notify_zone_t *z, uint32_t hash);

/*
 * The hash of an Idempotency-Key of n bytes for that user, pushed to that
 * location; never 0.  Needs no lock.
 */
uint64_t notify_once_hash(const notify_zone_t *z, uint64_t location,
    const notify_name_of_t *name, const uint8_t *p, size_t n);

/* Returns the key's block, or 0 when nobody has joined it. */
uint32_t notify_key_find_locked(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash);

/*
 * Adds one socket of this seat to the key, which is made when it is not there.
 * Returns the key's block, or 0 when the zone is full; then nothing changed.
 */
uint32_t notify_key_join_locked(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash, uint32_t seat);

/*
 * Makes a key that nobody has joined, for a message that is to be stored; the
 * caller releases it when that fails.  0: the zone is full.
 */
uint32_t notify_key_make_locked(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash);

/*
 * A message of that id is not stored, or not any more: who resumes from before
 * it will be told.  key is 0 when there is none.
 */
void notify_key_lost_locked(notify_zone_t *z, uint32_t key, uint32_t hash,
    uint64_t id);

/*
 * The seat's entry in the key, or an unused one for it; NULL when the zone is
 * full.
 */
uint32_t *notify_key_entry_locked(notify_zone_t *z, uint32_t key,
    uint32_t seat);

/* Takes one socket of this seat away; frees the key after its last use. */
void notify_key_leave_locked(notify_zone_t *z, uint32_t key, uint32_t seat);

/* Frees the key if no socket and no message needs it. */
void notify_key_release_locked(notify_zone_t *z, uint32_t key);

/*
 * Copies realm and user to bytes, and says in name where they are.  Needs no
 * lock while the caller's seat has joined the key.
 */
void notify_key_name(const notify_zone_t *z, uint32_t key,
    uint8_t bytes[NOTIFY_REALM_MAX + NOTIFY_USER_MAX], notify_name_of_t *name);


/*
 * Walks the entries of a key, the unused (0) ones too.  With *at as 0 before
 * the first call; NULL at the end.
 */
typedef struct {
    uint32_t  block;
    uint32_t  i;
} notify_entry_walk_t;

uint32_t *notify_key_entry_next(const notify_zone_t *z, uint32_t key,
    notify_entry_walk_t *at);


/*
 * Rebuild, first pass: marks the key's blocks and drops the entries of seats
 * that are not live.  Returns false when its blocks are not its own: then it
 * must be freed.
 */
bool notify_key_mark(notify_zone_t *z, uint32_t key);

/* Rebuild, last pass: puts the key into the index, or frees it when unused. */
void notify_key_index(notify_zone_t *z, uint32_t key);

#endif /* NOTIFY_KEYS_H_INCLUDED */
