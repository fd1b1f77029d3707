/*
 * The module in the life of a process.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <sys/resource.h>

#include "notify_lock.h"
#include "ngx_http_notify_adopt.h"
#include "ngx_http_notify_compat.h"
#include "ngx_http_notify_deliver.h"
#include "ngx_http_notify_drain.h"
#include "ngx_http_notify_handover.h"
#include "ngx_http_notify_ping.h"
#include "ngx_http_notify_process.h"
#include "ngx_http_notify_record.h"
#include "ngx_http_notify_slow.h"
#include "ngx_http_notify_socket.h"
#include "ngx_http_notify_wake.h"
#include "ngx_http_notify_worker.h"


/* which descriptor the zone is; a static variable would be this file's only */
#define NGX_HTTP_NOTIFY_ENV        "NGX_NOTIFY_ZONE"

/*
 * Seats are made with the zone, once: enough for two generations of workers
 * and some that linger, and for more workers after a reload.
 */
#define NGX_HTTP_NOTIFY_SEATS_MIN  80

#define NGX_HTTP_NOTIFY_FILES      32       /* left to nginx's channels */
#define NGX_HTTP_NOTIFY_SEAT_FILES 3        /* descriptors of a seat */
#define NGX_HTTP_NOTIFY_SWEEP      1000     /* ms */
#define NGX_HTTP_NOTIFY_ALONE      2        /* sweeps */


static ngx_int_t ngx_http_notify_zone_make(ngx_cycle_t *cycle,
    ngx_http_notify_main_conf_t *nmcf);
static ngx_int_t ngx_http_notify_zone_announce(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_notify_zone_inherit(void);
static void ngx_http_notify_zone_renew(ngx_cycle_t *cycle,
    ngx_http_notify_main_conf_t *nmcf);
static void ngx_http_notify_zone_check(ngx_cycle_t *cycle);
static ngx_uint_t ngx_http_notify_seats(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_notify_process_seat(ngx_cycle_t *cycle);
static void ngx_http_notify_process_sweep(ngx_event_t *ev);
static ngx_uint_t ngx_http_notify_process_is_last(ngx_http_notify_worker_t *w);
static void ngx_http_notify_process_quit(ngx_http_notify_worker_t *w);
static void ngx_http_notify_process_reap(ngx_log_t *log);
static void ngx_http_notify_process_exiting(void);
static void ngx_http_notify_process_left(void);
static ngx_uint_t ngx_http_notify_process_is_foreign(
    ngx_http_notify_worker_t *w);
static ngx_uint_t ngx_http_notify_files_max(void);
static uint32_t ngx_http_notify_capacity(ngx_http_notify_worker_t *w);


ngx_int_t
ngx_http_notify_init_module(ngx_cycle_t *cycle)
{
    ngx_http_notify_worker_t     *w;
    ngx_http_notify_main_conf_t  *nmcf;

    w = &ngx_http_notify_worker;
    w->active = 0;

    nmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_notify_module);

    if (nmcf == NULL || !nmcf->used) {
        return NGX_OK;
    }

    if (ngx_http_notify_check_main_conf(nmcf, cycle) != NGX_OK
        && (ngx_test_config || ngx_is_init_cycle(cycle->old_cycle)))
    {
        /* on reload that would end nginx: handshakes get 503 */

        return NGX_ERROR;
    }

    if (ngx_test_config) {
        return NGX_OK;
    }

    if (w->zone.base == NULL
        && ngx_http_notify_zone_inherit() != NGX_OK
        && ngx_http_notify_zone_make(cycle, nmcf) != NGX_OK)
    {
        /*
         * An error here ends nginx.  That is right when it starts; on reload
         * the new workers answer 503, and the log has said why.
         */

        return ngx_is_init_cycle(cycle->old_cycle) ? NGX_ERROR : NGX_OK;
    }

    if (ngx_http_notify_zone_announce(cycle) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "no memory to tell another nginx of zone \"notify\"");
    }

    ngx_http_notify_zone_renew(cycle, nmcf);
    ngx_http_notify_zone_check(cycle);

    w->active = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_zone_make(ngx_cycle_t *cycle,
    ngx_http_notify_main_conf_t *nmcf)
{
    const char     *what;
    notify_zone_t  *z;

    z = &ngx_http_notify_worker.zone;

    if (notify_zone_create(z, nmcf->zone_size,
                           (uint32_t) ngx_http_notify_seats(cycle), &what)
        == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "%s failed, zone \"notify\" of %uz bytes cannot be made",
                      what, nmcf->zone_size);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Tells where the zone is: a module file that replaces this one in this
 * process, and, through the "env" of the configuration, the nginx that
 * replaces this one.
 */

static ngx_int_t
ngx_http_notify_zone_announce(ngx_cycle_t *cycle)
{
    int               fd;
    u_char           *text;
    ngx_str_t        *env;
    ngx_core_conf_t  *ccf;

    fd = ngx_http_notify_worker.zone.fd;
    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    text = ngx_pnalloc(cycle->pool, sizeof(NGX_HTTP_NOTIFY_ENV "=")
                                    + NGX_INT_T_LEN);
    env = ngx_array_push(&ccf->env);

    if (text == NULL || env == NULL) {
        return NGX_ERROR;
    }

    *ngx_sprintf(text, NGX_HTTP_NOTIFY_ENV "=%d", fd) = '\0';

    env->data = text;
    env->len = sizeof(NGX_HTTP_NOTIFY_ENV) - 1;

    if (setenv(NGX_HTTP_NOTIFY_ENV,
               (char *) text + sizeof(NGX_HTTP_NOTIFY_ENV "=") - 1, 1)
        == -1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* the zone of another module file in this process, or of another nginx */

static ngx_int_t
ngx_http_notify_zone_inherit(void)
{
    char       *text;
    ngx_int_t   fd;

    text = getenv(NGX_HTTP_NOTIFY_ENV);

    if (text == NULL) {
        return NGX_DECLINED;
    }

    fd = ngx_atoi((u_char *) text, ngx_strlen(text));

    if (fd == NGX_ERROR
        || notify_zone_attach(&ngx_http_notify_worker.zone, (int) fd) == -1)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* a configuration begins to count: its zone size holds, its generation */

static void
ngx_http_notify_zone_renew(ngx_cycle_t *cycle,
    ngx_http_notify_main_conf_t *nmcf)
{
    uint64_t        size;
    notify_zone_t  *z;

    z = &ngx_http_notify_worker.zone;

    size = notify_zone_commit(z, nmcf->zone_size);

    if (size == 0) {
        size = z->head->size;

        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                      "fallocate() failed, zone \"notify\" stays at %uL bytes, "
                      "lower notify_zone or add memory", size);

    } else if (size < nmcf->zone_size) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "zone \"notify\" can grow to %uL bytes only, restart "
                      "nginx for more", size);
    }

    nmcf->generation = notify_zone_configure(z, size);
}


static void
ngx_http_notify_zone_check(ngx_cycle_t *cycle)
{
    uint32_t          seats;
    ngx_uint_t        files;
    struct rlimit     rlmt;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);
    seats = ngx_http_notify_worker.zone.head->seats;

    if (ccf->worker_processes > (ngx_int_t) seats) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "zone \"notify\" has seats for %uD worker processes, "
                      "restart nginx for %i", seats, ccf->worker_processes);
    }

    if (ccf->rlimit_nofile != NGX_CONF_UNSET) {
        files = (ngx_uint_t) ccf->rlimit_nofile;

    } else if (getrlimit(RLIMIT_NOFILE, &rlmt) == 0) {
        files = (ngx_uint_t) rlmt.rlim_cur;

    } else {
        return;
    }

    if (cycle->connection_n + NGX_HTTP_NOTIFY_SEAT_FILES * seats > files) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "%ui worker_connections and %uD seats exceed %ui open "
                      "files, raise worker_rlimit_nofile",
                      cycle->connection_n, seats, files);
    }
}


static ngx_uint_t
ngx_http_notify_seats(ngx_cycle_t *cycle)
{
    ngx_uint_t        n;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    n = 2 * (ngx_uint_t) ccf->worker_processes + 16;
    n = ngx_max(n, NGX_HTTP_NOTIFY_SEATS_MIN);

    return ngx_min(n, NOTIFY_SEATS_MAX);
}


ngx_int_t
ngx_http_notify_init_process(ngx_cycle_t *cycle)
{
    ngx_int_t                  rc;
    ngx_event_t               *ev;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    /* the cache's processes are no workers */

    if (!w->active
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    w->conf = ngx_http_cycle_get_module_main_conf(cycle,
                                                  ngx_http_notify_module);
    w->sockets_max = ngx_http_notify_sockets_max(w->conf, cycle);
    w->files_max = ngx_http_notify_files_max();

    w->buffer = ngx_palloc(cycle->pool, NGX_HTTP_NOTIFY_BUFFER);

    if (w->buffer == NULL
        || ngx_http_notify_deadlines_init(&w->deadlines, cycle->pool,
                                          NGX_HTTP_NOTIFY_LINGER,
                                          ngx_http_notify_ping_handler)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_notify_expiries_init(&w->expiries, cycle->log,
                                  ngx_http_notify_ping_expired_handler);

    w->take.handler = ngx_http_notify_deliver_handler;
    w->take.data = w;
    w->take.log = cycle->log;

    w->slow.handler = ngx_http_notify_slow_handler;
    w->slow.data = w;
    w->slow.log = cycle->log;

    ngx_queue_init(&w->waiting);

    ev = &w->sweep;
    ev->handler = ngx_http_notify_process_sweep;
    ev->data = cycle;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_NOTIFY_SWEEP);

    rc = ngx_http_notify_process_seat(cycle);

    /* who died before it is known to be gone at once */

    ngx_http_notify_process_reap(cycle->log);

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/* NGX_DECLINED: none is free, the sweep tries again */

static ngx_int_t
ngx_http_notify_process_seat(ngx_cycle_t *cycle)
{
    ngx_uint_t                 i;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    if (notify_seat_take(&w->zone, w->conf->generation) == -1) {
        return NGX_DECLINED;
    }

    w->seat = &w->zone.seats[w->zone.seat];

    if (ngx_http_notify_wake_init(cycle, ngx_http_notify_process_exiting)
        != NGX_OK)
    {
        w->seat = NULL;
        notify_seat_leave(&w->zone);
        return NGX_ERROR;
    }

    if (w->zone.wake_self) {
        /* sockets were on their way to a worker that died */
        ngx_http_notify_wake_self();
    }

    w->seat->records = NOTIFY_RECORD_LAYOUT;
    w->seat->capacity = ngx_http_notify_capacity(w);

    for (i = 0; i < NOTIFY_COUNTERS; i++) {
        w->seat->counters[i] += w->counters[i];
        w->counters[i] = 0;
    }

    return NGX_OK;
}


/*
 * Each second: workers that have died, a seat for one that has none, and
 * sockets that an exiting worker did not have when it was told.
 */

static void
ngx_http_notify_process_sweep(ngx_event_t *ev)
{
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    /* the seat of the last orphan is a dead worker's, too */

    ngx_http_notify_adopt_orphans(ev->log);
    ngx_http_notify_process_reap(ev->log);

    if (w->seat) {
        ngx_http_notify_post_slow();
        notify_bus_discard(&w->zone);

        if (w->seat->evicted) {
            ngx_http_notify_drain_all();

        } else if (ngx_http_notify_process_is_last(w)) {
            ngx_http_notify_process_quit(w);
        }

        if (w->sockets) {
            ngx_http_notify_handover_more();
            ngx_http_notify_drain_more();
        }

        if (w->exiting) {
            /* handshakes that were being answered when the rest was told */
            ngx_http_notify_drain_others();
        }

    } else if (!ngx_exiting
               && ngx_http_notify_process_seat((ngx_cycle_t *) ngx_cycle)
                  == NGX_DECLINED)
    {
        notify_seat_evict(&w->zone);
    }

    if (w->zone.wake_self) {
        ngx_http_notify_wake_self();
    }

    ngx_add_timer(ev, NGX_HTTP_NOTIFY_SWEEP);
}


/*
 * Whether nginx quits now: a worker that exits because of a reload is not
 * told, but then all workers exit.
 */

static ngx_uint_t
ngx_http_notify_process_is_last(ngx_http_notify_worker_t *w)
{
    ngx_uint_t      i;
    notify_seat_t  *s;

    if (!w->handing || w->exiting) {
        return 0;
    }

    for (i = 0; i < w->zone.head->seats; i++) {
        s = &w->zone.seats[i];

        if (s->state == NOTIFY_SEAT_LIVE && !s->exiting) {
            w->alone = 0;
            return 0;
        }
    }

    /* others may have died, and be on their way back */

    return ++w->alone > NGX_HTTP_NOTIFY_ALONE;
}


static void
ngx_http_notify_process_quit(ngx_http_notify_worker_t *w)
{
    w->exiting = 1;

    ngx_http_notify_drain_others();
    ngx_http_notify_drain_start((ngx_cycle_t *) ngx_cycle);
}


/* nginx counts the connections of a worker that was killed for ever */

static void
ngx_http_notify_process_reap(ngx_log_t *log)
{
    uint32_t                   n;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    (void) notify_seat_sweep(&w->zone);

    n = w->zone.reaped;
    w->zone.reaped = 0;

    for ( /* void */ ; w->zone.held; w->zone.held--) {
        ngx_http_notify_stat_waiting(-1);
        ngx_http_notify_stat_active(-1);
    }

    if (n) {
        ngx_http_notify_count(NOTIFY_N_REAPED, n);

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "the sockets of %uD dead workers have left zone "
                      "\"notify\"", n);
    }
}


/*
 * The worker is to exit.  On reload, or when another master is there, its
 * sockets are handed over; those that cannot be are served till they leave,
 * and all workers reach them.  Else nginx quits, and they are told.
 */

static void
ngx_http_notify_process_exiting(void)
{
    uint32_t                   heirs;
    ngx_uint_t                 newer;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    w->seat->capacity = 0;
    w->seat->exiting = 1;

    /*
     * Sockets on their way to this worker are to go the way of its others; no
     * more of them come.  Nor is it left to the events: without sockets it
     * exits before the next ones.
     */

    ngx_http_notify_deliver_handler(&w->take);

    newer = (w->zone.head->generation != w->conf->generation)
            || notify_bus_successor(&w->zone, NULL, &heirs) != NOTIFY_NONE;

    if (!newer) {
        ngx_http_notify_process_quit(w);
        return;
    }

    w->handing = 1;

    if (w->conf->handover) {
        ngx_http_notify_handover_start((ngx_cycle_t *) ngx_cycle,
                                       ngx_http_notify_process_left);
        return;
    }

    ngx_http_notify_process_left();
}


/* what could be handed over has been, but for what found no room */

static void
ngx_http_notify_process_left(void)
{
    const char                *why;
    ngx_uint_t                 stay, wait;
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    ngx_http_notify_drain_count(&stay, &wait);

    why = " (TLS or limit_conn)";

    if (!w->conf->handover) {
        why = "";
        stay += wait;
        wait = 0;

    } else if (wait && ngx_http_notify_process_is_foreign(w)) {
        why = " (the new module is of another version)";
        stay += wait;
        wait = 0;
    }

    if (wait) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "%ui sockets find no room in new workers, raise "
                      "worker_connections or notify_zone", wait);
    }

    if (stay) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "%ui sockets stay%s, set notify_drain or "
                      "worker_shutdown_timeout", stay, why);
    }

    ngx_http_notify_drain_start((ngx_cycle_t *) ngx_cycle);
}


/* whether there are workers that do not understand what this one writes */

static ngx_uint_t
ngx_http_notify_process_is_foreign(ngx_http_notify_worker_t *w)
{
    ngx_uint_t      i;
    notify_seat_t  *s;

    for (i = 0; i < w->zone.head->seats; i++) {
        s = &w->zone.seats[i];

        if (s->state == NOTIFY_SEAT_LIVE
            && s->capacity
            && s->records != w->seat->records)
        {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_notify_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_notify_worker_t  *w;

    w = &ngx_http_notify_worker;

    if (w->seat == NULL) {
        return;
    }

    /*
     * A graceful exit has no sockets left.  Else what is in the inbox goes out,
     * and sockets on their way to this worker are told as its own are.
     */

    w->exiting = 0;

    ngx_http_notify_deliver_handler(&w->take);
    ngx_http_notify_drain_terminate();

    (void) notify_bus_take(&w->zone, NULL, 0, w->done, w->ndone);

    w->seat = NULL;
    notify_seat_leave(&w->zone);
}


/* a worker at its limit does not hear nginx: its messages carry descriptors */

static ngx_uint_t
ngx_http_notify_files_max(void)
{
    struct rlimit  rlmt;

    if (getrlimit(RLIMIT_NOFILE, &rlmt) == -1
        || rlmt.rlim_cur <= NGX_HTTP_NOTIFY_FILES)
    {
        return NGX_MAX_UINT32_VALUE;
    }

    return (ngx_uint_t) rlmt.rlim_cur - NGX_HTTP_NOTIFY_FILES;
}


/*
 * Sockets that may be handed to this worker: it must have a connection and a
 * descriptor for each, beside the zone's and some of nginx's.
 */

static uint32_t
ngx_http_notify_capacity(ngx_http_notify_worker_t *w)
{
    ngx_uint_t  files;

    files = NGX_HTTP_NOTIFY_SEAT_FILES * w->zone.head->seats
            + NGX_HTTP_NOTIFY_FILES;

    if (w->files_max <= files) {
        return 0;
    }

    return (uint32_t) ngx_min(w->sockets_max, w->files_max - files);
}
