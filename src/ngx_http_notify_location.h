/*
 * The locations that take sockets or pushes: what sockets log with, and which
 * location they belong to, in words that another configuration, or another
 * nginx, understands.
 */

#ifndef NGX_HTTP_NOTIFY_LOCATION_H_INCLUDED
#define NGX_HTTP_NOTIFY_LOCATION_H_INCLUDED

#include "ngx_http_notify_conf.h"


/*
 * Fills in the logs and names of the locations; handler is that of the logs.
 * Which files they write to is known only when all is parsed: to be called in
 * init_module, where http {} may be missing.
 *
 * A name is made of what the location's server listens on and is called, of
 * its own text, and of its place among equals.
 */
void ngx_http_notify_locations_init(ngx_cycle_t *cycle);

/* The location of that name in this configuration, or NULL. */
ngx_http_notify_loc_conf_t *ngx_http_notify_location_find(
    ngx_http_notify_main_conf_t *nmcf, uint64_t id);

#endif /* NGX_HTTP_NOTIFY_LOCATION_H_INCLUDED */
