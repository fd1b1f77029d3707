/*
 * From a request to a WebSocket (RFC 6455, 4.2), or to its refusal.
 */

#ifndef NGX_HTTP_NOTIFY_HANDSHAKE_H_INCLUDED
#define NGX_HTTP_NOTIFY_HANDSHAKE_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* the content handler of a location with notify_socket */
ngx_int_t ngx_http_notify_handshake_handler(ngx_http_request_t *r);

#endif /* NGX_HTTP_NOTIFY_HANDSHAKE_H_INCLUDED */
