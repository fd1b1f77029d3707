/*
 * Deadlines of this worker's sockets: one timer, and a queue for each distinct
 * interval, in which whoever is put last has the latest deadline.
 */

#ifndef NGX_HTTP_NOTIFY_DEADLINE_H_INCLUDED
#define NGX_HTTP_NOTIFY_DEADLINE_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/* part of what has the deadline */
typedef struct {
    ngx_queue_t        queue;
    uint32_t           at;          /* ms: the low bits of ngx_current_msec */
} ngx_http_notify_deadline_t;


typedef struct {
    ngx_queue_t        queue;
    uint32_t           interval;    /* ms */
} ngx_http_notify_interval_t;


typedef struct {
    ngx_array_t        intervals;   /* of pointers, few: to linger, then
                                       one a notify_ping_interval */
    ngx_event_t        timer;       /* set while there is a deadline: not
                                       cancelable, so that an exiting worker
                                       stays for its sockets */
} ngx_http_notify_deadlines_t;


/*
 * The pool is the worker's; linger is the interval, in ms, of sockets that are
 * closing; handler is called when some deadline is over.
 */
ngx_int_t ngx_http_notify_deadlines_init(ngx_http_notify_deadlines_t *d,
    ngx_pool_t *pool, ngx_msec_t linger, ngx_event_handler_pt handler);

/*
 * Makes sure that there is a queue for an interval, in ms.  NGX_ERROR: no
 * memory.
 */
ngx_int_t ngx_http_notify_deadlines_add(ngx_http_notify_deadlines_t *d,
    ngx_msec_t interval);

/* The deadline is that time from now; the interval was added. */
void ngx_http_notify_deadline_set(ngx_http_notify_deadlines_t *d,
    ngx_http_notify_deadline_t *deadline, ngx_msec_t interval);

/* The deadline is that of a socket that is closing, and not _any() more. */
void ngx_http_notify_deadline_linger(ngx_http_notify_deadlines_t *d,
    ngx_http_notify_deadline_t *deadline);

/*
 * The deadline is at, as another worker had it.  Others of the same batch,
 * sorted, come one after the other: *place, NULL for the first, is where.
 */
void ngx_http_notify_deadline_merge(ngx_http_notify_deadlines_t *d,
    ngx_http_notify_deadline_t *deadline, ngx_msec_t interval, uint32_t at,
    ngx_queue_t **place);

/*
 * Calls visit for each socket's deadline that is not lingering, the earliest of
 * each interval first, until it returns other than NGX_OK; it may remove the
 * one that it is called with, and no other.
 */
void ngx_http_notify_deadlines_each(ngx_http_notify_deadlines_t *d,
    ngx_int_t (*visit)(ngx_http_notify_deadline_t *deadline, void *data),
    void *data);

/* The same for those that are lingering. */
void ngx_http_notify_deadlines_lingering(ngx_http_notify_deadlines_t *d,
    ngx_int_t (*visit)(ngx_http_notify_deadline_t *deadline, void *data),
    void *data);

/*
 * Takes a deadline that was set out of its queue, and stops the timer if it
 * was the last.
 */
void ngx_http_notify_deadline_remove(ngx_http_notify_deadlines_t *d,
    ngx_http_notify_deadline_t *deadline);

/* A deadline that is over, still in its queue, or NULL. */
ngx_http_notify_deadline_t *ngx_http_notify_deadline_over(
    ngx_http_notify_deadlines_t *d);

/* Sets the timer for the next deadline, in least ms from now or later. */
void ngx_http_notify_deadlines_rearm(ngx_http_notify_deadlines_t *d,
    ngx_msec_t least);

#endif /* NGX_HTTP_NOTIFY_DEADLINE_H_INCLUDED */
