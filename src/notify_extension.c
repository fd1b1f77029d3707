
/*
 * permessage-deflate as a handshake negotiates it: the offers are taken apart
 * word by word, and each is judged when it ends.
 */


#include <stdio.h>
#include <string.h>

#include "notify_extension.h"


#define NOTIFY_EXTENSION_NAME  "permessage-deflate"
#define NOTIFY_EXTENSION_TAKEOVER                                             \
    "; server_no_context_takeover; client_no_context_takeover"


/* a name or value, without quotes and backslashes */
typedef struct {
    char      text[27];     /* the longest name that is known, and a zero */
    bool      there;
} notify_extension_word_t;


static const uint8_t *notify_extension_one(const uint8_t *p,
    const uint8_t *end, notify_extension_t *e, bool *good);
static bool notify_extension_parameter(const notify_extension_word_t *name,
    const notify_extension_word_t *value, notify_extension_t *e,
    unsigned *seen);
static unsigned notify_extension_bits(const notify_extension_word_t *value);
static const uint8_t *notify_extension_word(const uint8_t *p,
    const uint8_t *end, notify_extension_word_t *w);
static const uint8_t *notify_extension_space(const uint8_t *p,
    const uint8_t *end);


int
notify_extension_offer(const uint8_t *p, size_t n, notify_extension_t *e)
{
    bool            good;
    const uint8_t  *end;

    if (n == 0) {
        return 0;
    }

    end = p + n;

    for ( ;; ) {
        p = notify_extension_one(p, end, e, &good);

        if (good) {
            return 1;
        }

        if (p == end || *p != ',') {
            return 0;
        }

        p++;
    }
}


/* up to the comma behind it, or the end */

static const uint8_t *
notify_extension_one(const uint8_t *p, const uint8_t *end,
    notify_extension_t *e, bool *good)
{
    unsigned                  seen;
    notify_extension_word_t   name, value;

    e->server = NOTIFY_WINDOW_MAX;
    e->limited = false;
    e->client = 0;

    seen = 0;

    p = notify_extension_word(p, end, &name);

    *good = (strcmp(name.text, NOTIFY_EXTENSION_NAME) == 0);

    while (p < end && *p == ';') {
        p = notify_extension_word(p + 1, end, &name);

        value.there = false;

        if (p < end && *p == '=') {
            p = notify_extension_word(p + 1, end, &value);
        }

        *good = *good && notify_extension_parameter(&name, &value, e, &seen);
    }

    if (p < end && *p != ',') {
        *good = false;
    }

    return p;
}


/* 7.1.1 and 7.1.2; false: the offer is to be declined */

static bool
notify_extension_parameter(const notify_extension_word_t *name,
    const notify_extension_word_t *value, notify_extension_t *e,
    unsigned *seen)
{
    unsigned  i, bits;

    static const char  *names[] = {
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits"
    };

    for (i = 0; i < 4 && strcmp(name->text, names[i]) != 0; i++) { /* void */ }

    if (i == 4 || (*seen & (1u << i))) {
        return false;
    }

    *seen |= 1u << i;

    if (i < 2) {
        return !value->there;
    }

    if (i == 3 && !value->there) {
        return true;
    }

    bits = notify_extension_bits(value);

    if (i == 3) {
        e->client = (uint8_t) bits;

    } else {
        e->server = (uint8_t) bits;
        e->limited = true;
    }

    return bits != 0;
}


/* 0: not a number from 8 to 15 */

static unsigned
notify_extension_bits(const notify_extension_word_t *value)
{
    const char  *s;

    if (!value->there) {
        return 0;
    }

    s = value->text;

    if ((s[0] == '8' || s[0] == '9') && s[1] == '\0') {
        return (unsigned) (s[0] - '0');
    }

    if (s[0] == '1' && s[1] >= '0' && s[1] <= '5' && s[2] == '\0') {
        return 10 + (unsigned) (s[1] - '0');
    }

    return 0;
}


/*
 * A word and the space around it.  One that is too long for any that is known
 * is cut, and its last letter made such that it is none.
 */

static const uint8_t *
notify_extension_word(const uint8_t *p, const uint8_t *end,
    notify_extension_word_t *w)
{
    bool    quoted;
    size_t  n;

    p = notify_extension_space(p, end);
    quoted = (p < end && *p == '"');
    p += quoted;

    for (n = 0; p < end; p++) {

        if (quoted ? *p == '"'
                   : *p == ',' || *p == ';' || *p == '=' || *p == ' '
                     || *p == '\t')
        {
            break;
        }

        if (quoted && *p == '\\' && end - p > 1) {
            p++;
        }

        if (n == sizeof(w->text) - 1) {
            w->text[n - 1] = '?';

        } else {
            w->text[n++] = (*p != '\0') ? (char) *p : '?';
        }
    }

    w->text[n] = '\0';
    w->there = true;

    p += (quoted && p < end);

    return notify_extension_space(p, end);
}


static const uint8_t *
notify_extension_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


size_t
notify_extension_answer(char out[NOTIFY_EXTENSION_LEN],
    const notify_extension_t *e)
{
    int   n;
    char  text[NOTIFY_EXTENSION_LEN + 1], server[32], client[32];

    server[0] = '\0';
    client[0] = '\0';

    if (e->limited) {
        (void) snprintf(server, sizeof(server),
                        "; server_max_window_bits=%u", e->server);
    }

    if (e->client) {
        (void) snprintf(client, sizeof(client),
                        "; client_max_window_bits=%u", e->client);
    }

    n = snprintf(text, sizeof(text), "%s%s%s", NOTIFY_EXTENSION_NAME
                 NOTIFY_EXTENSION_TAKEOVER, server, client);

    memcpy(out, text, (size_t) n);

    return (size_t) n;
}
