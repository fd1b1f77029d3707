
/*
 * The fields of a handshake: what is accepted has the form that it must
 * have, which for lists is written down as a regular expression, and what is
 * true of a text is true of its variants.
 */


#include <regex.h>
#include <strings.h>

#include "fuzz.h"
#include "notify_upgrade.h"


/* RFC 7230, 3.2.6 and 7; RFC 6455, 9.1: a quoted value is a token, too */

#define TCHAR   "[!#$%&'*+.^_`|~0-9A-Za-z-]"
#define TOKEN   TCHAR "+"
#define SPACE   "[ \t]*"
#define QUOTED  "\"(" TCHAR "|\\\\" TCHAR ")+\""

#define NAME       TOKEN
#define VERSIONED  TOKEN "(/" TOKEN ")?"
#define EXTENSION                                                             \
    TOKEN "(" SPACE ";" SPACE TOKEN                                           \
    "(" SPACE "=" SPACE "(" TOKEN "|" QUOTED "))?)*"

#define LIST(element)                                                         \
    "^[ \t,]*(" element SPACE "(,[ \t,]*" element SPACE ")*(,[ \t,]*)?)?$"


static int
is(const char *text, const char *pattern)
{
    int  i;

    static regex_t      compiled[4];
    static const char  *patterns[4];

    for (i = 0; patterns[i] != NULL && patterns[i] != pattern; i++) {
        fuzz_check(i < 3);
    }

    if (patterns[i] == NULL) {
        fuzz_check(regcomp(&compiled[i], pattern, REG_EXTENDED|REG_NOSUB)
                   == 0);
        patterns[i] = pattern;
    }

    return regexec(&compiled[i], text, 0, NULL, 0) == 0;
}


/* -1, 0 or 1 as in notify_upgrade.h, the long way; spoils the text */

static int
listed(char *text, const char *list, int nocase, int empty, const char *token)
{
    int     found, some;
    char   *p;

    if (!is(text, list)) {
        return -1;
    }

    found = 0;
    some = 0;

    for (p = strtok(text, ", \t"); p != NULL; p = strtok(NULL, ", \t")) {
        some = 1;

        if ((nocase ? strcasecmp(p, token) : strcmp(p, token)) == 0) {
            found = 1;
        }
    }

    return (some || empty) ? found : -1;
}


static void
reference(const uint8_t *p, size_t n)
{
    int   some;
    char  text[1024], copy[1024];

    static const char  versions[] = LIST(VERSIONED);
    static const char  names[] = LIST(NAME);
    static const char  extensions[] = LIST(EXTENSION);

    if (n >= sizeof(text) || memchr(p, '\0', n) != NULL) {
        return;
    }

    memcpy(text, p, n);
    text[n] = '\0';

    strcpy(copy, text);
    fuzz_check(notify_upgrade_has(p, n, "upgrade")
               == listed(copy, versions, 1, 1, "upgrade"));

    strcpy(copy, text);
    fuzz_check(notify_upgrade_has(p, n, "websocket/13")
               == listed(copy, versions, 1, 1, "websocket/13"));

    strcpy(copy, text);
    fuzz_check(notify_upgrade_protocol(p, n, "chat")
               == listed(copy, names, 0, 0, "chat"));

    some = strspn(text, ", \t") != n;
    fuzz_check(notify_upgrade_extensions_valid(p, n)
               == (some && is(text, extensions)));
}


static void
lists(const uint8_t *p, size_t n)
{
    int       has, offered;
    size_t    i;
    uint8_t  *copy;

    has = notify_upgrade_has(p, n, "upgrade");
    offered = notify_upgrade_protocol(p, n, "upgrade");

    /* without case, and with "/": never stricter than the other */

    fuzz_check(has >= -1 && has <= 1 && offered >= -1 && offered <= 1);
    fuzz_check(offered < 1 || has == 1);
    fuzz_check(offered < 0 || has >= 0);
    fuzz_check((notify_upgrade_protocol(p, n, NULL) == -1) == (offered == -1));

    /* a list of names is also one of extensions, without parameters */

    fuzz_check(offered < 0 || notify_upgrade_extensions_valid(p, n));

    if (offered < 0 && notify_upgrade_extensions_valid(p, n)) {
        fuzz_check(memchr(p, ';', n) != NULL);
    }

    /* case does not matter */

    copy = fuzz_copy(p, n);

    for (i = 0; i < n; i++) {
        if (copy[i] >= 'a' && copy[i] <= 'z') {
            copy[i] ^= 0x20;
        }
    }

    fuzz_check(notify_upgrade_has(copy, n, "upgrade") == has);

    free(copy);
}


static void
key(const uint8_t *p, size_t n)
{
    size_t    i;
    uint8_t   out[NOTIFY_UPGRADE_ACCEPT_LEN], digest[20];

    if (notify_upgrade_key_valid(p, n)) {
        fuzz_check(n == NOTIFY_UPGRADE_KEY_LEN);
        fuzz_check(memcmp(p + 22, "==", 2) == 0);
    }

    for (i = 0; i < sizeof(digest); i++) {
        digest[i] = (i < n) ? p[i] : 0;
    }

    notify_upgrade_accept(out, digest);

    /* an accept has four letters more than a key, and one "=" */

    fuzz_check(out[27] == '=');
    memmove(out + 22, "==", 2);
    fuzz_check(notify_upgrade_key_valid(out, 24));
}


/* prints what was parsed: it must be the text again */

static void
origin(const uint8_t *p, size_t n)
{
    char             text[4096];
    size_t           len;
    notify_origin_t  o;

    if (notify_origin_parse(p, n, &o) != 0) {
        fuzz_check(o.type == NOTIFY_ORIGIN_INVALID);
        fuzz_check(notify_origin_match((uint8_t *) "any", 3, &o));
        fuzz_check(!notify_origin_match((uint8_t *) "null", 4, &o));
        fuzz_check(!notify_origin_match(p, n, &o)
                   || (n == 3 && memcmp(p, "any", 3) == 0));
        fuzz_check(!notify_origin_same(&o, p, n));
        return;
    }

    /* each valid one is a pattern for itself */

    fuzz_check(notify_origin_match(p, n, &o));

    if (o.type == NOTIFY_ORIGIN_NULL) {
        fuzz_check(n == 4 && !notify_origin_same(&o, p, n));
        return;
    }

    fuzz_check(o.host_len > 0 && o.scheme_len > 0 && o.port <= 65535);
    fuzz_check(notify_origin_same(&o, o.host,
                                  (size_t) (p + n - o.host)));
    fuzz_check(notify_origin_match(o.host, o.host_len, &o)
               || (o.host_len == 3 && memcmp(o.host, "any", 3) == 0)
               || (o.host_len == 4 && memcmp(o.host, "null", 4) == 0));

    if (n < sizeof(text)) {
        len = (size_t) snprintf(text, sizeof(text), "%.*s://%.*s",
                                (int) o.scheme_len, (char *) o.scheme,
                                (int) o.host_len, (char *) o.host);

        if (o.port != 0) {
            len += (size_t) snprintf(text + len, sizeof(text) - len, ":%u",
                                     o.port);
        }

        fuzz_check(len == n && memcmp(text, p, n) == 0);
    }
}


/* the input's first half as pattern, the other as Origin and Host */

static void
match(const uint8_t *p, size_t n)
{
    int              let;
    const char      *why;
    uint8_t         *pattern, *text;
    notify_origin_t  o;

    pattern = fuzz_copy(p, n / 2);
    text = fuzz_copy(p + n / 2, n - n / 2);

    notify_origin_parse(text, n - n / 2, &o);

    let = notify_origin_match(pattern, n / 2, &o);

    if (notify_origin_pattern_valid(pattern, n / 2, &why)) {
        fuzz_check(why == NULL);

    } else {
        fuzz_check(!let && fuzz_read(why, strlen(why)) > 0);
    }

    if (notify_origin_same(&o, pattern, n / 2)) {
        fuzz_check(o.type == NOTIFY_ORIGIN_HOST);
    }

    free(pattern);
    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    i;
    uint8_t  *copy;

    copy = fuzz_copy(data, size);

    reference(copy, size);
    lists(copy, size);
    key(copy, size);
    origin(copy, size);
    match(copy, size);

    free(copy);

    /* a fuzzer seldom guesses "://": what if it stands at the first ":"? */

    for (i = 0; i < size && data[i] != ':'; i++) { /* void */ }

    if (i < size) {
        copy = malloc(size + 2);
        fuzz_check(copy != NULL);

        memcpy(copy, data, i + 1);
        memcpy(copy + i + 1, "//", 2);
        memcpy(copy + i + 3, data + i + 1, size - i - 1);

        origin(copy, size + 2);
        match(copy, size + 2);

        free(copy);
    }

    return 0;
}
