/*
 * Takes a connection from its request.
 *
 * Mirrors what ngx_http_request.c does at the end of a request and of a
 * connection; checked with 1.22.1 and 1.31.4.  In order: what is still needed
 * is copied; the request is freed, which writes the access log and restores
 * the address that realip has changed; then the logs are pointed away from the
 * connection's pool; then that goes.
 */

#include "ngx_http_notify_compat.h"
#include "ngx_http_notify_detach.h"
#include "ngx_http_notify_receive.h"
#include "ngx_http_notify_worker.h"


#define NGX_HTTP_NOTIFY_DETACH_WAIT  10     /* ms, for a mirror to end */


static void ngx_http_notify_detach_cleanup(void *data);
static ngx_http_cleanup_t *ngx_http_notify_detach_find(ngx_http_request_t *r);
static void ngx_http_notify_detach_again(ngx_http_request_t *r);
static void ngx_http_notify_detach_handler(ngx_event_t *wev);
static ngx_int_t ngx_http_notify_detach_sent(ngx_http_request_t *r);
static void ngx_http_notify_detach_address(ngx_http_notify_socket_t *s,
    ngx_connection_t *c);
static void ngx_http_notify_detach_take(ngx_http_request_t *r,
    ngx_http_notify_socket_t *s);
static void ngx_http_notify_detach_keep(ngx_http_request_t *r,
    ngx_http_notify_socket_t *s);
static void ngx_http_notify_detach_buffers(ngx_connection_t *c,
    ngx_http_connection_t *hc);
static void ngx_http_notify_detach_pool(ngx_connection_t *c);


ngx_int_t
ngx_http_notify_detach_prepare(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_notify_detach_cleanup;
    cln->data = NULL;

    return NGX_OK;
}


void
ngx_http_notify_detach_set(ngx_http_request_t *r, ngx_http_notify_socket_t *s)
{
    ngx_http_notify_detach_find(r)->data = s;
}


static void
ngx_http_notify_detach_cleanup(void *data)
{
    if (data) {
        ngx_http_notify_socket_abandon(data);
    }
}


/* NULL: the request has been terminated, which leaves it no cleanups */

static ngx_http_cleanup_t *
ngx_http_notify_detach_find(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    cln = r->main->cleanup;

    while (cln && cln->handler != ngx_http_notify_detach_cleanup) {
        cln = cln->next;
    }

    return cln;
}


void
ngx_http_notify_detach(ngx_http_request_t *r)
{
    /* ngx_http_test_reading() would end the request with its post_action */

    r->read_event_handler = ngx_http_block_reading;

    /* a mirror that fails gives the events to ngx_http_request_handler() */

    r->write_event_handler = ngx_http_notify_detach_again;

    ngx_http_notify_detach_again(r);
}


/* not now: the callers still have the request in their hands */

static void
ngx_http_notify_detach_again(ngx_http_request_t *r)
{
    ngx_event_t  *wev;

    wev = r->connection->write;

    wev->handler = ngx_http_notify_detach_handler;

    ngx_post_event(wev, &ngx_posted_events);
}


static void
ngx_http_notify_detach_handler(ngx_event_t *wev)
{
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_cleanup_t        *cln;
    ngx_http_notify_socket_t  *s;

    c = wev->data;
    r = c->data;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0, "notify detach handler");

    cln = ngx_http_notify_detach_find(r);

    if (cln == NULL) {
        ngx_http_notify_socket_end_request(r);
        return;
    }

    if (ngx_http_notify_detach_sent(r) != NGX_OK) {
        return;
    }

    /*
     * ngx_http_free_request() would free it under a mirror's subrequest, or a
     * thread; neither tells when it is done.
     */

    wev->timedout = 0;

    if (r->main->count != 1 || r->blocked || r->main->posted_requests) {

        if (c->read->pending_eof) {
            /* the peer has left meanwhile */
            ngx_http_notify_socket_end_request(r);
            return;
        }

        ngx_add_timer(wev, NGX_HTTP_NOTIFY_DETACH_WAIT);
        return;
    }

    s = cln->data;
    cln->data = NULL;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    (void) ngx_tcp_nodelay(c);

    if (r->limit_conn_status) {
        /* its count ends with the request */
        ngx_http_notify_detach_keep(r, s);
        return;
    }

    ngx_http_notify_detach_take(r, s);
}


/* NGX_AGAIN: the 101 is still going out; NGX_ERROR: the request is finalized */

static ngx_int_t
ngx_http_notify_detach_sent(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;

    c = r->connection;
    wev = c->write;

    if (!c->buffered) {
        return NGX_OK;
    }

    if (wev->timedout) {
        c->timedout = 1;
        ngx_http_notify_socket_end_request(r);
        return NGX_ERROR;
    }

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        ngx_http_notify_socket_end_request(r);
        return NGX_ERROR;
    }

    if (!c->buffered) {
        return NGX_OK;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_add_timer(wev, clcf->send_timeout);

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_notify_socket_end_request(r);
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_http_notify_detach_take(ngx_http_request_t *r, ngx_http_notify_socket_t *s)
{
    size_t                  len;
    u_char                 *early;
    ngx_log_t              *log;
    ngx_connection_t       *c;
    ngx_http_connection_t  *hc;

    c = r->connection;
    hc = r->http_connection;

    ngx_http_notify_detach_address(s, c);

    /* frames may have come together with the handshake */

    len = r->header_in->last - r->header_in->pos;
    early = NULL;

    if (len) {
        early = ngx_alloc(len, c->log);

        if (early == NULL) {
            ngx_http_notify_socket_abandon(s);
            ngx_http_notify_socket_end_request(r);
            return;
        }

        ngx_memcpy(early, r->header_in->pos, len);
    }

    r->keepalive = 0;

    ngx_http_free_request(r, 0);

    c->destroyed = 0;

    log = s->conf->log;

    c->log = log;
    c->read->log = log;
    c->write->log = log;

    if (ngx_http_notify_is_tls(c)) {
        ngx_http_notify_detach_buffers(c, hc);

    } else {
        ngx_http_notify_detach_pool(c);
    }

    ngx_http_notify_socket_current(s);

    if (ngx_http_notify_socket_open(s) == NGX_OK) {
        ngx_http_notify_receive_start(s, early, len);
    }

    if (early) {
        ngx_free(early);
    }
}


/* limit_conn counts it as long as the request lives: it is kept as it is */

static void
ngx_http_notify_detach_keep(ngx_http_request_t *r, ngx_http_notify_socket_t *s)
{
    s->kept = 1;
    s->u.request = r;

    r->keepalive = 0;
    r->connection->log->action = "serving websocket";

    if (ngx_http_notify_socket_open(s) == NGX_OK) {
        ngx_http_notify_receive_start(s, r->header_in->pos,
                                 r->header_in->last - r->header_in->pos);
    }
}


/* the address of the client, as realip has it while the request lives */

static void
ngx_http_notify_detach_address(ngx_http_notify_socket_t *s,
    ngx_connection_t *c)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    s->family = (uint8_t) c->sockaddr->sa_family;

    switch (c->sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) c->sockaddr;
        ngx_memcpy(s->u.addr, &sin6->sin6_addr, 16);
        break;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) c->sockaddr;
        ngx_memcpy(s->u.addr, &sin->sin_addr, 4);
        break;

    default: /* AF_UNIX */
        break;
    }
}


/* as ngx_http_set_keepalive() does: TLS has its state in the pool */

static void
ngx_http_notify_detach_buffers(ngx_connection_t *c, ngx_http_connection_t *hc)
{
    ngx_chain_t  *cl;

    for (cl = hc->free; cl; cl = cl->next) {
        ngx_pfree(c->pool, cl->buf->start);
    }

    for (cl = hc->busy; cl; cl = cl->next) {
        ngx_pfree(c->pool, cl->buf->start);
    }

    hc->free = NULL;
    hc->busy = NULL;
    hc->nbusy = 0;

    if (c->buffer) {
        ngx_pfree(c->pool, c->buffer->start);
        c->buffer = NULL;
    }

#if (NGX_HTTP_SSL)
    ngx_ssl_free_buffer(c);
#endif
}


/*
 * nginx reads these later only at accept, for the PROXY protocol, for variables
 * of a request, and for TLS.
 */

static void
ngx_http_notify_detach_pool(ngx_connection_t *c)
{
    ngx_pool_t  *pool;

    pool = c->pool;

    c->pool = NULL;
    c->buffer = NULL;
    c->sockaddr = NULL;
    c->socklen = 0;
    ngx_str_null(&c->addr_text);
    c->proxy_protocol = NULL;
    c->local_sockaddr = NULL;
    c->local_socklen = 0;

    ngx_destroy_pool(pool);
}
