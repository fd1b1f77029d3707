/*
 * notify_status: numbers are copied out of the zone, then printed.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <jansson.h>

#include "notify_id.h"
#include "notify_zone.h"
#include "ngx_http_notify_closes.h"
#include "ngx_http_notify_reply.h"
#include "ngx_http_notify_request.h"
#include "ngx_http_notify_status.h"
#include "ngx_http_notify_worker.h"


/* A worker, by its seat. */
typedef struct {
    uint32_t                    seat;
    int32_t                     pid;
    uint32_t                    generation;
    uint32_t                    exiting;
    uint32_t                    sockets;
    uint32_t                    tls;
} ngx_http_notify_row_t;


typedef struct {
    uint64_t                    size;           /* bytes */
    uint64_t                    used;           /* bytes */
    uint64_t                    waiting;        /* bytes, for slow sockets */
    uint64_t                    last_id;
    uint64_t                    sockets;
    uint64_t                    tls;            /* of these */
    uint32_t                    users;
    uint32_t                    messages;       /* that wait in the zone */
    uint32_t                    generation;
    uint64_t                    counters[NOTIFY_COUNTERS];

    ngx_uint_t                  nrows;
    ngx_http_notify_row_t      *rows;
} ngx_http_notify_numbers_t;


/*
 * A counter: in JSON, group.key; for Prometheus, a name, and where several
 * share it the label that tells them apart, with the key as its value.
 */
typedef struct {
    ngx_uint_t                  counter;        /* NOTIFY_N_* */
    const char                 *group;
    const char                 *key;
    const char                 *name;           /* behind "notify_" */
    const char                 *label;          /* NULL: none */
    const char                 *help;
} ngx_http_notify_counter_t;


/* A number of this moment, for Prometheus. */
typedef struct {
    const char                 *name;
    const char                 *help;
    uint64_t                    value;
} ngx_http_notify_gauge_t;


static ngx_int_t ngx_http_notify_status_format(ngx_http_request_t *r,
    ngx_uint_t *prometheus);
static ngx_int_t ngx_http_notify_numbers(ngx_http_request_t *r,
    ngx_http_notify_numbers_t *n);

static ngx_http_notify_reply_t *ngx_http_notify_status_json(
    ngx_http_request_t *r, ngx_http_notify_numbers_t *n);
static int ngx_http_notify_status_zone(json_t *root,
    ngx_http_notify_numbers_t *n);
static int ngx_http_notify_status_workers(json_t *root,
    ngx_http_notify_numbers_t *n);
static int ngx_http_notify_status_counters(json_t *root,
    ngx_http_notify_numbers_t *n);
static int ngx_http_notify_status_put(json_t *object, const char *key,
    uint64_t value);

static ngx_http_notify_reply_t *ngx_http_notify_status_text(
    ngx_http_request_t *r, ngx_http_notify_numbers_t *n);
static u_char *ngx_http_notify_status_text_gauges(u_char *p, u_char *last,
    ngx_http_notify_numbers_t *n);
static u_char *ngx_http_notify_status_text_workers(u_char *p, u_char *last,
    ngx_http_notify_numbers_t *n);
static u_char *ngx_http_notify_status_text_counters(u_char *p, u_char *last,
    ngx_http_notify_numbers_t *n);
static u_char *ngx_http_notify_status_head(u_char *p, u_char *last,
    const char *name, const char *type, const char *help);


/* the counters of closes have a table of their own, in closes.c */

static ngx_http_notify_counter_t  ngx_http_notify_counters[] = {

    { NOTIFY_N_PUSHES, "pushes", "accepted", "pushes_total", NULL,
      "Pushes accepted." },
    { NOTIFY_N_PUSH_BYTES, "pushes", "bytes", "push_bytes_total", NULL,
      "Bytes of the payloads of accepted pushes." },
    { NOTIFY_N_PUSH_FULL, "pushes", "full", "push_refusals_total", "cause",
      "Pushes refused." },
    { NOTIFY_N_PUSH_BAD, "pushes", "bad_request", "push_refusals_total",
      "cause", NULL },
    { NOTIFY_N_PUSH_DENIED, "pushes", "denied", "push_refusals_total",
      "cause", NULL },
    { NOTIFY_N_PUSH_METHOD, "pushes", "method", "push_refusals_total",
      "cause", NULL },
    { NOTIFY_N_PUSH_UNAVAILABLE, "pushes", "unavailable",
      "push_refusals_total", "cause", NULL },

    { NOTIFY_N_DELIVERED, "deliveries", "delivered", "deliveries_total", NULL,
      "Messages given to sockets." },
    { NOTIFY_N_DROPPED, "deliveries", "dropped", "drops_total", NULL,
      "Messages dropped by notify_slow drop." },
    { NOTIFY_N_SLOW_READS, "deliveries", "slow_reads", "slow_reads_total",
      NULL, "Slow sockets that went on from the store." },
    { NOTIFY_N_SLOW, "deliveries", "slow_closes", "slow_closes_total", NULL,
      "Sockets closed by notify_slow close." },
    { NOTIFY_N_SLOW_ZONE, "deliveries", "zone_closes", "zone_closes_total",
      NULL, "Slow sockets closed because half of the zone waited for such." },

    { NOTIFY_N_HANDSHAKES, "handshakes", "accepted", "handshakes_total", NULL,
      "Sockets opened." },
    { NOTIFY_N_REFUSED_REQUEST, "refusals", "request", "refusals_total",
      "cause", "Handshakes refused." },
    { NOTIFY_N_REFUSED_USER, "refusals", "user", "refusals_total", "cause",
      NULL },
    { NOTIFY_N_REFUSED_ORIGIN, "refusals", "origin", "refusals_total",
      "cause", NULL },
    { NOTIFY_N_REFUSED_PEER, "refusals", "peer", "refusals_total", "cause",
      NULL },
    { NOTIFY_N_REFUSED_SOCKETS, "refusals", "sockets", "refusals_total",
      "cause", NULL },
    { NOTIFY_N_REFUSED_RESERVE, "refusals", "reserve", "refusals_total",
      "cause", NULL },
    { NOTIFY_N_REFUSED_ZONE, "refusals", "zone", "refusals_total", "cause",
      NULL },
    { NOTIFY_N_REFUSED_SEAT, "refusals", "seat", "refusals_total", "cause",
      NULL },
    { NOTIFY_N_REFUSED_EXITING, "refusals", "exiting", "refusals_total",
      "cause", NULL },

    { NOTIFY_N_CLIENT_MESSAGES, "client_messages", "received",
      "client_messages_total", NULL, "Data messages from clients." },
    { NOTIFY_N_TOO_MANY, "client_messages", "too_many",
      "rate_closes_total", NULL, "Sockets closed by notify_client_rate." },
    { NOTIFY_N_RELAYED, "client_messages", "relayed", "relays_total", NULL,
      "Client messages relayed." },
    { NOTIFY_N_RELAY_FULL, "client_messages", "relay_full",
      "relay_failures_total", NULL,
      "Client messages not relayed because the zone was full." },

    { NOTIFY_N_DEFLATED, "deflate", "compressed", "deflate_messages_total",
      NULL, "Messages compressed, once for each window size." },
    { NOTIFY_N_DEFLATE_SAVED, "deflate", "saved_bytes",
      "deflate_saved_bytes_total", NULL,
      "Bytes that compression has saved in deliveries." },
    { NOTIFY_N_INFLATED, "deflate", "inflated", "inflate_messages_total",
      NULL, "Client messages that were compressed." },

    { NOTIFY_N_PINGS, "pings", "sent", "pings_total", NULL, "Pings sent." },
    { NOTIFY_N_PING_TIMEOUTS, "pings", "timeouts", "ping_timeouts_total",
      NULL, "Sockets dropped because they were silent after a ping." },

    { NOTIFY_N_EVICTED, "history", "evicted", "history_evictions_total",
      NULL, "Stored messages evicted before their time." },
    { NOTIFY_N_REPEATED, "history", "repeated", "repeated_pushes_total",
      NULL, "Pushes answered with the receipt of an earlier one." },
    { NOTIFY_N_RESUMED, "history", "resumed", "resumes_total", NULL,
      "Handshakes with a last id." },
    { NOTIFY_N_GAPS, "history", "gaps", "resume_gaps_total", NULL,
      "Of these, with a gap." },

    { NOTIFY_N_HANDED_OVER, "handover", "handed_over",
      "handed_over_total", NULL, "Sockets handed to another worker." },
    { NOTIFY_N_ADOPTED, "handover", "adopted", "adopted_total", NULL,
      "Sockets taken over from another worker." },
    { NOTIFY_N_ORPHANED, "handover", "orphaned", "orphaned_total", NULL,
      "Sockets closed with 1012 because no worker could take them over." },

    { NOTIFY_N_REAPED, "workers_lost", "reaped", "seats_reaped_total", NULL,
      "Seats of workers that died." }
};

#define NGX_HTTP_NOTIFY_NCOUNTERS                                             \
    (sizeof(ngx_http_notify_counters) / sizeof(ngx_http_notify_counter_t))


ngx_int_t
ngx_http_notify_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_uint_t                  prometheus;
    ngx_http_notify_reply_t    *reply;
    ngx_http_notify_numbers_t   n;

    static ngx_str_t  text =
                     ngx_string("text/plain; version=0.0.4; charset=utf-8");

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_notify_refuse(r, NGX_HTTP_NOT_ALLOWED, "method",
                                      "the status is read by GET or HEAD");
    }

    rc = ngx_http_notify_status_format(r, &prometheus);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_http_notify_worker.active) {
        return ngx_http_notify_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                                      "this process has no zone to read");
    }

    if (ngx_http_notify_numbers(r, &n) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    reply = prometheus ? ngx_http_notify_status_text(r, &n)
                       : ngx_http_notify_status_json(r, &n);

    if (reply == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_notify_reply_send(r, reply, NGX_HTTP_OK,
                                      prometheus ? &text
                                      : &ngx_http_notify_type_json);
}


static ngx_int_t
ngx_http_notify_status_format(ngx_http_request_t *r, ngx_uint_t *prometheus)
{
    ngx_str_t         format;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    *prometheus = 0;

    if (ngx_http_arg(r, (u_char *) "format", sizeof("format") - 1, &format)
        == NGX_OK)
    {
        if (format.len == sizeof("prometheus") - 1
            && ngx_strncmp(format.data, "prometheus", format.len) == 0)
        {
            *prometheus = 1;
            return NGX_OK;
        }

        if (format.len == sizeof("json") - 1
            && ngx_strncmp(format.data, "json", format.len) == 0)
        {
            return NGX_OK;
        }

        return ngx_http_notify_refuse(r, NGX_HTTP_BAD_REQUEST, "format",
                                      "the format is json or prometheus");
    }

    for (i = 0;
         (h = ngx_http_notify_request_header(r, "accept",
                                             sizeof("accept") - 1, i))
             != NULL;
         i++)
    {
        if (ngx_strlcasestrn(h->value.data, h->value.data + h->value.len,
                             (u_char *) "text/plain",
                             sizeof("text/plain") - 2)
            != NULL)
        {
            *prometheus = 1;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_notify_numbers(ngx_http_request_t *r, ngx_http_notify_numbers_t *n)
{
    uint32_t                i, k;
    notify_zone_t          *zone;
    notify_head_t          *head;
    notify_seat_t          *seat;
    ngx_http_notify_row_t  *row;

    ngx_memzero(n, sizeof(ngx_http_notify_numbers_t));

    zone = &ngx_http_notify_worker.zone;
    head = zone->head;

    n->size = head->size;
    n->used = (uint64_t) head->used_blocks * NOTIFY_BLOCK;
    n->waiting = head->waiting;
    n->last_id = head->last_id;
    n->users = head->keys;
    n->messages = head->messages;
    n->generation = head->generation;

    n->rows = ngx_palloc(r->pool, head->seats * sizeof(ngx_http_notify_row_t));
    if (n->rows == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < head->seats; i++) {
        seat = &zone->seats[i];

        /* what the workers before this one have counted is in it too */

        for (k = 0; k < NOTIFY_COUNTERS; k++) {
            n->counters[k] += seat->counters[k];
        }

        if (seat->state != NOTIFY_SEAT_LIVE) {
            continue;
        }

        row = &n->rows[n->nrows++];

        row->seat = i;
        row->pid = seat->pid;
        row->generation = seat->generation;
        row->exiting = seat->exiting;
        row->sockets = seat->sockets;
        row->tls = seat->tls;

        n->sockets += row->sockets;
        n->tls += row->tls;
    }

    return NGX_OK;
}


static ngx_http_notify_reply_t *
ngx_http_notify_status_json(ngx_http_request_t *r, ngx_http_notify_numbers_t *n)
{
    int                       rc;
    size_t                    size;
    json_t                   *root;
    ngx_http_notify_reply_t  *reply;

    root = json_object();
    reply = NULL;

    rc = ngx_http_notify_status_put(root, "sockets", n->sockets);
    rc |= ngx_http_notify_status_put(root, "tls_sockets", n->tls);
    rc |= ngx_http_notify_status_put(root, "users", n->users);
    rc |= ngx_http_notify_status_zone(root, n);
    rc |= ngx_http_notify_status_workers(root, n);
    rc |= ngx_http_notify_status_counters(root, n);

    if (rc == 0) {
        size = json_dumpb(root, NULL, 0, JSON_INDENT(2));
        reply = size ? ngx_http_notify_reply_create(r, size + 1) : NULL;

        if (reply) {
            (void) json_dumpb(root, (char *) reply->text, size,
                              JSON_INDENT(2));

            reply->text[size] = LF;
            reply->buf.last += size + 1;
        }
    }

    json_decref(root);

    return reply;
}


static int
ngx_http_notify_status_zone(json_t *root, ngx_http_notify_numbers_t *n)
{
    int      rc;
    char     id[NOTIFY_ID_LEN];
    size_t   len;
    json_t  *zone;

    zone = json_object();
    len = notify_id_print(id, n->last_id);

    rc = ngx_http_notify_status_put(zone, "size", n->size);
    rc |= ngx_http_notify_status_put(zone, "used", n->used);
    rc |= ngx_http_notify_status_put(zone, "waiting", n->waiting);
    rc |= ngx_http_notify_status_put(zone, "messages", n->messages);
    rc |= ngx_http_notify_status_put(zone, "generation", n->generation);
    rc |= json_object_set_new(zone, "last_id", json_stringn(id, len));

    return rc | json_object_set_new(root, "zone", zone);
}


static int
ngx_http_notify_status_workers(json_t *root, ngx_http_notify_numbers_t *n)
{
    int                     rc;
    json_t                 *workers, *worker;
    ngx_uint_t              i;
    ngx_http_notify_row_t  *row;

    rc = 0;
    workers = json_array();

    for (i = 0; i < n->nrows; i++) {
        row = &n->rows[i];
        worker = json_object();

        rc |= ngx_http_notify_status_put(worker, "seat", row->seat);
        rc |= ngx_http_notify_status_put(worker, "pid", (uint64_t) row->pid);
        rc |= ngx_http_notify_status_put(worker, "generation", row->generation);
        rc |= json_object_set_new(worker, "exiting",
                                  json_boolean(row->exiting));
        rc |= ngx_http_notify_status_put(worker, "sockets", row->sockets);
        rc |= ngx_http_notify_status_put(worker, "tls_sockets", row->tls);

        rc |= json_array_append_new(workers, worker);
    }

    return rc | json_object_set_new(root, "workers", workers);
}


static int
ngx_http_notify_status_counters(json_t *root, ngx_http_notify_numbers_t *n)
{
    int                         rc;
    json_t                     *group;
    ngx_uint_t                  i;
    ngx_http_notify_counter_t  *c;

    rc = 0;

    for (i = 0; i < NGX_HTTP_NOTIFY_NCOUNTERS; i++) {
        c = &ngx_http_notify_counters[i];
        group = json_object_get(root, c->group);

        if (group == NULL) {
            group = json_object();
            rc |= json_object_set_new(root, c->group, group);
        }

        rc |= ngx_http_notify_status_put(group, c->key,
                                         n->counters[c->counter]);
    }

    group = json_object();

    for (i = 0; i < NGX_HTTP_NOTIFY_CLOSES; i++) {
        rc |= ngx_http_notify_status_put(group, ngx_http_notify_close_names[i],
                                         n->counters[NOTIFY_N_CLOSED + i]);
    }

    return rc | json_object_set_new(root, "closes", group);
}


/* 0; or -1: no memory, perhaps for the object itself */

static int
ngx_http_notify_status_put(json_t *object, const char *key, uint64_t value)
{
    return json_object_set_new(object, key, json_integer((json_int_t) value));
}


static ngx_http_notify_reply_t *
ngx_http_notify_status_text(ngx_http_request_t *r, ngx_http_notify_numbers_t *n)
{
    u_char                   *p, *last;
    size_t                    size;
    ngx_http_notify_reply_t  *reply;

    /* more than the longest line, with its HELP and TYPE, and of each row */

    size = (NGX_HTTP_NOTIFY_NCOUNTERS + NGX_HTTP_NOTIFY_CLOSES + 16) * 256
           + n->nrows * 320;

    reply = ngx_http_notify_reply_create(r, size);
    if (reply == NULL) {
        return NULL;
    }

    p = reply->text;
    last = reply->buf.end;

    p = ngx_http_notify_status_text_gauges(p, last, n);
    p = ngx_http_notify_status_text_workers(p, last, n);
    p = ngx_http_notify_status_text_counters(p, last, n);

    reply->buf.last = p;

    return reply;
}


static u_char *
ngx_http_notify_status_text_gauges(u_char *p, u_char *last,
    ngx_http_notify_numbers_t *n)
{
    uint64_t    ms;
    ngx_uint_t  i;

    ngx_http_notify_gauge_t  gauges[] = {
        { "sockets", "Open sockets.", n->sockets },
        { "tls_sockets", "Open sockets over TLS.", n->tls },
        { "users", "Users with sockets or stored messages.", n->users },
        { "messages", "Messages in the zone: stored, or yet to be sent.",
          n->messages },
        { "zone_size_bytes", "Size of the zone.", n->size },
        { "zone_used_bytes", "Bytes of the zone in use.", n->used },
        { "zone_waiting_bytes", "Bytes of it that wait for slow sockets.",
          n->waiting },
        { "config_generation", "Configurations loaded.", n->generation }
    };

    for (i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
        p = ngx_http_notify_status_head(p, last, gauges[i].name, "gauge",
                                        gauges[i].help);
        p = ngx_slprintf(p, last, "notify_%s %uL\n", gauges[i].name,
                         gauges[i].value);
    }

    ms = n->last_id >> NOTIFY_ID_SEQ_BITS;

    p = ngx_http_notify_status_head(p, last, "last_message_timestamp_seconds",
                                    "gauge",
                                    "When the last message was pushed.");

    return ngx_slprintf(p, last,
                        "notify_last_message_timestamp_seconds %uL.%03uL\n",
                        ms / 1000, ms % 1000);
}


static u_char *
ngx_http_notify_status_text_workers(u_char *p, u_char *last,
    ngx_http_notify_numbers_t *n)
{
    ngx_uint_t              i, tls;
    const char             *name;
    ngx_http_notify_row_t  *row;

    for (tls = 0; tls < 2; tls++) {
        name = tls ? "worker_tls_sockets" : "worker_sockets";

        p = ngx_http_notify_status_head(p, last, name, "gauge",
                                        tls
                                        ? "Open sockets over TLS, by worker."
                                        : "Open sockets, by worker.");

        for (i = 0; i < n->nrows; i++) {
            row = &n->rows[i];

            p = ngx_slprintf(p, last,
                             "notify_%s{seat=\"%uD\",pid=\"%D\","
                             "generation=\"%uD\",exiting=\"%uD\"} %uD\n",
                             name, row->seat, row->pid, row->generation,
                             row->exiting, tls ? row->tls : row->sockets);
        }
    }

    return p;
}


static u_char *
ngx_http_notify_status_text_counters(u_char *p, u_char *last,
    ngx_http_notify_numbers_t *n)
{
    ngx_uint_t                  i;
    ngx_http_notify_counter_t  *c;

    for (i = 0; i < NGX_HTTP_NOTIFY_NCOUNTERS; i++) {
        c = &ngx_http_notify_counters[i];

        if (c->help) {
            p = ngx_http_notify_status_head(p, last, c->name, "counter",
                                            c->help);
        }

        p = ngx_slprintf(p, last, "notify_%s", c->name);

        if (c->label) {
            p = ngx_slprintf(p, last, "{%s=\"%s\"}", c->label, c->key);
        }

        p = ngx_slprintf(p, last, " %uL\n", n->counters[c->counter]);
    }

    p = ngx_http_notify_status_head(p, last, "closes_total", "counter",
                                    "Sockets closed, by code.");

    for (i = 0; i < NGX_HTTP_NOTIFY_CLOSES; i++) {
        p = ngx_slprintf(p, last, "notify_closes_total{code=\"%s\"} %uL\n",
                         ngx_http_notify_close_names[i],
                         n->counters[NOTIFY_N_CLOSED + i]);
    }

    return p;
}


static u_char *
ngx_http_notify_status_head(u_char *p, u_char *last, const char *name,
    const char *type, const char *help)
{
    return ngx_slprintf(p, last,
                        "# HELP notify_%s %s\n# TYPE notify_%s %s\n",
                        name, help, name, type);
}
