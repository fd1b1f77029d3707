/*
 * Pings what is silent, and drops what stays so; closes what has expired.
 */

#ifndef NGX_HTTP_NOTIFY_PING_H_INCLUDED
#define NGX_HTTP_NOTIFY_PING_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_notify_socket.h"


/* the handler of the worker's deadlines */
void ngx_http_notify_ping_handler(ngx_event_t *ev);

/*
 * Bytes came: the peer lives, and while nothing waits for it, the next ping is
 * an interval away.
 */
void ngx_http_notify_ping_heard(ngx_http_notify_socket_t *s);

/* the handler of its expiries */
void ngx_http_notify_ping_expired_handler(ngx_event_t *ev);

#endif /* NGX_HTTP_NOTIFY_PING_H_INCLUDED */
