/*
 * The forms in which sockets are sent one message.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_codec.h"
#include "notify_deflate.h"
#include "ngx_http_notify_form.h"
#include "ngx_http_notify_payload.h"
#include "ngx_http_notify_v1.h"
#include "ngx_http_notify_worker.h"


/* A form compressed with a window of so many bits. */
struct ngx_http_notify_packed_s {
    ngx_http_notify_packed_t    *next;
    ngx_http_notify_message_t   *message;   /* NULL: it is not shorter */
    ngx_uint_t                   bits;
    ngx_uint_t                   v1;
};


static ngx_http_notify_packed_t *ngx_http_notify_packed(
    ngx_http_notify_forms_t *forms, notify_item_t *item, ngx_uint_t v1,
    ngx_uint_t bits, ngx_log_t *log);
static ngx_http_notify_message_t *ngx_http_notify_pack(notify_item_t *item,
    ngx_http_notify_message_t *v1, ngx_uint_t bits, ngx_log_t *log);


ngx_http_notify_message_t **
ngx_http_notify_form(ngx_http_notify_forms_t *forms, notify_item_t *item,
    const ngx_http_notify_manner_t *manner, ngx_log_t *log)
{
    unsigned                      bits;
    size_t                        length, payload;
    ngx_http_notify_packed_t     *packed;
    ngx_http_notify_message_t   **form;

    form = &forms->raw;
    length = item->length;
    forms->saved = 0;

    if (manner->v1) {
        form = &forms->v1;

        if (*form == NULL) {
            *form = ngx_http_notify_v1_message(item, log);
        }

        if (*form == NULL) {
            return NULL;
        }

        length = (*form)->item.length;
    }

    if (manner->window == 0 || manner->min == 0) {
        return form;
    }

    payload = ngx_http_notify_payload_length(length);

    if (payload < manner->min || payload > NOTIFY_DEFLATE_MAX) {
        return form;
    }

    bits = notify_deflate_window(payload, (unsigned) manner->window);

    if (bits == 0) {
        return form;
    }

    packed = ngx_http_notify_packed(forms, item, manner->v1, bits, log);

    if (packed == NULL || packed->message == NULL) {
        return form;
    }

    forms->saved = length - packed->message->item.length;

    return &packed->message;
}


/* NULL: no memory, it goes as it is */

static ngx_http_notify_packed_t *
ngx_http_notify_packed(ngx_http_notify_forms_t *forms, notify_item_t *item,
    ngx_uint_t v1, ngx_uint_t bits, ngx_log_t *log)
{
    ngx_http_notify_packed_t  *packed;

    for (packed = forms->packed; packed; packed = packed->next) {
        if (packed->bits == bits && packed->v1 == v1) {
            return packed;
        }
    }

    packed = ngx_alloc(sizeof(ngx_http_notify_packed_t), log);
    if (packed == NULL) {
        return NULL;
    }

    packed->bits = bits;
    packed->v1 = v1;
    packed->message = ngx_http_notify_pack(item, v1 ? forms->v1 : NULL, bits,
                                           log);
    packed->next = forms->packed;
    forms->packed = packed;

    return packed;
}


static ngx_http_notify_message_t *
ngx_http_notify_pack(notify_item_t *item, ngx_http_notify_message_t *v1,
    ngx_uint_t bits, ngx_log_t *log)
{
    size_t                      n, len;
    u_char                     *payload, *p, head[NOTIFY_HEAD_MAX];
    unsigned                    opcode;
    ngx_http_notify_message_t  *m;

    if (v1) {
        n = ngx_http_notify_payload_length(v1->item.length);
        payload = v1->data + (v1->item.length - n);
        opcode = NOTIFY_OP_TEXT;

    } else {
        n = ngx_http_notify_payload_length(item->length);
        payload = ngx_http_notify_payload(item, log);
        opcode = item->kind == NOTIFY_BINARY ? NOTIFY_OP_BINARY
                                             : NOTIFY_OP_TEXT;
    }

    m = payload ? ngx_calloc(sizeof(ngx_http_notify_message_t), log) : NULL;
    len = 0;

    p = m ? notify_deflate(payload, n, (unsigned) bits, NOTIFY_HEAD_MAX, &len)
          : NULL;

    if (payload && v1 == NULL) {
        ngx_free(payload);
    }

    if (p == NULL) {

        if (m) {
            ngx_free(m);
        }

        return NULL;
    }

    n = notify_frame_head(head, opcode, len);
    head[0] |= NOTIFY_FRAME_RSV1;

    m->base = p;
    m->data = ngx_cpymem(p + NOTIFY_HEAD_MAX - n, head, n) - n;
    m->refs = 1;
    m->item.id = item->id;
    m->item.length = (uint32_t) (n + len);

    ngx_http_notify_count(NOTIFY_N_DEFLATED, 1);

    return m;
}


void
ngx_http_notify_forms_finish(ngx_http_notify_forms_t *forms,
    notify_item_t *item)
{
    ngx_http_notify_packed_t  *packed;

    ngx_http_notify_message_finish(item, forms->raw);

    if (forms->v1) {
        ngx_http_notify_message_release(forms->v1);
    }

    while ((packed = forms->packed) != NULL) {
        forms->packed = packed->next;

        if (packed->message) {
            ngx_http_notify_message_release(packed->message);
        }

        ngx_free(packed);
    }
}
