/*
 * Closing the slowest sockets, when what waits for them fills the zone.
 */

#ifndef NGX_HTTP_NOTIFY_SLOW_H_INCLUDED
#define NGX_HTTP_NOTIFY_SLOW_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/* This worker was asked to (notify_bus_wait()); closes none if not. */
void ngx_http_notify_slow_handler(ngx_event_t *ev);

#endif /* NGX_HTTP_NOTIFY_SLOW_H_INCLUDED */
