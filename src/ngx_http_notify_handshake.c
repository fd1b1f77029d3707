/*
 * From a request to a WebSocket (RFC 6455, 4.2), or to its refusal.
 *
 * The socket joins before the 101 goes out, so that a push that the peer
 * causes on seeing it arrives.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_sha1.h>

#include "notify_id.h"
#include "notify_upgrade.h"
#include "ngx_http_notify_compat.h"
#include "ngx_http_notify_detach.h"
#include "ngx_http_notify_handshake.h"
#include "ngx_http_notify_limit.h"
#include "ngx_http_notify_request.h"
#include "ngx_http_notify_socket.h"
#include "ngx_http_notify_token.h"
#include "ngx_http_notify_v1.h"
#include "ngx_http_notify_wake.h"
#include "ngx_http_notify_worker.h"


static ngx_int_t ngx_http_notify_handshake_upgrade(ngx_http_request_t *r);
static ngx_int_t ngx_http_notify_handshake_fields(ngx_http_request_t *r,
    ngx_str_t *key, ngx_http_notify_wish_t *wish);
static ngx_int_t ngx_http_notify_handshake_lists(ngx_http_request_t *r,
    ngx_http_notify_wish_t *wish);
static ngx_int_t ngx_http_notify_handshake_extensions(ngx_http_request_t *r,
    ngx_http_notify_wish_t *wish);
static ngx_int_t ngx_http_notify_handshake_last(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, ngx_http_notify_wish_t *wish);
static ngx_int_t ngx_http_notify_handshake_origin(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf);
static ngx_int_t ngx_http_notify_handshake_user(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, ngx_http_notify_ctx_t **ctx,
    time_t *until);
static ngx_int_t ngx_http_notify_handshake_expires(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, time_t until, ngx_msec_t *end);
static ngx_int_t ngx_http_notify_handshake_room(ngx_http_request_t *r);
static ngx_int_t ngx_http_notify_handshake_join(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, ngx_http_notify_wish_t *wish,
    ngx_msec_t end);
static ngx_int_t ngx_http_notify_handshake_answer(ngx_http_request_t *r,
    ngx_str_t *key, ngx_http_notify_wish_t *wish);
static ngx_uint_t ngx_http_notify_handshake_asks(ngx_http_request_t *r,
    const char *name, size_t len, const char *token);
static ngx_int_t ngx_http_notify_handshake_required(ngx_http_request_t *r,
    const char *field, const char *text);
static ngx_int_t ngx_http_notify_handshake_426(ngx_http_request_t *r,
    const char *field, const char *text);


/* nobody's session is longer: a year, in seconds */
#define NGX_HTTP_NOTIFY_EXPIRES_MAX  (366 * 24 * 60 * 60)


#define ngx_http_notify_header(r, name, n)                                    \
    ngx_http_notify_request_header(r, name, sizeof(name) - 1, n)


/*
 * Each step returns NGX_OK, or has refused the request and returns what is to
 * be returned.
 */

ngx_int_t
ngx_http_notify_handshake_handler(ngx_http_request_t *r)
{
    time_t                       until;
    ngx_int_t                    rc;
    ngx_str_t                    key = ngx_null_string;
    ngx_msec_t                   end;
    ngx_http_notify_ctx_t       *ctx;
    ngx_http_notify_wish_t       wish;
    ngx_http_notify_loc_conf_t  *nlcf;

    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    ngx_memzero(&wish, sizeof(ngx_http_notify_wish_t));

    rc = ngx_http_notify_handshake_upgrade(r);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_notify_handshake_fields(r, &key, &wish);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_notify_handshake_last(r, nlcf, &wish);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_notify_handshake_origin(r, nlcf);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_notify_handshake_user(r, nlcf, &ctx, &until);
    if (rc != NGX_OK) {
        return rc;
    }

    /* a refusal is not NGX_OK, so that both are set */

    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
    rc = ngx_http_notify_handshake_expires(r, nlcf, until, &end);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_notify_handshake_room(r);
    if (rc != NGX_OK) {
        return rc;
    }

    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
    ngx_http_notify_request_name(ctx, &wish.name);

    rc = ngx_http_notify_handshake_join(r, nlcf, &wish, end);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_notify_handshake_answer(r, &key, &wish);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx->websocket = 1;
    ngx_http_notify_count(NOTIFY_N_HANDSHAKES, 1);

    r->main->count++;
    ngx_http_notify_detach(r);

    return NGX_DONE;
}


/* whether it asks for an upgrade at all, and one that can be had */

static ngx_int_t
ngx_http_notify_handshake_upgrade(ngx_http_request_t *r)
{
    if (r->method != NGX_HTTP_GET) {
        ngx_http_notify_count(NOTIFY_N_REFUSED_REQUEST, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_NOT_ALLOWED, "method",
                                      "a WebSocket is opened by GET");
    }

    if (r != r->main || !ngx_http_notify_is_http1(r)) {
        return ngx_http_notify_handshake_426(r, "version",
                                             "a WebSocket needs HTTP/1.1");
    }

    if (!ngx_http_notify_handshake_asks(r, "upgrade", 7, "websocket")) {
        return ngx_http_notify_handshake_required(r, "Upgrade",
                              "this location needs \"Upgrade: websocket\"");
    }

    if (!ngx_http_notify_handshake_asks(r, "connection", 10, "upgrade")) {
        return ngx_http_notify_handshake_required(r, "Connection",
                              "this location needs \"Connection: Upgrade\"");
    }

    /* what followed would be taken for frames */

    if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
        ngx_http_notify_count(NOTIFY_N_REFUSED_REQUEST, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_BAD_REQUEST, "body",
                                      "a WebSocket handshake has no body");
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_notify_handshake_asks(ngx_http_request_t *r, const char *name,
    size_t len, const char *token)
{
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    for (n = 0;
         (h = ngx_http_notify_request_header(r, name, len, n)) != NULL;
         n++)
    {
        if (notify_upgrade_has(h->value.data, h->value.len, token) == 1) {
            return 1;
        }
    }

    return 0;
}


/* 426, with what RFC 7231, 6.5.15 wants the client told */

static ngx_int_t
ngx_http_notify_handshake_required(ngx_http_request_t *r, const char *field,
    const char *text)
{
    static ngx_str_t  websocket = ngx_string("websocket");
    static ngx_str_t  upgrade = ngx_string("Upgrade");
    static ngx_str_t  version = ngx_string("13");

    if (ngx_http_notify_add_header(r, "Upgrade", 7, &websocket) != NGX_OK
        || ngx_http_notify_add_header(r, "Connection", 10, &upgrade) != NGX_OK
        || ngx_http_notify_add_header(r, "Sec-WebSocket-Version", 21, &version)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_notify_handshake_426(r, field, text);
}


/* over HTTP/2 there is no Upgrade to speak of */

static ngx_int_t
ngx_http_notify_handshake_426(ngx_http_request_t *r, const char *field,
    const char *text)
{
    ngx_http_notify_count(NOTIFY_N_REFUSED_REQUEST, 1);

    ngx_str_set(&r->headers_out.status_line, "426 Upgrade Required");

    return ngx_http_notify_refuse(r, NGX_HTTP_UPGRADE_REQUIRED, field,
                                  "%s", text);
}


static ngx_int_t
ngx_http_notify_handshake_fields(ngx_http_request_t *r, ngx_str_t *key,
    ngx_http_notify_wish_t *wish)
{
    ngx_table_elt_t  *h;

    h = ngx_http_notify_header(r, "sec-websocket-version", 0);

    if (h == NULL || h->value.len != 2
        || ngx_memcmp(h->value.data, "13", 2) != 0
        || ngx_http_notify_header(r, "sec-websocket-version", 1) != NULL)
    {
        return ngx_http_notify_handshake_required(r, "Sec-WebSocket-Version",
                                    "this server speaks WebSocket version 13");
    }

    h = ngx_http_notify_header(r, "sec-websocket-key", 0);

    if (h == NULL
        || !notify_upgrade_key_valid(h->value.data, h->value.len)
        || ngx_http_notify_header(r, "sec-websocket-key", 1) != NULL)
    {
        ngx_http_notify_count(NOTIFY_N_REFUSED_REQUEST, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_BAD_REQUEST,
                                      "Sec-WebSocket-Key",
                                      "a WebSocket handshake has one key: "
                                      "16 bytes in base64");
    }

    *key = h->value;

    return ngx_http_notify_handshake_lists(r, wish);
}


/* subprotocols: one is known */

static ngx_int_t
ngx_http_notify_handshake_lists(ngx_http_request_t *r,
    ngx_http_notify_wish_t *wish)
{
    int               has;
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    for (n = 0;
         (h = ngx_http_notify_header(r, "sec-websocket-protocol", n)) != NULL;
         n++)
    {
        has = notify_upgrade_protocol(h->value.data, h->value.len,
                                      NGX_HTTP_NOTIFY_V1);
        if (has == 1) {
            wish->v1 = 1;
        }

        if (has == -1) {
            ngx_http_notify_count(NOTIFY_N_REFUSED_REQUEST, 1);
            return ngx_http_notify_refuse(r, NGX_HTTP_BAD_REQUEST,
                                          "Sec-WebSocket-Protocol",
                                          "the subprotocols are not a list "
                                          "of names");
        }
    }

    return ngx_http_notify_handshake_extensions(r, wish);
}


/* one is known, too; all must be well-formed */

static ngx_int_t
ngx_http_notify_handshake_extensions(ngx_http_request_t *r,
    ngx_http_notify_wish_t *wish)
{
    ngx_uint_t                   n;
    ngx_table_elt_t             *h;
    ngx_http_notify_loc_conf_t  *nlcf;

    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    for (n = 0;
         (h = ngx_http_notify_header(r, "sec-websocket-extensions", n)) != NULL;
         n++)
    {
        if (!notify_upgrade_extensions_valid(h->value.data, h->value.len)) {
            ngx_http_notify_count(NOTIFY_N_REFUSED_REQUEST, 1);
            return ngx_http_notify_refuse(r, NGX_HTTP_BAD_REQUEST,
                                          "Sec-WebSocket-Extensions",
                                          "the extensions are not a list of "
                                          "names with parameters");
        }

        if (nlcf->deflate && !wish->deflate) {
            wish->deflate = notify_extension_offer(h->value.data,
                                                   h->value.len,
                                                   &wish->extension) & 1;
        }
    }

    return NGX_OK;
}


/* the last message that a socket has which comes back */

static ngx_int_t
ngx_http_notify_handshake_last(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, ngx_http_notify_wish_t *wish)
{
    ngx_str_t         last;
    const char       *field;
    ngx_table_elt_t  *h;

    field = "last_id";

    if (ngx_http_arg(r, (u_char *) "last_id", sizeof("last_id") - 1, &last)
        != NGX_OK)
    {
        field = "Last-Event-ID";
        h = ngx_http_notify_header(r, "last-event-id", 0);

        if (h == NULL) {
            return NGX_OK;
        }

        last = h->value;
    }

    if (last.len == 0) {
        return NGX_OK;
    }

    if (notify_id_read(last.data, last.len, &wish->last) == -1) {
        ngx_http_notify_count(NOTIFY_N_REFUSED_REQUEST, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_BAD_REQUEST, field,
                                      "the last id is not one: it is "
                                      "milliseconds, or these with \"-\" and a "
                                      "number");
    }

    if (nlcf->history) {
        wish->resume = 1;

    } else {
        wish->gap = 1;
    }

    return NGX_OK;
}


/* no Origin: not a browser, which cannot be made to connect by a page */

static ngx_int_t
ngx_http_notify_handshake_origin(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf)
{
    ngx_str_t        *pattern, host;
    ngx_uint_t        i, one;
    notify_origin_t   origin;
    ngx_table_elt_t  *h;

    h = ngx_http_notify_header(r, "origin", 0);

    if (h == NULL) {
        return NGX_OK;
    }

    one = (ngx_http_notify_header(r, "origin", 1) == NULL);

    (void) notify_origin_parse(h->value.data, h->value.len, &origin);

    if (r->headers_in.host) {
        host = r->headers_in.host->value;

    } else {
        ngx_str_null(&host);
    }

    if (nlcf->origins == NULL) {
        if (one && notify_origin_same(&origin, host.data, host.len)) {
            return NGX_OK;
        }

    } else {
        pattern = nlcf->origins->elts;

        for (i = 0; one && i < nlcf->origins->nelts; i++) {

            if (ngx_strncmp(pattern[i].data, "same", 5) == 0
                ? notify_origin_same(&origin, host.data, host.len)
                : notify_origin_match(pattern[i].data, pattern[i].len,
                                      &origin))
            {
                return NGX_OK;
            }
        }
    }

    ngx_http_notify_count(NOTIFY_N_REFUSED_ORIGIN, 1);

    if (!one) {
        return ngx_http_notify_refuse(r, NGX_HTTP_FORBIDDEN, "Origin",
                                      "there is more than one Origin, the "
                                      "first is \"%V\", host is \"%V\"",
                                      &h->value, &host);
    }

    /* what follows is for a configuration, and the peer has written it */

    if (origin.type == NOTIFY_ORIGIN_INVALID) {
        return ngx_http_notify_refuse(r, NGX_HTTP_FORBIDDEN, "Origin",
                                      "origin \"%V\" is not one that a browser "
                                      "sends, host is \"%V\"",
                                      &h->value, &host);
    }

    return ngx_http_notify_refuse(r, NGX_HTTP_FORBIDDEN, "Origin",
                                  "origin \"%V\" is not that of host \"%V\"; "
                                  "to let it in, write \"notify_origins same "
                                  "%V;\" in this location",
                                  &h->value, &host, &h->value);
}


static ngx_int_t
ngx_http_notify_handshake_user(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, ngx_http_notify_ctx_t **ctx,
    time_t *until)
{
    ngx_int_t                  rc;
    ngx_str_t                  peer;
    ngx_http_notify_marks_t    marks;
    ngx_http_notify_refusal_t  why;

    if (nlcf->user == NULL) {

        ngx_http_notify_request_marks(r, &marks);

        if (ngx_http_notify_request_local(r, &marks, &peer) != NGX_OK) {
            ngx_http_notify_count(NOTIFY_N_REFUSED_PEER, 1);
            return ngx_http_notify_refuse(r, NGX_HTTP_FORBIDDEN, "user",
                                          "user comes from the query string, "
                                          "write notify_user: %V", &peer);
        }
    }

    rc = ngx_http_notify_token_check(r, until, &why);

    if (rc == NGX_OK) {
        rc = ngx_http_notify_request_user(r, ctx, &why);
    }

    if (rc == NGX_DECLINED) {
        ngx_http_notify_count(NOTIFY_N_REFUSED_USER, 1);
        return ngx_http_notify_refuse(r, why.status, why.field, "%V",
                                      &why.text);
    }

    return rc;
}


/* when the session or the token ends that the user was taken from */

static ngx_int_t
ngx_http_notify_handshake_expires(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, time_t until, ngx_msec_t *end)
{
    time_t     expires, left;
    ngx_str_t  value = ngx_null_string;

    *end = 0;

    if (nlcf->expires
        && ngx_http_complex_value(r, nlcf->expires, &value) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (value.len) {
        expires = ngx_atotm(value.data, value.len);

        if (expires == (time_t) NGX_ERROR) {
            ngx_http_notify_count(NOTIFY_N_REFUSED_USER, 1);
            return ngx_http_notify_refuse(r, NGX_HTTP_FORBIDDEN,
                                          "notify_expires",
                                          "\"%V\" is not a time in seconds "
                                          "since the epoch", &value);
        }

        until = ngx_min(until, expires);
    }

    if (until == NGX_MAX_TIME_T_VALUE) {
        return NGX_OK;
    }

    left = until - ngx_time();

    if (left <= 0) {
        ngx_http_notify_count(NOTIFY_N_REFUSED_USER, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_UNAUTHORIZED,
                                      "notify_expires",
                                      "the session has expired");
    }

    left = ngx_min(left, NGX_HTTP_NOTIFY_EXPIRES_MAX);

    *end = ngx_current_msec + (ngx_msec_t) left * 1000;

    return NGX_OK;
}


/* the bounds of this worker */

static ngx_int_t
ngx_http_notify_handshake_room(ngx_http_request_t *r)
{
    ngx_connection_t          *c;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;
    c = r->connection;

    if (w->seat == NULL) {
        ngx_http_notify_count(NOTIFY_N_REFUSED_SEAT, 1);

        if (ngx_http_notify_error_due(NGX_HTTP_NOTIFY_E_SEATS)) {
            ngx_log_error(NGX_LOG_ERR, c->log, 0,
                          "no seat is free in zone \"notify\", wait for old "
                          "workers to exit, or restart nginx");
        }

        return ngx_http_notify_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "server", "this worker has no seat yet");
    }

    if (w->exiting) {
        ngx_http_notify_count(NOTIFY_N_REFUSED_EXITING, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "server", "this server is shutting down");
    }

    if (w->sockets >= w->sockets_max) {
        ngx_http_notify_count(NOTIFY_N_REFUSED_RESERVE, 1);

        if (ngx_http_notify_error_due(NGX_HTTP_NOTIFY_E_RESERVE)) {
            ngx_log_error(NGX_LOG_ERR, c->log, 0,
                          "%ui of %ui worker_connections are sockets, "
                          "raise worker_connections",
                          w->sockets, ngx_cycle->connection_n);
        }

        return ngx_http_notify_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "server", "this server is full");
    }

    if ((ngx_uint_t) c->fd >= w->files_max) {
        ngx_http_notify_count(NOTIFY_N_REFUSED_RESERVE, 1);

        if (ngx_http_notify_error_due(NGX_HTTP_NOTIFY_E_FILES)) {
            ngx_log_error(NGX_LOG_ERR, c->log, 0,
                          "descriptor %d of a socket is near the limit, "
                          "raise worker_rlimit_nofile", c->fd);
        }

        return ngx_http_notify_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "server", "this server is full");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_handshake_join(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, ngx_http_notify_wish_t *wish,
    ngx_msec_t end)
{
    ngx_http_notify_socket_t  *s;

    if (ngx_http_notify_detach_prepare(r) != NGX_OK) {
        return NGX_ERROR;
    }

    s = ngx_http_notify_socket_join(r->connection, nlcf, wish);

    if (ngx_http_notify_worker.zone.wake_self) {
        /* the one that it replaces may be this worker's */
        ngx_http_notify_wake_self();
    }

    if (s == NULL && wish->refused) {
        ngx_http_notify_count(NOTIFY_N_REFUSED_SOCKETS, 1);
        return ngx_http_notify_refuse(r, NGX_HTTP_TOO_MANY_REQUESTS, "user",
                                      "the user has all %ui sockets that "
                                      "notify_max_sockets allows",
                                      nlcf->max_sockets);
    }

    if (s && ngx_http_notify_limit(s, end) != NGX_OK) {
        ngx_http_notify_socket_abandon(s);
        s = NULL;
    }

    if (s == NULL) {
        ngx_http_notify_count(NOTIFY_N_REFUSED_ZONE, 1);
        ngx_http_notify_log_full(r->connection->log);

        return ngx_http_notify_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "server", "there is no memory for a "
                                      "socket");
    }

    ngx_http_notify_detach_set(r, s);

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_handshake_answer(ngx_http_request_t *r, ngx_str_t *key,
    ngx_http_notify_wish_t *wish)
{
    u_char            digest[20];
    ngx_int_t         rc;
    ngx_str_t         accept, extension;
    ngx_sha1_t        sha1;

    static ngx_str_t  websocket = ngx_string("websocket");
    static ngx_str_t  protocol = ngx_string(NGX_HTTP_NOTIFY_V1);

    accept.len = NOTIFY_UPGRADE_ACCEPT_LEN;
    accept.data = ngx_pnalloc(r->pool, accept.len);

    if (accept.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, key->data, key->len);
    ngx_sha1_update(&sha1, NOTIFY_UPGRADE_GUID,
                    sizeof(NOTIFY_UPGRADE_GUID) - 1);
    ngx_sha1_final(digest, &sha1);

    notify_upgrade_accept(accept.data, digest);

    if (ngx_http_notify_add_header(r, "Upgrade", 7, &websocket) != NGX_OK
        || ngx_http_notify_add_header(r, "Sec-WebSocket-Accept", 20, &accept)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (wish->v1
        && ngx_http_notify_add_header(r, "Sec-WebSocket-Protocol", 22,
                                      &protocol)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (wish->deflate) {
        extension.data = ngx_pnalloc(r->pool, NOTIFY_EXTENSION_LEN);

        if (extension.data == NULL) {
            return NGX_ERROR;
        }

        extension.len = notify_extension_answer((char *) extension.data,
                                                &wish->extension);

        if (ngx_http_notify_add_header(r, "Sec-WebSocket-Extensions", 24,
                                       &extension)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");
    r->headers_out.content_length_n = -1;
    r->keepalive = 0;
    r->limit_rate = 0;
    r->limit_rate_set = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    /* postpone_output would hold it back */

    if (ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR) {
        return NGX_ERROR;
    }

    return NGX_OK;
}
