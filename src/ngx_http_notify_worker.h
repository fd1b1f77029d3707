/*
 * What a worker process has one of: its view of the zone, its seat, its
 * sockets, and when it last wrote which error.
 */

#ifndef NGX_HTTP_NOTIFY_WORKER_H_INCLUDED
#define NGX_HTTP_NOTIFY_WORKER_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_bus.h"
#include "notify_seat.h"
#include "notify_zone.h"
#include "ngx_http_notify_conf.h"
#include "ngx_http_notify_deadline.h"
#include "ngx_http_notify_expiry.h"
#include "ngx_http_notify_slab.h"
#include "ngx_http_notify_table.h"


/* errors that are written once a minute at most, with how many there were */
enum {
    NGX_HTTP_NOTIFY_E_FULL = 0,
    NGX_HTTP_NOTIFY_E_HISTORY,                  /* once an hour */
    NGX_HTTP_NOTIFY_E_RESERVE,
    NGX_HTTP_NOTIFY_E_FILES,
    NGX_HTTP_NOTIFY_E_SEATS,
    NGX_HTTP_NOTIFY_E_SLOW,
    NGX_HTTP_NOTIFY_E_MAP,
    NGX_HTTP_NOTIFY_E_COUNT
};


typedef struct ngx_http_notify_message_s  ngx_http_notify_message_t;
typedef struct ngx_http_notify_packed_s   ngx_http_notify_packed_t;

/*
 * A message in the forms that sockets have asked for so far; all zero before
 * the first.
 */
typedef struct {
    ngx_http_notify_message_t   *raw;           /* NULL: none has queued it */
    ngx_http_notify_message_t   *v1;
    ngx_http_notify_packed_t    *packed;        /* a list: those compressed */
    size_t                       saved;         /* of the last one asked for */
} ngx_http_notify_forms_t;


#define NGX_HTTP_NOTIFY_BUFFER 16384        /* bytes */
#define NGX_HTTP_NOTIFY_DONE   256
#define NGX_HTTP_NOTIFY_BATCH  64

typedef struct {
    notify_zone_t                zone;
    notify_seat_t               *seat;          /* NULL: none is free yet */
    ngx_http_notify_main_conf_t *conf;

    ngx_http_notify_table_t      table;         /* sockets to send to */
    ngx_http_notify_deadlines_t  deadlines;     /* pings, lingering closes */
    ngx_http_notify_expiries_t   expiries;      /* sessions, lifetimes */
    ngx_uint_t                   sockets;       /* connections they hold */
    ngx_uint_t                   sockets_max;   /* notify_reserve */
    ngx_uint_t                   files_max;     /* descriptors below this */

    ngx_event_t                  sweep;         /* each second */
    ngx_event_t                  take;          /* posted: inbox to be taken */
    uint32_t                     done[NGX_HTTP_NOTIFY_DONE];
                                                /* targets to be given back */
    ngx_uint_t                   ndone;

    ngx_queue_t                  waiting;       /* sockets with something to
                                                   be sent */
    ngx_event_t                  slow;          /* posted: some to be closed */

    notify_item_t                items[NGX_HTTP_NOTIFY_BATCH];
    ngx_uint_t                   item;          /* being delivered */
    ngx_uint_t                   nitems;
    ngx_http_notify_forms_t      forms;         /* of that one */
    unsigned                     walking:1;     /* through its sockets */

    u_char                      *buffer;        /* what is read goes here */

    ngx_event_t                  handover;      /* sockets that are left */
    ngx_msec_t                   handing_since;
    ngx_msec_t                   handed_last;   /* when a batch last went */
    ngx_uint_t                   handed;        /* sockets, so far */
    uint64_t                     heirs[NOTIFY_SEATS_MAX / 64];  /* to these */
    ngx_uint_t                   batch;         /* sockets at a time */
    void                       (*left)(void);   /* to be called when none is */
    ngx_event_t                  drain;         /* sockets that stay */
    ngx_msec_t                   drain_since;
    ngx_uint_t                   alone;         /* sweeps that have found all
                                                   workers exiting */

    ngx_http_notify_slab_t       slab;          /* of sockets */
    void                        *current;       /* the socket that is logged */
    void                        *relayed;       /* the last whose message was;
                                                   NULL when it is freed */
    uint64_t                     counters[NOTIFY_COUNTERS];
                                                /* till there is a seat */
    time_t                       error[NGX_HTTP_NOTIFY_E_COUNT];
                                                /* when last written */
    unsigned                     active:1;      /* the zone is there */
    unsigned                     exiting:1;     /* told to quit: no new ones */
    unsigned                     handing:1;     /* told to exit on reload */
} ngx_http_notify_worker_t;


extern ngx_http_notify_worker_t  ngx_http_notify_worker;


/* Adds to this worker's counter NOTIFY_N_*; its seat gets what came before. */
#define ngx_http_notify_count(n, value)                                       \
    (void) ((ngx_http_notify_worker.seat                                      \
             ? ngx_http_notify_worker.seat->counters                          \
             : ngx_http_notify_worker.counters)[n] += (value))

/* The time in ms since the epoch. */
uint64_t ngx_http_notify_now(void);

/* Has this worker take its inbox, and give back, soon. */
void ngx_http_notify_post_take(void);

/* Has this worker close its slowest sockets soon, if it was asked to. */
void ngx_http_notify_post_slow(void);

/* Tells the operator that the zone is full. */
void ngx_http_notify_log_full(ngx_log_t *log);

/* Tells the operator that history goes before its time, if it does. */
void ngx_http_notify_log_evicted(ngx_log_t *log, time_t ttl);

/* Whether this kind of error (E_*) may be written now: once a minute. */
ngx_uint_t ngx_http_notify_error_due(ngx_uint_t kind);

#endif /* NGX_HTTP_NOTIFY_WORKER_H_INCLUDED */
