/* Strangers choose how deep arrays and objects are in each other, so the brackets that are open
 * are kept in an array and not on the stack of calls. */
#include "fcgi/request/json_read.h"

#include <stdint.h>
#include <string.h>

#include "fcgi/base/utf8.h"

struct json_reader json_read(const char *text, size_t len)
{
    return (struct json_reader){.at = text, .end = text + len};
}

static bool json_wrong(struct json_reader *r, const char *what)
{
    r->wrong = what;
    return false;
}

/* The next byte; NUL at the end, where no JSON has one either. */
static char json_peek(const struct json_reader *r)
{
    return r->at < r->end ? *r->at : '\0';
}

static bool is_among(char c, const char *these)
{
    return c && strchr(these, c);
}

static void skip_space(struct json_reader *r)
{
    while (r->at < r->end && is_among(*r->at, " \t\r\n"))
        r->at++;
}

bool json_read_end(struct json_reader *r)
{
    skip_space(r);
    return r->at == r->end;
}

/* ---- strings, numbers, words --------------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The four digits of an escape, of which `len` bytes are at hand; -1: they are none. */
static int hex_four(const char *digits, size_t len)
{
    int n = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < len ? hex_digit(digits[i]) : -1;
        if (digit < 0)
            return -1;
        n = n * 16 + digit;
    }
    return n;
}

static bool read_escape(struct json_reader *r)
{
    size_t left = (size_t)(r->end - r->at);
    if (left > 1 && is_among(r->at[1], "\"\\/bfnrt"))
        r->at += 2;
    else if (left > 2 && r->at[1] == 'u' && hex_four(r->at + 2, left - 2) >= 0)
        r->at += 6;
    else
        return json_wrong(r, "a backslash begins no escape of JSON");
    return true;
}

static bool read_character(struct json_reader *r)
{
    bool sound;
    if ((unsigned char)*r->at < ' ')
        return json_wrong(r, "a string has a control character that is not escaped");
    size_t len = utf8_part((const unsigned char *)r->at, (size_t)(r->end - r->at), &sound);
    if (!sound)
        return json_wrong(r, "a string is not UTF-8");
    r->at += len;
    return true;
}

static bool read_string(struct json_reader *r)
{
    r->at++;
    while (r->at < r->end) {
        if (*r->at == '"') {
            r->at++;
            return true;
        }
        if (*r->at == '\\' ? !read_escape(r) : !read_character(r))
            return false;
    }
    return json_wrong(r, "a string has no end");
}

static bool read_digits(struct json_reader *r)
{
    const char *from = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > from;
}

static bool read_number(struct json_reader *r)
{
    r->at += *r->at == '-';
    bool zero = json_peek(r) == '0', sound = true;
    if (zero)
        r->at++;
    else
        sound = read_digits(r);
    if (sound && json_peek(r) == '.') {
        r->at++;
        sound = read_digits(r);
    }
    if (sound && (json_peek(r) == 'e' || json_peek(r) == 'E')) {
        r->at++;
        r->at += json_peek(r) == '+' || json_peek(r) == '-';
        sound = read_digits(r);
    }
    return sound || json_wrong(r, "a number lacks a digit");
}

static bool read_word(struct json_reader *r)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i]);
        if (len <= (size_t)(r->end - r->at) && memcmp(r->at, words[i], len) == 0) {
            r->at += len;
            return true;
        }
    }
    return json_wrong(r, "a value is missing");
}

static bool read_scalar(struct json_reader *r)
{
    char c = json_peek(r);
    if (c == '"')
        return read_string(r);
    return c == '-' || (c >= '0' && c <= '9') ? read_number(r) : read_word(r);
}

/* ---- arrays and objects -------------------------------------------------------------- */

static bool read_name(struct json_reader *r, struct json_piece *name)
{
    *name = (struct json_piece){.at = r->at};
    if (json_peek(r) != '"')
        return json_wrong(r, "the name of a member is missing");
    if (!read_string(r))
        return false;
    name->len = (size_t)(r->at - name->at);
    skip_space(r);
    if (json_peek(r) != ':')
        return json_wrong(r, "a colon is missing");
    r->at++;
    skip_space(r);
    return true;
}

/* Go to the next value in the array or object that `bracket` opened.  False: it has none, or
 * something is wrong.  Behind the bracket itself no comma comes first; no value ends with one. */
static bool find_next(struct json_reader *r, char bracket, struct json_piece *name)
{
    bool first = r->at[-1] == bracket;
    skip_space(r);
    if (json_peek(r) == (bracket == '[' ? ']' : '}')) {
        r->at++;
        return false;
    }
    if (!first && json_peek(r) != ',')
        return json_wrong(r, bracket == '[' ? "a comma or ] is missing"
                                            : "a comma or } is missing");
    r->at += !first;
    skip_space(r);
    return bracket == '[' || read_name(r, name);
}

bool json_read_value(struct json_reader *r, struct json_piece *value)
{
    char open[JSON_DEPTH_MAX];
    size_t depth = 0;
    struct json_piece name;
    skip_space(r);
    value->at = r->at;
    do {
        if (depth > 0 && !find_next(r, open[depth - 1], &name)) {
            depth--;
        } else if (json_peek(r) != '[' && json_peek(r) != '{') {
            (void)read_scalar(r);
        } else if (depth == JSON_DEPTH_MAX) {
            (void)json_wrong(r, "arrays and objects are nested too deeply");
        } else {
            open[depth++] = *r->at++;
        }
    } while (depth > 0 && !r->wrong);
    value->len = (size_t)(r->at - value->at);
    return !r->wrong;
}

bool json_read_into(struct json_reader *r, char bracket)
{
    skip_space(r);
    if (json_peek(r) != bracket)
        return false;
    r->at++;
    return true;
}

bool json_read_next(struct json_reader *r, char bracket, struct json_piece *name,
                    struct json_piece *value)
{
    return find_next(r, bracket, name) && json_read_value(r, value);
}

/* ---- what a string says -------------------------------------------------------------- */

/* What a `\u` escape at `at` is; *len grows by a second one that belongs to it. */
static unsigned escape_flaws(const char *at, size_t left, size_t *len)
{
    int n = hex_four(at + 2, left - 2);
    bool high = n >= 0xd800 && n < 0xdc00, low = n >= 0xdc00 && n < 0xe000;
    *len = 6;
    if (high && left > 8 && at[6] == '\\' && at[7] == 'u') {
        int next = hex_four(at + 8, left - 8);
        if (next >= 0xdc00 && next < 0xe000) {
            *len = 12;
            return 0;
        }
    }
    return (n == 0 ? JSON_NUL : 0u) | (n < ' ' || n == 0x7f ? JSON_CONTROL : 0u) |
           (high || low ? JSON_HALF : 0u);
}

unsigned json_string_flaws(const struct json_piece *string)
{
    const char *at = string->at + 1, *end = string->at + string->len - 1;
    unsigned flaws = 0;
    for (size_t len; at < end; at += len) {
        len = *at == '\\' ? 2 : 1;
        if (*at == 0x7f)
            flaws |= JSON_CONTROL;
        else if (*at == '\\' && at[1] == 'u')
            flaws |= escape_flaws(at, (size_t)(end - at), &len);
        else if (*at == '\\' && is_among(at[1], "bfnrt"))
            flaws |= JSON_CONTROL;
    }
    return flaws;
}
