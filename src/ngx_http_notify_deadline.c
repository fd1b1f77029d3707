/*
 * Deadlines of this worker's sockets.
 */

#include "ngx_http_notify_deadline.h"


static ngx_uint_t ngx_http_notify_deadlines_find(
    ngx_http_notify_deadlines_t *d, ngx_msec_t interval);
static ngx_int_t ngx_http_notify_deadlines_push(ngx_http_notify_deadlines_t *d,
    ngx_msec_t interval);
static void ngx_http_notify_deadlines_within(ngx_http_notify_deadlines_t *d,
    ngx_msec_t time);
static ngx_int_t ngx_http_notify_deadlines_visit(ngx_http_notify_interval_t *i,
    ngx_int_t (*visit)(ngx_http_notify_deadline_t *deadline, void *data),
    void *data);
static void ngx_http_notify_deadline_insert(ngx_http_notify_deadlines_t *d,
    ngx_http_notify_interval_t *i, ngx_http_notify_deadline_t *deadline);


#define ngx_http_notify_deadline_first(q)                                     \
    ngx_queue_data(ngx_queue_head(q), ngx_http_notify_deadline_t, queue)


ngx_int_t
ngx_http_notify_deadlines_init(ngx_http_notify_deadlines_t *d,
    ngx_pool_t *pool, ngx_msec_t linger, ngx_event_handler_pt handler)
{
    d->timer.handler = handler;
    d->timer.data = d;
    d->timer.log = pool->log;

    if (ngx_array_init(&d->intervals, pool, 4,
                       sizeof(ngx_http_notify_interval_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_notify_deadlines_push(d, linger);
}


ngx_int_t
ngx_http_notify_deadlines_add(ngx_http_notify_deadlines_t *d,
    ngx_msec_t interval)
{
    if (ngx_http_notify_deadlines_find(d, interval)) {
        return NGX_OK;
    }

    return ngx_http_notify_deadlines_push(d, interval);
}


static ngx_int_t
ngx_http_notify_deadlines_push(ngx_http_notify_deadlines_t *d,
    ngx_msec_t interval)
{
    ngx_http_notify_interval_t  *i, **p;

    i = ngx_palloc(d->intervals.pool, sizeof(ngx_http_notify_interval_t));
    if (i == NULL) {
        return NGX_ERROR;
    }

    p = ngx_array_push(&d->intervals);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&i->queue);
    i->interval = (uint32_t) interval;
    *p = i;

    return NGX_OK;
}


void
ngx_http_notify_deadline_set(ngx_http_notify_deadlines_t *d,
    ngx_http_notify_deadline_t *deadline, ngx_msec_t interval)
{
    ngx_uint_t                    n;
    ngx_http_notify_interval_t  **i;

    i = d->intervals.elts;
    n = ngx_http_notify_deadlines_find(d, interval);

    ngx_http_notify_deadline_insert(d, i[n], deadline);
}


void
ngx_http_notify_deadline_linger(ngx_http_notify_deadlines_t *d,
    ngx_http_notify_deadline_t *deadline)
{
    ngx_http_notify_interval_t  **i;

    i = d->intervals.elts;

    ngx_http_notify_deadline_insert(d, i[0], deadline);
}


static void
ngx_http_notify_deadline_insert(ngx_http_notify_deadlines_t *d,
    ngx_http_notify_interval_t *i, ngx_http_notify_deadline_t *deadline)
{
    deadline->at = (uint32_t) ngx_current_msec + i->interval;
    ngx_queue_insert_tail(&i->queue, &deadline->queue);

    ngx_http_notify_deadlines_within(d, i->interval);
}


void
ngx_http_notify_deadline_merge(ngx_http_notify_deadlines_t *d,
    ngx_http_notify_deadline_t *deadline, ngx_msec_t interval, uint32_t at,
    ngx_queue_t **place)
{
    int32_t                      left;
    ngx_queue_t                 *q;
    ngx_http_notify_deadline_t  *other;
    ngx_http_notify_interval_t  *i, **intervals;

    intervals = d->intervals.elts;
    i = intervals[ngx_http_notify_deadlines_find(d, interval)];

    q = *place ? *place : ngx_queue_head(&i->queue);

    while (q != ngx_queue_sentinel(&i->queue)) {
        other = ngx_queue_data(q, ngx_http_notify_deadline_t, queue);

        if ((int32_t) (other->at - at) > 0) {
            break;
        }

        q = ngx_queue_next(q);
    }

    deadline->at = at;
    ngx_queue_insert_tail(q, &deadline->queue);

    *place = &deadline->queue;

    left = (int32_t) (at - (uint32_t) ngx_current_msec);

    ngx_http_notify_deadlines_within(d, ngx_max(left, 0));
}


/* the timer goes off in that time or earlier */

static void
ngx_http_notify_deadlines_within(ngx_http_notify_deadlines_t *d,
    ngx_msec_t time)
{
    if (!d->timer.timer_set
        || (ngx_msec_int_t) (d->timer.timer.key - ngx_current_msec)
           > (ngx_msec_int_t) time)
    {
        ngx_add_timer(&d->timer, time);
    }
}


void
ngx_http_notify_deadline_remove(ngx_http_notify_deadlines_t *d,
    ngx_http_notify_deadline_t *deadline)
{
    ngx_uint_t                    n;
    ngx_http_notify_interval_t  **i;

    ngx_queue_remove(&deadline->queue);

    i = d->intervals.elts;

    for (n = 0; n < d->intervals.nelts; n++) {
        if (!ngx_queue_empty(&i[n]->queue)) {
            return;
        }
    }

    if (d->timer.timer_set) {
        ngx_del_timer(&d->timer);
    }
}


ngx_http_notify_deadline_t *
ngx_http_notify_deadline_over(ngx_http_notify_deadlines_t *d)
{
    ngx_uint_t                    n;
    ngx_http_notify_deadline_t   *deadline;
    ngx_http_notify_interval_t  **i;

    i = d->intervals.elts;

    for (n = 0; n < d->intervals.nelts; n++) {

        if (ngx_queue_empty(&i[n]->queue)) {
            continue;
        }

        deadline = ngx_http_notify_deadline_first(&i[n]->queue);

        if ((int32_t) (deadline->at - (uint32_t) ngx_current_msec) <= 0) {
            return deadline;
        }
    }

    return NULL;
}


void
ngx_http_notify_deadlines_each(ngx_http_notify_deadlines_t *d,
    ngx_int_t (*visit)(ngx_http_notify_deadline_t *deadline, void *data),
    void *data)
{
    ngx_uint_t                    n;
    ngx_http_notify_interval_t  **i;

    i = d->intervals.elts;

    for (n = 1; n < d->intervals.nelts; n++) {
        if (ngx_http_notify_deadlines_visit(i[n], visit, data) != NGX_OK) {
            return;
        }
    }
}


void
ngx_http_notify_deadlines_lingering(ngx_http_notify_deadlines_t *d,
    ngx_int_t (*visit)(ngx_http_notify_deadline_t *deadline, void *data),
    void *data)
{
    ngx_http_notify_interval_t  **i;

    i = d->intervals.elts;

    (void) ngx_http_notify_deadlines_visit(i[0], visit, data);
}


static ngx_int_t
ngx_http_notify_deadlines_visit(ngx_http_notify_interval_t *i,
    ngx_int_t (*visit)(ngx_http_notify_deadline_t *deadline, void *data),
    void *data)
{
    ngx_int_t                    rc;
    ngx_queue_t                 *q, *next;
    ngx_http_notify_deadline_t  *deadline;

    for (q = ngx_queue_head(&i->queue);
         q != ngx_queue_sentinel(&i->queue);
         q = next)
    {
        next = ngx_queue_next(q);
        deadline = ngx_queue_data(q, ngx_http_notify_deadline_t, queue);

        rc = visit(deadline, data);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


void
ngx_http_notify_deadlines_rearm(ngx_http_notify_deadlines_t *d,
    ngx_msec_t least)
{
    int32_t                       left, next;
    ngx_uint_t                    n;
    ngx_http_notify_deadline_t   *deadline;
    ngx_http_notify_interval_t  **i;

    next = -1;
    i = d->intervals.elts;

    for (n = 0; n < d->intervals.nelts; n++) {

        if (ngx_queue_empty(&i[n]->queue)) {
            continue;
        }

        deadline = ngx_http_notify_deadline_first(&i[n]->queue);
        left = (int32_t) (deadline->at - (uint32_t) ngx_current_msec);

        if (left < (int32_t) least) {
            left = (int32_t) least;
        }

        if (next == -1 || left < next) {
            next = left;
        }
    }

    if (next != -1) {
        ngx_add_timer(&d->timer, (ngx_msec_t) next);
    }
}


/* which one it is; 0, that of who lingers: it was never added */

static ngx_uint_t
ngx_http_notify_deadlines_find(ngx_http_notify_deadlines_t *d,
    ngx_msec_t interval)
{
    ngx_uint_t                    n;
    ngx_http_notify_interval_t  **i;

    i = d->intervals.elts;

    for (n = d->intervals.nelts - 1; n > 0; n--) {
        if (i[n]->interval == (uint32_t) interval) {
            break;
        }
    }

    return n;
}
