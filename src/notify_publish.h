/*
 * Publishing: a message's way into the zone.
 *
 * Takes the zone's lock itself, for well under a microsecond; bodies that are
 * not small are copied, and compared, outside it.  It sets z->wake_self when
 * the caller itself has to take.
 */

#ifndef NOTIFY_PUBLISH_H_INCLUDED
#define NOTIFY_PUBLISH_H_INCLUDED

#include <sys/uio.h>

#include "notify_keys.h"
#include "notify_zone.h"


/* the longest payload: a frame's length is a uint32_t in the zone */
#define NOTIFY_PAYLOAD_MAX     ((uint64_t) 1 << 31)


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

/* The same, for who has the name's hash. */
int notify_bus_publish_hashed(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash, const notify_publish_t *p, notify_receipt_t *receipt);

#endif /* NOTIFY_PUBLISH_H_INCLUDED */
