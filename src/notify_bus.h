/*
 * The bus: sockets join and leave keys, a push publishes, workers take.
 *
 * Each call takes the zone's lock itself, for well under a microsecond; bodies
 * that are not small are copied outside it.  Any worker may call with its own
 * seat.
 *
 * A call that publishes sets z->wake_self when the caller itself has to take;
 * and so may any other call, since any may find that the zone must be rebuilt.
 */

#ifndef NOTIFY_BUS_H_INCLUDED
#define NOTIFY_BUS_H_INCLUDED

#include "notify_batch.h"
#include "notify_keys.h"
#include "notify_limit.h"
#include "notify_message.h"
#include "notify_publish.h"
#include "notify_zone.h"


/*
 * A socket of this worker joins the key.  Returns the key's block, by which it
 * leaves, and in *since the last id published: what it is to be sent has a
 * larger one.  limit: NULL, or one whose max is 0, is none; else the socket is
 * a member.  0: the zone is full, also when all history has gone; or it has not
 * been let in: limit->why is NOTIFY_LIMIT_REFUSED.
 */
uint32_t notify_bus_join(notify_zone_t *z, const notify_name_of_t *name,
    notify_limit_t *limit, uint64_t *since);

/* Where a socket goes on that has had messages before. */
typedef struct {
    uint64_t             last;               /* in: the last it has, or what
                                                notify_id_read() made of a
                                                time */
    uint64_t             now;                /* in: ms since the epoch */
    uint64_t             joined;             /* the last id published */
    uint64_t             since;              /* where it begins to read */
    bool                 gap;                /* some before that are gone */
} notify_resume_t;

/*
 * The same for a socket that resumes.  It is to read the store after since,
 * with notify_bus_read(), until that says it is live.
 */
uint32_t notify_bus_resume(notify_zone_t *z, const notify_name_of_t *name,
    notify_limit_t *limit, notify_resume_t *r);

void notify_bus_leave(notify_zone_t *z, uint32_t key);

/* The same for a member; one that is 0 is none. */
void notify_bus_leave_member(notify_zone_t *z, uint32_t key, uint32_t member);

/* How many sockets the user has on this node, in all its workers. */
uint32_t notify_bus_online(notify_zone_t *z, const notify_name_of_t *name);

/* The id of the last message published in this zone. */
uint64_t notify_bus_last_id(const notify_zone_t *z);


/*
 * A message taken: this worker's until it is done with, and readable till then
 * without a lock.
 */
typedef struct {
    uint64_t             id;
    uint32_t             key;
    uint32_t             message;            /* its block */
    uint32_t             slot;               /* where this seat's target is */
    uint32_t             length;             /* of the frame */
    uint32_t             member;             /* of NOTIFY_REPLACE */
    uint16_t             code;
    uint8_t              kind;
    bool                 json;
    bool                 stored;             /* it can be read later, too */
} notify_item_t;

/*
 * Under one lock: is done with ndone items, and takes up to max new ones, in
 * the order in which they were published; a batch is always the last.  Returns
 * how many.  0 with a max that is not: the inbox is empty, and the next message
 * wakes the seat; else the caller has to come again.
 */
unsigned notify_bus_take(notify_zone_t *z, notify_item_t *items, unsigned max,
    const uint32_t *done, unsigned ndone);

/*
 * The same; but when the inbox is empty hands the batch over in that very
 * hold, so that no message falls between.  *sent: 1, or 0 when it took items
 * or it cannot be done now.
 */
unsigned notify_bus_take_or_send(notify_zone_t *z, notify_item_t *items,
    unsigned max, const uint32_t *done, unsigned ndone,
    const notify_batch_t *batch, uint64_t now, bool *sent);

/*
 * A socket of this worker cannot have at once an item that was taken or read:
 * it counts among those that wait, till it is given back.  When these take more
 * than half of the zone, the seat with most of them is asked to close its
 * slowest sockets: it is woken, and finds NOTIFY_SLOW_ASKED in its seat.  So it
 * may after any call that waits or reads, if it is this one.
 */
void notify_bus_wait(notify_zone_t *z, const notify_item_t *item);

/*
 * The answer: is done with ndone items first.  can: this worker has a socket
 * that would help.  Whether it is to close that one, and then to answer again.
 */
bool notify_bus_close_slow(notify_zone_t *z, bool can, const uint32_t *done,
    unsigned ndone);

/*
 * Reads the store for a socket that resumes, or was too slow: up to max items
 * of the key with ids after since, to be given back as those taken are.  Is
 * done with ndone items first.  0: there are none, and the socket is live: it
 * wants what is taken with ids after *live.  -1: some after since are gone.
 */
int notify_bus_read(notify_zone_t *z, uint32_t key, uint64_t since,
    notify_item_t *items, unsigned max, const uint32_t *done, unsigned ndone,
    uint64_t now, uint64_t *live);

/*
 * The seat that sockets of this worker should be handed to next: of those that
 * may have them, in the newest configuration, the one with the fewest.  *n says
 * how many there are.  NOTIFY_NONE: none, now.  but, which may be NULL, has a
 * bit for each seat, set for those that are not to be thought of.
 */
uint32_t notify_bus_successor(notify_zone_t *z, const uint64_t *but,
    uint32_t *n);

/* Closes descriptors in this seat's pair that a dead sender has left there. */
void notify_bus_discard(notify_zone_t *z);

/*
 * The frame's bytes from piece to piece: NULL at the end.  The cursor is zero
 * before the first call.
 */
const uint8_t *notify_bus_piece(const notify_zone_t *z, uint32_t message,
    notify_cursor_t *cursor, size_t *n);

#endif /* NOTIFY_BUS_H_INCLUDED */
