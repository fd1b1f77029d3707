/*
 * Which location a socket belongs to, in words that another configuration, or
 * another nginx, understands.
 */

#ifndef NGX_HTTP_NOTIFY_LOCATION_H_INCLUDED
#define NGX_HTTP_NOTIFY_LOCATION_H_INCLUDED

#include "ngx_http_notify_conf.h"


/*
 * Names a socket location: by what its server listens on and is called, by
 * its own text, and by its place among equals.  To be called once for each, in
 * the order of the configuration.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_notify_location_add(ngx_conf_t *cf,
    ngx_http_notify_loc_conf_t *nlcf);

/* The location of that name in this configuration, or NULL. */
ngx_http_notify_loc_conf_t *ngx_http_notify_location_find(
    ngx_http_notify_main_conf_t *nmcf, uint64_t id);

#endif /* NGX_HTTP_NOTIFY_LOCATION_H_INCLUDED */
