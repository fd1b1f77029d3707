/*
 * Closes this worker's slowest sockets, when what waits for the sockets of all
 * workers fills the zone, and most of it waits for this one's.
 */

#include "ngx_http_notify_slow.h"
#include "ngx_http_notify_socket.h"
#include "ngx_http_notify_worker.h"


#define NGX_HTTP_NOTIFY_SLOW_MAX  32        /* sockets at a time */


static ngx_uint_t ngx_http_notify_slow_close(ngx_http_notify_worker_t *w);


void
ngx_http_notify_slow_handler(ngx_event_t *ev)
{
    ngx_uint_t                 n;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    if (w->seat == NULL || w->seat->slow != NOTIFY_SLOW_ASKED) {
        return;
    }

    for (n = 0; n < NGX_HTTP_NOTIFY_SLOW_MAX; n++) {

        if (!ngx_http_notify_slow_close(w)) {
            return;
        }

        if (ngx_http_notify_error_due(NGX_HTTP_NOTIFY_E_SLOW)) {
            ngx_log_error(NGX_LOG_ERR, ev->log, 0,
                          "half of zone \"notify\" waits for slow sockets, "
                          "the slowest are closed, raise notify_zone or lower "
                          "notify_send_buffer");
        }
    }

    /* other events get their turn */

    ngx_post_event(ev, &ngx_posted_next_events);
}


/* whether there was one to be closed */

static ngx_uint_t
ngx_http_notify_slow_close(ngx_http_notify_worker_t *w)
{
    ngx_uint_t                 ndone;
    ngx_http_notify_out_t    **out;
    ngx_http_notify_socket_t  *s;

    out = ngx_http_notify_send_slowest();

    ndone = w->ndone;
    w->ndone = 0;

    if (!notify_bus_close_slow(&w->zone, out != NULL, w->done, ndone)) {
        return 0;
    }

    s = ngx_queue_data(out, ngx_http_notify_socket_t, out);

    ngx_http_notify_count(NOTIFY_N_SLOW_ZONE, 1);

    (void) ngx_http_notify_socket_fail(s, NOTIFY_CLOSE_SLOW,
                                       "too slow, memory is short");

    return 1;
}
