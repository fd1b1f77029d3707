/*
 * notify_token: whom a signed token names.
 *
 * A handshake to a location where notify_token holds needs a good token.  Of
 * other requests nothing is asked; they may read the variables.
 */

#ifndef NGX_HTTP_NOTIFY_TOKEN_H_INCLUDED
#define NGX_HTTP_NOTIFY_TOKEN_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_token.h"
#include "ngx_http_notify_request.h"


/* The data of the variables. */
enum {
    NGX_HTTP_NOTIFY_TOKEN_SUB = 0,
    NGX_HTTP_NOTIFY_TOKEN_EXP,
    NGX_HTTP_NOTIFY_TOKEN_GROUPS
};


enum {
    NGX_HTTP_NOTIFY_IN_HEADER = 0,              /* Authorization: Bearer */
    NGX_HTTP_NOTIFY_IN_PROTOCOL,                /* notify.token.... */
    NGX_HTTP_NOTIFY_IN_VARIABLE                 /* an argument, a cookie */
};


/* Where a token may be. */
typedef struct {
    ngx_uint_t                  in;             /* NGX_HTTP_NOTIFY_IN_* */
    ngx_int_t                   index;          /* of the variable */
} ngx_http_notify_place_of_token_t;


/* One notify_token as it was written; an element of the location's tokens. */
typedef struct {
    notify_token_rule_t         rule;
    ngx_array_t                 keys;           /* notify_token_key_t */
    ngx_array_t                 places;         /* in the order of search */
} ngx_http_notify_token_t;


/*
 * The handler of $notify_token_sub, _exp and _groups: not found where
 * notify_token is off or no token is good.  A token is checked at the first
 * call, for all of them.
 */
ngx_int_t ngx_http_notify_token_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);

/*
 * Whether a handshake may go on: NGX_OK and *until, the unix time when the
 * token ends, or NGX_MAX_TIME_T_VALUE where notify_token is off.  Or
 * NGX_DECLINED and why: 401, and a WWW-Authenticate header is added to the
 * response; or NGX_ERROR.
 */
ngx_int_t ngx_http_notify_token_check(ngx_http_request_t *r, time_t *until,
    ngx_http_notify_refusal_t *why);

#endif /* NGX_HTTP_NOTIFY_TOKEN_H_INCLUDED */
