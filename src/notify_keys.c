/*
 * Keys: which seats hold sockets of a user, found by realm and user.
 */

#include <string.h>

#include "notify_blocks.h"
#include "notify_keys.h"
#include "notify_members.h"


/* blocks that the rest of the longest name, or entries of all seats, take */
#define NOTIFY_REST_MAX                                                       \
    ((NOTIFY_REALM_MAX + NOTIFY_USER_MAX - NOTIFY_KEY_NAME + NOTIFY_NAME - 1) \
     / NOTIFY_NAME)
#define NOTIFY_MORE_MAX        (NOTIFY_SEATS_MAX / NOTIFY_ENTRIES + 1)


static uint32_t notify_key_make(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash, uint32_t seat);
static uint32_t *notify_key_entry(notify_zone_t *z, uint32_t key,
    uint32_t seat, uint32_t **vacant);
static bool notify_entry_keep(const notify_zone_t *z, uint32_t entry);
static uint32_t *notify_key_entries_make(notify_zone_t *z, uint32_t key);
static void notify_key_free(notify_zone_t *z, uint32_t key);
static void notify_key_free_chains(notify_zone_t *z, uint32_t key);
static bool notify_key_is(const notify_zone_t *z, uint32_t key,
    const notify_name_of_t *name);
static bool notify_name_same(const uint8_t *p, const uint8_t *q, size_t n);
static bool notify_name_compare(const notify_zone_t *z, notify_key_t *k,
    size_t at, const uint8_t *p, size_t n);
static const uint8_t *notify_name_piece(const notify_zone_t *z,
    notify_key_t *k, size_t at, size_t *n);
static void notify_name_write(const notify_zone_t *z, notify_key_t *k,
    size_t at, const uint8_t *p, size_t n);


/*
 * SipHash-1-3 of the user and then the realm, keyed by the zone's seed, so
 * that nobody can choose users that share a bucket.
 */

#define notify_rotl(x, n)  ((x) << (n) | (x) >> (64 - (n)))

static inline void
notify_sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = notify_rotl(v[1], 13) ^ v[0];
    v[0] = notify_rotl(v[0], 32);
    v[2] += v[3];
    v[3] = notify_rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = notify_rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = notify_rotl(v[1], 17) ^ v[2];
    v[2] = notify_rotl(v[2], 32);
}


static void
notify_sip_bytes(uint64_t v[4], const uint8_t *p, size_t n)
{
    uint64_t  m;

    for ( ;; ) {
        m = (uint64_t) n << 56;
        memcpy(&m, p, n < 8 ? n : 8);

        v[3] ^= m;
        notify_sip_round(v);
        v[0] ^= m;

        if (n < 8) {
            return;
        }

        p += 8;
        n -= 8;
    }
}


static void
notify_sip_start(const notify_zone_t *z, uint64_t v[4])
{
    v[0] = z->head->seed[0] ^ 0x736f6d6570736575ull;
    v[1] = z->head->seed[1] ^ 0x646f72616e646f6dull;
    v[2] = z->head->seed[0] ^ 0x6c7967656e657261ull;
    v[3] = z->head->seed[1] ^ 0x7465646279746573ull;
}


static void
notify_sip_name(uint64_t v[4], const notify_name_of_t *name)
{
    notify_sip_bytes(v, name->user, name->user_length);

    if (name->realm_length) {
        notify_sip_bytes(v, name->realm, name->realm_length);
    }
}


static uint64_t
notify_sip_end(uint64_t v[4])
{
    v[2] ^= 0xff;
    notify_sip_round(v);
    notify_sip_round(v);
    notify_sip_round(v);

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


uint32_t
notify_key_hash(const notify_zone_t *z, const notify_name_of_t *name)
{
    uint32_t  hash;
    uint64_t  v[4];

    notify_sip_start(z, v);
    notify_sip_name(v, name);

    hash = (uint32_t) notify_sip_end(v);

    __builtin_prefetch(notify_key_bucket(z, hash));

    return hash;
}


void
notify_key_soon(const notify_zone_t *z, uint32_t hash)
{
    __builtin_prefetch(notify_block(z, *notify_key_bucket(z, hash)), 1);
}


uint64_t
notify_once_hash(const notify_zone_t *z, uint64_t location,
    const notify_name_of_t *name, const uint8_t *p, size_t n)
{
    uint64_t  v[4], hash;

    notify_sip_start(z, v);
    notify_sip_bytes(v, (const uint8_t *) &location, sizeof(location));
    notify_sip_name(v, name);
    notify_sip_bytes(v, p, n);

    hash = notify_sip_end(v);

    return hash ? hash : 1;
}


uint32_t
notify_key_find_locked(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash)
{
    uint32_t       key;
    notify_key_t  *k;

    for (key = *notify_key_bucket(z, hash); key; key = k->next) {
        k = notify_block(z, key);

        if (k->hash == hash && notify_key_is(z, key, name)) {
            return key;
        }
    }

    return 0;
}


uint32_t
notify_key_join_locked(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash, uint32_t seat)
{
    uint32_t       key, *entry;
    notify_key_t  *k;

    key = notify_key_find_locked(z, name, hash);

    if (key == 0) {
        return notify_key_make(z, name, hash, seat);
    }

    entry = notify_key_entry_locked(z, key, seat);

    if (entry == NULL || notify_entry_n(*entry) == notify_entry_n(~0u)) {
        return 0;
    }

    notify_store(entry, *entry ? *entry + 1 : notify_entry(seat, 1));

    k = notify_block(z, key);
    k->sockets++;
    z->seats[seat].sockets++;

    return key;
}


uint32_t
notify_key_make_locked(notify_zone_t *z, const notify_name_of_t *name,
    uint32_t hash)
{
    return notify_key_make(z, name, hash, NOTIFY_NONE);
}


void
notify_key_lost_locked(notify_zone_t *z, uint32_t key, uint32_t hash,
    uint64_t id)
{
    uint64_t      *lost;
    notify_key_t  *k;

    if (key) {
        k = notify_block(z, key);
        lost = &k->lost;

    } else {
        lost = &z->head->lost[hash % NOTIFY_LOST];
    }

    if (id > *lost) {
        notify_store(lost, id);
    }
}


uint32_t *
notify_key_entry_locked(notify_zone_t *z, uint32_t key, uint32_t seat)
{
    uint32_t  *entry, *vacant;

    entry = notify_key_entry(z, key, seat, &vacant);

    if (entry) {
        return entry;
    }

    return vacant ? vacant : notify_key_entries_make(z, key);
}


static uint32_t
notify_key_make(notify_zone_t *z, const notify_name_of_t *name, uint32_t hash,
    uint32_t seat)
{
    size_t          left;
    uint32_t        key, *link, block, *bucket;
    notify_key_t   *k;
    notify_name_t  *rest;

    key = notify_record_alloc(z, NOTIFY_FOR_KEYS);

    if (key == 0) {
        return 0;
    }

    k = notify_block(z, key);
    memset(k, 0, sizeof(notify_key_t));

    k->lost = z->head->lost[hash % NOTIFY_LOST];
    k->hash = hash;
    k->length = (uint16_t) (name->realm_length + name->user_length);
    k->realm = (uint8_t) name->realm_length;

    link = &k->rest;

    for (left = k->length;
         left > NOTIFY_KEY_NAME;
         left -= left - NOTIFY_KEY_NAME < NOTIFY_NAME
                 ? left - NOTIFY_KEY_NAME : NOTIFY_NAME)
    {
        block = notify_record_alloc(z, NOTIFY_FOR_KEYS);

        if (block == 0) {
            notify_key_free_chains(z, key);
            notify_record_free(z, key);
            return 0;
        }

        rest = notify_block(z, block);
        rest->more = 0;

        *link = block;
        link = &rest->more;
    }

    notify_name_write(z, k, 0, name->realm, name->realm_length);
    notify_name_write(z, k, name->realm_length, name->user, name->user_length);

    if (seat != NOTIFY_NONE) {
        k->entries[0] = notify_entry(seat, 1);
    }

    /* killed above, the blocks were never used; below, the seat has joined */

    notify_store(notify_type(z, key), NOTIFY_KEY);

    bucket = notify_key_bucket(z, hash);
    k->next = *bucket;
    *bucket = key;

    if (seat != NOTIFY_NONE) {
        k->sockets = 1;
        z->seats[seat].sockets++;
    }

    z->head->keys++;

    return key;
}


void
notify_key_leave_locked(notify_zone_t *z, uint32_t key, uint32_t seat)
{
    uint32_t      *entry, *vacant;
    notify_key_t  *k;

    k = notify_block(z, key);
    entry = notify_key_entry(z, key, seat, &vacant);

    if (entry == NULL) {
        return;
    }

    notify_store(entry, notify_entry_n(*entry) == 1 ? 0 : *entry - 1);

    k->sockets--;
    z->seats[seat].sockets--;

    notify_key_release_locked(z, key);
}


void
notify_key_release_locked(notify_zone_t *z, uint32_t key)
{
    uint32_t      *link;
    notify_key_t  *k;

    k = notify_block(z, key);

    if (k->sockets || k->messages) {
        return;
    }

    link = notify_key_bucket(z, k->hash);

    while (*link != key) {
        link = &((notify_key_t *) notify_block(z, *link))->next;
    }

    *link = k->next;
    z->head->keys--;

    notify_key_free(z, key);
}


void
notify_key_name(const notify_zone_t *z, uint32_t key,
    uint8_t bytes[NOTIFY_REALM_MAX + NOTIFY_USER_MAX], notify_name_of_t *name)
{
    size_t          at, n;
    notify_key_t   *k;
    const uint8_t  *p;

    k = notify_block(z, key);

    for (at = 0; at < k->length; at += n) {
        p = notify_name_piece(z, k, at, &n);
        memcpy(bytes + at, p, n);
    }

    name->realm = bytes;
    name->realm_length = k->realm;
    name->user = bytes + k->realm;
    name->user_length = k->length - k->realm;
}


uint32_t *
notify_key_entry_next(const notify_zone_t *z, uint32_t key,
    notify_entry_walk_t *at)
{
    notify_key_t      *k;
    notify_entries_t  *more;

    if (at->block == 0) {
        k = notify_block(z, key);

        if (at->i < NOTIFY_KEY_ENTRIES) {
            return &k->entries[at->i++];
        }

        at->block = k->more;
        at->i = 0;
    }

    while (at->block) {
        more = notify_block(z, at->block);

        if (at->i < NOTIFY_ENTRIES) {
            return &more->entries[at->i++];
        }

        at->block = more->more;
        at->i = 0;
    }

    return NULL;
}


bool
notify_key_mark(notify_zone_t *z, uint32_t key)
{
    uint32_t             b, n, *entry;
    notify_key_t        *k;
    notify_entry_walk_t  at;

    k = notify_block(z, key);

    if (!notify_record_mark(z, key)) {
        return false;
    }

    n = 0;

    for (b = k->rest; b; b = ((notify_name_t *) notify_block(z, b))->more) {
        if (n++ == NOTIFY_REST_MAX || !notify_record_mark(z, b)) {
            return false;
        }
    }

    n = 0;

    for (b = k->more; b; b = ((notify_entries_t *) notify_block(z, b))->more) {
        if (n++ == NOTIFY_MORE_MAX || !notify_record_mark(z, b)) {
            return false;
        }
    }

    if (!notify_members_mark(z, key)) {
        return false;
    }

    k->messages = 0;
    k->sockets = 0;
    k->stored = 0;
    k->first = 0;
    k->last = 0;
    k->fresh = 0;

    memset(&at, 0, sizeof(notify_entry_walk_t));

    while ((entry = notify_key_entry_next(z, key, &at)) != NULL) {

        if (*entry == 0) {
            continue;
        }

        if (!notify_entry_keep(z, *entry)) {
            notify_store(entry, 0);
            continue;
        }

        k->sockets += notify_entry_n(*entry);
        z->seats[notify_entry_seat(*entry)].sockets += notify_entry_n(*entry);
    }

    return true;
}


/*
 * Whether a rebuild keeps it.  What is on its way to a dying seat is added
 * later (notify_batch_restore()).
 */

static bool
notify_entry_keep(const notify_zone_t *z, uint32_t entry)
{
    uint32_t  state;

    if (notify_entry_seat(entry) >= z->head->seats) {
        return false;
    }

    state = z->seats[notify_entry_seat(entry)].state;

    return state == NOTIFY_SEAT_LIVE || state == NOTIFY_SEAT_INHERIT;
}


void
notify_key_index(notify_zone_t *z, uint32_t key)
{
    uint32_t      *bucket;
    notify_key_t  *k;

    k = notify_block(z, key);

    if (k->sockets == 0 && k->messages == 0) {
        notify_key_free(z, key);
        return;
    }

    notify_members_settle(z, key);

    bucket = notify_key_bucket(z, k->hash);
    k->next = *bucket;
    *bucket = key;

    z->head->keys++;
}


/* this seat's entry; else NULL, and an unused one when there is one */

static uint32_t *
notify_key_entry(notify_zone_t *z, uint32_t key, uint32_t seat,
    uint32_t **vacant)
{
    uint32_t            *entry;
    notify_entry_walk_t  at;

    *vacant = NULL;

    memset(&at, 0, sizeof(notify_entry_walk_t));

    while ((entry = notify_key_entry_next(z, key, &at)) != NULL) {

        if (*entry == 0) {
            *vacant = entry;
            continue;
        }

        if (notify_entry_seat(*entry) == seat) {
            return entry;
        }
    }

    return NULL;
}


static uint32_t *
notify_key_entries_make(notify_zone_t *z, uint32_t key)
{
    uint32_t           b;
    notify_key_t      *k;
    notify_entries_t  *more;

    b = notify_record_alloc(z, NOTIFY_FOR_KEYS);

    if (b == 0) {
        return NULL;
    }

    k = notify_block(z, key);
    more = notify_block(z, b);

    memset(more, 0, sizeof(notify_entries_t));
    more->more = k->more;

    /* killed above, the block was never used; below, it is an empty one */

    notify_store(&k->more, b);

    return &more->entries[0];
}


static void
notify_key_free(notify_zone_t *z, uint32_t key)
{
    notify_key_t  *k;

    k = notify_block(z, key);

    /* killed below, both say it; the key is freed by the rebuild */

    notify_key_lost_locked(z, 0, k->hash, k->lost);

    notify_store(notify_type(z, key), NOTIFY_FREE);

    notify_key_free_chains(z, key);
    notify_record_free(z, key);
}


static void
notify_key_free_chains(notify_zone_t *z, uint32_t key)
{
    uint32_t       b, more;
    notify_key_t  *k;

    k = notify_block(z, key);

    for (b = k->rest; b; b = more) {
        more = ((notify_name_t *) notify_block(z, b))->more;
        notify_record_free(z, b);
    }

    for (b = k->more; b; b = more) {
        more = ((notify_entries_t *) notify_block(z, b))->more;
        notify_record_free(z, b);
    }

    notify_members_free(z, key);
}


static bool
notify_key_is(const notify_zone_t *z, uint32_t key,
    const notify_name_of_t *name)
{
    size_t         realm;
    notify_key_t  *k;

    k = notify_block(z, key);
    realm = name->realm_length;

    if (k->realm != realm || k->length != realm + name->user_length) {
        return false;
    }

    if (k->length <= NOTIFY_KEY_NAME) {
        return notify_name_same(k->name + realm, name->user,
                                name->user_length)
               && notify_name_same(k->name, name->realm, realm);
    }

    return notify_name_compare(z, k, 0, name->realm, realm)
           && notify_name_compare(z, k, realm, name->user, name->user_length);
}


/*
 * memcmp() may load 32 bytes where there are a few, and then waits for the
 * key's other cache line, which has nothing else that a push to nobody wants.
 */

static bool
notify_name_same(const uint8_t *p, const uint8_t *q, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (p[i] != q[i]) {
            return false;
        }
    }

    return true;
}


static bool
notify_name_compare(const notify_zone_t *z, notify_key_t *k, size_t at,
    const uint8_t *p, size_t n)
{
    size_t          size;
    const uint8_t  *piece;

    while (n) {
        piece = notify_name_piece(z, k, at, &size);

        if (size > n) {
            size = n;
        }

        if (memcmp(piece, p, size) != 0) {
            return false;
        }

        at += size;
        p += size;
        n -= size;
    }

    return true;
}


static void
notify_name_write(const notify_zone_t *z, notify_key_t *k, size_t at,
    const uint8_t *p, size_t n)
{
    size_t    size;
    uint8_t  *piece;

    while (n) {
        piece = (uint8_t *) notify_name_piece(z, k, at, &size);

        if (size > n) {
            size = n;
        }

        memcpy(piece, p, size);

        at += size;
        p += size;
        n -= size;
    }
}


/* where byte at of the name stands, and how many of the name follow there */

static const uint8_t *
notify_name_piece(const notify_zone_t *z, notify_key_t *k, size_t at,
    size_t *n)
{
    size_t          left;
    uint32_t        b;
    notify_name_t  *rest;

    left = k->length - at;

    if (at < NOTIFY_KEY_NAME) {
        *n = left < NOTIFY_KEY_NAME - at ? left : NOTIFY_KEY_NAME - at;
        return &k->name[at];
    }

    at -= NOTIFY_KEY_NAME;
    b = k->rest;

    while (at >= NOTIFY_NAME) {
        b = ((notify_name_t *) notify_block(z, b))->more;
        at -= NOTIFY_NAME;
    }

    rest = notify_block(z, b);
    *n = left < NOTIFY_NAME - at ? left : NOTIFY_NAME - at;

    return &rest->name[at];
}
