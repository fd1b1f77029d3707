/*
 * What must hold in a zone between two holds of its lock, whatever happened
 * before: every block has one owner or is free, every count agrees with what
 * it counts, every list can be walked both ways, every pending message is in
 * its inbox.  For the unit tests, the storm and the step test.
 *
 * Lock: the caller has head->lock, or nobody else uses the zone.
 */

#ifndef CHECK_H_INCLUDED
#define CHECK_H_INCLUDED

#ifndef _GNU_SOURCE
#define _GNU_SOURCE                          /* before any system header */
#endif

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notify_keys.h"
#include "notify_message.h"
#include "notify_zone.h"


/* notify_page_t.list, as notify_blocks.c has it */
enum {
    CHECK_LIST_KEYS = 0,
    CHECK_LIST_MESSAGES,
    CHECK_LIST_EMPTY,
    CHECK_LIST_NONE
};


typedef struct {
    const notify_zone_t  *z;
    uint8_t              *claimed;           /* a byte per block */
    uint32_t             *references;        /* per block: messages of a key */
    uint32_t             *histories;         /* and those that are stored */
    uint32_t              end;               /* of the blocks */
    uint32_t              used;
    uint32_t              keys;
    uint32_t              messages;
    uint32_t              stored;
    uint32_t              sockets[NOTIFY_SEATS_MAX];
    uint32_t              pending[NOTIFY_SEATS_MAX];
    uint32_t              taken[NOTIFY_SEATS_MAX];
    uint32_t              batches[NOTIFY_SEATS_MAX];
    uint64_t              waiting[NOTIFY_SEATS_MAX];
    uint64_t              waits;
    bool                  failed;
} check_t;


static char  check_error[256];


/* splitmix64: the same numbers on every machine */

__attribute__((unused))
static uint64_t
check_random(uint64_t *state)
{
    uint64_t  x;

    x = *state += 0x9e3779b97f4a7c15ull;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;

    return x ^ x >> 31;
}


/* keeps the first of them; returns what the caller returns */

__attribute__((format(printf, 2, 3)))
static bool
check_fail(check_t *c, const char *fmt, ...)
{
    va_list  args;

    if (!c->failed) {
        va_start(args, fmt);
        vsnprintf(check_error, sizeof(check_error), fmt, args);
        va_end(args);
    }

    c->failed = true;

    return false;
}


static bool
check_claim(check_t *c, uint32_t b, uint32_t n, bool root, const char *what)
{
    uint32_t  i, at;

    at = b % NOTIFY_PAGE_BLOCKS;

    if (b >= c->end || n == 0 || at < NOTIFY_PAGE_META
        || at + n > NOTIFY_PAGE_BLOCKS)
    {
        return check_fail(c, "%s: no such blocks: %u +%u", what, b, n);
    }

    for (i = b; i < b + n; i++) {

        if (c->claimed[i]) {
            return check_fail(c, "%s: block %u has two owners", what, i);
        }

        if (!(root && i == b) && *notify_type(c->z, i) != NOTIFY_FREE) {
            return check_fail(c, "%s: block %u has a type", what, i);
        }

        c->claimed[i] = 1;
    }

    c->used += n;

    return true;
}


static bool
check_key_name(check_t *c, uint32_t key)
{
    size_t             left;
    uint32_t           b, n;
    uint8_t            bytes[NOTIFY_REALM_MAX + NOTIFY_USER_MAX];
    notify_key_t      *k;
    notify_name_of_t   name;

    k = notify_block(c->z, key);

    if (k->length > sizeof(bytes) || k->realm > k->length) {
        return check_fail(c, "key %u: length %u", key, k->length);
    }

    n = k->length < NOTIFY_KEY_NAME ? k->length : NOTIFY_KEY_NAME;
    memcpy(bytes, k->name, n);
    left = k->length - n;

    for (b = k->rest; b; b = ((notify_name_t *) notify_block(c->z, b))->more) {

        if (left == 0 || !check_claim(c, b, NOTIFY_RECORD, false, "name")) {
            return check_fail(c, "key %u: name goes on in %u", key, b);
        }

        n = left < NOTIFY_NAME ? (uint32_t) left : NOTIFY_NAME;
        memcpy(bytes + k->length - left,
               ((notify_name_t *) notify_block(c->z, b))->name, n);
        left -= n;
    }

    if (left) {
        return check_fail(c, "key %u: name is cut short", key);
    }

    name.realm = bytes;
    name.realm_length = k->realm;
    name.user = bytes + k->realm;
    name.user_length = k->length - k->realm;

    if (notify_key_hash(c->z, &name) != k->hash) {
        return check_fail(c, "key %u: hash is not its name's", key);
    }

    return true;
}


static bool
check_entry(check_t *c, uint32_t key, uint32_t entry, uint8_t *seats,
    uint32_t *sockets)
{
    uint32_t  seat;

    if (entry == 0) {
        return true;
    }

    seat = notify_entry_seat(entry);

    if (seat >= c->z->head->seats || notify_entry_n(entry) == 0) {
        return check_fail(c, "key %u: entry %08x", key, entry);
    }

    if (c->z->seats[seat].state == NOTIFY_SEAT_FREE) {
        return check_fail(c, "key %u: seat %u is free", key, seat);
    }

    if (seats[seat]++) {
        return check_fail(c, "key %u: seat %u has two entries", key, seat);
    }

    *sockets += notify_entry_n(entry);
    c->sockets[seat] += notify_entry_n(entry);

    return true;
}


/* how many sockets the entries give to a seat */

static uint32_t
check_entry_of(const check_t *c, uint32_t key, uint32_t seat)
{
    uint32_t             *entry;
    notify_entry_walk_t   at;

    memset(&at, 0, sizeof(at));

    while ((entry = notify_key_entry_next(c->z, key, &at)) != NULL) {
        if (*entry && notify_entry_seat(*entry) == seat) {
            return notify_entry_n(*entry);
        }
    }

    return 0;
}


static bool
check_member(check_t *c, uint32_t key, uint64_t word, uint32_t *seats,
    uint64_t *words, uint32_t *n)
{
    uint32_t  i, seat;

    if (word == 0) {
        return true;
    }

    seat = notify_member_seat(word);

    if (seat >= c->z->head->seats
        || ++seats[seat] > check_entry_of(c, key, seat))
    {
        return check_fail(c, "key %u: a member of seat %u, which has %u "
                          "sockets", key, seat, check_entry_of(c, key, seat));
    }

    if (word & NOTIFY_MEMBER_KEEP || notify_member_id(word) == 0
        || notify_member_serial(word) > c->z->head->serial)
    {
        return check_fail(c, "key %u: member %llx", key,
                          (unsigned long long) word);
    }

    for (i = 0; i < *n; i++) {
        if (notify_member_id(words[i]) == notify_member_id(word)) {
            return check_fail(c, "key %u: two members are %u", key,
                              notify_member_id(word));
        }
    }

    if (*n == NOTIFY_MEMBERS_MAX) {
        return check_fail(c, "key %u: too many members", key);
    }

    words[(*n)++] = word;

    return true;
}


static bool
check_members(check_t *c, uint32_t key)
{
    uint32_t           b, i, n, used;
    uint32_t           seats[NOTIFY_SEATS_MAX];
    uint64_t           words[NOTIFY_MEMBERS_MAX];
    notify_key_t      *k;
    notify_members_t  *m;

    k = notify_block(c->z, key);
    memset(seats, 0, sizeof(seats));
    n = 0;

    if (!check_member(c, key, k->member, seats, words, &n)) {
        return false;
    }

    for (b = k->members; b; b = m->more) {

        if (!check_claim(c, b, NOTIFY_RECORD, false, "members")) {
            return false;
        }

        m = notify_block(c->z, b);
        used = n;

        for (i = 0; i < NOTIFY_MEMBERS; i++) {
            if (!check_member(c, key, m->words[i], seats, words, &n)) {
                return false;
            }
        }

        if (used == n) {
            return check_fail(c, "key %u: a block without members", key);
        }
    }

    return true;
}


static bool
check_key(check_t *c, uint32_t key)
{
    uint32_t           b, i, sockets;
    uint8_t            seats[NOTIFY_SEATS_MAX];
    notify_key_t      *k;
    notify_entries_t  *more;

    k = notify_block(c->z, key);
    memset(seats, 0, sizeof(seats));
    sockets = 0;
    c->keys++;

    if (!check_claim(c, key, NOTIFY_RECORD, true, "key")
        || !check_key_name(c, key))
    {
        return false;
    }

    for (i = 0; i < NOTIFY_KEY_ENTRIES; i++) {
        if (!check_entry(c, key, k->entries[i], seats, &sockets)) {
            return false;
        }
    }

    for (b = k->more; b; b = more->more) {

        if (!check_claim(c, b, NOTIFY_RECORD, false, "entries")) {
            return false;
        }

        more = notify_block(c->z, b);

        for (i = 0; i < NOTIFY_ENTRIES; i++) {
            if (!check_entry(c, key, more->entries[i], seats, &sockets)) {
                return false;
            }
        }
    }

    if (sockets != k->sockets) {
        return check_fail(c, "key %u: %u sockets, counted as %u", key,
                          sockets, k->sockets);
    }

    if (k->sockets == 0 && k->messages == 0) {
        return check_fail(c, "key %u: is of no use", key);
    }

    return check_members(c, key);
}


static bool
check_body(check_t *c, uint32_t message)
{
    uint32_t           b, length;
    notify_extent_t   *e;
    notify_message_t  *m;

    m = notify_block(c->z, message);

    length = m->blocks * NOTIFY_BLOCK - offsetof(notify_message_t, frame);

    if (length > m->length) {
        length = m->length;
    }

    for (b = m->body; b; b = e->next) {
        e = notify_block(c->z, b < c->end ? b : 0);

        if (!check_claim(c, b, e->blocks, false, "extent")) {
            return false;
        }

        if (e->length == 0
            || e->length > e->blocks * NOTIFY_BLOCK - sizeof(notify_extent_t))
        {
            return check_fail(c, "message %u: extent %u of %u bytes", message,
                              b, e->length);
        }

        length += e->length;
    }

    if (length != m->length) {
        return check_fail(c, "message %u: %u bytes of %u", message, length,
                          m->length);
    }

    return true;
}


/* what counts as waiting for slow sockets, in whole blocks */

static uint64_t
check_size(check_t *c, uint32_t message)
{
    notify_message_t  *m;

    m = notify_block(c->z, message);

    return (m->frame - (uint8_t *) m + (uint64_t) m->length + NOTIFY_BLOCK - 1)
           / NOTIFY_BLOCK * NOTIFY_BLOCK;
}


static bool
check_target(check_t *c, uint32_t message, notify_target_t *t,
    uint8_t *seats, uint32_t *left, bool *waits)
{
    uint32_t  seat, state;

    if (t->word == 0) {
        return true;
    }

    seat = notify_target_seat(t->word);
    state = notify_target_state(t->word);

    if (seat >= c->z->head->seats || state == NOTIFY_NO_TARGET) {
        return check_fail(c, "message %u: target %08x", message, t->word);
    }

    if (state != NOTIFY_HELD && seats[seat]++) {
        return check_fail(c, "message %u: seat %u has two targets", message,
                          seat);
    }

    if (state == NOTIFY_DONE) {
        return true;
    }

    if (c->z->seats[seat].state == NOTIFY_SEAT_FREE) {
        return check_fail(c, "message %u: seat %u is free", message, seat);
    }

    (*left)++;

    if (state == NOTIFY_PENDING) {
        c->pending[seat]++;

    } else {
        c->taken[seat]++;
    }

    if (state == NOTIFY_HELD || state == NOTIFY_WAITING) {
        c->waiting[seat] += check_size(c, message);
        *waits = true;
    }

    return true;
}


/* what a message is of: its key, or the seat that is to adopt its sockets */

static bool
check_owner(check_t *c, uint32_t message)
{
    uint32_t           seat;
    notify_message_t  *m;

    m = notify_block(c->z, message);

    if (m->kind == NOTIFY_BATCH) {
        seat = notify_target_seat(m->targets[0].word);

        if (m->key || m->more || m->targets[1].word
            || m->stage == NOTIFY_BATCH_SENT
            || seat >= c->z->head->seats)
        {
            return check_fail(c, "batch %u: for seat %u", message, seat);
        }

        c->batches[seat]++;

        return true;
    }

    if (m->key >= c->end || *notify_type(c->z, m->key) != NOTIFY_KEY) {
        return check_fail(c, "message %u: %u is no key", message, m->key);
    }

    c->references[m->key]++;

    if (m->stored) {
        c->histories[m->key]++;
        c->stored++;

    } else if (m->kind != NOTIFY_CLOSE && m->kind != NOTIFY_REPLACE
               && ((notify_key_t *) notify_block(c->z, m->key))->lost < m->id)
    {
        return check_fail(c, "message %u: who resumes is not told that it is "
                          "not stored", message);
    }

    return true;
}


static bool
check_message(check_t *c, uint32_t message)
{
    bool               waits;
    uint32_t           b, i, left;
    uint8_t            seats[NOTIFY_SEATS_MAX];
    notify_message_t  *m;
    notify_targets_t  *more;

    m = notify_block(c->z, message);
    memset(seats, 0, sizeof(seats));
    left = 0;
    waits = false;
    c->messages++;

    if (!check_claim(c, message, m->blocks, true, "message")
        || !check_body(c, message))
    {
        return false;
    }

    if (m->id == 0 || m->id > c->z->head->last_id) {
        return check_fail(c, "message %u: id %llu after the last one", message,
                          (unsigned long long) m->id);
    }

    if (!check_owner(c, message)) {
        return false;
    }

    for (i = 0; i < NOTIFY_MESSAGE_TARGETS; i++) {
        if (!check_target(c, message, &m->targets[i], seats, &left, &waits)) {
            return false;
        }
    }

    for (b = m->more; b; b = more->more) {

        if (!check_claim(c, b, NOTIFY_RECORD, false, "targets")) {
            return false;
        }

        more = notify_block(c->z, b);

        if (more->message != message) {
            return check_fail(c, "message %u: targets of %u", message,
                              more->message);
        }

        for (i = 0; i < NOTIFY_TARGETS; i++) {
            if (!check_target(c, message, &more->targets[i], seats, &left,
                              &waits))
            {
                return false;
            }
        }
    }

    c->waits += waits ? check_size(c, message) : 0;

    if ((left == 0 && !m->stored) || left != m->left) {
        return check_fail(c, "message %u: %u targets left, counted as %u",
                          message, left, m->left);
    }

    return true;
}


static bool
check_draft(check_t *c, uint32_t message)
{
    notify_message_t  *m;

    m = notify_block(c->z, message);

    if (m->u.seat >= c->z->head->seats
        || c->z->seats[m->u.seat].state == NOTIFY_SEAT_FREE)
    {
        return check_fail(c, "draft %u: of seat %u", message, m->u.seat);
    }

    return check_claim(c, message, m->blocks, true, "draft")
           && check_body(c, message);
}


static bool
check_roots(check_t *c)
{
    bool      good;
    uint32_t  b;

    for (b = 0; b < c->end; b++) {

        switch (*notify_type(c->z, b)) {

        case NOTIFY_FREE:
            continue;

        case NOTIFY_KEY:
            good = check_key(c, b);
            break;

        case NOTIFY_MESSAGE:
            good = check_message(c, b);
            break;

        case NOTIFY_DRAFT:
            good = check_draft(c, b);
            break;

        default:
            good = check_fail(c, "block %u: type %u", b,
                              *notify_type(c->z, b));
        }

        if (!good) {
            return false;
        }
    }

    return true;
}


/* one of a key's stored messages, or NULL */

static notify_message_t *
check_stored(check_t *c, uint32_t key, uint32_t b)
{
    notify_message_t  *m;

    if (b == 0 || b >= c->end || *notify_type(c->z, b) != NOTIFY_MESSAGE) {
        (void) check_fail(c, "key %u: its history has %u", key, b);
        return NULL;
    }

    m = notify_block(c->z, b);

    if (!m->stored || m->key != key) {
        (void) check_fail(c, "key %u: its history has message %u", key, b);
        return NULL;
    }

    return m;
}


/* them all: from the oldest on, and from the newest back to where that ends */

static bool
check_history(check_t *c, uint32_t key)
{
    uint32_t           b, n, fresh;
    uint64_t           id, newer;
    notify_key_t      *k;
    notify_message_t  *m;

    k = notify_block(c->z, key);
    id = 0;

    for (b = k->first, n = 0; b && n <= c->stored; b = m->link, n++) {
        m = check_stored(c, key, b);

        if (m == NULL) {
            return false;
        }

        if (m->id <= id) {
            return check_fail(c, "key %u: message %u comes too late", key, b);
        }

        id = m->id;
    }

    newer = UINT64_MAX;

    for (b = k->last, fresh = k->fresh; fresh; b = m->link, fresh--, n++) {
        m = check_stored(c, key, b);

        if (m == NULL) {
            return false;
        }

        if (m->id >= newer || m->id <= id) {
            return check_fail(c, "key %u: message %u comes too early", key, b);
        }

        newer = m->id;
    }

    if (n != k->stored || n != c->histories[key]) {
        return check_fail(c, "key %u: %u messages stored, %u in its history, "
                          "counted as %u", key, c->histories[key], n,
                          k->stored);
    }

    return true;
}


/* all stored messages, by id */

static bool
check_store(check_t *c)
{
    uint32_t           b, n, older;
    uint64_t           id;
    notify_message_t  *m;

    id = 0;
    older = 0;

    for (b = c->z->head->oldest, n = 0; b && n <= c->stored; b = m->newer, n++)
    {
        if (b >= c->end || *notify_type(c->z, b) != NOTIFY_MESSAGE) {
            return check_fail(c, "the store has %u", b);
        }

        m = notify_block(c->z, b);

        if (!m->stored || m->older != older || m->id <= id) {
            return check_fail(c, "the store has message %u", b);
        }

        id = m->id;
        older = b;
    }

    if (n != c->stored || n != c->z->head->stored
        || older != c->z->head->newest)
    {
        return check_fail(c, "%u messages stored, %u in the store, counted as "
                          "%u", c->stored, n, c->z->head->stored);
    }

    return true;
}


static bool
check_index(check_t *c)
{
    uint32_t       i, b, n;
    notify_key_t  *k;

    n = 0;

    if (c->z->head->buckets != notify_zone_buckets(c->z->head->size)) {
        return check_fail(c, "%u buckets", c->z->head->buckets);
    }

    for (i = 0; i < c->z->head->buckets; i++) {
        for (b = c->z->buckets[i]; b; b = k->next) {

            if (b >= c->end || *notify_type(c->z, b) != NOTIFY_KEY) {
                return check_fail(c, "bucket %u: %u is no key", i, b);
            }

            k = notify_block(c->z, b);

            if ((k->hash & (c->z->head->buckets - 1)) != i) {
                return check_fail(c, "bucket %u: key %u is of another", i, b);
            }

            if (k->messages != c->references[b]) {
                return check_fail(c, "key %u: %u messages, counted as %u", b,
                                  c->references[b], k->messages);
            }

            if (++n > c->keys) {
                return check_fail(c, "bucket %u: key %u comes twice", i, b);
            }

            if (!check_history(c, b)) {
                return false;
            }
        }
    }

    if (n != c->keys) {
        return check_fail(c, "%u keys, %u in the index", c->keys, n);
    }

    return true;
}


/* the seat's pending target in a block of an inbox */

static notify_target_t *
check_inbox_target(check_t *c, uint32_t seat, uint32_t slot,
    notify_message_t **m)
{
    uint32_t           i, n;
    notify_target_t   *t;
    notify_targets_t  *more;

    if (slot >= c->end || !c->claimed[slot]) {
        return NULL;
    }

    if (*notify_type(c->z, slot) == NOTIFY_MESSAGE) {
        *m = notify_block(c->z, slot);
        t = (*m)->targets;
        n = NOTIFY_MESSAGE_TARGETS;

    } else {
        more = notify_block(c->z, slot);

        if (more->message >= c->end
            || *notify_type(c->z, more->message) != NOTIFY_MESSAGE)
        {
            return NULL;
        }

        *m = notify_block(c->z, more->message);
        t = more->targets;
        n = NOTIFY_TARGETS;
    }

    for (i = 0; i < n; i++) {
        if (t[i].word == notify_target(seat, NOTIFY_PENDING)) {
            return &t[i];
        }
    }

    return NULL;
}


static bool
check_inbox(check_t *c, uint32_t seat)
{
    uint32_t           slot, last, n;
    uint64_t           id;
    notify_seat_t     *s;
    notify_target_t   *t;
    notify_message_t  *m;

    s = &c->z->seats[seat];
    last = 0;
    id = 0;
    n = 0;

    for (slot = s->first; slot; slot = t->next) {

        t = check_inbox_target(c, seat, slot, &m);

        if (t == NULL) {
            return check_fail(c, "inbox %u: nothing pending in %u", seat,
                              slot);
        }

        if (m->id <= id) {
            return check_fail(c, "inbox %u: message %llu is out of order",
                              seat, (unsigned long long) m->id);
        }

        id = m->id;
        last = slot;
        n++;
    }

    if (last != s->last || n != c->pending[seat]) {
        return check_fail(c, "inbox %u: %u of %u messages, ends in %u, not %u",
                          seat, n, c->pending[seat], last, s->last);
    }

    if (n && s->wake == 0) {
        return check_fail(c, "inbox %u: nobody was told", seat);
    }

    if (s->sockets != c->sockets[seat] || s->taken != c->taken[seat]
        || s->batches != c->batches[seat])
    {
        return check_fail(c, "seat %u: %u sockets, counted as %u; "
                          "%u messages taken, counted as %u; "
                          "%u batches, counted as %u", seat,
                          c->sockets[seat], s->sockets, c->taken[seat],
                          s->taken, c->batches[seat], s->batches);
    }

    if (s->waiting != c->waiting[seat]) {
        return check_fail(c, "seat %u: %llu bytes wait, counted as %llu", seat,
                          (unsigned long long) c->waiting[seat],
                          (unsigned long long) s->waiting);
    }

    return true;
}


/* walks a list of pages, and marks each in seen */

static bool
check_page_list(check_t *c, uint32_t first, uint32_t list, uint8_t *seen)
{
    uint32_t        number, prev;
    notify_page_t  *page;

    prev = 0;

    for (number = first; number; number = page->next) {

        if (number > c->z->head->top || seen[number - 1]) {
            return check_fail(c, "page list %u: page %u", list, number);
        }

        page = notify_page(c->z, number - 1);

        if (page->list != list || page->prev != prev) {
            return check_fail(c, "page %u: on list %u, found on %u, prev %u",
                              number, page->list, list, page->prev);
        }

        seen[number - 1] = 1;
        prev = number;
    }

    return true;
}


static bool
check_page(check_t *c, uint32_t i, bool seen)
{
    bool            freed, before, room;
    uint32_t        at, n;
    notify_page_t  *page;

    page = notify_page(c->z, i);
    n = 0;
    room = false;
    freed = false;

    for (at = 0; at < NOTIFY_PAGE_BLOCKS; at++) {
        before = freed;
        freed = page->free[at / 64] >> (at % 64) & 1;
        n += freed;
        room |= before && freed;

        if (at < NOTIFY_PAGE_META ? freed
            : freed == c->claimed[i * NOTIFY_PAGE_BLOCKS + at])
        {
            return check_fail(c, "block %u: %s", i * NOTIFY_PAGE_BLOCKS + at,
                              freed ? "is free, and has an owner"
                                    : "is lost");
        }
    }

    if (n != page->nfree) {
        return check_fail(c, "page %u: %u free, counted as %u", i + 1, n,
                          page->nfree);
    }

    if ((page->list == CHECK_LIST_NONE) == room
        || (page->list == CHECK_LIST_EMPTY) != (n == NOTIFY_PAGE_USABLE)
        || seen != room)
    {
        return check_fail(c, "page %u: %u free, on list %u, %s", i + 1, n,
                          page->list, seen ? "found" : "not found");
    }

    return true;
}


static bool
check_pages(check_t *c)
{
    bool                  good;
    uint8_t              *seen;
    uint32_t              i, used;
    const notify_head_t  *head;

    head = c->z->head;
    used = 0;
    seen = calloc(head->top + 1, 1);

    good = check_page_list(c, head->partial[0], CHECK_LIST_KEYS, seen)
           && check_page_list(c, head->partial[1], CHECK_LIST_MESSAGES, seen)
           && check_page_list(c, head->free_page, CHECK_LIST_EMPTY, seen);

    for (i = 0; good && i < head->top; i++) {
        good = check_page(c, i, seen[i]);
        used += notify_page(c->z, i)->nfree != NOTIFY_PAGE_USABLE;
    }

    free(seen);

    if (good && (used != head->used_pages || c->used != head->used_blocks)) {
        return check_fail(c, "%u pages, counted as %u; %u blocks, counted as "
                          "%u", used, head->used_pages, c->used,
                          head->used_blocks);
    }

    return good;
}


/* beyond half of the zone, a seat that has some of it has been asked */

static bool
check_slow(check_t *c)
{
    bool            can;
    uint32_t        i;
    notify_seat_t  *s;

    if (c->waits != c->z->head->waiting) {
        return check_fail(c, "%llu bytes wait, counted as %llu",
                          (unsigned long long) c->waits,
                          (unsigned long long) c->z->head->waiting);
    }

    if (c->waits <= c->z->head->size / 2) {
        return true;
    }

    can = false;

    for (i = 0; i < c->z->head->seats; i++) {
        s = &c->z->seats[i];

        if (s->state != NOTIFY_SEAT_LIVE) {
            continue;
        }

        if (s->slow == NOTIFY_SLOW_ASKED) {
            return true;
        }

        can |= s->waiting && s->slow != NOTIFY_SLOW_SPENT;
    }

    return !can || check_fail(c, "%llu bytes wait, and nobody is asked",
                              (unsigned long long) c->waits);
}


static bool
check_all(check_t *c)
{
    uint32_t  i;

    if (!check_roots(c) || !check_index(c) || !check_store(c)
        || !check_pages(c))
    {
        return false;
    }

    for (i = 0; i < c->z->head->seats; i++) {
        if (!check_inbox(c, i)) {
            return false;
        }
    }

    if (c->keys != c->z->head->keys || c->messages != c->z->head->messages) {
        return check_fail(c, "%u keys, counted as %u; %u messages, counted as "
                          "%u", c->keys, c->z->head->keys, c->messages,
                          c->z->head->messages);
    }

    return check_slow(c);
}


/* NULL when all holds; else what does not, valid until the next call */

__attribute__((unused))
static const char *
check_zone(const notify_zone_t *z)
{
    check_t  c;

    memset(&c, 0, sizeof(check_t));
    c.z = z;
    c.end = z->head->top * NOTIFY_PAGE_BLOCKS;
    c.claimed = calloc(c.end + 1, 1);
    c.references = calloc(c.end + 1, sizeof(uint32_t));
    c.histories = calloc(c.end + 1, sizeof(uint32_t));

    (void) check_all(&c);

    free(c.claimed);
    free(c.references);
    free(c.histories);

    return c.failed ? check_error : NULL;
}


/* what the zone says of itself when nobody uses it any more, or NULL */

__attribute__((unused))
static const char *
check_empty(const notify_zone_t *z)
{
    if (z->head->used_blocks || z->head->used_pages || z->head->keys
        || z->head->messages)
    {
        snprintf(check_error, sizeof(check_error),
                 "not empty: %u blocks, %u pages, %u keys, %u messages",
                 z->head->used_blocks, z->head->used_pages, z->head->keys,
                 z->head->messages);
        return check_error;
    }

    return check_zone(z);
}


static void
check_dump_message(const notify_zone_t *z, uint32_t message, FILE *f)
{
    uint8_t           *p;
    uint32_t           i, n, at, extent;
    uint64_t           sum;
    notify_message_t  *m;

    m = notify_block(z, message);
    sum = 0xcbf29ce484222325ull;
    at = 0;
    extent = 0;

    while ((p = notify_message_piece(z, message, &extent, &at, &n)) != NULL) {
        for (i = 0; i < n; i++) {
            sum = (sum ^ p[i]) * 0x100000001b3ull;
        }
    }

    fprintf(f, " %llx/%u/%u/%u/%llx", (unsigned long long) m->id, m->kind,
            m->kind == NOTIFY_CLOSE ? m->u.code
            : m->kind == NOTIFY_REPLACE ? m->sockets : 0, m->length,
            (unsigned long long) sum);
}


static int
check_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}


static int
check_older(const void *a, const void *b)
{
    uint64_t  p, q;

    p = notify_member_serial(*(const uint64_t *) a);
    q = notify_member_serial(*(const uint64_t *) b);

    return p < q ? -1 : p > q;
}


/* a key's members, the oldest first; returns how many */

static uint32_t
check_members_of(const notify_zone_t *z, uint32_t key,
    uint64_t words[NOTIFY_MEMBERS_MAX])
{
    uint32_t           b, i, n;
    notify_key_t      *k;
    notify_members_t  *m;

    k = notify_block(z, key);
    n = 0;

    if (k->member) {
        words[n++] = k->member;
    }

    for (b = k->members; b; b = m->more) {
        m = notify_block(z, b);

        for (i = 0; i < NOTIFY_MEMBERS; i++) {
            if (m->words[i]) {
                words[n++] = m->words[i];
            }
        }
    }

    qsort(words, n, sizeof(uint64_t), check_older);

    return n;
}


/*
 * One line: the name, how many sockets each seat has, in the seats' order, and
 * the members, the oldest first.
 */

static char *
check_dump_key(const notify_zone_t *z, uint32_t key)
{
    char                 *line;
    FILE                 *f;
    size_t                size;
    uint8_t               bytes[NOTIFY_REALM_MAX + NOTIFY_USER_MAX];
    uint32_t              i, *entry, members, n[NOTIFY_SEATS_MAX];
    uint64_t              words[NOTIFY_MEMBERS_MAX];
    notify_key_t         *k;
    notify_name_of_t      name;
    notify_entry_walk_t   at;

    k = notify_block(z, key);
    f = open_memstream(&line, &size);

    notify_key_name(z, key, bytes, &name);

    fprintf(f, "key %08x %u ", k->hash, k->realm);
    fwrite(name.user, 1, name.user_length, f);
    fprintf(f, ": %u sockets, %u messages, %u stored:", k->sockets,
            k->messages, k->stored);

    memset(n, 0, sizeof(n));
    memset(&at, 0, sizeof(at));

    while ((entry = notify_key_entry_next(z, key, &at)) != NULL) {
        if (*entry) {
            n[notify_entry_seat(*entry)] = notify_entry_n(*entry);
        }
    }

    for (i = 0; i < z->head->seats; i++) {
        if (n[i]) {
            fprintf(f, " %u:%u", i, n[i]);
        }
    }

    members = check_members_of(z, key, words);

    for (i = 0; i < members; i++) {
        fprintf(f, ", %llu of %u",
                (unsigned long long) notify_member_serial(words[i]),
                notify_member_seat(words[i]));
    }

    fclose(f);

    return line;
}


static void
check_dump_keys(const notify_zone_t *z, FILE *f)
{
    char      **lines;
    uint32_t    b, end, i, n;

    end = z->head->top * NOTIFY_PAGE_BLOCKS;
    lines = calloc(z->head->keys + 1, sizeof(char *));
    n = 0;

    for (b = 0; b < end && n < z->head->keys; b++) {
        if (*notify_type(z, b) == NOTIFY_KEY) {
            lines[n++] = check_dump_key(z, b);
        }
    }

    qsort(lines, n, sizeof(char *), check_compare);

    for (i = 0; i < n; i++) {
        fprintf(f, "%s\n", lines[i]);
        free(lines[i]);
    }

    free(lines);
}


/*
 * The zone as text, without what does not matter: block numbers, and the
 * order of keys.  To be freed.  The zone is a consistent one.
 */

__attribute__((unused))
static char *
check_dump(const notify_zone_t *z)
{
    char              *text;
    FILE              *f;
    size_t             size;
    uint32_t           i, slot;
    check_t            c;
    notify_target_t   *t;
    notify_message_t  *m;

    memset(&c, 0, sizeof(check_t));
    c.z = z;
    c.end = z->head->top * NOTIFY_PAGE_BLOCKS;
    c.claimed = malloc(c.end + 1);
    memset(c.claimed, 1, c.end + 1);

    f = open_memstream(&text, &size);

    fprintf(f, "size %llu, %u keys, %u messages\n",
            (unsigned long long) z->head->size, z->head->keys,
            z->head->messages);

    for (i = 0; i < z->head->seats; i++) {

        if (z->seats[i].state == NOTIFY_SEAT_FREE
            || (z->seats[i].state == NOTIFY_SEAT_LIVE
                && z->seats[i].sockets == 0 && z->seats[i].taken == 0
                && z->seats[i].first == 0))
        {
            continue;
        }

        fprintf(f, "seat %u: state %u, %u sockets, %u taken, %llu waiting, "
                "slow %u, %u batches:", i, z->seats[i].state,
                z->seats[i].sockets, z->seats[i].taken,
                (unsigned long long) z->seats[i].waiting, z->seats[i].slow,
                z->seats[i].batches);

        for (slot = z->seats[i].first; slot; slot = t->next) {
            t = check_inbox_target(&c, i, slot, &m);

            check_dump_message(z, (uint32_t) (((uint8_t *) m - z->pages)
                                              / NOTIFY_BLOCK), f);
        }

        fprintf(f, "\n");
    }

    fprintf(f, "stored:");

    for (slot = z->head->oldest; slot; slot = m->newer) {
        m = notify_block(z, slot);
        check_dump_message(z, slot, f);
    }

    fprintf(f, "\n");

    check_dump_keys(z, f);

    fclose(f);
    free(c.claimed);

    return text;
}


/* how many records can be had before the zone is full */

__attribute__((unused))
static uint32_t
check_room(const notify_zone_t *z)
{
    uint32_t        i, at, run, records;
    notify_page_t  *page;

    records = (uint32_t) (z->head->size / NOTIFY_PAGE_SIZE);
    records = records > z->head->used_pages ? records - z->head->used_pages : 0;
    records *= NOTIFY_PAGE_USABLE / NOTIFY_RECORD;

    for (i = 0; i < z->head->top; i++) {
        page = notify_page(z, i);

        if (page->nfree == NOTIFY_PAGE_USABLE) {
            continue;
        }

        for (at = 0, run = 0; at < NOTIFY_PAGE_BLOCKS; at++) {
            run = page->free[at / 64] >> (at % 64) & 1 ? run + 1 : 0;

            if (run == NOTIFY_RECORD) {
                records++;
                run = 0;
            }
        }
    }

    return records;
}

#endif /* CHECK_H_INCLUDED */
