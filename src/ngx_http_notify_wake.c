/*
 * Being woken by other workers.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_notify_wake.h"
#include "ngx_http_notify_worker.h"


static void ngx_http_notify_wake_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_notify_wake_init(ngx_cycle_t *cycle, void (*exiting)(void))
{
    ngx_event_t       *rev;
    ngx_connection_t  *c;

    c = ngx_get_connection(ngx_http_notify_worker.seat->event, cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = (void *) exiting;
    c->pool = cycle->pool;
    c->log = cycle->log;

    /*
     * idle: ngx_close_idle_connections() calls the handler when the worker is
     * told to exit; channel: for ngx_worker_process_exit() and the shutdown
     * timer this is no connection of a client (1.22.1 to 1.31.4).
     */

    c->idle = 1;

    rev = c->read;
    rev->channel = 1;
    rev->log = cycle->log;
    rev->handler = ngx_http_notify_wake_handler;

    c->write->channel = 1;
    c->write->log = cycle->log;

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_free_connection(c);
        c->fd = (ngx_socket_t) -1;
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_notify_wake_handler(ngx_event_t *ev)
{
    uint64_t            n;
    ngx_connection_t   *c;
    void              (*exiting)(void);

    c = ev->data;

    if (c->close) {
        c->close = 0;
        c->idle = 0;

        exiting = (void (*)(void)) c->data;
        exiting();

        return;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, ev->log, 0, "notify wake handler");

    /* EAGAIN: another wake-up came together with this one */

    (void) !read(c->fd, &n, sizeof(n));

    if (ngx_handle_read_event(ev, 0) != NGX_OK) {
        return;
    }

    ngx_http_notify_post_take();
}


void
ngx_http_notify_wake_self(void)
{
    ngx_http_notify_worker.zone.wake_self = 0;

    ngx_http_notify_post_take();
}
