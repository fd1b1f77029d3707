/*
 * What a worker process has one of.
 */

#include "ngx_http_notify_worker.h"


#define NGX_HTTP_NOTIFY_ERROR_INTERVAL    60        /* seconds */
#define NGX_HTTP_NOTIFY_HISTORY_INTERVAL  3600


/*
 * The only state that is not the cycle's: in the master, what workers are to
 * inherit; in a worker, its own.  With "master_process off", both.
 */
ngx_http_notify_worker_t  ngx_http_notify_worker;


/*
 * Not ngx_timeofday(), which this round of events may have left behind: a page
 * that asks for what came after its own time would miss a message whose id is
 * from before it.
 */

uint64_t
ngx_http_notify_now(void)
{
    struct timeval  tv;

    ngx_gettimeofday(&tv);

    return (uint64_t) tv.tv_sec * 1000 + (uint64_t) tv.tv_usec / 1000;
}


void
ngx_http_notify_post_take(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_notify_worker.take;

    if (!ev->posted) {
        ngx_post_event(ev, &ngx_posted_events);
    }
}


void
ngx_http_notify_post_slow(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_notify_worker.slow;

    if (ngx_http_notify_worker.seat->slow == NOTIFY_SLOW_ASKED && !ev->posted) {
        ngx_post_event(ev, &ngx_posted_events);
    }
}


ngx_uint_t
ngx_http_notify_error_due(ngx_uint_t kind)
{
    time_t  now, *last, interval;

    now = ngx_time();
    last = &ngx_http_notify_worker.error[kind];

    interval = kind == NGX_HTTP_NOTIFY_E_HISTORY
               ? NGX_HTTP_NOTIFY_HISTORY_INTERVAL
               : NGX_HTTP_NOTIFY_ERROR_INTERVAL;

    if (*last && now - *last < interval) {
        return 0;
    }

    *last = now;

    return 1;
}


void
ngx_http_notify_log_full(ngx_log_t *log)
{
    if (ngx_http_notify_error_due(NGX_HTTP_NOTIFY_E_FULL)) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "zone \"notify\" is full, raise notify_zone");
    }
}


void
ngx_http_notify_log_evicted(ngx_log_t *log, time_t ttl)
{
    uint64_t  age;

    age = ngx_http_notify_worker.zone.evicted;

    if (age == 0) {
        return;
    }

    ngx_http_notify_worker.zone.evicted = 0;

    if (ngx_http_notify_error_due(NGX_HTTP_NOTIFY_E_HISTORY)) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "history evicted after %uLs, ttl is %Ts, raise "
                      "notify_zone", age / 1000, ttl);
    }
}
