/*
 * What workers count.
 */

#ifndef NOTIFY_COUNTERS_H_INCLUDED
#define NOTIFY_COUNTERS_H_INCLUDED

#include "notify_zone.h"


/*
 * Places in seat->counters[]: only ever up, over all workers
 * that had the seat.  Names for the operator are in ngx_http_notify_status.c.
 */
enum {
    NOTIFY_N_PUSHES = 0,                     /* accepted */
    NOTIFY_N_PUSH_BYTES,                     /* of their payloads */
    NOTIFY_N_PUSH_FULL,                      /* 507 */
    NOTIFY_N_PUSH_BAD,                       /* 400 */
    NOTIFY_N_PUSH_DENIED,                    /* 403 */
    NOTIFY_N_PUSH_METHOD,                    /* 405 */
    NOTIFY_N_PUSH_UNAVAILABLE,               /* 503: no seat; 500: mmap() */
    NOTIFY_N_DELIVERED,                      /* to a socket, or its queue */
    NOTIFY_N_DROPPED,                        /* by notify_slow drop */
    NOTIFY_N_HANDSHAKES,                     /* 101 */
    NOTIFY_N_REFUSED_REQUEST,                /* 400, 405, 426: no handshake */
    NOTIFY_N_REFUSED_USER,                   /* 400, 401: no or a bad user */
    NOTIFY_N_REFUSED_ORIGIN,                 /* 403 */
    NOTIFY_N_REFUSED_PEER,                   /* 403: not local */
    NOTIFY_N_REFUSED_SOCKETS,                /* 429: notify_max_sockets */
    NOTIFY_N_REFUSED_RESERVE,                /* 503 */
    NOTIFY_N_REFUSED_ZONE,                   /* 503: zone full, or no memory */
    NOTIFY_N_REFUSED_SEAT,                   /* 503: no seat, or no zone */
    NOTIFY_N_REFUSED_EXITING,                /* 503: shutting down */
    NOTIFY_N_CLIENT_MESSAGES,
    NOTIFY_N_TOO_MANY,                       /* closes by notify_client_rate */
    NOTIFY_N_RELAYED,
    NOTIFY_N_RELAY_FULL,                     /* not relayed: zone full */
    NOTIFY_N_PINGS,
    NOTIFY_N_PING_TIMEOUTS,
    NOTIFY_N_SLOW_READS,                     /* slow sockets that read again */
    NOTIFY_N_SLOW,                           /* closed by notify_slow close */
    NOTIFY_N_SLOW_ZONE,                      /* closed: half of the zone was
                                                waiting for slow ones */
    NOTIFY_N_EVICTED,                        /* stored, before their time */
    NOTIFY_N_REPEATED,                       /* pushes answered again */
    NOTIFY_N_RESUMED,                        /* handshakes with a last id */
    NOTIFY_N_GAPS,                           /* of these, with a gap */
    NOTIFY_N_HANDED_OVER,                    /* sockets, to another worker */
    NOTIFY_N_ADOPTED,                        /* sockets, from another worker */
    NOTIFY_N_ORPHANED,                       /* closed with 1012 instead */
    NOTIFY_N_REAPED,                         /* seats of dead workers */
    NOTIFY_N_DEFLATED,                       /* messages, by window size */
    NOTIFY_N_DEFLATE_SAVED,                  /* bytes, of all deliveries */
    NOTIFY_N_INFLATED,                       /* client messages */
    NOTIFY_N_CLOSED,                         /* the first of the close codes */
    NOTIFY_N_CLOSED_END = NOTIFY_N_CLOSED + 20
};

_Static_assert(NOTIFY_N_CLOSED_END <= NOTIFY_COUNTERS, "counters");

#endif /* NOTIFY_COUNTERS_H_INCLUDED */
