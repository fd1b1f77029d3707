/*
 * The configuration: setters, defaults, merge.
 *
 * What is wrong with one directive is found by its setter; what is wrong with
 * several of them, in merge, where all are known.  nginx is at the end of
 * http {} by then, so that a directive's place is kept for the message.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "notify_keys.h"
#include "notify_upgrade.h"
#include "notify_zone.h"
#include "ngx_http_notify_conf.h"


#define NGX_HTTP_NOTIFY_ZONE_SIZE  (16 * 1024 * 1024)
#define NGX_HTTP_NOTIFY_ZONE_MAX   ((off_t) 64 << 30)   /* notify_zone.c's
                                                           address space */


typedef struct {
    ngx_log_t                  *log;            /* a location's, to fill in */
    ngx_log_t                  *from;           /* its error_log */
} ngx_http_notify_open_log_t;


static char *ngx_http_notify_role(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_notify_loc_conf_t *nlcf);
static ngx_int_t ngx_http_notify_find_realip(ngx_conf_t *cf,
    ngx_http_notify_main_conf_t *nmcf);
static ngx_str_t ngx_http_notify_find_variable(ngx_str_t *text,
    const char *prefix);
static char *ngx_http_notify_origin(ngx_conf_t *cf, ngx_str_t *pattern);

static void ngx_http_notify_merge_user(ngx_http_notify_loc_conf_t *conf,
    ngx_uint_t here);
static void ngx_http_notify_inherit_role(ngx_conf_t *cf,
    ngx_http_notify_loc_conf_t *prev, ngx_http_notify_loc_conf_t *conf);
static char *ngx_http_notify_check_role(ngx_conf_t *cf,
    ngx_http_notify_loc_conf_t *conf);
static char *ngx_http_notify_check_push(ngx_conf_t *cf,
    ngx_http_notify_loc_conf_t *conf, ngx_http_core_loc_conf_t *clcf);
static char *ngx_http_notify_merge_log(ngx_conf_t *cf,
    ngx_http_notify_loc_conf_t *conf);

static ngx_uint_t ngx_http_notify_sockets_of(ngx_http_notify_main_conf_t *nmcf,
    ngx_uint_t connections);
static ngx_http_notify_place_t ngx_http_notify_here(ngx_conf_t *cf);
static void ngx_http_notify_log_at(ngx_uint_t level, ngx_conf_t *cf,
    ngx_http_notify_place_t *place, const char *fmt, ...);
static char *ngx_http_notify_invalid(ngx_conf_t *cf, const char *write);


char *
ngx_http_notify_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_main_conf_t  *nmcf = conf;

    off_t       size;
    ngx_str_t  *value;

    if (nmcf->zone_size != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    size = ngx_parse_offset(&value[1]);

    if (size < (off_t) NOTIFY_ZONE_MIN
        || size > NGX_HTTP_NOTIFY_ZONE_MAX
        || size > (off_t) (NGX_MAX_SIZE_T_VALUE / 2))
    {
        return ngx_http_notify_invalid(cf,
                                  "a size such as 32m, from 256k to 64g");
    }

    nmcf->zone_size = (size_t) size;

    return NGX_CONF_OK;
}


char *
ngx_http_notify_reserve(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_main_conf_t  *nmcf = conf;

    size_t      len;
    ngx_int_t   n;
    ngx_str_t  *value;

    if (nmcf->reserve != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    len = value[1].len;
    nmcf->reserve_percent = (len && value[1].data[len - 1] == '%');

    if (nmcf->reserve_percent) {
        len--;
    }

    n = ngx_atoi(value[1].data, len);

    if (n == NGX_ERROR || (nmcf->reserve_percent && n >= 100)) {
        return ngx_http_notify_invalid(cf, "a number of connections such as "
                                       "100, or a share such as 25%");
    }

    nmcf->reserve = (ngx_uint_t) n;
    nmcf->reserve_place = ngx_http_notify_here(cf);

    return NGX_CONF_OK;
}


char *
ngx_http_notify_socket(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_loc_conf_t  *nlcf = conf;

    char  *rv;

    rv = ngx_http_notify_role(cf, cmd, nlcf);

    if (rv == NGX_CONF_OK) {
        nlcf->socket = 1;
    }

    return rv;
}


char *
ngx_http_notify_push(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_loc_conf_t  *nlcf = conf;

    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   from;

    from = NGX_HTTP_NOTIFY_PUSH_LOCAL;

    if (cf->args->nelts == 2) {
        value = cf->args->elts;

        if (ngx_strcmp(value[1].data, "from=any") == 0) {
            from = NGX_HTTP_NOTIFY_PUSH_ANY;

        } else if (ngx_strcmp(value[1].data, "from=local") != 0) {
            return ngx_http_notify_invalid(cf, "from=local or from=any");
        }
    }

    rv = ngx_http_notify_role(cf, cmd, nlcf);

    if (rv == NGX_CONF_OK) {
        nlcf->push = from;
    }

    return rv;
}


char *
ngx_http_notify_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_loc_conf_t  *nlcf = conf;

    char  *rv;

    rv = ngx_http_notify_role(cf, cmd, nlcf);

    if (rv == NGX_CONF_OK) {
        nlcf->status = 1;
    }

    return rv;
}


static char *
ngx_http_notify_role(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_notify_loc_conf_t *nlcf)
{
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_notify_main_conf_t  *nmcf;

    if (nlcf->role == cmd->post) {
        return "is duplicate";
    }

    if (nlcf->role) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" and \"%s\" are in one location, "
                           "write a location for each",
                           &cmd->name, nlcf->role->name);
        return NGX_CONF_ERROR;
    }

    nmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_notify_module);

    if (ngx_http_notify_find_realip(cf, nmcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    nmcf->used = 1;

    nlcf->role = cmd->post;
    nlcf->place = ngx_http_notify_here(cf);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* one that was there is met in merge, like one that is still to come */

    if (clcf->handler == NULL) {
        clcf->handler = nlcf->role->handler;
    }

    return NGX_CONF_OK;
}


/*
 * A variable that does not exist cannot be indexed; modules add theirs before
 * the first directive is read.
 */

static ngx_int_t
ngx_http_notify_find_realip(ngx_conf_t *cf, ngx_http_notify_main_conf_t *nmcf)
{
    ngx_uint_t                  i;
    ngx_hash_key_t             *key;
    ngx_http_core_main_conf_t  *cmcf;

    static ngx_str_t  name = ngx_string("realip_remote_addr");

    if (nmcf->realip != NGX_CONF_UNSET) {
        return NGX_OK;
    }

    nmcf->realip = NGX_DECLINED;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    key = cmcf->variables_keys->keys.elts;

    for (i = 0; i < cmcf->variables_keys->keys.nelts; i++) {

        if (key[i].key.len == name.len
            && ngx_strncmp(key[i].key.data, name.data, name.len) == 0)
        {
            nmcf->realip = ngx_http_get_variable_index(cf, &name);

            return nmcf->realip == NGX_ERROR ? NGX_ERROR : NGX_OK;
        }
    }

    return NGX_OK;
}


char *
ngx_http_notify_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_loc_conf_t  *nlcf = conf;

    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_notify_user_t            *user;
    ngx_http_compile_complex_value_t   ccv;

    static const char  *prefixes[] = { "http_", "cookie_", "arg_" };

    if (nlcf->written != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_http_notify_invalid(cf, "a variable that names the user");
    }

    user = ngx_pcalloc(cf->pool, sizeof(ngx_http_notify_user_t));
    if (user == NULL) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "decode") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in \"%V\", "
                               "write decode or nothing",
                               &value[2], &cmd->name);
            return NGX_CONF_ERROR;
        }

        user->decode = 1;
    }

    user->place = ngx_http_notify_here(cf);
    user->argument = ngx_http_notify_find_variable(&value[1], "arg_").len != 0;

    for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {

        if (user->settable.len == 0) {
            user->settable = ngx_http_notify_find_variable(&value[1],
                                                           prefixes[i]);
        }
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = &user->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    nlcf->written = user;

    return NGX_CONF_OK;
}


/* The name of the first variable in the text that has this prefix. */

static ngx_str_t
ngx_http_notify_find_variable(ngx_str_t *text, const char *prefix)
{
    u_char     *p, *end;
    size_t      len;
    ngx_str_t   name;

    len = ngx_strlen(prefix);
    end = text->data + text->len;

    for (p = text->data; p < end; p++) {

        if (*p != '$') {
            continue;
        }

        if (end - p > 1 && p[1] == '{') {
            p++;
        }

        if ((size_t) (end - p) <= len
            || ngx_strncasecmp(p + 1, (u_char *) prefix, len) != 0)
        {
            continue;
        }

        name.data = p + 1;

        for (p = name.data + len; p < end; p++) {
            if (!(*p == '_'
                  || (*p >= '0' && *p <= '9')
                  || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z')))
            {
                break;
            }
        }

        name.len = p - name.data;

        return name;
    }

    ngx_str_null(&name);

    return name;
}


char *
ngx_http_notify_realm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_loc_conf_t  *nlcf = conf;

    char  *rv;

    rv = ngx_http_set_complex_value_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (nlcf->realm->lengths == NULL
        && nlcf->realm->value.len > NOTIFY_REALM_MAX)
    {
        return ngx_http_notify_invalid(cf, "at most 255 bytes");
    }

    return NGX_CONF_OK;
}


char *
ngx_http_notify_origins(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_loc_conf_t  *nlcf = conf;

    char        *rv;
    ngx_str_t   *value, *pattern;
    ngx_uint_t   i, n;

    if (nlcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = cf->args->nelts - 1;

    if (n == 1 && ngx_strcmp(value[1].data, "same") == 0) {
        nlcf->origins = NULL;
        return NGX_CONF_OK;
    }

    nlcf->origins = ngx_array_create(cf->pool, n, sizeof(ngx_str_t));
    if (nlcf->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i <= n; i++) {

        if (n > 1 && ngx_strcmp(value[i].data, "any") == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"any\" in \"%V\" lets in what stands beside "
                               "it, write \"any\" or the others", &cmd->name);
            return NGX_CONF_ERROR;
        }

        rv = ngx_http_notify_origin(cf, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }

        pattern = ngx_array_push(nlcf->origins);
        if (pattern == NULL) {
            return NGX_CONF_ERROR;
        }

        *pattern = value[i];
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_notify_origin(ngx_conf_t *cf, ngx_str_t *pattern)
{
    const char  *why;

    if (ngx_strcmp(pattern->data, "same") == 0
        || notify_origin_pattern_valid(pattern->data, pattern->len, &why))
    {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid pattern \"%V\" in \"notify_origins\": %s, "
                       "write same, any, https://example.com, example.com or "
                       "*.example.com", pattern, why);

    return NGX_CONF_ERROR;
}


char *
ngx_http_notify_time(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_int_t                  n;
    ngx_str_t                 *value;
    ngx_msec_t                *msec;
    ngx_http_notify_bounds_t  *bounds;

    msec = (ngx_msec_t *) (p + cmd->offset);

    if (*msec != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;
    bounds = cmd->post;

    n = ngx_parse_time(&value[1], 0);

    if (n == NGX_ERROR
        || (ngx_uint_t) n < bounds->min
        || (ngx_uint_t) n > bounds->max)
    {
        return ngx_http_notify_invalid(cf, bounds->write);
    }

    *msec = (ngx_msec_t) n;

    return NGX_CONF_OK;
}


char *
ngx_http_notify_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    size_t                    *size;
    ssize_t                    n;
    ngx_str_t                 *value;
    ngx_http_notify_bounds_t  *bounds;

    size = (size_t *) (p + cmd->offset);

    if (*size != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;
    bounds = cmd->post;

    n = ngx_parse_size(&value[1]);

    if (n == NGX_ERROR
        || (ngx_uint_t) n < bounds->min
        || (ngx_uint_t) n > bounds->max)
    {
        return ngx_http_notify_invalid(cf, bounds->write);
    }

    *size = (size_t) n;

    return NGX_CONF_OK;
}


char *
ngx_http_notify_word(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                *value;
    ngx_uint_t               *chosen, i;
    ngx_conf_enum_t          *word;
    ngx_http_notify_words_t  *words;

    chosen = (ngx_uint_t *) (p + cmd->offset);

    if (*chosen != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    words = cmd->post;
    word = words->words;

    for (i = 0; word[i].name.len != 0; i++) {

        if (word[i].name.len == value[1].len
            && ngx_strcasecmp(word[i].name.data, value[1].data) == 0)
        {
            *chosen = word[i].value;
            return NGX_CONF_OK;
        }
    }

    return ngx_http_notify_invalid(cf, words->write);
}


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

    if (ngx_array_init(&nmcf->logs, cf->pool, 1,
                       sizeof(ngx_http_notify_open_log_t))
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

    if (nmcf->reserve == NGX_CONF_UNSET_UINT) {
        nmcf->reserve = 25;
        nmcf->reserve_percent = 1;
        return NGX_CONF_OK;
    }

    ctx = ngx_get_conf(cf->cycle->conf_ctx, ngx_events_module);

    if (ctx == NULL) {

        /* events {} is still to come: workers find no connection for sockets */

        return NGX_CONF_OK;
    }

    ecf = (*ctx)[ngx_event_core_module.ctx_index];

    if (ngx_http_notify_sockets_of(nmcf, ecf->connections) == 0) {
        ngx_http_notify_log_at(NGX_LOG_EMERG, cf, &nmcf->reserve_place,
                               "\"notify_reserve\" leaves no connection for "
                               "sockets, write less than worker_connections, "
                               "which is %ui", ecf->connections);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
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
     */

    nlcf->realm = NGX_CONF_UNSET_PTR;
    nlcf->origins = NGX_CONF_UNSET_PTR;
    nlcf->ping_interval = NGX_CONF_UNSET_MSEC;
    nlcf->send_buffer = NGX_CONF_UNSET_SIZE;
    nlcf->slow = NGX_CONF_UNSET_UINT;
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

    ngx_conf_merge_ptr_value(conf->realm, prev->realm, NULL);
    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_msec_value(conf->ping_interval, prev->ping_interval, 30000);
    ngx_conf_merge_size_value(conf->send_buffer, prev->send_buffer,
                              64 * 1024);
    ngx_conf_merge_uint_value(conf->slow, prev->slow,
                              NGX_HTTP_NOTIFY_SLOW_CLOSE);
    ngx_conf_merge_uint_value(conf->client_messages, prev->client_messages,
                              NGX_HTTP_NOTIFY_CLIENT_IGNORE);
    ngx_conf_merge_size_value(conf->client_max_size, prev->client_max_size,
                              4 * 1024);
    ngx_conf_merge_ptr_value(conf->written, prev->written, NULL);

    if (conf->role) {
        ngx_http_notify_merge_user(conf, here);

        if (ngx_http_notify_check_role(cf, conf) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

    } else {
        ngx_http_notify_inherit_role(cf, prev, conf);
    }

    return conf->role ? ngx_http_notify_merge_log(cf, conf) : NGX_CONF_OK;
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
        ngx_http_notify_log_at(NGX_LOG_EMERG, cf, &conf->place,
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
        ngx_http_notify_log_at(NGX_LOG_WARN, cf, &conf->written->place,
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

    nowhere = clcf->named;

#if (NGX_PCRE)
    if (clcf->regex) {
        nowhere = 1;
    }
#endif

    if (nowhere) {
        ngx_http_notify_log_at(NGX_LOG_EMERG, cf, &conf->place,
                               "\"%s\" cannot tell where the user begins in "
                               "a path that came to location \"%V\", write "
                               "\"notify_user $name;\" in it with a variable "
                               "that has it", conf->role->name, &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (!clcf->exact_match && clcf->name.data[clcf->name.len - 1] != '/') {
        ngx_http_notify_log_at(NGX_LOG_WARN, cf, &conf->place,
                               "a push to \"%V/42\" is for the user \"/42\", "
                               "write \"location %V/\" for \"42\"",
                               &clcf->name, &clcf->name);
    }

    return NGX_CONF_OK;
}


/*
 * What a location's sockets log with outlives their requests, whose logs are
 * their connections'.
 */

static char *
ngx_http_notify_merge_log(ngx_conf_t *cf, ngx_http_notify_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_notify_open_log_t   *open;
    ngx_http_notify_main_conf_t  *nmcf;

    if (conf->role->log == NULL) {
        return NGX_CONF_OK;
    }

    conf->log = ngx_pcalloc(cf->pool, sizeof(ngx_log_t));
    if (conf->log == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->log->handler = conf->role->log;

    nmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_notify_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    open = ngx_array_push(&nmcf->logs);
    if (open == NULL) {
        return NGX_CONF_ERROR;
    }

    open->log = conf->log;
    open->from = clcf->error_log;

    return NGX_CONF_OK;
}


void
ngx_http_notify_open_logs(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_http_notify_open_log_t   *open;
    ngx_http_notify_main_conf_t  *nmcf;

    nmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_notify_module);
    if (nmcf == NULL) {
        return;
    }

    open = nmcf->logs.elts;

    for (i = 0; i < nmcf->logs.nelts; i++) {
        open[i].log->log_level = open[i].from->log_level;
        open[i].log->file = open[i].from->file;
        open[i].log->writer = open[i].from->writer;
        open[i].log->wdata = open[i].from->wdata;
        open[i].log->next = open[i].from->next;
    }
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


static ngx_http_notify_place_t
ngx_http_notify_here(ngx_conf_t *cf)
{
    ngx_http_notify_place_t  place;

    place.file = cf->conf_file->file.name.data;
    place.line = cf->conf_file->line;

    return place;
}


static void
ngx_http_notify_log_at(ngx_uint_t level, ngx_conf_t *cf,
    ngx_http_notify_place_t *place, const char *fmt, ...)
{
    u_char   text[NGX_MAX_CONF_ERRSTR], *last;
    va_list  args;

    va_start(args, fmt);
    last = ngx_vslprintf(text, text + NGX_MAX_CONF_ERRSTR, fmt, args);
    va_end(args);

    ngx_log_error(level, cf->log, 0, "%*s in %s:%ui",
                  (size_t) (last - text), text, place->file, place->line);
}


static char *
ngx_http_notify_invalid(ngx_conf_t *cf, const char *write)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\", write %s",
                       &value[1], &value[0], write);

    return NGX_CONF_ERROR;
}
