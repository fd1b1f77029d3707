/*
 * What a socket sends.
 *
 * Frames go out whole.  While one is on its way out (control, or the head of
 * the queue), nothing else may begin; at a boundary a pong goes first, then a
 * ping, then messages, then the close.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_codec.h"
#include "ngx_http_notify_compat.h"
#include "ngx_http_notify_send.h"


typedef struct ngx_http_notify_wait_s  ngx_http_notify_wait_t;

struct ngx_http_notify_wait_s {
    ngx_http_notify_wait_t     *next;
    ngx_http_notify_message_t  *message;
};


struct ngx_http_notify_out_s {
    ngx_http_notify_wait_t     *first;
    ngx_http_notify_wait_t    **last;
    size_t                      bytes;      /* behind the first */
    size_t                      held;       /* bytes of the bus's messages */

    ngx_http_notify_out_t     **place;      /* what points to it */
    ngx_queue_t                 queue;      /* of this worker's, till close */

    notify_cursor_t             cursor;     /* in the first message */
    const u_char               *pos;        /* its piece that is going out */
    size_t                      left;
    unsigned                    begun:1;    /* some of the first has gone */

    unsigned                    ping:1;     /* to be sent */
    unsigned                    pong:1;
    unsigned                    close:1;
    unsigned                    closed:1;   /* the close frame went out */

    uint16_t                    code;       /* of the close */
    const char                 *reason;     /* a constant, or NULL */

    u_char                      pong_len;
    u_char                      pong_data[NOTIFY_CONTROL_MAX];

    u_char                      control_at; /* sent of the control frame */
    u_char                      control_len;        /* 0: none going out */
    u_char                      control[NOTIFY_FRAME_CONTROL_MAX];
};


static ngx_http_notify_out_t *ngx_http_notify_out(ngx_connection_t *c,
    ngx_http_notify_out_t **out);
static ngx_int_t ngx_http_notify_send_direct(ngx_connection_t *c,
    ngx_http_notify_out_t *rest, notify_item_t *item,
    ngx_http_notify_message_t *m);
static ngx_int_t ngx_http_notify_send_queue(ngx_connection_t *c,
    ngx_http_notify_out_t *o, notify_item_t *item,
    ngx_http_notify_message_t **m);
static void ngx_http_notify_send_append(ngx_http_notify_out_t *o,
    ngx_http_notify_wait_t *w, ngx_http_notify_message_t *m);
static ngx_int_t ngx_http_notify_send_control(ngx_connection_t *c,
    ngx_http_notify_out_t *o);
static void ngx_http_notify_send_next_control(ngx_http_notify_out_t *o);
static ngx_int_t ngx_http_notify_send_pieces(ngx_connection_t *c,
    ngx_http_notify_out_t *o, uint32_t message);
static ngx_int_t ngx_http_notify_send_rest(ngx_connection_t *c,
    ngx_http_notify_out_t *o);
static size_t ngx_http_notify_send_gone(ngx_http_notify_out_t *o);
static void ngx_http_notify_send_pop(ngx_http_notify_out_t *o);
static void ngx_http_notify_send_drop(ngx_http_notify_out_t *o,
    ngx_http_notify_wait_t *w);
static void ngx_http_notify_item_done(uint32_t slot);


ngx_int_t
ngx_http_notify_send_message(ngx_connection_t *c, ngx_http_notify_out_t **out,
    notify_item_t *item, ngx_http_notify_message_t **m, size_t max,
    ngx_uint_t held)
{
    size_t                  length;
    ngx_int_t               rc;
    ngx_http_notify_out_t   rest, *o;

    o = *out;
    length = *m ? (*m)->item.length : item->length;

    if (o == NULL && !held) {
        rc = ngx_http_notify_send_direct(c, &rest, item, *m);

        if (rc != NGX_AGAIN) {
            return rc;
        }

        o = ngx_http_notify_out(c, out);

        if (o == NULL || ngx_http_notify_send_queue(c, o, item, m) != NGX_OK) {
            /* a frame that has begun cannot be left out */
            return rest.begun ? NGX_ERROR : NGX_DECLINED;
        }

        o->cursor = rest.cursor;
        o->pos = rest.pos;
        o->left = rest.left;
        o->begun = rest.begun;

        return ngx_handle_write_event(c->write, 0) == NGX_OK ? NGX_AGAIN
                                                             : NGX_ERROR;
    }

    if (o && o->close) {
        return NGX_OK;
    }

    if (o && o->first && length > max - ngx_min(o->bytes, max)) {
        return NGX_BUSY;
    }

    o = ngx_http_notify_out(c, out);

    if (o == NULL || ngx_http_notify_send_queue(c, o, item, m) != NGX_OK) {
        return NGX_DECLINED;
    }

    return NGX_AGAIN;
}


/*
 * The usual case: nothing waits, and all fits into the kernel's buffer.  With
 * NGX_AGAIN rest says where to go on.
 */

static ngx_int_t
ngx_http_notify_send_direct(ngx_connection_t *c, ngx_http_notify_out_t *rest,
    notify_item_t *item, ngx_http_notify_message_t *m)
{
    rest->cursor.extent = 0;
    rest->cursor.at = 0;
    rest->pos = NULL;
    rest->left = 0;
    rest->begun = 0;

    if (m && m->data) {
        rest->pos = m->data;
        rest->left = m->item.length;
    }

    if (!c->write->ready) {
        return NGX_AGAIN;
    }

    return m && m->data ? ngx_http_notify_send_rest(c, rest)
                        : ngx_http_notify_send_pieces(c, rest, item->message);
}


static ngx_int_t
ngx_http_notify_send_pieces(ngx_connection_t *c, ngx_http_notify_out_t *o,
    uint32_t message)
{
    ngx_int_t  rc;

    do {
        rc = ngx_http_notify_send_rest(c, o);

        if (rc != NGX_OK) {
            return rc;
        }

        o->pos = notify_bus_piece(&ngx_http_notify_worker.zone, message,
                                  &o->cursor, &o->left);

    } while (o->pos);

    return NGX_OK;
}


/* the piece that is going out */

static ngx_int_t
ngx_http_notify_send_rest(ngx_connection_t *c, ngx_http_notify_out_t *o)
{
    ssize_t  n;

    while (o->left) {
        n = c->send(c, (u_char *) o->pos, o->left);

        if (n == NGX_AGAIN) {
            /* OpenSSL wants the same bytes again */
            o->begun |= ngx_http_notify_is_tls(c);
            return NGX_AGAIN;
        }

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        o->begun = 1;
        o->pos += n;
        o->left -= n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_send_queue(ngx_connection_t *c, ngx_http_notify_out_t *o,
    notify_item_t *item, ngx_http_notify_message_t **m)
{
    ngx_http_notify_wait_t  *w;

    w = ngx_alloc(sizeof(ngx_http_notify_wait_t), c->log);
    if (w == NULL) {
        return NGX_ERROR;
    }

    if (*m == NULL) {
        *m = ngx_alloc(sizeof(ngx_http_notify_message_t), c->log);
        if (*m == NULL) {
            ngx_free(w);
            return NGX_ERROR;
        }

        (*m)->item = *item;
        (*m)->refs = 1;
        (*m)->data = NULL;
        (*m)->behind = 0;

        notify_bus_wait(&ngx_http_notify_worker.zone, item);
        ngx_http_notify_post_slow();
    }

    (*m)->refs++;

    ngx_http_notify_send_append(o, w, *m);

    return NGX_OK;
}


static void
ngx_http_notify_send_append(ngx_http_notify_out_t *o,
    ngx_http_notify_wait_t *w, ngx_http_notify_message_t *m)
{
    w->next = NULL;
    w->message = m;

    if (m->data == NULL) {
        o->held += m->item.length;
    }

    if (o->first) {
        o->bytes += m->item.length;

    } else if (m->data) {
        o->pos = m->data;
        o->left = m->item.length;
    }

    *o->last = w;
    o->last = &w->next;
}


ngx_int_t
ngx_http_notify_send_ping(ngx_connection_t *c, ngx_http_notify_out_t **out)
{
    ngx_http_notify_out_t  *o;

    o = ngx_http_notify_out(c, out);
    if (o == NULL) {
        return NGX_DECLINED;
    }

    o->ping = 1;

    return ngx_http_notify_send_flush(c, out);
}


ngx_int_t
ngx_http_notify_send_pong(ngx_connection_t *c, ngx_http_notify_out_t **out,
    u_char *data, size_t len)
{
    ngx_http_notify_out_t  *o;

    o = ngx_http_notify_out(c, out);
    if (o == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(o->pong_data, data, len);
    o->pong_len = (u_char) len;
    o->pong = 1;

    return ngx_http_notify_send_flush(c, out);
}


ngx_int_t
ngx_http_notify_send_close(ngx_connection_t *c, ngx_http_notify_out_t **out,
    ngx_uint_t code, const char *reason)
{
    ngx_http_notify_out_t  *o;

    o = ngx_http_notify_out(c, out);
    if (o == NULL) {
        return NGX_DECLINED;
    }

    if (!o->close) {
        ngx_queue_remove(&o->queue);
    }

    o->code = (uint16_t) code;
    o->reason = reason;
    o->close = 1;
    o->ping = 0;
    o->pong = 0;

    return ngx_http_notify_send_flush(c, out);
}


ngx_int_t
ngx_http_notify_send_flush(ngx_connection_t *c, ngx_http_notify_out_t **out)
{
    ngx_int_t                   rc;
    ngx_http_notify_out_t      *o;
    ngx_http_notify_message_t  *m;

    o = *out;

    if (o == NULL) {
        return NGX_OK;
    }

    for ( ;; ) {

        if (!o->begun && o->control_len == 0) {
            ngx_http_notify_send_next_control(o);
        }

        if (o->control_len) {
            rc = ngx_http_notify_send_control(c, o);

        } else if (o->first) {
            m = o->first->message;

            rc = m->data ? ngx_http_notify_send_rest(c, o)
                         : ngx_http_notify_send_pieces(c, o, m->item.message);

            if (rc == NGX_OK) {
                ngx_http_notify_send_pop(o);
            }

        } else {
            ngx_http_notify_send_free(out);
            return NGX_OK;
        }

        if (rc == NGX_AGAIN) {
            return ngx_handle_write_event(c->write, 0) == NGX_OK ? NGX_AGAIN
                                                                 : NGX_ERROR;
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }
}


/* at a frame boundary: the control frame that goes out next, if any */

static void
ngx_http_notify_send_next_control(ngx_http_notify_out_t *o)
{
    o->control_at = 0;

    if (o->pong) {
        o->pong = 0;
        o->control_len = (u_char) notify_frame_control(o->control,
                                                       NOTIFY_OP_PONG,
                                                       o->pong_data,
                                                       o->pong_len);
        return;
    }

    if (o->ping) {
        o->ping = 0;
        o->control_len = (u_char) notify_frame_control(o->control,
                                                       NOTIFY_OP_PING,
                                                       o->control, 0);
        return;
    }

    if (o->close && !o->closed && o->first == NULL) {
        o->closed = 1;
        o->control_len = (u_char) notify_frame_close(o->control, o->code,
                                                     o->reason);
    }
}


static ngx_int_t
ngx_http_notify_send_control(ngx_connection_t *c, ngx_http_notify_out_t *o)
{
    ssize_t  n;

    while (o->control_at < o->control_len) {
        n = c->send(c, o->control + o->control_at,
                    o->control_len - o->control_at);

        if (n == NGX_AGAIN || n == NGX_ERROR) {
            return n;
        }

        o->control_at += (u_char) n;
    }

    o->control_len = 0;

    return NGX_OK;
}


static void
ngx_http_notify_send_pop(ngx_http_notify_out_t *o)
{
    ngx_http_notify_wait_t  *w;

    w = o->first;
    o->first = w->next;

    if (o->first) {
        o->bytes -= o->first->message->item.length;

    } else {
        o->last = &o->first;
    }

    o->bytes -= w->message->behind;

    ngx_http_notify_send_drop(o, w);

    o->cursor.extent = 0;
    o->cursor.at = 0;
    o->left = 0;
    o->begun = 0;

    if (o->first && o->first->message->data) {
        o->pos = o->first->message->data;
        o->left = o->first->message->item.length;
    }
}


/* it is in the queue no more */

static void
ngx_http_notify_send_drop(ngx_http_notify_out_t *o, ngx_http_notify_wait_t *w)
{
    if (w->message->data == NULL) {
        o->held -= w->message->item.length;
    }

    ngx_http_notify_message_release(w->message);
    ngx_free(w);
}


size_t
ngx_http_notify_send_size(ngx_http_notify_out_t *o)
{
    size_t                   n;
    ngx_http_notify_wait_t  *w;

    if (o == NULL) {
        return 0;
    }

    n = o->control_len - o->control_at;

    for (w = o->first; w; w = w->next) {
        n += w->message->item.length;
    }

    if (o->first) {
        n -= ngx_http_notify_send_gone(o);
    }

    return n + (o->pong ? 2 + (size_t) o->pong_len : 0) + (o->ping ? 2 : 0);
}


/* bytes of the first message that have been sent */

static size_t
ngx_http_notify_send_gone(ngx_http_notify_out_t *o)
{
    ngx_http_notify_message_t  *m;

    m = o->first->message;

    return (m->data ? m->item.length : o->cursor.at) - o->left;
}


/* control frames that wait come behind the messages */

void
ngx_http_notify_send_copy(ngx_http_notify_out_t *o, u_char *p)
{
    size_t                      n;
    const u_char               *piece;
    notify_cursor_t             cursor;
    ngx_http_notify_wait_t     *w;
    ngx_http_notify_message_t  *m;

    if (o == NULL) {
        return;
    }

    p = ngx_cpymem(p, o->control + o->control_at,
                   o->control_len - o->control_at);

    if (o->left) {
        p = ngx_cpymem(p, o->pos, o->left);
    }

    cursor = o->cursor;

    for (w = o->first; w; w = w->next) {
        m = w->message;

        if (m->data && w != o->first) {
            p = ngx_cpymem(p, m->data, m->item.length);
        }

        while (m->data == NULL
               && (piece = notify_bus_piece(&ngx_http_notify_worker.zone,
                                            m->item.message, &cursor, &n))
                  != NULL)
        {
            p = ngx_cpymem(p, piece, n);
        }

        cursor.extent = 0;
        cursor.at = 0;
    }

    if (o->pong) {
        p += notify_frame_control(p, NOTIFY_OP_PONG, o->pong_data,
                                  o->pong_len);
    }

    if (o->ping) {
        (void) notify_frame_control(p, NOTIFY_OP_PING, p, 0);
    }
}


size_t
ngx_http_notify_send_behind(ngx_http_notify_out_t *o)
{
    return o ? o->bytes : 0;
}


ngx_int_t
ngx_http_notify_send_restore(ngx_connection_t *c, ngx_http_notify_out_t **out,
    u_char *data, size_t len, size_t behind)
{
    ngx_http_notify_out_t      *o;
    ngx_http_notify_wait_t     *w;
    ngx_http_notify_message_t  *m;

    o = ngx_http_notify_out(c, out);
    w = ngx_alloc(sizeof(ngx_http_notify_wait_t), c->log);
    m = ngx_calloc(sizeof(ngx_http_notify_message_t), c->log);

    if (o == NULL || w == NULL || m == NULL) {

        if (w) {
            ngx_free(w);
        }

        if (m) {
            ngx_free(m);
        }

        ngx_free(data);

        return NGX_ERROR;
    }

    m->item.length = (uint32_t) len;
    m->refs = 1;
    m->data = data;
    m->base = data;
    m->behind = behind;

    ngx_http_notify_send_append(o, w, m);

    o->bytes += behind;

    /* it may begin within a frame */

    o->begun = 1;
    o->pos = data;
    o->left = len;

    return NGX_OK;
}


void
ngx_http_notify_send_cut(ngx_http_notify_out_t *o)
{
    ngx_http_notify_wait_t  *w, *next;

    if (o == NULL || o->first == NULL) {
        return;
    }

    if (!o->begun) {
        /* the first goes too */
        while (o->first) {
            ngx_http_notify_send_pop(o);
        }

        return;
    }

    for (w = o->first->next; w; w = next) {
        next = w->next;
        ngx_http_notify_send_drop(o, w);
    }

    o->first->next = NULL;
    o->last = &o->first->next;
    o->bytes = o->first->message->behind;
}


void
ngx_http_notify_send_free(ngx_http_notify_out_t **out)
{
    ngx_http_notify_out_t  *o;

    o = *out;

    if (o == NULL) {
        return;
    }

    while (o->first) {
        ngx_http_notify_send_pop(o);
    }

    if (!o->close) {
        ngx_queue_remove(&o->queue);
    }

    ngx_free(o);
    *out = NULL;
}


ngx_http_notify_out_t **
ngx_http_notify_send_slowest(void)
{
    size_t                   n, most;
    ngx_queue_t             *q, *waiting;
    ngx_http_notify_out_t   *o, **place;

    most = 0;
    place = NULL;
    waiting = &ngx_http_notify_worker.waiting;

    for (q = ngx_queue_head(waiting);
         q != ngx_queue_sentinel(waiting);
         q = ngx_queue_next(q))
    {
        o = ngx_queue_data(q, ngx_http_notify_out_t, queue);
        n = o->held;

        if (o->begun && o->first && o->first->message->data == NULL) {
            n -= o->first->message->item.length;
        }

        if (n > most) {
            most = n;
            place = o->place;
        }
    }

    return place;
}


static ngx_http_notify_out_t *
ngx_http_notify_out(ngx_connection_t *c, ngx_http_notify_out_t **out)
{
    ngx_http_notify_out_t  *o;

    o = *out;

    if (o) {
        return o;
    }

    o = ngx_calloc(sizeof(ngx_http_notify_out_t), c->log);
    if (o == NULL) {
        return NULL;
    }

    o->last = &o->first;
    o->place = out;
    *out = o;

    ngx_queue_insert_tail(&ngx_http_notify_worker.waiting, &o->queue);

    return o;
}


void
ngx_http_notify_message_finish(notify_item_t *item,
    ngx_http_notify_message_t *m)
{
    if (m) {
        ngx_http_notify_message_release(m);
        return;
    }

    ngx_http_notify_item_done(item->slot);
}


void
ngx_http_notify_message_release(ngx_http_notify_message_t *m)
{
    if (--m->refs) {
        return;
    }

    if (m->data) {
        ngx_free(m->base);

    } else {
        ngx_http_notify_item_done(m->item.slot);
    }

    ngx_free(m);
}


static void
ngx_http_notify_item_done(uint32_t slot)
{
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    if (w->ndone == NGX_HTTP_NOTIFY_DONE) {
        (void) notify_bus_take(&w->zone, NULL, 0, w->done, w->ndone);
        w->ndone = 0;
    }

    w->done[w->ndone++] = slot;

    ngx_http_notify_post_take();
}
