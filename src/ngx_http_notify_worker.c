/*
 * What a worker process has one of.
 */

#include "ngx_http_notify_worker.h"


#define NGX_HTTP_NOTIFY_ERROR_INTERVAL  60  /* seconds */


/*
 * The only state that is not the cycle's: in the master, what workers are to
 * inherit; in a worker, its own.  With "master_process off", both.
 */
ngx_http_notify_worker_t  ngx_http_notify_worker;


void
ngx_http_notify_post_take(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_notify_worker.take;

    if (!ev->posted) {
        ngx_post_event(ev, &ngx_posted_events);
    }
}


ngx_uint_t
ngx_http_notify_error_due(ngx_uint_t kind)
{
    time_t  now, *last;

    now = ngx_time();
    last = &ngx_http_notify_worker.error[kind];

    if (*last && now - *last < NGX_HTTP_NOTIFY_ERROR_INTERVAL) {
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
