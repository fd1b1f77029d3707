/*
 * Hands out the zone's blocks: a bitmap per page, and lists of pages that
 * have free blocks, the last used first, so that a zone that is large and
 * little used touches little memory.
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


static uint32_t notify_page_find(notify_zone_t *z, unsigned purpose);
static uint32_t notify_page_fresh(notify_zone_t *z);
static uint32_t notify_page_run(notify_page_t *page, uint32_t want,
    uint32_t *length);
static void notify_page_take(notify_zone_t *z, uint32_t number, uint32_t at,
    uint32_t n, unsigned purpose);
static void notify_page_list(notify_zone_t *z, uint32_t number, unsigned list);
static uint32_t *notify_page_list_head(notify_zone_t *z, unsigned list);
static void notify_page_clear(notify_page_t *page);
static unsigned notify_page_purpose(notify_page_t *page);


static inline bool
notify_page_is_free(notify_page_t *page, uint32_t at)
{
    return page->free[at / 64] >> (at % 64) & 1;
}


uint32_t
notify_block_alloc(notify_zone_t *z, unsigned purpose)
{
    uint32_t        number, at;
    notify_page_t  *page;

    number = notify_page_find(z, purpose);

    if (number == 0) {
        number = z->head->partial[!purpose];
    }

    if (number == 0) {
        return 0;
    }

    page = notify_page(z, number - 1);

    at = page->free[0] ? (uint32_t) __builtin_ctzll(page->free[0])
                       : 64 + (uint32_t) __builtin_ctzll(page->free[1]);

    notify_page_take(z, number, at, 1, purpose);

    return (number - 1) * NOTIFY_PAGE_BLOCKS + at;
}


uint32_t
notify_run_alloc(notify_zone_t *z, uint32_t want, uint32_t *got)
{
    uint32_t       number, at, n, tries;
    notify_head_t  *head;

    head = z->head;

    if (want > NOTIFY_PAGE_USABLE) {
        want = NOTIFY_PAGE_USABLE;
    }

    number = head->partial[NOTIFY_FOR_MESSAGES];

    for (tries = 0; number && tries < NOTIFY_RUN_TRIES; tries++) {
        at = notify_page_run(notify_page(z, number - 1), want, &n);

        if (n == want) {
            goto found;
        }

        number = notify_page(z, number - 1)->next;
    }

    number = notify_page_fresh(z);

    if (number == 0) {
        number = head->partial[NOTIFY_FOR_MESSAGES];
    }

    if (number == 0) {
        number = head->partial[NOTIFY_FOR_KEYS];
    }

    if (number == 0) {
        return 0;
    }

    at = notify_page_run(notify_page(z, number - 1), want, &n);

found:

    notify_page_take(z, number, at, n, NOTIFY_FOR_MESSAGES);

    *got = n;

    return (number - 1) * NOTIFY_PAGE_BLOCKS + at;
}


void
notify_blocks_free(notify_zone_t *z, uint32_t b, uint32_t n)
{
    uint32_t        number, at, i;
    notify_page_t  *page;

    number = b / NOTIFY_PAGE_BLOCKS + 1;
    at = b % NOTIFY_PAGE_BLOCKS;
    page = notify_page(z, number - 1);

    for (i = at; i < at + n; i++) {
        page->free[i / 64] |= (uint64_t) 1 << (i % 64);
    }

    page->nfree += n;
    z->head->used_blocks -= n;

    if (page->nfree == NOTIFY_PAGE_USABLE) {
        z->head->used_pages--;
        notify_page_list(z, number, NOTIFY_LIST_EMPTY);

    } else if (page->list == NOTIFY_LIST_NONE) {
        notify_page_list(z, number, notify_page_purpose(page));
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
    uint32_t        at, i;
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

    for (i = at; i < at + n; i++) {
        if (!notify_page_is_free(page, i)) {
            return false;
        }
    }

    for (i = at; i < at + n; i++) {
        page->free[i / 64] &= ~((uint64_t) 1 << (i % 64));
    }

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

        if (page->nfree) {
            notify_page_list(z, number, notify_page_purpose(page));
        }
    }
}


/* a page for single blocks, or 0 */

static uint32_t
notify_page_find(notify_zone_t *z, unsigned purpose)
{
    if (z->head->partial[purpose]) {
        return z->head->partial[purpose];
    }

    return notify_page_fresh(z);
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
    n = 0;
    *length = 0;

    for (i = NOTIFY_PAGE_META; i < NOTIFY_PAGE_BLOCKS; i++) {

        if (!notify_page_is_free(page, i)) {
            n = 0;
            continue;
        }

        if (++n > *length) {
            *length = n;
            at = i + 1 - n;

            if (n == want) {
                break;
            }
        }
    }

    return at;
}


static void
notify_page_take(notify_zone_t *z, uint32_t number, uint32_t at, uint32_t n,
    unsigned purpose)
{
    uint32_t        i;
    notify_page_t  *page;

    page = notify_page(z, number - 1);

    if (page->nfree == NOTIFY_PAGE_USABLE) {
        z->head->used_pages++;
    }

    for (i = at; i < at + n; i++) {
        page->free[i / 64] &= ~((uint64_t) 1 << (i % 64));
    }

    page->nfree -= n;
    z->head->used_blocks += n;

    if (page->nfree == 0) {
        notify_page_list(z, number, NOTIFY_LIST_NONE);

    } else if (page->list == NOTIFY_LIST_EMPTY) {
        notify_page_list(z, number, purpose);
    }
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

    page->list = list;
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
    page->free[0] = ~(uint64_t) 0 << NOTIFY_PAGE_META;
    page->free[1] = ~(uint64_t) 0;
    page->nfree = NOTIFY_PAGE_USABLE;
    page->next = 0;
    page->prev = 0;
    page->list = NOTIFY_LIST_NONE;
}


static unsigned
notify_page_purpose(notify_page_t *page)
{
    uint32_t  i;

    for (i = NOTIFY_PAGE_META; i < NOTIFY_PAGE_BLOCKS; i++) {
        if (page->type[i] == NOTIFY_KEY) {
            return NOTIFY_FOR_KEYS;
        }
    }

    return NOTIFY_FOR_MESSAGES;
}
