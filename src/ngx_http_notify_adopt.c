/*
 * Takes over the sockets of a batch from an older worker.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_codec.h"
#include "notify_seat.h"
#include "ngx_http_notify_adopt.h"
#include "ngx_http_notify_closes.h"
#include "ngx_http_notify_compat.h"
#include "ngx_http_notify_location.h"
#include "ngx_http_notify_receive.h"
#include "ngx_http_notify_record.h"
#include "ngx_http_notify_worker.h"


/* how long a dead worker's seat waits for its successor, in seconds */
#define NGX_HTTP_NOTIFY_ORPHAN  5


/* where the last one's deadline went: those of a batch are sorted */
typedef struct {
    ngx_msec_t                   interval;
    ngx_queue_t                 *place;
} ngx_http_notify_adopt_place_t;


static void ngx_http_notify_adopt_foreign(uint32_t message, int *fd,
    uint32_t n);
static ngx_int_t ngx_http_notify_adopt_one(notify_record_t *record,
    notify_batch_reader_t *reader, int fd,
    ngx_http_notify_adopt_place_t *place);
static ngx_http_notify_loc_conf_t *ngx_http_notify_adopt_location(
    notify_record_t *record, ngx_uint_t *gone);
static ngx_connection_t *ngx_http_notify_adopt_connection(int fd,
    ngx_http_notify_loc_conf_t *nlcf, uint64_t number);
static void ngx_http_notify_adopt_deadline(ngx_http_notify_socket_t *s,
    notify_record_t *record, ngx_http_notify_adopt_place_t *place);
static void ngx_http_notify_adopt_refuse(uint32_t key, uint32_t member,
    int fd, ngx_uint_t within);
static void ngx_http_notify_adopt_close(int fd);


void
ngx_http_notify_adopt(notify_item_t *batch)
{
    int                             fd[NOTIFY_BATCH_MAX];
    uint32_t                        n, i, refused, layout;
    uint32_t                        keys[NOTIFY_BATCH_MAX];
    uint32_t                        members[NOTIFY_BATCH_MAX];
    notify_batch_reader_t           reader;
    ngx_http_notify_worker_t       *w;
    notify_record_t                 record;
    ngx_http_notify_adopt_place_t   place;

    w = &ngx_http_notify_worker;
    refused = 0;
    place.place = NULL;
    place.interval = 0;

    n = notify_batch_open(&w->zone, batch->message, &reader);

    if (notify_batch_receive(&w->zone, w->zone.seat, batch->id, fd, n) == -1) {

        /* the worker that had this seat before died with them */

        for (i = 0; i < n; i++) {
            fd[i] = -1;
        }
    }

    notify_batch_read(&w->zone, &reader, &layout, sizeof(layout));

    if (layout != NOTIFY_RECORD_LAYOUT) {
        ngx_http_notify_adopt_foreign(batch->message, fd, n);
        return;
    }

    /* whoever wrote that forgot to change it */

    notify_batch_keys(&w->zone, batch->message, keys, members);

    if (!notify_records_valid(&w->zone, reader, keys, members, n)) {
        ngx_http_notify_adopt_foreign(batch->message, fd, n);
        return;
    }

    for (i = 0; i < n; i++) {
        notify_batch_read(&w->zone, &reader, &record, sizeof(record));

        if (fd[i] == -1) {
            ngx_http_notify_record_skip(&record, &reader);
            notify_bus_leave_member(&w->zone, record.key, record.member);
            continue;
        }

        if (ngx_http_notify_adopt_one(&record, &reader, fd[i], &place)
            != NGX_OK)
        {
            refused++;
        }
    }

    if (w->handover.handler && !w->handover.timer_set) {
        /* told to exit, too: they go on */
        ngx_add_timer(&w->handover, 1);
    }

    if (refused) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "%uD sockets were closed with 1012: their location is "
                      "gone or takes no sockets now, or there is no room",
                      refused);
    }
}


/* left behind by a worker of another module file, for one like that */

static void
ngx_http_notify_adopt_foreign(uint32_t message, int *fd, uint32_t n)
{
    uint32_t  i, keys[NOTIFY_BATCH_MAX], members[NOTIFY_BATCH_MAX];

    notify_batch_keys(&ngx_http_notify_worker.zone, message, keys, members);

    for (i = 0; i < n; i++) {
        ngx_http_notify_adopt_refuse(keys[i], members[i], fd[i], 0);
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "%uD sockets of another version of this module were closed "
                  "with 1012", n);
}


static ngx_int_t
ngx_http_notify_adopt_one(notify_record_t *record,
    notify_batch_reader_t *reader, int fd,
    ngx_http_notify_adopt_place_t *place)
{
    ngx_uint_t                   gone;
    ngx_connection_t            *c;
    ngx_http_notify_socket_t    *s;
    ngx_http_notify_loc_conf_t  *nlcf;

    s = NULL;
    c = NULL;

    nlcf = ngx_http_notify_adopt_location(record, &gone);

    if (nlcf) {
        c = ngx_http_notify_adopt_connection(fd, nlcf, record->number);
    }

    if (c) {
        s = ngx_http_notify_socket_adopt(c, nlcf, record->key);
    }

    if (s == NULL) {

        if (c) {
            ngx_free_connection(c);
            c->fd = (ngx_socket_t) -1;
        }

        ngx_http_notify_record_skip(record, reader);
        ngx_http_notify_adopt_refuse(record->key, record->member, fd,
                                     record->tail);

        return NGX_DECLINED;
    }

    ngx_http_notify_count(gone ? NOTIFY_N_ORPHANED : NOTIFY_N_ADOPTED, 1);

    if (ngx_http_notify_record_read(s, record, reader) != NGX_OK) {
        ngx_http_notify_adopt_deadline(s, record, place);
        (void) ngx_http_notify_socket_fail(s, NOTIFY_CLOSE_INTERNAL,
                                           "no memory");
        place->place = NULL;

        return NGX_DECLINED;
    }

    ngx_http_notify_adopt_deadline(s, record, place);

    if (gone || ngx_http_notify_worker.exiting) {

        if (ngx_http_notify_socket_close(s, NOTIFY_CLOSE_RESTART, "restart")
            == NGX_OK)
        {
            ngx_http_notify_receive_start(s, NULL, 0);
        }

    } else if (ngx_http_notify_socket_flush(s) == NGX_OK) {
        ngx_http_notify_receive_start(s, NULL, 0);
    }

    /* it may have closed at once, with its place */

    if (s != (void *) c->data || s->state != NGX_HTTP_NOTIFY_OPEN) {
        place->place = NULL;
    }

    return gone ? NGX_DECLINED : NGX_OK;
}


/*
 * Where its location is gone, or takes no sockets now, any other will do for
 * closing it.
 */

static ngx_http_notify_loc_conf_t *
ngx_http_notify_adopt_location(notify_record_t *record, ngx_uint_t *gone)
{
    ngx_array_t                 *locations;
    ngx_http_notify_location_t  *l;
    ngx_http_notify_loc_conf_t  *nlcf;

    nlcf = ngx_http_notify_location_find(ngx_http_notify_worker.conf,
                                         record->location);

    *gone = (nlcf == NULL || !nlcf->socket);

    if (nlcf == NULL) {
        locations = &ngx_http_notify_worker.conf->locations;
        l = locations->elts;
        nlcf = locations->nelts ? l[0].conf : NULL;
    }

    return nlcf;
}


/* as ngx_event_accept() of 1.22.1 to 1.31.4 makes one, but without a pool */

static ngx_connection_t *
ngx_http_notify_adopt_connection(int fd, ngx_http_notify_loc_conf_t *nlcf,
    uint64_t number)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(fd, nlcf->log);
    if (c == NULL) {
        return NULL;
    }

    c->type = SOCK_STREAM;
    c->recv = ngx_recv;
    c->send = ngx_send;
    c->recv_chain = ngx_recv_chain;
    c->send_chain = ngx_send_chain;

    c->log = nlcf->log;
    c->read->log = nlcf->log;
    c->write->log = nlcf->log;

    c->number = (ngx_atomic_uint_t) number;
    c->log_error = NGX_ERROR_INFO;
    c->tcp_nodelay = NGX_TCP_NODELAY_SET;

    c->write->ready = 1;

    return c;
}


/* a changed notify_ping_interval holds from now on */

static void
ngx_http_notify_adopt_deadline(ngx_http_notify_socket_t *s,
    notify_record_t *record, ngx_http_notify_adopt_place_t *place)
{
    ngx_msec_t                    interval;
    ngx_http_notify_deadlines_t  *d;

    d = &ngx_http_notify_worker.deadlines;
    interval = s->conf->ping_interval;

    if (record->interval != interval) {
        ngx_http_notify_deadline_set(d, &s->deadline, interval);
        return;
    }

    if (place->interval != interval) {
        place->interval = interval;
        place->place = NULL;
    }

    ngx_http_notify_deadline_merge(d, &s->deadline, interval,
                                   record->deadline, &place->place);
}


/* within: in the middle of a frame, where another cannot begin */

static void
ngx_http_notify_adopt_refuse(uint32_t key, uint32_t member, int fd,
    ngx_uint_t within)
{
    notify_bus_leave_member(&ngx_http_notify_worker.zone, key, member);

    if (fd == -1) {
        return;
    }

    if (!within) {
        ngx_http_notify_adopt_close(fd);
    }

    (void) close(fd);

    ngx_http_notify_count(NOTIFY_N_ORPHANED, 1);
    ngx_http_notify_count_close(NOTIFY_CLOSE_RESTART);
}


static void
ngx_http_notify_adopt_close(int fd)
{
    size_t  n;
    u_char  frame[NOTIFY_FRAME_CONTROL_MAX];

    n = notify_frame_close(frame, NOTIFY_CLOSE_RESTART, "restart");

    (void) !send(fd, frame, n, MSG_DONTWAIT|MSG_NOSIGNAL);
}


void
ngx_http_notify_adopt_orphans(ngx_log_t *log)
{
    int       fd[NOTIFY_BATCH_MAX];
    uint32_t  n, i, total;

    total = 0;

    for ( ;; ) {
        n = notify_seat_orphans(&ngx_http_notify_worker.zone,
                                NGX_HTTP_NOTIFY_ORPHAN, fd, NOTIFY_BATCH_MAX);
        if (n == 0) {
            break;
        }

        for (i = 0; i < n; i++) {
            ngx_http_notify_adopt_close(fd[i]);
            (void) close(fd[i]);

            ngx_http_notify_count_close(NOTIFY_CLOSE_RESTART);
        }

        total += n;
    }

    if (total) {
        ngx_http_notify_count(NOTIFY_N_ORPHANED, total);

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "%uD sockets on their way to a worker that died were "
                      "closed with 1012", total);
    }
}
