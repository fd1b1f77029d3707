/*
 * What a peer sends: reads, and does what its frames ask for.
 */

#ifndef NGX_HTTP_NOTIFY_RECEIVE_H_INCLUDED
#define NGX_HTTP_NOTIFY_RECEIVE_H_INCLUDED

#include "ngx_http_notify_socket.h"


/*
 * A socket that has just been opened begins to be read: first the bytes that
 * came together with its handshake, which are changed.  May free the socket.
 */
void ngx_http_notify_receive_start(ngx_http_notify_socket_t *s, u_char *early,
    size_t len);

#endif /* NGX_HTTP_NOTIFY_RECEIVE_H_INCLUDED */
