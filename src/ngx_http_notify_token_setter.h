/*
 * The setter of notify_token.
 */

#ifndef NGX_HTTP_NOTIFY_TOKEN_SETTER_H_INCLUDED
#define NGX_HTTP_NOTIFY_TOKEN_SETTER_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Keys are read now, by who parses the configuration: workers need not be
 * able to.  They live as long as the configuration's pool.
 */
char *ngx_http_notify_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

#endif /* NGX_HTTP_NOTIFY_TOKEN_SETTER_H_INCLUDED */
