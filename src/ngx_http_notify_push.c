/*
 * Pushes: request, message, bus, receipt.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <sys/mman.h>

#include "notify_bus.h"
#include "notify_codec.h"
#include "notify_json.h"
#include "notify_utf8.h"
#include "ngx_http_notify_compat.h"
#include "ngx_http_notify_push.h"
#include "ngx_http_notify_reply.h"
#include "ngx_http_notify_request.h"
#include "ngx_http_notify_wake.h"
#include "ngx_http_notify_worker.h"


/* bytes that a worker without a seat may publish: the bus needs no draft */
#define NGX_HTTP_NOTIFY_SEATLESS_MAX  2048

#define NGX_HTTP_NOTIFY_ONCE_MAX  255       /* bytes of an Idempotency-Key */

/* nginx has no name for it */
#define NGX_HTTP_NOTIFY_UNPROCESSABLE  422

#define NGX_HTTP_NOTIFY_FEW  8


/* a request's body as it lies in memory, or in a file that is mapped */
typedef struct {
    ngx_chain_t                *bufs;
    struct iovec               *iov;            /* one for each of bufs */
    ngx_uint_t                  n;
    size_t                      length;         /* their sum, bytes */
    struct iovec                few[NGX_HTTP_NOTIFY_FEW];
} ngx_http_notify_body_t;


static ngx_int_t ngx_http_notify_push_check_peer(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, const ngx_http_notify_marks_t *marks);
static ngx_int_t ngx_http_notify_push_user(ngx_http_request_t *r,
    ngx_http_notify_ctx_t **ctx);
static ngx_int_t ngx_http_notify_push_head(ngx_http_request_t *r,
    ngx_http_notify_ctx_t *ctx);
static ngx_int_t ngx_http_notify_push_bodiless(ngx_http_request_t *r,
    ngx_http_notify_ctx_t *ctx);
static void ngx_http_notify_push_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_notify_push_body(ngx_http_request_t *r,
    ngx_http_notify_ctx_t *ctx, ngx_http_notify_body_t *body);
static ngx_int_t ngx_http_notify_push_publish(ngx_http_request_t *r,
    ngx_http_notify_ctx_t *ctx, notify_publish_t *p);
static ngx_int_t ngx_http_notify_push_too_large(ngx_http_request_t *r);
static ngx_int_t ngx_http_notify_push_once(ngx_http_request_t *r,
    ngx_http_notify_ctx_t *ctx, notify_publish_t *p);
static ngx_int_t ngx_http_notify_push_failed(ngx_http_request_t *r, int rc);

static ngx_uint_t ngx_http_notify_push_is(ngx_http_request_t *r,
    ngx_str_t *what);
static ngx_uint_t ngx_http_notify_body_is_text(ngx_http_notify_body_t *body);
static ngx_int_t ngx_http_notify_body_open(ngx_http_request_t *r,
    ngx_http_notify_body_t *body);
static ngx_int_t ngx_http_notify_body_map(ngx_buf_t *b, struct iovec *iov,
    ngx_log_t *log);
static void ngx_http_notify_body_close(ngx_http_notify_body_t *body);


ngx_int_t
ngx_http_notify_push_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    notify_name_of_t             name;
    ngx_http_notify_ctx_t       *ctx;
    ngx_http_notify_marks_t      marks;
    ngx_http_notify_loc_conf_t  *nlcf;

    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    ngx_http_notify_request_marks(r, &marks);

    rc = ngx_http_notify_push_check_peer(r, nlcf, &marks);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_POST|NGX_HTTP_PUT
                       |NGX_HTTP_DELETE)))
    {
        ngx_http_notify_count(NOTIFY_N_PUSH_METHOD, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_NOT_ALLOWED, "method",
                                      "a push is POST, PUT, GET, DELETE or "
                                      "HEAD");
    }

    if (!ngx_http_notify_worker.active) {
        return ngx_http_notify_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE, "server",
                                      "this process has no zone");
    }

    rc = ngx_http_notify_push_user(r, &ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    if (r->method == NGX_HTTP_HEAD) {
        return ngx_http_notify_push_head(r, ctx);
    }

    ctx->once = marks.once;

    ngx_http_notify_request_name(ctx, &name);
    ctx->hash = notify_key_hash(&ngx_http_notify_worker.zone, &name);

    if (!(r->method & (NGX_HTTP_POST|NGX_HTTP_PUT))) {
        return ngx_http_notify_push_bodiless(r, ctx);
    }

    if (r->headers_in.content_length_n > (off_t) NOTIFY_PAYLOAD_MAX) {
        return ngx_http_notify_push_too_large(r);
    }

    rc = ngx_http_read_client_request_body(r,
                                           ngx_http_notify_push_body_handler);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


/*
 * Whoever may push can speak to every user, and a browser on this machine is
 * a local peer for any page that is open in it.
 */

static ngx_int_t
ngx_http_notify_push_check_peer(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, const ngx_http_notify_marks_t *marks)
{
    ngx_str_t         why;
    ngx_table_elt_t  *site, *h;

    site = marks->site;

    if (nlcf->push == NGX_HTTP_NOTIFY_PUSH_ANY) {

        if (site == NULL
            || site->value.len != sizeof("cross-site") - 1
            || ngx_strncasecmp(site->value.data, (u_char *) "cross-site",
                               sizeof("cross-site") - 1)
               != 0)
        {
            return NGX_OK;
        }

        ngx_http_notify_count(NOTIFY_N_PUSH_DENIED, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_FORBIDDEN, "Sec-Fetch-Site",
                                      "push refused: a page of another site "
                                      "has a browser send it");
    }

    h = site ? site : marks->origin;

    if (h == NULL && ngx_http_notify_request_local(r, marks, &why) == NGX_OK) {
        return NGX_OK;
    }

    ngx_http_notify_count(NOTIFY_N_PUSH_DENIED, 1);

    if (h) {
        return ngx_http_notify_refuse(r, NGX_HTTP_FORBIDDEN, "peer",
                                      "push refused: its %V header is a "
                                      "browser's; push from your server",
                                      &h->key);
    }

    if (ngx_http_notify_request_peer_local(r)) {

        /* to allow it would be to allow whoever is behind it */

        return ngx_http_notify_refuse(r, NGX_HTTP_FORBIDDEN, "peer",
                                      "push refused: %V; push to this server "
                                      "directly, or write \"notify_push "
                                      "from=any;\" and who may push in this "
                                      "location", &why);
    }

    return ngx_http_notify_refuse(r, NGX_HTTP_FORBIDDEN, "peer",
                                  "push refused: %V; write \"notify_push "
                                  "from=any; allow %V; deny all;\" in this "
                                  "location",
                                  &why, &r->connection->addr_text);
}


static ngx_int_t
ngx_http_notify_push_user(ngx_http_request_t *r, ngx_http_notify_ctx_t **ctx)
{
    ngx_int_t                  rc;
    ngx_http_notify_refusal_t  why;

    rc = ngx_http_notify_request_user(r, ctx, &why);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_notify_count(NOTIFY_N_PUSH_BAD, 1);

    return ngx_http_notify_refuse(r, why.status, why.field, "%V", &why.text);
}


static ngx_int_t
ngx_http_notify_push_head(ngx_http_request_t *r, ngx_http_notify_ctx_t *ctx)
{
    ngx_int_t         rc;
    ngx_str_t         value;
    notify_name_of_t  name;

    ngx_http_notify_request_name(ctx, &name);

    ctx->sockets = notify_bus_online(&ngx_http_notify_worker.zone, &name);
    ctx->counted = 1;

    value.data = ngx_pnalloc(r->pool, NGX_INT32_LEN);
    if (value.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%uD", ctx->sockets) - value.data;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_notify_add_header(r, "Notify-Sockets",
                                   sizeof("Notify-Sockets") - 1, &value)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;

    return ngx_http_send_header(r);
}


static ngx_int_t
ngx_http_notify_push_bodiless(ngx_http_request_t *r,
    ngx_http_notify_ctx_t *ctx)
{
    ngx_int_t         rc;
    notify_publish_t  p;

    /* before anything is sent, since it may be refused yet */

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&p, sizeof(notify_publish_t));

    if (r->method == NGX_HTTP_DELETE) {
        p.kind = NOTIFY_CLOSE;
        p.code = NOTIFY_CLOSE_LOGGED_OUT;

    } else {
        p.kind = NOTIFY_TEXT;
    }

    return ngx_http_notify_push_publish(r, ctx, &p);
}


static void
ngx_http_notify_push_body_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_notify_body_t  body;

    rc = ngx_http_notify_body_open(r, &body);

    if (rc == NGX_OK) {
        rc = ngx_http_notify_push_body(r,
                      ngx_http_get_module_ctx(r, ngx_http_notify_module),
                      &body);

        ngx_http_notify_body_close(&body);
    }

    ngx_http_finalize_request(r, rc);
}


static ngx_int_t
ngx_http_notify_push_body(ngx_http_request_t *r, ngx_http_notify_ctx_t *ctx,
    ngx_http_notify_body_t *body)
{
    notify_publish_t  p;

    static ngx_str_t  binary = ngx_string("application/octet-stream");
    static ngx_str_t  json = ngx_string("application/json");

    ngx_memzero(&p, sizeof(notify_publish_t));

    if (ngx_http_notify_push_is(r, &binary)) {
        p.kind = NOTIFY_BINARY;

    } else {
        p.kind = NOTIFY_TEXT;

        if (!ngx_http_notify_body_is_text(body)) {
            ngx_http_notify_count(NOTIFY_N_PUSH_BAD, 1);
            return ngx_http_notify_refuse(r, NGX_HTTP_BAD_REQUEST, "body",
                                          "the body is not valid UTF-8; send "
                                          "what is not text with "
                                          "\"Content-Type: "
                                          "application/octet-stream\"");
        }
    }

    p.iov = body->iov;
    p.niov = (unsigned) body->n;
    p.length = body->length;

    /* what is none is a string to who speaks notify.v1 */

    p.json = ngx_http_notify_push_is(r, &json)
             && notify_json_valid(p.iov, p.niov);

    return ngx_http_notify_push_publish(r, ctx, &p);
}


/* all that can fail comes before the message can be seen */

static ngx_int_t
ngx_http_notify_push_publish(ngx_http_request_t *r, ngx_http_notify_ctx_t *ctx,
    notify_publish_t *p)
{
    int                          rc;
    char                         user[NOTIFY_JSON_STRING_LEN(NOTIFY_USER_MAX)];
    size_t                       len, size;
    notify_zone_t               *zone;
    notify_receipt_t             receipt;
    notify_name_of_t             name;
    ngx_http_notify_reply_t     *reply;
    ngx_http_notify_loc_conf_t  *nlcf;

    zone = &ngx_http_notify_worker.zone;

    notify_key_soon(zone, ctx->hash);

    if (zone->seat == NOTIFY_NONE && p->length > NGX_HTTP_NOTIFY_SEATLESS_MAX) {
        ngx_http_notify_count(NOTIFY_N_PUSH_UNAVAILABLE, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE, "server",
                                      "this worker has no seat yet");
    }

    len = notify_json_string(user, sizeof(user), ctx->user.data,
                             ctx->user.len);
    if (len == 0) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    size = NOTIFY_JSON_RECEIPT_LEN(len);

    reply = ngx_http_notify_reply_create(r, size);
    if (reply == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_notify_request_name(ctx, &name);

    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    p->now = ngx_http_notify_now();

    if (p->kind != NOTIFY_CLOSE) {
        p->count = (uint32_t) nlcf->history;
        p->ttl = (uint32_t) nlcf->history_ttl;

        if (ctx->once) {
            rc = ngx_http_notify_push_once(r, ctx, p);

            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    rc = notify_bus_publish_hashed(zone, &name, ctx->hash, p, &receipt);

    ngx_http_notify_log_evicted(r->connection->log, nlcf->history_ttl);

    if (zone->wake_self) {
        ngx_http_notify_wake_self();
    }

    if (rc != 0) {
        return ngx_http_notify_push_failed(r, rc);
    }

    if (receipt.repeated) {
        ngx_http_notify_count(NOTIFY_N_REPEATED, 1);

    } else {
        ngx_http_notify_count(NOTIFY_N_PUSHES, 1);
        ngx_http_notify_count(NOTIFY_N_PUSH_BYTES, p->length);
    }

    ctx->id = receipt.id;
    ctx->sockets = receipt.sockets;
    ctx->counted = 1;

    reply->buf.last += notify_json_receipt((char *) reply->text, receipt.id,
                                           user, len, receipt.sockets);

    return ngx_http_notify_reply_send(r, reply, NGX_HTTP_OK,
                                      &ngx_http_notify_type_json);
}


/* a push that says that it may come again */

static ngx_int_t
ngx_http_notify_push_once(ngx_http_request_t *r, ngx_http_notify_ctx_t *ctx,
    notify_publish_t *p)
{
    ngx_table_elt_t             *h;
    notify_name_of_t             name;
    ngx_http_notify_loc_conf_t  *nlcf;

    h = ctx->once;

    if (h->value.len == 0 || h->value.len > NGX_HTTP_NOTIFY_ONCE_MAX) {
        ngx_http_notify_count(NOTIFY_N_PUSH_BAD, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_BAD_REQUEST,
                                      "Idempotency-Key",
                                      "an Idempotency-Key has 1 to %d bytes",
                                      NGX_HTTP_NOTIFY_ONCE_MAX);
    }

    if (p->count == 0) {
        ngx_http_notify_count(NOTIFY_N_PUSH_BAD, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_BAD_REQUEST,
                                      "Idempotency-Key",
                                      "an Idempotency-Key needs "
                                      "notify_history, which is off here");
    }

    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    ngx_http_notify_request_name(ctx, &name);

    p->once = notify_once_hash(&ngx_http_notify_worker.zone, nlcf->id, &name,
                               h->value.data, h->value.len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_push_failed(ngx_http_request_t *r, int rc)
{
    if (rc == NOTIFY_OTHER) {
        ngx_http_notify_count(NOTIFY_N_PUSH_BAD, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_NOTIFY_UNPROCESSABLE,
                                      "Idempotency-Key",
                                      "this Idempotency-Key came with another "
                                      "body");
    }

    ngx_http_notify_count(NOTIFY_N_PUSH_FULL, 1);
    ngx_http_notify_log_full(r->connection->log);

    return ngx_http_notify_refuse(r, NGX_HTTP_INSUFFICIENT_STORAGE, "zone",
                                  "the zone cannot hold this message");
}


static ngx_int_t
ngx_http_notify_push_too_large(ngx_http_request_t *r)
{
    ngx_http_notify_count(NOTIFY_N_PUSH_BAD, 1);

    return ngx_http_notify_refuse(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "body",
                                  "a message has at most %uL bytes",
                                  NOTIFY_PAYLOAD_MAX);
}


/* whether that is the body's type, with parameters or none: RFC 9110, 8.3.1 */

static ngx_uint_t
ngx_http_notify_push_is(ngx_http_request_t *r, ngx_str_t *what)
{
    u_char      ch;
    ngx_str_t  *type;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type = &r->headers_in.content_type->value;

    if (type->len < what->len) {
        return 0;
    }

    if (type->len > what->len) {
        ch = type->data[what->len];

        if (ch != ';' && ch != ' ' && ch != '\t') {
            return 0;
        }
    }

    return ngx_strncasecmp(type->data, what->data, what->len) == 0;
}


static ngx_uint_t
ngx_http_notify_body_is_text(ngx_http_notify_body_t *body)
{
    ngx_uint_t     i;
    notify_utf8_t  utf8;

    ngx_memzero(&utf8, sizeof(notify_utf8_t));

    for (i = 0; i < body->n; i++) {
        if (notify_utf8_feed(&utf8, body->iov[i].iov_base,
                             body->iov[i].iov_len)
            == -1)
        {
            return 0;
        }
    }

    return notify_utf8_done(&utf8);
}


/*
 * NGX_OK: to be closed, and valid as long as the request.  Else nothing is
 * open, and the result is to finalize with.
 */

static ngx_int_t
ngx_http_notify_body_open(ngx_http_request_t *r, ngx_http_notify_body_t *body)
{
    ngx_uint_t     n;
    ngx_buf_t     *b;
    ngx_chain_t   *cl;
    struct iovec  *iov;

    body->bufs = r->request_body ? r->request_body->bufs : NULL;
    body->iov = body->few;
    body->n = 0;
    body->length = 0;

    n = 0;

    for (cl = body->bufs; cl; cl = cl->next) {
        n++;
    }

    if (n > NGX_HTTP_NOTIFY_FEW) {
        body->iov = ngx_palloc(r->pool, n * sizeof(struct iovec));
        if (body->iov == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    for (cl = body->bufs; cl; cl = cl->next) {
        b = cl->buf;
        iov = &body->iov[body->n];

        if (ngx_buf_size(b) > (off_t) (NOTIFY_PAYLOAD_MAX - body->length)) {
            ngx_http_notify_body_close(body);
            return ngx_http_notify_push_too_large(r);
        }

        if (ngx_buf_in_memory(b)) {
            iov->iov_base = b->pos;
            iov->iov_len = b->last - b->pos;

        } else if (ngx_http_notify_body_map(b, iov, r->connection->log)
                   != NGX_OK)
        {
            ngx_http_notify_body_close(body);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        body->n++;
        body->length += iov->iov_len;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_body_map(ngx_buf_t *b, struct iovec *iov, ngx_log_t *log)
{
    off_t      start;
    size_t     before;
    u_char    *p;
    ngx_err_t  err;

    iov->iov_len = (size_t) ngx_buf_size(b);
    iov->iov_base = NULL;

    if (iov->iov_len == 0) {
        return NGX_OK;
    }

    before = (size_t) b->file_pos & (ngx_pagesize - 1);
    start = b->file_pos - (off_t) before;

    p = mmap(NULL, before + iov->iov_len, PROT_READ, MAP_PRIVATE, b->file->fd,
             start);

    if (p == MAP_FAILED) {
        err = ngx_errno;

        ngx_http_notify_count(NOTIFY_N_PUSH_UNAVAILABLE, 1);

        if (ngx_http_notify_error_due(NGX_HTTP_NOTIFY_E_MAP)) {
            ngx_log_error(NGX_LOG_ERR, log, err,
                          "mmap(%uz) of \"%V\" failed, lower "
                          "client_max_body_size",
                          iov->iov_len, &b->file->name);
        }

        return NGX_ERROR;
    }

    iov->iov_base = p + before;

    return NGX_OK;
}


static void
ngx_http_notify_body_close(ngx_http_notify_body_t *body)
{
    u_char       *p;
    size_t        before;
    ngx_uint_t    i;
    ngx_chain_t  *cl;

    for (cl = body->bufs, i = 0; i < body->n; cl = cl->next, i++) {

        if (ngx_buf_in_memory(cl->buf) || body->iov[i].iov_len == 0) {
            continue;
        }

        p = body->iov[i].iov_base;
        before = (uintptr_t) p & (ngx_pagesize - 1);

        (void) munmap(p - before, before + body->iov[i].iov_len);
    }
}
