/*
 * A socket's life.
 *
 *     HANDSHAKE ──▶ OPEN ──▶ CLOSING ──▶ freed
 *         └──────────┴──────────────────▶
 *
 * HANDSHAKE: it has joined its key, and messages queue, while the 101 goes
 * out.  OPEN.  CLOSING: it has left its key; our close frame is on its way,
 * behind what was queued, and the peer has a few seconds to answer.
 *
 * Sockets belong to the worker and are not in any pool; only the functions
 * here free them, and those that may say so.
 */

#ifndef NGX_HTTP_NOTIFY_SOCKET_H_INCLUDED
#define NGX_HTTP_NOTIFY_SOCKET_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_bus.h"
#include "notify_codec.h"
#include "ngx_http_notify_conf.h"
#include "ngx_http_notify_deadline.h"
#include "ngx_http_notify_expiry.h"
#include "ngx_http_notify_join.h"
#include "ngx_http_notify_send.h"
#include "ngx_http_notify_table.h"


#define NGX_HTTP_NOTIFY_LINGER  5000        /* ms, for a peer to close */
#define NGX_HTTP_NOTIFY_TAKEN   0xfffff     /* bits of taken, below */


enum {
    NGX_HTTP_NOTIFY_HANDSHAKE = 0,
    NGX_HTTP_NOTIFY_OPEN,
    NGX_HTTP_NOTIFY_CLOSING
};


/* The receiving side while it is inside of a frame or message. */
typedef struct {
    notify_codec_t               codec;
    u_char                      *data;      /* of a message to be relayed, or
                                               inflated */
    size_t                       len;
    size_t                       size;      /* of data, grows as bytes come */
} ngx_http_notify_in_t;


typedef struct {
    ngx_http_notify_node_t       node;      /* in the table till it leaves;
                                               its key, 0: has left */
    ngx_http_notify_deadline_t   deadline;  /* of the next ping, or linger */

    ngx_connection_t            *connection;
    ngx_http_notify_loc_conf_t  *conf;      /* its worker's cycle has it */
    ngx_http_notify_out_t       *out;       /* NULL: nothing waits */
    ngx_http_notify_in_t        *in;        /* NULL: between messages */
    ngx_http_notify_expiry_t    *expiry;    /* NULL: it does not expire */
    uint64_t                     since;     /* the last it was given */
    uint64_t                     joined;    /* the last before it joined: what
                                               closes it is later; 0: it was
                                               handed over */

    union {
        u_char                   addr[16];  /* of the client, IPv4 or IPv6 */
        ngx_http_request_t      *request;   /* kept: has the address */
    } u;

    uint32_t                     opened;    /* notify_seconds() */
    uint32_t                     messages;  /* sent */
    uint32_t                     heard;     /* ms, low bits: of the last */
    uint32_t                     excess;    /* of notify_client_rate */
    uint16_t                     code;      /* closed with */
    uint8_t                      family;    /* AF_INET, AF_INET6, AF_UNIX */
    uint8_t                      state;
    unsigned                     kept:1;    /* u is its request */
    unsigned                     pinged:1;  /* and silent since */
    unsigned                     leaving:1; /* the peer's close frame came:
                                               close when all is sent */
    unsigned                     failing:1; /* it does not keep to the protocol:
                                               its close frame is not waited
                                               for */
    unsigned                     reading:1; /* from the store: what is taken is
                                               not for it */
    unsigned                     v1:1;      /* speaks notify.v1 */
    unsigned                     window:4;  /* permessage-deflate: bits of the
                                               window that it allows us; 0: not
                                               negotiated */
    unsigned                     busy:1;    /* at its last deadline something
                                               was on its way to the peer */
    unsigned                     taken:20;  /* KB that the peer had taken till
                                               then, low bits */
} ngx_http_notify_socket_t;

/* there are many of them: nobody makes them larger unseen */
_Static_assert(sizeof(void *) != 8 || sizeof(ngx_http_notify_socket_t) <= 152,
               "socket");


/*
 * A socket of this user, for a handshake that is about to be answered: from
 * here on messages queue for it, or are read later.  NULL: the zone is full,
 * or no memory; or the user has too many (wish->refused).
 */
ngx_http_notify_socket_t *ngx_http_notify_socket_join(ngx_connection_t *c,
    ngx_http_notify_loc_conf_t *conf, ngx_http_notify_wish_t *wish);

/*
 * The handshake came to nothing: the socket leaves and is freed; its
 * connection is its request's.
 */
void ngx_http_notify_socket_abandon(ngx_http_notify_socket_t *s);

/*
 * The connection is the socket's now, with its handlers set: HANDSHAKE to
 * OPEN.  Sends what has queued.  NGX_ERROR: the socket was freed.
 */
ngx_int_t ngx_http_notify_socket_open(ngx_http_notify_socket_t *s);

/*
 * A socket of this user that another worker has handed over, OPEN, with its
 * deadline not set yet.  NULL: no memory; nothing has changed.
 */
ngx_http_notify_socket_t *ngx_http_notify_socket_adopt(ngx_connection_t *c,
    ngx_http_notify_loc_conf_t *conf, uint32_t key);

/*
 * Another worker has the socket now, by a descriptor of its own: frees it
 * without a word to the peer or the bus.
 */
void ngx_http_notify_socket_moved(ngx_http_notify_socket_t *s);

/* Sends what waits, and reads on.  NGX_ERROR: the socket was freed. */
ngx_int_t ngx_http_notify_socket_flush(ngx_http_notify_socket_t *s);

/*
 * Sends a message that was taken, or queues it, unless the socket is reading.
 * May close the socket, and free it.
 */
void ngx_http_notify_socket_message(ngx_http_notify_socket_t *s,
    notify_item_t *item, ngx_http_notify_forms_t *forms);

void ngx_http_notify_socket_ping(ngx_http_notify_socket_t *s);

/* Answers a ping.  NGX_ERROR: the socket was freed. */
ngx_int_t ngx_http_notify_socket_pong(ngx_http_notify_socket_t *s,
    u_char *data, size_t len);

/*
 * Closes with that code, from our side, behind the messages that wait.  why, a
 * constant, goes to the log and the peer.  NGX_ERROR: the socket was freed.
 */
ngx_int_t ngx_http_notify_socket_close(ngx_http_notify_socket_t *s,
    ngx_uint_t code, const char *why);

/* The same, but drops the messages that wait. */
ngx_int_t ngx_http_notify_socket_fail(ngx_http_notify_socket_t *s,
    ngx_uint_t code, const char *why);

/*
 * The peer's close frame came, with that code (1005: without one): it is
 * answered, and the connection closed.  NGX_ERROR: the socket was freed.
 */
ngx_int_t ngx_http_notify_socket_closed(ngx_http_notify_socket_t *s,
    ngx_uint_t code);

/* The connection is gone, or given up: frees the socket. */
void ngx_http_notify_socket_drop(ngx_http_notify_socket_t *s,
    const char *why);

/*
 * Ends a request that had a socket, or was to have one, and its connection.
 * To be called from an event, not from the request's own handlers.
 */
void ngx_http_notify_socket_end_request(ngx_http_request_t *r);

/* The process is being terminated: a close frame is tried, once. */
void ngx_http_notify_socket_terminate(ngx_http_notify_socket_t *s);

/* The next lines in the log are about this socket. */
void ngx_http_notify_socket_current(ngx_http_notify_socket_t *s);

#endif /* NGX_HTTP_NOTIFY_SOCKET_H_INCLUDED */
