/*
 * Messages: records of their own, and the extents of those that are large.
 */

#include <string.h>

#include "notify_blocks.h"
#include "notify_id.h"
#include "notify_keys.h"
#include "notify_message.h"


#define NOTIFY_MESSAGE_HEAD    ((uint32_t) offsetof(notify_message_t, frame))
#define NOTIFY_EXTENT_HEAD     ((uint32_t) sizeof(notify_extent_t))

#define NOTIFY_MESSAGE_AHEAD   4            /* blocks of the next message */


/* 48 bytes of text, and their frame's head, fit into a record */
_Static_assert(NOTIFY_MESSAGE_HEAD + 2 + 48 <= NOTIFY_RECORD_SIZE, "head");


static uint32_t notify_message_blocks(uint32_t head, uint32_t length);
static uint32_t notify_message_inline(const notify_message_t *m);
static int notify_message_extents(notify_zone_t *z, uint32_t message);
static void notify_message_free_chains(notify_zone_t *z, uint32_t message);
static bool notify_message_mark_chains(notify_zone_t *z, uint32_t message);


uint32_t
notify_message_alloc(notify_zone_t *z, uint32_t length)
{
    uint32_t           message, got, i;
    notify_message_t  *m;

    message = notify_run_alloc(z, notify_message_blocks(NOTIFY_MESSAGE_HEAD,
                                                        length), &got);

    if (message == 0) {
        return 0;
    }

    m = notify_block(z, message);

    /* the next one will lie behind it, as a rule, and is seldom cached */

    for (i = 0; i < got && i < NOTIFY_MESSAGE_AHEAD; i++) {
        __builtin_prefetch((uint8_t *) m + (got + i) * NOTIFY_BLOCK, 1);
    }

    memset(m, 0, NOTIFY_MESSAGE_HEAD);
    m->length = length;
    m->blocks = (uint8_t) got;

    if (length > notify_message_inline(m)
        && notify_message_extents(z, message) == -1)
    {
        notify_message_free(z, message);
        return 0;
    }

    return message;
}


/* blocks that a head and so much of the frame take, a record's at least */

static uint32_t
notify_message_blocks(uint32_t head, uint32_t length)
{
    if (length > NOTIFY_PAGE_SIZE) {
        return NOTIFY_PAGE_USABLE;
    }

    length = (head + length + NOTIFY_BLOCK - 1) / NOTIFY_BLOCK;

    return length > NOTIFY_RECORD ? length : NOTIFY_RECORD;
}


/* how much of a frame its record has room for */

static uint32_t
notify_message_inline(const notify_message_t *m)
{
    return m->blocks * NOTIFY_BLOCK - NOTIFY_MESSAGE_HEAD;
}


static int
notify_message_extents(notify_zone_t *z, uint32_t message)
{
    uint32_t           left, got, b, *link;
    notify_extent_t   *e;
    notify_message_t  *m;

    m = notify_block(z, message);
    left = m->length - notify_message_inline(m);
    link = &m->body;

    while (left) {
        b = notify_run_alloc(z, notify_message_blocks(NOTIFY_EXTENT_HEAD,
                                                      left), &got);

        if (b == 0) {
            return -1;
        }

        e = notify_block(z, b);
        e->next = 0;
        e->blocks = (uint16_t) got;

        got = got * NOTIFY_BLOCK - NOTIFY_EXTENT_HEAD;
        e->length = (uint16_t) (got < left ? got : left);

        left -= e->length;

        *link = b;
        link = &e->next;
    }

    return 0;
}


void
notify_message_free(notify_zone_t *z, uint32_t message)
{
    notify_message_t  *m;

    notify_store(notify_type(z, message), NOTIFY_FREE);

    notify_message_free_chains(z, message);

    m = notify_block(z, message);
    notify_blocks_free(z, message, m->blocks);
}


static void
notify_message_free_chains(notify_zone_t *z, uint32_t message)
{
    uint32_t           b, next;
    notify_extent_t   *e;
    notify_message_t  *m;

    m = notify_block(z, message);

    for (b = m->body; b; b = next) {
        e = notify_block(z, b);
        next = e->next;
        notify_blocks_free(z, b, e->blocks);
    }

    for (b = m->more; b; b = next) {
        next = ((notify_targets_t *) notify_block(z, b))->more;
        notify_record_free(z, b);
    }

    m->body = 0;
    m->more = 0;
}


void
notify_message_draft(notify_zone_t *z, uint32_t message, uint32_t seat)
{
    notify_message_t  *m;

    m = notify_block(z, message);
    m->u.seat = seat;

    notify_store(notify_type(z, message), NOTIFY_DRAFT);
}


uint8_t *
notify_message_piece(const notify_zone_t *z, uint32_t message,
    uint32_t *extent, uint32_t *at, uint32_t *n)
{
    notify_extent_t   *e;
    notify_message_t  *m;

    m = notify_block(z, message);

    if (*at >= m->length) {
        return NULL;
    }

    if (*at == 0) {
        *n = notify_message_inline(m);

        if (*n > m->length) {
            *n = m->length;
        }

        *at = *n;

        return m->frame;
    }

    *extent = *extent
              ? ((notify_extent_t *) notify_block(z, *extent))->next : m->body;

    e = notify_block(z, *extent);

    *n = e->length;
    *at += e->length;

    return e->bytes;
}


uint64_t
notify_message_next_id(notify_zone_t *z, uint64_t now)
{
    uint64_t  id;

    id = notify_id_next(z->head->last_id, now);
    notify_store(&z->head->last_id, id);

    return id;
}


void
notify_message_release(notify_zone_t *z, uint32_t message)
{
    uint32_t           key;
    notify_key_t      *k;
    notify_message_t  *m;

    m = notify_block(z, message);

    if (m->left || m->stored) {
        return;
    }

    key = m->key;

    z->head->messages--;
    notify_message_free(z, message);

    if (key) {
        k = notify_block(z, key);
        k->messages--;
        notify_key_release_locked(z, key);
    }
}


bool
notify_message_mark(notify_zone_t *z, uint32_t message, uint32_t *list)
{
    notify_message_t  *m;

    if (!notify_message_mark_chains(z, message)) {
        return false;
    }

    m = notify_block(z, message);
    m->link = *list;
    *list = message;

    return true;
}


bool
notify_draft_mark(notify_zone_t *z, uint32_t message)
{
    notify_message_t  *m;

    m = notify_block(z, message);

    /* targets of a publication that did not happen are of no use */

    m->more = 0;

    return m->u.seat < z->head->seats
           && z->seats[m->u.seat].state == NOTIFY_SEAT_LIVE
           && notify_message_mark_chains(z, message);
}


static bool
notify_message_mark_chains(notify_zone_t *z, uint32_t message)
{
    uint32_t           b, end;
    notify_extent_t   *e;
    notify_message_t  *m;

    m = notify_block(z, message);

    if (!notify_blocks_mark(z, message, m->blocks)) {
        return false;
    }

    end = z->head->top * NOTIFY_PAGE_BLOCKS;

    for (b = m->body; b; b = e->next) {

        if (b >= end) {
            return false;
        }

        e = notify_block(z, b);

        if (!notify_blocks_mark(z, b, e->blocks)) {
            return false;
        }
    }

    for (b = m->more; b; b = ((notify_targets_t *) notify_block(z, b))->more) {
        if (!notify_record_mark(z, b)) {
            return false;
        }
    }

    return true;
}
