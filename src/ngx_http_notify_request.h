/*
 * What a request to one of our locations speaks of (user, realm), who sent it,
 * and how it is refused.
 */

#ifndef NGX_HTTP_NOTIFY_REQUEST_H_INCLUDED
#define NGX_HTTP_NOTIFY_REQUEST_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_keys.h"
#include "ngx_http_notify_conf.h"


#define NGX_HTTP_UPGRADE_REQUIRED  426


/* The first header line of each kind that tells of a request, or NULL. */
typedef struct {
    ngx_table_elt_t            *origin;
    ngx_table_elt_t            *site;           /* Sec-Fetch-Site */
    ngx_table_elt_t            *forwarded;      /* some proxy adds it */
    ngx_table_elt_t            *once;           /* Idempotency-Key */
} ngx_http_notify_marks_t;


/*
 * Kept with the request, from its pool, from the moment when its user is
 * known; the variables read it.
 */
typedef struct {
    ngx_str_t                   user;
    ngx_str_t                   realm;
    uint64_t                    id;             /* of the push, or 0 */
    uint32_t                    sockets;        /* of the user, when counted */
    uint32_t                    hash;           /* of both names; a push's */
    ngx_table_elt_t            *once;           /* Idempotency-Key, or NULL */
    unsigned                    counted:1;
    unsigned                    websocket:1;    /* the 101 was sent */
} ngx_http_notify_ctx_t;


/* Why a request is refused: constants or from the request's pool. */
typedef struct {
    ngx_uint_t                  status;
    const char                 *field;          /* what is at fault */
    ngx_str_t                   text;           /* what is wrong with it */
} ngx_http_notify_refusal_t;


/*
 * Answers with the status and {"error":text,"field":field}, or as error_page
 * says.  Logs the text as info ("client sent ..." is the caller's to word).
 * Returns what the content handler has to return, or to finalize with: never
 * NGX_OK, so that steps can return it.
 */
ngx_int_t ngx_http_notify_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *field, const char *fmt, ...);

/*
 * The request's context with user and realm, made at the first call: from
 * notify_user and notify_realm of its location, or as their defaults say.
 * Returns NGX_OK; or NGX_DECLINED and why: 401 where a written value is empty,
 * 400 from an argument or the URI, or a user that is not 1..255 bytes of UTF-8
 * without NUL; or NGX_ERROR.
 */
ngx_int_t ngx_http_notify_request_user(ngx_http_request_t *r,
    ngx_http_notify_ctx_t **ctx, ngx_http_notify_refusal_t *why);

/* The realm alone; the same results. */
ngx_int_t ngx_http_notify_request_realm(ngx_http_request_t *r,
    ngx_str_t *realm, ngx_http_notify_refusal_t *why);

/* The bus's name of it; borrowed from the context. */
void ngx_http_notify_request_name(ngx_http_notify_ctx_t *ctx,
    notify_name_of_t *name);

/* Looks for them all in one walk over the request's headers. */
void ngx_http_notify_request_marks(ngx_http_request_t *r,
    ngx_http_notify_marks_t *marks);

/*
 * Whether the request comes from this machine: the TCP peer itself and
 * $remote_addr are 127.0.0.1, ::1 or unix, and nothing says that it was
 * forwarded.  Returns NGX_OK, or NGX_DECLINED and, in *why, what gave it away
 * ("peer 172.18.0.5 is not local", "it has an X-Forwarded-For header").
 */
ngx_int_t ngx_http_notify_request_local(ngx_http_request_t *r,
    const ngx_http_notify_marks_t *marks, ngx_str_t *why);

/* Whether $remote_addr alone is local. */
ngx_uint_t ngx_http_notify_request_peer_local(ngx_http_request_t *r);

/*
 * The n-th (from 0) header line of that name, lowercase or not, or NULL.
 */
ngx_table_elt_t *ngx_http_notify_request_header(ngx_http_request_t *r,
    const char *name, size_t len, ngx_uint_t n);

#endif /* NGX_HTTP_NOTIFY_REQUEST_H_INCLUDED */
