/*
 * The configuration of http, and of a location.
 */

#ifndef NGX_HTTP_NOTIFY_CONF_H_INCLUDED
#define NGX_HTTP_NOTIFY_CONF_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* seconds, where notify_history names none */
#define NGX_HTTP_NOTIFY_HISTORY_TTL  600


enum {
    NGX_HTTP_NOTIFY_SLOW_CLOSE = 0,
    NGX_HTTP_NOTIFY_SLOW_DROP
};

enum {
    NGX_HTTP_NOTIFY_CLIENT_IGNORE = 0,
    NGX_HTTP_NOTIFY_CLIENT_CLOSE,
    NGX_HTTP_NOTIFY_CLIENT_RELAY
};

enum {
    NGX_HTTP_NOTIFY_PUSH_LOCAL = 1,
    NGX_HTTP_NOTIFY_PUSH_ANY
};


/* Where something was written, for messages at the end of the parsing. */
typedef struct {
    u_char                     *file;
    ngx_uint_t                  line;
} ngx_http_notify_place_t;


/* What answers in a location; the post of its directive. */
typedef struct {
    const char                 *name;
    ngx_http_handler_pt         handler;
    ngx_log_handler_pt          log;            /* of what stays behind the
                                                   request, or NULL */
} ngx_http_notify_role_t;


/* notify_user as it was written. */
typedef struct {
    ngx_http_complex_value_t    value;
    ngx_flag_t                  decode;
    ngx_flag_t                  argument;       /* has $arg_...: when empty,
                                                   the request is bad */
    ngx_str_t                   settable;       /* a variable in it that any
                                                   client can set, or empty */
    ngx_flag_t                  token;          /* made by notify_token */
    ngx_http_notify_place_t     place;
} ngx_http_notify_user_t;


typedef struct {
    size_t                      zone_size;      /* bytes, notify_zone */
    ngx_uint_t                  reserve;        /* connections, or per cent */
    ngx_uint_t                  reserve_percent;        /* unsigned: is it */
    ngx_uint_t                  used;           /* a directive needs a zone */
    uint32_t                    generation;     /* set in init_module */

    ngx_int_t                   realip;         /* index of the variable
                                                   $realip_remote_addr;
                                                   negative: there is none */
    ngx_flag_t                  handover;       /* notify_handover */
    ngx_array_t                 locations;      /* ngx_http_notify_location_t */
    ngx_http_notify_place_t     reserve_place;
} ngx_http_notify_main_conf_t;


typedef struct {
    ngx_flag_t                  socket;         /* notify_socket */
    ngx_uint_t                  push;           /* ..._PUSH_* or 0 */
    ngx_flag_t                  status;         /* notify_status */

    ngx_http_complex_value_t   *user;           /* NULL: the default */
    ngx_flag_t                  decode;         /* of user */
    ngx_flag_t                  argument;       /* of user */
    ngx_http_complex_value_t   *realm;          /* NULL: empty */

    ngx_array_t                *origins;        /* of ngx_str_t: patterns
                                                   and the word same;
                                                   NULL: same alone */
    ngx_array_t                *tokens;         /* ngx_http_notify_token_t;
                                                   NULL: off */
    ngx_uint_t                  history;        /* messages; 0: off */
    time_t                      history_ttl;    /* seconds */
    ngx_msec_t                  ping_interval;
    size_t                      send_buffer;    /* bytes */
    ngx_uint_t                  slow;           /* NGX_HTTP_NOTIFY_SLOW_* */
    ngx_uint_t                  client_messages;
                                                /* NGX_HTTP_NOTIFY_CLIENT_* */
    size_t                      client_max_size;        /* bytes */
    size_t                      deflate;        /* bytes at least; 0: off */
    ngx_msec_t                  drain;          /* notify_drain, 0: off */
    ngx_http_complex_value_t   *expires;        /* NULL: none; unix time */
    ngx_msec_t                  lifetime;       /* 0: off */
    ngx_uint_t                  client_rate;    /* 1/1000 a second; 0: off */
    ngx_uint_t                  max_sockets;    /* of a user; 0: no limit */
    ngx_uint_t                  max_refuse;     /* beyond: 429, not 4409 */

    uint64_t                    id;             /* its name over reloads, see
                                                   ngx_http_notify_location.h */
    ngx_log_t                  *log;            /* where sockets of this
                                                   location log: error_log's,
                                                   living as long as this */

    ngx_http_notify_role_t     *role;           /* NULL: none of the three */
    ngx_http_notify_place_t     place;          /* of its directive */
    ngx_http_notify_user_t     *written;        /* here or above; what user
                                                   is made from */
    ngx_http_notify_user_t     *token_user;     /* what written is if it is
                                                   not, but notify_token is */
} ngx_http_notify_loc_conf_t;


/* A location that takes sockets, or pushes. */
typedef struct {
    ngx_http_notify_loc_conf_t  *conf;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_core_srv_conf_t    *cscf;
} ngx_http_notify_location_t;


extern ngx_module_t  ngx_http_notify_module;


void *ngx_http_notify_create_main_conf(ngx_conf_t *cf);
char *ngx_http_notify_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_notify_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_notify_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

/*
 * What depends on directives outside of http {}, which may come behind it.
 * NGX_ERROR: there is an error in the log, and no socket would be served.
 */
ngx_int_t ngx_http_notify_check_main_conf(ngx_http_notify_main_conf_t *nmcf,
    ngx_cycle_t *cycle);

/* The sockets a worker may hold: worker_connections less the reserve. */
ngx_uint_t ngx_http_notify_sockets_max(ngx_http_notify_main_conf_t *nmcf,
    ngx_cycle_t *cycle);

#endif /* NGX_HTTP_NOTIFY_CONF_H_INCLUDED */
