/*
 * How sockets are named in the error log.
 */

#ifndef NGX_HTTP_NOTIFY_LOG_H_INCLUDED
#define NGX_HTTP_NOTIFY_LOG_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The handler of the logs of socket locations: adds client and user of the
 * worker's current socket.
 */
u_char *ngx_http_notify_socket_log(ngx_log_t *log, u_char *buf, size_t len);

#endif /* NGX_HTTP_NOTIFY_LOG_H_INCLUDED */
