/*
 * What a worker process has one of: its view of the zone, its seat, its
 * sockets' counts, and its rate-limited errors.
 */

#ifndef NGX_HTTP_NOTIFY_WORKER_H_INCLUDED
#define NGX_HTTP_NOTIFY_WORKER_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_seat.h"
#include "notify_zone.h"
#include "ngx_http_notify_conf.h"


/* errors that are written once a minute at most, with how many there were */
enum {
    NGX_HTTP_NOTIFY_E_FULL = 0,
    NGX_HTTP_NOTIFY_E_RESERVE,
    NGX_HTTP_NOTIFY_E_FILES,
    NGX_HTTP_NOTIFY_E_SEATS,
    NGX_HTTP_NOTIFY_E_COUNT
};


typedef struct {
    notify_zone_t                zone;
    notify_seat_t               *seat;          /* NULL: none is free yet */
    ngx_http_notify_main_conf_t *conf;
    ngx_uint_t                   sockets;       /* open in this worker */
    ngx_uint_t                   sockets_max;   /* notify_reserve */
    ngx_uint_t                   files_max;     /* descriptors below this */
    ngx_event_t                  sweep;         /* each second */
    time_t                       error[NGX_HTTP_NOTIFY_E_COUNT];
                                                /* when last written */
    unsigned                     active:1;      /* the zone is there */
    unsigned                     exiting:1;     /* no new sockets */
} ngx_http_notify_worker_t;


extern ngx_http_notify_worker_t  ngx_http_notify_worker;


/* Module hooks.  The zone is made, found again or grown in init_module. */
ngx_int_t ngx_http_notify_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_notify_init_process(ngx_cycle_t *cycle);
void ngx_http_notify_exit_process(ngx_cycle_t *cycle);


/* Adds to this worker's counter NOTIFY_N_*; nothing before it has a seat. */
#define ngx_http_notify_count(n, value)                                       \
    if (ngx_http_notify_worker.seat) {                                        \
        ngx_http_notify_worker.seat->counters[n] += (value);                  \
    }

/* Whether this kind of error (E_*) may be written now: once a minute. */
ngx_uint_t ngx_http_notify_error_due(ngx_uint_t kind);

#endif /* NGX_HTTP_NOTIFY_WORKER_H_INCLUDED */
