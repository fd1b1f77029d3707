
/*
 * notify_upgrade: the fields of a handshake, each at a guard page.
 */


#include "notify_upgrade.h"
#include "test.h"


#define N(a)  (sizeof(a) / sizeof(a[0]))


static const uint8_t *
guard(const char *s)
{
    return test_guard(s, strlen(s));
}


static void
test_has(void)
{
    size_t  i;

    static const struct {
        const char  *line;
        int          rc;
    } cases[] = {
        { "Upgrade", 1 },
        { "upgrade", 1 },
        { "UPGRADE", 1 },
        { "keep-alive, Upgrade", 1 },
        { "Upgrade,keep-alive", 1 },
        { " \tupgrade\t ", 1 },
        { "a,b , upgrade ,c", 1 },
        { ",,upgrade", 1 },
        { "upgrade,", 1 },
        { ", , upgrade , ,", 1 },
        { "upgrade, upgrade", 1 },
        { "", 0 },
        { " ", 0 },
        { ",", 0 },
        { "keep-alive", 0 },
        { "upgrad", 0 },
        { "apgrade", 0 },
        { "upgradf", 0 },
        { "upgrades", 0 },
        { "upgrade/1", 0 },
        { "x/upgrade", 0 },
        { "up-grade", 0 },
        { "upgrade close", -1 },
        { "upgrade;q=1", -1 },
        { "\"upgrade\"", -1 },
        { "upgrade, (comment)", -1 },
        { "upgrade, a b", -1 },
        { "upgrade/", -1 },
        { "/upgrade", -1 },
        { "upgrade/1/2", -1 },
        { "upgrade, \xc3\xa9", -1 },
        { "\x01upgrade", -1 },
        { "upgrade\r\n", -1 },
        { "upgrade, =", -1 },
    };

    for (i = 0; i < N(cases); i++) {
        is(notify_upgrade_has(guard(cases[i].line), strlen(cases[i].line),
                              "upgrade"),
           cases[i].rc, "\"%s\" has \"upgrade\"", cases[i].line);
    }

    is(notify_upgrade_has((const uint8_t *) "upgrade\0", 8, "upgrade"), -1,
       "a NUL is no part of a token");
    is(notify_upgrade_has(NULL, 0, "upgrade"), 0, "no line has anything");
    is(notify_upgrade_has(guard("websocket/13"), 12, "websocket"), 0,
       "another version of a protocol is another one");
    is(notify_upgrade_has(guard("XYZ, x~"), 7, "xyz"), 1,
       "the last letters have two cases");
    is(notify_upgrade_has(guard("XYZ, x~"), 7, "x^"), 0,
       "other bytes have not");
    is(notify_upgrade_has(guard("h2c, WebSocket"), 14, "websocket"), 1,
       "websocket after h2c");
}


/* which bytes may stand in a token: the list of RFC 7230, 3.2.6 */

static void
test_token_bytes(void)
{
    int      bad, c, want;
    uint8_t  line[3];

    static const char  tchar[] =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    bad = 0;

    for (c = 0; c < 256; c++) {
        line[0] = 'a';
        line[1] = (uint8_t) c;
        line[2] = 'b';

        want = memchr(tchar, c, sizeof(tchar) - 1) ? 0 : -1;

        if (c == ',') {
            want = 0;
        }

        if (notify_upgrade_protocol(line, 3, NULL) != want && bad++ == 0) {
            diag("first at byte 0x%02x", (unsigned) c);
        }
    }

    is(bad, 0, "a token has the bytes that it may have");
}


static void
test_protocol(void)
{
    size_t  i;

    static const struct {
        const char  *line;
        int          rc;
    } cases[] = {
        { "notify.v1", 1 },
        { "chat, notify.v1", 1 },
        { "notify.v1,chat", 1 },
        { ", notify.v1", 1 },
        { "notify.v1, notify.v1", 1 },
        { "chat", 0 },
        { "Notify.v1", 0 },
        { "notify.v", 0 },
        { "notify.v11", 0 },
        { "", -1 },
        { " ", -1 },
        { ",", -1 },
        { ", ,", -1 },
        { "notify.v1 chat", -1 },
        { "notify.v1, a/b", -1 },
        { "notify.v1, \"chat\"", -1 },
        { "notify.v1; q=1", -1 },
        { "notify.v1, ch\xc3\xa4t", -1 },
    };

    for (i = 0; i < N(cases); i++) {
        is(notify_upgrade_protocol(guard(cases[i].line),
                                   strlen(cases[i].line), "notify.v1"),
           cases[i].rc, "\"%s\" offers notify.v1", cases[i].line);

        is(notify_upgrade_protocol(guard(cases[i].line),
                                   strlen(cases[i].line), NULL),
           cases[i].rc < 0 ? -1 : 0, "\"%s\" is judged", cases[i].line);
    }

    is(notify_upgrade_protocol(NULL, 0, NULL), -1, "no line is no list");
}


static void
test_extensions(void)
{
    size_t  i, cut;

    /* of good[4]: may the line end behind this byte? */
    static const char  ends[] = "1111011110101010001";

    static const char *const  good[] = {
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate;client_max_window_bits=15",
        "permessage-deflate; client_max_window_bits=\"15\"",
        "a, b;c, d;e=f;g=\"h\"",
        "a;b=\"\\c\"",
        "a ; b = c , d",
        "a\t;\tb\t=\t\"c\"\t,\td",
        ",a",
        "a,",
        "a,,b",
        " a ",
    };

    static const char *const  bad[] = {
        "", " ", ",", ", ,",
        ";", ";a", "a;", "a; ", "a;;b", "a;,b", "a;b;",
        "a=b", "=b", "a;=b", "a;b=", "a;b= ", "a;b=,", "a;b=;c",
        "a b", "a;b c", "a;b=c d", "a;b==c", "a;b=c=d",
        "a;b=\"", "a;b=\"c", "a;b=\"\"", "a;b=\"c d\"", "a;b=\"c,d\"",
        "a;b=\"c\"d", "a;b=\"c\"\"d\"", "a;b=\"\\\"", "a;b=\"\\\"\"",
        "a;b=\"c\\", "a;b=\"\xc3\xa9\"", "\"a\"", "a;\"b\"",
        "a;b='c d'", "a/b", "a, \xc3\xa9",
    };

    for (i = 0; i < N(good); i++) {
        ok(notify_upgrade_extensions_valid(guard(good[i]), strlen(good[i])),
           "\"%s\" is a list of extensions", good[i]);
    }

    for (i = 0; i < N(bad); i++) {
        ok(!notify_upgrade_extensions_valid(guard(bad[i]), strlen(bad[i])),
           "\"%s\" is none", bad[i]);
    }

    ok(!notify_upgrade_extensions_valid((const uint8_t *) "a;b=\"\0\"", 7),
       "a NUL is no part of a value");
    ok(!notify_upgrade_extensions_valid(NULL, 0), "no line is none");

    for (cut = 1; cut <= strlen(ends); cut++) {
        is(notify_upgrade_extensions_valid(test_guard(good[4], cut), cut),
           ends[cut - 1] == '1', "the first %zu bytes of \"%s\"", cut,
           good[4]);
    }
}


static void
test_key(void)
{
    int          bad, c;
    char         key[25];
    size_t       i;
    const char  *p;

    static const char  letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    static const char *const  refused[] = {
        "", "=", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQQ=",
        "dGhlIHNhbXBsZSBub25jZQQQ", "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSBub25jZQ=A", "=GhlIHNhbXBsZSBub25jZQ==",
        " dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ== ",
        "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25j-_==",
    };

    ok(notify_upgrade_key_valid(guard("dGhlIHNhbXBsZSBub25jZQ=="), 24),
       "the key of RFC 6455");
    ok(notify_upgrade_key_valid(guard("AAAAAAAAAAAAAAAAAAAAAA=="), 24),
       "a key of zeros");
    ok(notify_upgrade_key_valid(guard("AAAAAAAAAAAAAAAAAAAAA/=="), 24),
       "a last letter with unused bits set");

    for (i = 0; i < N(refused); i++) {
        ok(!notify_upgrade_key_valid(guard(refused[i]), strlen(refused[i])),
           "\"%s\" is no key", refused[i]);
    }

    bad = 0;

    for (i = 0; i < 22; i++) {
        for (c = 0; c < 256; c++) {
            memcpy(key, "dGhlIHNhbXBsZSBub25jZQ==", 25);
            key[i] = (char) c;
            p = memchr(letters, c, sizeof(letters) - 1);

            if (notify_upgrade_key_valid(test_guard(key, 24), 24)
                != (p != NULL))
            {
                bad++;
            }
        }
    }

    is(bad, 0, "each byte of a key is judged at each place");
}


static void
test_accept(void)
{
    int      bad;
    char     want[NOTIFY_UPGRADE_ACCEPT_LEN + 1];
    size_t   i;
    uint8_t  out[NOTIFY_UPGRADE_ACCEPT_LEN], digest[20];

    static const struct {
        const char  *digest;
        const char  *accept;
    } cases[] = {
        /* RFC 6455, 1.3 */
        { "\xb3\x7a\x4f\x2c\xc0\x62\x4f\x16\x90\xf6"
          "\x46\x06\xcf\x38\x59\x45\xb2\xbe\xc4\xea",
          "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" },
        { "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
          "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
          "//////////////////////////8=" },
    };

    for (i = 0; i < N(cases); i++) {
        notify_upgrade_accept(out, test_guard(cases[i].digest, 20));
        is_mem(out, sizeof(out), cases[i].accept, 28, "%s",
               cases[i].accept);
    }

    /* one bit is one letter: six bits each, from the left */

    bad = 0;

    for (i = 0; i < 160; i++) {
        memset(digest, 0, sizeof(digest));
        digest[i / 8] = (uint8_t) (0x80 >> i % 8);

        strcpy(want, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        want[i / 6] = "gQIECB"[i % 6];

        notify_upgrade_accept(out, test_guard(digest, 20));

        if (memcmp(out, want, sizeof(out)) != 0 && bad++ == 0) {
            diag("first at bit %zu", i);
        }
    }

    is(bad, 0, "each bit of a digest has its letter");

    is_str(NOTIFY_UPGRADE_GUID, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
           "the text behind the key");
}


static void
test_origin(void)
{
    size_t           i, n;
    notify_origin_t  o;

    static const struct {
        const char  *text;
        const char  *scheme;
        const char  *host;
        unsigned     port;
    } good[] = {
        { "https://example.com", "https", "example.com", 0 },
        { "http://example.com:8080", "http", "example.com", 8080 },
        { "HTTPS://Example.COM", "HTTPS", "Example.COM", 0 },
        { "http://localhost", "http", "localhost", 0 },
        { "http://127.0.0.1:80", "http", "127.0.0.1", 80 },
        { "http://[::1]", "http", "[::1]", 0 },
        { "http://[2001:db8::1]:65535", "http", "[2001:db8::1]", 65535 },
        { "http://[::ffff:1.2.3.4]:1", "http", "[::ffff:1.2.3.4]", 1 },
        { "https://xn--bcher-kva.example", "https", "xn--bcher-kva.example",
          0 },
        { "http://a_b.c-d", "http", "a_b.c-d", 0 },
        { "chrome-extension://abcdefgh", "chrome-extension", "abcdefgh", 0 },
        { "a+b.c-1://h", "a+b.c-1", "h", 0 },
        { "http://null", "http", "null", 0 },
    };

    static const char *const  bad[] = {
        "", "example.com", "//example.com", "://example.com", "https:",
        "https:/", "https://", "https:example.com", "https//example.com",
        "https://:443", "https://example.com:", "https://example.com:0",
        "https://example.com:65536", "https://example.com:080",
        "https://example.com:100000", "https://example.com:8a",
        "https://example.com:-1", "https://example.com:+1",
        "https://example.com:80:80",
        "https://example.com/", "https://example.com/path",
        "https://example.com?", "https://example.com#", "https://a@b",
        "https://user:pw@example.com", "https://example.com.",
        "https://example.com.:443", "https://.example.com",
        "https://a..b", "https://.", "https://*.example.com",
        "https://exa mple.com", "https://example.com ",
        " https://example.com", "https://example.com, https://b.example",
        "https://example.com https://b.example", "https://ex%61mple.com",
        "https://\xc3\xbc.example", "https://[::1", "https://::1",
        "https://[]", "https://[::1]x", "https://[::1]:", "https://[::g]",
        "https://[1.2.3.4]", "https://[fe80::1%25eth0]", "https://[::1]]",
        "https://[v1.a]", "https://a[::1]",
        "https://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]",
        "http://[0000:0000:0000:0000:0000:0000:0000:0000:00000]",
        "http://[0000:0000:0000:0000:0000:0000:0000:0000:000000]",
        "0http://example.com", "9http://example.com",
        "+http://example.com", "ht_tp://example.com",
        "ht tp://example.com", "null ", "NULL", "Null", "nullx", "null://",
        "file://", "any", "same", "http://\x01",
    };

    for (i = 0; i < N(good); i++) {
        n = strlen(good[i].text);

        is(notify_origin_parse(guard(good[i].text), n, &o), 0, "%s",
           good[i].text);

        ok(o.type == NOTIFY_ORIGIN_HOST && o.port == good[i].port
           && o.scheme_len == strlen(good[i].scheme)
           && memcmp(o.scheme, good[i].scheme, o.scheme_len) == 0
           && o.host_len == strlen(good[i].host)
           && memcmp(o.host, good[i].host, o.host_len) == 0,
           "its scheme, host and port");
    }

    for (i = 0; i < N(bad); i++) {
        n = strlen(bad[i]);
        o.type = NOTIFY_ORIGIN_HOST;

        ok(notify_origin_parse(guard(bad[i]), n, &o) == -1
           && o.type == NOTIFY_ORIGIN_INVALID,
           "\"%s\" is no origin", bad[i]);
    }

    is(notify_origin_parse((const uint8_t *) "http://a\0b", 10, &o), -1,
       "a NUL is no part of a host");
    is(notify_origin_parse((const uint8_t *) "http://[::1\0]", 13, &o), -1,
       "nor of an address");
    is(notify_origin_parse(NULL, 0, &o), -1, "nothing is no origin");

    is(notify_origin_parse(guard("null"), 4, &o), 0, "null");
    is(o.type, NOTIFY_ORIGIN_NULL, "is an origin of its own");
}


static void
test_same(void)
{
    size_t           i;
    char             origin[64], host[64];
    notify_origin_t  o;

    static const struct {
        const char  *origin;
        const char  *host;
        bool         same;
    } cases[] = {
        { "https://example.com", "example.com", true },
        { "https://example.com", "EXAMPLE.com", true },
        { "https://Example.com", "example.com", true },
        { "https://example.com", "example.com:8443", true },
        { "https://example.com:8443", "example.com", true },
        { "http://example.com:1", "example.com:2", true },
        { "http://[::1]:8000", "[::1]", true },
        { "http://[::1]", "[0:0:0:0:0:0:0:1]:80", true },
        { "http://[2001:DB8::1]", "[2001:db8::1]", true },
        { "http://127.0.0.1", "127.0.0.1:8080", true },
        { "https://example.com", "example.org", false },
        { "https://example.com", "www.example.com", false },
        { "https://www.example.com", "example.com", false },
        { "https://example.com", "example.co", false },
        { "https://example.com", "", false },
        { "https://example.com", ":80", false },
        { "https://example.com", "example.com.", false },
        { "https://example.com.", "example.com.", false },
        { "https://example.com", "example.com:", false },
        { "https://example.com", "example.com:x", false },
        { "https://example.com", "example.com/", false },
        { "https://example.com", "user@example.com", false },
        { "https://example.com", "https://example.com", false },
        { "http://[::1]", "::1", false },
        { "http://[::1]", "[::2]", false },
        { "http://[::1]", "127.0.0.1", false },
        { "http://[::1]", "[::1", false },
        { "null", "null", false },
        { "null", "example.com", false },
        { "file://", "", false },
        { "", "", false },
        { "https://", "", false },
    };

    for (i = 0; i < N(cases); i++) {
        strcpy(origin, cases[i].origin);
        strcpy(host, cases[i].host);

        notify_origin_parse((uint8_t *) origin, strlen(origin), &o);

        is(notify_origin_same(&o, guard(host), strlen(host)), cases[i].same,
           "origin \"%s\" at host \"%s\"", origin, host);
    }
}


static void
test_match(void)
{
    size_t           i;
    notify_origin_t  o;

    static const struct {
        const char  *pattern;
        const char  *origin;
        bool         match;
    } cases[] = {
        { "any", "https://example.com", true },
        { "any", "null", true },
        { "any", "file://", true },
        { "null", "null", true },
        { "null", "http://null", false },
        { "null", "https://example.com", false },
        { "null", "file://", false },

        { "https://example.com", "https://example.com", true },
        { "https://example.com", "HTTPS://EXAMPLE.COM", true },
        { "HTTPS://EXAMPLE.COM", "https://example.com", true },
        { "https://example.com", "https://example.com:443", true },
        { "https://example.com:443", "https://example.com", true },
        { "http://example.com", "http://example.com:80", true },
        { "http://example.com:80", "http://example.com", true },
        { "https://example.com", "http://example.com", false },
        { "https://example.com", "http://example.com:443", false },
        { "https://example.com", "https://example.com:8443", false },
        { "https://example.com:8443", "https://example.com:8443", true },
        { "https://example.com:8443", "https://example.com", false },
        { "https://example.com", "https://www.example.com", false },
        { "https://example.com", "https://example.com.evil.example", false },
        { "https://example.com", "https://evil-example.com", false },
        { "https://example.com", "null", false },
        { "https://example.com", "https://example.com/", false },
        { "chrome-extension://abc", "chrome-extension://abc", true },
        { "chrome-extension://abc", "chrome-extension://abd", false },

        { "example.com", "https://example.com", true },
        { "example.com", "http://example.com:8080", true },
        { "EXAMPLE.com", "http://example.COM", true },
        { "example.com", "https://www.example.com", false },
        { "example.com", "https://notexample.com", false },
        { "example.com", "https://example.com.", false },
        { "example.com:8443", "https://example.com:8443", true },
        { "example.com:8443", "http://example.com:8443", true },
        { "example.com:443", "https://example.com", true },
        { "example.com:80", "https://example.com", false },
        { "example.com:8443", "https://example.com", false },
        { "example.com:1", "app://example.com", false },

        { "*.example.com", "https://a.example.com", true },
        { "*.example.com", "https://a.b.example.com:99", true },
        { "*.EXAMPLE.com", "https://a.Example.COM", true },
        { "*.example.com", "https://example.com", false },
        { "*.example.com", "https://aexample.com", false },
        { "*.example.com", "https://.example.com", false },
        { "*.example.com", "https://a.example.com.evil.example", false },
        { "*.example.com", "https://evil.example/.example.com", false },
        { "*.example.com", "null", false },
        { "https://*.example.com", "https://a.example.com", true },
        { "https://*.example.com", "https://a.example.com:443", true },
        { "https://*.example.com", "https://a.example.com:8443", false },
        { "https://*.example.com", "http://a.example.com", false },
        { "https://*.example.com:8443", "https://a.example.com:8443", true },
        { "*.example.com:8443", "http://a.example.com:8443", true },
        { "*.example.com:8443", "http://a.example.com", false },

        { "[::1]", "http://[::1]:8000", true },
        { "[0:0::1]", "http://[::1]", true },
        { "http://[::1]:8000", "http://[::1]:8000", true },
        { "http://[::1]:8000", "http://[::1]", false },
        { "[::1]", "http://[::2]", false },
        { "127.0.0.1", "http://127.0.0.1:5000", true },

        /* not valid, so nobody comes in */
        { "*", "https://example.com", false },
        { "https://example.com/", "https://example.com", false },
        { "", "https://example.com", false },
        { "", "null", false },
        { "::1", "http://[::1]", false },
        { "ANY", "https://example.com", false },
        { "any", "", true },
        { "", "", false },
    };

    for (i = 0; i < N(cases); i++) {
        notify_origin_parse((const uint8_t *) cases[i].origin,
                            strlen(cases[i].origin), &o);

        is(notify_origin_match(guard(cases[i].pattern),
                               strlen(cases[i].pattern), &o),
           cases[i].match, "pattern \"%s\", origin \"%s\"", cases[i].pattern,
           cases[i].origin);
    }
}


static void
test_pattern(void)
{
    size_t       i;
    const char  *why;

    static const char  host[] =
        "write a host name such as example.com, or [::1]";
    static const char  path[] = "write no slash or path behind the host";
    static const char  port[] = "write a port from 1 to 65535";
    static const char  star[] =
        "write \"any\" for every origin, or \"*.example.com\"";
    static const char  address[] = "write \"*.\" only before a host name";

    static const struct {
        const char  *pattern;
        const char  *why;               /* NULL: it is valid */
    } cases[] = {
        { "any", NULL },
        { "null", NULL },
        { "example.com", NULL },
        { "example.com:8443", NULL },
        { "https://example.com", NULL },
        { "https://example.com:8443", NULL },
        { "*.example.com", NULL },
        { "*.localhost", NULL },
        { "*.node1", NULL },
        { "*.1.node", NULL },
        { "https://*.example.com:8443", NULL },
        { "[::1]", NULL },
        { "http://[::1]:80", NULL },
        { "10.0.0.1", NULL },
        { "", host },
        { "https://", host },
        { "https://:80", host },
        { "://example.com", host },
        { "example.com.", host },
        { ".example.com", host },
        { "a b", host },
        { "\xc3\xbc.example", host },
        { "::1", host },
        { "[::1", host },
        { "[example.com]", host },
        { "user@example.com", host },
        { "example.com?x", host },
        { "*.", host },
        { "a*.example.com", host },
        { "https://example.com/", path },
        { "example.com/app", path },
        { "example.com:", port },
        { "example.com:http", port },
        { "example.com:0", port },
        { "example.com:65536", port },
        { "https://example.com:443/", port },
        { "*", star },
        { "https://*", star },
        { "*example.com", star },
        { "**.example.com", star },
        { "*.*.example.com", star },
        { "*:80", star },
        { "*.0.0.1", address },
        { "*.0", address },
        { "*.1.9", address },
        { "*.[::1]", address },
        { "https://*.0.0.1:80", address },
    };

    for (i = 0; i < N(cases); i++) {
        is(notify_origin_pattern_valid(guard(cases[i].pattern),
                                       strlen(cases[i].pattern), &why),
           cases[i].why == NULL, "pattern \"%s\"", cases[i].pattern);
        is_str(why, cases[i].why, "and what to write instead");
    }
}


int
main(void)
{
    test_has();
    test_token_bytes();
    test_protocol();
    test_extensions();
    test_key();
    test_accept();
    test_origin();
    test_same();
    test_match();
    test_pattern();

    return test_done();
}
