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

#include <sys/uio.h>

#include "notify_batch.h"
#include "notify_keys.h"
#include "notify_zone.h"


/* the longest payload: a frame's length is a uint32_t in the zone */
#define NOTIFY_PAYLOAD_MAX     ((uint64_t) 1 << 31)


/*
 * A socket of this worker joins the key.  Returns the key's block, by which it
 * leaves, and in *since the last id published: what it is to be sent has a
 * larger one.  0: the zone is full, also when all history has gone.
 */
uint32_t notify_bus_join(notify_zone_t *z, const notify_name_of_t *name,
    uint64_t *since);

/* Where a socket goes on that has had messages before. */
typedef struct {
    uint64_t             last;               /* in: the last it has */
    uint64_t             now;                /* in: ms since the epoch */
    uint64_t             since;              /* where it begins to read */
    bool                 gap;                /* some before that are gone */
} notify_resume_t;

/*
 * The same for a socket that resumes.  It is to read the store after since,
 * with notify_bus_read(), until that says it is live.
 */
uint32_t notify_bus_resume(notify_zone_t *z, const notify_name_of_t *name,
    notify_resume_t *r);

void notify_bus_leave(notify_zone_t *z, uint32_t key);

/* How many sockets the user has on this node, in all its workers. */
uint32_t notify_bus_online(notify_zone_t *z, const notify_name_of_t *name);

/* The id of the last message published in this zone. */
uint64_t notify_bus_last_id(const notify_zone_t *z);


/*
 * A message on its way in.  Its bytes are borrowed for the call; length is
 * their sum, at most NOTIFY_PAYLOAD_MAX.
 */
typedef struct {
    unsigned             kind;
    uint16_t             code;               /* of NOTIFY_CLOSE */
    bool                 json;               /* the payload is JSON */
    uint32_t             count;              /* kept for a user at most; 0: this
                                                message is not stored */
    uint32_t             ttl;                /* s, that it is kept */
    uint64_t             once;               /* hash of an Idempotency-Key, or
                                                0; needs a count */
    size_t               length;
    const struct iovec  *iov;
    unsigned             niov;
    uint64_t             now;                /* ms since the epoch */
} notify_publish_t;

typedef struct {
    uint64_t             id;
    uint32_t             sockets;            /* it was published to */
    bool                 repeated;           /* it was so before */
} notify_receipt_t;

enum {
    NOTIFY_FULL = -1,                        /* the zone is, also when all
                                                history has gone */
    NOTIFY_OTHER = -2                        /* once was of another payload */
};

/*
 * Publishes to the sockets that have joined the key at this moment, and stores
 * it.  Returns 0 and the receipt, which is the first one when the same was
 * published before with that once; or NOTIFY_FULL or NOTIFY_OTHER: then nobody
 * has it.
 */
int notify_bus_publish(notify_zone_t *z, const notify_name_of_t *name,
    const notify_publish_t *p, notify_receipt_t *receipt);


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
typedef struct {
    uint32_t             extent;
    uint32_t             at;
} notify_cursor_t;

const uint8_t *notify_bus_piece(const notify_zone_t *z, uint32_t message,
    notify_cursor_t *cursor, size_t *n);

#endif /* NOTIFY_BUS_H_INCLUDED */
