/*
 * Blocks against a model: each is free or has one owner, whatever is taken
 * and given back in whatever order, also when there are none left.
 */

#include "model.h"

#include <errno.h>

#include "notify_blocks.h"


#define PAGES    24
#define BLOCKS   (PAGES * NOTIFY_PAGE_BLOCKS)
#define STEPS    60000


typedef struct {
    uint32_t       block;
    uint32_t       n;
} owned_t;


static notify_zone_t  z;
static owned_t        owned[BLOCKS];
static uint32_t       nowned, used;
static uint8_t        owner[BLOCKS];


/* notes that (b, n) has an owner, or has none any more */

static void
own(uint32_t b, uint32_t n)
{
    uint32_t  i;

    if (b % NOTIFY_PAGE_BLOCKS < NOTIFY_PAGE_META
        || b % NOTIFY_PAGE_BLOCKS + n > NOTIFY_PAGE_BLOCKS
        || b + n > BLOCKS || n == 0)
    {
        failed("no such blocks: %u +%u", b, n);
        return;
    }

    for (i = b; i < b + n; i++) {
        if (owner[i]++) {
            failed("block %u was taken twice", i);
        }
    }

    owned[nowned].block = b;
    owned[nowned++].n = n;
    used += n;
}


static void
give_back(uint32_t which)
{
    uint32_t  i;
    owned_t   o;

    o = owned[which];
    owned[which] = owned[--nowned];

    for (i = o.block; i < o.block + o.n; i++) {
        owner[i] = 0;
    }

    used -= o.n;

    notify_blocks_free(&z, o.block, o.n);
}


/* what the pages say agrees with the model; lists can be walked both ways */

static void
compare(void)
{
    uint32_t  i;
    check_t   c;

    if (z.head->used_blocks != used) {
        failed("%u blocks, counted as %u", used, z.head->used_blocks);
    }

    memset(&c, 0, sizeof(c));
    c.z = &z;
    c.end = z.head->top * NOTIFY_PAGE_BLOCKS;
    c.used = used;
    c.claimed = owner;

    if (!check_pages(&c)) {
        failed("%s", check_error);
    }

    for (i = c.end; i < BLOCKS; i++) {
        if (owner[i]) {
            failed("block %u is above the pages", i);
        }
    }
}


/* whether a record must find room somewhere */

static bool
room(void)
{
    uint32_t  i;

    for (i = 1; i < BLOCKS; i++) {
        if (i % NOTIFY_PAGE_BLOCKS > NOTIFY_PAGE_META
            && owner[i - 1] == 0 && owner[i] == 0)
        {
            return true;
        }
    }

    return false;
}


static void
take_record(void)
{
    uint32_t  b;

    b = notify_record_alloc(&z, pick(2) ? NOTIFY_FOR_KEYS
                                        : NOTIFY_FOR_MESSAGES);
    if (b) {
        own(b, NOTIFY_RECORD);

    } else if (room()) {
        failed("no record, with %u of %u used", used,
               PAGES * NOTIFY_PAGE_USABLE);
    }
}


static void
take_run(uint32_t want)
{
    uint32_t  b, n;

    b = notify_run_alloc(&z, want, &n);

    if (b == 0) {
        if (room()) {
            failed("no run, with %u used", used);
        }

        return;
    }

    if (n > want || n > NOTIFY_PAGE_USABLE
        || n < (want < NOTIFY_RECORD ? want : NOTIFY_RECORD))
    {
        failed("a run of %u, asked for %u", n, want);
    }

    own(b, n);
}


/* as a rebuild does: forgets all, and is told again */

static void
remake(void)
{
    uint32_t  i;

    notify_blocks_forget(&z);

    for (i = 0; i < nowned; i++) {
        if (!notify_blocks_mark(&z, owned[i].block, owned[i].n)) {
            failed("%u +%u cannot be marked", owned[i].block, owned[i].n);
        }
    }

    if (nowned && notify_blocks_mark(&z, owned[0].block, 1)) {
        failed("a block can be marked twice");
    }

    notify_blocks_relist(&z);
}


static void
step(void)
{
    unsigned  i;

    switch (pick(8)) {
    case 0:
    case 1:
        take_record();
        break;
    case 2:
        take_run(1 + pick(pick(2) ? 6 : 400));
        break;
    case 3:
        for (i = pick(40); i; i--) {
            take_record();
        }
        break;
    case 4:
        if (pick(20) == 0) {
            remake();
        }
        break;
    default:
        for (i = 1 + pick(6); i && nowned; i--) {
            give_back(pick(nowned));
        }
    }
}


static void
separate(void)
{
    uint32_t  i, key, message, shared;

    /* while there are pages, keys and messages share none */

    for (i = 0, shared = 0; i < 500; i++) {
        key = notify_record_alloc(&z, NOTIFY_FOR_KEYS);
        message = notify_record_alloc(&z, NOTIFY_FOR_MESSAGES);
        own(key, NOTIFY_RECORD);
        own(message, NOTIFY_RECORD);
        notify_store(notify_type(&z, key), NOTIFY_KEY);
        shared += key / NOTIFY_PAGE_BLOCKS == message / NOTIFY_PAGE_BLOCKS;
    }

    is(shared, 0, "keys and messages have pages of their own");

    for (i = 0; i < BLOCKS; i++) {
        if (i % NOTIFY_PAGE_BLOCKS >= NOTIFY_PAGE_META && owner[i]) {
            notify_store(notify_type(&z, i), NOTIFY_FREE);
        }
    }

    while (nowned) {
        give_back(nowned - 1);
    }
}


static void
bounds(void)
{
    uint32_t  b, n;

    b = notify_run_alloc(&z, 1000000, &n);
    is(n, NOTIFY_PAGE_USABLE, "a run is as long as a page at most");
    own(b, n);

    is(notify_blocks_mark(&z, 0, 1), false, "a page's own blocks are none");
    is(notify_blocks_mark(&z, NOTIFY_PAGE_META - 1, 1), false,
       "to the last of them");
    is(notify_blocks_mark(&z, NOTIFY_PAGE_BLOCKS - 1, 2), false,
       "no run goes over a page's end");
    is(notify_blocks_mark(&z, NOTIFY_PAGE_META, 0), false,
       "nor is it of no blocks");
    is(notify_blocks_mark(&z, z.head->top * NOTIFY_PAGE_BLOCKS
                              + NOTIFY_PAGE_META, 1),
       false, "nor above all pages");
    is(notify_blocks_mark(&z, (uint32_t) -2, 1), false,
       "nor far above them");

    /* as many as there are, to the last; the lowest pages first */

    while ((b = notify_record_alloc(&z, NOTIFY_FOR_MESSAGES)) != 0) {
        own(b, NOTIFY_RECORD);
    }

    is(used, PAGES * NOTIFY_PAGE_USABLE, "all blocks can be had");
    is(notify_run_alloc(&z, 1, &n), 0, "then there are none");
    is(z.head->top, PAGES, "no page above the size was touched");

    while (nowned) {
        give_back(nowned - 1);
    }

    is(notify_record_alloc(&z, NOTIFY_FOR_KEYS) != 0, true,
       "then there are some again");
}


int
main(void)
{
    unsigned     i;
    const char  *what;

    if (notify_zone_create(&z, PAGES * NOTIFY_PAGE_SIZE, 1, &what) == -1) {
        diag("%s: %s", what, strerror(errno));
        return 1;
    }

    cast_lots();

    separate();
    compare();

    for (i = 0; i < STEPS && failures == 0; i++) {
        step();

        if (i % 16 == 0) {
            compare();
        }
    }

    is(failures, 0, "%u steps agree with the model", i);

    while (nowned) {
        give_back(nowned - 1);
    }

    compare();
    is(z.head->used_pages, 0, "then no page is used");

    bounds();
    is(failures, 0, "nor does this disagree");

    notify_zone_destroy(&z);

    return test_done();
}
