/*
 * notify_status: what this node holds and has counted, over all workers, as
 * JSON, or as Prometheus text (exposition format 0.0.4) with
 * "Accept: text/plain" or ?format=prometheus.
 *
 * The zone is read without its lock: each number is right by itself, but they
 * need not all be of one moment.
 */

#ifndef NGX_HTTP_NOTIFY_STATUS_H_INCLUDED
#define NGX_HTTP_NOTIFY_STATUS_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* The content handler of notify_status locations. */
ngx_int_t ngx_http_notify_status_handler(ngx_http_request_t *r);

#endif /* NGX_HTTP_NOTIFY_STATUS_H_INCLUDED */
