/*
 * The module in the life of a process: the zone is made, found again or grown
 * when a configuration is loaded; workers take their seats and leave them.
 */

#ifndef NGX_HTTP_NOTIFY_PROCESS_H_INCLUDED
#define NGX_HTTP_NOTIFY_PROCESS_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>


/* hooks of the module; the first runs in the master */
ngx_int_t ngx_http_notify_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_notify_init_process(ngx_cycle_t *cycle);
void ngx_http_notify_exit_process(ngx_cycle_t *cycle);

#endif /* NGX_HTTP_NOTIFY_PROCESS_H_INCLUDED */
