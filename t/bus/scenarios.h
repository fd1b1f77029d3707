/*
 * What the step test walks through: what stands before, done by living
 * workers and by others that have died, and what the victim does.
 *
 * A part of step.c, which has the zone, the living workers' views of it and
 * the lists of what they own.
 */

#ifndef SCENARIOS_H_INCLUDED
#define SCENARIOS_H_INCLUDED


/* --- what the living do */

/* a living worker's view of the zone or of its copy */

static notify_zone_t
view_of(const notify_zone_t *on, unsigned i)
{
    notify_zone_t  v;

    v = *on;
    v.seat = live[i].seat;

    return v;
}


/* a worker that is to take without having been told by others */

static void
rouse(notify_zone_t *z)
{
    uint64_t  one;

    one = 1;

    if (write(z->seats[z->seat].event, &one, sizeof(one)) != sizeof(one)) {
        broken("eventfd");
    }
}


static void
base_join(unsigned v, unsigned k)
{
    uint64_t  since;

    joined[njoined].view = v;
    joined[njoined].member = 0;
    joined[njoined].block = notify_bus_join(&live[v], &name[k], NULL, &since);

    if (joined[njoined++].block == 0) {
        broken("base_join");
    }
}


/* as a member, where there may be max of them */

static uint32_t
member(notify_zone_t *z, unsigned k, uint32_t max, bool refuse,
    uint32_t *block)
{
    uint64_t        since;
    notify_limit_t  limit;

    memset(&limit, 0, sizeof(limit));
    limit.max = max;
    limit.refuse = refuse;
    limit.code = 4409;
    limit.now = NOW;

    *block = notify_bus_join(z, &name[k], &limit, &since);

    return limit.member;
}


static void
base_member(unsigned v, unsigned k)
{
    joined[njoined].view = v;
    joined[njoined].member = member(&live[v], k, 100, true,
                                    &joined[njoined].block);

    if (joined[njoined++].block == 0) {
        broken("base_member");
    }
}


static void
base_join_each(unsigned n, unsigned k)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        base_join(i, k);
    }
}


/* what is to be stored: how many for a user, and for how long */

static uint32_t  history, history_ttl;
static uint64_t  history_once;
static uint64_t  now = NOW;

/* the key that a socket of the victim reads */
static uint32_t  reading;

static int
push(notify_zone_t *z, unsigned k, size_t n, notify_receipt_t *receipt)
{
    size_t            left;
    unsigned          i;
    struct iovec      iov[PIECES];
    notify_publish_t  p;

    memset(&p, 0, sizeof(p));

    for (i = 0, left = n; left; i++, left -= iov[i - 1].iov_len) {
        iov[i].iov_base = bytes;
        iov[i].iov_len = left < PIECE ? left : PIECE;
    }

    p.kind = NOTIFY_TEXT;
    p.length = n;
    p.iov = iov;
    p.niov = i;
    p.count = history;
    p.ttl = history_ttl;
    p.once = history_once;
    p.now = now;

    return notify_bus_publish(z, &name[k], &p, receipt);
}


static int
base_push(unsigned v, unsigned k, size_t n)
{
    int               rc;
    notify_receipt_t  receipt;

    rc = push(&live[v], k, n, &receipt);

    if (live[v].wake_self) {
        live[v].wake_self = false;
        rouse(&live[v]);
    }

    return rc;
}


static void
base_take(unsigned v, unsigned n)
{
    notify_item_t  item;

    while (n--) {
        if (notify_bus_take(&live[v], &item, 1, NULL, 0) != 1) {
            broken("base_take");
        }

        held[nheld].view = v;
        held[nheld++].block = item.slot;
    }

    rouse(&live[v]);
}


/* the same, and some socket cannot have them at once */

static void
base_wait(unsigned v, unsigned n)
{
    notify_item_t  item;

    memset(&item, 0, sizeof(item));

    for ( /* void */ ; n; n--) {
        base_take(v, 1);
        item.slot = held[nheld - 1].block;
        notify_bus_wait(&live[v], &item);
    }
}


static void
base_draft(unsigned v, uint32_t n)
{
    uint32_t  message;

    notify_lock(&live[v]);

    message = notify_message_alloc(&live[v], n);
    notify_message_draft(&live[v], message, live[v].seat);

    notify_unlock(&live[v]);

    draft[ndraft].view = v;
    draft[ndraft++].block = message;
}


/* n messages that are kept for a while */

static void
base_store(unsigned k, unsigned n, size_t length)
{
    notify_receipt_t  receipt;

    history = 8;
    history_ttl = 60;

    while (n--) {
        if (push(&live[0], k, length, &receipt) != 0) {
            broken("base_store");
        }

        stored[nstored].view = k;
        stored[nstored++].id = receipt.id;
    }

    history = 0;

    if (live[0].wake_self) {
        live[0].wake_self = false;
        rouse(&live[0]);
    }
}


/* the living worker's socket reads what is stored, and needs it */

static void
base_read(unsigned v, unsigned k)
{
    int             n;
    uint32_t        key;
    uint64_t        at;
    notify_item_t   items[8];

    key = notify_key_find_locked(&live[v], &name[k],
                                 notify_key_hash(&live[v], &name[k]));
    n = notify_bus_read(&live[v], key, stored[0].id - 1, items, 8, NULL, 0,
                        now, &at);

    while (n > 0) {
        held[nheld].view = v;
        held[nheld++].block = items[--n].slot;
    }
}


/* full to the last block; then living worker 1 is done with some */

static void
base_full(unsigned blocks)
{
    uint32_t       done;
    notify_item_t  item;

    notify_zone_configure(&live[0], 2 * NOTIFY_PAGE_SIZE);

    base_join(1, 3);

    while (base_push(0, 3, 10) == 0) { /* void */ }

    while (blocks--) {
        if (notify_bus_take(&live[1], &item, 1, NULL, 0) != 1) {
            broken("base_full");
        }

        done = item.slot;
        (void) notify_bus_take(&live[1], NULL, 0, &done, 1);
    }

    rouse(&live[1]);
}


/*
 * Workers that die, as f[] leaves them, one after the other; but all have
 * their seats before the first does, or they would sweep it.
 */

static void
base_dead_all(unsigned n, void (*const *f)(notify_zone_t *z))
{
    int            status, told[4][2], says[2];
    char           c;
    pid_t          pid[4];
    unsigned       i;
    notify_zone_t  z;

    if (n > 4 || pipe(says) == -1) {
        broken("base_dead");
    }

    for (i = 0; i < n; i++) {

        if (pipe(told[i]) == -1) {
            broken("pipe()");
        }

        pid[i] = fork();

        if (pid[i] == 0) {
            z = zone;

            if (notify_seat_take(&z, 1) == -1
                || write(says[1], "", 1) != 1
                || read(told[i][0], &c, 1) != 1)
            {
                _exit(2);
            }

            f[i](&z);
            _exit(0);
        }

        if (pid[i] == -1 || read(says[0], &c, 1) != 1) {
            broken("base_dead");
        }
    }

    for (i = 0; i < n; i++) {
        if (write(told[i][1], "", 1) != 1
            || waitpid(pid[i], &status, 0) != pid[i]
            || status != 0)
        {
            broken("base_dead");
        }

        close(told[i][0]);
        close(told[i][1]);
    }

    close(says[0]);
    close(says[1]);
}


static void
base_dead(void (*f)(notify_zone_t *z))
{
    base_dead_all(1, &f);
}


/* --- the life of those that die before */

static void
victim_join(notify_zone_t *z, unsigned k)
{
    uint64_t  since;

    if (notify_bus_join(z, &name[k], NULL, &since) == 0) {
        _exit(3);
    }
}


static void
victim_push(notify_zone_t *z, unsigned k, size_t n)
{
    notify_receipt_t  receipt;

    if (push(z, k, n, &receipt) == -1) {
        _exit(3);
    }
}


static uint32_t
victim_take(notify_zone_t *z)
{
    notify_item_t  item;

    if (notify_bus_take(z, &item, 1, NULL, 0) != 1) {
        _exit(3);
    }

    return item.slot;
}


static void
dead_with_sockets(notify_zone_t *z)
{
    victim_join(z, 0);
    victim_join(z, 0);
    victim_join(z, 1);
}


/* it has published, and did not live to wake anybody */

static void
dead_before_waking(notify_zone_t *z)
{
    int       fd[LIVING];
    unsigned  i;

    victim_join(z, 0);

    for (i = 0; i < LIVING; i++) {
        fd[i] = z->seats[live[i].seat].event;
        z->seats[live[i].seat].event = -1;
    }

    victim_push(z, 0, 20);

    for (i = 0; i < LIVING; i++) {
        z->seats[live[i].seat].event = fd[i];
    }
}


static uint32_t
victim_member(notify_zone_t *z, unsigned k, uint32_t max)
{
    uint32_t  block, id;

    id = member(z, k, max, false, &block);

    if (block == 0) {
        _exit(3);
    }

    return id;
}


static void
dead_with_members(notify_zone_t *z)
{
    (void) victim_member(z, 0, 5);
    (void) victim_member(z, 0, 5);
}


static void
dead_with_messages(notify_zone_t *z)
{
    victim_join(z, 0);
    victim_join(z, 2);
    victim_push(z, 0, 20);
    victim_push(z, 2, 300);
    victim_push(z, 2, 3000);
    (void) victim_take(z);
    (void) victim_take(z);
}


static void
dead_while_copying(notify_zone_t *z)
{
    uint32_t  message;

    notify_lock(z);
    message = notify_message_alloc(z, 5000);
    notify_message_draft(z, message, z->seat);
    notify_unlock(z);
}


static void
dead_in_the_lock(notify_zone_t *z)
{
    victim_join(z, 0);
    notify_lock(z);
}


/* sockets on their way: from one seat of this process to another */

static notify_zone_t  other;

/* what each of the sockets is, that are handed over next */
static uint32_t  ids[8];

static bool
hand_over(notify_zone_t *from, uint32_t to, const unsigned *k, uint32_t n)
{
    int             fd[8];
    bool            sent;
    uint32_t        i, keys[8];
    notify_item_t   items[8];
    notify_batch_t  batch;

    notify_lock(from);

    for (i = 0; i < n; i++) {
        keys[i] = notify_key_find_locked(from, &name[k[i]],
                                         notify_key_hash(from, &name[k[i]]));
        fd[i] = from->fd;
    }

    notify_unlock(from);

    batch.to = to;
    batch.n = n;
    batch.keys = keys;
    batch.members = ids;
    batch.descriptors = fd;
    batch.records = (const uint8_t *) keys;
    batch.length = n * sizeof(uint32_t);

    (void) notify_bus_take_or_send(from, items, 8, NULL, 0, &batch, NOW,
                                   &sent);

    return sent;
}


static const unsigned  hand_one[] = { 0 };
static const unsigned  hand_same[] = { 0, 0 };
static const unsigned  hand_two[] = { 0, 1, 0 };


/* a seat of a newer configuration, and sockets that are handed to it */

static void
victim_adopts(notify_zone_t *z)
{
    if (notify_seat_take(z, 2) == -1) {
        _exit(3);
    }

    z->seats[z->seat].capacity = 100;
    other = zone;

    if (notify_seat_take(&other, 1) == -1) {
        _exit(3);
    }

    victim_join(&other, 0);
    victim_join(&other, 1);
    victim_join(&other, 0);

    if (!hand_over(&other, z->seat, hand_two, 3)) {
        _exit(3);
    }
}


/* one of them has been replaced on its way, by one that dies as well */

static void
victim_adopts_members(notify_zone_t *z)
{
    if (notify_seat_take(z, 2) == -1) {
        _exit(3);
    }

    z->seats[z->seat].capacity = 100;
    other = zone;

    if (notify_seat_take(&other, 1) == -1) {
        _exit(3);
    }

    ids[0] = victim_member(&other, 0, 3);
    victim_join(&other, 1);
    ids[2] = victim_member(&other, 0, 3);

    if (!hand_over(&other, z->seat, hand_two, 3)) {
        _exit(3);
    }

    (void) victim_member(&other, 0, 2);
}


/* the others are adopted; those that came after them have been dropped */

static void
victim_adopts_all(notify_zone_t *z)
{
    victim_adopts_members(z);
    notify_seat_leave(&other);
}


static void
victim_adopts_one(notify_zone_t *z)
{
    victim_adopts(z);
    victim_push(z, 0, 20);
    notify_seat_leave(&other);
}


static void
victim_adopts_two(notify_zone_t *z)
{
    victim_adopts(z);
    victim_join(z, 0);
    victim_push(z, 0, 20);
    victim_join(&other, 2);
    victim_join(&other, 0);
    victim_push(z, 1, 200);

    if (!hand_over(&other, z->seat, hand_one, 1)) {
        _exit(3);
    }

    victim_push(z, 0, 2000);
}


/* --- scenarios */

static void
base_none(void)
{
}


static void
prepare_seat(notify_zone_t *z)
{
    if (notify_seat_take(z, 1) == -1) {
        _exit(3);
    }
}


static void
prepare_none(notify_zone_t *z)
{
    (void) z;
}


static void
base_one(void)
{
    base_join(0, 0);
}


static void
base_three(void)
{
    base_join_each(3, 0);
    base_join(0, 0);
}


static void
base_six(void)
{
    base_join_each(6, 0);
}


static void
base_twenty(void)
{
    base_join_each(20, 0);
}


static void
prepare_joined(notify_zone_t *z)
{
    prepare_seat(z);
    victim_join(z, 0);
}


static void
prepare_joined_twice(notify_zone_t *z)
{
    prepare_joined(z);
    victim_join(z, 0);
}


static void
run_join(notify_zone_t *z)
{
    uint64_t  since;

    (void) notify_bus_join(z, &name[0], NULL, &since);
}


static void
run_join_long(notify_zone_t *z)
{
    uint64_t  since;

    (void) notify_bus_join(z, &name[2], NULL, &since);
}


static void
run_member(notify_zone_t *z)
{
    uint32_t  block;

    (void) member(z, 0, 20, true, &block);
}


static void
run_member_refused(notify_zone_t *z)
{
    uint32_t  block;

    (void) member(z, 0, 2, true, &block);
}


static void
run_member_replaces(notify_zone_t *z)
{
    uint32_t  block;

    (void) member(z, 0, 2, false, &block);
}


static void
base_members(void)
{
    base_member(0, 0);
    base_member(1, 0);
}


static void
base_members_three(void)
{
    base_members();
    base_member(0, 0);
}


/* as many as fit into the key and a block */

static void
base_members_block(void)
{
    unsigned  i;

    for (i = 0; i < 1 + NOTIFY_MEMBERS; i++) {
        base_member(i % 3, 0);
    }
}


static void
base_members_full(void)
{
    base_members();
    base_full(0);
}


/* room for the entry of the key, and none for the word */

static void
base_member_full(void)
{
    base_join_each(5, 0);
    base_member(6, 0);
    base_full(1);
}


static uint32_t  own;

static void
prepare_member(notify_zone_t *z)
{
    prepare_seat(z);
    own = victim_member(z, 0, 20);
}


/* taking a seat would sweep them: they die when the victim has its own */

static void
prepare_beside_dead(notify_zone_t *z)
{
    sigset_t  set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);

    prepare_seat(z);
    base_dead(dead_with_members);
}


static void
prepare_members(notify_zone_t *z)
{
    prepare_member(z);
    (void) victim_member(z, 0, 20);
}


static void
run_leave_member(notify_zone_t *z)
{
    uint32_t  key;

    notify_lock(z);
    key = notify_key_find_locked(z, &name[0], notify_key_hash(z, &name[0]));
    notify_unlock(z);

    notify_bus_leave_member(z, key, own);
}


static void
base_full_up(void)
{
    base_join_each(6, 0);
    base_full(0);
}


/* room for the first two of the four blocks of a long name */

static void
base_full_but_two(void)
{
    base_full(2);
}


static void
run_leave(notify_zone_t *z)
{
    uint32_t  key;

    notify_lock(z);
    key = notify_key_find_locked(z, &name[0], notify_key_hash(z, &name[0]));
    notify_unlock(z);

    notify_bus_leave(z, key);
}


static void
run_push_small(notify_zone_t *z)
{
    notify_receipt_t  receipt;

    (void) push(z, 0, 20, &receipt);
}


static void
run_push_mid(notify_zone_t *z)
{
    notify_receipt_t  receipt;

    (void) push(z, 0, 1000, &receipt);
}


static void
run_push_draft(notify_zone_t *z)
{
    notify_receipt_t  receipt;

    (void) push(z, 0, DRAFT, &receipt);
}


static void
run_push_close(notify_zone_t *z)
{
    notify_publish_t  p;
    notify_receipt_t  receipt;

    memset(&p, 0, sizeof(p));
    p.kind = NOTIFY_CLOSE;
    p.code = 4403;
    p.now = NOW;

    (void) notify_bus_publish(z, &name[0], &p, &receipt);
}


/* twenty seats listen, and there is room for a message but not for targets */

static void
base_full_targets(void)
{
    base_join_each(20, 0);
    base_full(2);
}


static void
base_full_body(void)
{
    base_join_each(3, 0);
    base_full(9);
}


/* the body's blocks are there, those of the targets are not */

static void
base_full_draft(void)
{
    base_join_each(20, 0);
    base_full(1 + (DRAFT + 4 + 8 + 127) / 128 + 1);
}


static void
base_busy(void)
{
    base_join_each(3, 0);
    base_push(0, 0, 20);
    base_push(3, 0, 2000);
    base_take(0, 1);
}


static void
prepare_inbox(notify_zone_t *z)
{
    prepare_joined(z);
    victim_push(z, 0, 30);
    victim_push(z, 0, 500);
    victim_push(z, 0, DRAFT);
}


static void
run_take(notify_zone_t *z)
{
    notify_item_t  items[2];

    (void) notify_bus_take(z, items, 2, NULL, 0);
}


static void
run_take_all(notify_zone_t *z)
{
    notify_item_t  items[8];

    (void) notify_bus_take(z, items, 8, NULL, 0);
}


static uint32_t  slots[3];

static void
prepare_taken(notify_zone_t *z)
{
    unsigned  i;

    prepare_inbox(z);

    for (i = 0; i < 3; i++) {
        slots[i] = victim_take(z);
    }
}


static void
run_done(notify_zone_t *z)
{
    (void) notify_bus_take(z, NULL, 0, slots, 3);
}


static void
run_wait(notify_zone_t *z)
{
    unsigned       i;
    notify_item_t  item;

    memset(&item, 0, sizeof(item));

    for (i = 0; i < 3; i++) {
        item.slot = slots[i];
        notify_bus_wait(z, &item);
    }
}


static void
prepare_waiting(notify_zone_t *z)
{
    prepare_taken(z);
    run_wait(z);
}


/* others wait for some of the messages, and for others */

static void
base_waiting(void)
{
    base_join_each(3, 0);
    base_push(2, 0, 20);
    base_push(2, 0, 2000);
    base_wait(0, 2);
    base_wait(1, 1);
}


/* beyond the mark: one is asked */

static void
base_slow(void)
{
    uint64_t  woken_by;

    base_join_each(2, 0);
    base_join(1, 1);

    notify_zone_configure(&live[0], 2 * NOTIFY_PAGE_SIZE);

    base_push(2, 0, DRAFT);
    base_push(2, 0, DRAFT);
    base_push(2, 0, DRAFT);
    base_push(2, 0, DRAFT);
    base_push(2, 1, 20);
    base_wait(1, 4);
    base_wait(0, 2);
    base_wait(1, 1);

    /* it is asked, and sleeps till somebody wakes it */

    if (live[1].seats[live[1].seat].slow != NOTIFY_SLOW_ASKED
        || read(live[1].seats[live[1].seat].event, &woken_by, sizeof(woken_by))
           != sizeof(woken_by))
    {
        broken("base_slow");
    }
}


/* and the one that is asked is the victim, which has most */

static void
prepare_slow(notify_zone_t *z)
{
    notify_item_t  item;

    prepare_joined(z);

    memset(&item, 0, sizeof(item));

    while (z->seats[z->seat].slow != NOTIFY_SLOW_ASKED) {
        victim_push(z, 0, DRAFT - 1000);
        item.slot = victim_take(z);
        slots[1] = slots[0];
        slots[0] = item.slot;
        notify_bus_wait(z, &item);
    }
}


/* one that will have more of them wait than it has now */

static void
base_slow_later(void)
{
    unsigned  i;

    base_join(1, 1);

    for (i = 0; i < 8; i++) {
        base_push(2, 1, DRAFT);
    }

    base_wait(1, 3);
    base_take(1, 5);
}


/* the victim is asked, then the other has most, and the victim nothing */

static void
prepare_slow_to_leave(notify_zone_t *z)
{
    unsigned       n;
    uint32_t       done[8];
    notify_item_t  item;

    prepare_joined(z);

    memset(&item, 0, sizeof(item));

    for (n = 0; z->seats[z->seat].slow != NOTIFY_SLOW_ASKED; n++) {
        victim_push(z, 0, DRAFT);
        item.slot = victim_take(z);
        done[n] = item.slot;
        notify_bus_wait(z, &item);
    }

    while (nheld) {
        item.slot = held[--nheld].block;
        notify_bus_wait(&live[1], &item);
    }

    (void) notify_bus_take(z, NULL, 0, done, n);
    run_leave(z);
}


static void
run_close_slow(notify_zone_t *z)
{
    (void) notify_bus_close_slow(z, true, NULL, 0);
    (void) notify_bus_close_slow(z, true, slots, 2);
    (void) notify_bus_close_slow(z, false, NULL, 0);
}


static void
prepare_taken_some(notify_zone_t *z)
{
    prepare_inbox(z);
    slots[0] = victim_take(z);
    slots[1] = victim_take(z);
}


static void
run_done_and_take(notify_zone_t *z)
{
    notify_item_t  items[2];

    (void) notify_bus_take(z, items, 2, slots, 2);
}


static void
run_seat_take(notify_zone_t *z)
{
    (void) notify_seat_take(z, 1);
}


static void
run_seat_leave(notify_zone_t *z)
{
    notify_seat_leave(z);
}


static void
prepare_to_leave(notify_zone_t *z)
{
    prepare_inbox(z);
    run_leave(z);
}


static void
base_dead_sockets(void)
{
    base_join_each(3, 0);
    base_dead(dead_with_sockets);
}


static void
base_dead_waking(void)
{
    base_join_each(3, 0);
    base_dead(dead_before_waking);
}


static void
base_dead_many(void)
{
    static void (*const  f[])(notify_zone_t *z) = {
        dead_with_messages, dead_while_copying, dead_before_waking
    };

    base_busy();
    base_dead_all(3, f);
}


static void
base_dead_lock(void)
{
    static void (*const  f[])(notify_zone_t *z) = {
        dead_before_waking, dead_in_the_lock
    };

    base_busy();
    base_draft(4, 4200);
    base_dead_all(2, f);
}


static void
run_sweep(notify_zone_t *z)
{
    (void) notify_seat_sweep(z);
}


static void
run_online(notify_zone_t *z)
{
    (void) notify_bus_online(z, &name[0]);
}


static void
run_rebuild(notify_zone_t *z)
{
    notify_lock(z);
    notify_rebuild_locked(z);
    notify_unlock(z);
}


static void
base_keys(void)
{
    base_busy();
    base_join(5, 1);
    base_join(6, 2);
    base_push(5, 2, 100);
    base_draft(2, 4200);
}


static void
run_configure_same(notify_zone_t *z)
{
    (void) notify_zone_configure(z, SIZE);
}


static void
run_grow(notify_zone_t *z)
{
    (void) notify_zone_configure(z, 2 * SIZE);
}


static void
run_grow_index(notify_zone_t *z)
{
    (void) notify_zone_configure(z, 1024 * 1024);
}


static void
run_shrink(notify_zone_t *z)
{
    (void) notify_zone_configure(z, NOTIFY_PAGE_SIZE);
}


static void
base_heir(void)
{
    base_join(3, 1);
    live[3].seats[live[3].seat].capacity = 100;
}


static void
base_heir_busy(void)
{
    base_heir();
    base_join(3, 0);
    base_join_each(2, 0);
    base_push(0, 0, 20);
}


static void
base_heir_full(void)
{
    base_heir();
    base_full(1);                            /* for the key that is joined */
}


static void
base_heir_gone(void)
{
    base_heir();
    live[3].seats[live[3].seat].capacity = 1;
}


static void
prepare_old(notify_zone_t *z)
{
    if (notify_seat_take(z, 0) == -1) {
        _exit(3);
    }

    victim_join(z, 0);
    victim_join(z, 0);
}


static void
prepare_old_two(notify_zone_t *z)
{
    prepare_old(z);
    victim_join(z, 0);
    victim_join(z, 1);
}


static void
prepare_old_inbox(notify_zone_t *z)
{
    prepare_old(z);
    victim_push(z, 0, 20);
}


static void
prepare_old_members(notify_zone_t *z)
{
    if (notify_seat_take(z, 0) == -1) {
        _exit(3);
    }

    ids[0] = victim_member(z, 0, 20);
    victim_join(z, 1);
    ids[2] = victim_member(z, 0, 20);
    (void) victim_member(z, 0, 20);
}


static void
run_hand_over(notify_zone_t *z)
{
    (void) hand_over(z, live[3].seat, hand_same, 2);
}


static void
run_hand_over_two(notify_zone_t *z)
{
    (void) hand_over(z, live[3].seat, hand_two, 3);
}


static void
run_adopt(notify_zone_t *z)
{
    int                    fd[8];
    uint32_t               i, n, keys[8], members[8];
    notify_item_t          item;
    notify_batch_reader_t  reader;

    (void) notify_bus_take(z, &item, 1, NULL, 0);

    n = notify_batch_open(z, item.message, &reader);
    notify_batch_keys(z, item.message, keys, members);
    (void) notify_batch_receive(z, z->seat, item.id, fd, n);

    for (i = 0; i < n; i++) {
        notify_bus_leave_member(z, keys[i], members[i]);
    }

    (void) notify_bus_take(z, NULL, 0, &item.slot, 1);
}


static void
base_dead_adopting(void)
{
    base_join_each(3, 0);
    base_dead(victim_adopts_two);
}


static void
base_dead_adopting_members(void)
{
    base_members();
    base_dead(victim_adopts_members);
}


static void
base_orphans(void)
{
    unsigned  i;

    base_dead_adopting();
    (void) notify_seat_sweep(&live[0]);

    for (i = 0; i < SEATS; i++) {
        zone.seats[i].inherit -= 100;
    }
}


static void
run_orphans(notify_zone_t *z)
{
    int  fd[NOTIFY_BATCH_MAX];

    (void) notify_seat_orphans(z, 5, fd, NOTIFY_BATCH_MAX);
}


static void
base_history(void)
{
    base_join_each(3, 0);
    base_store(0, 3, 20);
    base_store(1, 1, 500);
    base_take(0, 1);
}


/* a key and its two messages have the blocks that a push needs */

static void
base_history_full(void)
{
    base_join_each(20, 0);
    base_full(3);
    base_store(1, 2, 20);
}


static void
base_history_read(void)
{
    base_history();
    base_read(1, 0);
    base_read(0, 0);
}


static void
base_history_once(void)
{
    base_join_each(3, 0);
    history_once = 77;
    base_store(0, 1, 20);
    history_once = 0;
}


static void
prepare_history(notify_zone_t *z)
{
    prepare_seat(z);
    history = 8;
}


/* what was stored before has been kept for its time, and longer */

static void
prepare_history_late(notify_zone_t *z)
{
    prepare_history(z);
    now = NOW + 100000;
}


static void
prepare_history_three(notify_zone_t *z)
{
    prepare_history(z);
    history = 3;
}


static void
prepare_history_again(notify_zone_t *z)
{
    prepare_history(z);
    history_once = 77;
}


static notify_resume_t  resume;

static void
prepare_reading(notify_zone_t *z)
{
    prepare_seat(z);

    resume.last = stored[0].id;
    resume.now = now;
    reading = notify_bus_resume(z, &name[0], NULL, &resume);
}


static void
run_push_other(notify_zone_t *z)
{
    notify_receipt_t  receipt;

    (void) push(z, 2, 20, &receipt);
}


static void
run_resume(notify_zone_t *z)
{
    resume.last = stored[0].id;
    resume.now = now;

    (void) notify_bus_resume(z, &name[0], NULL, &resume);
}


static void
run_read(notify_zone_t *z)
{
    uint64_t       at;
    notify_item_t  items[8];

    (void) notify_bus_read(z, reading, resume.since, items, 8, NULL, 0, now,
                           &at);
}


static void
run_read_and_done(notify_zone_t *z)
{
    int            n, i;
    uint32_t       done[8];
    uint64_t       at;
    notify_item_t  items[8];

    n = notify_bus_read(z, reading, resume.since, items, 8, NULL, 0, now, &at);

    for (i = 0; i < n; i++) {
        done[i] = items[i].slot;
    }

    (void) notify_bus_read(z, reading, n > 0 ? items[n - 1].id : 0, items, 8,
                           done, n > 0 ? (unsigned) n : 0, now, &at);
}


static const scenario_t  scenarios[] = {
    { "join: a new key",
      base_none, prepare_seat, run_join, 0, 0, 0 },
    { "join: a new key of the longest name",
      base_one, prepare_seat, run_join_long, 0, 0, 0 },
    { "join: a key that has sockets of this seat",
      base_one, prepare_joined, run_join, 0, 0, 0 },
    { "join: a key that has sockets of others",
      base_three, prepare_seat, run_join, 0, 0, 0 },
    { "join: a key whose entries are all in use",
      base_six, prepare_seat, run_join, 0, 0, 0 },
    { "join: refused, no block for entries",
      base_full_up, prepare_seat, run_join, 0, 0, 0 },
    { "join: refused, no blocks for the name",
      base_full_but_two, prepare_seat, run_join_long, 0, 0, 0 },

    { "member: of a new key",
      base_none, prepare_seat, run_member, 0, 0, 0 },
    { "member: the first of a key",
      base_three, prepare_seat, run_member, 0, 0, 0 },
    { "member: beside others",
      base_members, prepare_member, run_member, 0, 0, 0 },
    { "member: where the words are all in use",
      base_members_block, prepare_seat, run_member, 0, 0, 0 },
    { "member: refused",
      base_members, prepare_seat, run_member_refused, 0, 0, 0 },
    { "member: refused, no block for its word",
      base_member_full, prepare_seat, run_member, 0, 0, 0 },
    { "member: in place of the oldest",
      base_members, prepare_seat, run_member_replaces, 2, 1, 0 },
    { "member: in place of one of its own seat",
      base_none, prepare_members, run_member_replaces, 0, 0, 0 },
    { "member: in place of two",
      base_members_three, prepare_seat, run_member_replaces, 4, 2, 0 },
    { "member: in place of none, the zone is full",
      base_members_full, prepare_seat, run_member_replaces, 0, 0, 0 },
    { "member: where those who were have died",
      base_one, prepare_beside_dead, run_member_refused, 0, 0, 0 },
    { "leave: one of two members",
      base_none, prepare_members, run_leave_member, 0, 0, 0 },
    { "leave: the last member",
      base_three, prepare_member, run_leave_member, 0, 0, 0 },
    { "leave: the last member of a block",
      base_members_block, prepare_member, run_leave_member, 0, 0, 0 },

    { "leave: one of two sockets",
      base_one, prepare_joined_twice, run_leave, 0, 0, 0 },
    { "leave: the seat's last socket of a key",
      base_one, prepare_joined, run_leave, 0, 0, 0 },
    { "leave: the last socket of a key",
      base_none, prepare_joined, run_leave, 0, 0, 0 },

    { "publish: to nobody",
      base_none, prepare_seat, run_push_small, 0, 0, 0 },
    { "publish: a small message to one seat",
      base_one, prepare_seat, run_push_small, 1, 1, 0 },
    { "publish: a small message to three seats",
      base_three, prepare_seat, run_push_small, 1, 3, 0 },
    { "publish: a small message to twenty seats",
      base_twenty, prepare_seat, run_push_small, 1, 20, 0 },
    { "publish: a small message to its own seat too",
      base_three, prepare_joined, run_push_small, 1, 3, 0 },
    { "publish: a message of several blocks to three seats",
      base_three, prepare_seat, run_push_mid, 1, 3, 0 },
    { "publish: a draft to one seat",
      base_one, prepare_seat, run_push_draft, 1, 1, 0 },
    { "publish: a draft to three seats",
      base_three, prepare_seat, run_push_draft, 1, 3, 0 },
    { "publish: a draft to twenty seats",
      base_twenty, prepare_seat, run_push_draft, 1, 20, 0 },
    { "publish: a close to three seats",
      base_three, prepare_seat, run_push_close, 1, 3, 0 },
    { "publish: behind messages that wait",
      base_busy, prepare_seat, run_push_small, 1, 3, 0 },
    { "publish: refused, no block at all",
      base_full_up, prepare_seat, run_push_small, 0, 0, 0 },
    { "publish: refused, no blocks for the targets",
      base_full_targets, prepare_seat, run_push_small, 0, 0, 0 },
    { "publish: refused, not enough blocks for the body",
      base_full_body, prepare_seat, run_push_mid, 0, 0, 0 },
    { "publish: refused, a draft without blocks for the targets",
      base_full_draft, prepare_seat, run_push_draft, 0, 0, 0 },

    { "take: some of what waits",
      base_three, prepare_inbox, run_take, 0, 0, 0 },
    { "take: all of what waits",
      base_none, prepare_inbox, run_take_all, 0, 0, 0 },
    { "done: the last to need the messages",
      base_none, prepare_taken, run_done, 0, 0, 0 },
    { "done: others need the messages",
      base_three, prepare_taken, run_done, 0, 0, 0 },
    { "wait: what was taken",
      base_three, prepare_taken, run_wait, 0, 0, 0 },
    { "wait: with others",
      base_waiting, prepare_taken, run_wait, 0, 0, 0 },
    { "wait: another has been asked to close sockets",
      base_slow, prepare_taken, run_wait, 0, 0, 0 },
    { "done: with what waited",
      base_waiting, prepare_waiting, run_done, 0, 0, 0 },
    { "close: the slowest sockets",
      base_waiting, prepare_slow, run_close_slow, 0, 0, 0 },
    { "rebuild: one is asked to close sockets",
      base_slow, prepare_seat, run_rebuild, 0, 0, 0 },
    { "done and take in one",
      base_none, prepare_taken_some, run_done_and_take, 0, 0, 0 },

    { "seat: take",
      base_three, prepare_none, run_seat_take, 0, 0, 0 },
    { "seat: take, when another has died with sockets",
      base_dead_sockets, prepare_none, run_seat_take, 0, 0, 0 },
    { "seat: take, when another has died before waking",
      base_dead_waking, prepare_none, run_seat_take, 0, 0, 0 },
    { "seat: leave",
      base_three, prepare_seat, run_seat_leave, 0, 0, 0 },
    { "seat: leave with messages",
      base_three, prepare_to_leave, run_seat_leave, 0, 0, 0 },
    { "seat: leave when it was asked to close sockets",
      base_slow_later, prepare_slow_to_leave, run_seat_leave, 0, 0, 0 },
    { "seat: leave with sockets",
      base_three, prepare_joined, run_seat_leave, 0, 0, 0 },
    { "seat: leave with sockets and what it has taken",
      base_three, prepare_taken, run_seat_leave, 0, 0, 0 },

    { "sweep: nobody has died",
      base_three, prepare_seat, run_sweep, 0, 0, 0 },
    { "sweep: one has died before waking",
      base_dead_waking, prepare_none, run_sweep, 0, 0, 0 },
    { "sweep: three have died",
      base_dead_many, prepare_none, run_sweep, 0, 0, 0 },
    { "sweep: one has died in the lock",
      base_dead_lock, prepare_none, run_sweep, 0, 0, 0 },

    { "lock: another has died in it",
      base_dead_lock, prepare_none, run_online, 0, 0, 0 },
    { "rebuild: nobody has died",
      base_keys, prepare_seat, run_rebuild, 0, 0, 0 },
    { "rebuild: three have died",
      base_dead_many, prepare_none, run_rebuild, 0, 0, 0 },

    { "hand over: two sockets of a key",
      base_heir, prepare_old, run_hand_over, 1, 1, 0 },
    { "hand over: sockets of two keys, to a seat that has one of them",
      base_heir_busy, prepare_old_two, run_hand_over_two, 1, 1, 0 },
    { "hand over: messages come first",
      base_heir, prepare_old_inbox, run_hand_over, 0, 0, 0 },
    { "hand over: refused, the zone is full",
      base_heir_full, prepare_old, run_hand_over, 0, 0, 0 },
    { "hand over: refused, the seat has no room",
      base_heir_gone, prepare_old, run_hand_over, 0, 0, 0 },
    { "hand over: members, and a socket that is none",
      base_heir, prepare_old_members, run_hand_over_two, 1, 1, 0 },
    { "adopt: members, of which one has been replaced",
      base_members, victim_adopts_all, run_adopt, 1, -2, 0 },
    { "sweep: one has died with members on their way",
      base_dead_adopting_members, prepare_none, run_sweep, 0, 0, 0 },
    { "seat: take, when one has died with members on their way",
      base_dead_adopting_members, prepare_none, run_seat_take, 0, 0, 0 },
    { "rebuild: members are on their way",
      base_dead_adopting_members, prepare_none, run_rebuild, 0, 0, 0 },
    { "adopt: sockets that leave at once",
      base_three, victim_adopts_one, run_adopt, 1, -2, 0 },
    { "adopt: the first of two batches",
      base_three, victim_adopts_two, run_adopt, 1, -3, 0 },
    { "seat: leave with sockets on their way",
      base_three, victim_adopts_two, run_seat_leave, 0, 0, 0 },
    { "sweep: one has died with sockets on their way",
      base_dead_adopting, prepare_none, run_sweep, 0, 0, 0 },
    { "seat: take, when another has died with sockets on their way",
      base_dead_adopting, prepare_none, run_seat_take, 0, 0, 0 },
    { "rebuild: sockets are on their way",
      base_dead_adopting, prepare_none, run_rebuild, 0, 0, 0 },
    { "orphans: given up",
      base_orphans, prepare_none, run_orphans, 1, -1, 3 },

    { "store: a message to three seats",
      base_history, prepare_history, run_push_small, 1, 4, 0 },
    { "store: a draft to three seats",
      base_history, prepare_history, run_push_draft, 1, 4, 0 },
    { "store: a message to nobody",
      base_history, prepare_history, run_push_other, 1, 1, 0 },
    { "store: one more than are kept",
      base_history, prepare_history_three, run_push_small, 2, 3, 0 },
    { "store: others have been kept for their time",
      base_history, prepare_history_late, run_push_small, 3, 2, 0 },
    { "store: the same for the second time",
      base_history_once, prepare_history_again, run_push_small, 0, 0, 0 },
    { "store: history goes where the zone is full",
      base_history_full, prepare_history, run_push_small, 3, 19, 0 },
    { "store: not stored, behind what is",
      base_history, prepare_seat, run_push_small, 1, 3, 0 },
    { "resume: where history is",
      base_history, prepare_seat, run_resume, 0, 0, 0 },
    { "resume: reading it",
      base_history_read, prepare_reading, run_read, 0, 0, 0 },
    { "resume: to its end",
      base_history, prepare_reading, run_read_and_done, 0, 0, 0 },
    { "rebuild: with history that is read",
      base_history_read, prepare_seat, run_rebuild, 0, 0, 0 },

    { "configure: the same size",
      base_busy, prepare_none, run_configure_same, 0, 0, 0 },
    { "configure: more pages",
      base_busy, prepare_none, run_grow, 1, 0, 0 },
    { "configure: more pages and a larger index",
      base_keys, prepare_none, run_grow_index, 1, 0, 0 },
    { "configure: fewer pages than are used",
      base_keys, prepare_none, run_shrink, 1, 0, 0 }
};

#define NSCENARIOS  (sizeof(scenarios) / sizeof(scenarios[0]))

#endif /* SCENARIOS_H_INCLUDED */
