/*
 * Members: the words of those sockets of a key that a limit counts.
 *
 * Lock: every call wants head->lock.  SIGKILL: a word is stored at once; a
 * block without any is given back by the next rebuild, too.
 */

#ifndef NOTIFY_MEMBERS_H_INCLUDED
#define NOTIFY_MEMBERS_H_INCLUDED

#include "notify_zone.h"


/* What a look at all of a key's members finds; valid until they change. */
typedef struct {
    uint32_t         n;
    uint64_t        *oldest;                 /* NULL: there are none */
    uint64_t        *vacant;                 /* an unused word, or NULL */
} notify_members_look_t;

void notify_members_look(const notify_zone_t *z, uint32_t key,
    notify_members_look_t *look);

/* The seat's member of that id, or NULL. */
uint64_t *notify_members_find(const notify_zone_t *z, uint32_t key,
    uint32_t seat, uint32_t id);

/*
 * An unused word where no block has one: the key's own, or one of a new block.
 * NULL when the zone is full.
 */
uint64_t *notify_members_make(notify_zone_t *z, uint32_t key);

/* The word of a new member of the seat: younger than all that came before. */
uint64_t notify_members_next(notify_zone_t *z, uint32_t key, uint32_t seat);

/* Gives back the blocks that have no member. */
void notify_members_trim(notify_zone_t *z, uint32_t key);

/* Gives back all of them: the key is being freed. */
void notify_members_free(notify_zone_t *z, uint32_t key);

/*
 * Rebuild, with its key: marks the blocks.  Returns false when they are not its
 * own.
 */
bool notify_members_mark(notify_zone_t *z, uint32_t key);

/* Rebuild, then: that member of a dying seat, if it still is one, is kept. */
void notify_members_keep(const notify_zone_t *z, uint32_t key, uint32_t seat,
    uint32_t id);

/*
 * Rebuild, last pass: drops the members of seats that are not live, but those
 * that are kept; then trims.
 */
void notify_members_settle(notify_zone_t *z, uint32_t key);

#endif /* NOTIFY_MEMBERS_H_INCLUDED */
