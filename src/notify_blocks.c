/*
 * Hands out the zone's blocks: a bitmap per page, and lists of pages that
 * have room for a record, the last used first, so that a zone that is large
 * and little used touches little memory.
 */

#include <string.h>

#include "notify_blocks.h"


/* lists that a page can be on; the first two are head->partial[] */
enum {
    NOTIFY_LIST_KEYS = NOTIFY_FOR_KEYS,
    NOTIFY_LIST_MESSAGES = NOTIFY_FOR_MESSAGES,
    NOTIFY_LIST_EMPTY,
    NOTIFY_LIST_NONE
};

/* pages looked at for a run that is long enough, before one is cut short */
#define NOTIFY_RUN_TRIES  4


static uint32_t notify_blocks_alloc(notify_zone_t *z, unsigned purpose,
    uint32_t want, uint32_t *got);
static uint32_t notify_page_fresh(notify_zone_t *z);
static uint32_t notify_page_run(notify_page_t *page, uint32_t want,
    uint32_t *length);
static uint32_t notify_page_next(notify_page_t *page, uint32_t i,
    bool is_free);
static void notify_page_take(notify_zone_t *z, uint32_t number, uint32_t at,
    uint32_t n, unsigned purpose);
static bool notify_page_has_room(const notify_page_t *page);
static void notify_page_list(notify_zone_t *z, uint32_t number, unsigned list);
static uint32_t *notify_page_list_head(notify_zone_t *z, unsigned list);
static void notify_page_clear(notify_page_t *page);
static unsigned notify_page_purpose(notify_page_t *page);


/* the part of a run that lies in one word of its page's bitmap */

static inline uint64_t
notify_run_bits(uint32_t at, uint32_t n, uint32_t *part)
{
    *part = n < 64 - at % 64 ? n : 64 - at % 64;

    return ~(uint64_t) 0 >> (64 - *part) << (at % 64);
}


/* a run that is free is taken, one that is taken is free */

static inline void
notify_page_flip(notify_page_t *page, uint32_t at, uint32_t n)
{
    uint32_t  part;

    for ( /* void */ ; n; at += part, n -= part) {
        page->free[at / 64] ^= notify_run_bits(at, n, &part);
    }
}


uint32_t
notify_record_alloc(notify_zone_t *z, unsigned purpose)
{
    uint32_t  got;

    return notify_blocks_alloc(z, purpose, NOTIFY_RECORD, &got);
}


uint32_t
notify_run_alloc(notify_zone_t *z, uint32_t want, uint32_t *got)
{
    if (want > NOTIFY_PAGE_USABLE) {
        want = NOTIFY_PAGE_USABLE;
    }

    return notify_blocks_alloc(z, NOTIFY_FOR_MESSAGES, want, got);
}


/*
 * A run that is long enough, in one of the first pages or in a fresh one; else
 * the longest that these pages have, which is a record's at least.
 */

static uint32_t
notify_blocks_alloc(notify_zone_t *z, unsigned purpose, uint32_t want,
    uint32_t *got)
{
    uint32_t       number, at, n, tries, best, best_at;
    notify_page_t  *page;

    best = 0;
    best_at = 0;
    *got = 0;

    number = z->head->partial[purpose];

    for (tries = 0; number && tries < NOTIFY_RUN_TRIES; tries++) {
        page = notify_page(z, number - 1);
        at = notify_page_run(page, want, &n);

        if (n > *got) {
            best = number;
            best_at = at;
            *got = n;

            if (n == want) {
                break;
            }
        }

        number = page->next;
    }

    if (*got < want) {
        number = notify_page_fresh(z);

        if (number == 0 && best == 0) {
            number = z->head->partial[!purpose];
        }

        if (number) {
            best = number;
            best_at = notify_page_run(notify_page(z, number - 1), want, got);
        }
    }

    if (best == 0) {
        return 0;
    }

    notify_page_take(z, best, best_at, *got, purpose);

    return (best - 1) * NOTIFY_PAGE_BLOCKS + best_at;
}


void
notify_blocks_free(notify_zone_t *z, uint32_t b, uint32_t n)
{
    uint32_t        number, at;
    notify_page_t  *page;

    number = b / NOTIFY_PAGE_BLOCKS + 1;
    at = b % NOTIFY_PAGE_BLOCKS;
    page = notify_page(z, number - 1);

    notify_page_flip(page, at, n);

    page->nfree += n;
    z->head->used_blocks -= n;

    if (page->nfree == NOTIFY_PAGE_USABLE) {
        z->head->used_pages--;
        notify_page_list(z, number, NOTIFY_LIST_EMPTY);

    } else if (page->list == NOTIFY_LIST_NONE && notify_page_has_room(page)) {
        notify_page_list(z, number, page->purpose);
    }
}


void
notify_blocks_forget(notify_zone_t *z)
{
    uint32_t        i;
    notify_head_t  *head;

    head = z->head;

    for (i = 0; i < head->top; i++) {
        notify_page_clear(notify_page(z, i));
    }

    head->free_page = 0;
    head->partial[NOTIFY_FOR_KEYS] = 0;
    head->partial[NOTIFY_FOR_MESSAGES] = 0;
    head->used_pages = 0;
    head->used_blocks = 0;
}


bool
notify_blocks_mark(notify_zone_t *z, uint32_t b, uint32_t n)
{
    uint32_t        at, i, part;
    uint64_t        bits;
    notify_page_t  *page;

    at = b % NOTIFY_PAGE_BLOCKS;

    if (b / NOTIFY_PAGE_BLOCKS >= z->head->top
        || at < NOTIFY_PAGE_META
        || n == 0
        || n > NOTIFY_PAGE_BLOCKS - at)
    {
        return false;
    }

    page = notify_page(z, b / NOTIFY_PAGE_BLOCKS);

    for (i = 0; i < n; i += part) {
        bits = notify_run_bits(at + i, n - i, &part);

        if (~page->free[(at + i) / 64] & bits) {
            return false;
        }
    }

    notify_page_flip(page, at, n);

    page->nfree -= n;
    z->head->used_blocks += n;

    return true;
}


void
notify_blocks_relist(notify_zone_t *z)
{
    uint32_t        number;
    notify_page_t  *page;

    /* from the end, so that the lowest page is the first to be used */

    for (number = z->head->top; number > 0; number--) {
        page = notify_page(z, number - 1);

        if (page->nfree == NOTIFY_PAGE_USABLE) {
            notify_page_list(z, number, NOTIFY_LIST_EMPTY);
            continue;
        }

        z->head->used_pages++;
        page->purpose = (uint16_t) notify_page_purpose(page);

        if (notify_page_has_room(page)) {
            notify_page_list(z, number, page->purpose);
        }
    }
}


/* an empty page, within the size allowed now, or 0 */

static uint32_t
notify_page_fresh(notify_zone_t *z)
{
    uint32_t        number;
    notify_head_t  *head;

    head = z->head;

    if (head->used_pages >= head->size / NOTIFY_PAGE_SIZE) {
        return 0;
    }

    if (head->free_page) {
        return head->free_page;
    }

    if (head->top >= head->reserve / NOTIFY_PAGE_SIZE) {
        return 0;
    }

    /* the types of an untouched page are all NOTIFY_FREE */

    number = head->top + 1;
    notify_page_clear(notify_page(z, number - 1));
    notify_store(&head->top, number);
    notify_page_list(z, number, NOTIFY_LIST_EMPTY);

    return number;
}


/*
 * The first run of want free blocks, else the longest there is; *length says
 * how long.
 */

static uint32_t
notify_page_run(notify_page_t *page, uint32_t want, uint32_t *length)
{
    uint32_t  i, n, at;

    at = 0;
    *length = 0;

    for (i = notify_page_next(page, NOTIFY_PAGE_META, true);
         i < NOTIFY_PAGE_BLOCKS;
         i = notify_page_next(page, i + n, true))
    {
        n = notify_page_next(page, i, false) - i;

        if (n > *length) {
            at = i;
            *length = n;
        }

        if (n >= want) {
            *length = want;
            break;
        }
    }

    return at;
}


/* the first block from i on that is free, or that is not */

static uint32_t
notify_page_next(notify_page_t *page, uint32_t i, bool is_free)
{
    uint64_t  word, flip;

    flip = is_free ? 0 : ~(uint64_t) 0;

    for ( /* void */ ; i < NOTIFY_PAGE_BLOCKS; i = (i / 64 + 1) * 64) {
        word = (page->free[i / 64] ^ flip) >> (i % 64);

        if (word) {
            return i + (uint32_t) __builtin_ctzll(word);
        }
    }

    return NOTIFY_PAGE_BLOCKS;
}


static void
notify_page_take(notify_zone_t *z, uint32_t number, uint32_t at, uint32_t n,
    unsigned purpose)
{
    notify_page_t  *page;

    page = notify_page(z, number - 1);

    if (page->list == NOTIFY_LIST_EMPTY) {
        page->purpose = (uint16_t) purpose;
        z->head->used_pages++;
        notify_page_list(z, number, purpose);
    }

    notify_page_flip(page, at, n);

    page->nfree -= n;
    z->head->used_blocks += n;

    if (!notify_page_has_room(page)) {
        notify_page_list(z, number, NOTIFY_LIST_NONE);
    }
}


/* whether two free blocks lie side by side, as a record wants them */

static bool
notify_page_has_room(const notify_page_t *page)
{
    uint32_t  i;
    uint64_t  next;

    if (page->nfree > NOTIFY_PAGE_USABLE / 2) {
        return true;
    }

    for (i = 0; i < NOTIFY_PAGE_BLOCKS / 64; i++) {
        next = i + 1 < NOTIFY_PAGE_BLOCKS / 64 ? page->free[i + 1] << 63 : 0;

        if (page->free[i] & (page->free[i] >> 1 | next)) {
            return true;
        }
    }

    return false;
}


static void
notify_page_list(notify_zone_t *z, uint32_t number, unsigned list)
{
    uint32_t       *first;
    notify_page_t  *page;

    page = notify_page(z, number - 1);

    if (page->list == list) {
        return;
    }

    if (page->list != NOTIFY_LIST_NONE) {

        if (page->prev) {
            notify_page(z, page->prev - 1)->next = page->next;

        } else {
            *notify_page_list_head(z, page->list) = page->next;
        }

        if (page->next) {
            notify_page(z, page->next - 1)->prev = page->prev;
        }
    }

    page->list = (uint16_t) list;
    page->prev = 0;
    page->next = 0;

    if (list == NOTIFY_LIST_NONE) {
        return;
    }

    first = notify_page_list_head(z, list);

    page->next = *first;

    if (*first) {
        notify_page(z, *first - 1)->prev = number;
    }

    *first = number;
}


static uint32_t *
notify_page_list_head(notify_zone_t *z, unsigned list)
{
    return list == NOTIFY_LIST_EMPTY ? &z->head->free_page
                                     : &z->head->partial[list];
}


static void
notify_page_clear(notify_page_t *page)
{
    page->purpose = NOTIFY_FOR_MESSAGES;
    memset(page->free, 0xff, sizeof(page->free));
    page->free[0] <<= NOTIFY_PAGE_META;

    page->nfree = NOTIFY_PAGE_USABLE;
    page->next = 0;
    page->prev = 0;
    page->list = NOTIFY_LIST_NONE;
}


static unsigned
notify_page_purpose(notify_page_t *page)
{
    return memchr(page->type, NOTIFY_KEY, NOTIFY_PAGE_BLOCKS)
           ? NOTIFY_FOR_KEYS : NOTIFY_FOR_MESSAGES;
}
