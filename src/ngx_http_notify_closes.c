/*
 * Counts closed sockets by their code.
 */

#include "ngx_http_notify_closes.h"
#include "ngx_http_notify_worker.h"


static const uint16_t  ngx_http_notify_close_codes[] = {
    1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008,
    1009, 1011, 1012, 1013, 4401, 4403, 4409
};


const char  *ngx_http_notify_close_names[NGX_HTTP_NOTIFY_CLOSES] = {
    "1000", "1001", "1002", "1003", "1005", "1006", "1007", "1008",
    "1009", "1011", "1012", "1013", "4401", "4403", "4409", "other"
};


_Static_assert(sizeof(ngx_http_notify_close_codes) / sizeof(uint16_t)
               == NGX_HTTP_NOTIFY_CLOSES - 1, "closes");
_Static_assert(NOTIFY_N_CLOSED + NGX_HTTP_NOTIFY_CLOSES
               <= NOTIFY_N_CLOSED_END, "counters of closes");


void
ngx_http_notify_count_close(ngx_uint_t code)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_NOTIFY_CLOSES - 1; i++) {
        if (ngx_http_notify_close_codes[i] == code) {
            break;
        }
    }

    ngx_http_notify_count(NOTIFY_N_CLOSED + i, 1);
}
