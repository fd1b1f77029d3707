/*
 * The variables, and the function behind set_notify_online.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_bus.h"
#include "notify_id.h"
#include "notify_user.h"
#include "ngx_http_notify_request.h"
#include "ngx_http_notify_token.h"
#include "ngx_http_notify_vars.h"
#include "ngx_http_notify_worker.h"


static ngx_int_t ngx_http_notify_user_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_notify_user_value(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *user);
static ngx_int_t ngx_http_notify_transport_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_notify_sockets_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_notify_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_notify_set_value(ngx_http_variable_value_t *v,
    u_char *data, size_t len);


static ngx_http_variable_t  ngx_http_notify_variables[] = {

    { ngx_string("notify_user"), NULL,
      ngx_http_notify_user_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("notify_transport"), NULL,
      ngx_http_notify_transport_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("notify_sockets"), NULL,
      ngx_http_notify_sockets_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("notify_id"), NULL,
      ngx_http_notify_id_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    /* another location may have other keys */

    { ngx_string("notify_token_sub"), NULL,
      ngx_http_notify_token_variable, NGX_HTTP_NOTIFY_TOKEN_SUB,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("notify_token_exp"), NULL,
      ngx_http_notify_token_variable, NGX_HTTP_NOTIFY_TOKEN_EXP,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("notify_token_groups"), NULL,
      ngx_http_notify_token_variable, NGX_HTTP_NOTIFY_TOKEN_GROUPS,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_notify_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_notify_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_user_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_notify_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_notify_module);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_notify_user_value(r, v, &ctx->user);
}


/*
 * With control characters percent-encoded: a user may have a line's end in its
 * name, and the value may stand in a header, whose end it must not be.
 */

static ngx_int_t
ngx_http_notify_user_value(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    ngx_str_t *user)
{
    size_t   i, control;
    u_char  *p, *start;

    start = ngx_pnalloc(r->pool, user->len * 3);

    if (start == NULL) {
        return NGX_ERROR;
    }

    p = start;
    control = 0;

    for (i = 0; i < user->len; i++) {

        if (control == 0) {
            control = notify_control_length(user->data + i, user->len - i);
        }

        if (control) {
            p = ngx_sprintf(p, "%%%02Xd", (ngx_int_t) user->data[i]);
            control--;

        } else {
            *p++ = user->data[i];
        }
    }

    ngx_http_notify_set_value(v, start, p - start);

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_transport_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_notify_ctx_t       *ctx;
    ngx_http_notify_loc_conf_t  *nlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_notify_module);
    nlcf = ngx_http_get_module_loc_conf(r, ngx_http_notify_module);

    if (ctx && ctx->websocket) {
        ngx_http_notify_set_value(v, (u_char *) "websocket",
                                  sizeof("websocket") - 1);

    } else if (ctx && nlcf->push) {
        ngx_http_notify_set_value(v, (u_char *) "push", sizeof("push") - 1);

    } else {
        v->not_found = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_sockets_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                 *p;
    uint32_t                n;
    notify_name_of_t        name;
    ngx_http_notify_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_notify_module);

    if (ctx == NULL || !ngx_http_notify_worker.active) {
        v->not_found = 1;
        return NGX_OK;
    }

    if (ctx->counted) {
        n = ctx->sockets;

    } else {
        ngx_http_notify_request_name(ctx, &name);
        n = notify_bus_online(&ngx_http_notify_worker.zone, &name);
    }

    p = ngx_pnalloc(r->pool, NGX_INT32_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_notify_set_value(v, p, ngx_sprintf(p, "%uD", n) - p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                 *p;
    uint64_t                id;
    ngx_http_notify_ctx_t  *ctx;

    if (!ngx_http_notify_worker.active) {
        v->not_found = 1;
        return NGX_OK;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_notify_module);

    id = (ctx && ctx->id) ? ctx->id
                          : notify_bus_last_id(&ngx_http_notify_worker.zone);

    p = ngx_pnalloc(r->pool, NOTIFY_ID_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_notify_set_value(v, p, notify_id_print((char *) p, id));

    return NGX_OK;
}


static void
ngx_http_notify_set_value(ngx_http_variable_value_t *v, u_char *data,
    size_t len)
{
    v->len = (unsigned) len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = data;
}


ngx_int_t
ngx_http_notify_set_online(ngx_http_request_t *r, ngx_str_t *res,
    ngx_http_variable_value_t *v)
{
    uint32_t                    n;
    ngx_str_t                   realm;
    const char                 *why;
    notify_name_of_t            name;
    ngx_http_notify_refusal_t   refusal;

    n = 0;

    if (ngx_http_notify_worker.active
        && notify_user_check(v->data, v->len, &why) == 0
        && ngx_http_notify_request_realm(r, &realm, &refusal) == NGX_OK)
    {
        name.realm = realm.data;
        name.realm_length = realm.len;
        name.user = v->data;
        name.user_length = v->len;

        n = notify_bus_online(&ngx_http_notify_worker.zone, &name);
    }

    res->data = ngx_pnalloc(r->pool, NGX_INT32_LEN);
    if (res->data == NULL) {
        return NGX_ERROR;
    }

    res->len = ngx_sprintf(res->data, "%uD", n) - res->data;

    return NGX_OK;
}
