/*
 * How sockets are named in the error log.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_user.h"
#include "ngx_http_notify_log.h"
#include "ngx_http_notify_socket.h"
#include "ngx_http_notify_worker.h"


static u_char *ngx_http_notify_socket_log_client(ngx_http_notify_socket_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_notify_socket_log_user(ngx_http_notify_socket_t *s,
    u_char *p, u_char *last);


u_char *
ngx_http_notify_socket_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                    *p, *last;
    ngx_http_notify_socket_t  *s;

    p = buf;
    last = buf + len;
    s = ngx_http_notify_worker.current;

    if (s == NULL || s->conf->log != log) {
        return p;
    }

    p = ngx_slprintf(p, last, " while serving websocket, client: ");
    p = ngx_http_notify_socket_log_client(s, p, last);

    if (s->node.key) {
        p = ngx_slprintf(p, last, ", user: \"");
        p = ngx_http_notify_socket_log_user(s, p, last);
        p = ngx_slprintf(p, last, "\"");
    }

    return p;
}


static u_char *
ngx_http_notify_socket_log_client(ngx_http_notify_socket_t *s, u_char *p,
    u_char *last)
{
    size_t  n;
    u_char  text[NGX_SOCKADDR_STRLEN];

    if (s->kept) {
        return ngx_slprintf(p, last, "%V", &s->connection->addr_text);
    }

    if (s->family == AF_UNIX) {
        return ngx_slprintf(p, last, "unix:");
    }

    n = ngx_inet_ntop(s->family, s->u.addr, text, NGX_SOCKADDR_STRLEN);

    return ngx_slprintf(p, last, "%*s", n, text);
}


/* control characters and what could end the quotes are written as \xXX */

static u_char *
ngx_http_notify_socket_log_user(ngx_http_notify_socket_t *s, u_char *p,
    u_char *last)
{
    size_t            i, control;
    u_char            ch, bytes[NOTIFY_REALM_MAX + NOTIFY_USER_MAX];
    notify_name_of_t  name;

    notify_key_name(&ngx_http_notify_worker.zone, s->node.key, bytes, &name);

    control = 0;

    for (i = 0; i < name.user_length; i++) {
        ch = name.user[i];

        if (control == 0) {
            control = notify_control_length(&name.user[i],
                                            name.user_length - i);
        }

        if (control || ch == '"' || ch == '\\') {
            p = ngx_slprintf(p, last, "\\x%02Xd", (ngx_int_t) ch);
            control -= (control != 0);

        } else {
            p = ngx_slprintf(p, last, "%c", ch);
        }
    }

    return p;
}
