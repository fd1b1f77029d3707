/*
 * Variables:
 *
 *     $notify_user        whose socket or push this request is: known from
 *                         the content phase on, and so in the access log
 *     $notify_transport   "websocket" or "push"
 *     $notify_sockets     how many sockets that user has on this node; in a
 *                         push, how many it went to
 *     $notify_id          of the push, elsewhere the last id of the zone
 *
 * The first three are not found outside of our locations, the last one where
 * there is no zone.  Those of tokens are in ngx_http_notify_token.h.
 */

#ifndef NGX_HTTP_NOTIFY_VARS_H_INCLUDED
#define NGX_HTTP_NOTIFY_VARS_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* To be called in preconfiguration. */
ngx_int_t ngx_http_notify_add_variables(ngx_conf_t *cf);

/*
 * The function behind set_notify_online, as the NDK's ndk_set_var_value()
 * calls it: res becomes the number of sockets that the user v has, in the
 * realm of this location; "0" for what cannot be a user.
 */
ngx_int_t ngx_http_notify_set_online(ngx_http_request_t *r, ngx_str_t *res,
    ngx_http_variable_value_t *v);

#endif /* NGX_HTTP_NOTIFY_VARS_H_INCLUDED */
