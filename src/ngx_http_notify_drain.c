/*
 * Closes the sockets of an exiting worker that stay with it.
 */

#include "ngx_http_notify_drain.h"
#include "ngx_http_notify_record.h"
#include "ngx_http_notify_socket.h"
#include "ngx_http_notify_worker.h"


#define NGX_HTTP_NOTIFY_DRAIN_TICK  100     /* ms */


typedef struct {
    ngx_uint_t                   stay;
    ngx_uint_t                   wait;
} ngx_http_notify_drain_count_t;


static void ngx_http_notify_drain_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_notify_drain_visit(
    ngx_http_notify_deadline_t *deadline, void *data);
static ngx_int_t ngx_http_notify_drain_count_visit(
    ngx_http_notify_deadline_t *deadline, void *data);
static ngx_int_t ngx_http_notify_drain_others_visit(
    ngx_http_notify_deadline_t *deadline, void *data);
static ngx_int_t ngx_http_notify_drain_all_visit(
    ngx_http_notify_deadline_t *deadline, void *data);
static ngx_int_t ngx_http_notify_drain_terminate_visit(
    ngx_http_notify_deadline_t *deadline, void *data);
static void ngx_http_notify_drain_close(ngx_http_notify_socket_t *s);


#define ngx_http_notify_drain_socket(d)                                       \
    ngx_queue_data(d, ngx_http_notify_socket_t, deadline)

#define ngx_http_notify_drain_each(visit, data)                               \
    ngx_http_notify_deadlines_each(&ngx_http_notify_worker.deadlines, visit,  \
                                   data)


void
ngx_http_notify_drain_start(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    ev = &ngx_http_notify_worker.drain;

    if (ev->handler) {
        return;
    }

    ngx_http_notify_worker.drain_since = ngx_current_msec;

    ev->handler = ngx_http_notify_drain_handler;
    ev->data = &ngx_http_notify_worker;
    ev->log = cycle->log;

    ngx_http_notify_drain_handler(ev);
}


void
ngx_http_notify_drain_more(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_notify_worker.drain;

    if (ev->handler && !ev->timer_set) {
        ngx_http_notify_drain_handler(ev);
    }
}


static void
ngx_http_notify_drain_handler(ngx_event_t *ev)
{
    ngx_uint_t  left;

    left = 0;

    ngx_http_notify_drain_each(ngx_http_notify_drain_visit, &left);

    if (left) {
        ngx_add_timer(ev, NGX_HTTP_NOTIFY_DRAIN_TICK);
    }
}


/*
 * With n ticks left, one in n is closed at this one: the same share of those
 * that were there at each, and the last closes the rest.
 */

static ngx_int_t
ngx_http_notify_drain_visit(ngx_http_notify_deadline_t *deadline, void *data)
{
    ngx_uint_t *left = data;

    ngx_msec_t                 gone, ticks;
    ngx_http_notify_socket_t  *s;

    s = ngx_http_notify_drain_socket(deadline);

    if (s->conf->drain == 0) {
        return NGX_OK;
    }

    gone = ngx_current_msec - ngx_http_notify_worker.drain_since;

    ticks = gone < s->conf->drain
            ? (s->conf->drain - gone) / NGX_HTTP_NOTIFY_DRAIN_TICK : 0;

    if (ticks && ngx_random() % (ticks + 1)) {
        ++*left;
        return NGX_OK;
    }

    ngx_http_notify_drain_close(s);

    return NGX_OK;
}


void
ngx_http_notify_drain_count(ngx_uint_t *stay, ngx_uint_t *wait)
{
    ngx_http_notify_drain_count_t  count;

    count.stay = 0;
    count.wait = 0;

    ngx_http_notify_drain_each(ngx_http_notify_drain_count_visit, &count);

    *stay = count.stay;
    *wait = count.wait;
}


static ngx_int_t
ngx_http_notify_drain_count_visit(ngx_http_notify_deadline_t *deadline,
    void *data)
{
    ngx_http_notify_drain_count_t *count = data;

    if (ngx_http_notify_record_can(ngx_http_notify_drain_socket(deadline))) {
        count->wait++;

    } else {
        count->stay++;
    }

    return NGX_OK;
}


void
ngx_http_notify_drain_others(void)
{
    ngx_http_notify_drain_each(ngx_http_notify_drain_others_visit, NULL);
}


static ngx_int_t
ngx_http_notify_drain_others_visit(ngx_http_notify_deadline_t *deadline,
    void *data)
{
    ngx_http_notify_socket_t  *s;

    s = ngx_http_notify_drain_socket(deadline);

    if (s->conf->drain == 0) {
        ngx_http_notify_drain_close(s);
    }

    return NGX_OK;
}


void
ngx_http_notify_drain_all(void)
{
    ngx_http_notify_drain_each(ngx_http_notify_drain_all_visit, NULL);
}


static ngx_int_t
ngx_http_notify_drain_all_visit(ngx_http_notify_deadline_t *deadline,
    void *data)
{
    ngx_http_notify_drain_close(ngx_http_notify_drain_socket(deadline));

    return NGX_OK;
}


void
ngx_http_notify_drain_terminate(void)
{
    ngx_http_notify_drain_each(ngx_http_notify_drain_terminate_visit, NULL);

    /* they have their close frames, and nobody waits for answers any more */

    ngx_http_notify_deadlines_lingering(&ngx_http_notify_worker.deadlines,
                                        ngx_http_notify_drain_terminate_visit,
                                        NULL);
}


static ngx_int_t
ngx_http_notify_drain_terminate_visit(ngx_http_notify_deadline_t *deadline,
    void *data)
{
    ngx_http_notify_socket_terminate(ngx_http_notify_drain_socket(deadline));

    return NGX_OK;
}


static void
ngx_http_notify_drain_close(ngx_http_notify_socket_t *s)
{
    (void) ngx_http_notify_socket_close(s, NOTIFY_CLOSE_RESTART,
                                        "server is shutting down");
}
