/*
 * What a socket sends: whole frames, in order, and what waits while its peer
 * does not read.  Nothing here closes: errors are the caller's.
 */

#ifndef NGX_HTTP_NOTIFY_SEND_H_INCLUDED
#define NGX_HTTP_NOTIFY_SEND_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>

#include "notify_bus.h"
#include "ngx_http_notify_worker.h"


/* A socket's sending side while something waits; else it has none. */
typedef struct ngx_http_notify_out_s  ngx_http_notify_out_t;


/*
 * A message that this worker has taken and that waits in some queue.  refs:
 * each of these, and the caller until ngx_http_notify_message_finish().
 */
struct ngx_http_notify_message_s {
    notify_item_t            item;
    ngx_uint_t               refs;
    u_char                  *data;      /* not NULL: no message of the bus, but
                                           bytes of this worker's own, */
    u_char                  *base;      /* in this memory of ngx_alloc() */
    size_t                   behind;    /* of these, what another worker had
                                           waiting behind one message */
};


/*
 * All sockets have been gone through: with the last of those that wait, or
 * now when there is none (m is NULL), the item is done with.
 */
void ngx_http_notify_message_finish(notify_item_t *item,
    ngx_http_notify_message_t *m);

/* Drops a reference; the last one frees. */
void ngx_http_notify_message_release(ngx_http_notify_message_t *m);

/*
 * Sends a message, or queues it behind what waits.  held: nothing may be sent
 * yet, the handshake's answer is still going out.
 *
 * *m is NULL before an item's first socket, and is set when one has queued it;
 * or it has bytes of its own, which are sent instead.
 * Returns NGX_OK (sent), NGX_AGAIN (waits), NGX_BUSY when more than max bytes
 * would wait behind the message that is being sent, NGX_DECLINED when there is
 * no memory (in both cases it is not queued), or NGX_ERROR: the peer is gone.
 */
ngx_int_t ngx_http_notify_send_message(ngx_connection_t *c,
    ngx_http_notify_out_t **out, notify_item_t *item,
    ngx_http_notify_message_t **m, size_t max, ngx_uint_t held);

/*
 * A control frame, sent at the next frame boundary: a pong replaces one that
 * still waits (RFC 6455, 5.5.3), a close goes behind all messages and nothing
 * after it.  Return as ngx_http_notify_send_flush(), or NGX_DECLINED without
 * memory.
 */
ngx_int_t ngx_http_notify_send_ping(ngx_connection_t *c,
    ngx_http_notify_out_t **out);
ngx_int_t ngx_http_notify_send_pong(ngx_connection_t *c,
    ngx_http_notify_out_t **out, u_char *data, size_t len);
ngx_int_t ngx_http_notify_send_close(ngx_connection_t *c,
    ngx_http_notify_out_t **out, ngx_uint_t code, const char *reason);

/*
 * Sends what waits.  NGX_OK: all of it, and *out is NULL; NGX_AGAIN: the write
 * event will come; NGX_ERROR.
 */
ngx_int_t ngx_http_notify_send_flush(ngx_connection_t *c,
    ngx_http_notify_out_t **out);

/*
 * What waits, as bytes: for another worker, which restores it.  It must not be
 * about to close.  _copy() writes as many bytes as _size() says; _behind() of
 * these are behind the message that is being sent.
 */
size_t ngx_http_notify_send_size(ngx_http_notify_out_t *out);
size_t ngx_http_notify_send_behind(ngx_http_notify_out_t *out);
void ngx_http_notify_send_copy(ngx_http_notify_out_t *out, u_char *p);

/*
 * Has bytes wait on a socket on which nothing does; data was allocated with
 * ngx_alloc() and is taken.  NGX_ERROR: no memory, and data is freed.
 */
ngx_int_t ngx_http_notify_send_restore(ngx_connection_t *c,
    ngx_http_notify_out_t **out, u_char *data, size_t len, size_t behind);

/* Drops the messages that wait, but for one that has begun to go out. */
void ngx_http_notify_send_cut(ngx_http_notify_out_t *out);

/* Frees all that waits; *out becomes NULL. */
void ngx_http_notify_send_free(ngx_http_notify_out_t **out);

/*
 * Of this worker's sockets that are not closing, the one by whose
 * ngx_http_notify_send_cut() the bus would get back most: where its out stands.
 * NULL: there is nothing to be had.
 */
ngx_http_notify_out_t **ngx_http_notify_send_slowest(void);

#endif /* NGX_HTTP_NOTIFY_SEND_H_INCLUDED */
