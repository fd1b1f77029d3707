/*
 * What bounds a socket: its session, its lifetime, and how much it says.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_codec.h"
#include "ngx_http_notify_limit.h"
#include "ngx_http_notify_worker.h"


ngx_int_t
ngx_http_notify_limit(ngx_http_notify_socket_t *s, ngx_msec_t expires)
{
    ngx_msec_t  lifetime, end;

    lifetime = s->conf->lifetime;

    if (lifetime == 0) {
        return expires ? ngx_http_notify_limit_expires(s, expires,
                                                        NOTIFY_CLOSE_EXPIRED)
                       : NGX_OK;
    }

    /* +-10%: those that came together do not come back together */

    end = ngx_current_msec + lifetime - lifetime / 10
          + (ngx_msec_t) ngx_random() % (lifetime / 5 + 1);

    if (expires && (ngx_msec_int_t) (expires - end) <= 0) {
        return ngx_http_notify_limit_expires(s, expires,
                                              NOTIFY_CLOSE_EXPIRED);
    }

    return ngx_http_notify_limit_expires(s, end, NOTIFY_CLOSE_RESTART);
}


ngx_int_t
ngx_http_notify_limit_expires(ngx_http_notify_socket_t *s, ngx_msec_t at,
    ngx_uint_t code)
{
    s->expiry = ngx_http_notify_expiry_add(&ngx_http_notify_worker.expiries,
                                           s, at, code);

    return s->expiry ? NGX_OK : NGX_ERROR;
}


/* as limit_req: a second's worth may come at once */

ngx_int_t
ngx_http_notify_limit_heard(ngx_http_notify_socket_t *s)
{
    uint32_t    now;
    uint64_t    gone;
    ngx_uint_t  rate;

    rate = s->conf->client_rate;

    if (rate == 0) {
        return NGX_OK;
    }

    now = (uint32_t) ngx_current_msec;
    gone = (uint64_t) (now - s->heard) * rate / 1000;

    s->heard = now;
    s->excess = (gone < s->excess ? s->excess - (uint32_t) gone : 0) + 1000;

    return s->excess > ngx_max(rate, 1000) ? NGX_DECLINED : NGX_OK;
}
