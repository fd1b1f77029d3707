/*
 * A socket written down: all that another worker needs to go on with it.
 */

#ifndef NGX_HTTP_NOTIFY_RECORD_H_INCLUDED
#define NGX_HTTP_NOTIFY_RECORD_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>

#include "notify_record.h"
#include "ngx_http_notify_socket.h"


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
    notify_record_t *record, notify_batch_reader_t *reader);

/* Passes over what follows a record. */
void ngx_http_notify_record_skip(notify_record_t *record,
    notify_batch_reader_t *reader);

#endif /* NGX_HTTP_NOTIFY_RECORD_H_INCLUDED */
