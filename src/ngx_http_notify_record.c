/*
 * A socket written down.
 */

#include "ngx_http_notify_compat.h"
#include "ngx_http_notify_limit.h"
#include "ngx_http_notify_record.h"
#include "ngx_http_notify_worker.h"


static ngx_int_t ngx_http_notify_record_read_in(ngx_http_notify_socket_t *s,
    notify_record_t *record, notify_batch_reader_t *reader);
static ngx_int_t ngx_http_notify_record_read_out(ngx_http_notify_socket_t *s,
    notify_record_t *record, notify_batch_reader_t *reader);


#define ngx_http_notify_record_get(reader, p, n)                              \
    notify_batch_read(&ngx_http_notify_worker.zone, reader, p, n)
#define ngx_http_notify_record_pass(reader, n)                                \
    notify_batch_pass(&ngx_http_notify_worker.zone, reader, n)


ngx_uint_t
ngx_http_notify_record_can(ngx_http_notify_socket_t *s)
{
    return s->state == NGX_HTTP_NOTIFY_OPEN
           && !s->kept
           && !ngx_http_notify_is_tls(s->connection);
}


size_t
ngx_http_notify_record_size(ngx_http_notify_socket_t *s)
{
    size_t  n;

    n = sizeof(notify_record_t) + ngx_http_notify_send_size(s->out);

    if (s->in) {
        n += sizeof(notify_codec_t) + s->in->len;
    }

    return n;
}


u_char *
ngx_http_notify_record_write(ngx_http_notify_socket_t *s, u_char *p)
{
    notify_record_t  record;

    ngx_memzero(&record, sizeof(notify_record_t));

    record.location = s->conf->id;
    record.since = s->since;
    record.number = s->connection->number;
    ngx_memcpy(record.addr, s->u.addr, sizeof(record.addr));
    record.key = s->node.key;
    record.member = s->node.member;
    record.deadline = s->deadline.at;
    record.interval = (uint32_t) s->conf->ping_interval;
    record.opened = s->opened;
    record.messages = s->messages;
    record.heard = s->heard;
    record.excess = s->excess;
    record.codec = s->in ? sizeof(notify_codec_t) : 0;
    record.data = s->in ? (uint32_t) s->in->len : 0;
    record.tail = (uint32_t) ngx_http_notify_send_size(s->out);
    record.behind = (uint32_t) ngx_http_notify_send_behind(s->out);
    record.family = s->family;
    record.pinged = s->pinged;
    record.reading = s->reading;

    if (s->expiry) {
        record.expires = s->expiry->node.key;
        record.code = (uint16_t) s->expiry->code;
    }

    record.v1 = s->v1;
    record.window = s->window;

    p = ngx_cpymem(p, &record, sizeof(notify_record_t));

    if (s->in) {
        p = ngx_cpymem(p, &s->in->codec, sizeof(notify_codec_t));

        if (s->in->len) {
            p = ngx_cpymem(p, s->in->data, s->in->len);
        }
    }

    ngx_http_notify_send_copy(s->out, p);

    return p + record.tail;
}


ngx_int_t
ngx_http_notify_record_read(ngx_http_notify_socket_t *s,
    notify_record_t *record, notify_batch_reader_t *reader)
{
    ngx_int_t  in, out, expires;

    s->node.member = record->member;
    s->since = record->since;
    ngx_memcpy(s->u.addr, record->addr, sizeof(record->addr));
    s->opened = record->opened;
    s->messages = record->messages;
    s->heard = record->heard;
    s->excess = record->excess;
    s->family = record->family;
    s->pinged = record->pinged & 1;
    s->reading = record->reading & 1;
    s->v1 = record->v1 & 1;
    s->window = record->window & 15;

    in = ngx_http_notify_record_read_in(s, record, reader);
    out = ngx_http_notify_record_read_out(s, record, reader);

    expires = NGX_OK;

    if (record->expires) {
        expires = ngx_http_notify_limit_expires(s,
                                                (ngx_msec_t) record->expires,
                                                record->code);
    }

    return in == NGX_OK && out == NGX_OK && expires == NGX_OK ? NGX_OK
                                                              : NGX_ERROR;
}


static ngx_int_t
ngx_http_notify_record_read_in(ngx_http_notify_socket_t *s,
    notify_record_t *record, notify_batch_reader_t *reader)
{
    ngx_log_t  *log;

    if (record->codec == 0) {
        return NGX_OK;
    }

    log = s->connection->log;

    s->in = ngx_calloc(sizeof(ngx_http_notify_in_t), log);

    if (s->in && record->data) {
        s->in->data = ngx_alloc(record->data, log);
    }

    if (s->in == NULL || (record->data && s->in->data == NULL)) {
        ngx_http_notify_record_pass(reader, (size_t) record->codec
                                            + record->data);
        return NGX_ERROR;
    }

    ngx_http_notify_record_get(reader, &s->in->codec, record->codec);

    if (record->data) {
        ngx_http_notify_record_get(reader, s->in->data, record->data);
    }

    s->in->len = record->data;
    s->in->size = record->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_record_read_out(ngx_http_notify_socket_t *s,
    notify_record_t *record, notify_batch_reader_t *reader)
{
    u_char  *data;

    if (record->tail == 0) {
        return NGX_OK;
    }

    data = ngx_alloc(record->tail, s->connection->log);

    if (data == NULL) {
        ngx_http_notify_record_pass(reader, record->tail);
        return NGX_ERROR;
    }

    ngx_http_notify_record_get(reader, data, record->tail);

    return ngx_http_notify_send_restore(s->connection, &s->out, data,
                                        record->tail, record->behind);
}


void
ngx_http_notify_record_skip(notify_record_t *record,
    notify_batch_reader_t *reader)
{
    ngx_http_notify_record_pass(reader, (size_t) record->codec + record->data
                                        + record->tail);
}
