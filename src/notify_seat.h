/*
 * A worker's seat: taking one, leaving it, and reaping those of the dead.
 */

#ifndef NOTIFY_SEAT_H_INCLUDED
#define NOTIFY_SEAT_H_INCLUDED

#include "notify_zone.h"


/*
 * Takes a seat for this process and generation, in z->seat; sweeps first.  To
 * be called in the thread that will call notify_seat_leave(): the seat's life
 * lock is held till then, or till death.  Returns 0, or -1 when no seat is
 * free; one that is being reaped by another will be.
 */
int notify_seat_take(notify_zone_t *z, uint32_t generation);

/*
 * Gives the seat back: what its inbox holds is done with.  Sockets that have
 * not left, and messages taken and not done with, are reaped by the next
 * sweep.
 */
void notify_seat_leave(notify_zone_t *z);

/*
 * Reaps the seats whose workers have died: their sockets are gone, and what
 * they were to deliver goes with them.  Then wakes all that have messages,
 * since a worker that dies between publishing and waking leaves others asleep.
 * Returns how many it reaped.  Cheap when there is none: a try at each life
 * lock; else one rebuild.
 */
unsigned notify_seat_sweep(notify_zone_t *z);

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
    NOTIFY_N_REAPED,                         /* seats of dead workers */
    NOTIFY_N_CLOSED,                         /* the first of the close codes */
    NOTIFY_N_CLOSED_END = NOTIFY_N_CLOSED + 20
};

_Static_assert(NOTIFY_N_CLOSED_END <= NOTIFY_COUNTERS, "counters");

#endif /* NOTIFY_SEAT_H_INCLUDED */
