/*
 * The setters of the directives.
 */

#ifndef NGX_HTTP_NOTIFY_SETTERS_H_INCLUDED
#define NGX_HTTP_NOTIFY_SETTERS_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>


/* The post of directives that take a time or size, in ms or bytes. */
typedef struct {
    ngx_uint_t                  min;
    ngx_uint_t                  max;
    const char                 *write;          /* what to write, as text */
} ngx_http_notify_bounds_t;


/* The post of directives that take one of some words. */
typedef struct {
    ngx_conf_enum_t            *words;
    const char                 *write;
} ngx_http_notify_words_t;


char *ngx_http_notify_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_reserve(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Their post is the role: ngx_http_notify_role_t. */
char *ngx_http_notify_socket(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_push(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

char *ngx_http_notify_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_realm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_max_sockets(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_notify_history(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_origins(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* For any member at the command's offset, with a post as above. */
char *ngx_http_notify_time(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_time_or_off(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_notify_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_notify_size_or_off(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_notify_word(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

#endif /* NGX_HTTP_NOTIFY_SETTERS_H_INCLUDED */
