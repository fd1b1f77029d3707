/*
 * What is in a message's frame.
 */

#ifndef NGX_HTTP_NOTIFY_PAYLOAD_H_INCLUDED
#define NGX_HTTP_NOTIFY_PAYLOAD_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>

#include "notify_bus.h"


/* The bytes of payload in a frame of ours that has length bytes in all. */
size_t ngx_http_notify_payload_length(size_t length);

/*
 * The payload of a message that this worker has taken, in one piece: memory of
 * ngx_alloc(), the caller's.  NULL: no memory.
 */
u_char *ngx_http_notify_payload(notify_item_t *item, ngx_log_t *log);

#endif /* NGX_HTTP_NOTIFY_PAYLOAD_H_INCLUDED */
