
/*
 * What is printed is JSON, within its bounds, and jansson reads the same
 * text out of it.
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

    len = notify_json_receipt(out, cap, id, user, user_len, sockets);
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


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int       i;
    fuzz_t    f;
    uint8_t  *copy;
    uint64_t  id;

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
