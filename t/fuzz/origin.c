
/*
 * What an Origin is, and whom a pattern lets in, is what a longhand reading of
 * notify_upgrade.h says.  The input is lines: a pattern, a Host, an Origin.
 */


#include <arpa/inet.h>
#include <regex.h>
#include <strings.h>

#include "fuzz.h"
#include "notify_upgrade.h"


#define LINE_MAX_LEN  512

#define LABEL  "[A-Za-z0-9_-]+"


/* of one line; texts end with a zero */
typedef struct {
    int       valid;
    int       below;                    /* "*." stood before the host */
    char      scheme[LINE_MAX_LEN];     /* "" for none */
    char      host[LINE_MAX_LEN];
    unsigned  port;                     /* 0: none */
} read_t;


static int
is(const char *text, const char *pattern)
{
    int  i;

    static regex_t      compiled[8];
    static const char  *patterns[8];

    for (i = 0; patterns[i] != NULL && patterns[i] != pattern; i++) {
        fuzz_check(i < 7);
    }

    if (patterns[i] == NULL) {
        fuzz_check(regcomp(&compiled[i], pattern, REG_EXTENDED|REG_NOSUB)
                   == 0);
        patterns[i] = pattern;
    }

    return regexec(&compiled[i], text, 0, NULL, 0) == 0;
}


static int
address(const char *host, struct in6_addr *addr)
{
    char    text[LINE_MAX_LEN];
    size_t  n;

    n = strlen(host);

    if (n < 2 || host[0] != '[' || host[n - 1] != ']') {
        return 0;
    }

    memcpy(text, host + 1, n - 2);
    text[n - 2] = '\0';

    return inet_pton(AF_INET6, text, addr) == 1;
}


/* host [":" port] */

static int
authority(char *text, read_t *r)
{
    char             *port;
    struct in6_addr   addr;

    static const char  name[] = "^" LABEL "(\\." LABEL ")*$";
    static const char  number[] = "^[1-9][0-9]{0,4}$";

    if (text[0] == '[') {
        port = strchr(text, ']');
        port = port ? port + 1 : text;

    } else {
        port = text + strcspn(text, ":");
    }

    r->port = 0;

    if (*port == ':') {
        *port++ = '\0';

        if (!is(port, number) || atoi(port) > 65535) {
            return 0;
        }

        r->port = (unsigned) atoi(port);

    } else if (*port != '\0') {
        return 0;
    }

    strcpy(r->host, text);

    return is(text, name) || address(text, &addr);
}


/* a pattern, whose scheme may be missing, or an Origin */

static void
read_one(const char *line, int pattern, read_t *r)
{
    char  text[LINE_MAX_LEN], *rest, *dot;

    static const char  scheme[] = "^[A-Za-z][A-Za-z0-9+.-]*$";
    static const char  digits[] = "^[0-9]+$";

    memset(r, 0, sizeof(read_t));
    strcpy(text, line);

    rest = strstr(text, "://");

    if (rest != NULL) {
        *rest = '\0';
        strcpy(r->scheme, text);

        if (!is(text, scheme)) {
            return;
        }

        rest += 3;

    } else if (pattern) {
        rest = text;

    } else {
        return;
    }

    if (pattern && strncmp(rest, "*.", 2) == 0) {
        r->below = 1;
        rest += 2;
    }

    if (!authority(rest, r)) {
        return;
    }

    if (r->below) {
        dot = strrchr(r->host, '.');

        if (r->host[0] == '[' || is(dot ? dot + 1 : r->host, digits)) {
            return;
        }
    }

    r->valid = 1;
}


static int
same_host(const char *a, const char *b)
{
    struct in6_addr  x, y;

    if (address(a, &x) && address(b, &y)) {
        return memcmp(&x, &y, sizeof(x)) == 0;
    }

    return strcasecmp(a, b) == 0;
}


static unsigned
port_of(const read_t *r)
{
    return r->port ? r->port
           : strcasecmp(r->scheme, "https") == 0 ? 443
           : strcasecmp(r->scheme, "http") == 0 ? 80
           : 0;
}


static int
lets_in(const char *pattern, const char *origin)
{
    char    below[LINE_MAX_LEN + 1];
    size_t  n, m;
    read_t  want, have;

    if (strcmp(pattern, "any") == 0) {
        return 1;
    }

    if (strcmp(pattern, "null") == 0 || strcmp(origin, "null") == 0) {
        return strcmp(pattern, origin) == 0;
    }

    read_one(pattern, 1, &want);
    read_one(origin, 0, &have);

    if (!want.valid || !have.valid) {
        return 0;
    }

    if (want.scheme[0] != '\0' && strcasecmp(want.scheme, have.scheme) != 0) {
        return 0;
    }

    if ((want.scheme[0] != '\0' || want.port != 0)
        && port_of(&want) != port_of(&have))
    {
        return 0;
    }

    if (!want.below) {
        return same_host(want.host, have.host);
    }

    snprintf(below, sizeof(below), ".%s", want.host);

    n = strlen(have.host);
    m = strlen(below);

    return n > m && strcasecmp(have.host + n - m, below) == 0;
}


static void
check(const char *pattern, const char *host, const char *origin)
{
    int               valid;
    char              text[LINE_MAX_LEN];
    read_t            want, have, site;
    uint8_t          *p, *h, *o;
    const char       *why;
    notify_origin_t   parsed;

    p = fuzz_copy((const uint8_t *) pattern, strlen(pattern));
    h = fuzz_copy((const uint8_t *) host, strlen(host));
    o = fuzz_copy((const uint8_t *) origin, strlen(origin));

    read_one(origin, 0, &have);
    valid = have.valid || strcmp(origin, "null") == 0;

    fuzz_check((notify_origin_parse(o, strlen(origin), &parsed) == 0)
               == valid);

    if (have.valid) {
        fuzz_check(parsed.type == NOTIFY_ORIGIN_HOST);
        fuzz_check(parsed.port == have.port);
        fuzz_check(parsed.scheme_len == strlen(have.scheme)
                   && memcmp(parsed.scheme, have.scheme, parsed.scheme_len)
                      == 0);
        fuzz_check(parsed.host_len == strlen(have.host)
                   && memcmp(parsed.host, have.host, parsed.host_len) == 0);
    }

    read_one(pattern, 1, &want);
    valid = want.valid || strcmp(pattern, "any") == 0
            || strcmp(pattern, "null") == 0;

    fuzz_check(notify_origin_pattern_valid(p, strlen(pattern), &why) == valid);
    fuzz_check((why == NULL) == valid);

    fuzz_check(notify_origin_match(p, strlen(pattern), &parsed)
               == lets_in(pattern, origin));

    memset(&site, 0, sizeof(site));
    strcpy(text, host);
    valid = have.valid && authority(text, &site);

    fuzz_check(notify_origin_same(&parsed, h, strlen(host))
               == (valid && same_host(site.host, have.host)));

    free(p);
    free(h);
    free(o);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char    text[3][LINE_MAX_LEN];
    size_t  i, line, n;

    /* an Origin may have any byte but a zero */

    memset(text, 0, sizeof(text));

    for (i = 0, line = 0, n = 0; i < size && data[i] != '\0'; i++) {

        if (data[i] == '\n' && line < 2) {
            line++;
            n = 0;

        } else if (n < LINE_MAX_LEN - 1) {
            text[line][n++] = (char) data[i];
        }
    }

    check(text[0], text[1], text[2]);

    /* each is as likely as the other to be what it is compared with */

    check(text[2], text[1], text[2]);
    check(text[0], text[0], text[2]);

    return 0;
}
