
/*
 * What the header fields of a WebSocket handshake say (RFC 6455, 4; RFC 7230,
 * 3.2.6 and 7; RFC 6454, 7), and which Origin may come in.
 *
 * Plain C over (p, n) without a terminating zero: nothing is allocated, kept
 * or logged, any bytes may come in.  A field that came as several lines is
 * read by a call for each line.
 */


#ifndef NOTIFY_UPGRADE_H_INCLUDED
#define NOTIFY_UPGRADE_H_INCLUDED


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


/*
 * Is the token in this line of a list (Connection; Upgrade, where "/" and a
 * version may follow a name and make it another one)?  Case does not matter.
 * 1 it is, 0 it is not, -1 the line is no such list (then it counts for
 * nothing).  Empty elements are skipped, as RFC 7230, 7 wants; a line of
 * nothing else is 0.
 */
int notify_upgrade_has(const uint8_t *p, size_t n, const char *token);

/*
 * The same of Sec-WebSocket-Protocol (11.3.4), where case matters and a line
 * without any token is -1.  token may be NULL: only -1 or 0 then.  That no
 * name comes twice is not checked: we choose at most one.
 */
int notify_upgrade_protocol(const uint8_t *p, size_t n, const char *token);

/*
 * Is this line a Sec-WebSocket-Extensions list (9.1)?  Space may stand around
 * "," ";" and "="; a quoted value must be a token inside of its quotes.
 */
bool notify_upgrade_extensions_valid(const uint8_t *p, size_t n);

/*
 * Is this a Sec-WebSocket-Key: base64 of 16 bytes, so 22 letters and "=="?
 * The last letter's four unused bits are not looked at (4.1 wants 16 bytes
 * when decoded, RFC 4648, 3.5 leaves those bits to us, and servers in use do
 * not look either).
 */
bool notify_upgrade_key_valid(const uint8_t *p, size_t n);

/*
 * Sec-WebSocket-Accept (4.2.2) is base64 of the SHA-1 of the key with this
 * text behind it.  The caller has the hash; this prints the 28 letters.
 */
#define NOTIFY_UPGRADE_GUID  "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define NOTIFY_UPGRADE_KEY_LEN     24
#define NOTIFY_UPGRADE_ACCEPT_LEN  28

void notify_upgrade_accept(uint8_t out[NOTIFY_UPGRADE_ACCEPT_LEN],
    const uint8_t digest[20]);


/*
 * An Origin, its pointers borrowed from the text.  Strict: scheme "://" host
 * [":" port] and nothing else: no path, no user, no dot at the end, no empty
 * label, no list.  A host is letters, digits, "-", "_" in labels (browsers
 * send IDN as punycode), or an IPv6 address in brackets.
 */

typedef enum {
    NOTIFY_ORIGIN_INVALID = 0,
    NOTIFY_ORIGIN_NULL,         /* "null": sandboxed, file, redirected */
    NOTIFY_ORIGIN_HOST
} notify_origin_type_e;

typedef struct {
    notify_origin_type_e   type;
    const uint8_t         *scheme;      /* as sent: compare without case */
    size_t                 scheme_len;
    const uint8_t         *host;        /* as sent, an IPv6 one in brackets */
    size_t                 host_len;
    unsigned               port;        /* 1 .. 65535, or 0: none written */
} notify_origin_t;


/* 0, or -1 and o->type is INVALID */
int notify_origin_parse(const uint8_t *p, size_t n, notify_origin_t *o);

/*
 * Is the Origin's host name that of the Host field (p, n), which may have a
 * port?  Case and ports do not matter (as for cookies: an https site may have
 * its socket on another port), IPv6 addresses are compared by value.  Never
 * true for an INVALID or NULL one, or a Host that is not host [":" port] as
 * above.
 */
bool notify_origin_same(const notify_origin_t *o, const uint8_t *p, size_t n);

/*
 * Does a pattern of notify_origins let this Origin in?
 *
 *   any                        each one, also an INVALID one
 *   null                       "null"
 *   https://example.com        this scheme, and its own port (443, 80)
 *   https://example.com:8443   this scheme and port
 *   example.com                any scheme and port
 *   example.com:8443           any scheme, this port
 *   *.example.com              hosts below example.com, not itself; a scheme
 *                              and port may be written too
 *   [::1]                      an IPv6 address, likewise
 *
 * Everything is compared without case.  A pattern that is not valid lets
 * nobody in.  The word "same" is the caller's: here it would be a host.
 */
bool notify_origin_match(const uint8_t *p, size_t n,
    const notify_origin_t *o);

/* for nginx -t: false, and *why is a constant text that says what is wrong */
bool notify_origin_pattern_valid(const uint8_t *p, size_t n,
    const char **why);


#endif /* NOTIFY_UPGRADE_H_INCLUDED */
