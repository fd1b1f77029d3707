/*
 * Takes over the sockets of a batch from an older worker.
 */

#ifndef NGX_HTTP_NOTIFY_ADOPT_H_INCLUDED
#define NGX_HTTP_NOTIFY_ADOPT_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>

#include "notify_bus.h"


/*
 * The batch is the next item of the inbox: what stood before it its sockets
 * have been sent, what follows they are to get.
 */
void ngx_http_notify_adopt(notify_item_t *batch);

/*
 * Sockets that were on their way to a worker that died and had no successor
 * are closed with 1012.
 */
void ngx_http_notify_adopt_orphans(ngx_log_t *log);

#endif /* NGX_HTTP_NOTIFY_ADOPT_H_INCLUDED */
