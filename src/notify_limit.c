/*
 * A limit to the sockets of a key: who is let in, and who has to go for that.
 */

#include <string.h>

#include "notify_inbox.h"
#include "notify_limit.h"
#include "notify_members.h"
#include "notify_message.h"


static uint32_t notify_limit_enter(notify_zone_t *z,
    const notify_name_of_t *name, uint32_t hash, uint32_t seat,
    notify_limit_t *limit, uint64_t *word);
static uint32_t notify_limit_message(notify_zone_t *z,
    const notify_limit_t *limit);
static void notify_limit_replace(notify_zone_t *z, uint32_t message,
    uint32_t key, uint64_t word);


uint32_t
notify_limit_join_locked(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash, uint32_t seat, notify_limit_t *limit)
{
    uint32_t               key, message;
    unsigned               tried;
    notify_members_look_t  look;

    tried = limit->why;
    limit->why = NOTIFY_LIMIT_FULL;

    memset(&look, 0, sizeof(notify_members_look_t));

    key = notify_key_find_locked(z, name, hash);

    if (key) {
        notify_members_look(z, key, &look);
    }

    if (look.oldest == NULL || look.n < limit->max) {
        return notify_limit_enter(z, name, hash, seat, limit, look.vacant);
    }

    if (tried == NOTIFY_LIMIT_FULL) {

        /* nobody is refused or closed for the sake of the dead */

        limit->why = NOTIFY_LIMIT_LOOK;
        return 0;
    }

    if (limit->refuse) {
        limit->why = NOTIFY_LIMIT_REFUSED;
        return 0;
    }

    message = notify_limit_message(z, limit);

    if (message == 0) {
        return 0;
    }

    if (look.n > limit->max) {

        /* let in by a larger limit: one in each hold of the lock */

        notify_limit_replace(z, message, key, *look.oldest);

        notify_store(look.oldest, 0);
        notify_members_trim(z, key);

        limit->why = NOTIFY_LIMIT_AGAIN;
        return 0;
    }

    if (notify_key_join_locked(z, name, hash, seat) == 0) {
        notify_message_free(z, message);
        return 0;
    }

    notify_limit_replace(z, message, key, *look.oldest);

    /* killed above, it is a member till it has closed; below, this one is */

    notify_store(look.oldest, notify_members_next(z, key, seat));

    limit->member = notify_member_id(*look.oldest);

    return key;
}


/* there is room for it; word is unused, or NULL */

static uint32_t
notify_limit_enter(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash, uint32_t seat, notify_limit_t *limit, uint64_t *word)
{
    uint32_t  key;

    key = notify_key_join_locked(z, name, hash, seat);

    if (key == 0) {
        return 0;
    }

    if (word == NULL) {
        word = notify_members_make(z, key);
    }

    if (word == NULL) {
        notify_key_leave_locked(z, key, seat);
        return 0;
    }

    notify_store(word, notify_members_next(z, key, seat));

    limit->member = notify_member_id(*word);

    return key;
}


static uint32_t
notify_limit_message(notify_zone_t *z, const notify_limit_t *limit)
{
    uint32_t           message;
    notify_message_t  *m;

    message = notify_message_alloc(z, 0);

    if (message) {
        m = notify_block(z, message);
        m->kind = NOTIFY_REPLACE;
        m->u.code = limit->code;
        m->id = notify_message_next_id(z, limit->now);
    }

    return message;
}


static void
notify_limit_replace(notify_zone_t *z, uint32_t message, uint32_t key,
    uint64_t word)
{
    notify_message_t  *m;

    m = notify_block(z, message);
    m->key = key;
    m->sockets = notify_member_id(word);

    notify_inbox_post(z, message, notify_member_seat(word));
}


void
notify_limit_leave_locked(notify_zone_t *z, uint32_t key, uint32_t seat,
    uint32_t member)
{
    uint64_t  *word;

    word = notify_members_find(z, key, seat, member);

    if (word) {

        /* killed below, its entry is a dead worker's */

        notify_store(word, 0);
        notify_members_trim(z, key);
    }

    notify_key_leave_locked(z, key, seat);
}
