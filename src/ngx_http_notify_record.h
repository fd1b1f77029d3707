/*
 * A socket written down: all that another worker needs to go on with it.
 */

#ifndef NGX_HTTP_NOTIFY_RECORD_H_INCLUDED
#define NGX_HTTP_NOTIFY_RECORD_H_INCLUDED

#include "ngx_http_notify_socket.h"


/*
 * What a record begins with; then codec, data and tail bytes follow.  It is
 * read on the machine that wrote it, but perhaps by another module file: what
 * changes it changes NGX_HTTP_NOTIFY_RECORD_LAYOUT, with which each batch
 * begins.
 */
#define NGX_HTTP_NOTIFY_RECORD_LAYOUT                                         \
    ((uint32_t) (4u << 24 | NOTIFY_CODEC_LAYOUT << 16                         \
                 | sizeof(ngx_http_notify_record_t)))

typedef struct {
    uint64_t                     location;  /* ngx_http_notify_location.h */
    uint64_t                     since;
    uint64_t                     number;    /* of the connection, in logs */
    uint64_t                     expires;   /* ms, ngx_current_msec, or 0 */
    u_char                       addr[16];
    uint32_t                     key;
    uint32_t                     deadline;  /* ms, low bits */
    uint32_t                     interval;  /* ms, of its pings */
    uint32_t                     opened;
    uint32_t                     messages;
    uint32_t                     heard;     /* ms, low bits */
    uint32_t                     excess;
    uint32_t                     codec;     /* 0, or sizeof(notify_codec_t) */
    uint32_t                     data;      /* of a message to be relayed or
                                               inflated */
    uint32_t                     tail;      /* waits to be sent */
    uint32_t                     behind;    /* of these, behind the message
                                               that is being sent */
    uint8_t                      family;
    uint8_t                      pinged;
    uint8_t                      reading;
    uint8_t                      v1;
    uint8_t                      window;    /* permessage-deflate, or 0 */
    uint8_t                      reserved;
    uint16_t                     code;      /* to close with then */
    uint32_t                     member;
} ngx_http_notify_record_t;


/* Whether it can be written down: open, without TLS or a request. */
ngx_uint_t ngx_http_notify_record_can(ngx_http_notify_socket_t *s);

/* The bytes that _write() writes; it returns their end. */
size_t ngx_http_notify_record_size(ngx_http_notify_socket_t *s);
u_char *ngx_http_notify_record_write(ngx_http_notify_socket_t *s, u_char *p);

/*
 * Reads what follows a record into a socket that has just been made of it.
 * NGX_ERROR: no memory; what follows has been read all the same.
 */
ngx_int_t ngx_http_notify_record_read(ngx_http_notify_socket_t *s,
    ngx_http_notify_record_t *record, notify_batch_reader_t *reader);

/* Passes over what follows a record. */
void ngx_http_notify_record_skip(ngx_http_notify_record_t *record,
    notify_batch_reader_t *reader);

#endif /* NGX_HTTP_NOTIFY_RECORD_H_INCLUDED */
