/*
 * Makes, maps and grows the memory file behind the zone.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "notify_id.h"
#include "notify_zone.h"


#define NOTIFY_HEAD_BYTES      (40u * 1024)
#define NOTIFY_SEATS_BYTES     (1024u * 1024 - NOTIFY_HEAD_BYTES)
#define NOTIFY_BUCKETS_OFFSET  (NOTIFY_HEAD_BYTES + NOTIFY_SEATS_BYTES)
#define NOTIFY_BUCKET_PER      512u          /* bytes of pages a bucket */
#define NOTIFY_HUGE            (2u * 1024 * 1024)   /* bytes of a huge page */
#define NOTIFY_COLLAPSE_TIME   1000u         /* ms, to make them in */

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE          25            /* Linux 6.1, glibc 2.37 */
#endif


_Static_assert(sizeof(notify_head_t) <= NOTIFY_HEAD_BYTES, "head");
_Static_assert(sizeof(notify_seat_t) * NOTIFY_SEATS_MAX <= NOTIFY_SEATS_BYTES,
               "seats");
_Static_assert(sizeof(notify_page_t) <= NOTIFY_PAGE_META * NOTIFY_BLOCK,
               "page");
_Static_assert(sizeof(notify_key_t) == NOTIFY_RECORD_SIZE, "key");
_Static_assert(sizeof(notify_entries_t) == NOTIFY_RECORD_SIZE, "entries");
_Static_assert(sizeof(notify_name_t) == NOTIFY_RECORD_SIZE, "name");
_Static_assert(sizeof(notify_members_t) == NOTIFY_RECORD_SIZE, "members");
_Static_assert(NOTIFY_SEATS_MAX <= 1u << (64 - NOTIFY_MEMBER_SEAT),
               "members");
_Static_assert(sizeof(notify_targets_t) == NOTIFY_RECORD_SIZE, "targets");
_Static_assert(sizeof(notify_message_t) <= NOTIFY_RECORD_SIZE, "message");
_Static_assert(sizeof(notify_extent_t) == 8, "extent");


static uint64_t notify_zone_pages_offset(uint64_t reserve);
static uint64_t notify_zone_round(uint64_t size, uint64_t unit);
static void notify_zone_collapse(notify_zone_t *z, uint64_t size);
static int notify_zone_map(notify_zone_t *z, uint64_t reserve);
static void *notify_zone_map_aligned(size_t size, int fd);
static uint64_t notify_zone_now(void);
static int notify_zone_mutex(pthread_mutex_t *m);
static int notify_zone_init(notify_zone_t *z, uint64_t size, uint64_t reserve,
    uint32_t seats, const char **what);


int
notify_zone_create(notify_zone_t *z, uint64_t size, uint32_t seats,
    const char **what)
{
    int       err;
    uint64_t  reserve;

    memset(z, 0, sizeof(notify_zone_t));
    z->seat = NOTIFY_NONE;

    if (size > NOTIFY_ZONE_MAX) {
        *what = "size";
        errno = EFBIG;
        return -1;
    }

    size = notify_zone_round(size, NOTIFY_PAGE_SIZE);

    *what = "memfd_create()";

    z->fd = memfd_create("notify", MFD_ALLOW_SEALING);

    if (z->fd == -1) {
        return -1;
    }

    *what = "mmap()";

    /*
     * Address space to grow into: halved where the system will not reserve
     * it (RLIMIT_AS, a 32-bit process), down to what is asked for.
     */

    for (reserve = NOTIFY_ZONE_MAX; reserve > size; reserve /= 2) {
        if (notify_zone_map(z, reserve) == 0) {
            break;
        }
    }

    if (z->base == NULL) {
        reserve = size;

        if (notify_zone_map(z, reserve) == -1) {
            goto failed;
        }
    }

    if (notify_zone_init(z, size, reserve, seats, what) == -1) {
        goto failed;
    }

    /* what other processes have mapped can never be cut away under them */
    (void) fcntl(z->fd, F_ADD_SEALS, F_SEAL_SHRINK|F_SEAL_SEAL);

    return 0;

failed:

    err = errno;
    notify_zone_destroy(z);
    errno = err;

    return -1;
}


static int
notify_zone_init(notify_zone_t *z, uint64_t size, uint64_t reserve,
    uint32_t seats, const char **what)
{
    uint32_t        i;
    notify_head_t  *head;

    head = z->head;

    *what = "fallocate()";

    if (fallocate(z->fd, 0, 0, NOTIFY_HEAD_BYTES
                               + seats * sizeof(notify_seat_t)) == -1)
    {
        return -1;
    }

    head->reserve = reserve;

    if (notify_zone_commit(z, size) == 0) {
        return -1;
    }

    *what = "getrandom()";

    if (getrandom(head->seed, sizeof(head->seed), 0)
        != (ssize_t) sizeof(head->seed))
    {
        return -1;
    }

    *what = "pthread_mutex_init()";

    if (notify_zone_mutex(&head->lock) != 0) {
        return -1;
    }

    for (i = 0; i < seats; i++) {
        *what = "pthread_mutex_init()";

        if (notify_zone_mutex(&z->seats[i].life) != 0) {
            return -1;
        }

        *what = "eventfd()";

        z->seats[i].event = eventfd(0, EFD_NONBLOCK);

        if (z->seats[i].event == -1) {
            return -1;
        }

        *what = "socketpair()";

        if (socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_NONBLOCK, 0,
                       z->seats[i].pair)
            == -1)
        {
            (void) close(z->seats[i].event);
            return -1;
        }

        head->seats = i + 1;
    }

    head->last_id = notify_id_next(0, notify_zone_now());
    head->birth = head->last_id;
    head->size = size;
    head->buckets = notify_zone_buckets(size);
    head->layout = NOTIFY_LAYOUT;
    head->head_size = sizeof(notify_head_t);
    head->seat_size = sizeof(notify_seat_t);

    notify_store(&head->magic, NOTIFY_MAGIC);

    return 0;
}


int
notify_zone_attach(notify_zone_t *z, int fd)
{
    uint64_t       reserve;
    struct stat    st;
    notify_head_t  head;

    memset(z, 0, sizeof(notify_zone_t));
    z->seat = NOTIFY_NONE;

    if (fstat(fd, &st) == -1
        || pread(fd, &head, sizeof(head), 0) != (ssize_t) sizeof(head)
        || head.magic != NOTIFY_MAGIC
        || head.layout != NOTIFY_LAYOUT
        || head.head_size != sizeof(notify_head_t)
        || head.seat_size != sizeof(notify_seat_t))
    {
        return -1;
    }

    reserve = head.reserve;

    if ((uint64_t) st.st_size != notify_zone_pages_offset(reserve) + reserve) {
        return -1;
    }

    z->fd = fd;

    return notify_zone_map(z, reserve);
}


uint64_t
notify_zone_commit(notify_zone_t *z, uint64_t size)
{
    size = notify_zone_round(size, NOTIFY_PAGE_SIZE);

    if (size > z->head->reserve) {
        size = z->head->reserve;
    }

    if (fallocate(z->fd, 0, NOTIFY_BUCKETS_OFFSET,
                  notify_zone_buckets(size) * sizeof(uint32_t)) == -1
        || fallocate(z->fd, 0, notify_zone_pages_offset(z->head->reserve),
                     size) == -1)
    {
        return 0;
    }

    notify_zone_collapse(z, size);

    return size;
}


/*
 * Makes huge pages of the memory that is there anyway, where the kernel can:
 * what a push looks at is anywhere in it, as users are random, and with small
 * pages it has to wait for addresses, too.  This process then gives its own
 * mapping of them back: it is the master, which has no use for it.  What is not
 * done in time is left to the next reload; what is done already takes none.
 */

static void
notify_zone_collapse(notify_zone_t *z, uint64_t size)
{
    uint8_t   *p;
    uint64_t   done, since;

    since = notify_zone_now();

    for (done = 0; size - done >= NOTIFY_HUGE; done += NOTIFY_HUGE) {
        p = z->pages + done;

        if (madvise(p, NOTIFY_HUGE, MADV_COLLAPSE) == 0) {
            (void) madvise(p, NOTIFY_HUGE, MADV_DONTNEED);
        }

        if (notify_zone_now() - since > NOTIFY_COLLAPSE_TIME) {
            return;
        }
    }
}


void
notify_zone_destroy(notify_zone_t *z)
{
    uint32_t  i;

    if (z->base) {
        for (i = 0; i < z->head->seats; i++) {
            (void) close(z->seats[i].event);
            (void) close(z->seats[i].pair[0]);
            (void) close(z->seats[i].pair[1]);
        }

        (void) munmap(z->base, z->mapped);
    }

    (void) close(z->fd);

    memset(z, 0, sizeof(notify_zone_t));
    z->fd = -1;
}


uint32_t
notify_zone_buckets(uint64_t size)
{
    uint32_t  n;

    for (n = 1024; n < size / NOTIFY_BUCKET_PER; n *= 2) { /* void */ }

    return n;
}


static uint64_t
notify_zone_pages_offset(uint64_t reserve)
{
    return notify_zone_round(NOTIFY_BUCKETS_OFFSET
                             + notify_zone_buckets(reserve) * sizeof(uint32_t),
                             NOTIFY_HUGE);
}


static uint64_t
notify_zone_round(uint64_t size, uint64_t unit)
{
    return (size + unit - 1) / unit * unit;
}


static int
notify_zone_map(notify_zone_t *z, uint64_t reserve)
{
    void      *p;
    uint64_t   total;

    total = notify_zone_pages_offset(reserve) + reserve;

    if (total > SIZE_MAX) {
        errno = ENOMEM;
        return -1;
    }

    if (ftruncate(z->fd, total) == -1) {
        return -1;
    }

    p = notify_zone_map_aligned((size_t) total, z->fd);

    if (p == NULL) {
        return -1;
    }

    z->base = p;
    z->mapped = total;
    z->head = p;
    z->seats = (notify_seat_t *) (z->base + NOTIFY_HEAD_BYTES);
    z->buckets = (uint32_t *) (z->base + NOTIFY_BUCKETS_OFFSET);
    z->pages = z->base + notify_zone_pages_offset(reserve);

    return 0;
}


/* at an address that is a huge page's, in more space, which is given back */

static void *
notify_zone_map_aligned(size_t size, int fd)
{
    void     *p;
    size_t    before;
    uint8_t  *space, *at;

    if (size > SIZE_MAX - NOTIFY_HUGE) {
        errno = ENOMEM;
        return NULL;
    }

    space = mmap(NULL, size + NOTIFY_HUGE, PROT_NONE,
                 MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);

    if (space == MAP_FAILED) {
        return NULL;
    }

    before = -(uintptr_t) space % NOTIFY_HUGE;
    at = space + before;

    p = mmap(at, size, PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_NORESERVE|MAP_FIXED, fd, 0);

    if (p == MAP_FAILED) {
        (void) munmap(space, size + NOTIFY_HUGE);
        return NULL;
    }

    if (before) {
        (void) munmap(space, before);
    }

    (void) munmap(at + size, NOTIFY_HUGE - before);

    return p;
}


static uint64_t
notify_zone_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


static int
notify_zone_mutex(pthread_mutex_t *m)
{
    int                  rc;
    pthread_mutexattr_t  attr;

    rc = pthread_mutexattr_init(&attr);

    if (rc != 0) {
        return rc;
    }

    (void) pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    (void) pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);

    rc = pthread_mutex_init(m, &attr);

    (void) pthread_mutexattr_destroy(&attr);

    return rc;
}
