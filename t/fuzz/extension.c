
/*
 * Offers of permessage-deflate: what is made of a line is what another
 * reader makes of it, that goes by string functions over a tidied copy.
 */


#define _DEFAULT_SOURCE             /* strsep() */

#include "fuzz.h"
#include "notify_extension.h"
#include "notify_upgrade.h"


#define WORDS_MAX  4096


/* pieces that a fuzzer seldom puts together by itself */

static const char  *pieces[] = {
    "permessage-deflate", "server_no_context_takeover",
    "client_no_context_takeover", "server_max_window_bits",
    "client_max_window_bits", "=", ";", ",", "\"", "\\", " ", "\t", "8", "9",
    "10", "15", "16", "x", "=\"12\"", "=11", "; ", ", "
};

#define PIECES  (sizeof(pieces) / sizeof(pieces[0]))


/* a parameter that may have a value, and must have one; its number of bits */

static int
reference_parameter(char *name, char *value, notify_extension_t *e)
{
    char  *end;
    long   bits;

    if (strcmp(name, "server_no_context_takeover") == 0
        || strcmp(name, "client_no_context_takeover") == 0)
    {
        return value == NULL;
    }

    if (strcmp(name, "client_max_window_bits") == 0 && value == NULL) {
        return 1;
    }

    if ((strcmp(name, "client_max_window_bits") != 0
         && strcmp(name, "server_max_window_bits") != 0)
        || value == NULL || strspn(value, "0123456789") != strlen(value)
        || value[0] == '0')
    {
        return 0;
    }

    bits = strtol(value, &end, 10);

    if (strlen(value) > 2 || bits < 8 || bits > 15) {
        return 0;
    }

    if (name[0] == 'c') {
        e->client = (uint8_t) bits;
        return 1;
    }

    e->server = (uint8_t) bits;
    e->limited = true;

    return 1;
}


/*
 * A valid line: quotes, what they hold being a token, and space mean nothing
 */

static int
reference(const uint8_t *p, size_t n, notify_extension_t *e)
{
    int    good, i;
    char   line[WORDS_MAX], *offer, *next, *word, *rest, *value, *seen[8];
    size_t k, len;

    len = 0;

    for (k = 0; k < n; k++) {
        if (strchr(" \t\"\\", p[k]) == NULL) {
            line[len++] = (char) p[k];
        }
    }

    line[len] = '\0';

    for (offer = line; offer != NULL; offer = next) {
        next = strchr(offer, ',');

        if (next != NULL) {
            *next++ = '\0';
        }

        e->server = 15;
        e->limited = false;
        e->client = 0;

        rest = offer;
        word = strsep(&rest, ";");
        good = (strcmp(word, "permessage-deflate") == 0);

        for (i = 0; good && (word = strsep(&rest, ";")) != NULL; i++) {
            value = strchr(word, '=');

            if (value != NULL) {
                *value++ = '\0';
            }

            good = i < 4 && reference_parameter(word, value, e);

            for (k = 0; good && k < (size_t) i; k++) {
                good = (strcmp(seen[k], word) != 0);
            }

            seen[i & 7] = word;
        }

        if (good) {
            return 1;
        }
    }

    return 0;
}


static void
check(const uint8_t *p, size_t n)
{
    int                 rc;
    char                out[NOTIFY_EXTENSION_LEN];
    size_t              len;
    uint8_t            *copy;
    notify_extension_t  e, r, again;

    copy = fuzz_copy(p, n);
    rc = notify_extension_offer(copy, n, &e);

    fuzz_check(rc == 0 || rc == 1);

    if (n > 0 && n < WORDS_MAX && notify_upgrade_extensions_valid(copy, n)) {
        memset(&r, 0, sizeof(r));
        fuzz_check(rc == reference(copy, n, &r));
        fuzz_check(!rc || (e.server == r.server && e.limited == r.limited
                           && e.client == r.client));
    }

    free(copy);

    if (!rc) {
        return;
    }

    fuzz_check(e.server >= 8 && e.server <= 15);
    fuzz_check(e.client == 0 || (e.client >= 8 && e.client <= 15));

    /* the answer is an offer, too, and says the same */

    len = notify_extension_answer(out, &e);
    fuzz_check(len <= sizeof(out));

    copy = fuzz_copy((uint8_t *) out, len);
    fuzz_check(notify_upgrade_extensions_valid(copy, len));
    fuzz_check(notify_extension_offer(copy, len, &again) == 1);
    fuzz_check(again.server == e.server && again.limited == e.limited
               && again.client == e.client);
    free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char     line[WORDS_MAX];
    size_t   n, i, len;
    uint8_t  c;

    check(data, size);

    /* and the line that the input names by pieces */

    n = 0;

    for (i = 0; i < size && n < sizeof(line) - 64; i++) {
        c = data[i];

        if (c < 224) {
            len = strlen(pieces[c % PIECES]);
            memcpy(line + n, pieces[c % PIECES], len);
            n += len;

        } else {
            line[n++] = (char) (c - 128);
        }
    }

    check((uint8_t *) line, n);

    return 0;
}
