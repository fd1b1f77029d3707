/*
 * Closes the sockets of an exiting worker that stay with it.
 */

#ifndef NGX_HTTP_NOTIFY_DRAIN_H_INCLUDED
#define NGX_HTTP_NOTIFY_DRAIN_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>


/* Closes those with notify_drain, with 1012, spread evenly over that time. */
void ngx_http_notify_drain_start(ngx_cycle_t *cycle);

/* There may be more sockets now: closes those, too, if it has begun. */
void ngx_http_notify_drain_more(void);

/* How many cannot be handed over, and how many could. */
void ngx_http_notify_drain_count(ngx_uint_t *stay, ngx_uint_t *wait);

/* Closes those without it, with 1012, now. */
void ngx_http_notify_drain_others(void);

/* Closes all, with 1012, now. */
void ngx_http_notify_drain_all(void);

/* A close frame to each, and that was it: the process ends. */
void ngx_http_notify_drain_terminate(void);

#endif /* NGX_HTTP_NOTIFY_DRAIN_H_INCLUDED */
