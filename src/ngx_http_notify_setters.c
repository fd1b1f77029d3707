/*
 * Setters of the directives: each finds what is wrong with its own, and says
 * what to write.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "notify_keys.h"
#include "notify_upgrade.h"
#include "notify_zone.h"
#include "ngx_http_notify_conf.h"
#include "ngx_http_notify_setters.h"


#define NGX_HTTP_NOTIFY_ZONE_MAX   ((off_t) 64 << 30)   /* notify_zone.c's
                                                           address space */

/* reading a history takes time with its length, under the zone's lock */
#define NGX_HTTP_NOTIFY_HISTORY_MAX      1024
#define NGX_HTTP_NOTIFY_HISTORY_TTL_MAX  (7 * 24 * 60 * 60)


static char *ngx_http_notify_role(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_notify_loc_conf_t *nlcf);
static ngx_int_t ngx_http_notify_find_realip(ngx_conf_t *cf,
    ngx_http_notify_main_conf_t *nmcf);
static ngx_str_t ngx_http_notify_find_variable(ngx_str_t *text,
    const char *prefix);
static char *ngx_http_notify_origin(ngx_conf_t *cf, ngx_str_t *pattern);
static ngx_http_notify_place_t ngx_http_notify_here(ngx_conf_t *cf);
static char *ngx_http_notify_invalid(ngx_conf_t *cf, const char *write);
static char *ngx_http_notify_invalid_at(ngx_conf_t *cf, ngx_uint_t i,
    const char *write);


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
ngx_http_notify_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_loc_conf_t *nlcf = conf;

    size_t      len;
    ngx_int_t   n, scale;
    ngx_str_t  *value;

    static const char  write[] = "a rate such as 10r/s or 30r/m, from 1r/m to "
                                 "100000r/s, or off";

    if (nlcf->client_rate != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    len = value[1].len;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        nlcf->client_rate = 0;
        return NGX_CONF_OK;
    }

    if (len < 4) {
        return ngx_http_notify_invalid(cf, write);
    }

    if (ngx_strncmp(value[1].data + len - 3, "r/s", 3) == 0) {
        scale = 1;

    } else if (ngx_strncmp(value[1].data + len - 3, "r/m", 3) == 0) {
        scale = 60;

    } else {
        return ngx_http_notify_invalid(cf, write);
    }

    n = ngx_atoi(value[1].data, len - 3);

    if (n < 1 || n > 100000) {
        return ngx_http_notify_invalid(cf, write);
    }

    nlcf->client_rate = (ngx_uint_t) (n * 1000 / scale);

    return NGX_CONF_OK;
}


char *
ngx_http_notify_max_sockets(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_loc_conf_t *nlcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    static const char  write[] = "a number of sockets from 1 to 1024 and, if "
                                 "you like, refuse, or off";

    if (nlcf->max_sockets != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_strcmp(value[1].data, "off") == 0
        ? 0 : ngx_atoi(value[1].data, value[1].len);

    if (n < 0 || n > (ngx_int_t) NOTIFY_MEMBERS_MAX) {
        return ngx_http_notify_invalid(cf, write);
    }

    nlcf->max_sockets = (ngx_uint_t) n;
    nlcf->max_refuse = (cf->args->nelts == 3);

    if (nlcf->max_refuse
        && (n == 0 || ngx_strcmp(value[2].data, "refuse") != 0))
    {
        return ngx_http_notify_invalid_at(cf, 2, write);
    }

    return NGX_CONF_OK;
}


char *
ngx_http_notify_history(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_loc_conf_t *nlcf = conf;

    time_t      ttl;
    ngx_int_t   n;
    ngx_str_t  *value;

    static const char  write[] = "a number of messages from 1 to 1024 and, "
                                 "if you like, a time such as 10m, or off";

    if (nlcf->history != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        nlcf->history = 0;
        return cf->args->nelts == 2 ? NGX_CONF_OK
                                    : ngx_http_notify_invalid(cf, write);
    }

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > NGX_HTTP_NOTIFY_HISTORY_MAX) {
        return ngx_http_notify_invalid(cf, write);
    }

    nlcf->history = (ngx_uint_t) n;
    nlcf->history_ttl = NGX_HTTP_NOTIFY_HISTORY_TTL;

    if (cf->args->nelts == 3) {
        ttl = ngx_parse_time(&value[2], 1);

        if (ttl < 1 || ttl > NGX_HTTP_NOTIFY_HISTORY_TTL_MAX) {
            return ngx_http_notify_invalid(cf, write);
        }

        nlcf->history_ttl = ttl;
    }

    return NGX_CONF_OK;
}


/* off is 0 */

char *
ngx_http_notify_time_or_off(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t   *value;
    ngx_msec_t  *msec;

    value = cf->args->elts;
    msec = (ngx_msec_t *) (p + cmd->offset);

    if (*msec == NGX_CONF_UNSET_MSEC && ngx_strcmp(value[1].data, "off") == 0) {
        *msec = 0;
        return NGX_CONF_OK;
    }

    return ngx_http_notify_time(cf, cmd, conf);
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


/* off is 0 */

char *
ngx_http_notify_size_or_off(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    size_t     *size;
    ngx_str_t  *value;

    value = cf->args->elts;
    size = (size_t *) (p + cmd->offset);

    if (*size == NGX_CONF_UNSET_SIZE && ngx_strcmp(value[1].data, "off") == 0) {
        *size = 0;
        return NGX_CONF_OK;
    }

    return ngx_http_notify_size(cf, cmd, conf);
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


static ngx_http_notify_place_t
ngx_http_notify_here(ngx_conf_t *cf)
{
    ngx_http_notify_place_t  place;

    place.file = cf->conf_file->file.name.data;
    place.line = cf->conf_file->line;

    return place;
}


static char *
ngx_http_notify_invalid(ngx_conf_t *cf, const char *write)
{
    return ngx_http_notify_invalid_at(cf, 1, write);
}


static char *
ngx_http_notify_invalid_at(ngx_conf_t *cf, ngx_uint_t i, const char *write)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\", write %s",
                       &value[i], &value[0], write);

    return NGX_CONF_ERROR;
}
