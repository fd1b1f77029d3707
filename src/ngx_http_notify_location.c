/*
 * The locations that take sockets or pushes: their logs and their names.
 */

#include "ngx_http_notify_location.h"


typedef struct {
    uint32_t                     a;
    uint32_t                     b;
} ngx_http_notify_hash_t;


static void ngx_http_notify_location_log(ngx_http_notify_location_t *l);
static uint64_t ngx_http_notify_location_name(ngx_http_notify_location_t *l,
    ngx_http_core_main_conf_t *cmcf);
static void ngx_http_notify_location_listen(ngx_http_notify_hash_t *h,
    ngx_http_core_main_conf_t *cmcf, ngx_http_core_srv_conf_t *cscf);
static void ngx_http_notify_location_hash(ngx_http_notify_hash_t *h,
    ngx_str_t *s);


void
ngx_http_notify_locations_init(ngx_cycle_t *cycle)
{
    uint64_t                      id;
    ngx_uint_t                    i;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_notify_location_t   *l;
    ngx_http_notify_main_conf_t  *nmcf;

    nmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_notify_module);

    if (nmcf == NULL) {
        return;
    }

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    l = nmcf->locations.elts;

    for (i = 0; i < nmcf->locations.nelts; i++) {
        ngx_http_notify_location_log(&l[i]);

        id = ngx_http_notify_location_name(&l[i], cmcf);

        while (ngx_http_notify_location_find(nmcf, id)) {
            id++;
        }

        l[i].conf->id = id;
    }
}


/* sockets outlive their requests, whose logs are their connections' */

static void
ngx_http_notify_location_log(ngx_http_notify_location_t *l)
{
    ngx_log_t  *from, *log;

    log = l->conf->log;
    from = l->clcf->error_log;

    log->handler = l->conf->role->log;
    log->log_level = from->log_level;
    log->file = from->file;
    log->writer = from->writer;
    log->wdata = from->wdata;
    log->next = from->next;
}


static uint64_t
ngx_http_notify_location_name(ngx_http_notify_location_t *l,
    ngx_http_core_main_conf_t *cmcf)
{
    ngx_http_notify_hash_t   h;
    ngx_http_server_name_t  *name;

    h.a = 0;
    ngx_crc32_init(h.b);

    ngx_http_notify_location_listen(&h, cmcf, l->cscf);

    if (l->cscf->server_names.nelts) {
        name = l->cscf->server_names.elts;
        ngx_http_notify_location_hash(&h, &name[0].name);
    }

    ngx_http_notify_location_hash(&h, &l->clcf->name);

    /* 0 is that of none yet */

    return ((uint64_t) h.a << 32 | h.b) + 1;
}


/* the first address that the server is on; none is written: the default */

static void
ngx_http_notify_location_listen(ngx_http_notify_hash_t *h,
    ngx_http_core_main_conf_t *cmcf, ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t                   p, a, s;
    ngx_http_conf_port_t        *port;
    ngx_http_conf_addr_t        *addr;
    ngx_http_core_srv_conf_t   **server;

    if (cmcf->ports == NULL) {
        return;
    }

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {
        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {
            server = addr[a].servers.elts;

            for (s = 0; s < addr[a].servers.nelts; s++) {
                if (server[s] == cscf) {
                    ngx_http_notify_location_hash(h, &addr[a].opt.addr_text);
                    return;
                }
            }
        }
    }
}


/* with its length, so that parts cannot run into each other */

static void
ngx_http_notify_location_hash(ngx_http_notify_hash_t *h, ngx_str_t *s)
{
    h->a = h->a * 31 + ngx_murmur_hash2(s->data, s->len);

    ngx_crc32_update(&h->b, s->data, s->len);
    ngx_crc32_update(&h->b, (u_char *) &s->len, sizeof(s->len));
}


ngx_http_notify_loc_conf_t *
ngx_http_notify_location_find(ngx_http_notify_main_conf_t *nmcf, uint64_t id)
{
    ngx_uint_t                   i;
    ngx_http_notify_location_t  *l;

    l = nmcf->locations.elts;

    for (i = 0; i < nmcf->locations.nelts; i++) {
        if (l[i].conf->id == id) {
            return l[i].conf;
        }
    }

    return NULL;
}
