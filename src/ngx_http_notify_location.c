/*
 * Which location a socket belongs to, in words that another configuration
 * understands.
 */

#include "ngx_http_notify_location.h"


typedef struct {
    uint64_t                     name;      /* equals have the same */
    uint64_t                     id;
    ngx_http_notify_loc_conf_t  *conf;
} ngx_http_notify_location_t;


typedef struct {
    uint32_t                     a;
    uint32_t                     b;
} ngx_http_notify_hash_t;


static void ngx_http_notify_location_listen(ngx_http_notify_hash_t *h,
    ngx_http_core_main_conf_t *cmcf, ngx_http_core_srv_conf_t *cscf);
static void ngx_http_notify_location_hash(ngx_http_notify_hash_t *h,
    ngx_str_t *s);


ngx_int_t
ngx_http_notify_location_add(ngx_conf_t *cf, ngx_http_notify_loc_conf_t *nlcf)
{
    uint64_t                      equals;
    ngx_uint_t                    i;
    ngx_http_notify_hash_t        h;
    ngx_http_server_name_t       *name;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_core_srv_conf_t     *cscf;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_notify_location_t   *l;
    ngx_http_notify_main_conf_t  *nmcf;

    nmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_notify_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    h.a = 0;
    ngx_crc32_init(h.b);

    ngx_http_notify_location_listen(&h, cmcf, cscf);

    if (cscf->server_names.nelts) {
        name = cscf->server_names.elts;
        ngx_http_notify_location_hash(&h, &name[0].name);
    }

    ngx_http_notify_location_hash(&h, &clcf->name);

    if (nmcf->locations.elts == NULL
        && ngx_array_init(&nmcf->locations, cf->pool, 4,
                          sizeof(ngx_http_notify_location_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    l = ngx_array_push(&nmcf->locations);
    if (l == NULL) {
        return NGX_ERROR;
    }

    l->name = (uint64_t) h.a << 32 | h.b;
    l->conf = nlcf;

    equals = 0;

    for (i = 0; i + 1 < nmcf->locations.nelts; i++) {
        if (((ngx_http_notify_location_t *) nmcf->locations.elts)[i].name
            == l->name)
        {
            equals++;
        }
    }

    l->id = l->name + equals;
    nlcf->id = l->id;

    return NGX_OK;
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
        if (l[i].id == id) {
            return l[i].conf;
        }
    }

    return NULL;
}
