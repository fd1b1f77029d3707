
/*
 * notify_id: ids grow, and are read as they were printed.
 */


#include "notify_id.h"
#include "test.h"


#define ID(ms, seq)  ((uint64_t) (ms) << NOTIFY_ID_SEQ_BITS | (seq))

#define UNTOUCHED    UINT64_C(0x5555555555555555)


static void
test_next(void)
{
    uint64_t  id, last;

    is(notify_id_next(0, 1000), ID(1000, 0), "the first id of a millisecond");
    is(notify_id_next(ID(1000, 0), 1000), ID(1000, 1), "the second one");
    is(notify_id_next(ID(1000, 7), 1001), ID(1001, 0),
       "the sequence begins anew in the next millisecond");
    is(notify_id_next(ID(1000, 7), 999), ID(1000, 8),
       "a clock stepped back stops the first part from growing");
    is(notify_id_next(ID(1000, 7), 0), ID(1000, 8), "even to 0");
    is(notify_id_next(ID(1000, NOTIFY_ID_SEQ_MAX), 1000), ID(1001, 0),
       "a sequence that is used up borrows the next millisecond");
    is(notify_id_next(ID(1001, 0), 1000), ID(1001, 1),
       "and goes on there while the clock has not come");
    is(notify_id_next(0, 0), 1, "no id is 0");

    last = ID(NOTIFY_ID_MS_MAX, 5);
    id = notify_id_next(last, UINT64_MAX);
    is(id - last, 1, "a clock that is out of range is cut");
}


static void
test_print(void)
{
    size_t  i, n;
    char    out[NOTIFY_ID_LEN];

    static const struct {
        uint64_t     id;
        const char  *text;
    } ids[] = {
        { 0, "0-0" },
        { ID(1732435200123, 0), "1732435200123-0" },
        { ID(1732435200123, 17), "1732435200123-17" },
        { UINT64_MAX, "17592186044415-1048575" },
    };

    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        memset(out, '#', sizeof(out));
        n = notify_id_print(out, ids[i].id);

        is_mem(out, n, ids[i].text, strlen(ids[i].text), "prints %s",
               ids[i].text);
        ok(n == sizeof(out) || out[n] == '#', "and nothing behind it");
    }

    is(strlen(ids[3].text), NOTIFY_ID_LEN, "the last is as long as any");
}


static void
test_read(void)
{
    int             rc;
    size_t          i, n, cut;
    uint64_t        id;
    const uint8_t  *p;

    static const struct {
        const char  *text;
        uint64_t     id;
    } good[] = {
        { "0-0", 0 },
        { "0-1", 1 },
        { "0", 0 },
        { "1", ID(1, 0) - 1 },
        { "1732435200123-0", ID(1732435200123, 0) },
        { "1732435200123-42", ID(1732435200123, 42) },
        { "1732435200123", ID(1732435200123, 0) - 1 },
        { "17592186044415-1048575", UINT64_MAX },
        { "17592186044415", ID(NOTIFY_ID_MS_MAX, 0) - 1 },
    };

    static const char *const  bad[] = {
        "", "-", "-1", "1-", "1-1-", "1-1-1", "--", "+1", " 1", "1 ", "1- 1",
        "a", "1a", "1-a", "0x1", "1.5", "01", "00", "1-01", "1-00", "1--1",
        "$", "17592186044416", "17592186044416-0", "1-1048576",
        "99999999999999999999999999999999-1",
        "1-99999999999999999999999999999999",
        "18446744073709551617", "1-18446744073709551617"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        n = strlen(good[i].text);
        id = UNTOUCHED;

        rc = notify_id_read(test_guard(good[i].text, n), n, &id);
        ok(rc == 0 && id == good[i].id, "reads %s", good[i].text);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = strlen(bad[i]);
        id = UNTOUCHED;

        rc = notify_id_read(test_guard(bad[i], n), n, &id);
        ok(rc == -1 && id == UNTOUCHED, "refuses \"%s\"", bad[i]);
    }

    id = UNTOUCHED;
    rc = notify_id_read((const uint8_t *) "1\0", 2, &id);
    ok(rc == -1 && id == UNTOUCHED, "refuses a NUL byte");

    /* each beginning of an id is a time, an id, or refused for its dash */

    p = test_guard("12-345", 6);

    for (cut = 1; cut <= 6; cut++) {
        is(notify_id_read(p, cut, &id), cut == 3 ? -1 : 0,
           "%zu bytes of 12-345", cut);
    }
}


static void
test_both(void)
{
    int       bad, bit, k;
    char      out[NOTIFY_ID_LEN];
    size_t    n;
    uint64_t  id, got;

    bad = 0;

    for (bit = 0; bit < 64; bit++) {
        for (k = -2; k <= 2; k++) {
            id = ((uint64_t) 1 << bit) + (uint64_t) (int64_t) k;
            n = notify_id_print(out, id);

            if (notify_id_read(test_guard(out, n), n, &got) != 0
                || got != id)
            {
                bad++;
            }
        }
    }

    is(bad, 0, "ids are read as they were printed");
}


int
main(void)
{
    test_next();
    test_print();
    test_read();
    test_both();

    return test_done();
}
