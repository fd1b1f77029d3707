/*
 * A response that is known whole when it begins.
 */

#include "ngx_http_notify_reply.h"


ngx_str_t  ngx_http_notify_type_json = ngx_string("application/json");


ngx_http_notify_reply_t *
ngx_http_notify_reply_create(ngx_http_request_t *r, size_t size)
{
    ngx_http_notify_reply_t  *reply;

    reply = ngx_palloc(r->pool, sizeof(ngx_http_notify_reply_t) + size);
    if (reply == NULL) {
        return NULL;
    }

    ngx_memzero(reply, sizeof(ngx_http_notify_reply_t));

    reply->out.buf = &reply->buf;

    reply->buf.start = reply->text;
    reply->buf.pos = reply->text;
    reply->buf.last = reply->text;
    reply->buf.end = reply->text + size;
    reply->buf.temporary = 1;
    reply->buf.last_buf = (r == r->main);
    reply->buf.last_in_chain = 1;

    return reply;
}


ngx_int_t
ngx_http_notify_reply_send(ngx_http_request_t *r,
    ngx_http_notify_reply_t *reply, ngx_uint_t status, ngx_str_t *type)
{
    u_char     *p;
    ngx_int_t   rc;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = reply->buf.last - reply->buf.pos;

    r->headers_out.content_type = *type;
    r->headers_out.content_type_lowcase = NULL;

    p = memchr(type->data, ';', type->len);
    r->headers_out.content_type_len = p ? (size_t) (p - type->data)
                                        : type->len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, &reply->out);
}
