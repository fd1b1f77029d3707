/*
 * This worker's sockets by key: a hash table of nodes that are part of what
 * they find.  No locks: a worker has one of its own.
 */

#ifndef NGX_HTTP_NOTIFY_TABLE_H_INCLUDED
#define NGX_HTTP_NOTIFY_TABLE_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The nodes of one key are a list, and its first stands in the bucket, so
 * that a key costs nothing but its nodes, and finding one costs the same
 * however many nodes other keys have.
 */
typedef struct ngx_http_notify_node_s  ngx_http_notify_node_t;

struct ngx_http_notify_node_s {
    ngx_http_notify_node_t   *bucket;       /* a first's: the next first */
    ngx_http_notify_node_t   *next;         /* of the same key */
    ngx_http_notify_node_t   *prev;         /* NULL: is the first */
    uint32_t                  key;          /* its block in the zone */
    uint32_t                  member;       /* what a limit counts it as, or
                                               0; nothing to the table */
};


typedef struct {
    ngx_http_notify_node_t  **buckets;
    ngx_uint_t                size;         /* a power of 2, or 0 */
    ngx_uint_t                keys;
    ngx_http_notify_node_t   *cursor;       /* next of the walk under way */
} ngx_http_notify_table_t;


/* Makes room for one more key.  NGX_ERROR: no memory, and nothing changed. */
ngx_int_t ngx_http_notify_table_reserve(ngx_http_notify_table_t *t,
    ngx_log_t *log);

/* Adds a node of node->key; room was reserved. */
void ngx_http_notify_table_add(ngx_http_notify_table_t *t,
    ngx_http_notify_node_t *node);

void ngx_http_notify_table_remove(ngx_http_notify_table_t *t,
    ngx_http_notify_node_t *node);

/*
 * Walks a key's nodes: start, then next until NULL.  Between two calls nodes
 * may come (they are not met) and go, also the one just met.
 */
void ngx_http_notify_table_start(ngx_http_notify_table_t *t, uint32_t key);
ngx_http_notify_node_t *ngx_http_notify_table_next(ngx_http_notify_table_t *t);

#endif /* NGX_HTTP_NOTIFY_TABLE_H_INCLUDED */
