
/*
 * notify_extension: offers of permessage-deflate, each at a guard page.
 */


#include "notify_extension.h"
#include "notify_upgrade.h"
#include "test.h"


#define N(a)  (sizeof(a) / sizeof(a[0]))
#define D     "permessage-deflate"
#define BOTH  D "; server_no_context_takeover; client_no_context_takeover"
#define SNCT  "server_no_context_takeover"
#define CNCT  "client_no_context_takeover"
#define SMWB  "server_max_window_bits"
#define CMWB  "client_max_window_bits"


/* what is answered to a line; "" when no offer in it is accepted */

static const char *
answer(const char *line)
{
    size_t              n;
    notify_extension_t  e;
    static char         out[NOTIFY_EXTENSION_LEN + 1];

    n = 0;

    if (notify_extension_offer(test_guard(line, strlen(line)), strlen(line),
                               &e))
    {
        n = notify_extension_answer(out, &e);
    }

    out[n] = '\0';

    return out;
}


/* each of them is a line that the handshake lets through */

static void
test_valid(void)
{
    size_t  i;

    static const struct {
        const char  *line;
        const char  *answer;
    } cases[] = {

        /* 7.1: no parameter, each alone, all together */

        { D, BOTH },
        { D "; " SNCT, BOTH },
        { D "; " CNCT, BOTH },
        { D "; " CMWB, BOTH },
        { D "; " SMWB "=15", BOTH "; " SMWB "=15" },
        { D "; " SMWB "=9", BOTH "; " SMWB "=9" },
        { D "; " SMWB "=8", BOTH "; " SMWB "=8" },
        { D "; " CMWB "=15", BOTH "; " CMWB "=15" },
        { D "; " CMWB "=8", BOTH "; " CMWB "=8" },
        { D ";" SNCT ";" CNCT ";" SMWB "=10;" CMWB "=11",
          BOTH "; " SMWB "=10; " CMWB "=11" },
        { D "; " CMWB "; " SMWB "=12; " CNCT "; " SNCT,
          BOTH "; " SMWB "=12" },

        /* values in quotes, space */

        { D "; " SMWB "=\"10\"", BOTH "; " SMWB "=10" },
        { D "; " SMWB "=\"\\1\\0\"", BOTH "; " SMWB "=10" },
        { " \t" D "\t ; \t" SMWB " =\t10 \t", BOTH "; " SMWB "=10" },

        /* what is declined */

        { D "; unknown", "" },
        { D "; unknown=1", "" },
        { D "; " SNCT "=1", "" },
        { D "; " CNCT "=\"1\"", "" },
        { D "; " SMWB, "" },
        { D "; " SMWB "=7", "" },
        { D "; " SMWB "=16", "" },
        { D "; " SMWB "=010", "" },
        { D "; " SMWB "=09", "" },
        { D "; " SMWB "=+9", "" },
        { D "; " SMWB "=100", "" },
        { D "; " SMWB "=1", "" },
        { D "; " SMWB "=a", "" },
        { D "; " CMWB "=7", "" },
        { D "; " CMWB "=16", "" },
        { D "; " CMWB "=0", "" },
        { D "; " SNCT "; " SNCT, "" },
        { D "; " CNCT "; " CNCT, "" },
        { D "; " CMWB "; " CMWB, "" },
        { D "; " SMWB "=10; " SMWB "=10", "" },
        { D "; " CMWB "; x; " CMWB "=10", "" },
        { D "; Server_no_context_takeover", "" },
        { D "; " SNCT "s", "" },
        { D "; " SNCT "ssssssssssssssssssssssssssssssss", "" },
        { D "; server_no_context_takeove", "" },

        /* other extensions */

        { "permessage-deflat", "" },
        { "permessage-deflates", "" },
        { "Permessage-Deflate", "" },
        { "permessage-bzip2; " SNCT, "" },
        { "x-webkit-deflate-frame", "" },
        { "x; " D, "" },
        { "x=1; y", "" },
        { "x; y=\"" D "\"", "" },

        /* several: the first that can be accepted */

        { D "; " SMWB "=10, " D, BOTH "; " SMWB "=10" },
        { D "; " SMWB "=7, " D "; " SMWB "=11", BOTH "; " SMWB "=11" },
        { D "; " SMWB "=16; " CMWB "=9, " D, BOTH },
        { D "; x, " D "; y, " D "; " CMWB "=9", BOTH "; " CMWB "=9" },
        { "a, b; c=d, " D, BOTH },
        { ",, " D ",", BOTH },
        { D "; " SMWB "=7, " D "; " SMWB, "" }
    };

    for (i = 0; i < N(cases); i++) {
        is_str(answer(cases[i].line), cases[i].answer, "%s", cases[i].line);

        if (strchr(cases[i].line, '=') != cases[i].line + 1) {
            ok(notify_upgrade_extensions_valid((const uint8_t *) cases[i].line,
                                               strlen(cases[i].line)),
               "... which is a list of extensions");
        }
    }
}


/* what is no list is read within its bounds, and nothing in it is made up */

static void
test_other(void)
{
    size_t              i, n;
    notify_extension_t  e;

    static const char  *lines[] = {
        "", " ", ",", ";", "=", "\"", "\\", D " x", D " " D, D "=",
        D "=1", D "; " SMWB "=\"10", D "; " SMWB "=\"10\\", D ";", D ";;",
        D "; =10", D "; " SMWB "=", D "; " SMWB "==10", D "; " SNCT "=;"
    };

    for (i = 0; i < N(lines); i++) {
        n = strlen(lines[i]);

        if (strcmp(lines[i], D "; " SMWB "=\"10") != 0
            && strcmp(lines[i], D "; " SMWB "=\"10\\") != 0)
        {
            is_str(answer(lines[i]), "", "no list: %s", lines[i]);
        }

        ok(!notify_upgrade_extensions_valid((const uint8_t *) lines[i], n),
           "... is refused before");
    }

    is(notify_extension_offer((const uint8_t *) D "\0", sizeof(D), &e), 0,
       "a zero byte is part of a name");
    is(notify_extension_offer(NULL, 0, &e), 0, "nothing");
}


/* the longest answer has room */

static void
test_longest(void)
{
    is(strlen(answer(D "; " SMWB "=15; " CMWB "=15")), NOTIFY_EXTENSION_LEN,
       "the longest answer");
}


int
main(void)
{
    test_valid();
    test_other();
    test_longest();

    return test_done();
}
