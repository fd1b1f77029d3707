/*
 * A push: one HTTP request that becomes one message on the bus.
 *
 *     POST, PUT   the body, as text or (application/octet-stream) binary
 *     GET         an empty text
 *     DELETE      closes the user's sockets with 4403
 *     HEAD        counts them, in the header Notify-Sockets
 *
 * It is answered when the message is in the zone, with a receipt in JSON;
 * nothing here knows of a socket.
 */

#ifndef NGX_HTTP_NOTIFY_PUSH_H_INCLUDED
#define NGX_HTTP_NOTIFY_PUSH_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* The content handler of notify_push locations. */
ngx_int_t ngx_http_notify_push_handler(ngx_http_request_t *r);

#endif /* NGX_HTTP_NOTIFY_PUSH_H_INCLUDED */
