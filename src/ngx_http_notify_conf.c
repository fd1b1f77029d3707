/*
 * The configuration: defaults, merge, and what is wrong with several
 * directives together.  That is known in merge only, when nginx is at the end
 * of http {}, so that a directive's place is kept for the message.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "notify_zone.h"
#include "ngx_http_notify_conf.h"


#define NGX_HTTP_NOTIFY_ZONE_SIZE  (16 * 1024 * 1024)


static void ngx_http_notify_token_names(ngx_http_notify_loc_conf_t *conf);
static void ngx_http_notify_merge_user(ngx_http_notify_loc_conf_t *conf,
    ngx_uint_t here);
static void ngx_http_notify_inherit_role(ngx_conf_t *cf,
    ngx_http_notify_loc_conf_t *prev, ngx_http_notify_loc_conf_t *conf);
static char *ngx_http_notify_check_role(ngx_conf_t *cf,
    ngx_http_notify_loc_conf_t *conf);
static char *ngx_http_notify_check_push(ngx_conf_t *cf,
    ngx_http_notify_loc_conf_t *conf, ngx_http_core_loc_conf_t *clcf);
static char *ngx_http_notify_merge_location(ngx_conf_t *cf,
    ngx_http_notify_loc_conf_t *conf);
static ngx_uint_t ngx_http_notify_sockets_of(ngx_http_notify_main_conf_t *nmcf,
    ngx_uint_t connections);
static ngx_int_t ngx_http_notify_check_reserve(
    ngx_http_notify_main_conf_t *nmcf, ngx_uint_t connections, ngx_log_t *log);
static void ngx_http_notify_log_at(ngx_uint_t level, ngx_log_t *log,
    ngx_http_notify_place_t *place, const char *fmt, ...);


void *
ngx_http_notify_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_notify_main_conf_t  *nmcf;

    nmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_notify_main_conf_t));
    if (nmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     nmcf->reserve_percent = 0;
     *     nmcf->used = 0;
     *     nmcf->generation = 0;
     *     nmcf->reserve_place = { NULL, 0 };
     */

    nmcf->zone_size = NGX_CONF_UNSET_SIZE;
    nmcf->reserve = NGX_CONF_UNSET_UINT;
    nmcf->realip = NGX_CONF_UNSET;
    nmcf->handover = NGX_CONF_UNSET;

    if (ngx_array_init(&nmcf->locations, cf->pool, 1,
                       sizeof(ngx_http_notify_location_t))
        != NGX_OK)
    {
        return NULL;
    }

    return nmcf;
}


char *
ngx_http_notify_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_notify_main_conf_t  *nmcf = conf;

    void              ***ctx;
    ngx_event_conf_t    *ecf;

    ngx_conf_init_size_value(nmcf->zone_size, NGX_HTTP_NOTIFY_ZONE_SIZE);
    ngx_conf_init_value(nmcf->handover, 1);

    if (nmcf->reserve == NGX_CONF_UNSET_UINT) {
        nmcf->reserve = 25;
        nmcf->reserve_percent = 1;
        return NGX_CONF_OK;
    }

    ctx = ngx_get_conf(cf->cycle->conf_ctx, ngx_events_module);

    if (ctx == NULL) {
        /* events {} is still to come: ngx_http_notify_check_main_conf() */
        return NGX_CONF_OK;
    }

    ecf = (*ctx)[ngx_event_core_module.ctx_index];

    if (ngx_http_notify_check_reserve(nmcf, ecf->connections, cf->log)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_notify_check_main_conf(ngx_http_notify_main_conf_t *nmcf,
    ngx_cycle_t *cycle)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (ccf->worker_processes > NOTIFY_SEATS_MAX) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "\"worker_processes\" is %i, with notify_socket and "
                      "notify_push write %d at most",
                      ccf->worker_processes, NOTIFY_SEATS_MAX);
        return NGX_ERROR;
    }

    return ngx_http_notify_check_reserve(nmcf, cycle->connection_n,
                                         cycle->log);
}


static ngx_int_t
ngx_http_notify_check_reserve(ngx_http_notify_main_conf_t *nmcf,
    ngx_uint_t connections, ngx_log_t *log)
{
    if (nmcf->reserve_place.file == NULL
        || ngx_http_notify_sockets_of(nmcf, connections))
    {
        return NGX_OK;
    }

    ngx_http_notify_log_at(NGX_LOG_EMERG, log, &nmcf->reserve_place,
                           "\"notify_reserve\" leaves no connection for "
                           "sockets, write less than worker_connections, "
                           "which is %ui", connections);
    return NGX_ERROR;
}


void *
ngx_http_notify_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_notify_loc_conf_t  *nlcf;

    nlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_notify_loc_conf_t));
    if (nlcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     nlcf->socket = 0;
     *     nlcf->push = 0;
     *     nlcf->status = 0;
     *     nlcf->user = NULL;
     *     nlcf->decode = 0;
     *     nlcf->argument = 0;
     *     nlcf->log = NULL;
     *     nlcf->role = NULL;
     *     nlcf->place = { NULL, 0 };
     *     nlcf->token_user = NULL;
     */

    nlcf->realm = NGX_CONF_UNSET_PTR;
    nlcf->origins = NGX_CONF_UNSET_PTR;
    nlcf->tokens = NGX_CONF_UNSET_PTR;
    nlcf->ping_interval = NGX_CONF_UNSET_MSEC;
    nlcf->send_buffer = NGX_CONF_UNSET_SIZE;
    nlcf->history = NGX_CONF_UNSET_UINT;
    nlcf->history_ttl = NGX_CONF_UNSET;
    nlcf->slow = NGX_CONF_UNSET_UINT;
    nlcf->deflate = NGX_CONF_UNSET_SIZE;
    nlcf->drain = NGX_CONF_UNSET_MSEC;
    nlcf->expires = NGX_CONF_UNSET_PTR;
    nlcf->lifetime = NGX_CONF_UNSET_MSEC;
    nlcf->client_rate = NGX_CONF_UNSET_UINT;
    nlcf->max_sockets = NGX_CONF_UNSET_UINT;
    nlcf->max_refuse = NGX_CONF_UNSET_UINT;
    nlcf->client_messages = NGX_CONF_UNSET_UINT;
    nlcf->client_max_size = NGX_CONF_UNSET_SIZE;
    nlcf->written = NGX_CONF_UNSET_PTR;

    return nlcf;
}


char *
ngx_http_notify_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_notify_loc_conf_t  *prev = parent;
    ngx_http_notify_loc_conf_t  *conf = child;

    ngx_uint_t  here;

    here = (conf->written != NGX_CONF_UNSET_PTR);

    ngx_http_notify_token_names(prev);
    ngx_http_notify_token_names(conf);

    ngx_conf_merge_ptr_value(conf->realm, prev->realm, NULL);
    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_ptr_value(conf->tokens, prev->tokens, NULL);
    ngx_conf_merge_msec_value(conf->ping_interval, prev->ping_interval, 30000);
    ngx_conf_merge_size_value(conf->send_buffer, prev->send_buffer,
                              64 * 1024);
    ngx_conf_merge_uint_value(conf->slow, prev->slow,
                              NGX_HTTP_NOTIFY_SLOW_CLOSE);
    ngx_conf_merge_uint_value(conf->client_messages, prev->client_messages,
                              NGX_HTTP_NOTIFY_CLIENT_IGNORE);
    ngx_conf_merge_size_value(conf->deflate, prev->deflate, 0);
    ngx_conf_merge_msec_value(conf->drain, prev->drain, 0);
    ngx_conf_merge_ptr_value(conf->expires, prev->expires, NULL);
    ngx_conf_merge_msec_value(conf->lifetime, prev->lifetime, 0);
    ngx_conf_merge_uint_value(conf->client_rate, prev->client_rate, 0);
    ngx_conf_merge_uint_value(conf->max_sockets, prev->max_sockets, 0);
    ngx_conf_merge_uint_value(conf->max_refuse, prev->max_refuse, 0);
    ngx_conf_merge_uint_value(conf->history, prev->history, 64);
    ngx_conf_merge_sec_value(conf->history_ttl, prev->history_ttl,
                             NGX_HTTP_NOTIFY_HISTORY_TTL);
    ngx_conf_merge_size_value(conf->client_max_size, prev->client_max_size,
                              4 * 1024);
    ngx_conf_merge_ptr_value(conf->written, prev->written, NULL);

    if (conf->tokens == NULL && conf->written && conf->written->token) {
        conf->written = NULL;
    }

    if (conf->role) {
        ngx_http_notify_merge_user(conf, here);

        if (ngx_http_notify_check_role(cf, conf) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

    } else {
        ngx_http_notify_inherit_role(cf, prev, conf);
    }

    return conf->role ? ngx_http_notify_merge_location(cf, conf) : NGX_CONF_OK;
}


/*
 * On one level with notify_token, notify_user is the token's sub unless it is
 * written.  (The level of http is never merged into another: it is met as that
 * of the first server.)
 */

static void
ngx_http_notify_token_names(ngx_http_notify_loc_conf_t *conf)
{
    if (conf->token_user && conf->written == NGX_CONF_UNSET_PTR) {
        conf->written = conf->token_user;
    }
}


/* notify_user around a push location speaks of sockets, not of its pushes */

static void
ngx_http_notify_merge_user(ngx_http_notify_loc_conf_t *conf, ngx_uint_t here)
{
    if (conf->written == NULL || (conf->push && !here)) {
        return;
    }

    conf->user = &conf->written->value;
    conf->decode = conf->written->decode;
    conf->argument = conf->written->argument;
}


/*
 * "if" and limit_except answer as the location around them does, unless a
 * directive in them says otherwise; nested locations do not.
 */

static void
ngx_http_notify_inherit_role(ngx_conf_t *cf, ngx_http_notify_loc_conf_t *prev,
    ngx_http_notify_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (prev->role == NULL) {
        return;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!clcf->noname || clcf->handler) {
        return;
    }

    clcf->handler = prev->role->handler;

    conf->role = prev->role;
    conf->socket = prev->socket;
    conf->push = prev->push;
    conf->status = prev->status;
    conf->user = prev->user;
    conf->decode = prev->decode;
    conf->argument = prev->argument;
}


static char *
ngx_http_notify_check_role(ngx_conf_t *cf, ngx_http_notify_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != conf->role->handler) {
        ngx_http_notify_log_at(NGX_LOG_EMERG, cf->log, &conf->place,
                               "\"%s\" and another directive that answers "
                               "requests, such as proxy_pass, are in one "
                               "location, write a location for each",
                               conf->role->name);
        return NGX_CONF_ERROR;
    }

    if (conf->push && conf->user == NULL) {
        return ngx_http_notify_check_push(cf, conf, clcf);
    }

    if (conf->socket && conf->written && conf->written->settable.len) {
        ngx_http_notify_log_at(NGX_LOG_WARN, cf->log, &conf->written->place,
                               "any client can set \"$%V\" and be whom it "
                               "likes, write in \"notify_user\" what your "
                               "login has checked, such as $remote_user or a "
                               "variable of auth_request_set",
                               &conf->written->settable);

        /* once, not for each location below */

        conf->written->settable.len = 0;
    }

    return NGX_CONF_OK;
}


/* of a push location that takes the user from the path */

static char *
ngx_http_notify_check_push(ngx_conf_t *cf, ngx_http_notify_loc_conf_t *conf,
    ngx_http_core_loc_conf_t *clcf)
{
    ngx_uint_t  nowhere;

    nowhere = clcf->named || clcf->exact_match;

#if (NGX_PCRE)
    if (clcf->regex) {
        nowhere = 1;
    }
#endif

    if (nowhere) {
        ngx_http_notify_log_at(NGX_LOG_EMERG, cf->log, &conf->place,
                               "\"%s\" cannot tell where the user begins in "
                               "a path that came to location \"%V\", write "
                               "\"notify_user $name;\" in it with a variable "
                               "that has it", conf->role->name, &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (clcf->name.data[clcf->name.len - 1] != '/') {
        ngx_http_notify_log_at(NGX_LOG_WARN, cf->log, &conf->place,
                               "a push to \"%V/42\" is for the user \"/42\", "
                               "write \"location %V/\" for \"42\"",
                               &clcf->name, &clcf->name);
    }

    return NGX_CONF_OK;
}


/* its log and its name are filled in when all is parsed */

static char *
ngx_http_notify_merge_location(ngx_conf_t *cf,
    ngx_http_notify_loc_conf_t *conf)
{
    ngx_http_notify_location_t   *location;
    ngx_http_notify_main_conf_t  *nmcf;

    if (!conf->socket && !conf->push) {
        return NGX_CONF_OK;
    }

    conf->log = ngx_pcalloc(cf->pool, sizeof(ngx_log_t));
    if (conf->log == NULL) {
        return NGX_CONF_ERROR;
    }

    nmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_notify_module);

    location = ngx_array_push(&nmcf->locations);
    if (location == NULL) {
        return NGX_CONF_ERROR;
    }

    location->conf = conf;
    location->clcf = ngx_http_conf_get_module_loc_conf(cf,
                                                       ngx_http_core_module);
    location->cscf = ngx_http_conf_get_module_srv_conf(cf,
                                                       ngx_http_core_module);

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_notify_sockets_max(ngx_http_notify_main_conf_t *nmcf,
    ngx_cycle_t *cycle)
{
    return ngx_http_notify_sockets_of(nmcf, cycle->connection_n);
}


static ngx_uint_t
ngx_http_notify_sockets_of(ngx_http_notify_main_conf_t *nmcf,
    ngx_uint_t connections)
{
    ngx_uint_t  reserve;

    reserve = nmcf->reserve;

    if (nmcf->reserve_percent) {
        reserve = (connections * reserve + 99) / 100;
    }

    return reserve < connections ? connections - reserve : 0;
}


static void
ngx_http_notify_log_at(ngx_uint_t level, ngx_log_t *log,
    ngx_http_notify_place_t *place, const char *fmt, ...)
{
    u_char   text[NGX_MAX_CONF_ERRSTR], *last;
    va_list  args;

    va_start(args, fmt);
    last = ngx_vslprintf(text, text + NGX_MAX_CONF_ERRSTR, fmt, args);
    va_end(args);

    ngx_log_error(level, log, 0, "%*s in %s:%ui",
                  (size_t) (last - text), text, place->file, place->line);
}
