/*
 * When sockets expire.
 */

#include "ngx_http_notify_expiry.h"


/* a timer is not set for longer, so that no time is too far for its type */
#define NGX_HTTP_NOTIFY_EXPIRY_MAX  (24 * 60 * 60 * 1000)   /* ms */


static ngx_http_notify_expiry_t *ngx_http_notify_expiry_first(
    ngx_http_notify_expiries_t *e);


void
ngx_http_notify_expiries_init(ngx_http_notify_expiries_t *e, ngx_log_t *log,
    ngx_event_handler_pt handler)
{
    ngx_rbtree_init(&e->tree, &e->sentinel, ngx_rbtree_insert_timer_value);

    e->timer.handler = handler;
    e->timer.data = e;
    e->timer.log = log;
    e->timer.cancelable = 1;
}


ngx_http_notify_expiry_t *
ngx_http_notify_expiry_add(ngx_http_notify_expiries_t *e, void *data,
    ngx_msec_t at, ngx_uint_t code)
{
    ngx_http_notify_expiry_t  *expiry;

    expiry = ngx_alloc(sizeof(ngx_http_notify_expiry_t), e->timer.log);
    if (expiry == NULL) {
        return NULL;
    }

    expiry->node.key = at;
    expiry->data = data;
    expiry->code = code;

    ngx_rbtree_insert(&e->tree, &expiry->node);

    if (ngx_http_notify_expiry_first(e) == expiry) {
        ngx_http_notify_expiries_rearm(e, 0);
    }

    return expiry;
}


void
ngx_http_notify_expiry_remove(ngx_http_notify_expiries_t *e,
    ngx_http_notify_expiry_t *expiry)
{
    ngx_rbtree_delete(&e->tree, &expiry->node);
    ngx_free(expiry);

    if (e->tree.root == e->tree.sentinel && e->timer.timer_set) {
        ngx_del_timer(&e->timer);
    }
}


ngx_http_notify_expiry_t *
ngx_http_notify_expiry_over(ngx_http_notify_expiries_t *e)
{
    ngx_http_notify_expiry_t  *expiry;

    expiry = ngx_http_notify_expiry_first(e);

    if (expiry
        && (ngx_msec_int_t) (expiry->node.key - ngx_current_msec) <= 0)
    {
        return expiry;
    }

    return NULL;
}


void
ngx_http_notify_expiries_rearm(ngx_http_notify_expiries_t *e,
    ngx_msec_t least)
{
    ngx_msec_int_t             left;
    ngx_http_notify_expiry_t  *expiry;

    expiry = ngx_http_notify_expiry_first(e);

    if (expiry == NULL) {
        return;
    }

    left = (ngx_msec_int_t) (expiry->node.key - ngx_current_msec);
    left = ngx_max(left, (ngx_msec_int_t) least);
    left = ngx_min(left, NGX_HTTP_NOTIFY_EXPIRY_MAX);

    ngx_add_timer(&e->timer, (ngx_msec_t) left);
}


static ngx_http_notify_expiry_t *
ngx_http_notify_expiry_first(ngx_http_notify_expiries_t *e)
{
    ngx_rbtree_node_t  *node;

    if (e->tree.root == e->tree.sentinel) {
        return NULL;
    }

    node = ngx_rbtree_min(e->tree.root, e->tree.sentinel);

    return ngx_rbtree_data(node, ngx_http_notify_expiry_t, node);
}
