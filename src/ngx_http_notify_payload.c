/*
 * What is in a message's frame.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_codec.h"
#include "ngx_http_notify_payload.h"
#include "ngx_http_notify_worker.h"


/* how long the header is follows from the length */

size_t
ngx_http_notify_payload_length(size_t length)
{
    size_t  skip;
    u_char  head[NOTIFY_HEAD_MAX];

    for (skip = 2; skip < NOTIFY_HEAD_MAX; skip += skip == 2 ? 2 : 6) {
        if (notify_frame_head(head, NOTIFY_OP_TEXT, length - skip) == skip) {
            break;
        }
    }

    return length - skip;
}


u_char *
ngx_http_notify_payload(notify_item_t *item, ngx_log_t *log)
{
    size_t            n, len;
    u_char           *payload, *p;
    const u_char     *piece;
    notify_cursor_t   cursor;

    payload = ngx_alloc(item->length + 1, log);
    if (payload == NULL) {
        return NULL;
    }

    p = payload;
    ngx_memzero(&cursor, sizeof(notify_cursor_t));

    while ((piece = notify_bus_piece(&ngx_http_notify_worker.zone,
                                     item->message, &cursor, &n))
           != NULL)
    {
        p = ngx_cpymem(p, piece, n);
    }

    len = ngx_http_notify_payload_length(item->length);

    ngx_memmove(payload, payload + (item->length - len), len);

    return payload;
}
