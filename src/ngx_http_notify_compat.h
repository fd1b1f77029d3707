/*
 * What differs between nginx versions: the only #if on them.
 */

#ifndef NGX_HTTP_NOTIFY_COMPAT_H_INCLUDED
#define NGX_HTTP_NOTIFY_COMPAT_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Adds a response header; key is a constant, value lives as long as the
 * request.  Since 1.23.0 headers of a name are linked.
 */
static ngx_inline ngx_int_t
ngx_http_notify_add_header(ngx_http_request_t *r, const char *key, size_t len,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.data = (u_char *) key;
    h->key.len = len;
    h->value = *value;
    h->lowcase_key = NULL;

    return NGX_OK;
}


/* whether the request came over HTTP/1.1, where a connection can be taken */
static ngx_inline ngx_uint_t
ngx_http_notify_is_http1(ngx_http_request_t *r)
{
#if (NGX_HTTP_V2)
    if (r->stream) {
        return 0;
    }
#endif

    return r->http_version == NGX_HTTP_VERSION_11;
}


/* nginx counts idle connections where it has stub_status */
static ngx_inline void
ngx_http_notify_stat_waiting(ngx_int_t n)
{
#if (NGX_STAT_STUB)
    (void) ngx_atomic_fetch_add(ngx_stat_waiting, n);
#else
    (void) n;
#endif
}


static ngx_inline void
ngx_http_notify_stat_active(ngx_int_t n)
{
#if (NGX_STAT_STUB)
    (void) ngx_atomic_fetch_add(ngx_stat_active, n);
#else
    (void) n;
#endif
}


/*
 * Ends TLS, if any.  Returns NGX_AGAIN when done is to be called, with the
 * connection, later.
 */
static ngx_inline ngx_int_t
ngx_http_notify_tls_shutdown(ngx_connection_t *c,
    void (*done)(ngx_connection_t *c))
{
#if (NGX_HTTP_SSL)
    if (c->ssl && ngx_ssl_shutdown(c) == NGX_AGAIN) {
        c->ssl->handler = done;
        return NGX_AGAIN;
    }
#else
    (void) c;
    (void) done;
#endif

    return NGX_OK;
}


static ngx_inline ngx_uint_t
ngx_http_notify_is_tls(ngx_connection_t *c)
{
#if (NGX_HTTP_SSL)
    return c->ssl != NULL;
#else
    (void) c;
    return 0;
#endif
}

#endif /* NGX_HTTP_NOTIFY_COMPAT_H_INCLUDED */
