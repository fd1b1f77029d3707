/*
 * An exiting worker hands its sockets to newer ones.
 */

#ifndef NGX_HTTP_NOTIFY_HANDOVER_H_INCLUDED
#define NGX_HTTP_NOTIFY_HANDOVER_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Begins, and goes on from a timer until all sockets that can be handed over
 * have been; left is called then, or when no worker has had room for a second.
 */
void ngx_http_notify_handover_start(ngx_cycle_t *cycle, void (*left)(void));

/* There may be more sockets now: goes on soon, if it has begun. */
void ngx_http_notify_handover_more(void);

#endif /* NGX_HTTP_NOTIFY_HANDOVER_H_INCLUDED */
