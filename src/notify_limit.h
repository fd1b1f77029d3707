/*
 * A limit to the sockets of a key: who is let in, and who has to go for that.
 *
 * Lock: every call wants head->lock.  SIGKILL: notify_zone.h, at
 * notify_members_t.
 */

#ifndef NOTIFY_LIMIT_H_INCLUDED
#define NOTIFY_LIMIT_H_INCLUDED

#include "notify_keys.h"
#include "notify_zone.h"


/*
 * What a socket that joins is subject to.  Members of the key are counted:
 * those that have joined it with a limit, whichever.
 */
typedef struct {
    uint32_t         max;                    /* in: with this one; up to
                                                NOTIFY_MEMBERS_MAX */
    bool             refuse;                 /* in: it is not let in; else the
                                                oldest is closed */
    uint16_t         code;                   /* in: that is closed with */
    uint64_t         now;                    /* in: ms since the epoch */
    uint32_t         member;                 /* out: by which it leaves */
    unsigned         why;                    /* out, when it has not joined;
                                                in: what the last try said */
} notify_limit_t;

enum {
    NOTIFY_LIMIT_FULL = 0,                   /* the zone is */
    NOTIFY_LIMIT_LOOK,                       /* some may be dead: reap, then
                                                try again */
    NOTIFY_LIMIT_AGAIN,                      /* one had to go, and was not the
                                                last: try again */
    NOTIFY_LIMIT_REFUSED
};

/*
 * Joins the key as notify_key_join_locked() does, as a member.  Who has to go
 * for it is told in its seat's inbox, by a message NOTIFY_REPLACE, and is no
 * member any more.  Returns the key's block; or 0: limit->why says why not.
 */
uint32_t notify_limit_join_locked(notify_zone_t *z,
    const notify_name_of_t *name, uint32_t hash, uint32_t seat,
    notify_limit_t *limit);

/* The member leaves the key; it may have been replaced. */
void notify_limit_leave_locked(notify_zone_t *z, uint32_t key, uint32_t seat,
    uint32_t member);

#endif /* NOTIFY_LIMIT_H_INCLUDED */
