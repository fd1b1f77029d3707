
/*
 * What the header fields of a WebSocket handshake say, and which Origin may
 * come in.
 */


#include <string.h>

#include <arpa/inet.h>

#include "notify_upgrade.h"


/* a pattern is an Origin whose scheme may be missing */

typedef struct {
    notify_origin_t   origin;
    bool              any;
    bool              below;        /* "*.": what is below the host */
} notify_origin_pattern_t;


static int notify_upgrade_element(const uint8_t **p, const uint8_t *end,
    const uint8_t **start, size_t *len);
static const uint8_t *notify_upgrade_extension(const uint8_t *p,
    const uint8_t *end);
static const uint8_t *notify_upgrade_parameter(const uint8_t *p,
    const uint8_t *end);
static const uint8_t *notify_upgrade_quoted(const uint8_t *p,
    const uint8_t *end);
static const uint8_t *notify_upgrade_token(const uint8_t *p,
    const uint8_t *end);
static const uint8_t *notify_upgrade_space(const uint8_t *p,
    const uint8_t *end);
static bool notify_upgrade_same(const uint8_t *a, size_t alen,
    const uint8_t *b, size_t blen);
static uint8_t notify_upgrade_lower(uint8_t c);
static bool notify_upgrade_alnum(uint8_t c);

static const uint8_t *notify_origin_scheme(const uint8_t *p,
    const uint8_t *end, notify_origin_t *o);
static const char *notify_origin_authority(const uint8_t *p,
    const uint8_t *end, notify_origin_t *o);
static const uint8_t *notify_origin_name(const uint8_t *p,
    const uint8_t *end);
static unsigned notify_origin_number(const uint8_t *p, const uint8_t *end);
static bool notify_origin_address(const uint8_t *p, size_t n,
    struct in6_addr *addr);
static bool notify_origin_host_same(const notify_origin_t *a,
    const notify_origin_t *b);
static unsigned notify_origin_port(const notify_origin_t *o);
static const char *notify_origin_pattern(const uint8_t *p, size_t n,
    notify_origin_pattern_t *pattern);
static bool notify_origin_is_address(const notify_origin_t *o);


int
notify_upgrade_has(const uint8_t *p, size_t n, const char *token)
{
    int             rc, found;
    size_t          len;
    const uint8_t  *end, *start;

    if (n == 0) {
        return 0;
    }

    found = 0;
    end = p + n;

    while ((rc = notify_upgrade_element(&p, end, &start, &len)) == 1) {
        if (notify_upgrade_same(start, len, (const uint8_t *) token,
                                strlen(token)))
        {
            found = 1;
        }
    }

    return (rc < 0) ? -1 : found;
}


int
notify_upgrade_protocol(const uint8_t *p, size_t n, const char *token)
{
    int             rc, found, elements;
    size_t          len;
    const uint8_t  *end, *start;

    if (n == 0) {
        return -1;
    }

    found = 0;
    elements = 0;
    end = p + n;

    while ((rc = notify_upgrade_element(&p, end, &start, &len)) == 1) {

        if (memchr(start, '/', len) != NULL) {
            return -1;
        }

        elements = 1;

        if (token != NULL && len == strlen(token)
            && memcmp(start, token, len) == 0)
        {
            found = 1;
        }
    }

    return (rc < 0 || !elements) ? -1 : found;
}


bool
notify_upgrade_extensions_valid(const uint8_t *p, size_t n)
{
    bool            some;
    const uint8_t  *end;

    if (n == 0) {
        return false;
    }

    some = false;
    end = p + n;

    for ( ;; ) {
        p = notify_upgrade_space(p, end);

        if (p < end && *p != ',') {
            some = true;

            p = notify_upgrade_extension(p, end);
            if (p == NULL) {
                return false;
            }
        }

        if (p == end) {
            return some;
        }

        if (*p++ != ',') {
            return false;
        }
    }
}


bool
notify_upgrade_key_valid(const uint8_t *p, size_t n)
{
    size_t  i;

    if (n != NOTIFY_UPGRADE_KEY_LEN || p[22] != '=' || p[23] != '=') {
        return false;
    }

    for (i = 0; i < 22; i++) {
        if (!notify_upgrade_alnum(p[i]) && p[i] != '+' && p[i] != '/') {
            return false;
        }
    }

    return true;
}


void
notify_upgrade_accept(uint8_t out[NOTIFY_UPGRADE_ACCEPT_LEN],
    const uint8_t digest[20])
{
    size_t    i, k;
    uint32_t  v;

    static const char  letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789+/";

    k = 0;

    for (i = 0; i < 18; i += 3) {
        v = (uint32_t) digest[i] << 16 | (uint32_t) digest[i + 1] << 8
            | digest[i + 2];

        out[k++] = (uint8_t) letters[v >> 18];
        out[k++] = (uint8_t) letters[v >> 12 & 0x3f];
        out[k++] = (uint8_t) letters[v >> 6 & 0x3f];
        out[k++] = (uint8_t) letters[v & 0x3f];
    }

    /* two bytes are left */

    v = (uint32_t) digest[18] << 16 | (uint32_t) digest[19] << 8;

    out[k++] = (uint8_t) letters[v >> 18];
    out[k++] = (uint8_t) letters[v >> 12 & 0x3f];
    out[k++] = (uint8_t) letters[v >> 6 & 0x3f];
    out[k] = '=';
}


int
notify_origin_parse(const uint8_t *p, size_t n, notify_origin_t *o)
{
    const uint8_t  *end, *host;

    memset(o, 0, sizeof(notify_origin_t));

    if (n == 0) {
        return -1;
    }

    if (n == 4 && memcmp(p, "null", 4) == 0) {
        o->type = NOTIFY_ORIGIN_NULL;
        return 0;
    }

    end = p + n;

    host = notify_origin_scheme(p, end, o);

    if (host == NULL || notify_origin_authority(host, end, o) != NULL) {
        memset(o, 0, sizeof(notify_origin_t));
        return -1;
    }

    o->type = NOTIFY_ORIGIN_HOST;

    return 0;
}


bool
notify_origin_same(const notify_origin_t *o, const uint8_t *p, size_t n)
{
    notify_origin_t  host;

    if (o->type != NOTIFY_ORIGIN_HOST || n == 0) {
        return false;
    }

    if (notify_origin_authority(p, p + n, &host) != NULL) {
        return false;
    }

    return notify_origin_host_same(o, &host);
}


bool
notify_origin_match(const uint8_t *p, size_t n, const notify_origin_t *o)
{
    size_t                    skip;
    const notify_origin_t    *want;
    notify_origin_pattern_t   pattern;

    if (notify_origin_pattern(p, n, &pattern) != NULL) {
        return false;
    }

    if (pattern.any) {
        return true;
    }

    want = &pattern.origin;

    if (o->type != want->type || o->type == NOTIFY_ORIGIN_INVALID) {
        return false;
    }

    if (o->type == NOTIFY_ORIGIN_NULL) {
        return true;
    }

    if (want->scheme_len != 0) {

        if (!notify_upgrade_same(want->scheme, want->scheme_len,
                                 o->scheme, o->scheme_len)
            || notify_origin_port(want) != notify_origin_port(o))
        {
            return false;
        }

    } else if (want->port != 0 && want->port != notify_origin_port(o)) {
        return false;
    }

    if (!pattern.below) {
        return notify_origin_host_same(want, o);
    }

    /* o->host has no empty labels, so there is one in front of the dot */

    if (o->host_len <= want->host_len) {
        return false;
    }

    skip = o->host_len - want->host_len;

    return o->host[skip - 1] == '.'
           && notify_upgrade_same(want->host, want->host_len,
                                  o->host + skip, want->host_len);
}


bool
notify_origin_pattern_valid(const uint8_t *p, size_t n, const char **why)
{
    notify_origin_pattern_t  pattern;

    *why = notify_origin_pattern(p, n, &pattern);

    return *why == NULL;
}


/*
 * The next element of a list, token ["/" token], and *p behind its comma.
 * 1, 0 at the end, -1 if there is something else.
 */

static int
notify_upgrade_element(const uint8_t **p, const uint8_t *end,
    const uint8_t **start, size_t *len)
{
    const uint8_t  *s, *version;

    for (s = *p; s < end && (*s == ',' || *s == ' ' || *s == '\t'); s++) {
        /* void: empty elements */
    }

    if (s == end) {
        return 0;
    }

    *start = s;

    s = notify_upgrade_token(s, end);
    if (s == *start) {
        return -1;
    }

    if (s < end && *s == '/') {
        version = s + 1;

        s = notify_upgrade_token(version, end);
        if (s == version) {
            return -1;
        }
    }

    *len = (size_t) (s - *start);

    s = notify_upgrade_space(s, end);

    if (s < end && *s++ != ',') {
        return -1;
    }

    *p = s;

    return 1;
}


/* extension = token *( ";" parameter ); returns what stands behind, or NULL */

static const uint8_t *
notify_upgrade_extension(const uint8_t *p, const uint8_t *end)
{
    const uint8_t  *start;

    start = p;

    p = notify_upgrade_token(p, end);
    if (p == start) {
        return NULL;
    }

    for ( ;; ) {
        p = notify_upgrade_space(p, end);

        if (p == end || *p != ';') {
            return p;
        }

        p = notify_upgrade_parameter(notify_upgrade_space(p + 1, end), end);
        if (p == NULL) {
            return NULL;
        }
    }
}


/* parameter = token [ "=" ( token | quoted-string ) ] */

static const uint8_t *
notify_upgrade_parameter(const uint8_t *p, const uint8_t *end)
{
    const uint8_t  *start;

    start = p;

    p = notify_upgrade_token(p, end);
    if (p == start) {
        return NULL;
    }

    p = notify_upgrade_space(p, end);

    if (p == end || *p != '=') {
        return p;
    }

    p = notify_upgrade_space(p + 1, end);

    if (p < end && *p == '"') {
        return notify_upgrade_quoted(p + 1, end);
    }

    start = p;

    p = notify_upgrade_token(p, end);

    return (p == start) ? NULL : p;
}


/* behind the first quote: a token, maybe with backslashes, and a quote */

static const uint8_t *
notify_upgrade_quoted(const uint8_t *p, const uint8_t *end)
{
    const uint8_t  *start;

    for (start = p; p < end && *p != '"'; p++) {

        if (*p == '\\') {
            p++;
        }

        if (p == end || notify_upgrade_token(p, p + 1) == p) {
            return NULL;
        }
    }

    return (p == end || p == start) ? NULL : p + 1;
}


/* behind as many characters of a token (RFC 7230, 3.2.6) as there are */

static const uint8_t *
notify_upgrade_token(const uint8_t *p, const uint8_t *end)
{
    while (p < end
           && (notify_upgrade_alnum(*p)
               || (*p != '\0' && strchr("!#$%&'*+-.^_`|~", *p) != NULL)))
    {
        p++;
    }

    return p;
}


static const uint8_t *
notify_upgrade_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


static bool
notify_upgrade_same(const uint8_t *a, size_t alen, const uint8_t *b,
    size_t blen)
{
    size_t  i;

    if (alen != blen) {
        return false;
    }

    for (i = 0; i < alen; i++) {
        if (notify_upgrade_lower(a[i]) != notify_upgrade_lower(b[i])) {
            return false;
        }
    }

    return true;
}


static uint8_t
notify_upgrade_lower(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') ? (uint8_t) (c | 0x20) : c;
}


static bool
notify_upgrade_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z');
}


/* scheme "://" (RFC 3986, 3.1); returns what stands behind, or NULL */

static const uint8_t *
notify_origin_scheme(const uint8_t *p, const uint8_t *end,
    notify_origin_t *o)
{
    const uint8_t  *start;

    for (start = p; p < end; p++) {
        if (!notify_upgrade_alnum(*p)
            && (p == start || (*p != '+' && *p != '-' && *p != '.')))
        {
            break;
        }
    }

    if (p == start || (*start >= '0' && *start <= '9')
        || end - p < 3 || memcmp(p, "://", 3) != 0)
    {
        return NULL;
    }

    o->scheme = start;
    o->scheme_len = (size_t) (p - start);

    return p + 3;
}


/*
 * host [":" port] and nothing behind; NULL, or what to write instead: these
 * texts are for a pattern's author
 */

static const char *
notify_origin_authority(const uint8_t *p, const uint8_t *end,
    notify_origin_t *o)
{
    struct in6_addr  addr;

    o->host = p;
    o->port = 0;

    p = notify_origin_name(p, end);

    o->host_len = (size_t) (p - o->host);

    if (o->host_len == 0
        || (*o->host == '['
            && !notify_origin_address(o->host, o->host_len, &addr)))
    {
        return "write a host name such as example.com, or [::1]";
    }

    if (p == end) {
        return NULL;
    }

    if (*p == '/') {
        return "write no slash or path behind the host";
    }

    if (*p++ != ':') {
        return "write a host name such as example.com, or [::1]";
    }

    o->port = notify_origin_number(p, end);

    return o->port ? NULL : "write a port from 1 to 65535";
}


/*
 * behind a name of labels with single dots between them, or behind the
 * bracket of an address, whatever it holds; p itself when there is neither
 */

static const uint8_t *
notify_origin_name(const uint8_t *p, const uint8_t *end)
{
    const uint8_t  *start, *label;

    start = p;

    if (p < end && *p == '[') {
        p = memchr(p, ']', (size_t) (end - p));
        return p ? p + 1 : start;
    }

    for (label = p; p < end; p++) {

        if (*p == '.' && p > label) {
            label = p + 1;
            continue;
        }

        if (!notify_upgrade_alnum(*p) && *p != '-' && *p != '_') {
            break;
        }
    }

    return (p > label) ? p : start;
}


/* 1 .. 65535 in its shortest form, or 0 */

static unsigned
notify_origin_number(const uint8_t *p, const uint8_t *end)
{
    unsigned  n;

    if (p == end || end - p > 5 || *p == '0') {
        return 0;
    }

    for (n = 0; p < end; p++) {
        if (*p < '0' || *p > '9') {
            return 0;
        }

        n = n * 10 + (*p - '0');
    }

    return (n <= 65535) ? n : 0;
}


/* an IPv6 address in brackets; what is not there compares as not equal */

static bool
notify_origin_address(const uint8_t *p, size_t n, struct in6_addr *addr)
{
    char  text[INET6_ADDRSTRLEN];

    if (n < 2 || n - 2 >= sizeof(text) || *p != '['
        || memchr(p, '\0', n) != NULL)
    {
        return false;
    }

    memcpy(text, p + 1, n - 2);
    text[n - 2] = '\0';

    return inet_pton(AF_INET6, text, addr) == 1;
}


static bool
notify_origin_host_same(const notify_origin_t *a, const notify_origin_t *b)
{
    struct in6_addr  x, y;

    if (notify_origin_address(a->host, a->host_len, &x)
        && notify_origin_address(b->host, b->host_len, &y))
    {
        return memcmp(&x, &y, sizeof(struct in6_addr)) == 0;
    }

    return notify_upgrade_same(a->host, a->host_len, b->host, b->host_len);
}


/* the port as written, else the scheme's own, or 0 if we do not know it */

static unsigned
notify_origin_port(const notify_origin_t *o)
{
    size_t  i;

    static const struct {
        const char  *scheme;
        unsigned     port;
    } ports[] = { { "http", 80 }, { "https", 443 } };

    if (o->port != 0) {
        return o->port;
    }

    for (i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        if (notify_upgrade_same(o->scheme, o->scheme_len,
                                (const uint8_t *) ports[i].scheme,
                                strlen(ports[i].scheme)))
        {
            return ports[i].port;
        }
    }

    return 0;
}


/* NULL, or what is to be written instead */

static const char *
notify_origin_pattern(const uint8_t *p, size_t n,
    notify_origin_pattern_t *pattern)
{
    const char       *why;
    const uint8_t    *end, *host;
    notify_origin_t  *o;

    memset(pattern, 0, sizeof(notify_origin_pattern_t));

    o = &pattern->origin;

    if (n == 3 && memcmp(p, "any", 3) == 0) {
        pattern->any = true;
        return NULL;
    }

    if (n == 4 && memcmp(p, "null", 4) == 0) {
        o->type = NOTIFY_ORIGIN_NULL;
        return NULL;
    }

    if (n == 0) {
        return "write a host name such as example.com, or [::1]";
    }

    end = p + n;

    host = notify_origin_scheme(p, end, o);
    if (host == NULL) {
        host = p;
    }

    if (end - host >= 2 && host[0] == '*' && host[1] == '.') {
        pattern->below = true;
        host += 2;
    }

    if (host < end && *host == '*') {
        return "write \"any\" for every origin, or \"*.example.com\"";
    }

    why = notify_origin_authority(host, end, o);
    if (why != NULL) {
        return why;
    }

    o->type = NOTIFY_ORIGIN_HOST;

    if (pattern->below && notify_origin_is_address(o)) {
        return "write \"*.\" only before a host name";
    }

    return NULL;
}


/* is its last label a number, or is it in brackets? */

static bool
notify_origin_is_address(const notify_origin_t *o)
{
    size_t  n;

    if (*o->host == '[') {
        return true;
    }

    for (n = o->host_len; n > 0; n--) {
        if (o->host[n - 1] < '0' || o->host[n - 1] > '9') {
            break;
        }
    }

    /* no name ends with a dot, so that one here has digits behind it */

    return n == 0 || o->host[n - 1] == '.';
}
