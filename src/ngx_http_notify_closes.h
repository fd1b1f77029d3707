/*
 * Closed sockets, counted by the code of RFC 6455, 7.4 that they were closed
 * with.
 */

#ifndef NGX_HTTP_NOTIFY_CLOSES_H_INCLUDED
#define NGX_HTTP_NOTIFY_CLOSES_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>


/* the codes that have a counter: NOTIFY_N_CLOSED and so on, in this order */
#define NGX_HTTP_NOTIFY_CLOSES  16

/* as text; the last one stands for all that are not in the table: "other" */
extern const char  *ngx_http_notify_close_names[NGX_HTTP_NOTIFY_CLOSES];


/*
 * Counts a socket of this worker that is gone.  1005: the peer's close frame
 * had no code; 1006: there was none.
 */
void ngx_http_notify_count_close(ngx_uint_t code);

#endif /* NGX_HTTP_NOTIFY_CLOSES_H_INCLUDED */
