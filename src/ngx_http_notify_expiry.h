/*
 * When sockets expire: those that do, in a tree, with one timer for all.
 */

#ifndef NGX_HTTP_NOTIFY_EXPIRY_H_INCLUDED
#define NGX_HTTP_NOTIFY_EXPIRY_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


typedef struct {
    ngx_rbtree_node_t         node;         /* its key: ms, ngx_current_msec */
    void                     *data;         /* whose it is */
    ngx_uint_t                code;         /* to close with */
} ngx_http_notify_expiry_t;


typedef struct {
    ngx_rbtree_t              tree;
    ngx_rbtree_node_t         sentinel;
    ngx_event_t               timer;        /* cancelable: it keeps no worker */
} ngx_http_notify_expiries_t;


/* The handler is called when something has expired. */
void ngx_http_notify_expiries_init(ngx_http_notify_expiries_t *e,
    ngx_log_t *log, ngx_event_handler_pt handler);

/*
 * Something expires at that time; its owner removes it, before or after.
 * NULL: no memory.
 */
ngx_http_notify_expiry_t *ngx_http_notify_expiry_add(
    ngx_http_notify_expiries_t *e, void *data, ngx_msec_t at, ngx_uint_t code);

/* Frees it. */
void ngx_http_notify_expiry_remove(ngx_http_notify_expiries_t *e,
    ngx_http_notify_expiry_t *expiry);

/* What has expired, still there, or NULL. */
ngx_http_notify_expiry_t *ngx_http_notify_expiry_over(
    ngx_http_notify_expiries_t *e);

/* Sets the timer for the next, in least ms from now or later. */
void ngx_http_notify_expiries_rearm(ngx_http_notify_expiries_t *e,
    ngx_msec_t least);

#endif /* NGX_HTTP_NOTIFY_EXPIRY_H_INCLUDED */
