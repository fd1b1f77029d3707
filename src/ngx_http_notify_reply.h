/*
 * A response that is known whole when it begins: its buffer, chain link and
 * text are one allocation.
 */

#ifndef NGX_HTTP_NOTIFY_REPLY_H_INCLUDED
#define NGX_HTTP_NOTIFY_REPLY_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef struct {
    ngx_chain_t                 out;
    ngx_buf_t                   buf;            /* text up to buf.last */
    u_char                      text[];
} ngx_http_notify_reply_t;


extern ngx_str_t  ngx_http_notify_type_json;


/*
 * Room for a text of size bytes, from the request's pool; NULL: no memory.
 * The caller prints to buf.last, which it moves.
 */
ngx_http_notify_reply_t *ngx_http_notify_reply_create(ngx_http_request_t *r,
    size_t size);

/*
 * Discards what is left of the request's body and sends the text.  type may
 * have parameters.  Returns what the content handler has to return, or to
 * finalize with.
 */
ngx_int_t ngx_http_notify_reply_send(ngx_http_request_t *r,
    ngx_http_notify_reply_t *reply, ngx_uint_t status, ngx_str_t *type);

#endif /* NGX_HTTP_NOTIFY_REPLY_H_INCLUDED */
