/*
 * Batches: sockets on their way from one seat to another.
 *
 * A batch is a message of kind NOTIFY_BATCH in the receiver's inbox, so that
 * it has a place in the order there: what stands before it was sent by the
 * old worker, what stands behind is the new one's.  Its body says which
 * entries change, and carries the caller's records; the descriptors travel
 * through the receiver's pair, with the batch's id.
 *
 * Lock: calls named _locked, and those for a rebuild, want head->lock; the
 * others read a taken batch.  SIGKILL: storing the message's type decides
 * that the sockets are handed over.  The changes to entries and to members that
 * follow are absolute words in the body, which a rebuild applies (again) until
 * the stage is stored.  A datagram whose batch was never stored is discarded by
 * its receiver.
 */

#ifndef NOTIFY_BATCH_H_INCLUDED
#define NOTIFY_BATCH_H_INCLUDED

#include "notify_inbox.h"
#include "notify_zone.h"


/* sockets in one batch: fewer than descriptors in one SCM_RIGHTS (253) */
#define NOTIFY_BATCH_MAX  128u


/* What is handed over: all of it borrowed for the call. */
typedef struct {
    uint32_t         to;                     /* the seat */
    uint32_t         n;                      /* sockets */
    const uint32_t  *keys;                   /* of each, joined by z->seat */
    const uint32_t  *members;                /* what each is there, or 0 */
    const int       *descriptors;            /* of each */
    const uint8_t   *records;                /* the caller's, to be read by */
    size_t           length;                 /* _read(); bytes */
} notify_batch_t;


/*
 * Whether the seat may be handed sockets by z->seat: it is ready, has room for
 * n more, reads records as this one writes them, and belongs to a newer
 * configuration or to another master.
 */
bool notify_batch_may_locked(const notify_zone_t *z, uint32_t seat, uint32_t n);

enum {
    NOTIFY_BATCH_LATER = -1,                 /* the seat or its queue is full */
    NOTIFY_BATCH_NO_ROOM = -2                /* the zone is */
};

/*
 * Hands the batch over.  The caller's inbox is empty and its sockets have
 * been sent all that was in it.  Returns 0: they are the other seat's; or
 * NOTIFY_BATCH_LATER or _NO_ROOM: nothing has changed.  id is the batch's.
 */
int notify_batch_send_locked(notify_zone_t *z, const notify_batch_t *batch,
    uint64_t id);


/*
 * Adopting a taken batch.  Its sockets are the seat's own from now on: they
 * may leave, and die with the worker.  Before, another would inherit them.
 * Returns how many sockets; the records can be read till the caller is done
 * with the batch.
 */
typedef struct {
    uint32_t         message;
    uint32_t         extent;
    uint32_t         at;
    uint8_t         *piece;
    uint32_t         left;                   /* bytes of it */
    size_t           rest;                   /* bytes of all of them */
} notify_batch_reader_t;

uint32_t notify_batch_open(const notify_zone_t *z, uint32_t message,
    notify_batch_reader_t *reader);

/* How many sockets a batch has. */
uint32_t notify_batch_sockets(const notify_zone_t *z, uint32_t message);

/*
 * The keys of a batch's sockets, one for each, and what member each is there,
 * in another order than that of the records: for who cannot read those.
 */
void notify_batch_keys(const notify_zone_t *z, uint32_t message,
    uint32_t *keys, uint32_t *members);

/* Reads the next n bytes, or passes over them: at most reader->rest. */
void notify_batch_read(const notify_zone_t *z, notify_batch_reader_t *reader,
    void *to, size_t n);
void notify_batch_pass(const notify_zone_t *z, notify_batch_reader_t *reader,
    size_t n);

/*
 * Receives the n descriptors of the batch with that id from the seat's pair,
 * and discards older ones; newer ones stay.  Returns 0, or -1 when they are
 * lost: a worker that had received them has died.
 */
int notify_batch_receive(const notify_zone_t *z, uint32_t seat, uint64_t id,
    int *descriptors, uint32_t n);

/* Whether something is in the seat's pair.  Needs no lock. */
bool notify_batch_waiting(const notify_zone_t *z, uint32_t seat);

/*
 * Closes what is in the seat's pair and belongs to no batch in its inbox: a
 * sender has died.  Does nothing while a batch is there.
 */
void notify_batch_discard_locked(notify_zone_t *z, uint32_t seat);


/*
 * Rebuild, before all else: finishes changes to entries, and finds the first
 * batch that each seat has not adopted.
 */
void notify_batch_apply(notify_zone_t *z);

/*
 * Rebuild, when the keys have been marked: gives a dying seat the entries of
 * those sockets that are still on their way to it.
 */
void notify_batch_restore(notify_zone_t *z, uint32_t list);

#endif /* NOTIFY_BATCH_H_INCLUDED */
