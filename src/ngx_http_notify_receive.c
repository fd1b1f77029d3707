/*
 * What a peer sends.
 *
 * The worker has one buffer to read into.  A socket has memory for receiving
 * only while it is inside of a frame or a message.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_deflate.h"
#include "ngx_http_notify_limit.h"
#include "ngx_http_notify_ping.h"
#include "ngx_http_notify_receive.h"
#include "ngx_http_notify_wake.h"
#include "ngx_http_notify_worker.h"


#define NGX_HTTP_NOTIFY_READS  8            /* in a row, before others */


static void ngx_http_notify_receive_handler(ngx_event_t *rev);
static ngx_int_t ngx_http_notify_receive_bytes(ngx_http_notify_socket_t *s,
    u_char *p, size_t n);
static ngx_int_t ngx_http_notify_receive_event(ngx_http_notify_socket_t *s,
    ngx_http_notify_in_t *in, notify_codec_event_t *ev);
static ngx_int_t ngx_http_notify_receive_too_many(
    ngx_http_notify_socket_t *s);
static ngx_int_t ngx_http_notify_receive_deliver(ngx_http_notify_socket_t *s);
static ngx_int_t ngx_http_notify_receive_data(ngx_http_notify_socket_t *s,
    ngx_http_notify_in_t *in, notify_codec_event_t *ev);
static ngx_int_t ngx_http_notify_receive_message(ngx_http_notify_socket_t *s,
    notify_codec_event_t *ev, u_char *data, size_t len);
static ngx_int_t ngx_http_notify_receive_collect(ngx_http_notify_socket_t *s,
    ngx_http_notify_in_t *in, notify_codec_event_t *ev);
static ngx_int_t ngx_http_notify_receive_keep(ngx_http_notify_socket_t *s,
    ngx_http_notify_in_t *in);
static void ngx_http_notify_receive_forget(ngx_http_notify_in_t *in);
static void ngx_http_notify_receive_relay(ngx_http_notify_socket_t *s,
    ngx_uint_t binary, u_char *data, size_t len);


void
ngx_http_notify_receive_start(ngx_http_notify_socket_t *s, u_char *early,
    size_t len)
{
    ngx_event_t  *rev;

    rev = s->connection->read;
    rev->handler = ngx_http_notify_receive_handler;

    if (len && ngx_http_notify_receive_bytes(s, early, len) != NGX_OK) {
        return;
    }

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);
        return;
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_notify_socket_drop(s, "event failed");
    }
}


static void
ngx_http_notify_receive_handler(ngx_event_t *rev)
{
    ssize_t                    n;
    ngx_uint_t                 i;
    ngx_connection_t          *c;
    ngx_http_notify_socket_t  *s;

    c = rev->data;
    s = c->data;

    ngx_http_notify_socket_current(s);

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0, "notify read handler");

    if (c->close) {

        /* worker_shutdown_timeout: it is an error only after the close frame */

        c->close = 0;
        c->error = 0;
        ngx_http_notify_socket_terminate(s);
        return;
    }

    for (i = 0; i < NGX_HTTP_NOTIFY_READS; i++) {

        n = c->recv(c, ngx_http_notify_worker.buffer, NGX_HTTP_NOTIFY_BUFFER);

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_http_notify_socket_drop(s, "event failed");
            }

            return;
        }

        if (n == 0 || n == NGX_ERROR) {
            ngx_http_notify_socket_drop(s, "connection lost");
            return;
        }

        if (ngx_http_notify_receive_bytes(s, ngx_http_notify_worker.buffer, n)
            != NGX_OK)
        {
            return;
        }
    }

    ngx_post_event(rev, &ngx_posted_next_events);
}


/* NGX_ERROR: the socket was freed */

static ngx_int_t
ngx_http_notify_receive_bytes(ngx_http_notify_socket_t *s, u_char *p,
    size_t n)
{
    size_t                 used;
    ngx_http_notify_in_t   new, *in;
    notify_codec_event_t   ev;

    ngx_http_notify_ping_heard(s);

    in = s->in;

    if (in == NULL) {
        ngx_memzero(&new, sizeof(ngx_http_notify_in_t));
        new.codec.deflate = (s->window != 0);
        in = &new;
    }

    while (n) {
        used = notify_codec_feed(&in->codec, p, n, s->conf->client_max_size,
                                 &ev);
        p += used;
        n -= used;

        if (ev.type == NOTIFY_CODEC_NONE) {
            break;
        }

        if (ngx_http_notify_receive_event(s, in, &ev) != NGX_OK) {

            /* s is no more; what it had in s->in went with it */

            if (in == &new) {
                ngx_http_notify_receive_forget(&new);
            }

            return NGX_ERROR;
        }
    }

    return ngx_http_notify_receive_keep(s, in);
}


/* what is in the middle of something is kept till more bytes come */

static ngx_int_t
ngx_http_notify_receive_keep(ngx_http_notify_socket_t *s,
    ngx_http_notify_in_t *in)
{
    if (notify_codec_idle(&in->codec) && in->data == NULL) {

        if (s->in) {
            ngx_free(s->in);
            s->in = NULL;
        }

        return NGX_OK;
    }

    if (s->in) {
        return NGX_OK;
    }

    s->in = ngx_alloc(sizeof(ngx_http_notify_in_t), s->connection->log);

    if (s->in == NULL) {
        ngx_http_notify_receive_forget(in);
        ngx_http_notify_socket_drop(s, "no memory");
        return NGX_ERROR;
    }

    *s->in = *in;

    return NGX_OK;
}


static void
ngx_http_notify_receive_forget(ngx_http_notify_in_t *in)
{
    if (in->data) {
        ngx_free(in->data);
    }

    in->data = NULL;
    in->len = 0;
    in->size = 0;
}


/* NGX_ERROR: the socket was freed */

static ngx_int_t
ngx_http_notify_receive_event(ngx_http_notify_socket_t *s,
    ngx_http_notify_in_t *in, notify_codec_event_t *ev)
{
    ngx_uint_t  closing;

    if ((ev->type == NOTIFY_CODEC_CLOSE || ev->type == NOTIFY_CODEC_ERROR)
        && ngx_http_notify_receive_deliver(s) != NGX_OK)
    {
        return NGX_ERROR;
    }

    closing = (s->state == NGX_HTTP_NOTIFY_CLOSING);

    switch (ev->type) {

    case NOTIFY_CODEC_PING:

        if (!closing && ngx_http_notify_limit_heard(s) != NGX_OK) {
            return ngx_http_notify_receive_too_many(s);
        }

        return ngx_http_notify_socket_pong(s, ev->data, ev->len);

    case NOTIFY_CODEC_DATA:
        return closing ? NGX_OK : ngx_http_notify_receive_data(s, in, ev);

    case NOTIFY_CODEC_CLOSE:
        return ngx_http_notify_socket_closed(s, ev->code);

    case NOTIFY_CODEC_ERROR:

        if (closing) {
            return NGX_OK;
        }

        s->failing = 1;
        return ngx_http_notify_socket_fail(s, ev->code, ev->why);

    default: /* NOTIFY_CODEC_PONG */
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_notify_receive_too_many(ngx_http_notify_socket_t *s)
{
    ngx_http_notify_count(NOTIFY_N_TOO_MANY, 1);

    if (ngx_http_notify_receive_deliver(s) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_notify_socket_fail(s, NOTIFY_CLOSE_POLICY,
                                       "too many messages");
}


/*
 * A socket that is about to close has left when its worker takes what came
 * before in the same piece, and was relayed: so that is taken now, and goes to
 * the sender, too.  NGX_ERROR: the socket was freed.
 */

static ngx_int_t
ngx_http_notify_receive_deliver(ngx_http_notify_socket_t *s)
{
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    if (w->relayed != s) {
        return NGX_OK;
    }

    /* posted or not: it may be that another worker has just woken this one */

    w->take.handler(&w->take);

    if (w->relayed == NULL) {
        return NGX_ERROR;
    }

    w->relayed = NULL;

    return NGX_OK;
}


/* NGX_ERROR: the socket was freed */

static ngx_int_t
ngx_http_notify_receive_data(ngx_http_notify_socket_t *s,
    ngx_http_notify_in_t *in, notify_codec_event_t *ev)
{
    ngx_int_t  rc;

    if (ev->first) {
        ngx_http_notify_count(NOTIFY_N_CLIENT_MESSAGES, 1);

        if (ngx_http_notify_limit_heard(s) != NGX_OK) {
            return ngx_http_notify_receive_too_many(s);
        }
    }

    if (s->conf->client_messages == NGX_HTTP_NOTIFY_CLIENT_CLOSE) {
        return ngx_http_notify_socket_fail(s, NOTIFY_CLOSE_UNACCEPTED,
                                           "messages are not accepted");
    }

    /* one that is ignored has to be a good one, too */

    if (s->conf->client_messages == NGX_HTTP_NOTIFY_CLIENT_IGNORE
        && !ev->packed)
    {
        /* its beginning may be from a worker that relayed messages */

        ngx_http_notify_receive_forget(in);
        return NGX_OK;
    }

    if (!ev->first && in->len == 0) {

        /* its beginning went to a worker that ignored messages */

        return NGX_OK;
    }

    if (ev->first && ev->last) {
        return ngx_http_notify_receive_message(s, ev, ev->data, ev->len);
    }

    rc = ngx_http_notify_receive_collect(s, in, ev);

    if (rc != NGX_OK || !ev->last) {
        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    rc = ngx_http_notify_receive_message(s, ev, in->data, in->len);

    if (rc == NGX_OK) {
        ngx_http_notify_receive_forget(in);
    }

    return rc;
}


/*
 * A whole message.  A compressed one is inflated here and now, so that its
 * socket has no state of zlib's, and can be handed over with what has come of
 * it.  NGX_ERROR: the socket was freed.
 */

static ngx_int_t
ngx_http_notify_receive_message(ngx_http_notify_socket_t *s,
    notify_codec_event_t *ev, u_char *data, size_t len)
{
    ngx_uint_t         relay;
    notify_inflated_t  m;

    relay = (s->conf->client_messages == NGX_HTTP_NOTIFY_CLIENT_RELAY);

    if (!ev->packed) {
        ngx_http_notify_receive_relay(s, ev->binary, data, len);
        return NGX_OK;
    }

    notify_inflate(data, len, s->conf->client_max_size, !ev->binary, relay,
                   &m);

    if (m.code) {

        if (ngx_http_notify_receive_deliver(s) != NGX_OK) {
            return NGX_ERROR;
        }

        if (s->state == NGX_HTTP_NOTIFY_CLOSING) {
            return NGX_OK;
        }

        s->failing = 1;
        return ngx_http_notify_socket_fail(s, m.code, m.why);
    }

    ngx_http_notify_count(NOTIFY_N_INFLATED, 1);

    if (relay) {
        ngx_http_notify_receive_relay(s, ev->binary, m.data, m.len);
    }

    free(m.data);

    return NGX_OK;
}


/*
 * Adds a piece to the message.  Memory grows with what has come, not with what
 * the frame's header says will come; the codec sees to notify_client_max_size.
 * NGX_DECLINED: no memory, and the socket is closing; NGX_ERROR: it was freed.
 */

static ngx_int_t
ngx_http_notify_receive_collect(ngx_http_notify_socket_t *s,
    ngx_http_notify_in_t *in, notify_codec_event_t *ev)
{
    size_t   size, max;
    u_char  *data;

    if (ev->len > in->size - in->len) {
        max = s->conf->client_max_size;

        if (ev->packed) {
            max = (size_t) notify_codec_bound(max);
        }

        size = ngx_min(in->size * 2, max);
        size = ngx_max(size, in->len + ev->len);

        data = ngx_alloc(size, s->connection->log);

        if (data == NULL) {
            return ngx_http_notify_socket_fail(s, NOTIFY_CLOSE_INTERNAL,
                                               "no memory")
                   == NGX_OK ? NGX_DECLINED : NGX_ERROR;
        }

        if (in->data) {
            ngx_memcpy(data, in->data, in->len);
            ngx_free(in->data);
        }

        in->data = data;
        in->size = size;
    }

    if (ev->len) {
        ngx_memcpy(in->data + in->len, ev->data, ev->len);
        in->len += ev->len;
    }

    return NGX_OK;
}


/* a push from a browser, to all sockets of its own user */

static void
ngx_http_notify_receive_relay(ngx_http_notify_socket_t *s, ngx_uint_t binary,
    u_char *data, size_t len)
{
    u_char                     bytes[NOTIFY_REALM_MAX + NOTIFY_USER_MAX];
    struct iovec               iov;
    notify_publish_t           p;
    notify_receipt_t           receipt;
    notify_name_of_t           name;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    notify_key_name(&w->zone, s->node.key, bytes, &name);

    iov.iov_base = data;
    iov.iov_len = len;

    ngx_memzero(&p, sizeof(notify_publish_t));

    p.kind = binary ? NOTIFY_BINARY : NOTIFY_TEXT;
    p.count = (uint32_t) s->conf->history;
    p.ttl = (uint32_t) s->conf->history_ttl;
    p.length = len;
    p.iov = &iov;
    p.niov = len ? 1 : 0;
    p.now = ngx_http_notify_now();

    if (notify_bus_publish(&w->zone, &name, &p, &receipt) == 0) {
        ngx_http_notify_count(NOTIFY_N_RELAYED, 1);
        w->relayed = s;

    } else {
        ngx_http_notify_count(NOTIFY_N_RELAY_FULL, 1);
        ngx_http_notify_log_full(s->conf->log);
    }

    ngx_http_notify_log_evicted(s->conf->log, s->conf->history_ttl);

    if (w->zone.wake_self) {
        ngx_http_notify_wake_self();
    }
}
