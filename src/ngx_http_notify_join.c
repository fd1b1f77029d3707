/*
 * What a handshake asks of the zone.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_codec.h"
#include "ngx_http_notify_join.h"
#include "ngx_http_notify_worker.h"


ngx_int_t
ngx_http_notify_join(ngx_http_notify_loc_conf_t *conf,
    ngx_http_notify_wish_t *wish, ngx_http_notify_joined_t *joined)
{
    notify_zone_t    *z;
    notify_limit_t    limit;
    notify_resume_t   r;

    z = &ngx_http_notify_worker.zone;

    ngx_memzero(&limit, sizeof(notify_limit_t));
    ngx_memzero(&r, sizeof(notify_resume_t));

    limit.max = (uint32_t) conf->max_sockets;
    limit.refuse = (conf->max_refuse != 0);
    limit.code = NOTIFY_CLOSE_REPLACED;
    limit.now = ngx_http_notify_now();

    if (wish->resume) {
        r.last = wish->last;
        r.now = limit.now;

        joined->key = notify_bus_resume(z, &wish->name, &limit, &r);

    } else {
        joined->key = notify_bus_join(z, &wish->name, &limit, &r.since);
        r.joined = r.since;
        r.gap = wish->gap;
    }

    if (joined->key == 0) {
        wish->refused = (limit.why == NOTIFY_LIMIT_REFUSED);
        return NGX_ERROR;
    }

    joined->member = limit.member;
    joined->since = r.since;
    joined->joined = r.joined;
    joined->reading = wish->resume;
    joined->gap = r.gap;

    ngx_http_notify_count(NOTIFY_N_RESUMED, wish->resume || wish->gap);
    ngx_http_notify_count(NOTIFY_N_GAPS, r.gap);

    return NGX_OK;
}
