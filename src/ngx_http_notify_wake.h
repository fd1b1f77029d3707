/*
 * Being woken by other workers: this seat's eventfd in this worker's event
 * loop, through which nginx also says that the worker is to exit.
 */

#ifndef NGX_HTTP_NOTIFY_WAKE_H_INCLUDED
#define NGX_HTTP_NOTIFY_WAKE_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Has the seat's wake-ups handled; exiting is called once, when the worker is
 * told to exit gracefully.  NGX_ERROR: logged.
 */
ngx_int_t ngx_http_notify_wake_init(ngx_cycle_t *cycle, void (*exiting)(void));

/* For a caller whose publication has filled its own inbox. */
void ngx_http_notify_wake_self(void);

#endif /* NGX_HTTP_NOTIFY_WAKE_H_INCLUDED */
