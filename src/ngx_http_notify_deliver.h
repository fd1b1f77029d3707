/*
 * Takes this worker's inbox and hands each message to the sockets of its key.
 */

#ifndef NGX_HTTP_NOTIFY_DELIVER_H_INCLUDED
#define NGX_HTTP_NOTIFY_DELIVER_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/* the handler of the worker's take event */
void ngx_http_notify_deliver_handler(ngx_event_t *ev);

#endif /* NGX_HTTP_NOTIFY_DELIVER_H_INCLUDED */
