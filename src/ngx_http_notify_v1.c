/*
 * How a message looks to a peer that speaks notify.v1.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_codec.h"
#include "notify_json.h"
#include "ngx_http_notify_payload.h"
#include "ngx_http_notify_v1.h"


#define NGX_HTTP_NOTIFY_V1_BASE64  "\",\"encoding\":\"base64\"}"

/* bytes of a message's data: the length of an item has 32 bits */
#define NGX_HTTP_NOTIFY_V1_MAX                                                \
    (UINT32_MAX - NOTIFY_HEAD_MAX - NOTIFY_JSON_MESSAGE_LEN)


static size_t ngx_http_notify_v1_data_size(notify_item_t *item, u_char *p,
    size_t len);
static u_char *ngx_http_notify_v1_data(notify_item_t *item, u_char *to,
    size_t size, u_char *p, size_t len);
static u_char *ngx_http_notify_v1_frame(u_char *text, u_char *end,
    size_t *len);


ngx_http_notify_message_t *
ngx_http_notify_v1_message(notify_item_t *item, ngx_log_t *log)
{
    size_t                      len, size;
    u_char                     *payload, *data, *p, *text;
    ngx_http_notify_message_t  *m;

    len = ngx_http_notify_payload_length(item->length);

    payload = ngx_http_notify_payload(item, log);
    if (payload == NULL) {
        return NULL;
    }

    size = ngx_http_notify_v1_data_size(item, payload, len);

    data = NULL;

    if (size && size <= NGX_HTTP_NOTIFY_V1_MAX) {
        data = ngx_alloc(NOTIFY_HEAD_MAX + NOTIFY_JSON_MESSAGE_LEN + size, log);
    }

    m = ngx_calloc(sizeof(ngx_http_notify_message_t), log);

    if (data == NULL || m == NULL) {
        ngx_free(payload);

        if (data) {
            ngx_free(data);
        }

        if (m) {
            ngx_free(m);
        }

        return NULL;
    }

    text = data + NOTIFY_HEAD_MAX;

    p = text + notify_json_message((char *) text, item->id);
    p = ngx_http_notify_v1_data(item, p, size, payload, len);

    ngx_free(payload);

    m->item.id = item->id;
    m->refs = 1;
    m->base = data;
    m->behind = 0;
    m->data = ngx_http_notify_v1_frame(text, p, &len);
    m->item.length = (uint32_t) len;

    return m;
}


/* 0: the text cannot be escaped for want of memory */

static size_t
ngx_http_notify_v1_data_size(notify_item_t *item, u_char *p, size_t len)
{
    size_t  n;

    if (item->kind == NOTIFY_BINARY) {
        return 1 + ngx_base64_encoded_length(len)
               + sizeof(NGX_HTTP_NOTIFY_V1_BASE64) - 1;
    }

    if (item->json) {
        return len + 1;
    }

    n = notify_json_string(NULL, 0, p, len);

    return n ? n + 1 : 0;
}


static u_char *
ngx_http_notify_v1_data(notify_item_t *item, u_char *to, size_t size,
    u_char *p, size_t len)
{
    ngx_str_t  src, dst;

    if (item->kind == NOTIFY_BINARY) {
        *to++ = '"';

        src.data = p;
        src.len = len;
        dst.data = to;
        ngx_encode_base64(&dst, &src);

        return ngx_cpymem(to + dst.len, NGX_HTTP_NOTIFY_V1_BASE64,
                          sizeof(NGX_HTTP_NOTIFY_V1_BASE64) - 1);
    }

    if (item->json) {
        to = ngx_cpymem(to, p, len);

    } else {
        to += notify_json_string((char *) to, size, p, len);
    }

    *to++ = '}';

    return to;
}


u_char *
ngx_http_notify_v1_hello(uint64_t id, const notify_name_of_t *name,
    ngx_uint_t gap, size_t *len, ngx_log_t *log)
{
    char     user[NOTIFY_JSON_STRING_LEN(NOTIFY_USER_MAX)];
    size_t   n;
    u_char  *data, *text, *frame;

    n = notify_json_string(user, sizeof(user), name->user, name->user_length);
    if (n == 0) {
        return NULL;
    }

    data = ngx_alloc(NOTIFY_HEAD_MAX + NOTIFY_JSON_HELLO_LEN(n), log);
    if (data == NULL) {
        return NULL;
    }

    text = data + NOTIFY_HEAD_MAX;

    frame = ngx_http_notify_v1_frame(text,
                                     text + notify_json_hello((char *) text,
                                                              id, user, n,
                                                              gap),
                                     len);

    ngx_memmove(data, frame, *len);

    return data;
}


/* puts the header right before the text, where there is room for it */

static u_char *
ngx_http_notify_v1_frame(u_char *text, u_char *end, size_t *len)
{
    size_t  n;
    u_char  head[NOTIFY_HEAD_MAX];

    n = notify_frame_head(head, NOTIFY_OP_TEXT, end - text);
    ngx_memcpy(text - n, head, n);

    *len = n + (end - text);

    return text - n;
}
