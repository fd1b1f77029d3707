/*
 * Who a request speaks of, where it comes from, and how it is refused.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_json.h"
#include "notify_user.h"
#include "ngx_http_notify_compat.h"
#include "ngx_http_notify_reply.h"
#include "ngx_http_notify_request.h"


#define NGX_HTTP_NOTIFY_TEXT_MAX  1024          /* bytes of a refusal's text */


/* a walk over the request's header lines */
typedef struct {
    ngx_list_part_t            *part;
    ngx_uint_t                  i;
} ngx_http_notify_headers_t;

/* its length has been compared */
#define ngx_http_notify_header_is(h, name)                                    \
    (ngx_strncasecmp((h)->key.data, (u_char *) (name), sizeof(name) - 1) == 0)


static ngx_int_t ngx_http_notify_user_written(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, ngx_str_t *user,
    ngx_http_notify_refusal_t *why);
static ngx_int_t ngx_http_notify_user_argument(ngx_http_request_t *r,
    ngx_str_t *user, ngx_http_notify_refusal_t *why);
static ngx_int_t ngx_http_notify_user_path(ngx_http_request_t *r,
    ngx_str_t *user, ngx_http_notify_refusal_t *why);
static ngx_int_t ngx_http_notify_user_decode(ngx_http_request_t *r,
    ngx_str_t *user, ngx_http_notify_refusal_t *why);
static ngx_int_t ngx_http_notify_user_refuse(ngx_http_request_t *r,
    ngx_http_notify_refusal_t *why, ngx_uint_t status, const char *fmt, ...);

static ngx_uint_t ngx_http_notify_sockaddr_local(struct sockaddr *sockaddr);
static ngx_uint_t ngx_http_notify_text_local(u_char *data, size_t len);
static ngx_table_elt_t *ngx_http_notify_next_header(
    ngx_http_notify_headers_t *walk);
static ngx_int_t ngx_http_notify_remote(ngx_http_request_t *r, ngx_str_t *why,
    const char *fmt, ...);
static void ngx_http_notify_text(ngx_http_request_t *r, ngx_str_t *text,
    const char *fmt, va_list args);

static ngx_int_t ngx_http_notify_add_allow(ngx_http_request_t *r);
static ngx_uint_t ngx_http_notify_has_error_page(ngx_http_request_t *r,
    ngx_uint_t status);


ngx_int_t
ngx_http_notify_request_user(ngx_http_request_t *r,
    ngx_http_notify_ctx_t **ctx, ngx_http_notify_refusal_t *why)
{
    ngx_int_t                    rc;
    const char                  *text;
    ngx_http_notify_ctx_t        found;
    ngx_http_notify_loc_conf_t  *nlcf;

    *ctx = ngx_http_get_module_ctx(r, ngx_http_notify_module);

    if (*ctx) {
        return NGX_OK;
    }

    ngx_memzero(&found, sizeof(ngx_http_notify_ctx_t));

    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    if (nlcf->user) {
        rc = ngx_http_notify_user_written(r, nlcf, &found.user, why);

    } else if (nlcf->push) {
        rc = ngx_http_notify_user_path(r, &found.user, why);

    } else {
        rc = ngx_http_notify_user_argument(r, &found.user, why);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (notify_user_check(found.user.data, found.user.len, &text) == -1) {
        return ngx_http_notify_user_refuse(r, why, NGX_HTTP_BAD_REQUEST,
                                           "%s", text);
    }

    rc = ngx_http_notify_request_realm(r, &found.realm, why);

    if (rc != NGX_OK) {
        return rc;
    }

    *ctx = ngx_palloc(r->pool, sizeof(ngx_http_notify_ctx_t));
    if (*ctx == NULL) {
        return NGX_ERROR;
    }

    **ctx = found;

    ngx_http_set_ctx(r, *ctx, ngx_http_notify_module);

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_user_written(ngx_http_request_t *r,
    ngx_http_notify_loc_conf_t *nlcf, ngx_str_t *user,
    ngx_http_notify_refusal_t *why)
{
    if (ngx_http_complex_value(r, nlcf->user, user) != NGX_OK) {
        return NGX_ERROR;
    }

    if (user->len == 0) {
        return ngx_http_notify_user_refuse(r, why,
                                           nlcf->argument
                                           ? NGX_HTTP_BAD_REQUEST
                                           : NGX_HTTP_UNAUTHORIZED,
                                           "user is empty");
    }

    if (!nlcf->decode) {
        return NGX_OK;
    }

    return ngx_http_notify_user_decode(r, user, why);
}


static ngx_int_t
ngx_http_notify_user_argument(ngx_http_request_t *r, ngx_str_t *user,
    ngx_http_notify_refusal_t *why)
{
    if (ngx_http_arg(r, (u_char *) "user_id", sizeof("user_id") - 1, user)
        != NGX_OK
        || user->len == 0)
    {
        return ngx_http_notify_user_refuse(r, why, NGX_HTTP_BAD_REQUEST,
                                           "no \"user_id\" in the query "
                                           "string");
    }

    return ngx_http_notify_user_decode(r, user, why);
}


/*
 * What follows the location's prefix.  nginx's own uri has lost what makes
 * "a%2Fb", "a//b" and ".." different users, so that the path is read as it was
 * sent; but after a rewrite or an internal redirect there is the uri only.
 */

static ngx_int_t
ngx_http_notify_user_path(ngx_http_request_t *r, ngx_str_t *user,
    ngx_http_notify_refusal_t *why)
{
    size_t                     len;
    ngx_str_t                 *prefix, *path;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    prefix = &clcf->name;
    path = r->valid_unparsed_uri ? &r->unparsed_uri : &r->uri;

    if (path->len < prefix->len
        || ngx_memcmp(path->data, prefix->data, prefix->len) != 0)
    {
        return ngx_http_notify_user_refuse(r, why, NGX_HTTP_BAD_REQUEST,
                                           "the path does not begin with "
                                           "\"%V\" as it was sent", prefix);
    }

    user->data = path->data + prefix->len;
    user->len = path->len - prefix->len;

    if (r->valid_unparsed_uri) {

        for (len = 0; len < user->len; len++) {
            if (user->data[len] == '?' || user->data[len] == '#') {
                break;
            }
        }

        user->len = len;
    }

    if (user->len == 0) {
        return ngx_http_notify_user_refuse(r, why, NGX_HTTP_BAD_REQUEST,
                                           "no user follows \"%V\" in the "
                                           "path", prefix);
    }

    if (!r->valid_unparsed_uri) {
        return NGX_OK;
    }

    return ngx_http_notify_user_decode(r, user, why);
}


static ngx_int_t
ngx_http_notify_user_decode(ngx_http_request_t *r, ngx_str_t *user,
    ngx_http_notify_refusal_t *why)
{
    u_char     *p;
    ptrdiff_t   n;

    if (ngx_strlchr(user->data, user->data + user->len, '%') == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, user->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    n = notify_percent_decode(p, user->data, user->len);

    if (n == -1) {
        return ngx_http_notify_user_refuse(r, why, NGX_HTTP_BAD_REQUEST,
                                           "user has a \"%%\" without two hex "
                                           "digits");
    }

    user->data = p;
    user->len = (size_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_user_refuse(ngx_http_request_t *r,
    ngx_http_notify_refusal_t *why, ngx_uint_t status, const char *fmt, ...)
{
    va_list                      args;
    ngx_http_notify_loc_conf_t  *nlcf;

    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    why->status = status;

    if (nlcf->user) {
        why->field = "notify_user";

    } else if (nlcf->push) {
        why->field = "user";

    } else {
        why->field = "user_id";
    }

    va_start(args, fmt);
    ngx_http_notify_text(r, &why->text, fmt, args);
    va_end(args);

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_notify_request_realm(ngx_http_request_t *r, ngx_str_t *realm,
    ngx_http_notify_refusal_t *why)
{
    ngx_http_notify_loc_conf_t  *nlcf;

    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    if (nlcf->realm == NULL) {
        ngx_str_null(realm);
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, nlcf->realm, realm) != NGX_OK) {
        return NGX_ERROR;
    }

    if (realm->len > NOTIFY_REALM_MAX) {
        why->status = NGX_HTTP_BAD_REQUEST;
        why->field = "realm";
        ngx_str_set(&why->text, "realm is longer than 255 bytes");

        return NGX_DECLINED;
    }

    return NGX_OK;
}


void
ngx_http_notify_request_name(ngx_http_notify_ctx_t *ctx,
    notify_name_of_t *name)
{
    name->realm = ctx->realm.data;
    name->realm_length = ctx->realm.len;
    name->user = ctx->user.data;
    name->user_length = ctx->user.len;
}


ngx_uint_t
ngx_http_notify_request_peer_local(ngx_http_request_t *r)
{
    return ngx_http_notify_sockaddr_local(r->connection->sockaddr);
}


ngx_int_t
ngx_http_notify_request_local(ngx_http_request_t *r,
    const ngx_http_notify_marks_t *marks, ngx_str_t *why)
{
    ngx_table_elt_t              *h;
    ngx_connection_t             *c;
    ngx_http_variable_value_t    *vv;
    ngx_http_notify_main_conf_t  *nmcf;

    c = r->connection;

    if (!ngx_http_notify_sockaddr_local(c->sockaddr)) {
        return ngx_http_notify_remote(r, why, "peer %V is not local",
                                       &c->addr_text);
    }

    if (c->proxy_protocol
        && !ngx_http_notify_text_local(c->proxy_protocol->src_addr.data,
                                       c->proxy_protocol->src_addr.len))
    {
        return ngx_http_notify_remote(r, why, "peer %V is not local",
                                       &c->proxy_protocol->src_addr);
    }

    nmcf = ngx_http_get_module_main_conf(r, ngx_http_notify_module);

    if (nmcf->realip >= 0) {
        vv = ngx_http_get_indexed_variable(r, (ngx_uint_t) nmcf->realip);

        if (vv == NULL) {
            return ngx_http_notify_remote(r, why, "its peer is not known");
        }

        if (!ngx_http_notify_text_local(vv->data, vv->len)) {
            return ngx_http_notify_remote(r, why, "peer %v is not local", vv);
        }
    }

    h = marks->forwarded;

    if (h) {
        return ngx_http_notify_remote(r, why, "it has %s %V header",
                                       (h->key.data[0] | 0x20) == 'x'
                                       ? "an" : "a", &h->key);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_notify_sockaddr_local(struct sockaddr *sockaddr)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct in6_addr      *addr;
#endif

    switch (sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        addr = &((struct sockaddr_in6 *) sockaddr)->sin6_addr;

        if (IN6_IS_ADDR_V4MAPPED(addr)) {
            return ngx_memcmp(&addr->s6_addr[12], "\x7f\0\0\x01", 4) == 0;
        }

        return IN6_IS_ADDR_LOOPBACK(addr);
#endif

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sockaddr;
        return sin->sin_addr.s_addr == htonl(INADDR_LOOPBACK);

    default:
        return 0;
    }
}


/* the same of an address as nginx prints it */

static ngx_uint_t
ngx_http_notify_text_local(u_char *data, size_t len)
{
    ngx_uint_t  i;

    static ngx_str_t  local[] = {
        ngx_string("127.0.0.1"),
        ngx_string("::1"),
        ngx_string("::ffff:127.0.0.1"),
        ngx_string("unix:"),
        ngx_null_string
    };

    for (i = 0; local[i].len; i++) {
        if (local[i].len == len
            && ngx_strncmp(local[i].data, data, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_notify_request_marks(ngx_http_request_t *r,
    ngx_http_notify_marks_t *marks)
{
    size_t                      len;
    ngx_table_elt_t            *h, **mark;
    ngx_http_notify_headers_t   walk;

    static u_char  prefix[] = "x-forwarded-";

    ngx_memzero(marks, sizeof(ngx_http_notify_marks_t));

    walk.part = &r->headers_in.headers.part;
    walk.i = 0;

    while ((h = ngx_http_notify_next_header(&walk)) != NULL) {

        len = h->key.len;
        mark = NULL;

        switch (len) {

        case sizeof("via") - 1:
            if (ngx_http_notify_header_is(h, "via")) {
                mark = &marks->forwarded;
            }

            break;

        case sizeof("origin") - 1:
            if (ngx_http_notify_header_is(h, "origin")) {
                mark = &marks->origin;
            }

            break;

        case sizeof("forwarded") - 1:
            if (ngx_http_notify_header_is(h, "forwarded")
                || ngx_http_notify_header_is(h, "x-real-ip"))
            {
                mark = &marks->forwarded;
            }

            break;

        case sizeof("sec-fetch-site") - 1:
            if (ngx_http_notify_header_is(h, "sec-fetch-site")) {
                mark = &marks->site;
            }

            break;

        case sizeof("idempotency-key") - 1:
            if (ngx_http_notify_header_is(h, "idempotency-key")) {
                mark = &marks->once;
            }

            break;
        }

        if (mark == NULL
            && len >= sizeof(prefix)
            && ngx_strncasecmp(h->key.data, prefix, sizeof(prefix) - 1) == 0)
        {
            mark = &marks->forwarded;
        }

        if (mark && *mark == NULL) {
            *mark = h;
        }
    }
}


ngx_table_elt_t *
ngx_http_notify_request_header(ngx_http_request_t *r, const char *name,
    size_t len, ngx_uint_t n)
{
    ngx_table_elt_t            *h;
    ngx_http_notify_headers_t   walk;

    walk.part = &r->headers_in.headers.part;
    walk.i = 0;

    for ( ;; ) {
        h = ngx_http_notify_next_header(&walk);

        if (h == NULL) {
            return NULL;
        }

        if (h->key.len == len
            && ngx_strncasecmp(h->key.data, (u_char *) name, len) == 0
            && n-- == 0)
        {
            return h;
        }
    }
}


static ngx_table_elt_t *
ngx_http_notify_next_header(ngx_http_notify_headers_t *walk)
{
    ngx_table_elt_t  *h;

    while (walk->part) {

        if (walk->i >= walk->part->nelts) {
            walk->part = walk->part->next;
            walk->i = 0;
            continue;
        }

        h = walk->part->elts;
        h += walk->i++;

        /* others have been taken back */

        if (h->hash) {
            return h;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_notify_remote(ngx_http_request_t *r, ngx_str_t *why,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    ngx_http_notify_text(r, why, fmt, args);
    va_end(args);

    return NGX_DECLINED;
}


static void
ngx_http_notify_text(ngx_http_request_t *r, ngx_str_t *text, const char *fmt,
    va_list args)
{
    u_char   buf[NGX_HTTP_NOTIFY_TEXT_MAX];
    size_t   len;

    len = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args) - buf;

    text->data = ngx_pnalloc(r->pool, len);

    if (text->data == NULL) {
        ngx_str_set(text, "no memory");
        return;
    }

    ngx_memcpy(text->data, buf, len);
    text->len = len;
}


ngx_int_t
ngx_http_notify_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *field, const char *fmt, ...)
{
    size_t                    len, n;
    ngx_int_t                 rc;
    u_char                    text[NGX_HTTP_NOTIFY_TEXT_MAX], *p, *last;
    va_list                   args;
    ngx_http_notify_reply_t  *reply;

    va_start(args, fmt);
    last = ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    len = last - text;

    /* what a peer has sent must not begin a line of its own in the log */

    for (p = text; p < last; p++) {
        n = notify_control_length(p, last - p);

        if (n) {
            ngx_memset(p, '?', n);
        }
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "%*s", len, text);

    if (status == NGX_HTTP_NOT_ALLOWED
        && ngx_http_notify_add_allow(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_notify_has_error_page(r, status)) {
        return (ngx_int_t) status;
    }

    if (status == NGX_HTTP_UPGRADE_REQUIRED) {

        /* nginx has no text for it */

        ngx_str_set(&r->headers_out.status_line, "426 Upgrade Required");
    }

    n = NOTIFY_JSON_ERROR_LEN(len, field ? ngx_strlen(field) : 0);

    reply = ngx_http_notify_reply_create(r, n);
    if (reply == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    n = notify_json_error((char *) reply->text, n, field, text, len);

    if (n == 0) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    reply->buf.last += n;

    /* no "100 Continue" for a body that nobody wants */

    r->expect_tested = 1;

    rc = ngx_http_notify_reply_send(r, reply, status,
                                    &ngx_http_notify_type_json);

    /* finalized with one as with the other; NGX_OK is for who may go on */

    return rc == NGX_OK ? NGX_AGAIN : rc;
}


static ngx_int_t
ngx_http_notify_add_allow(ngx_http_request_t *r)
{
    ngx_str_t                    allow;
    ngx_http_notify_loc_conf_t  *nlcf;

    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    if (nlcf->push) {
        ngx_str_set(&allow, "GET, HEAD, POST, PUT, DELETE");

    } else if (nlcf->socket) {
        ngx_str_set(&allow, "GET");

    } else {
        ngx_str_set(&allow, "GET, HEAD");
    }

    return ngx_http_notify_add_header(r, "Allow", sizeof("Allow") - 1, &allow);
}


/* whether ngx_http_special_response_handler() will find one */

static ngx_uint_t
ngx_http_notify_has_error_page(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *page;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->error_page || clcf->error_pages == NULL || r->uri_changes == 0) {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if (page[i].status == (ngx_int_t) status) {
            return 1;
        }
    }

    return 0;
}
