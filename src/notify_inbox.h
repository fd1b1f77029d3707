/*
 * Inboxes: the order in which each seat is to take messages.
 *
 * Lock: every call wants head->lock.  SIGKILL: storing a
 * message's type decides whether it was published, to all its targets at once;
 * storing a target's word, whether that seat has it; lists, counts and
 * references are derived.
 */

#ifndef NOTIFY_INBOX_H_INCLUDED
#define NOTIFY_INBOX_H_INCLUDED

#include "notify_zone.h"


/* in a slot, beside the block: it is of a message read from the store */
#define NOTIFY_SLOT_HELD  0x80000000u

/*
 * Publishes to every seat that has sockets of the key, and notes in z->wake
 * whom to wake.  The message's key, id, kind and code are set.  Returns 0, or
 * -1 when the zone is full: then nothing was published, and the message is
 * still the caller's.
 */
int notify_inbox_publish(notify_zone_t *z, uint32_t message);

/*
 * Publishes a message to one seat: a batch, or one that has a key.  It has its
 * id and kind.
 */
void notify_inbox_post(notify_zone_t *z, uint32_t message, uint32_t seat);

/* Whether the seat has a batch that it is not done with. */
bool notify_inbox_has_batch(const notify_zone_t *z, uint32_t seat);

/*
 * Takes the oldest message out of the seat's inbox: returns its block, and in
 * *slot the block that holds the seat's target; 0 when there is none.
 */
uint32_t notify_inbox_take(notify_zone_t *z, uint32_t seat, uint32_t *slot);

/*
 * Some socket of the seat cannot have the message at once: slot is one of
 * _take(), and is given back as any.  Till then the message counts among those
 * that wait, as one that is held does.
 */
void notify_inbox_wait(notify_zone_t *z, uint32_t slot, uint32_t seat);

/*
 * Holds a message for one socket of the seat that reads it from the store.
 * Returns the slot to give back, or 0 when the zone is full.
 */
uint32_t notify_inbox_hold(notify_zone_t *z, uint32_t message, uint32_t seat);

/*
 * The seat needs the message no more: slot is one of _take() or of _hold().
 * The last one frees it, unless it is stored.
 */
void notify_inbox_done(notify_zone_t *z, uint32_t slot, uint32_t seat);

/* Notes in z->wake that the seat is to be woken, unless it is awake. */
void notify_inbox_wake(notify_zone_t *z, uint32_t seat);

/*
 * Rebuild, second pass: drops the targets of seats that are not live, frees
 * the messages of the list that nobody needs, and puts the others back into
 * the inboxes, by id.  Returns these, linked in that order.
 */
uint32_t notify_inbox_relink(notify_zone_t *z, uint32_t list);

#endif /* NOTIFY_INBOX_H_INCLUDED */
