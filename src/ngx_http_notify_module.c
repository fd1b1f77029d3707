/*
 * The module: its directives and hooks.
 */

#define NDK_SET_VAR  1                          /* of the NDK, this is used */
#include <ndk.h>

#include "ngx_http_notify_conf.h"
#include "ngx_http_notify_handshake.h"
#include "ngx_http_notify_location.h"
#include "ngx_http_notify_log.h"
#include "ngx_http_notify_process.h"
#include "ngx_http_notify_push.h"
#include "ngx_http_notify_setters.h"
#include "ngx_http_notify_status.h"
#include "ngx_http_notify_token_setter.h"
#include "ngx_http_notify_vars.h"


static ngx_int_t ngx_http_notify_init(ngx_cycle_t *cycle);


static ngx_http_notify_role_t  ngx_http_notify_role_socket = {
    "notify_socket", ngx_http_notify_handshake_handler,
    ngx_http_notify_socket_log
};

static ngx_http_notify_role_t  ngx_http_notify_role_push = {
    "notify_push", ngx_http_notify_push_handler, NULL
};

static ngx_http_notify_role_t  ngx_http_notify_role_status = {
    "notify_status", ngx_http_notify_status_handler, NULL
};


static ngx_http_notify_bounds_t  ngx_http_notify_ping_interval = {
    1000, 24 * 60 * 60 * 1000, "a time such as 30s, from 1s to 1d"
};

static ngx_http_notify_bounds_t  ngx_http_notify_drain = {
    1000, 24 * 60 * 60 * 1000, "a time such as 60s, from 1s to 1d, or off"
};

static ngx_http_notify_bounds_t  ngx_http_notify_lifetime = {
    1000, 30ul * 24 * 60 * 60 * 1000, "a time such as 12h, from 1s to 30d, or "
    "off"
};

static ngx_http_notify_bounds_t  ngx_http_notify_send_buffer = {
    1024, 1024 * 1024 * 1024, "a size such as 64k, from 1k to 1024m"
};

static ngx_http_notify_bounds_t  ngx_http_notify_deflate = {
    1, 1024 * 1024, "a size such as 1k, from 1 to 1m, or off"
};

static ngx_http_notify_bounds_t  ngx_http_notify_client_max_size = {
    1, 64 * 1024 * 1024, "a size such as 4k, from 1 to 64m"
};


static ngx_conf_enum_t  ngx_http_notify_slow_words[] = {
    { ngx_string("close"), NGX_HTTP_NOTIFY_SLOW_CLOSE },
    { ngx_string("drop"), NGX_HTTP_NOTIFY_SLOW_DROP },
    { ngx_null_string, 0 }
};

static ngx_http_notify_words_t  ngx_http_notify_slow = {
    ngx_http_notify_slow_words, "close or drop"
};


static ngx_conf_enum_t  ngx_http_notify_client_messages_words[] = {
    { ngx_string("ignore"), NGX_HTTP_NOTIFY_CLIENT_IGNORE },
    { ngx_string("close"), NGX_HTTP_NOTIFY_CLIENT_CLOSE },
    { ngx_string("relay"), NGX_HTTP_NOTIFY_CLIENT_RELAY },
    { ngx_null_string, 0 }
};

static ngx_http_notify_words_t  ngx_http_notify_client_messages = {
    ngx_http_notify_client_messages_words, "ignore, close or relay"
};


static ndk_set_var_t  ngx_http_notify_set_online_filter = {
    NDK_SET_VAR_VALUE, (void *) ngx_http_notify_set_online, 1, NULL
};


static ngx_command_t  ngx_http_notify_commands[] = {

    { ngx_string("notify_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("notify_realm"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_realm,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_notify_loc_conf_t, realm),
      NULL },

    { ngx_string("notify_reserve"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_reserve,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("notify_handover"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_notify_main_conf_t, handover),
      NULL },

    { ngx_string("notify_socket"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_notify_socket,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_notify_role_socket },

    { ngx_string("notify_push"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_notify_push,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_notify_role_push },

    { ngx_string("notify_user"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_notify_user,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("notify_token"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_notify_token,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("notify_origins"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_notify_origins,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("notify_history"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_notify_history,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("notify_ping_interval"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_time,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_notify_loc_conf_t, ping_interval),
      &ngx_http_notify_ping_interval },

    { ngx_string("notify_send_buffer"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_size,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_notify_loc_conf_t, send_buffer),
      &ngx_http_notify_send_buffer },

    { ngx_string("notify_slow"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_notify_loc_conf_t, slow),
      &ngx_http_notify_slow },

    { ngx_string("notify_deflate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_size_or_off,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_notify_loc_conf_t, deflate),
      &ngx_http_notify_deflate },

    { ngx_string("notify_drain"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_time_or_off,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_notify_loc_conf_t, drain),
      &ngx_http_notify_drain },

    { ngx_string("notify_expires"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_notify_loc_conf_t, expires),
      NULL },

    { ngx_string("notify_lifetime"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_time_or_off,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_notify_loc_conf_t, lifetime),
      &ngx_http_notify_lifetime },

    { ngx_string("notify_client_rate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_rate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("notify_max_sockets"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_notify_max_sockets,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("notify_client_messages"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_notify_loc_conf_t, client_messages),
      &ngx_http_notify_client_messages },

    { ngx_string("notify_client_max_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_notify_size,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_notify_loc_conf_t, client_max_size),
      &ngx_http_notify_client_max_size },

    { ngx_string("notify_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_notify_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_notify_role_status },

    { ngx_string("set_notify_online"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_SIF_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                       |NGX_CONF_TAKE2,
      ndk_set_var_value,
      0,
      0,
      &ngx_http_notify_set_online_filter },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_notify_module_ctx = {
    ngx_http_notify_add_variables,         /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_http_notify_create_main_conf,      /* create main configuration */
    ngx_http_notify_init_main_conf,        /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_notify_create_loc_conf,       /* create location configuration */
    ngx_http_notify_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_notify_module = {
    NGX_MODULE_V1,
    &ngx_http_notify_module_ctx,           /* module context */
    ngx_http_notify_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_notify_init,                  /* init module */
    ngx_http_notify_init_process,          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_notify_exit_process,          /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_notify_init(ngx_cycle_t *cycle)
{
    ngx_http_notify_locations_init(cycle);

    return ngx_http_notify_init_module(cycle);
}
