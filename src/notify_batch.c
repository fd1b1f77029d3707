/*
 * Batches: sockets on their way from one seat to another.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "notify_batch.h"
#include "notify_keys.h"
#include "notify_members.h"
#include "notify_message.h"


/* what a batch's body begins with; then changes, members, and the records */
typedef struct {
    uint32_t  sockets;
    uint32_t  changes;
    uint32_t  members;
} notify_batch_head_t;

/* one key's: words are absolute, so that they can be stored again */
typedef struct {
    uint32_t  key;
    uint32_t  n;                             /* sockets of it that move */
    uint32_t  from_block;                    /* the entry of the old seat */
    uint32_t  from_at;                       /* byte in the block */
    uint32_t  from_word;
    uint32_t  to_block;
    uint32_t  to_at;
    uint32_t  to_word;
} notify_batch_change_t;

/* a member stays where it is, with its serial, and is another seat's */
typedef struct {
    uint32_t  key;
    uint32_t  block;
    uint32_t  at;
    uint32_t  word[2];                       /* the upper half first */
} notify_batch_member_t;

/* all that a batch changes */
typedef struct {
    notify_batch_head_t    head;
    notify_batch_change_t  changes[NOTIFY_BATCH_MAX];
    notify_batch_member_t  members[NOTIFY_BATCH_MAX];
} notify_batch_changes_t;


static int notify_batch_changes(notify_zone_t *z, const notify_batch_t *batch,
    notify_batch_changes_t *all);
static int notify_batch_change(notify_zone_t *z, const notify_batch_t *batch,
    uint32_t key, notify_batch_change_t *c);
static void notify_batch_members(const notify_zone_t *z,
    const notify_batch_t *batch, notify_batch_changes_t *all);
static void notify_batch_where(const notify_zone_t *z, const void *word,
    uint32_t *block, uint32_t *at);
static void *notify_batch_word(const notify_zone_t *z, uint32_t block,
    uint32_t at);
static void notify_batch_begin(const notify_zone_t *z, uint32_t message,
    notify_batch_reader_t *reader);
static size_t notify_batch_next(const notify_zone_t *z,
    notify_batch_reader_t *reader, size_t n);
static void notify_batch_write(const notify_zone_t *z,
    notify_batch_reader_t *to, const void *from, size_t n);
static int notify_batch_send_descriptors(const notify_zone_t *z,
    const notify_batch_t *batch, uint64_t id);
static int notify_batch_receive_one(const notify_zone_t *z, uint32_t seat,
    uint64_t *id, int *descriptors, uint32_t *n);
static uint32_t notify_batch_start(const notify_zone_t *z, uint32_t message,
    notify_batch_reader_t *reader);
static int notify_batch_peek(const notify_zone_t *z, uint32_t seat,
    uint64_t *id);
static bool notify_batch_is_waiting(const notify_message_t *m);
static void notify_batch_apply_changes(notify_zone_t *z, uint32_t message);
static void notify_batch_apply_members(const notify_zone_t *z,
    notify_batch_reader_t *reader, uint32_t n);
static void notify_batch_restore_changes(notify_zone_t *z, uint32_t message,
    uint32_t seat);


bool
notify_batch_may_locked(const notify_zone_t *z, uint32_t seat, uint32_t n)
{
    const notify_seat_t  *from, *to;

    from = &z->seats[z->seat];
    to = &z->seats[seat];

    return to->state == NOTIFY_SEAT_LIVE
           && !to->exiting
           && to->records == from->records
           && to->capacity >= n
           && to->sockets <= to->capacity - n
           && (to->generation > from->generation
               || to->parent != from->parent);
}


int
notify_batch_send_locked(notify_zone_t *z, const notify_batch_t *batch,
    uint64_t id)
{
    size_t                   changes, members;
    uint32_t                 message;
    notify_message_t        *m;
    notify_batch_reader_t    to;
    notify_batch_changes_t   all;

    if (!notify_batch_may_locked(z, batch->to, batch->n)) {
        return NOTIFY_BATCH_LATER;
    }

    all.head.sockets = batch->n;
    all.head.changes = 0;
    all.head.members = 0;

    if (notify_batch_changes(z, batch, &all) == -1) {
        return NOTIFY_BATCH_NO_ROOM;
    }

    changes = all.head.changes * sizeof(notify_batch_change_t);
    members = all.head.members * sizeof(notify_batch_member_t);

    message = notify_message_alloc(z, (uint32_t) (sizeof(notify_batch_head_t)
                                                  + changes + members
                                                  + batch->length));
    if (message == 0) {
        return NOTIFY_BATCH_NO_ROOM;
    }

    memset(&to, 0, sizeof(notify_batch_reader_t));
    to.message = message;

    notify_batch_write(z, &to, &all.head, sizeof(notify_batch_head_t));
    notify_batch_write(z, &to, all.changes, changes);
    notify_batch_write(z, &to, all.members, members);
    notify_batch_write(z, &to, batch->records, batch->length);

    m = notify_block(z, message);
    m->id = id;
    m->kind = NOTIFY_BATCH;
    m->stage = NOTIFY_BATCH_SENT;

    if (notify_batch_send_descriptors(z, batch, id) == -1) {
        notify_message_free(z, message);
        return NOTIFY_BATCH_LATER;
    }

    /* killed in here, the receiver discards the datagram; else it adopts */

    notify_inbox_post(z, message, batch->to);

    notify_batch_apply_changes(z, message);

    z->seats[z->seat].sockets -= batch->n;
    z->seats[batch->to].sockets += batch->n;

    return 0;
}


/* one change for each key among the sockets; -1: the zone is full */

static int
notify_batch_changes(notify_zone_t *z, const notify_batch_t *batch,
    notify_batch_changes_t *all)
{
    uint32_t                i, k, n;
    notify_batch_change_t  *changes;

    n = 0;
    changes = all->changes;

    for (i = 0; i < batch->n; i++) {

        for (k = 0; k < n && changes[k].key != batch->keys[i]; k++) {
            /* void */
        }

        if (k == n) {
            if (notify_batch_change(z, batch, batch->keys[i], &changes[n])
                == -1)
            {
                return -1;
            }

            n++;
        }

        /* counts are the lower bits of an entry */

        changes[k].n++;
        changes[k].from_word--;
        changes[k].to_word++;
    }

    for (k = 0; k < n; k++) {
        if (notify_entry_n(changes[k].from_word) == 0) {
            changes[k].from_word = 0;
        }
    }

    all->head.changes = n;

    notify_batch_members(z, batch, all);

    return 0;
}


static int
notify_batch_change(notify_zone_t *z, const notify_batch_t *batch,
    uint32_t key, notify_batch_change_t *c)
{
    uint32_t  *from, *to;

    /* that of the receiver first: making room may not move the other */

    to = notify_key_entry_locked(z, key, batch->to);
    from = notify_key_entry_locked(z, key, z->seat);

    if (to == NULL || from == NULL) {
        return -1;
    }

    c->key = key;
    c->n = 0;

    notify_batch_where(z, from, &c->from_block, &c->from_at);
    c->from_word = *from;

    notify_batch_where(z, to, &c->to_block, &c->to_at);
    c->to_word = *to ? *to : notify_entry(batch->to, 0);

    return 0;
}


/* the words of those sockets that are members */

static void
notify_batch_members(const notify_zone_t *z, const notify_batch_t *batch,
    notify_batch_changes_t *all)
{
    uint32_t                i;
    uint64_t               *word, moved;
    notify_batch_member_t  *m;

    for (i = 0; i < batch->n; i++) {

        if (batch->members[i] == 0) {
            continue;
        }

        word = notify_members_find(z, batch->keys[i], z->seat,
                                   batch->members[i]);
        if (word == NULL) {
            continue;
        }

        m = &all->members[all->head.members++];
        moved = notify_member(batch->to, notify_member_serial(*word));

        m->key = batch->keys[i];
        notify_batch_where(z, word, &m->block, &m->at);
        m->word[0] = (uint32_t) (moved >> 32);
        m->word[1] = (uint32_t) moved;
    }
}


static void
notify_batch_where(const notify_zone_t *z, const void *word,
    uint32_t *block, uint32_t *at)
{
    uint64_t  offset;

    offset = (uint64_t) ((const uint8_t *) word - z->pages);

    *block = (uint32_t) (offset / NOTIFY_BLOCK);
    *at = (uint32_t) (offset % NOTIFY_BLOCK);
}


static void *
notify_batch_word(const notify_zone_t *z, uint32_t block, uint32_t at)
{
    return (uint8_t *) notify_block(z, block) + at;
}


static int
notify_batch_send_descriptors(const notify_zone_t *z,
    const notify_batch_t *batch, uint64_t id)
{
    ssize_t          rc;
    struct iovec     iov;
    struct msghdr    msg;
    struct cmsghdr  *cmsg;

    union {
        struct cmsghdr  align;
        uint8_t         bytes[CMSG_SPACE(NOTIFY_BATCH_MAX * sizeof(int))];
    } control;

    memset(&msg, 0, sizeof(msg));
    memset(&control, 0, sizeof(control));

    iov.iov_base = &id;
    iov.iov_len = sizeof(id);

    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.bytes;
    msg.msg_controllen = CMSG_SPACE(batch->n * sizeof(int));

    cmsg = CMSG_FIRSTHDR(&msg);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(batch->n * sizeof(int));
    memcpy(CMSG_DATA(cmsg), batch->descriptors, batch->n * sizeof(int));

    /* cannot block: EAGAIN or ETOOMANYREFS when the receiver is behind */

    do {
        rc = sendmsg(z->seats[batch->to].pair[1], &msg,
                     MSG_DONTWAIT|MSG_NOSIGNAL);
    } while (rc == -1 && errno == EINTR);

    return rc == (ssize_t) sizeof(id) ? 0 : -1;
}


uint32_t
notify_batch_open(const notify_zone_t *z, uint32_t message,
    notify_batch_reader_t *reader)
{
    notify_message_t  *m;

    m = notify_block(z, message);

    /*
     * Before the first of its sockets can leave: the entries that the body
     * names may be others' then, so that no rebuild may look there again.
     */

    notify_store(&m->stage, NOTIFY_BATCH_ADOPTED);

    return notify_batch_start(z, message, reader);
}


/* reads what stands before the records */

static uint32_t
notify_batch_start(const notify_zone_t *z, uint32_t message,
    notify_batch_reader_t *reader)
{
    uint32_t               i;
    notify_batch_head_t    head;
    notify_batch_change_t  change;
    notify_batch_member_t  member;

    notify_batch_begin(z, message, reader);

    notify_batch_read(z, reader, &head, sizeof(head));

    for (i = 0; i < head.changes; i++) {
        notify_batch_read(z, reader, &change, sizeof(change));
    }

    for (i = 0; i < head.members; i++) {
        notify_batch_read(z, reader, &member, sizeof(member));
    }

    return head.sockets;
}


uint32_t
notify_batch_sockets(const notify_zone_t *z, uint32_t message)
{
    notify_batch_reader_t  reader;

    return notify_batch_start(z, message, &reader);
}


void
notify_batch_keys(const notify_zone_t *z, uint32_t message, uint32_t *keys,
    uint32_t *members)
{
    uint32_t                i, k, n;
    notify_batch_head_t     head;
    notify_batch_reader_t   reader;
    notify_batch_change_t   change;
    notify_batch_member_t   member;

    notify_batch_begin(z, message, &reader);

    notify_batch_read(z, &reader, &head, sizeof(head));

    n = 0;

    for (i = 0; i < head.changes; i++) {
        notify_batch_read(z, &reader, &change, sizeof(change));

        for (k = 0; k < change.n; k++) {
            keys[n] = change.key;
            members[n++] = 0;
        }
    }

    for (i = 0; i < head.members; i++) {
        notify_batch_read(z, &reader, &member, sizeof(member));

        for (k = 0; keys[k] != member.key || members[k]; k++) { /* void */ }

        members[k] = member.word[1];
    }
}


static void
notify_batch_begin(const notify_zone_t *z, uint32_t message,
    notify_batch_reader_t *reader)
{
    const notify_message_t  *m;

    m = notify_block(z, message);

    memset(reader, 0, sizeof(notify_batch_reader_t));

    reader->message = message;
    reader->rest = m->length;
}


void
notify_batch_read(const notify_zone_t *z, notify_batch_reader_t *reader,
    void *to, size_t n)
{
    size_t    size;
    uint8_t  *p;

    for (p = to; n; p += size, n -= size) {
        size = notify_batch_next(z, reader, n);

        memcpy(p, reader->piece - size, size);
    }
}


void
notify_batch_pass(const notify_zone_t *z, notify_batch_reader_t *reader,
    size_t n)
{
    while (n) {
        n -= notify_batch_next(z, reader, n);
    }
}


/* goes on by up to n bytes, which then stand before reader->piece */

static size_t
notify_batch_next(const notify_zone_t *z, notify_batch_reader_t *reader,
    size_t n)
{
    size_t  size;

    if (reader->left == 0) {
        reader->piece = notify_message_piece(z, reader->message,
                                             &reader->extent, &reader->at,
                                             &reader->left);
    }

    size = n < reader->left ? n : reader->left;

    reader->piece += size;
    reader->left -= (uint32_t) size;
    reader->rest -= size;

    return size;
}


static void
notify_batch_write(const notify_zone_t *z, notify_batch_reader_t *to,
    const void *from, size_t n)
{
    size_t          size;
    const uint8_t  *p;

    p = from;

    while (n) {

        if (to->left == 0) {
            to->piece = notify_message_piece(z, to->message, &to->extent,
                                             &to->at, &to->left);
        }

        size = n < to->left ? n : to->left;

        memcpy(to->piece, p, size);

        to->piece += size;
        to->left -= (uint32_t) size;
        p += size;
        n -= size;
    }
}


int
notify_batch_receive(const notify_zone_t *z, uint32_t seat, uint64_t id,
    int *descriptors, uint32_t n)
{
    uint32_t  i, got;
    uint64_t  other;

    while (notify_batch_peek(z, seat, &other) == 0 && other <= id) {

        if (notify_batch_receive_one(z, seat, &other, descriptors, &got)
            == -1)
        {
            return -1;
        }

        if (other == id && got == n) {
            return 0;
        }

        for (i = 0; i < got; i++) {
            (void) close(descriptors[i]);
        }

        if (other == id) {
            /* cut short for want of descriptors */
            return -1;
        }
    }

    return -1;
}


static int
notify_batch_receive_one(const notify_zone_t *z, uint32_t seat, uint64_t *id,
    int *descriptors, uint32_t *n)
{
    ssize_t          rc;
    struct iovec     iov;
    struct msghdr    msg;
    struct cmsghdr  *cmsg;

    union {
        struct cmsghdr  align;
        uint8_t         bytes[CMSG_SPACE(NOTIFY_BATCH_MAX * sizeof(int))];
    } control;

    memset(&msg, 0, sizeof(msg));

    iov.iov_base = id;
    iov.iov_len = sizeof(uint64_t);

    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.bytes;
    msg.msg_controllen = sizeof(control.bytes);

    do {
        rc = recvmsg(z->seats[seat].pair[0], &msg,
                     MSG_DONTWAIT|MSG_CMSG_CLOEXEC);
    } while (rc == -1 && errno == EINTR);

    if (rc != (ssize_t) sizeof(uint64_t)) {
        return -1;
    }

    *n = 0;
    cmsg = CMSG_FIRSTHDR(&msg);

    if (cmsg && cmsg->cmsg_level == SOL_SOCKET
        && cmsg->cmsg_type == SCM_RIGHTS)
    {
        *n = (uint32_t) ((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(descriptors, CMSG_DATA(cmsg), *n * sizeof(int));
    }

    return 0;
}


bool
notify_batch_waiting(const notify_zone_t *z, uint32_t seat)
{
    uint64_t  id;

    return notify_batch_peek(z, seat, &id) == 0;
}


/* whose descriptors are next in the seat's pair */

static int
notify_batch_peek(const notify_zone_t *z, uint32_t seat, uint64_t *id)
{
    ssize_t  rc;

    do {
        rc = recv(z->seats[seat].pair[0], id, sizeof(uint64_t),
                  MSG_PEEK|MSG_DONTWAIT);
    } while (rc == -1 && errno == EINTR);

    return rc == (ssize_t) sizeof(uint64_t) ? 0 : -1;
}


void
notify_batch_discard_locked(notify_zone_t *z, uint32_t seat)
{
    int       descriptors[NOTIFY_BATCH_MAX];
    uint64_t  id;
    uint32_t  i, n;

    if (notify_inbox_has_batch(z, seat)) {
        return;
    }

    while (notify_batch_receive_one(z, seat, &id, descriptors, &n) == 0) {
        for (i = 0; i < n; i++) {
            (void) close(descriptors[i]);
        }
    }
}


void
notify_batch_apply(notify_zone_t *z)
{
    uint32_t           b, end, seat;
    notify_seat_t     *s;
    notify_message_t  *m;

    end = z->head->top * NOTIFY_PAGE_BLOCKS;

    for (b = 0; b < end; b++) {

        if (*notify_type(z, b) != NOTIFY_MESSAGE) {
            continue;
        }

        m = notify_block(z, b);

        if (m->kind != NOTIFY_BATCH) {
            continue;
        }

        if (m->stage == NOTIFY_BATCH_SENT) {
            notify_batch_apply_changes(z, b);
        }

        seat = notify_target_seat(m->targets[0].word);
        s = &z->seats[seat];

        if (notify_batch_is_waiting(m)
            && (s->adopt == 0 || m->id < s->adopt))
        {
            s->adopt = m->id;
        }
    }
}


static void
notify_batch_apply_changes(notify_zone_t *z, uint32_t message)
{
    uint32_t                i;
    notify_message_t       *m;
    notify_batch_head_t     head;
    notify_batch_reader_t   reader;
    notify_batch_change_t   c;

    m = notify_block(z, message);

    notify_batch_begin(z, message, &reader);

    notify_batch_read(z, &reader, &head, sizeof(head));

    for (i = 0; i < head.changes; i++) {
        notify_batch_read(z, &reader, &c, sizeof(c));

        notify_store((uint32_t *) notify_batch_word(z, c.from_block, c.from_at),
                     c.from_word);
        notify_store((uint32_t *) notify_batch_word(z, c.to_block, c.to_at),
                     c.to_word);
    }

    notify_batch_apply_members(z, &reader, head.members);

    /* killed above, they are stored again; below, the words live on */

    notify_store(&m->stage, NOTIFY_BATCH_APPLIED);
}


/* the reader stands where they begin */

static void
notify_batch_apply_members(const notify_zone_t *z,
    notify_batch_reader_t *reader, uint32_t n)
{
    uint64_t               *word;
    notify_batch_member_t   m;

    while (n--) {
        notify_batch_read(z, reader, &m, sizeof(m));

        word = notify_batch_word(z, m.block, m.at);
        notify_store(word, (uint64_t) m.word[0] << 32 | m.word[1]);
    }
}


/* whether its sockets are still on their way */

static bool
notify_batch_is_waiting(const notify_message_t *m)
{
    return m->stage != NOTIFY_BATCH_ADOPTED
           && notify_target_state(m->targets[0].word) != NOTIFY_DONE;
}


void
notify_batch_restore(notify_zone_t *z, uint32_t list)
{
    uint32_t           seat;
    notify_message_t  *m;

    for ( /* void */ ; list; list = m->link) {
        m = notify_block(z, list);

        if (m->kind != NOTIFY_BATCH || !notify_batch_is_waiting(m)) {
            continue;
        }

        seat = notify_target_seat(m->targets[0].word);

        if (z->seats[seat].state == NOTIFY_SEAT_DYING) {
            notify_batch_restore_changes(z, list, seat);
        }
    }
}


/*
 * Marking the keys has stored 0 to all entries of the dying seat, so that this
 * begins anew when a rebuild does.  Of its members, some may have been replaced
 * since: their words are others' now.
 */

static void
notify_batch_restore_changes(notify_zone_t *z, uint32_t message, uint32_t seat)
{
    uint32_t                i, *entry, n;
    notify_key_t           *k;
    notify_batch_head_t     head;
    notify_batch_reader_t   reader;
    notify_batch_change_t   c;
    notify_batch_member_t   m;

    notify_batch_begin(z, message, &reader);

    notify_batch_read(z, &reader, &head, sizeof(head));

    for (i = 0; i < head.changes; i++) {
        notify_batch_read(z, &reader, &c, sizeof(c));

        entry = notify_batch_word(z, c.to_block, c.to_at);
        n = *entry ? notify_entry_n(*entry) : 0;

        notify_store(entry, notify_entry(seat, n + c.n));

        k = notify_block(z, c.key);
        k->sockets += c.n;
        z->seats[seat].sockets += c.n;
    }

    while (head.members--) {
        notify_batch_read(z, &reader, &m, sizeof(m));
        notify_members_keep(z, m.key, seat, m.word[1]);
    }
}
