/*
 * How a message looks to a peer that speaks notify.v1: one text frame of JSON.
 */

#ifndef NGX_HTTP_NOTIFY_V1_H_INCLUDED
#define NGX_HTTP_NOTIFY_V1_H_INCLUDED

#include "ngx_http_notify_send.h"


#define NGX_HTTP_NOTIFY_V1  "notify.v1"


/*
 * The message of an item that this worker has taken, as bytes of its own; the
 * caller has a reference.  NULL: no memory.
 */
ngx_http_notify_message_t *ngx_http_notify_v1_message(notify_item_t *item,
    ngx_log_t *log);

/*
 * The hello of a socket that begins behind id: a frame in memory of
 * ngx_alloc().  NULL: no memory.
 */
u_char *ngx_http_notify_v1_hello(uint64_t id, const notify_name_of_t *name,
    ngx_uint_t gap, size_t *len, ngx_log_t *log);

#endif /* NGX_HTTP_NOTIFY_V1_H_INCLUDED */
