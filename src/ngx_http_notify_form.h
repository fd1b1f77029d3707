/*
 * The forms in which sockets are sent one message: as it was pushed, as
 * notify.v1 has it, and each of them compressed.  A form is made when the
 * first socket asks for it, and all others have the same.
 */

#ifndef NGX_HTTP_NOTIFY_FORM_H_INCLUDED
#define NGX_HTTP_NOTIFY_FORM_H_INCLUDED

#include "ngx_http_notify_send.h"


/* How a socket is sent a message. */
typedef struct {
    ngx_uint_t                   v1;        /* as notify.v1 has it */
    ngx_uint_t                   window;    /* bits that its peer allows; 0: it
                                               is not to be compressed */
    size_t                       min;       /* nor if it is shorter; 0: off */
} ngx_http_notify_manner_t;


/*
 * The message in the form in which such a socket is to get it, for
 * ngx_http_notify_send_message(); forms->saved are the bytes by which
 * compression makes it shorter.  NULL: no memory.
 */
ngx_http_notify_message_t **ngx_http_notify_form(
    ngx_http_notify_forms_t *forms, notify_item_t *item,
    const ngx_http_notify_manner_t *manner, ngx_log_t *log);

/*
 * All sockets have been gone through: the item is done with when none waits,
 * and what was made of it is freed when none waits for that.
 */
void ngx_http_notify_forms_finish(ngx_http_notify_forms_t *forms,
    notify_item_t *item);

#endif /* NGX_HTTP_NOTIFY_FORM_H_INCLUDED */
