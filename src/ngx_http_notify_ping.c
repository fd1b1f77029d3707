/*
 * Pings what is silent, and drops what stays so: a socket that has said
 * nothing for an interval gets a ping, and is gone after another one.  Or
 * after NGX_HTTP_NOTIFY_LINGER when it is closing.
 */

#include "ngx_http_notify_ping.h"
#include "ngx_http_notify_socket.h"
#include "ngx_http_notify_worker.h"


/* sockets that were opened at once are not all pinged at once */
#define NGX_HTTP_NOTIFY_PING_MAX   1000
#define NGX_HTTP_NOTIFY_PING_REST  5        /* ms, till the next so many */


void
ngx_http_notify_ping_handler(ngx_event_t *ev)
{
    ngx_uint_t                    n;
    ngx_http_notify_socket_t     *s;
    ngx_http_notify_deadline_t   *deadline;
    ngx_http_notify_deadlines_t  *d;

    d = &ngx_http_notify_worker.deadlines;

    for (n = 0; n < NGX_HTTP_NOTIFY_PING_MAX; n++) {

        deadline = ngx_http_notify_deadline_over(d);

        if (deadline == NULL) {
            break;
        }

        s = ngx_queue_data(deadline, ngx_http_notify_socket_t, deadline);

        ngx_http_notify_socket_current(s);

        if (s->state == NGX_HTTP_NOTIFY_CLOSING) {
            ngx_http_notify_socket_drop(s, "did not answer the close");

        } else if (s->pinged) {
            ngx_http_notify_count(NOTIFY_N_PING_TIMEOUTS, 1);
            ngx_http_notify_socket_drop(s, "ping timed out");

        } else {
            ngx_http_notify_socket_ping(s);
        }
    }

    ngx_http_notify_deadlines_rearm(d, NGX_HTTP_NOTIFY_PING_REST);
}


void
ngx_http_notify_ping_expired_handler(ngx_event_t *ev)
{
    ngx_uint_t                   n, code;
    ngx_http_notify_expiry_t    *expiry;
    ngx_http_notify_socket_t    *s;
    ngx_http_notify_expiries_t  *e;

    e = &ngx_http_notify_worker.expiries;

    for (n = 0; n < NGX_HTTP_NOTIFY_PING_MAX; n++) {

        expiry = ngx_http_notify_expiry_over(e);

        if (expiry == NULL) {
            break;
        }

        s = expiry->data;
        code = expiry->code;

        s->expiry = NULL;
        ngx_http_notify_expiry_remove(e, expiry);

        (void) ngx_http_notify_socket_close(s, code,
                                            code == NOTIFY_CLOSE_EXPIRED
                                            ? "session expired"
                                            : "lifetime is over");
    }

    ngx_http_notify_expiries_rearm(e, NGX_HTTP_NOTIFY_PING_REST);
}
