/*
 * The memory file: made, found again, grown, shrunk, and refused.
 */

#include "../bus/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notify_bus.h"
#include "notify_lock.h"
#include "notify_seat.h"
#include "test.h"


#define PAGE_KEYS  (NOTIFY_PAGE_USABLE / NOTIFY_RECORD)
#define SEATS  5


static unsigned
descriptors(void)
{
    int       fd;
    unsigned  n;

    for (fd = 0, n = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) != -1;
    }

    return n;
}


static void
made(void)
{
    unsigned       before, i, good;
    uint64_t       one;
    const char    *what;
    struct stat    st;
    notify_zone_t  z;

    before = descriptors();

    is(notify_zone_create(&z, 100000, SEATS, &what), 0, "a zone is made");

    is(z.head->size, 7 * NOTIFY_PAGE_SIZE, "its size is rounded up to pages");
    is(z.head->seats, SEATS, "it has the seats that were asked for");
    is(z.seat, NOTIFY_NONE, "its maker has none of them");
    is_str(check_empty(&z), NULL, "it is empty, and all holds");
    is(descriptors() - before, 1 + 3 * SEATS,
       "a file, and for each seat an eventfd and a pair");

    one = 1;

    for (i = 0, good = 0; i < SEATS; i++) {
        good += z.seats[i].state == NOTIFY_SEAT_FREE
                && write(z.seats[i].event, &one, sizeof(one)) == sizeof(one)
                && read(z.seats[i].event, &one, sizeof(one)) == sizeof(one)
                && read(z.seats[i].event, &one, sizeof(one)) == -1
                && errno == EAGAIN
                && fcntl(z.seats[i].event, F_GETFD) == 0;
    }

    is(good, SEATS, "seats are free, eventfds do not block and are inherited");

    is(ftruncate(z.fd, 4096), -1, "nobody can cut the file");
    is(fstat(z.fd, &st), 0, "the file has a size");
    ok((uint64_t) st.st_size > z.head->reserve,
       "which is all that it may grow into");
    ok((uint64_t) st.st_blocks * 512 >= z.head->size
       && st.st_blocks * 512 < 16 * 1024 * 1024,
       "but only what was asked for has memory");

    notify_zone_destroy(&z);
    is(descriptors(), before, "nothing is left of it");
}


static void
attached(void)
{
    int                fd;
    uint32_t           key;
    uint64_t           since;
    const char        *what;
    notify_zone_t      z, other;
    notify_head_t      head;
    notify_name_of_t   name = { NULL, 0, (const uint8_t *) "42", 2 };

    if (notify_zone_create(&z, NOTIFY_ZONE_MIN, SEATS, &what) == -1
        || notify_seat_take(&z, 1) == -1)
    {
        ok(false, "a zone to attach to: %s", what);
        return;
    }

    key = notify_bus_join(&z, &name, NULL, &since);

    is(notify_zone_attach(&other, z.fd), 0, "a zone is found by its file");
    ok(other.base != z.base, "at another address");
    is(notify_bus_online(&other, &name), 1, "with what is in it");
    is(notify_key_find_locked(&other, &name, notify_key_hash(&other, &name)),
       key, "under the same number");
    is(other.head->reserve, z.head->reserve, "and as far as it may grow");

    munmap(other.base, other.mapped);

    fd = memfd_create("other", 0);
    is(notify_zone_attach(&other, fd), -1, "an empty file is no zone");
    memcpy(&head, z.head, sizeof(head));
    is(pwrite(fd, &head, sizeof(head), 0), sizeof(head),
       "a file with a zone's head");
    is(notify_zone_attach(&other, fd), -1, "but not its size is no zone");
    close(fd);

    head.layout++;
    memcpy(z.head, &head, offsetof(notify_head_t, seats));
    is(notify_zone_attach(&other, z.fd), -1, "another layout is refused");
    head.layout--;
    head.seat_size++;
    memcpy(z.head, &head, offsetof(notify_head_t, seats));
    is(notify_zone_attach(&other, z.fd), -1, "another size of a seat, too");
    head.seat_size--;
    head.magic++;
    memcpy(z.head, &head, offsetof(notify_head_t, seats));
    is(notify_zone_attach(&other, z.fd), -1, "and another magic");

    fd = open("/dev/null", O_RDONLY);
    is(notify_zone_attach(&other, fd), -1, "and what is no file");
    close(fd);

    notify_seat_leave(&z);
    notify_zone_destroy(&z);
}


static void
refused(void)
{
    unsigned       before;
    uint64_t       reserve;
    const char    *what;
    notify_zone_t  z;
    struct rlimit  old, few;

    before = descriptors();

    is(notify_zone_create(&z, NOTIFY_ZONE_MAX + 1, SEATS, &what), -1,
       "a zone that is too large is refused");
    is(errno, EFBIG, "and the error says so");
    is_str(what, "size", "and what was wrong");

    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    few.rlim_cur = 16;
    setrlimit(RLIMIT_NOFILE, &few);

    is(notify_zone_create(&z, NOTIFY_ZONE_MIN, 100, &what), -1,
       "a zone with more seats than descriptors is refused");
    is(errno, EMFILE, "and the error says so");
    ok(strcmp(what, "eventfd()") == 0 || strcmp(what, "socketpair()") == 0,
       "and what was wrong: %s", what);
    is(descriptors(), before, "nothing is left of it");

    setrlimit(RLIMIT_NOFILE, &old);

    /* ASan has much mapped: a limit below that is none for what is there */

    getrlimit(RLIMIT_AS, &old);
    few = old;
    few.rlim_cur = (rlim_t) 4 << 30;

    if (setrlimit(RLIMIT_AS, &few) == 0
        && notify_zone_create(&z, NOTIFY_ZONE_MIN, SEATS, &what) == 0)
    {
        reserve = z.head->reserve;
        setrlimit(RLIMIT_AS, &old);

        ok(reserve < NOTIFY_ZONE_MAX && reserve >= NOTIFY_ZONE_MIN,
           "where address space is short, it may grow less: %llu MiB",
           (unsigned long long) reserve >> 20);
        is(notify_zone_commit(&z, NOTIFY_ZONE_MAX / 2) <= reserve, true,
           "and no size is more than that");

        notify_zone_destroy(&z);

    } else {
        setrlimit(RLIMIT_AS, &old);
        ok(errno == ENOMEM, "address space was too short for any zone");
    }

    is(descriptors(), before, "nothing is left of it");
}


static uint32_t
fill(notify_zone_t *z, uint32_t *first)
{
    uint32_t          n;
    char              text[16];
    uint64_t          since;
    notify_name_of_t  name = { NULL, 0, (uint8_t *) text, 0 };

    for (n = 0; ; n++) {
        name.user_length = (size_t) sprintf(text, "%u", *first + n);

        if (notify_bus_join(z, &name, NULL, &since) == 0) {
            *first += n;
            return n;
        }
    }
}


static void
configured(void)
{
    char               text[16];
    uint32_t           n, i, total, generation, found;
    uint64_t           size;
    const char        *what;
    notify_zone_t      z;
    notify_name_of_t   name = { NULL, 0, (uint8_t *) text, 0 };

    if (notify_zone_create(&z, NOTIFY_ZONE_MIN, SEATS, &what) == -1
        || notify_seat_take(&z, 1) == -1)
    {
        ok(false, "a zone to configure: %s", what);
        return;
    }

    generation = notify_zone_configure(&z, z.head->size);
    is(notify_zone_configure(&z, z.head->size), generation + 1,
       "each configuration has a generation");

    total = 0;
    n = fill(&z, &total);
    is(n, 16 * PAGE_KEYS, "a zone holds a key in each record");

    size = notify_zone_commit(&z, 2 * 1024 * 1024 - 1);
    is(size, 2 * 1024 * 1024, "memory for more is had, in pages");
    is(fill(&z, &total), 0, "it is of no use before it is configured");

    notify_zone_configure(&z, size);
    is(z.head->buckets, notify_zone_buckets(size), "the index grows with it");
    is_str(check_zone(&z), NULL, "all holds in the zone that has grown");

    n = fill(&z, &total);
    is(total, 128 * PAGE_KEYS, "and holds as many keys as it should");

    notify_zone_configure(&z, NOTIFY_ZONE_MIN);
    is_str(check_zone(&z), NULL, "all holds in the zone that has shrunk");
    is(fill(&z, &total), 0, "and takes no more");

    for (i = 0, found = 0; i < total; i++) {
        name.user_length = (size_t) sprintf(text, "%u", i);
        found += notify_bus_online(&z, &name);
    }

    is(found, total, "but has all that it had");

    for (i = 0; i < total; i++) {
        name.user_length = (size_t) sprintf(text, "%u", i);
        notify_bus_leave(&z, notify_key_find_locked(&z, &name,
                                                notify_key_hash(&z, &name)));
    }

    is_str(check_empty(&z), NULL, "till all have left");

    total = 0;
    is(fill(&z, &total), 16 * PAGE_KEYS,
       "then it holds what its new size says");

    notify_seat_leave(&z);
    notify_zone_destroy(&z);
}


static void
buckets(void)
{
    unsigned  bits, wrong;
    uint32_t  n;

    for (bits = 10, wrong = 0; bits <= 36; bits++) {
        n = notify_zone_buckets((uint64_t) 1 << bits);
        wrong += n < 1024 || (n & (n - 1)) != 0
                 || (n > 1024 && (uint64_t) n * 512 != (uint64_t) 1 << bits);
    }

    is(wrong, 0, "buckets are a power of 2, one for 512 bytes");
}


int
main(void)
{
    made();
    attached();
    refused();
    configured();
    buckets();

    return test_done();
}
