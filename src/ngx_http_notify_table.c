/*
 * This worker's sockets by key.
 */

#include "ngx_http_notify_table.h"


#define NGX_HTTP_NOTIFY_TABLE_SIZE  64      /* buckets, to begin with */


static ngx_http_notify_node_t **ngx_http_notify_table_find(
    ngx_http_notify_table_t *t, uint32_t key);


ngx_int_t
ngx_http_notify_table_reserve(ngx_http_notify_table_t *t, ngx_log_t *log)
{
    ngx_uint_t                i;
    ngx_http_notify_node_t   *node, *next, **bucket;
    ngx_http_notify_table_t   old;

    if (t->keys < t->size) {
        return NGX_OK;
    }

    old = *t;

    t->size = old.size ? old.size * 2 : NGX_HTTP_NOTIFY_TABLE_SIZE;
    t->buckets = ngx_calloc(t->size * sizeof(ngx_http_notify_node_t *), log);

    if (t->buckets == NULL) {
        *t = old;
        return NGX_ERROR;
    }

    for (i = 0; i < old.size; i++) {
        for (node = old.buckets[i]; node; node = next) {
            next = node->bucket;

            bucket = ngx_http_notify_table_find(t, node->key);
            node->bucket = *bucket;
            *bucket = node;
        }
    }

    if (old.buckets) {
        ngx_free(old.buckets);
    }

    return NGX_OK;
}


void
ngx_http_notify_table_add(ngx_http_notify_table_t *t,
    ngx_http_notify_node_t *node)
{
    ngx_http_notify_node_t  *first, **bucket;

    bucket = ngx_http_notify_table_find(t, node->key);
    first = *bucket;

    if (first == NULL) {
        node->prev = NULL;
        node->next = NULL;
        node->bucket = NULL;
        *bucket = node;
        t->keys++;
        return;
    }

    /* behind the first, where no walk under way will come */

    node->prev = first;
    node->next = first->next;
    first->next = node;

    if (node->next) {
        node->next->prev = node;
    }
}


void
ngx_http_notify_table_remove(ngx_http_notify_table_t *t,
    ngx_http_notify_node_t *node)
{
    ngx_http_notify_node_t  **bucket;

    if (t->cursor == node) {
        t->cursor = node->next;
    }

    if (node->next) {
        node->next->prev = node->prev;
    }

    if (node->prev) {
        node->prev->next = node->next;
        return;
    }

    bucket = ngx_http_notify_table_find(t, node->key);

    if (node->next) {
        node->next->bucket = node->bucket;
        *bucket = node->next;

    } else {
        *bucket = node->bucket;
        t->keys--;
    }
}


void
ngx_http_notify_table_start(ngx_http_notify_table_t *t, uint32_t key)
{
    t->cursor = t->size ? *ngx_http_notify_table_find(t, key) : NULL;
}


ngx_http_notify_node_t *
ngx_http_notify_table_next(ngx_http_notify_table_t *t)
{
    ngx_http_notify_node_t  *node;

    node = t->cursor;

    if (node) {
        t->cursor = node->next;
    }

    return node;
}


/* where the pointer to the key's first node is, or belongs */

static ngx_http_notify_node_t **
ngx_http_notify_table_find(ngx_http_notify_table_t *t, uint32_t key)
{
    ngx_http_notify_node_t  **bucket;

    /* keys are numbers of blocks, close to each other */

    bucket = &t->buckets[(key * 2654435761u >> 7) & (t->size - 1)];

    while (*bucket && (*bucket)->key != key) {
        bucket = &(*bucket)->bucket;
    }

    return bucket;
}
