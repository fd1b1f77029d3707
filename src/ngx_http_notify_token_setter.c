/*
 * The setter of notify_token: reads keys, and what else a token must be.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_notify_conf.h"
#include "ngx_http_notify_token.h"
#include "ngx_http_notify_token_setter.h"


#define NGX_HTTP_NOTIFY_LEEWAY_MAX  (60 * 60)   /* seconds */

#define ngx_http_notify_has_prefix(value, prefix)                             \
    (ngx_strncmp((value)->data, prefix, sizeof(prefix) - 1) == 0)


static ngx_http_notify_token_t *ngx_http_notify_token_add(ngx_conf_t *cf,
    ngx_http_notify_loc_conf_t *nlcf);
static ngx_http_notify_user_t *ngx_http_notify_token_user(ngx_conf_t *cf);
static char *ngx_http_notify_token_parameter(ngx_conf_t *cf,
    ngx_http_notify_token_t *token, notify_signature_alg_e alg,
    ngx_str_t *value);
static char *ngx_http_notify_token_text(ngx_conf_t *cf, const char **text,
    ngx_str_t *value, size_t prefix);
static char *ngx_http_notify_token_key(ngx_conf_t *cf,
    ngx_http_notify_token_t *token, notify_signature_alg_e alg,
    ngx_str_t *value);
static char *ngx_http_notify_token_read(ngx_conf_t *cf, ngx_str_t *name,
    u_char *buf, size_t *size);
static void ngx_http_notify_token_free(void *data);
static char *ngx_http_notify_token_from(ngx_conf_t *cf,
    ngx_http_notify_token_t *token, ngx_str_t *value);
static ngx_int_t ngx_http_notify_token_place(ngx_conf_t *cf,
    ngx_http_notify_token_t *token, const char *prefix, ngx_str_t *name);
static char *ngx_http_notify_token_invalid(ngx_conf_t *cf, ngx_str_t *value,
    const char *write);


char *
ngx_http_notify_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_notify_loc_conf_t  *nlcf = conf;

    char                     *rv;
    ngx_str_t                *value;
    ngx_uint_t                i;
    notify_signature_alg_e    alg;
    ngx_http_notify_token_t  *token;

    static ngx_str_t  defaults[] = {
        ngx_string("from=header"),
        ngx_string("from=protocol"),
        ngx_string("from=query:token")
    };

    value = cf->args->elts;

    if (nlcf->tokens == NULL) {
        return "is duplicate";
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {

        if (nlcf->tokens != NGX_CONF_UNSET_PTR || cf->args->nelts > 2) {
            return ngx_http_notify_token_invalid(cf, &value[1],
                                                 "off alone, or the others");
        }

        nlcf->tokens = NULL;
        return NGX_CONF_OK;
    }

    alg = notify_signature_alg((char *) value[1].data);

    if (alg == NOTIFY_SIGNATURE_ALGS) {
        return ngx_http_notify_token_invalid(cf, &value[1], "HS256, RS256, "
                                             "ES256, EdDSA or off");
    }

    token = ngx_http_notify_token_add(cf, nlcf);
    if (token == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_notify_token_parameter(cf, token, alg, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    token->rule.keys = token->keys.elts;
    token->rule.nkeys = token->keys.nelts;

    if (token->keys.nelts == 0) {
        return ngx_http_notify_token_invalid(cf, &value[1],
                                             "key=file or key=env:NAME "
                                             "behind it");
    }

    /* where no place is written */

    for (i = 0; i < 3 && token->places.nelts == i; i++) {
        rv = ngx_http_notify_token_from(cf, token, &defaults[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static ngx_http_notify_token_t *
ngx_http_notify_token_add(ngx_conf_t *cf, ngx_http_notify_loc_conf_t *nlcf)
{
    ngx_uint_t                n;
    ngx_http_notify_token_t  *token;

    if (nlcf->tokens == NGX_CONF_UNSET_PTR) {

        nlcf->token_user = ngx_http_notify_token_user(cf);
        if (nlcf->token_user == NULL) {
            return NULL;
        }

        nlcf->tokens = ngx_array_create(cf->pool, 1,
                                        sizeof(ngx_http_notify_token_t));
        if (nlcf->tokens == NULL) {
            return NULL;
        }
    }

    token = ngx_array_push(nlcf->tokens);
    if (token == NULL) {
        return NULL;
    }

    ngx_memzero(token, sizeof(ngx_http_notify_token_t));

    /* as many as will ever be, so that none is moved: cleanups know keys */

    n = cf->args->nelts;

    if (ngx_array_init(&token->keys, cf->pool, n, sizeof(notify_token_key_t))
        != NGX_OK
        || ngx_array_init(&token->places, cf->pool, 3,
                          sizeof(ngx_http_notify_place_of_token_t))
           != NGX_OK)
    {
        return NULL;
    }

    return token;
}


/* what notify_user is where it is not written: merge has the last word */

static ngx_http_notify_user_t *
ngx_http_notify_token_user(ngx_conf_t *cf)
{
    ngx_http_notify_user_t            *user;
    ngx_http_compile_complex_value_t   ccv;

    static ngx_str_t  sub = ngx_string("$notify_token_sub");

    user = ngx_pcalloc(cf->pool, sizeof(ngx_http_notify_user_t));
    if (user == NULL) {
        return NULL;
    }

    user->token = 1;
    user->place.file = cf->conf_file->file.name.data;
    user->place.line = cf->conf_file->line;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &sub;
    ccv.complex_value = &user->value;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? user : NULL;
}


static char *
ngx_http_notify_token_parameter(ngx_conf_t *cf, ngx_http_notify_token_t *token,
    notify_signature_alg_e alg, ngx_str_t *value)
{
    time_t               leeway;
    ngx_str_t            time;
    notify_token_key_t  *key;

    if (ngx_http_notify_has_prefix(value, "key=")) {
        return ngx_http_notify_token_key(cf, token, alg, value);
    }

    if (ngx_http_notify_has_prefix(value, "kid=")) {
        key = token->keys.elts;

        if (token->keys.nelts == 0) {
            return ngx_http_notify_token_invalid(cf, value, "it behind the "
                                                 "key= that it names");
        }

        return ngx_http_notify_token_text(cf, &key[token->keys.nelts - 1].kid,
                                          value, sizeof("kid=") - 1);
    }

    if (ngx_http_notify_has_prefix(value, "aud=")) {
        return ngx_http_notify_token_text(cf, &token->rule.aud, value,
                                          sizeof("aud=") - 1);
    }

    if (ngx_http_notify_has_prefix(value, "iss=")) {
        return ngx_http_notify_token_text(cf, &token->rule.iss, value,
                                          sizeof("iss=") - 1);
    }

    if (ngx_http_notify_has_prefix(value, "leeway=")) {
        time.data = value->data + sizeof("leeway=") - 1;
        time.len = value->len - (sizeof("leeway=") - 1);

        leeway = ngx_parse_time(&time, 1);

        if (leeway == (time_t) NGX_ERROR
            || leeway > NGX_HTTP_NOTIFY_LEEWAY_MAX)
        {
            return ngx_http_notify_token_invalid(cf, value, "a time such as "
                                                 "leeway=5s, up to 1h");
        }

        token->rule.leeway = leeway;

        return NGX_CONF_OK;
    }

    if (ngx_http_notify_has_prefix(value, "from=")) {
        return ngx_http_notify_token_from(cf, token, value);
    }

    return ngx_http_notify_token_invalid(cf, value, "key=, kid=, aud=, iss=, "
                                         "leeway= or from=");
}


static char *
ngx_http_notify_token_text(ngx_conf_t *cf, const char **text, ngx_str_t *value,
    size_t prefix)
{
    if (*text || value->len == prefix) {
        return ngx_http_notify_token_invalid(cf, value, "a name, once");
    }

    *text = (const char *) value->data + prefix;

    return NGX_CONF_OK;
}


static char *
ngx_http_notify_token_key(ngx_conf_t *cf, ngx_http_notify_token_t *token,
    notify_signature_alg_e alg, ngx_str_t *value)
{
    char                *rv, *env;
    size_t               size;
    u_char               buf[NOTIFY_SIGNATURE_KEY_MAX + 1];
    ngx_str_t            name;
    const char          *write;
    ngx_int_t            rc;
    ngx_pool_cleanup_t  *cln;
    notify_token_key_t  *key;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    key = ngx_array_push(&token->keys);

    if (cln == NULL || key == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(key, sizeof(notify_token_key_t));

    name.data = value->data + sizeof("key=") - 1;
    name.len = value->len - (sizeof("key=") - 1);

    if (ngx_http_notify_has_prefix(&name, "env:")) {
        env = getenv((char *) name.data + sizeof("env:") - 1);

        if (env == NULL) {
            return ngx_http_notify_token_invalid(cf, value, "the name of a "
                                                 "variable that nginx's "
                                                 "environment has");
        }

        rc = notify_signature_key_read(&key->key, alg, (u_char *) env,
                                       ngx_strlen(env), &write);

    } else {
        size = sizeof(buf);
        rv = ngx_http_notify_token_read(cf, &name, buf, &size);

        if (rv != NGX_CONF_OK) {
            return rv;
        }

        rc = notify_signature_key_read(&key->key, alg, buf, size, &write);

        ngx_explicit_memzero(buf, sizeof(buf));
    }

    if (rc != 0) {
        return ngx_http_notify_token_invalid(cf, value, write);
    }

    cln->handler = ngx_http_notify_token_free;
    cln->data = key;

    return NGX_CONF_OK;
}


/* what a file has, up to the size, which becomes that of what it has */

static char *
ngx_http_notify_token_read(ngx_conf_t *cf, ngx_str_t *name, u_char *buf,
    size_t *size)
{
    size_t     len;
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_err_t  err;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    len = 0;
    n = -1;

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd != NGX_INVALID_FILE) {

        do {
            n = ngx_read_fd(fd, buf + len, *size - len);

            if (n > 0) {
                len += n;
            }

        } while (n > 0 && len < *size);
    }

    err = ngx_errno;

    if (fd != NGX_INVALID_FILE && ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", name);
    }

    if (n < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                           "key \"%V\" cannot be read, write the path of a "
                           "file that whoever starts nginx can read", name);
        return NGX_CONF_ERROR;
    }

    *size = len;

    return NGX_CONF_OK;
}


static void
ngx_http_notify_token_free(void *data)
{
    notify_token_key_t  *key = data;

    notify_signature_key_free(&key->key);
}


static char *
ngx_http_notify_token_from(ngx_conf_t *cf, ngx_http_notify_token_t *token,
    ngx_str_t *value)
{
    ngx_int_t                          rc;
    ngx_str_t                          from, name;
    ngx_http_notify_place_of_token_t  *place;

    from.data = value->data + sizeof("from=") - 1;
    from.len = value->len - (sizeof("from=") - 1);

    name.data = (u_char *) ngx_strchr(from.data, ':');
    name.len = name.data ? from.data + from.len - ++name.data : 0;

    if (name.len && ngx_http_notify_has_prefix(&from, "query:")) {
        rc = ngx_http_notify_token_place(cf, token, "arg_", &name);

        return rc == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (name.len && ngx_http_notify_has_prefix(&from, "cookie:")) {
        rc = ngx_http_notify_token_place(cf, token, "cookie_", &name);

        return rc == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    place = ngx_array_push(&token->places);
    if (place == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(from.data, "header") == 0) {
        place->in = NGX_HTTP_NOTIFY_IN_HEADER;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(from.data, "protocol") == 0) {
        place->in = NGX_HTTP_NOTIFY_IN_PROTOCOL;
        return NGX_CONF_OK;
    }

    return ngx_http_notify_token_invalid(cf, value, "from=header, "
                                         "from=protocol, from=query:name or "
                                         "from=cookie:name");
}


static ngx_int_t
ngx_http_notify_token_place(ngx_conf_t *cf, ngx_http_notify_token_t *token,
    const char *prefix, ngx_str_t *name)
{
    u_char                            *p;
    ngx_str_t                          variable;
    ngx_http_notify_place_of_token_t  *place;

    place = ngx_array_push(&token->places);
    if (place == NULL) {
        return NGX_ERROR;
    }

    variable.len = ngx_strlen(prefix) + name->len;
    variable.data = ngx_pnalloc(cf->pool, variable.len);

    if (variable.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(variable.data, prefix, ngx_strlen(prefix));
    ngx_memcpy(p, name->data, name->len);

    place->in = NGX_HTTP_NOTIFY_IN_VARIABLE;
    place->index = ngx_http_get_variable_index(cf, &variable);

    return place->index == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


static char *
ngx_http_notify_token_invalid(ngx_conf_t *cf, ngx_str_t *value,
    const char *write)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"notify_token\", "
                       "write %s", value, write);

    return NGX_CONF_ERROR;
}
