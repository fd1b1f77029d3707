/*
 * Pings what is silent, and drops what stays so: a socket that has said
 * nothing for an interval gets a ping, and is gone after another one.  Or
 * after NGX_HTTP_NOTIFY_LINGER when it is closing.
 *
 * While something waits for it, a peer is judged by what it takes, whatever it
 * says: its pong may have to come behind a long message that it is reading,
 * and one that talks but does not read is not to keep what waits for ever.
 */

#include "ngx_http_notify_ping.h"
#include "ngx_http_notify_worker.h"

#include <linux/sockios.h>


/* sockets that were opened at once are not all pinged at once */
#define NGX_HTTP_NOTIFY_PING_MAX   1000
#define NGX_HTTP_NOTIFY_PING_REST  5        /* ms, till the next so many */


static void ngx_http_notify_ping_due(ngx_http_notify_socket_t *s);
static ngx_uint_t ngx_http_notify_ping_takes(ngx_http_notify_socket_t *s);


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

        } else {
            ngx_http_notify_ping_due(s);
        }
    }

    ngx_http_notify_deadlines_rearm(d, NGX_HTTP_NOTIFY_PING_REST);
}


static void
ngx_http_notify_ping_due(ngx_http_notify_socket_t *s)
{
    ngx_uint_t  busy, pinged, takes;

    busy = s->busy;
    pinged = s->pinged;
    takes = ngx_http_notify_ping_takes(s);

    if (!busy || !takes) {

        if (pinged) {
            ngx_http_notify_count(NOTIFY_N_PING_TIMEOUTS, 1);
            ngx_http_notify_socket_drop(s, "ping timed out");
            return;
        }

        if (busy && s->out) {
            ngx_http_notify_count(NOTIFY_N_PING_TIMEOUTS, 1);
            ngx_http_notify_socket_drop(s, "did not read");
            return;
        }
    }

    ngx_http_notify_socket_ping(s);
}


/*
 * Whether the peer has acknowledged at least one more of our KB since this was
 * last asked.  Not what its kernel has room for: that of a peer which is gone
 * acknowledges nothing, and that of one which does not read, soon.
 */

static ngx_uint_t
ngx_http_notify_ping_takes(ngx_http_notify_socket_t *s)
{
    int       left;
    uint32_t  taken, more;

    if (ioctl(s->connection->fd, SIOCOUTQ, &left) == -1) {
        left = 0;
    }

    taken = (uint32_t) ((s->connection->sent - left) / 1024);
    more = (taken - s->taken) & NGX_HTTP_NOTIFY_TAKEN;

    s->busy = s->out || left;
    s->taken = taken & NGX_HTTP_NOTIFY_TAKEN;

    /* TLS adds to what is left, so that it may seem to be less */

    return more != 0 && more <= NGX_HTTP_NOTIFY_TAKEN / 2;
}


void
ngx_http_notify_ping_heard(ngx_http_notify_socket_t *s)
{
    ngx_http_notify_worker_t  *w;

    if (s->state != NGX_HTTP_NOTIFY_OPEN) {
        return;
    }

    s->pinged = 0;

    if (s->out) {
        return;
    }

    w = &ngx_http_notify_worker;

    s->busy = 0;

    ngx_http_notify_deadline_remove(&w->deadlines, &s->deadline);
    ngx_http_notify_deadline_set(&w->deadlines, &s->deadline,
                                 s->conf->ping_interval);
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
