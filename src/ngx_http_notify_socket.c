/*
 * A socket's life.
 */

#include "ngx_http_notify_closes.h"
#include "ngx_http_notify_compat.h"
#include "ngx_http_notify_socket.h"
#include "ngx_http_notify_worker.h"


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
static u_char *ngx_http_notify_socket_log_client(ngx_http_notify_socket_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_notify_socket_log_user(ngx_http_notify_socket_t *s,
    u_char *p, u_char *last);


ngx_http_notify_socket_t *
ngx_http_notify_socket_join(ngx_connection_t *c,
    ngx_http_notify_loc_conf_t *conf, notify_name_of_t *name)
{
    ngx_http_notify_socket_t  *s;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    s = ngx_http_notify_socket_make(c, conf);
    if (s == NULL) {
        return NULL;
    }

    s->node.key = notify_bus_join(&w->zone, name, &s->since);

    if (s->node.key == 0) {
        ngx_free(s);
        return NULL;
    }

    ngx_http_notify_table_add(&w->table, &s->node);
    w->sockets++;

    return s;
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

    s = ngx_calloc(sizeof(ngx_http_notify_socket_t), c->log);
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
    ngx_int_t                  rc;
    ngx_connection_t          *c;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;
    c = s->connection;

    c->data = s;
    c->write->handler = ngx_http_notify_socket_write_handler;

    s->state = NGX_HTTP_NOTIFY_OPEN;
    s->opened = (uint32_t) ngx_time();

    if (ngx_http_notify_is_tls(c)) {
        w->seat->tls++;
    }

    if (!s->kept) {
        ngx_http_notify_stat_waiting(1);
        w->seat->held++;
    }

    ngx_http_notify_deadline_set(&w->deadlines, &s->deadline,
                                 s->conf->ping_interval);

    rc = ngx_http_notify_send_flush(c, &s->out);

    if (rc == NGX_ERROR) {
        ngx_http_notify_socket_drop(s, "connection lost");
        return NGX_ERROR;
    }

    if (s->node.key == 0) {

        /* closed while the handshake was being answered */

        return ngx_http_notify_socket_closing(s, s->code, NULL);
    }

    return NGX_OK;
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
    notify_item_t *item, ngx_http_notify_message_t **m)
{
    ngx_int_t  rc;

    if (item->id <= s->since) {
        return;
    }

    ngx_http_notify_socket_current(s);

    rc = ngx_http_notify_send_message(s->connection, &s->out, item, m,
                                      s->conf->send_buffer,
                                      s->state == NGX_HTTP_NOTIFY_HANDSHAKE);

    switch (rc) {

    case NGX_OK:
    case NGX_AGAIN:
        s->messages++;
        ngx_http_notify_count(NOTIFY_N_DELIVERED, 1);
        break;

    case NGX_BUSY:

        if (s->conf->slow == NGX_HTTP_NOTIFY_SLOW_DROP) {
            ngx_http_notify_count(NOTIFY_N_DROPPED, 1);
            break;
        }

        ngx_http_notify_count(NOTIFY_N_SLOW, 1);
        (void) ngx_http_notify_socket_fail(s, NOTIFY_CLOSE_SLOW, "too slow");
        break;

    case NGX_DECLINED:
        (void) ngx_http_notify_socket_fail(s, NOTIFY_CLOSE_INTERNAL,
                                           "no memory");
        break;

    default: /* NGX_ERROR */
        ngx_http_notify_socket_drop(s, "connection lost");
    }
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


void
ngx_http_notify_socket_alive(ngx_http_notify_socket_t *s)
{
    ngx_http_notify_worker_t  *w;

    if (s->state != NGX_HTTP_NOTIFY_OPEN) {
        return;
    }

    w = &ngx_http_notify_worker;

    s->pinged = 0;

    ngx_http_notify_deadline_remove(&w->deadlines, &s->deadline);
    ngx_http_notify_deadline_set(&w->deadlines, &s->deadline,
                                 s->conf->ping_interval);
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
    ngx_http_notify_socket_leave(s, NOTIFY_CLOSE_RESTART, "terminating");
    ngx_http_notify_send_cut(s->out);
    (void) ngx_http_notify_send_close(s->connection, &s->out,
                                      NOTIFY_CLOSE_RESTART, "terminating");
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

        return NGX_OK;
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
                  s->opened ? (uint32_t) ngx_time() - s->opened : 0,
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

    notify_bus_leave(&w->zone, key);
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
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    w->seat->held--;
    ngx_http_notify_stat_waiting(-1);
    ngx_http_notify_socket_close_connection(c);
}


/* frees the memory, and counts it gone; the connection is the caller's */

static void
ngx_http_notify_socket_release(ngx_http_notify_socket_t *s)
{
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    ngx_http_notify_send_free(&s->out);

    if (s->in) {
        if (s->in->data) {
            ngx_free(s->in->data);
        }

        ngx_free(s->in);
    }

    if (w->current == s) {
        w->current = NULL;
    }

    w->sockets--;

    ngx_free(s);
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


u_char *
ngx_http_notify_socket_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                    *p, *last;
    ngx_http_notify_socket_t  *s;

    p = buf;
    last = buf + len;
    s = ngx_http_notify_worker.current;

    if (s == NULL || s->conf->log != log) {
        return p;
    }

    p = ngx_slprintf(p, last, " while serving websocket, client: ");
    p = ngx_http_notify_socket_log_client(s, p, last);

    if (s->node.key) {
        p = ngx_slprintf(p, last, ", user: \"");
        p = ngx_http_notify_socket_log_user(s, p, last);
        p = ngx_slprintf(p, last, "\"");
    }

    return p;
}


static u_char *
ngx_http_notify_socket_log_client(ngx_http_notify_socket_t *s, u_char *p,
    u_char *last)
{
    size_t  n;
    u_char  text[NGX_SOCKADDR_STRLEN];

    if (s->kept) {
        return ngx_slprintf(p, last, "%V", &s->connection->addr_text);
    }

    if (s->family == AF_UNIX) {
        return ngx_slprintf(p, last, "unix:");
    }

    n = ngx_inet_ntop(s->family, s->u.addr, text, NGX_SOCKADDR_STRLEN);

    return ngx_slprintf(p, last, "%*s", n, text);
}


/* control bytes and what could end the quotes are written as \xXX */

static u_char *
ngx_http_notify_socket_log_user(ngx_http_notify_socket_t *s, u_char *p,
    u_char *last)
{
    size_t            i;
    u_char            ch, bytes[NOTIFY_REALM_MAX + NOTIFY_USER_MAX];
    notify_name_of_t  name;

    notify_key_name(&ngx_http_notify_worker.zone, s->node.key, bytes, &name);

    for (i = 0; i < name.user_length; i++) {
        ch = name.user[i];

        if (ch < 0x20 || ch == 0x7f || ch == '"' || ch == '\\') {
            p = ngx_slprintf(p, last, "\\x%02Xd", (ngx_int_t) ch);

        } else {
            p = ngx_slprintf(p, last, "%c", ch);
        }
    }

    return p;
}
