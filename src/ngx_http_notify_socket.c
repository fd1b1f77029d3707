/*
 * A socket's life.
 */

#include "ngx_http_notify_closes.h"
#include "ngx_http_notify_compat.h"
#include "ngx_http_notify_form.h"
#include "ngx_http_notify_socket.h"
#include "ngx_http_notify_v1.h"
#include "ngx_http_notify_worker.h"


static ngx_int_t ngx_http_notify_socket_hello(ngx_http_notify_socket_t *s,
    const notify_name_of_t *name, ngx_uint_t gap);
static ngx_int_t ngx_http_notify_socket_send(ngx_http_notify_socket_t *s,
    notify_item_t *item, ngx_http_notify_forms_t *forms);
static ngx_int_t ngx_http_notify_socket_no_memory(ngx_http_notify_socket_t *s);
static ngx_int_t ngx_http_notify_socket_read(ngx_http_notify_socket_t *s);
static ngx_int_t ngx_http_notify_socket_read_items(ngx_http_notify_socket_t *s,
    notify_item_t *items, ngx_uint_t n);
static void ngx_http_notify_socket_write_handler(ngx_event_t *wev);
static ngx_int_t ngx_http_notify_socket_sent(ngx_http_notify_socket_t *s,
    ngx_int_t rc);
static void ngx_http_notify_socket_leave(ngx_http_notify_socket_t *s,
    ngx_uint_t code, const char *why);
static void ngx_http_notify_socket_unlink(ngx_http_notify_socket_t *s);
static ngx_int_t ngx_http_notify_socket_closing(ngx_http_notify_socket_t *s,
    ngx_uint_t code, const char *why);
static ngx_http_notify_socket_t *ngx_http_notify_socket_make(
    ngx_connection_t *c, ngx_http_notify_loc_conf_t *conf);
static void ngx_http_notify_socket_free(ngx_http_notify_socket_t *s);
static void ngx_http_notify_socket_release(ngx_http_notify_socket_t *s);
static void ngx_http_notify_socket_close_connection(ngx_connection_t *c);


#define NGX_HTTP_NOTIFY_READ  8             /* messages at a time */


ngx_http_notify_socket_t *
ngx_http_notify_socket_join(ngx_connection_t *c,
    ngx_http_notify_loc_conf_t *conf, ngx_http_notify_wish_t *wish)
{
    ngx_http_notify_joined_t   joined;
    ngx_http_notify_socket_t  *s;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    s = ngx_http_notify_socket_make(c, conf);
    if (s == NULL) {
        return NULL;
    }

    if (ngx_http_notify_join(conf, wish, &joined) != NGX_OK) {
        ngx_http_notify_slab_free(&w->slab, s);
        return NULL;
    }

    s->node.key = joined.key;
    s->node.member = joined.member;
    s->since = joined.since;
    s->joined = joined.joined;
    s->reading = joined.reading;
    s->window = wish->deflate ? wish->extension.server & 15 : 0;

    ngx_http_notify_table_add(&w->table, &s->node);
    w->sockets++;

    if (wish->v1
        && ngx_http_notify_socket_hello(s, &wish->name, joined.gap) != NGX_OK)
    {
        ngx_http_notify_socket_abandon(s);
        return NULL;
    }

    return s;
}


/* the first frame, which waits for the handshake's answer to go out */

static ngx_int_t
ngx_http_notify_socket_hello(ngx_http_notify_socket_t *s,
    const notify_name_of_t *name, ngx_uint_t gap)
{
    size_t   len;
    u_char  *hello;

    s->v1 = 1;

    hello = ngx_http_notify_v1_hello(s->since, name, gap, &len,
                                     s->connection->log);
    if (hello == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_notify_send_restore(s->connection, &s->out, hello, len,
                                        0);
}


/* with room for it in the table and among the deadlines */

static ngx_http_notify_socket_t *
ngx_http_notify_socket_make(ngx_connection_t *c,
    ngx_http_notify_loc_conf_t *conf)
{
    ngx_http_notify_socket_t  *s;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    if (ngx_http_notify_table_reserve(&w->table, c->log) != NGX_OK
        || ngx_http_notify_deadlines_add(&w->deadlines, conf->ping_interval)
           != NGX_OK)
    {
        return NULL;
    }

    s = ngx_http_notify_slab_calloc(&w->slab, sizeof(ngx_http_notify_socket_t),
                                    c->log);
    if (s == NULL) {
        return NULL;
    }

    s->connection = c;
    s->conf = conf;

    return s;
}


void
ngx_http_notify_socket_abandon(ngx_http_notify_socket_t *s)
{
    ngx_http_notify_socket_unlink(s);
    ngx_http_notify_socket_release(s);
}


ngx_int_t
ngx_http_notify_socket_open(ngx_http_notify_socket_t *s)
{
    ngx_connection_t          *c;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;
    c = s->connection;

    c->data = s;
    c->write->handler = ngx_http_notify_socket_write_handler;

    s->state = NGX_HTTP_NOTIFY_OPEN;
    s->opened = notify_seconds();

    if (ngx_http_notify_is_tls(c)) {
        w->seat->tls++;
    }

    if (!s->kept) {
        ngx_http_notify_stat_waiting(1);
        w->seat->held++;
    }

    ngx_http_notify_deadline_set(&w->deadlines, &s->deadline,
                                 s->conf->ping_interval);

    if (s->node.key == 0) {

        /* closed while the handshake was being answered */

        return ngx_http_notify_socket_closing(s, s->code, NULL);
    }

    return ngx_http_notify_socket_flush(s);
}


ngx_http_notify_socket_t *
ngx_http_notify_socket_adopt(ngx_connection_t *c,
    ngx_http_notify_loc_conf_t *conf, uint32_t key)
{
    ngx_http_notify_socket_t  *s;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    s = ngx_http_notify_socket_make(c, conf);
    if (s == NULL) {
        return NULL;
    }

    c->data = s;
    c->write->handler = ngx_http_notify_socket_write_handler;

    s->state = NGX_HTTP_NOTIFY_OPEN;
    s->node.key = key;

    ngx_http_notify_table_add(&w->table, &s->node);
    w->sockets++;
    w->seat->held++;

    ngx_http_notify_stat_waiting(1);
    ngx_http_notify_stat_active(1);

    return s;
}


void
ngx_http_notify_socket_moved(ngx_http_notify_socket_t *s)
{
    ngx_connection_t          *c;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;
    c = s->connection;

    ngx_http_notify_count(NOTIFY_N_HANDED_OVER, 1);

    ngx_http_notify_table_remove(&w->table, &s->node);
    ngx_http_notify_deadline_remove(&w->deadlines, &s->deadline);
    ngx_http_notify_socket_release(s);

    /*
     * On its way nginx does not count it: its new worker may be another
     * master's, which counts for itself, and may die before it has it.
     */

    w->seat->held--;
    ngx_http_notify_stat_waiting(-1);
    ngx_http_notify_stat_active(-1);

    /*
     * close() does not end the events while the other worker has the
     * description, so that they are deleted first
     */

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }

    ngx_close_connection(c);
}


ngx_int_t
ngx_http_notify_socket_flush(ngx_http_notify_socket_t *s)
{
    ngx_http_notify_socket_current(s);

    return ngx_http_notify_socket_sent(s,
                          ngx_http_notify_send_flush(s->connection, &s->out));
}


void
ngx_http_notify_socket_message(ngx_http_notify_socket_t *s,
    notify_item_t *item, ngx_http_notify_forms_t *forms)
{
    if (s->reading || item->id <= s->since) {
        return;
    }

    ngx_http_notify_socket_current(s);

    if (ngx_http_notify_socket_send(s, item, forms) != NGX_BUSY) {
        return;
    }

    if (item->stored && s->conf->history) {

        /* it is read again from the store when there is room */

        s->reading = 1;
        ngx_http_notify_count(NOTIFY_N_SLOW_READS, 1);
        return;
    }

    if (s->conf->slow == NGX_HTTP_NOTIFY_SLOW_DROP) {
        s->since = item->id;
        ngx_http_notify_count(NOTIFY_N_DROPPED, 1);
        return;
    }

    ngx_http_notify_count(NOTIFY_N_SLOW, 1);
    (void) ngx_http_notify_socket_fail(s, NOTIFY_CLOSE_SLOW, "too slow");
}


/*
 * NGX_OK: it is sent, or waits; NGX_BUSY: too much waits before it;
 * NGX_DECLINED: the socket is closing; NGX_ERROR: it was freed.
 */

static ngx_int_t
ngx_http_notify_socket_send(ngx_http_notify_socket_t *s, notify_item_t *item,
    ngx_http_notify_forms_t *forms)
{
    ngx_int_t                    rc;
    ngx_http_notify_manner_t     manner;
    ngx_http_notify_message_t  **form;

    /* what it reads from the store would be compressed for it alone */

    manner.v1 = s->v1;
    manner.window = s->reading ? 0 : s->window;
    manner.min = s->conf->deflate;

    form = ngx_http_notify_form(forms, item, &manner, s->connection->log);

    if (form == NULL) {
        return ngx_http_notify_socket_no_memory(s);
    }

    rc = ngx_http_notify_send_message(s->connection, &s->out, item, form,
                                      s->conf->send_buffer,
                                      s->state == NGX_HTTP_NOTIFY_HANDSHAKE);

    switch (rc) {

    case NGX_OK:
    case NGX_AGAIN:
        s->since = item->id;
        s->messages++;
        ngx_http_notify_count(NOTIFY_N_DELIVERED, 1);
        ngx_http_notify_count(NOTIFY_N_DEFLATE_SAVED, forms->saved);
        return NGX_OK;

    case NGX_BUSY:
        return NGX_BUSY;

    case NGX_DECLINED:
        return ngx_http_notify_socket_no_memory(s);

    default: /* NGX_ERROR */
        ngx_http_notify_socket_drop(s, "connection lost");
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_notify_socket_no_memory(ngx_http_notify_socket_t *s)
{
    return ngx_http_notify_socket_fail(s, NOTIFY_CLOSE_INTERNAL, "no memory")
           == NGX_OK ? NGX_DECLINED : NGX_ERROR;
}


/*
 * Reads on from the store while nothing waits.  NGX_ERROR: the socket was
 * freed.
 */

static ngx_int_t
ngx_http_notify_socket_read(ngx_http_notify_socket_t *s)
{
    int                        n;
    uint64_t                   live;
    ngx_uint_t                 ndone;
    notify_item_t              items[NGX_HTTP_NOTIFY_READ];
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    while (s->reading && s->out == NULL && s->state == NGX_HTTP_NOTIFY_OPEN) {

        ndone = w->ndone;
        w->ndone = 0;

        n = notify_bus_read(&w->zone, s->node.key, s->since, items,
                            NGX_HTTP_NOTIFY_READ, w->done, ndone,
                            ngx_http_notify_now(), &live);
        if (n == 0) {
            s->reading = 0;
            s->since = live;
            break;
        }

        if (n == -1) {
            ngx_http_notify_count(NOTIFY_N_SLOW, 1);
            return ngx_http_notify_socket_fail(s, NOTIFY_CLOSE_SLOW,
                                               "its history was evicted");
        }

        if (ngx_http_notify_socket_read_items(s, items, n) == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* each is given back, also those that cannot be sent now */

static ngx_int_t
ngx_http_notify_socket_read_items(ngx_http_notify_socket_t *s,
    notify_item_t *items, ngx_uint_t n)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_notify_forms_t   forms;

    rc = NGX_OK;

    for (i = 0; i < n; i++) {
        ngx_memzero(&forms, sizeof(ngx_http_notify_forms_t));

        if (rc == NGX_OK) {
            rc = ngx_http_notify_socket_send(s, &items[i], &forms);
        }

        ngx_http_notify_forms_finish(&forms, &items[i]);
    }

    return rc;
}


void
ngx_http_notify_socket_ping(ngx_http_notify_socket_t *s)
{
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    s->pinged = 1;
    ngx_http_notify_count(NOTIFY_N_PINGS, 1);

    ngx_http_notify_deadline_remove(&w->deadlines, &s->deadline);
    ngx_http_notify_deadline_set(&w->deadlines, &s->deadline,
                                 s->conf->ping_interval);

    (void) ngx_http_notify_socket_sent(s,
                            ngx_http_notify_send_ping(s->connection, &s->out));
}


ngx_int_t
ngx_http_notify_socket_pong(ngx_http_notify_socket_t *s, u_char *data,
    size_t len)
{
    if (s->state != NGX_HTTP_NOTIFY_OPEN) {
        return NGX_OK;
    }

    return ngx_http_notify_socket_sent(s,
                 ngx_http_notify_send_pong(s->connection, &s->out, data, len));
}


ngx_int_t
ngx_http_notify_socket_close(ngx_http_notify_socket_t *s, ngx_uint_t code,
    const char *why)
{
    if (s->state == NGX_HTTP_NOTIFY_CLOSING) {
        return NGX_OK;
    }

    ngx_http_notify_socket_leave(s, code, why);

    if (s->state == NGX_HTTP_NOTIFY_HANDSHAKE) {
        /* ngx_http_notify_socket_open() goes on */
        return NGX_OK;
    }

    return ngx_http_notify_socket_closing(s, code, why);
}


ngx_int_t
ngx_http_notify_socket_fail(ngx_http_notify_socket_t *s, ngx_uint_t code,
    const char *why)
{
    ngx_http_notify_send_cut(s->out);

    return ngx_http_notify_socket_close(s, code, why);
}


/* it has left; our close frame goes out, and the peer has time to answer */

static ngx_int_t
ngx_http_notify_socket_closing(ngx_http_notify_socket_t *s, ngx_uint_t code,
    const char *why)
{
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    s->state = NGX_HTTP_NOTIFY_CLOSING;

    ngx_http_notify_deadline_remove(&w->deadlines, &s->deadline);
    ngx_http_notify_deadline_linger(&w->deadlines, &s->deadline);

    return ngx_http_notify_socket_sent(s,
                 ngx_http_notify_send_close(s->connection, &s->out, code, why));
}


ngx_int_t
ngx_http_notify_socket_closed(ngx_http_notify_socket_t *s, ngx_uint_t code)
{
    s->leaving = 1;

    /* it wants no more messages, also when our close is behind some */

    ngx_http_notify_send_cut(s->out);

    if (s->state == NGX_HTTP_NOTIFY_CLOSING) {
        return ngx_http_notify_socket_sent(s,
                           ngx_http_notify_send_flush(s->connection, &s->out));
    }

    ngx_http_notify_socket_leave(s, code, "by client");

    return ngx_http_notify_socket_closing(s, code, NULL);
}


void
ngx_http_notify_socket_drop(ngx_http_notify_socket_t *s, const char *why)
{
    ngx_http_notify_socket_leave(s, NOTIFY_CLOSE_LOST, why);
    ngx_http_notify_socket_free(s);
}


void
ngx_http_notify_socket_terminate(ngx_http_notify_socket_t *s)
{
    if (s->state != NGX_HTTP_NOTIFY_CLOSING) {
        ngx_http_notify_socket_leave(s, NOTIFY_CLOSE_RESTART, "terminating");
        ngx_http_notify_send_cut(s->out);
        (void) ngx_http_notify_send_close(s->connection, &s->out,
                                          NOTIFY_CLOSE_RESTART, "terminating");
    }

    if (s->out) {
        /* nor does TLS wait for room to say that it ends */
        s->connection->timedout = 1;
    }

    ngx_http_notify_socket_free(s);
}


static void
ngx_http_notify_socket_write_handler(ngx_event_t *wev)
{
    ngx_connection_t          *c;
    ngx_http_notify_socket_t  *s;

    c = wev->data;
    s = c->data;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0, "notify write handler");

    (void) ngx_http_notify_socket_flush(s);
}


/* what follows from the result of sending; NGX_ERROR: the socket was freed */

static ngx_int_t
ngx_http_notify_socket_sent(ngx_http_notify_socket_t *s, ngx_int_t rc)
{
    if (rc == NGX_AGAIN) {
        return NGX_OK;
    }

    if (rc == NGX_OK) {

        if (s->leaving) {
            ngx_http_notify_socket_free(s);
            return NGX_ERROR;
        }

        if (s->failing && !ngx_http_notify_is_tls(s->connection)) {

            /* the peer sees the end at once, and we discard what it sends */

            (void) ngx_shutdown_socket(s->connection->fd, NGX_WRITE_SHUTDOWN);
        }

        return ngx_http_notify_socket_read(s);
    }

    ngx_http_notify_socket_drop(s, rc == NGX_DECLINED ? "no memory"
                                                      : "connection lost");
    return NGX_ERROR;
}


/*
 * Takes it off the bus, writes its line and counts it: once, as long as the
 * zone still knows its user's name.
 */

static void
ngx_http_notify_socket_leave(ngx_http_notify_socket_t *s, ngx_uint_t code,
    const char *why)
{
    if (s->node.key == 0) {
        return;
    }

    s->code = (uint16_t) code;

    ngx_http_notify_count_close(code);

    ngx_http_notify_socket_current(s);

    ngx_log_error(NGX_LOG_INFO, s->conf->log, 0,
                  "websocket closed: %ui %s, %uDs, %uD messages",
                  code, why,
                  s->opened ? notify_seconds() - s->opened : 0,
                  s->messages);

    ngx_http_notify_socket_unlink(s);
}


static void
ngx_http_notify_socket_unlink(ngx_http_notify_socket_t *s)
{
    uint32_t                   key;
    ngx_http_notify_worker_t  *w;

    key = s->node.key;

    if (key == 0) {
        return;
    }

    w = &ngx_http_notify_worker;

    ngx_http_notify_table_remove(&w->table, &s->node);
    s->node.key = 0;

    notify_bus_leave_member(&w->zone, key, s->node.member);
}


static void
ngx_http_notify_socket_free(ngx_http_notify_socket_t *s)
{
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;
    c = s->connection;

    r = s->kept ? s->u.request : NULL;

    if (ngx_http_notify_is_tls(c)) {
        w->seat->tls--;
    }

    ngx_http_notify_deadline_remove(&w->deadlines, &s->deadline);
    ngx_http_notify_socket_release(s);

    if (r) {
        c->data = r;
        ngx_http_notify_socket_end_request(r);
        return;
    }

    w->seat->held--;
    ngx_http_notify_stat_waiting(-1);
    ngx_http_notify_socket_close_connection(c);
}


/*
 * Of all the ends NGX_HTTP_CLOSE alone runs no post_action, which would go on
 * with a connection whose events are not its request's.
 */

void
ngx_http_notify_socket_end_request(ngx_http_request_t *r)
{
    unsigned           timedout;
    ngx_connection_t  *c;

    c = r->connection;

    timedout = c->timedout;
    c->error = 0;

    ngx_http_finalize_request(r, NGX_HTTP_CLOSE);

    c->timedout = timedout;

    /* the end is only posted */

    ngx_http_run_posted_requests(c);
}


/* frees the memory, and counts it gone; the connection is the caller's */

static void
ngx_http_notify_socket_release(ngx_http_notify_socket_t *s)
{
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    ngx_http_notify_send_free(&s->out);

    if (s->expiry) {
        ngx_http_notify_expiry_remove(&w->expiries, s->expiry);
    }

    if (s->in) {
        if (s->in->data) {
            ngx_free(s->in->data);
        }

        ngx_free(s->in);
    }

    if (w->current == s) {
        w->current = NULL;
    }

    if (w->relayed == s) {
        w->relayed = NULL;
    }

    w->sockets--;

    ngx_http_notify_slab_free(&w->slab, s);
}


/* as ngx_http_close_connection() of 1.22.1 to 1.31.4, but for the pool */

static void
ngx_http_notify_socket_close_connection(ngx_connection_t *c)
{
    ngx_pool_t  *pool;

    if (ngx_http_notify_tls_shutdown(c,
                                     ngx_http_notify_socket_close_connection)
        == NGX_AGAIN)
    {
        return;
    }

    ngx_http_notify_stat_active(-1);

    c->destroyed = 1;
    pool = c->pool;

    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


void
ngx_http_notify_socket_current(ngx_http_notify_socket_t *s)
{
    ngx_http_notify_worker.current = s;

    s->conf->log->connection = s->connection->number;
}
