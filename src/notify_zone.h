/*
 * The shared zone: one memory file, mapped by the master and inherited by
 * every worker of every generation.
 *
 *     head | seats | index buckets | pages of blocks
 *
 * Everything in it is addressed by offset or by block number, never by
 * pointer.  Two kinds of words live here:
 *
 *   truth    says what exists; each operation has exactly one store of truth
 *            that decides whether it happened (notify_store());
 *   derived  lists, index, bitmaps and counts, which notify_lock() makes anew
 *            from the truth after a process has died inside the lock.
 *
 * Lock: all of the zone is guarded by head->lock unless a member says
 * otherwise.  SIGKILL at any instruction: the lock is robust, its next taker
 * finds head->dirty set and rebuilds (notify_lock.c); what the dead worker had
 * joined or was sent goes when its seat is reaped (notify_seat.c).
 */

#ifndef NOTIFY_ZONE_H_INCLUDED
#define NOTIFY_ZONE_H_INCLUDED

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define NOTIFY_LAYOUT          8u
#define NOTIFY_MAGIC           0x6e6f7469667931ull

#define NOTIFY_BLOCK           64u
#define NOTIFY_RECORD          2u           /* blocks of all but messages and
                                                extents, whose blocks vary */
#define NOTIFY_PAGE_BLOCKS     256u
#define NOTIFY_PAGE_META       6u           /* blocks taken by notify_page_t */
#define NOTIFY_PAGE_SIZE       (NOTIFY_BLOCK * NOTIFY_PAGE_BLOCKS)
#define NOTIFY_PAGE_USABLE     (NOTIFY_PAGE_BLOCKS - NOTIFY_PAGE_META)
#define NOTIFY_RECORD_SIZE     (NOTIFY_BLOCK * NOTIFY_RECORD)

#define NOTIFY_SEATS_MAX       1024u
#define NOTIFY_COUNTERS        64u
#define NOTIFY_LOST            4096u

/* bytes of pages; above the maximum, block numbers would not be enough */
#define NOTIFY_ZONE_MIN        (256u * 1024)
#define NOTIFY_ZONE_MAX        ((uint64_t) 64 << 30)


/*
 * What a block's type byte may say.  A continuation (a name's rest, entries,
 * targets, body) has no type of its own: it belongs to the root that leads to
 * it, so that a rebuild frees it by not finding it.
 */
enum {
    NOTIFY_FREE = 0,
    NOTIFY_KEY,                              /* notify_key_t */
    NOTIFY_MESSAGE,                          /* notify_message_t */
    NOTIFY_DRAFT                             /* notify_message_t being filled */
};


enum {
    NOTIFY_SEAT_FREE = 0,
    NOTIFY_SEAT_LIVE,                        /* a worker has it */
    NOTIFY_SEAT_DYING,                       /* being reaped */
    NOTIFY_SEAT_INHERIT                      /* no worker, but sockets that
                                                were on their way to it */
};


/* what a seat is to do for a zone that fills with what waits */
enum {
    NOTIFY_SLOW_NONE = 0,
    NOTIFY_SLOW_ASKED,                       /* close its slowest sockets */
    NOTIFY_SLOW_SPENT                        /* has none that would help */
};


/*
 * A worker's place.  Lock: the zone's; but life is its worker's for as long
 * as that lives, state changes only under it, and the last group is written
 * by its worker alone, without a lock, and read by anybody.  SIGKILL: state is
 * one store; the inbox and the counts below it are derived; counters may miss
 * the operation that died.
 */
typedef struct {
    pthread_mutex_t  life;                   /* robust; held by the living */
    uint32_t         state;                  /* truth */
    uint32_t         generation;             /* truth: of its configuration */
    int32_t          pid;
    int32_t          parent;                 /* pid of its master */
    int32_t          event;                  /* eventfd, made by the master */
    int32_t          pair[2];                /* SOCK_SEQPACKET: what is handed
                                                over is sent to [1], received
                                                by the seat from [0] */
    uint32_t         wake;                   /* told, has not taken yet */
    uint32_t         first;                  /* inbox: block with the target */
    uint32_t         last;
    uint32_t         taken;                  /* messages it is not done with */
    uint32_t         slow;                   /* NOTIFY_SLOW_* */
    uint64_t         waiting;                /* bytes of those that wait for
                                                its sockets */
    uint32_t         sockets;                /* the sum of its entries */
    uint32_t         batches;                /* it has not adopted */
    uint64_t         adopt;                  /* rebuild: id of the first batch
                                                it has not adopted, or 0 */
    uint32_t         inherit;                /* since when, CLOCK_MONOTONIC s */

    uint32_t         capacity;               /* sockets at most; 0: takes none
                                                over, not ready or exiting */
    uint32_t         records;                /* layout of those it writes and
                                                reads, in batches */
    uint32_t         exiting;
    uint32_t         evicted;                /* asked to give the seat up */
    uint32_t         tls;                    /* sockets over TLS */
    uint32_t         held;                   /* connections without request */
    uint64_t         counters[NOTIFY_COUNTERS];     /* never reset */
} notify_seat_t;


/*
 * The head.  Lock: lock, except that size, seats, reserve and the layout are
 * fixed or single words that may be read at any time.
 */
typedef struct {
    uint64_t         magic;
    uint32_t         layout;
    uint32_t         head_size;              /* sizeof(notify_head_t) */
    uint32_t         seat_size;              /* sizeof(notify_seat_t) */
    uint32_t         seats;                  /* fixed for the zone's life */
    uint64_t         reserve;                /* bytes of pages mapped at most */
    uint64_t         seed[2];                /* of the key hash */

    pthread_mutex_t  lock;                   /* robust */
    uint32_t         dirty;                  /* truth: a change was under way */

    uint32_t         generation;             /* truth: configurations so far */
    uint64_t         size;                   /* truth: bytes of pages allowed */
    uint64_t         last_id;                /* truth */
    uint64_t         serial;                 /* truth: of the last member */
    uint64_t         birth;                  /* no id before it was ours */
    uint32_t         top;                    /* truth: pages ever touched */

    uint32_t         buckets;                /* a power of 2 */
    uint32_t         free_page;              /* empty pages */
    uint32_t         partial[2];             /* for keys, for messages */
    uint32_t         used_pages;
    uint32_t         used_blocks;
    uint32_t         keys;
    uint32_t         messages;
    uint32_t         oldest;                 /* of all histories, by id */
    uint32_t         newest;
    uint32_t         stored;
    uint64_t         waiting;                /* bytes of the messages that wait
                                                for slow sockets */

    /*
     * Truth: for users whose key has been freed, or that never had one, the
     * largest id of a message that is not stored any more.
     */
    uint64_t         lost[NOTIFY_LOST];
} notify_head_t;


/*
 * What opens each page.  The type bytes stand here and not in the blocks, so
 * that no body can look like a root; a root has its type at its first block.
 */
typedef struct {
    uint8_t          type[NOTIFY_PAGE_BLOCKS];      /* truth */
    uint64_t         free[NOTIFY_PAGE_BLOCKS / 64]; /* a bit set: it is free */
    uint32_t         nfree;
    uint32_t         next;                   /* page number + 1, or 0 */
    uint32_t         prev;
    uint16_t         list;                   /* NOTIFY_LIST_* */
    uint16_t         purpose;                /* NOTIFY_FOR_* */
} notify_page_t;


/*
 * A key: who sockets belong to (realm and user).  A root.  Truth: all but
 * what is marked derived; an entry says how many sockets of this key one seat
 * has, in one word, and is 0 when none.  What a push looks at comes first: with
 * a short name it is all in one cache line.
 */
#define NOTIFY_KEY_ENTRIES     6u
#define NOTIFY_KEY_NAME        40u

typedef struct {
    uint64_t         lost;                   /* the largest id of a message
                                                that is not stored any more */
    uint32_t         next;                   /* derived: in its bucket */
    uint32_t         hash;
    uint32_t         sockets;                /* derived: sum of the entries */
    uint32_t         messages;               /* derived: that name this key */
    uint32_t         first;                  /* derived: its history, from the
                                                oldest on */
    uint32_t         last;                   /* derived: what came since, from
                                                the newest back */
    uint32_t         fresh;                  /* derived: how many those are */
    uint32_t         stored;                 /* derived: messages in both */
    uint16_t         length;                 /* of realm and user */
    uint8_t          realm;                  /* of these, the realm's */
    uint8_t          reserved;
    uint8_t          name[NOTIFY_KEY_NAME];
    uint32_t         rest;                   /* first notify_name_t, or 0 */
    uint32_t         entries[NOTIFY_KEY_ENTRIES];
    uint32_t         more;                   /* first notify_entries_t, or 0 */
    uint32_t         members;                /* of the others: first
                                                notify_members_t, or 0 */
    uint64_t         member;                 /* one of its members, or 0 */
} notify_key_t;

#define NOTIFY_ENTRIES         31u

typedef struct {
    uint32_t         more;
    uint32_t         entries[NOTIFY_ENTRIES];
} notify_entries_t;

#define NOTIFY_NAME            124u

typedef struct {
    uint32_t         more;
    uint8_t          name[NOTIFY_NAME];
} notify_name_t;

/*
 * Members: the sockets of a key that a limit counts, a word for each: whose it
 * is, and its serial, which says who is older.  0: unused.  One stands in the
 * key, where it costs nothing, the others in blocks.  Truth; but that a socket
 * of a seat is there at all, its entry says.  SIGKILL: both are stored by the
 * seat's own worker, the entry first when it joins and last when it leaves, so
 * that a word without its entry never stands there; an entry without its word
 * is a dead worker's, whose both go when it is reaped.  Who is replaced by
 * another seat's socket is told (NOTIFY_REPLACE) before its word is another's:
 * killed between, it goes all the same.  A batch moves words as it does
 * entries; a rebuild notes in them which of a dying seat it keeps.
 */
#define NOTIFY_MEMBERS_MAX     1024u         /* of a key */
#define NOTIFY_MEMBERS         15u

typedef struct {
    uint32_t         more;
    uint32_t         reserved;
    uint64_t         words[NOTIFY_MEMBERS];
} notify_members_t;

#define NOTIFY_SERIAL_BITS     53u
#define NOTIFY_MEMBER_SEAT     (NOTIFY_SERIAL_BITS + 1)
#define NOTIFY_MEMBER_KEEP     ((uint64_t) 1 << NOTIFY_SERIAL_BITS)

#define notify_member(seat, serial)                                           \
    ((uint64_t) (seat) << NOTIFY_MEMBER_SEAT | (serial))
#define notify_member_seat(w)  ((uint32_t) ((w) >> NOTIFY_MEMBER_SEAT))
#define notify_member_serial(w)  ((w) & (NOTIFY_MEMBER_KEEP - 1))

/* what its worker calls it: no other member of the key is called so */
#define notify_member_id(w)    ((uint32_t) (w))

/* an entry: the seat in the upper bits, the number of sockets below */
#define notify_entry(seat, n)  ((uint32_t) (seat) << 20 | (n))
#define notify_entry_seat(e)   ((e) >> 20)
#define notify_entry_n(e)      ((e) & 0xfffffu)


/*
 * A message, on its way or in its user's history: one word per seat that is
 * to have it.  A root.  Its frame (RFC 6455 header and payload, ready to send)
 * begins in the record itself, which has as many blocks in a row as it wants
 * and a page can give, so that nearly every frame lies there whole; what does
 * not fit is in a chain of extents, each a run of blocks.  The same record, as
 * NOTIFY_DRAFT, holds a body while it is being copied.
 */
enum {
    NOTIFY_TEXT = 1,                         /* frames as RFC 6455 has them */
    NOTIFY_BINARY,
    NOTIFY_CLOSE,                            /* close the key's sockets */
    NOTIFY_REPLACE,                          /* close one of them, a member */
    NOTIFY_BATCH                             /* adopt sockets (batch.h) */
};

/* how far a batch has come */
enum {
    NOTIFY_BATCH_SENT = 0,                   /* its entries may be as before */
    NOTIFY_BATCH_APPLIED,                    /* on its way to the seat */
    NOTIFY_BATCH_ADOPTED                     /* its sockets are the seat's */
};

enum {
    NOTIFY_NO_TARGET = 0,
    NOTIFY_PENDING,                          /* in the seat's inbox */
    NOTIFY_TAKEN,                            /* the seat's sockets need it */
    NOTIFY_DONE,
    NOTIFY_HELD,                             /* read from the store: one word
                                                for each socket that needs it */
    NOTIFY_WAITING                           /* taken, and some of the seat's
                                                sockets are slow */
};

typedef struct {
    uint32_t         word;                   /* truth: seat and state */
    uint32_t         next;                   /* derived: inbox, a block */
} notify_target_t;

#define notify_target(seat, state)  ((uint32_t) (seat) << 3 | (state))
#define notify_target_seat(w)       ((w) >> 3)
#define notify_target_state(w)      ((w) & 7u)

#define NOTIFY_MESSAGE_TARGETS  2u

typedef struct {
    uint64_t         id;
    uint64_t         once;                   /* hash of an Idempotency-Key, 0:
                                                it had none */
    uint32_t         key;                    /* its block; 0: of a batch */
    uint32_t         length;                 /* of the frame, bytes */
    uint32_t         body;                   /* first extent, or 0 */
    uint32_t         more;                   /* first notify_targets_t, or 0 */
    uint32_t         left;                   /* derived: targets not done */
    uint32_t         link;                   /* derived: rebuild's sort, then
                                                the next of its key's history */
    uint8_t          kind : 7;               /* NOTIFY_TEXT, ... */
    uint8_t          json : 1;               /* the payload is JSON */
    uint8_t          blocks;                 /* of the record */
    uint8_t          stage;                  /* truth: of NOTIFY_BATCH */
    uint8_t          stored;                 /* truth: is in the history */

    union {
        uint32_t     expires;                /* stored: s since the epoch */
        uint32_t     code;                   /* of NOTIFY_CLOSE, _REPLACE */
        uint32_t     seat;                   /* of a draft: its maker's */
    } u;

    uint32_t         sockets;                /* of the receipt; of _REPLACE:
                                                which member */
    uint32_t         older;                  /* derived: of all histories */
    uint32_t         newer;
    notify_target_t  targets[NOTIFY_MESSAGE_TARGETS];
    uint8_t          frame[];
} notify_message_t;

#define NOTIFY_TARGETS         15u

typedef struct {
    uint32_t         message;                /* back to its message */
    uint32_t         more;
    notify_target_t  targets[NOTIFY_TARGETS];
} notify_targets_t;

typedef struct {
    uint32_t         next;
    uint16_t         blocks;
    uint16_t         length;                 /* bytes behind this header */
    uint8_t          bytes[];
} notify_extent_t;


/*
 * One process's view of the zone.  A worker inherits the master's by fork and
 * fills in its seat.
 */
typedef struct {
    uint8_t         *base;
    notify_head_t   *head;
    notify_seat_t   *seats;
    uint32_t        *buckets;
    uint8_t         *pages;
    size_t           mapped;
    int              fd;
    uint32_t         seat;                   /* this worker's, or NOTIFY_NONE */

    uint32_t         reaped;                 /* seats, by this process, that
                                                are not accounted for yet */
    uint32_t         held;                   /* connections that went with
                                                their workers, likewise */
    uint64_t         evicted;                /* ms: the age at which history
                                                went for want of memory, or 0 */
    bool             wake_self;              /* has messages in its inbox */
    uint64_t         wake[NOTIFY_SEATS_MAX / 64];   /* seats to tell of it */
} notify_zone_t;

#define NOTIFY_NONE  ((uint32_t) -1)


/*
 * Makes a zone of its own memory file for size bytes of pages, NOTIFY_ZONE_MAX
 * at most, and that many seats, NOTIFY_SEATS_MAX at most, each with its
 * eventfd and pair.  The descriptors have no FD_CLOEXEC: they are for all
 * processes to come.  Returns 0, or -1 with errno and *what failed.  Master
 * only; nothing is left behind by a failure.
 */
int notify_zone_create(notify_zone_t *z, uint64_t size, uint32_t seats,
    const char **what);

/*
 * Maps the zone behind an inherited descriptor.  Returns 0; or -1 when it is
 * not a zone of this layout (the descriptor is left as it was).
 */
int notify_zone_attach(notify_zone_t *z, int fd);

/*
 * Commits memory for size bytes of pages, so that a later resize
 * (notify_lock.h) cannot meet SIGBUS.  Returns the bytes that the zone can
 * have: less than size where less was reserved when it was made.  0 with
 * errno set: there is no memory.
 */
uint64_t notify_zone_commit(notify_zone_t *z, uint64_t size);

/* Unmaps; closes the memory file and the seats' descriptors too. */
void notify_zone_destroy(notify_zone_t *z);

/* How many index buckets a zone of that size has. */
uint32_t notify_zone_buckets(uint64_t size);


/* Neither compiler nor SIGKILL sees a truth store before or after its place. */
#define notify_barrier()       __asm__ volatile ("" ::: "memory")

#define notify_store(p, v)                                                    \
    do {                                                                      \
        notify_barrier();                                                     \
        __atomic_store_n(p, v, __ATOMIC_RELAXED);                             \
        notify_barrier();                                                     \
    } while (0)


static inline void *
notify_block(const notify_zone_t *z, uint32_t b)
{
    return z->pages + (uint64_t) b * NOTIFY_BLOCK;
}


static inline notify_page_t *
notify_page(const notify_zone_t *z, uint32_t page)
{
    return (notify_page_t *) (z->pages + (uint64_t) page * NOTIFY_PAGE_SIZE);
}


static inline uint8_t *
notify_type(const notify_zone_t *z, uint32_t b)
{
    return &notify_page(z, b / NOTIFY_PAGE_BLOCKS)
                ->type[b % NOTIFY_PAGE_BLOCKS];
}

#endif /* NOTIFY_ZONE_H_INCLUDED */
