/*
 * notify_token: finds the token in a request, and keeps what it says.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_notify_compat.h"
#include "ngx_http_notify_token.h"


/*
 * What was found for a request, from its pool.  Internal redirects clear the
 * module's context, subrequests have one of their own; this is found by the
 * pool's cleanup, and holds for what it was made from.
 */
typedef struct {
    ngx_array_t                *tokens;         /* of the location, then */
    ngx_str_t                   args;           /* of the request, then */
    notify_token_error_e        error;
    notify_token_claims_t       claims;
} ngx_http_notify_token_ctx_t;


static ngx_http_notify_token_ctx_t *ngx_http_notify_token_get(
    ngx_http_request_t *r, ngx_array_t *tokens);
static void ngx_http_notify_token_cleanup(void *data);
static ngx_int_t ngx_http_notify_token_verify(ngx_http_request_t *r,
    ngx_http_notify_token_ctx_t *ctx);
static ngx_uint_t ngx_http_notify_token_find(ngx_http_request_t *r,
    ngx_http_notify_token_t *token, ngx_str_t *text);
static ngx_uint_t ngx_http_notify_token_in_header(ngx_http_request_t *r,
    ngx_str_t *text);
static ngx_uint_t ngx_http_notify_token_in_protocol(ngx_http_request_t *r,
    ngx_str_t *text);


ngx_int_t
ngx_http_notify_token_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                       *p;
    ngx_http_notify_loc_conf_t   *nlcf;
    ngx_http_notify_token_ctx_t  *ctx;

    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    if (nlcf->tokens == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    ctx = ngx_http_notify_token_get(r, nlcf->tokens);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->error != NOTIFY_TOKEN_OK) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    switch (data) {

    case NGX_HTTP_NOTIFY_TOKEN_SUB:
        v->data = (u_char *) ctx->claims.sub;
        v->len = (unsigned) ctx->claims.sub_len;
        break;

    case NGX_HTTP_NOTIFY_TOKEN_GROUPS:
        v->data = (u_char *) ctx->claims.groups;
        v->len = (unsigned) ctx->claims.groups_len;
        break;

    default: /* NGX_HTTP_NOTIFY_TOKEN_EXP */
        p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        v->data = p;
        v->len = (unsigned) (ngx_sprintf(p, "%L", ctx->claims.until) - p);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_notify_token_check(ngx_http_request_t *r, time_t *until,
    ngx_http_notify_refusal_t *why)
{
    ngx_str_t                    *challenge;
    ngx_http_notify_loc_conf_t   *nlcf;
    ngx_http_notify_token_ctx_t  *ctx;

    static ngx_str_t  missing = ngx_string("Bearer");
    static ngx_str_t  bad = ngx_string("Bearer error=\"invalid_token\"");

    *until = NGX_MAX_TIME_T_VALUE;

    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    if (nlcf->tokens == NULL) {
        return NGX_OK;
    }

    ctx = ngx_http_notify_token_get(r, nlcf->tokens);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->error == NOTIFY_TOKEN_OK) {
        *until = (time_t) ctx->claims.until;
        return NGX_OK;
    }

    why->status = NGX_HTTP_UNAUTHORIZED;
    why->field = "token";
    why->text.data = (u_char *) notify_token_text(ctx->error);
    why->text.len = ngx_strlen(why->text.data);

    /* RFC 6750, 3 */

    challenge = (ctx->error == NOTIFY_TOKEN_NONE) ? &missing : &bad;

    if (ngx_http_notify_add_header(r, "WWW-Authenticate", 16, challenge)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


static ngx_http_notify_token_ctx_t *
ngx_http_notify_token_get(ngx_http_request_t *r, ngx_array_t *tokens)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_notify_token_ctx_t  *ctx;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_notify_token_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (ctx->tokens == tokens
            && ctx->args.data == r->args.data
            && ctx->args.len == r->args.len)
        {
            return ctx;
        }
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_notify_token_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ctx->tokens = tokens;
    ctx->args = r->args;

    if (ngx_http_notify_token_verify(r, ctx) != NGX_OK) {
        return NULL;
    }

    cln->handler = ngx_http_notify_token_cleanup;

    return ctx;
}


/* the name by which it is found: there is nothing to do */

static void
ngx_http_notify_token_cleanup(void *data)
{
}


/*
 * The first notify_token that takes the token it finds; if none does, what
 * was wrong with the one that came furthest.
 */

static ngx_int_t
ngx_http_notify_token_verify(ngx_http_request_t *r,
    ngx_http_notify_token_ctx_t *ctx)
{
    u_char                   *buf;
    ngx_str_t                 text;
    ngx_uint_t                i;
    notify_token_error_e      error;
    ngx_http_notify_token_t  *token;

    token = ctx->tokens->elts;
    ctx->error = NOTIFY_TOKEN_NONE;

    for (i = 0; i < ctx->tokens->nelts; i++) {

        if (!ngx_http_notify_token_find(r, &token[i], &text)) {
            continue;
        }

        buf = ngx_pnalloc(r->pool, text.len);
        if (buf == NULL) {
            return NGX_ERROR;
        }

        error = notify_token_verify(&token[i].rule, text.data, text.len,
                                    ngx_time(), buf, &ctx->claims);

        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "notify token: %s", notify_token_text(error));

        if (error == NOTIFY_TOKEN_OK) {
            ctx->error = NOTIFY_TOKEN_OK;
            return NGX_OK;
        }

        if (error > ctx->error) {
            ctx->error = error;
        }
    }

    return NGX_OK;
}


/* what stands in the first place that is not empty */

static ngx_uint_t
ngx_http_notify_token_find(ngx_http_request_t *r,
    ngx_http_notify_token_t *token, ngx_str_t *text)
{
    ngx_uint_t                         i;
    ngx_http_variable_value_t         *vv;
    ngx_http_notify_place_of_token_t  *place;

    place = token->places.elts;

    for (i = 0; i < token->places.nelts; i++) {

        switch (place[i].in) {

        case NGX_HTTP_NOTIFY_IN_HEADER:
            if (ngx_http_notify_token_in_header(r, text)) {
                return 1;
            }

            break;

        case NGX_HTTP_NOTIFY_IN_PROTOCOL:
            if (ngx_http_notify_token_in_protocol(r, text)) {
                return 1;
            }

            break;

        default: /* NGX_HTTP_NOTIFY_IN_VARIABLE */
            vv = ngx_http_get_flushed_variable(r, (ngx_uint_t) place[i].index);

            if (vv && !vv->not_found && vv->len) {
                text->data = vv->data;
                text->len = vv->len;
                return 1;
            }
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_notify_token_in_header(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_table_elt_t  *h;

    h = ngx_http_notify_request_header(r, "authorization",
                                       sizeof("authorization") - 1, 0);
    if (h == NULL) {
        return 0;
    }

    text->data = (u_char *) notify_token_in_bearer(h->value.data, h->value.len,
                                                   &text->len);
    return text->data != NULL;
}


static ngx_uint_t
ngx_http_notify_token_in_protocol(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    for (n = 0;
         (h = ngx_http_notify_request_header(r, "sec-websocket-protocol",
                                   sizeof("sec-websocket-protocol") - 1, n))
             != NULL;
         n++)
    {
        text->data = (u_char *) notify_token_in_protocols(h->value.data,
                                                          h->value.len,
                                                          &text->len);
        if (text->data != NULL) {
            return 1;
        }
    }

    return 0;
}
