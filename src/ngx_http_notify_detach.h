/*
 * Takes a connection from its request: after the 101 the request is freed,
 * and on plain TCP the connection's pool too.
 */

#ifndef NGX_HTTP_NOTIFY_DETACH_H_INCLUDED
#define NGX_HTTP_NOTIFY_DETACH_H_INCLUDED

#include "ngx_http_notify_socket.h"


/*
 * Before the socket is made: what can fail.  From _set() on the socket goes
 * with its request if that ends before it has been detached.
 */
ngx_int_t ngx_http_notify_detach_prepare(ngx_http_request_t *r);
void ngx_http_notify_detach_set(ngx_http_request_t *r,
    ngx_http_notify_socket_t *s);

/*
 * The 101 has been given to nginx, and the caller has counted the request up:
 * once it has gone out and nothing else uses the request, the socket is
 * opened and read.
 */
void ngx_http_notify_detach(ngx_http_request_t *r);

#endif /* NGX_HTTP_NOTIFY_DETACH_H_INCLUDED */
