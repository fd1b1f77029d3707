/*
 * Takes this worker's inbox and hands each message to the sockets of its key.
 *
 * The inbox's order is the order on every socket: the next item begins when
 * the last one has been handed to all.  Where that is many, other events get
 * their turn in between; the table keeps the walk's place.
 */

#include "ngx_http_notify_adopt.h"
#include "ngx_http_notify_deliver.h"
#include "ngx_http_notify_form.h"
#include "ngx_http_notify_socket.h"
#include "ngx_http_notify_worker.h"


#define NGX_HTTP_NOTIFY_DELIVER_MAX  1000   /* sockets at a time */


static ngx_uint_t ngx_http_notify_deliver_take(ngx_http_notify_worker_t *w);
static ngx_int_t ngx_http_notify_deliver_item(ngx_http_notify_worker_t *w,
    ngx_uint_t *n);


void
ngx_http_notify_deliver_handler(ngx_event_t *ev)
{
    ngx_uint_t                 n;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    if (w->seat == NULL) {
        return;
    }

    n = 0;

    while (w->item < w->nitems || ngx_http_notify_deliver_take(w)) {

        if (ngx_http_notify_deliver_item(w, &n) == NGX_AGAIN) {

            if (ev->posted) {
                ngx_delete_posted_event(ev);
            }

            ngx_post_event(ev, &ngx_posted_next_events);
            return;
        }
    }

    /* what delivering has given back, the last take has said */

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }
}


static ngx_uint_t
ngx_http_notify_deliver_take(ngx_http_notify_worker_t *w)
{
    ngx_uint_t  ndone;

    ndone = w->ndone;

    w->ndone = 0;
    w->zone.wake_self = 0;
    w->item = 0;
    w->nitems = notify_bus_take(&w->zone, w->items, NGX_HTTP_NOTIFY_BATCH,
                                w->done, ndone);

    ngx_http_notify_post_slow();

    return w->nitems;
}


/* NGX_AGAIN: enough for now, the walk goes on later */

static ngx_int_t
ngx_http_notify_deliver_item(ngx_http_notify_worker_t *w, ngx_uint_t *n)
{
    notify_item_t             *item;
    ngx_http_notify_node_t    *node;
    ngx_http_notify_socket_t  *s;

    item = &w->items[w->item];

    if (item->kind == NOTIFY_BATCH) {
        ngx_http_notify_adopt(item);
        ngx_http_notify_message_finish(item, NULL);
        w->item++;
        return NGX_OK;
    }

    if (!w->walking) {
        ngx_http_notify_table_start(&w->table, item->key);
        w->walking = 1;
        ngx_memzero(&w->forms, sizeof(ngx_http_notify_forms_t));
    }

    while ((node = ngx_http_notify_table_next(&w->table)) != NULL) {

        s = ngx_queue_data(node, ngx_http_notify_socket_t, node);

        switch (item->kind) {

        case NOTIFY_CLOSE:
            if (item->id > s->joined) {
                (void) ngx_http_notify_socket_close(s, item->code,
                                                    "logged out");
            }

            break;

        case NOTIFY_REPLACE:
            if (item->member == node->member) {
                (void) ngx_http_notify_socket_close(s, item->code,
                                                    "replaced by a newer one");
            }

            break;

        default:
            ngx_http_notify_socket_message(s, item, &w->forms);
        }

        if (++*n >= NGX_HTTP_NOTIFY_DELIVER_MAX) {
            return NGX_AGAIN;
        }
    }

    ngx_http_notify_forms_finish(&w->forms, item);

    w->walking = 0;
    w->item++;

    return NGX_OK;
}
