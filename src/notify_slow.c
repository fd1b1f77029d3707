/*
 * The mark at half of the zone.
 */

#include "notify_inbox.h"
#include "notify_slow.h"


void
notify_slow_ask_locked(notify_zone_t *z)
{
    uint32_t        i, most;
    notify_seat_t  *s;

    if (z->head->waiting <= z->head->size / 2) {
        return;
    }

    most = NOTIFY_NONE;

    for (i = 0; i < z->head->seats; i++) {
        s = &z->seats[i];

        if (s->state != NOTIFY_SEAT_LIVE
            || s->slow == NOTIFY_SLOW_SPENT
            || s->waiting == 0)
        {
            continue;
        }

        if (s->slow == NOTIFY_SLOW_ASKED) {
            return;
        }

        if (most == NOTIFY_NONE || s->waiting > z->seats[most].waiting) {
            most = i;
        }
    }

    if (most == NOTIFY_NONE) {
        return;
    }

    z->seats[most].slow = NOTIFY_SLOW_ASKED;

    if (most != z->seat) {
        notify_inbox_wake(z, most);
    }
}


bool
notify_slow_answer_locked(notify_zone_t *z, bool can)
{
    notify_seat_t  *s;

    s = &z->seats[z->seat];

    s->slow = can ? NOTIFY_SLOW_NONE : NOTIFY_SLOW_SPENT;

    notify_slow_ask_locked(z);

    return s->slow == NOTIFY_SLOW_ASKED;
}
