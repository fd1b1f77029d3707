/*
 * The configuration of http, and of a location.
 */

#ifndef NGX_HTTP_NOTIFY_CONF_H_INCLUDED
#define NGX_HTTP_NOTIFY_CONF_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


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


typedef struct {
    size_t                      zone_size;      /* bytes, notify_zone */
    ngx_uint_t                  reserve;        /* connections, or per cent */
    ngx_uint_t                  reserve_percent;        /* unsigned: is it */
    ngx_uint_t                  used;           /* a directive needs a zone */
    uint32_t                    generation;     /* set in init_module */
} ngx_http_notify_main_conf_t;


typedef struct {
    ngx_flag_t                  socket;         /* notify_socket */
    ngx_uint_t                  push;           /* NGX_HTTP_NOTIFY_PUSH_* or 0 */
    ngx_flag_t                  status;         /* notify_status */

    ngx_http_complex_value_t   *user;           /* NULL: the default */
    ngx_flag_t                  decode;         /* of user */
    ngx_http_complex_value_t   *realm;          /* NULL: empty */

    ngx_array_t                *origins;        /* of ngx_str_t: patterns;
                                                   NULL: same */
    ngx_msec_t                  ping_interval;
    size_t                      send_buffer;    /* bytes */
    ngx_uint_t                  slow;           /* NGX_HTTP_NOTIFY_SLOW_* */
    ngx_uint_t                  client_messages;
                                                /* NGX_HTTP_NOTIFY_CLIENT_* */
    size_t                      client_max_size;        /* bytes */

    ngx_log_t                  *log;            /* where sockets of this
                                                   location log: error_log's,
                                                   living as long as this */
} ngx_http_notify_loc_conf_t;


extern ngx_module_t  ngx_http_notify_module;


void *ngx_http_notify_create_main_conf(ngx_conf_t *cf);
char *ngx_http_notify_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_notify_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_notify_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

char *ngx_http_notify_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_reserve(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_socket(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_push(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_origins(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* The sockets that each worker may hold: worker_connections less the reserve. */
ngx_uint_t ngx_http_notify_sockets_max(ngx_http_notify_main_conf_t *nmcf,
    ngx_cycle_t *cycle);

#endif /* NGX_HTTP_NOTIFY_CONF_H_INCLUDED */
