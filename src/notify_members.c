/*
 * Members: the words of those sockets of a key that a limit counts.
 */

#include <string.h>

#include "notify_blocks.h"
#include "notify_members.h"


/* blocks that the members of a key take at most */
#define NOTIFY_MEMBERS_BLOCKS  (NOTIFY_MEMBERS_MAX / NOTIFY_MEMBERS + 1)


static uint64_t *notify_members_id(const notify_zone_t *z, uint32_t key,
    uint32_t id);
static bool notify_members_is_empty(const notify_members_t *m);
static bool notify_member_stays(const notify_zone_t *z, uint64_t word);


static inline notify_members_t *
notify_members_of(const notify_zone_t *z, uint32_t b)
{
    return b ? notify_block(z, b) : NULL;
}


static inline notify_members_t *
notify_members_first(const notify_zone_t *z, uint32_t key)
{
    notify_key_t  *k;

    k = notify_block(z, key);

    return notify_members_of(z, k->members);
}


void
notify_members_look(const notify_zone_t *z, uint32_t key,
    notify_members_look_t *look)
{
    uint32_t           i;
    uint64_t          *w;
    notify_members_t  *m;

    memset(look, 0, sizeof(notify_members_look_t));

    for (m = notify_members_first(z, key);
         m;
         m = notify_members_of(z, m->more))
    {
        for (i = 0; i < NOTIFY_MEMBERS; i++) {
            w = &m->words[i];

            if (*w == 0) {
                look->vacant = w;
                continue;
            }

            look->n++;

            if (look->oldest == NULL
                || notify_member_serial(*w)
                   < notify_member_serial(*look->oldest))
            {
                look->oldest = w;
            }
        }
    }
}


uint64_t *
notify_members_find(const notify_zone_t *z, uint32_t key, uint32_t seat,
    uint32_t id)
{
    uint64_t  *w;

    w = notify_members_id(z, key, id);

    return w && notify_member_seat(*w) == seat ? w : NULL;
}


static uint64_t *
notify_members_id(const notify_zone_t *z, uint32_t key, uint32_t id)
{
    uint32_t           i;
    notify_members_t  *m;

    for (m = notify_members_first(z, key);
         m;
         m = notify_members_of(z, m->more))
    {
        for (i = 0; i < NOTIFY_MEMBERS; i++) {
            if (m->words[i] && notify_member_id(m->words[i]) == id) {
                return &m->words[i];
            }
        }
    }

    return NULL;
}


uint64_t *
notify_members_make(notify_zone_t *z, uint32_t key)
{
    uint32_t           b;
    notify_key_t      *k;
    notify_members_t  *m;

    b = notify_record_alloc(z, NOTIFY_FOR_KEYS);

    if (b == 0) {
        return NULL;
    }

    k = notify_block(z, key);
    m = notify_block(z, b);

    memset(m, 0, sizeof(notify_members_t));
    m->more = k->members;

    /* killed above, the block was never used; below, it is an empty one */

    notify_store(&k->members, b);

    return &m->words[0];
}


uint64_t
notify_members_next(notify_zone_t *z, uint32_t key, uint32_t seat)
{
    uint64_t  word;

    /* ids come again, after four billion: 0 is none, the others may be here */

    do {
        notify_store(&z->head->serial, z->head->serial + 1);
        word = notify_member(seat, z->head->serial);

    } while (notify_member_id(word) == 0
             || notify_members_id(z, key, notify_member_id(word)));

    return word;
}


void
notify_members_trim(notify_zone_t *z, uint32_t key)
{
    uint32_t           b, *link;
    notify_key_t      *k;
    notify_members_t  *m;

    k = notify_block(z, key);
    link = &k->members;

    while (*link) {
        b = *link;
        m = notify_block(z, b);

        if (!notify_members_is_empty(m)) {
            link = &m->more;
            continue;
        }

        /* killed above, it is an empty one; below, nobody's */

        notify_store(link, m->more);
        notify_record_free(z, b);
    }
}


static bool
notify_members_is_empty(const notify_members_t *m)
{
    uint32_t  i;

    for (i = 0; i < NOTIFY_MEMBERS && m->words[i] == 0; i++) { /* void */ }

    return i == NOTIFY_MEMBERS;
}


void
notify_members_free(notify_zone_t *z, uint32_t key)
{
    uint32_t       b, more;
    notify_key_t  *k;

    k = notify_block(z, key);

    for (b = k->members; b; b = more) {
        more = notify_members_of(z, b)->more;
        notify_record_free(z, b);
    }
}


bool
notify_members_mark(notify_zone_t *z, uint32_t key)
{
    uint32_t           b, i, n;
    notify_key_t      *k;
    notify_members_t  *m;

    k = notify_block(z, key);
    n = 0;

    for (b = k->members; b; b = m->more) {

        if (n++ == NOTIFY_MEMBERS_BLOCKS || !notify_record_mark(z, b)) {
            return false;
        }

        m = notify_block(z, b);

        /* a rebuild that died may have left it */

        for (i = 0; i < NOTIFY_MEMBERS; i++) {
            notify_store(&m->words[i], m->words[i] & ~NOTIFY_MEMBER_KEEP);
        }
    }

    return true;
}


void
notify_members_keep(const notify_zone_t *z, uint32_t key, uint32_t seat,
    uint32_t id)
{
    uint64_t  *w;

    w = notify_members_find(z, key, seat, id);

    if (w) {
        notify_store(w, *w | NOTIFY_MEMBER_KEEP);
    }
}


void
notify_members_settle(notify_zone_t *z, uint32_t key)
{
    uint32_t           i;
    uint64_t           word;
    notify_members_t  *m;

    for (m = notify_members_first(z, key);
         m;
         m = notify_members_of(z, m->more))
    {
        for (i = 0; i < NOTIFY_MEMBERS; i++) {
            word = m->words[i];

            if (word) {
                word = notify_member_stays(z, word)
                       ? word & ~NOTIFY_MEMBER_KEEP : 0;
                notify_store(&m->words[i], word);
            }
        }
    }

    notify_members_trim(z, key);
}


/* as its seat's entry does */

static bool
notify_member_stays(const notify_zone_t *z, uint64_t word)
{
    uint32_t  state;

    if (word & NOTIFY_MEMBER_KEEP) {
        return true;
    }

    if (notify_member_seat(word) >= z->head->seats) {
        return false;
    }

    state = z->seats[notify_member_seat(word)].state;

    return state == NOTIFY_SEAT_LIVE || state == NOTIFY_SEAT_INHERIT;
}
