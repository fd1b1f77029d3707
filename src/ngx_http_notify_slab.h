/*
 * Memory for many things of one size: without malloc()'s words beside each,
 * and not from between what requests have left.
 */

#ifndef NGX_HTTP_NOTIFY_SLAB_H_INCLUDED
#define NGX_HTTP_NOTIFY_SLAB_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>


/*
 * All zero before the first call.  Slabs are kept: they are as many as were
 * needed at once.
 */
typedef struct {
    void                     *spare;        /* what is not in use, linked */
} ngx_http_notify_slab_t;


/* Zeroed; size is the same at each call.  NULL: no memory. */
void *ngx_http_notify_slab_calloc(ngx_http_notify_slab_t *slab, size_t size,
    ngx_log_t *log);

void ngx_http_notify_slab_free(ngx_http_notify_slab_t *slab, void *p);

#endif /* NGX_HTTP_NOTIFY_SLAB_H_INCLUDED */
