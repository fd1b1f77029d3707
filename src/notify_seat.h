/*
 * A worker's seat: taking one, leaving it, and reaping those of the dead.
 */

#ifndef NOTIFY_SEAT_H_INCLUDED
#define NOTIFY_SEAT_H_INCLUDED

#include "notify_zone.h"


/*
 * Takes a seat for this process and generation, in z->seat; sweeps first, and
 * prefers one whose worker died with sockets on their way to it.  Sets
 * z->wake_self when there is something in its inbox.  To be called in the
 * thread that will call notify_seat_leave(): the seat's life lock is held till
 * then, or till death.  Returns 0, or -1 when no seat is free; one that is
 * being reaped by another will be.
 */
int notify_seat_take(notify_zone_t *z, uint32_t generation);

/*
 * Gives the seat back: what its inbox holds is done with, but for batches,
 * which another worker inherits.  Sockets that have not left, and messages
 * taken and not done with, are reaped by the next sweep.
 */
void notify_seat_leave(notify_zone_t *z);

/*
 * Reaps the seats whose workers have died: their sockets are gone, and what
 * they were to deliver goes with them.  Then wakes all that have messages,
 * since a worker that dies between publishing and waking leaves others asleep.
 * Returns how many it reaped, and adds to z->held the connections that died
 * with those of this worker's master.  Cheap when there is none: a try at each life lock; else one
 * rebuild.
 */
unsigned notify_seat_sweep(notify_zone_t *z);

/*
 * Takes sockets that nobody inherits away from a seat that has waited for more
 * than that many seconds: fills in up to max of their descriptors, which the
 * caller closes, and returns how many.  What else is in that seat's inbox goes.
 */
uint32_t notify_seat_orphans(notify_zone_t *z, uint32_t seconds,
    int *descriptors, uint32_t max);

/*
 * Asks the oldest exiting worker to give its seat up: it finds evicted set in
 * its seat.
 */
void notify_seat_evict(notify_zone_t *z);

/*
 * What a worker counts, in seat->counters[]: only ever up, over all workers
 * that had the seat.  Names for the operator are in ngx_http_notify_status.c.
 */
enum {
    NOTIFY_N_PUSHES = 0,                     /* accepted */
    NOTIFY_N_PUSH_BYTES,                     /* of their payloads */
    NOTIFY_N_PUSH_FULL,                      /* 507 */
    NOTIFY_N_PUSH_BAD,                       /* 400 */
    NOTIFY_N_PUSH_DENIED,                    /* 403 */
    NOTIFY_N_PUSH_METHOD,                    /* 405 */
    NOTIFY_N_DELIVERED,                      /* to a socket, or its queue */
    NOTIFY_N_DROPPED,                        /* by notify_slow drop */
    NOTIFY_N_HANDSHAKES,                     /* 101 */
    NOTIFY_N_REFUSED_REQUEST,                /* 400, 405, 426: not a handshake */
    NOTIFY_N_REFUSED_USER,                   /* 400, 401: no user, or a bad one */
    NOTIFY_N_REFUSED_ORIGIN,                 /* 403 */
    NOTIFY_N_REFUSED_PEER,                   /* 403: not local */
    NOTIFY_N_REFUSED_RESERVE,                /* 503 */
    NOTIFY_N_REFUSED_ZONE,                   /* 503: zone full, or no seat */
    NOTIFY_N_CLIENT_MESSAGES,
    NOTIFY_N_RELAYED,
    NOTIFY_N_RELAY_FULL,                     /* not relayed: zone full */
    NOTIFY_N_PINGS,
    NOTIFY_N_PING_TIMEOUTS,
    NOTIFY_N_SLOW,                           /* closed by notify_slow close */
    NOTIFY_N_HANDED_OVER,                    /* sockets, to another worker */
    NOTIFY_N_ADOPTED,                        /* sockets, from another worker */
    NOTIFY_N_ORPHANED,                       /* closed with 1012 instead */
    NOTIFY_N_REAPED,                         /* seats of dead workers */
    NOTIFY_N_CLOSED,                         /* the first of the close codes */
    NOTIFY_N_CLOSED_END = NOTIFY_N_CLOSED + 20
};

_Static_assert(NOTIFY_N_CLOSED_END <= NOTIFY_COUNTERS, "counters");

#endif /* NOTIFY_SEAT_H_INCLUDED */
