/*
 * Memory for many things of one size.
 */

#include "ngx_http_notify_slab.h"


#define NGX_HTTP_NOTIFY_SLAB_SIZE  8192     /* bytes, about; one at least */


void *
ngx_http_notify_slab_calloc(ngx_http_notify_slab_t *slab, size_t size,
    ngx_log_t *log)
{
    size_t   n;
    u_char  *p, *first;

    if (slab->spare == NULL) {

        n = ngx_max(NGX_HTTP_NOTIFY_SLAB_SIZE / size, 1);

        first = ngx_alloc(n * size, log);
        if (first == NULL) {
            return NULL;
        }

        /* from the end, so that they are handed out in order */

        while (n) {
            n--;
            ngx_http_notify_slab_free(slab, first + n * size);
        }
    }

    p = slab->spare;
    slab->spare = *(void **) p;

    ngx_memzero(p, size);

    return p;
}


void
ngx_http_notify_slab_free(ngx_http_notify_slab_t *slab, void *p)
{
    *(void **) p = slab->spare;
    slab->spare = p;
}
