/*
 * Inboxes: messages, and the order in which each seat is to take them.
 *
 * An inbox is a list of blocks, each of which has a target of its seat: the
 * message itself, or a continuation of its targets.
 */

#include <string.h>

#include "notify_blocks.h"
#include "notify_inbox.h"
#include "notify_keys.h"
#include "notify_message.h"


typedef struct {
    uint32_t          block;
    notify_target_t  *target;
    uint32_t          n;                     /* targets left in this block */
    uint32_t          more;
} notify_target_walk_t;


static void notify_targets_start(const notify_zone_t *z, uint32_t message,
    notify_target_walk_t *at);
static notify_target_t *notify_targets_next(const notify_zone_t *z,
    notify_target_walk_t *at);
static int notify_targets_fill(notify_zone_t *z, uint32_t message);
static void notify_targets_clear(notify_zone_t *z, uint32_t message);
static notify_target_t *notify_target_of(const notify_zone_t *z, uint32_t slot,
    uint32_t seat, uint32_t *message);
static notify_target_t *notify_targets_vacant(notify_zone_t *z,
    uint32_t message, uint32_t *slot);
static void notify_inbox_append(notify_zone_t *z, uint32_t slot,
    notify_target_t *target);
static void notify_inbox_waits(notify_zone_t *z, uint32_t message,
    uint32_t seat);
static void notify_inbox_waited(notify_zone_t *z, uint32_t message,
    uint32_t seat);
static uint32_t notify_targets_waiting(const notify_zone_t *z,
    uint32_t message);
static uint64_t notify_message_size(const notify_zone_t *z, uint32_t message);
static bool notify_targets_count(notify_zone_t *z, uint32_t message);
static bool notify_target_keep(notify_zone_t *z, notify_target_t *t,
    uint64_t id);
static void notify_inbox_requeue(notify_zone_t *z, uint32_t message);
static uint32_t notify_inbox_sort(notify_zone_t *z, uint32_t list);
static uint32_t notify_inbox_merge(notify_zone_t *z, uint32_t a, uint32_t b);


int
notify_inbox_publish(notify_zone_t *z, uint32_t message)
{
    notify_key_t          *k;
    notify_target_t       *t;
    notify_message_t      *m;
    notify_target_walk_t   at;

    m = notify_block(z, message);
    k = notify_block(z, m->key);

    if (k->sockets && notify_targets_fill(z, message) == -1) {
        notify_targets_clear(z, message);
        return -1;
    }

    if (!m->stored && m->kind != NOTIFY_CLOSE) {
        /* before anybody has it: who resumes from before it will be told */
        notify_key_lost_locked(z, m->key, 0, m->id);
    }

    /* killed above, nobody has it; below, all its targets have */

    notify_store(notify_type(z, message), NOTIFY_MESSAGE);

    k->messages++;
    z->head->messages++;

    if (m->left == 0) {
        return 0;
    }

    notify_targets_start(z, message, &at);

    while ((t = notify_targets_next(z, &at)) != NULL) {
        if (t->word) {
            notify_inbox_append(z, at.block, t);
        }
    }

    return 0;
}


void
notify_inbox_post(notify_zone_t *z, uint32_t message, uint32_t seat)
{
    notify_key_t      *k;
    notify_message_t  *m;

    m = notify_block(z, message);

    m->left = 1;
    m->targets[0].word = notify_target(seat, NOTIFY_PENDING);

    /* as above */

    notify_store(notify_type(z, message), NOTIFY_MESSAGE);

    z->head->messages++;

    if (m->kind == NOTIFY_BATCH) {
        z->seats[seat].batches++;

    } else {
        k = notify_block(z, m->key);
        k->messages++;
    }

    notify_inbox_append(z, message, &m->targets[0]);
}


bool
notify_inbox_has_batch(const notify_zone_t *z, uint32_t seat)
{
    return z->seats[seat].batches != 0;
}


/* one pending target for each seat that has sockets of the message's key */

static int
notify_targets_fill(notify_zone_t *z, uint32_t message)
{
    uint32_t              *entry, *link, b;
    notify_target_t       *t;
    notify_targets_t      *more;
    notify_message_t      *m;
    notify_entry_walk_t    walk;
    notify_target_walk_t   at;

    m = notify_block(z, message);
    m->left = 0;
    link = &m->more;

    memset(&walk, 0, sizeof(notify_entry_walk_t));
    notify_targets_start(z, message, &at);

    while ((entry = notify_key_entry_next(z, m->key, &walk)) != NULL) {

        if (*entry == 0) {
            continue;
        }

        t = notify_targets_next(z, &at);

        if (t == NULL) {
            b = notify_record_alloc(z, NOTIFY_FOR_MESSAGES);

            if (b == 0) {
                return -1;
            }

            more = notify_block(z, b);
            memset(more, 0, sizeof(notify_targets_t));
            more->message = message;

            *link = b;
            link = &more->more;

            at.more = b;
            t = notify_targets_next(z, &at);
        }

        t->word = notify_target(notify_entry_seat(*entry), NOTIFY_PENDING);
        t->next = 0;
        m->left++;
    }

    return 0;
}


/* nothing was published: a draft may be tried again */

static void
notify_targets_clear(notify_zone_t *z, uint32_t message)
{
    uint32_t           b, next;
    notify_message_t  *m;

    m = notify_block(z, message);

    for (b = m->more; b; b = next) {
        next = ((notify_targets_t *) notify_block(z, b))->more;
        notify_record_free(z, b);
    }

    m->more = 0;
    m->left = 0;
    memset(m->targets, 0, sizeof(m->targets));
}


uint32_t
notify_inbox_take(notify_zone_t *z, uint32_t seat, uint32_t *slot)
{
    uint32_t          message;
    notify_seat_t    *s;
    notify_target_t  *t;

    s = &z->seats[seat];

    *slot = s->first;

    if (*slot == 0) {
        return 0;
    }

    t = notify_target_of(z, *slot, seat, &message);

    notify_store(&t->word, notify_target(seat, NOTIFY_TAKEN));

    s->taken++;
    s->first = t->next;

    if (s->first == 0) {
        s->last = 0;
    }

    return message;
}


void
notify_inbox_wait(notify_zone_t *z, uint32_t slot, uint32_t seat)
{
    uint32_t          message;
    notify_target_t  *t;

    t = notify_target_of(z, slot, seat, &message);

    if (notify_target_state(t->word) != NOTIFY_TAKEN) {
        return;
    }

    notify_store(&t->word, notify_target(seat, NOTIFY_WAITING));

    notify_inbox_waits(z, message, seat);
}


uint32_t
notify_inbox_hold(notify_zone_t *z, uint32_t message, uint32_t seat)
{
    uint32_t           slot;
    notify_target_t   *t;
    notify_message_t  *m;

    t = notify_targets_vacant(z, message, &slot);

    if (t == NULL) {
        return 0;
    }

    notify_store(&t->word, notify_target(seat, NOTIFY_HELD));

    m = notify_block(z, message);
    m->left++;
    z->seats[seat].taken++;

    notify_inbox_waits(z, message, seat);

    return slot | NOTIFY_SLOT_HELD;
}


/* an unused target, made if need be; NULL when the zone is full */

static notify_target_t *
notify_targets_vacant(notify_zone_t *z, uint32_t message, uint32_t *slot)
{
    uint32_t               b;
    notify_target_t       *t;
    notify_targets_t      *more;
    notify_message_t      *m;
    notify_target_walk_t   at;

    notify_targets_start(z, message, &at);

    while ((t = notify_targets_next(z, &at)) != NULL) {
        if (t->word == 0) {
            *slot = at.block;
            return t;
        }
    }

    b = notify_record_alloc(z, NOTIFY_FOR_MESSAGES);

    if (b == 0) {
        return NULL;
    }

    m = notify_block(z, message);
    more = notify_block(z, b);

    memset(more, 0, sizeof(notify_targets_t));
    more->message = message;
    more->more = m->more;

    /* killed above, the block was never used; below, it is an empty one */

    notify_store(&m->more, b);

    *slot = b;

    return &more->targets[0];
}


void
notify_inbox_done(notify_zone_t *z, uint32_t slot, uint32_t seat)
{
    uint32_t           message, state;
    notify_target_t   *t;
    notify_message_t  *m;

    t = notify_target_of(z, slot, seat, &message);
    state = notify_target_state(t->word);

    if (slot & NOTIFY_SLOT_HELD) {
        notify_store(&t->word, 0);

    } else {
        notify_store(&t->word, notify_target(seat, NOTIFY_DONE));
    }

    if (state != NOTIFY_TAKEN) {
        notify_inbox_waited(z, message, seat);
    }

    z->seats[seat].taken--;

    m = notify_block(z, message);
    m->left--;

    if (m->kind == NOTIFY_BATCH) {
        z->seats[seat].batches--;
    }

    notify_message_release(z, message);
}


/* the seat has come to be one of those that it waits for */

static void
notify_inbox_waits(notify_zone_t *z, uint32_t message, uint32_t seat)
{
    uint64_t        size;
    notify_seat_t  *s;

    s = &z->seats[seat];
    size = notify_message_size(z, message);

    s->waiting += size;

    if (notify_targets_waiting(z, message) == 1) {
        z->head->waiting += size;
    }

    if (s->slow == NOTIFY_SLOW_SPENT) {
        s->slow = NOTIFY_SLOW_NONE;
    }
}


static void
notify_inbox_waited(notify_zone_t *z, uint32_t message, uint32_t seat)
{
    uint64_t  size;

    size = notify_message_size(z, message);

    z->seats[seat].waiting -= size;

    if (notify_targets_waiting(z, message) == 0) {
        z->head->waiting -= size;
    }
}


/* 0, 1, or more than one: 2 */

static uint32_t
notify_targets_waiting(const notify_zone_t *z, uint32_t message)
{
    uint32_t               n, state;
    notify_target_t       *t;
    notify_target_walk_t   at;

    n = 0;

    notify_targets_start(z, message, &at);

    while (n < 2 && (t = notify_targets_next(z, &at)) != NULL) {
        state = notify_target_state(t->word);
        n += (state == NOTIFY_HELD || state == NOTIFY_WAITING);
    }

    return n;
}


/* bytes of the zone, as long as it is there: but for its further targets */

static uint64_t
notify_message_size(const notify_zone_t *z, uint32_t message)
{
    uint64_t           n;
    notify_message_t  *m;

    m = notify_block(z, message);
    n = offsetof(notify_message_t, frame) + (uint64_t) m->length;

    return (n + NOTIFY_BLOCK - 1) / NOTIFY_BLOCK * NOTIFY_BLOCK;
}


uint32_t
notify_inbox_relink(notify_zone_t *z, uint32_t list)
{
    uint32_t           message, kept, *link;
    notify_message_t  *m;

    list = notify_inbox_sort(z, list);

    kept = 0;
    link = &kept;

    while (list) {
        message = list;
        m = notify_block(z, message);
        list = m->link;

        if (notify_targets_count(z, message)) {
            notify_inbox_requeue(z, message);

            *link = message;
            link = &m->link;

        } else {
            notify_message_free(z, message);
        }
    }

    *link = 0;

    return kept;
}


/*
 * Drops the targets of seats that cannot have it: true if some are left, or
 * it is stored.
 */

static bool
notify_targets_count(notify_zone_t *z, uint32_t message)
{
    notify_key_t          *k;
    notify_target_t       *t;
    notify_message_t      *m;
    notify_target_walk_t   at;

    m = notify_block(z, message);
    m->left = 0;

    if (m->kind != NOTIFY_BATCH) {

        if (m->key / NOTIFY_PAGE_BLOCKS >= z->head->top
            || *notify_type(z, m->key) != NOTIFY_KEY)
        {
            return false;
        }

        k = notify_block(z, m->key);

        if (m->stored && m->id == k->lost) {
            /* its eviction had begun, and is finished */
            notify_store(&m->stored, 0);
        }
    }

    notify_targets_start(z, message, &at);

    while ((t = notify_targets_next(z, &at)) != NULL) {
        if (notify_target_keep(z, t, m->id)) {
            m->left++;
        }
    }

    return m->left || m->stored;
}


/*
 * A seat whose worker has died keeps what is for the sockets that are on their
 * way to it: the first batch that it has not adopted, and all behind it.
 */

static bool
notify_target_keep(notify_zone_t *z, notify_target_t *t, uint64_t id)
{
    uint32_t        state, seat;
    notify_seat_t  *s;

    state = notify_target_state(t->word);
    seat = notify_target_seat(t->word);

    if (state == NOTIFY_NO_TARGET || state == NOTIFY_DONE) {
        return false;
    }

    if (seat < z->head->seats) {
        s = &z->seats[seat];

        if (s->state == NOTIFY_SEAT_LIVE) {
            return true;
        }

        if (state != NOTIFY_HELD
            && (s->state == NOTIFY_SEAT_INHERIT
                || (s->state == NOTIFY_SEAT_DYING && s->adopt
                    && id >= s->adopt)))
        {
            notify_store(&t->word, notify_target(seat, NOTIFY_PENDING));
            return true;
        }
    }

    notify_store(&t->word, 0);

    return false;
}


static void
notify_inbox_requeue(notify_zone_t *z, uint32_t message)
{
    uint64_t               size;
    notify_key_t          *k;
    notify_target_t       *t;
    notify_message_t      *m;
    notify_target_walk_t   at;

    m = notify_block(z, message);
    size = notify_message_size(z, message);

    z->head->messages++;

    if (notify_targets_waiting(z, message)) {
        z->head->waiting += size;
    }

    if (m->kind == NOTIFY_BATCH) {
        z->seats[notify_target_seat(m->targets[0].word)].batches++;

    } else {
        k = notify_block(z, m->key);
        k->messages++;
    }

    notify_targets_start(z, message, &at);

    while ((t = notify_targets_next(z, &at)) != NULL) {

        switch (notify_target_state(t->word)) {

        case NOTIFY_PENDING:
            notify_inbox_append(z, at.block, t);
            break;

        case NOTIFY_HELD:
        case NOTIFY_WAITING:
            z->seats[notify_target_seat(t->word)].waiting += size;
            /* fall through */

        case NOTIFY_TAKEN:
            z->seats[notify_target_seat(t->word)].taken++;
            break;
        }
    }
}


/*
 * Merge sort of a list linked by message->link: runs of 2^i messages wait in
 * run[i].
 */

static uint32_t
notify_inbox_sort(notify_zone_t *z, uint32_t list)
{
    uint32_t           i, next, run[32];
    notify_message_t  *m;

    memset(run, 0, sizeof(run));

    while (list) {
        m = notify_block(z, list);
        next = m->link;
        m->link = 0;

        for (i = 0; run[i]; i++) {
            list = notify_inbox_merge(z, run[i], list);
            run[i] = 0;
        }

        run[i] = list;
        list = next;
    }

    for (i = 0; i < 32; i++) {
        list = notify_inbox_merge(z, run[i], list);
    }

    return list;
}


static uint32_t
notify_inbox_merge(notify_zone_t *z, uint32_t a, uint32_t b)
{
    uint32_t           list, *link;
    notify_message_t  *ma, *mb;

    list = 0;
    link = &list;

    while (a && b) {
        ma = notify_block(z, a);
        mb = notify_block(z, b);

        if (ma->id < mb->id) {
            *link = a;
            link = &ma->link;
            a = ma->link;

        } else {
            *link = b;
            link = &mb->link;
            b = mb->link;
        }
    }

    *link = a ? a : b;

    return list;
}


static void
notify_inbox_append(notify_zone_t *z, uint32_t slot, notify_target_t *target)
{
    uint32_t        seat, message;
    notify_seat_t  *s;

    seat = notify_target_seat(target->word);
    s = &z->seats[seat];

    target->next = 0;

    if (s->last) {
        notify_target_of(z, s->last, seat, &message)->next = slot;

    } else {
        s->first = slot;
    }

    s->last = slot;

    notify_inbox_wake(z, seat);
}


void
notify_inbox_wake(notify_zone_t *z, uint32_t seat)
{
    notify_seat_t  *s;

    s = &z->seats[seat];

    if (s->wake == 0) {
        s->wake = 1;
        z->wake[seat / 64] |= (uint64_t) 1 << (seat % 64);
    }
}


/*
 * The target of that seat in the block, and the message it belongs to: the one
 * that its inbox had, or one that it holds.
 */

static notify_target_t *
notify_target_of(const notify_zone_t *z, uint32_t slot, uint32_t seat,
    uint32_t *message)
{
    bool               held;
    notify_target_t   *t;
    notify_targets_t  *more;
    notify_message_t  *m;

    held = slot & NOTIFY_SLOT_HELD;
    slot &= ~NOTIFY_SLOT_HELD;

    if (*notify_type(z, slot) == NOTIFY_MESSAGE) {
        m = notify_block(z, slot);
        t = m->targets;
        *message = slot;

    } else {
        more = notify_block(z, slot);
        t = more->targets;
        *message = more->message;
    }

    while (t->word == 0
           || notify_target_seat(t->word) != seat
           || (notify_target_state(t->word) == NOTIFY_HELD) != held)
    {
        t++;
    }

    return t;
}


static void
notify_targets_start(const notify_zone_t *z, uint32_t message,
    notify_target_walk_t *at)
{
    notify_message_t  *m;

    m = notify_block(z, message);

    at->block = message;
    at->target = m->targets;
    at->n = NOTIFY_MESSAGE_TARGETS;
    at->more = m->more;
}


static notify_target_t *
notify_targets_next(const notify_zone_t *z, notify_target_walk_t *at)
{
    notify_targets_t  *more;

    if (at->n == 0) {

        if (at->more == 0) {
            return NULL;
        }

        more = notify_block(z, at->more);

        at->block = at->more;
        at->target = more->targets;
        at->n = NOTIFY_TARGETS;
        at->more = more->more;
    }

    at->n--;

    return at->target++;
}
