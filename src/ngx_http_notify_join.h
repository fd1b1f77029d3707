/*
 * What a handshake asks of the zone: that its socket joins its user, and where
 * that begins to read.
 */

#ifndef NGX_HTTP_NOTIFY_JOIN_H_INCLUDED
#define NGX_HTTP_NOTIFY_JOIN_H_INCLUDED

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_bus.h"
#include "notify_extension.h"
#include "ngx_http_notify_conf.h"


/* What the handshake has asked for. */
typedef struct {
    notify_name_of_t             name;
    uint64_t                     last;      /* resume: the last id it has */
    unsigned                     resume:1;
    unsigned                     gap:1;     /* it has one, but cannot resume */
    unsigned                     v1:1;
    unsigned                     refused:1; /* out: by notify_max_sockets */
    unsigned                     deflate:1; /* as agreed upon: */
    notify_extension_t           extension;
} ngx_http_notify_wish_t;


/* What it is then. */
typedef struct {
    uint32_t                     key;
    uint32_t                     member;    /* of those counted, or 0 */
    uint64_t                     since;     /* it wants what comes later */
    uint64_t                     joined;    /* the last before it joined */
    unsigned                     reading:1;
    unsigned                     gap:1;
} ngx_http_notify_joined_t;


/*
 * Joins, and counts what it resumes.  One of this worker's own sockets may have
 * to go for it: its inbox is not empty then.  NGX_ERROR: the zone is full; or
 * the user has too many sockets, as wish->refused says.
 */
ngx_int_t ngx_http_notify_join(ngx_http_notify_loc_conf_t *conf,
    ngx_http_notify_wish_t *wish, ngx_http_notify_joined_t *joined);

#endif /* NGX_HTTP_NOTIFY_JOIN_H_INCLUDED */
