
/*
 * What is printed is JSON, within its bounds, and jansson reads the same
 * text out of it.  A body is JSON when a plain recursive reading of RFC 8259
 * says so, however it is cut.
 */


#include <jansson.h>

#include "fuzz.h"
#include "notify_json.h"
#include "notify_utf8.h"


static json_t *
parse(const char *text, size_t n)
{
    json_t  *json;

    json = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL
                               | JSON_REJECT_DUPLICATES, NULL);
    fuzz_check(json != NULL);

    return json;
}


static void
string(const uint8_t *p, size_t n)
{
    char    *out;
    size_t   len, cap;
    json_t  *json;

    cap = NOTIFY_JSON_STRING_LEN(n);
    out = malloc(cap);
    fuzz_check(out != NULL);

    len = notify_json_string(out, cap, p, n);
    fuzz_check((len != 0) == notify_utf8_valid(p, n));
    fuzz_check(len <= cap);

    if (len != 0) {
        json = parse(out, len);
        fuzz_check(json_string_length(json) == n);
        fuzz_check(n == 0 || memcmp(json_string_value(json), p, n) == 0);
        json_decref(json);
    }

    free(out);
}


static void
receipt(const uint8_t *p, size_t n, uint64_t id, uint32_t sockets)
{
    char        *out, *user, text[NOTIFY_ID_LEN + 1];
    size_t       len, user_len, cap;
    json_t      *json;
    uint64_t     got;
    const char  *printed;

    user = malloc(NOTIFY_JSON_STRING_LEN(n));
    fuzz_check(user != NULL);

    user_len = notify_json_string(user, NOTIFY_JSON_STRING_LEN(n), p, n);

    if (user_len == 0) {
        free(user);
        return;
    }

    cap = NOTIFY_JSON_RECEIPT_LEN(user_len);
    out = malloc(cap);
    fuzz_check(out != NULL);

    len = notify_json_receipt(out, id, user, user_len, sockets);
    fuzz_check(len <= cap);

    json = parse(out, len);
    printed = json_string_value(json_object_get(json, "id"));

    text[notify_id_print(text, id)] = '\0';
    fuzz_check(strcmp(printed, text) == 0);
    fuzz_check(notify_id_read((const uint8_t *) printed, strlen(printed),
                              &got) == 0 && got == id);
    fuzz_check(json_string_length(json_object_get(json, "user")) == n);
    fuzz_check(json_integer_value(json_object_get(json, "sockets"))
               == (json_int_t) sockets);

    json_decref(json);
    free(out);
    free(user);
}


static void
error(const uint8_t *p, size_t n)
{
    char        *out;
    size_t       len, cap;
    json_t      *json, *text;

    cap = NOTIFY_JSON_ERROR_LEN(n, 4);
    out = malloc(cap);
    fuzz_check(out != NULL);

    len = notify_json_error(out, cap, "user", p, n);
    fuzz_check(len != 0 && len <= cap);

    json = parse(out, len);
    text = json_object_get(json, "error");

    fuzz_check(json_object_size(json) == 2);
    fuzz_check(json_string_length(text) <= NOTIFY_JSON_ERROR_TEXT);

    if (n <= NOTIFY_JSON_ERROR_TEXT) {
        fuzz_check(json_string_length(text) == n);
        fuzz_check(!notify_utf8_valid(p, n)
                   || n == 0 || memcmp(json_string_value(text), p, n) == 0);
    }

    json_decref(json);

    fuzz_check(notify_json_error(out, cap, NULL, p, n) == len - 15);

    free(out);
}


/* behind the value at p, or NULL; the text ends with a zero */

static const char *
value(const char *p, unsigned depth)
{
    int     empty;
    char    close;
    size_t  n;

    if (depth > NOTIFY_JSON_DEPTH) {
        return NULL;
    }

    p += strspn(p, " \t\r\n");

    switch (*p) {

    case '{':
    case '[':
        close = (*p == '{') ? '}' : ']';
        empty = 1;

        do {
            p++;
            p += strspn(p, " \t\r\n");

            if (*p == close && empty) {
                break;
            }

            empty = 0;

            if (close == '}') {
                p = (*p == '"') ? value(p, depth) : NULL;
                p = (p != NULL && *p == ':') ? p + 1 : NULL;
            }

            p = p ? value(p, depth + 1) : NULL;

        } while (p != NULL && *p == ',');

        p = (p != NULL && *p == close) ? p + 1 : NULL;
        break;

    case '"':
        for (p++; *p != '"'; p++) {

            if ((unsigned char) *p < 0x20) {
                return NULL;
            }

            if (*p == '\\') {
                p++;

                if (*p == 'u') {
                    n = strspn(p + 1, "0123456789abcdefABCDEF");
                    p = (n >= 4) ? p + 4 : NULL;

                } else if (*p == '\0' || strchr("\"\\/bfnrt", *p) == NULL) {
                    p = NULL;
                }

                if (p == NULL) {
                    return NULL;
                }
            }
        }

        p++;
        break;

    case 't':
        p = strncmp(p, "true", 4) == 0 ? p + 4 : NULL;
        break;

    case 'f':
        p = strncmp(p, "false", 5) == 0 ? p + 5 : NULL;
        break;

    case 'n':
        p = strncmp(p, "null", 4) == 0 ? p + 4 : NULL;
        break;

    default:
        p += (*p == '-');
        n = strspn(p, "0123456789");

        if (n == 0 || (n > 1 && *p == '0')) {
            return NULL;
        }

        p += n;

        if (*p == '.') {
            n = strspn(p + 1, "0123456789");
            p += 1 + n;
        }

        if (n != 0 && (*p == 'e' || *p == 'E')) {
            p += 1 + (p[1] == '+' || p[1] == '-');
            n = strspn(p, "0123456789");
            p += n;
        }

        p = n ? p : NULL;
    }

    return p ? p + strspn(p, " \t\r\n") : NULL;
}


static void
body(const uint8_t *p, size_t n, fuzz_t *cuts)
{
    int            valid;
    char          *text;
    size_t         i, piece;
    json_t        *json;
    unsigned       k;
    const char    *end;
    struct iovec   iov[64];

    text = (char *) malloc(n + 1);
    fuzz_check(text != NULL);

    if (n != 0) {
        memcpy(text, p, n);
    }

    text[n] = '\0';

    end = value(text, 1);
    valid = end == text + n && notify_utf8_valid(p, n);

    free(text);

    for (i = 0, k = 0; i < n; i += piece, k++) {
        piece = (k == 63) ? n - i : fuzz_piece(cuts, n - i) - 1;

        iov[k].iov_base = fuzz_copy(p + i, piece);
        iov[k].iov_len = piece;
    }

    fuzz_check(notify_json_valid(iov, k) == valid);

    while (k != 0) {
        free(iov[--k].iov_base);
    }

    /* jansson takes a zero behind a number for the end */

    json = json_loadb((const char *) p, n, JSON_DECODE_ANY|JSON_ALLOW_NUL,
                      NULL);
    fuzz_check(json == NULL || valid || memchr(p, '\0', n) != NULL);
    json_decref(json);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int       i;
    fuzz_t    f, cuts;
    uint8_t  *copy;
    uint64_t  id;

    /* all of it is a body, its first half also says how that is cut */

    cuts.p = data;
    cuts.n = size / 2;
    body(data, size, &cuts);

    f.p = data;
    f.n = size;

    for (id = 0, i = 0; i < 8; i++) {
        id = id << 8 | fuzz_byte(&f);
    }

    copy = fuzz_copy(f.p, f.n);

    string(copy, f.n);
    receipt(copy, f.n, id, (uint32_t) (id >> 16));
    error(copy, f.n);

    free(copy);

    return 0;
}
