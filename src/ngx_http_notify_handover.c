/*
 * An exiting worker hands its sockets to newer ones, a batch at a time: what
 * its inbox holds is delivered, then the batch goes, in one hold of the zone's
 * lock.
 */

#include "ngx_http_notify_deliver.h"
#include "ngx_http_notify_handover.h"
#include "ngx_http_notify_record.h"
#include "ngx_http_notify_worker.h"


#define NGX_HTTP_NOTIFY_HANDOVER_RUN    16  /* batches, before other events */
#define NGX_HTTP_NOTIFY_HANDOVER_BYTES  (256 * 1024)    /* of a batch, or one
                                                           socket */
#define NGX_HTTP_NOTIFY_HANDOVER_WAIT   2   /* ms, for a receiver */
#define NGX_HTTP_NOTIFY_HANDOVER_SOON   100 /* ms, for handshakes and closes */
#define NGX_HTTP_NOTIFY_HANDOVER_LATER  1000    /* ms, when they take long */
#define NGX_HTTP_NOTIFY_HANDOVER_GIVE_UP  1000      /* ms, without a receiver */


typedef struct {
    notify_batch_t               batch;
    uint32_t                     keys[NOTIFY_BATCH_MAX];
    uint32_t                     members[NOTIFY_BATCH_MAX];
    int                          fds[NOTIFY_BATCH_MAX];
    ngx_http_notify_socket_t    *sockets[NOTIFY_BATCH_MAX];
    ngx_uint_t                   max;
    unsigned                     idle:1;    /* those with nothing to send */
} ngx_http_notify_handover_t;


static void ngx_http_notify_handover_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_notify_handover_batch(ngx_http_notify_worker_t *w,
    uint64_t *full);
static void ngx_http_notify_handover_collect(ngx_http_notify_worker_t *w,
    ngx_http_notify_handover_t *h, ngx_uint_t max);
static ngx_int_t ngx_http_notify_handover_visit(
    ngx_http_notify_deadline_t *deadline, void *data);
static ngx_int_t ngx_http_notify_handover_send(ngx_http_notify_worker_t *w,
    ngx_http_notify_handover_t *h);
static void ngx_http_notify_handover_done(ngx_http_notify_worker_t *w);


void
ngx_http_notify_handover_start(ngx_cycle_t *cycle, void (*left)(void))
{
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    w->handing_since = ngx_current_msec;
    w->handed_last = ngx_current_msec;
    w->batch = NOTIFY_BATCH_MAX;

    w->handover.handler = ngx_http_notify_handover_handler;
    w->handover.data = w;
    w->handover.log = cycle->log;
    w->left = left;

    ngx_http_notify_handover_handler(&w->handover);
}


void
ngx_http_notify_handover_more(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_notify_worker.handover;

    if (ev->handler && !ev->timer_set) {
        ngx_add_timer(ev, 1);
    }
}


/* not cancelable, so that the worker stays for the sockets that are left */

static void
ngx_http_notify_handover_handler(ngx_event_t *ev)
{
    uint64_t                   full[NOTIFY_SEATS_MAX / 64];
    ngx_int_t                  rc;
    ngx_msec_t                 wait;
    ngx_uint_t                 i;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;
    rc = NGX_OK;

    ngx_memzero(full, sizeof(full));

    for (i = 0; i < NGX_HTTP_NOTIFY_HANDOVER_RUN && rc == NGX_OK; i++) {
        rc = ngx_http_notify_handover_batch(w, full);
    }

    if (rc == NGX_OK) {
        ngx_add_timer(ev, 0);
        return;
    }

    if (rc == NGX_AGAIN
        && ngx_current_msec - w->handed_last < NGX_HTTP_NOTIFY_HANDOVER_GIVE_UP)
    {
        ngx_add_timer(ev, NGX_HTTP_NOTIFY_HANDOVER_WAIT);
        return;
    }

    ngx_http_notify_handover_done(w);

    if (w->sockets) {

        /* those that stay are all looked at: the longer they do, the less */

        wait = ngx_current_msec - w->handed_last;
        wait = ngx_max(wait, NGX_HTTP_NOTIFY_HANDOVER_SOON);

        ngx_add_timer(ev, ngx_min(wait, NGX_HTTP_NOTIFY_HANDOVER_LATER));
    }
}


/*
 * NGX_OK: go on; NGX_DONE: nothing is left that can be handed over; NGX_AGAIN:
 * not now.  full has the seats that could not take a batch.
 */

static ngx_int_t
ngx_http_notify_handover_batch(ngx_http_notify_worker_t *w, uint64_t *full)
{
    uint32_t                     heirs, to;
    ngx_int_t                    rc;
    ngx_http_notify_handover_t   h;

    if (w->item < w->nitems) {

        /* the last take is still being delivered */

        ngx_http_notify_deliver_handler(&w->take);

        return w->item < w->nitems ? NGX_AGAIN : NGX_OK;
    }

    /* what waits to be sent needs room in the zone: nobody waits for that */

    h.idle = 1;
    ngx_http_notify_handover_collect(w, &h, 1);

    if (h.batch.n == 0) {
        h.idle = 0;
        ngx_http_notify_handover_collect(w, &h, 1);
    }

    if (h.batch.n == 0) {
        return NGX_DONE;
    }

    to = notify_bus_successor(&w->zone, full, &heirs);

    if (to == NOTIFY_NONE) {
        return NGX_AGAIN;
    }

    /* evenly, also when there are few sockets */

    ngx_http_notify_handover_collect(w, &h,
                                     ngx_min((w->sockets + heirs - 1) / heirs,
                                             w->batch));
    h.batch.to = to;

    rc = ngx_http_notify_handover_send(w, &h);

    if (rc == NGX_AGAIN) {
        full[to / 64] |= (uint64_t) 1 << (to % 64);
        return NGX_OK;
    }

    return rc;
}


static void
ngx_http_notify_handover_collect(ngx_http_notify_worker_t *w,
    ngx_http_notify_handover_t *h, ngx_uint_t max)
{
    h->batch.n = 0;
    h->batch.length = sizeof(uint32_t);
    h->max = max;

    ngx_http_notify_deadlines_each(&w->deadlines,
                                   ngx_http_notify_handover_visit, h);
}


static ngx_int_t
ngx_http_notify_handover_visit(ngx_http_notify_deadline_t *deadline,
    void *data)
{
    ngx_http_notify_handover_t *h = data;

    size_t                     size;
    ngx_http_notify_socket_t  *s;

    if (h->batch.n == h->max) {
        return NGX_DONE;
    }

    s = ngx_queue_data(deadline, ngx_http_notify_socket_t, deadline);

    if (!ngx_http_notify_record_can(s) || (h->idle && s->out)) {
        return NGX_OK;
    }

    size = ngx_http_notify_record_size(s);

    if (h->batch.n && h->batch.length + size > NGX_HTTP_NOTIFY_HANDOVER_BYTES) {
        return NGX_DONE;
    }

    h->keys[h->batch.n] = s->node.key;
    h->members[h->batch.n] = s->node.member;
    h->fds[h->batch.n] = s->connection->fd;
    h->sockets[h->batch.n] = s;

    h->batch.n++;
    h->batch.length += size;

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_handover_send(ngx_http_notify_worker_t *w,
    ngx_http_notify_handover_t *h)
{
    bool         sent;
    u_char      *p, *records;
    uint32_t     i, layout;
    ngx_uint_t   ndone;

    records = ngx_alloc(h->batch.length, w->handover.log);
    if (records == NULL) {
        return NGX_AGAIN;
    }

    layout = NOTIFY_RECORD_LAYOUT;
    p = ngx_cpymem(records, &layout, sizeof(layout));

    for (i = 0; i < h->batch.n; i++) {
        p = ngx_http_notify_record_write(h->sockets[i], p);
    }

    h->batch.keys = h->keys;
    h->batch.members = h->members;
    h->batch.descriptors = h->fds;
    h->batch.records = records;

    ndone = w->ndone;

    w->ndone = 0;
    w->item = 0;
    w->nitems = notify_bus_take_or_send(&w->zone, w->items,
                                        NGX_HTTP_NOTIFY_BATCH, w->done, ndone,
                                        &h->batch, ngx_http_notify_now(),
                                        &sent);
    ngx_free(records);

    if (w->nitems) {
        /* its sockets are to have these first */
        return NGX_OK;
    }

    if (!sent) {
        w->batch = ngx_max(w->batch / 2, 1);
        return NGX_AGAIN;
    }

    w->handed_last = ngx_current_msec;
    w->batch = ngx_min(w->batch * 2, NOTIFY_BATCH_MAX);
    w->handed += h->batch.n;
    w->heirs[h->batch.to / 64] |= (uint64_t) 1 << (h->batch.to % 64);

    for (i = 0; i < h->batch.n; i++) {
        ngx_http_notify_socket_moved(h->sockets[i]);
    }

    return NGX_OK;
}


static void
ngx_http_notify_handover_done(ngx_http_notify_worker_t *w)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < NOTIFY_SEATS_MAX / 64; i++) {
        n += (ngx_uint_t) __builtin_popcountll(w->heirs[i]);
        w->heirs[i] = 0;
    }

    if (w->handed) {
        ngx_time_update();

        ngx_log_error(NGX_LOG_NOTICE, w->handover.log, 0,
                      "handed over %ui sockets to %ui workers in %M ms",
                      w->handed, n, ngx_current_msec - w->handing_since);

        w->handed = 0;
    }

    if (w->left) {
        w->left();
        w->left = NULL;
    }
}
