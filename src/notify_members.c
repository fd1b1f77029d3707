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


/* walks all words of a key, the unused ones too; NULL at the end */

typedef struct {
    notify_members_t  *block;                /* NULL: in the key itself */
    uint32_t           i;
} notify_members_walk_t;


static uint64_t *
notify_members_walk(const notify_zone_t *z, uint32_t key,
    notify_members_walk_t *at)
{
    uint32_t       more;
    notify_key_t  *k;

    k = notify_block(z, key);

    if (at->block == NULL && at->i++ == 0) {
        return &k->member;
    }

    if (at->block == NULL || at->i == NOTIFY_MEMBERS) {
        more = at->block ? at->block->more : k->members;

        if (more == 0) {
            return NULL;
        }

        at->block = notify_block(z, more);
        at->i = 0;
    }

    return &at->block->words[at->i++];
}


void
notify_members_look(const notify_zone_t *z, uint32_t key,
    notify_members_look_t *look)
{
    uint64_t               *w;
    notify_members_walk_t   at;

    memset(look, 0, sizeof(notify_members_look_t));
    memset(&at, 0, sizeof(notify_members_walk_t));

    while ((w = notify_members_walk(z, key, &at)) != NULL) {

        if (*w == 0) {
            look->vacant = look->vacant ? look->vacant : w;
            continue;
        }

        look->n++;

        if (look->oldest == NULL
            || notify_member_serial(*w) < notify_member_serial(*look->oldest))
        {
            look->oldest = w;
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
    uint64_t               *w;
    notify_members_walk_t   at;

    memset(&at, 0, sizeof(notify_members_walk_t));

    do {
        w = notify_members_walk(z, key, &at);
    } while (w && (*w == 0 || notify_member_id(*w) != id));

    return w;
}


uint64_t *
notify_members_make(notify_zone_t *z, uint32_t key)
{
    uint32_t           b;
    notify_key_t      *k;
    notify_members_t  *m;

    k = notify_block(z, key);

    if (k->member == 0) {
        return &k->member;
    }

    b = notify_record_alloc(z, NOTIFY_FOR_KEYS);

    if (b == 0) {
        return NULL;
    }

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
        more = ((notify_members_t *) notify_block(z, b))->more;
        notify_record_free(z, b);
    }
}


bool
notify_members_mark(notify_zone_t *z, uint32_t key)
{
    uint32_t                b, n;
    uint64_t               *w;
    notify_key_t           *k;
    notify_members_walk_t   at;

    k = notify_block(z, key);
    n = 0;

    for (b = k->members;
         b;
         b = ((notify_members_t *) notify_block(z, b))->more)
    {
        if (n++ == NOTIFY_MEMBERS_BLOCKS || !notify_record_mark(z, b)) {
            return false;
        }
    }

    /* a rebuild that died may have left it */

    memset(&at, 0, sizeof(notify_members_walk_t));

    while ((w = notify_members_walk(z, key, &at)) != NULL) {
        notify_store(w, *w & ~NOTIFY_MEMBER_KEEP);
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
    uint64_t               *w, word;
    notify_members_walk_t   at;

    memset(&at, 0, sizeof(notify_members_walk_t));

    while ((w = notify_members_walk(z, key, &at)) != NULL) {

        if (*w) {
            word = notify_member_stays(z, *w) ? *w & ~NOTIFY_MEMBER_KEEP : 0;
            notify_store(w, word);
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
