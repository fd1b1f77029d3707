/*
 * What bounds a socket: its session, its lifetime, and how much it says.
 */

#ifndef NGX_HTTP_NOTIFY_LIMIT_H_INCLUDED
#define NGX_HTTP_NOTIFY_LIMIT_H_INCLUDED

#include "ngx_http_notify_socket.h"


/*
 * Has a new socket closed when its session ends, by notify_expires, or by
 * notify_lifetime, whichever comes first.  expires is ngx_current_msec then,
 * or 0.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_notify_limit(ngx_http_notify_socket_t *s,
    ngx_msec_t expires);

/* Has it closed with that code then.  NGX_ERROR: no memory. */
ngx_int_t ngx_http_notify_limit_expires(ngx_http_notify_socket_t *s,
    ngx_msec_t at, ngx_uint_t code);

/*
 * Counts a message or a ping against notify_client_rate: NGX_DECLINED when
 * there are too many.
 */
ngx_int_t ngx_http_notify_limit_heard(ngx_http_notify_socket_t *s);

#endif /* NGX_HTTP_NOTIFY_LIMIT_H_INCLUDED */
