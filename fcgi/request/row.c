/* A member that is unknown, or there twice, is refused: a misspelt `channel` would reach everyone,
 * and of two the reader of the JSON would choose one.  For the same reason null does not stand
 * for a member that is left out, since an unset variable of a publisher's becomes null.
 *
 * Names of members are compared as they stand, so one that is written with escapes is unknown.
 * And the texts go on as they stand, since they were found sound. */
#include "fcgi/request/row.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/request/json_read.h"
#include "store/rules.h"

/* In the order of struct store_rows. */
enum { CHANNEL, SESSION, TYPE, DATA, DEDUP_KEY, KEY, EXPIRES_IN, MEMBERS };
static const char *const member[MEMBERS] = {
    [CHANNEL] = "channel",
    [SESSION] = "session",
    [TYPE] = "type",
    [DATA] = "data",
    [DEDUP_KEY] = "dedup_key",
    [KEY] = "key",
    [EXPIRES_IN] = "expires_in",
};

struct row {
    struct json_piece part[MEMBERS]; /* the value of each member that is there */
    char *why;
};

__attribute__((format(printf, 2, 3))) static bool row_wrong(struct row *w, const char *format,
                                                            ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(w->why, ROW_WHY_SIZE, format, args);
    va_end(args);
    return false;
}

/* ---- which members it has ------------------------------------------------------------ */

static int member_of(const struct json_piece *name)
{
    int i = 0;
    while (i < MEMBERS && (name->len - 2 != strlen(member[i]) ||
                           memcmp(name->at + 1, member[i], name->len - 2) != 0))
        i++;
    return i;
}

/* A stranger wrote the name, so it is cut and made printable. */
static bool row_unknown(struct row *w, const struct json_piece *name)
{
    enum { SHOWN = 40 };
    char shown[SHOWN + 1];
    size_t n = 0;
    for (; n < SHOWN && n < name->len - 2; n++)
        shown[n] = name->at[n + 1] >= ' ' && name->at[n + 1] <= '~' ? name->at[n + 1] : '?';
    shown[n] = '\0';
    return row_wrong(w,
                     "%s%s is not a member of a row; it has channel, session, type, data, "
                     "dedup_key, key and expires_in",
                     shown, n < name->len - 2 ? "..." : "");
}

static bool row_is_json(struct row *w, const char *text, size_t len)
{
    struct json_reader r = json_read(text, len);
    struct json_piece whole;
    if (!json_read_value(&r, &whole))
        return row_wrong(w, "this is not JSON: %s, at byte %zu", r.wrong,
                         (size_t)(r.at - text) + 1);
    if (whole.at[0] == '[')
        return row_wrong(w,
                         "a row is a JSON object, and this is an array: send an array of rows "
                         "as application/json");
    if (whole.at[0] != '{')
        return row_wrong(w, "a row is a JSON object, and this is none");
    if (!json_read_end(&r))
        return row_wrong(w, "something follows the JSON object, at byte %zu",
                         (size_t)(r.at - text) + 1);
    return true;
}

static bool row_members(struct row *w, const char *text, size_t len)
{
    struct json_reader r = json_read(text, len);
    struct json_piece name, value;
    (void)json_read_into(&r, '{');
    while (json_read_next(&r, '{', &name, &value)) {
        int i = member_of(&name);
        if (i == MEMBERS)
            return row_unknown(w, &name);
        if (w->part[i].at)
            return row_wrong(w, "%s is given more than once", member[i]);
        w->part[i] = value;
    }
    return true;
}

/* ---- what they are ------------------------------------------------------------------- */

static bool is_text(const struct json_piece *value)
{
    return value->at[0] == '"';
}

static bool is_empty_text(const struct json_piece *value)
{
    return value->at && value->len == 2 && is_text(value);
}

static bool texts_fit(struct row *w)
{
    static const int texts[] = {CHANNEL, SESSION, TYPE, DEDUP_KEY, KEY};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct json_piece *value = &w->part[texts[i]];
        if (!value->at)
            continue;
        if (!is_text(value))
            return row_wrong(w, "%s must be a text", member[texts[i]]);
        unsigned flaws = json_string_flaws(value);
        if (flaws & JSON_CONTROL)
            return row_wrong(w, "%s cannot contain control characters", member[texts[i]]);
        if (flaws & JSON_HALF)
            return row_wrong(w, "%s has half of a surrogate pair", member[texts[i]]);
    }
    return true;
}

static bool data_fits(struct row *w)
{
    const struct json_piece *data = &w->part[DATA];
    if (!data->at)
        return row_wrong(w, "data is missing");
    unsigned flaws = is_text(data) ? json_string_flaws(data) : 0;
    if (flaws & JSON_NUL)
        return row_wrong(w, "data cannot contain \\u0000; broadcast and send take such data");
    if (flaws & JSON_HALF)
        return row_wrong(w, "data has half of a surrogate pair");
    return true;
}

static bool goes_somewhere(struct row *w)
{
    if (w->part[CHANNEL].at && w->part[SESSION].at)
        return row_wrong(w, "a row is for a channel or for a session, not for both");
    if (is_empty_text(&w->part[CHANNEL]))
        return row_wrong(
            w, "channel is empty: name the channel, or leave it out to reach everyone");
    if (is_empty_text(&w->part[SESSION]))
        return row_wrong(
            w, "session is empty: name the session, or leave it out to reach everyone");
    return true;
}

static bool expiry_fits(struct row *w)
{
    const struct json_piece *value = &w->part[EXPIRES_IN];
    long seconds = 0;
    bool whole = value->len > 0 && value->at[0] != '0';
    for (size_t i = 0; whole && i < value->len; i++) {
        whole = value->at[i] >= '0' && value->at[i] <= '9' && seconds <= EVENT_EXPIRES_MAX;
        seconds = whole ? seconds * 10 + (value->at[i] - '0') : 0;
    }
    if (!value->at || (whole && seconds <= EVENT_EXPIRES_MAX))
        return true;
    return row_wrong(w, "expires_in must be whole seconds, from 1 to %d", EVENT_EXPIRES_MAX);
}

/* ---- in the form of the store -------------------------------------------------------- */

/* How a character of JSON is written in a text.  Of control characters there is only white space
 * in what was read.  NULL: as it is. */
static const char *escape_of(char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static void add_quoted(struct buffer *out, const struct json_piece *json)
{
    size_t from = 0;
    buffer_text(out, "\"");
    for (size_t i = 0; i < json->len; i++) {
        const char *escape = escape_of(json->at[i]);
        if (!escape)
            continue;
        buffer_add(out, json->at + from, i - from);
        buffer_text(out, escape);
        from = i + 1;
    }
    buffer_add(out, json->at + from, json->len - from);
    buffer_text(out, "\"");
}

static void add_member(struct buffer *out, const struct row *w, int i, const char *otherwise)
{
    const struct json_piece *value = &w->part[i];
    if (!value->at)
        buffer_text(out, otherwise);
    else if (i == DATA && !is_text(value))
        add_quoted(out, value);
    else
        buffer_add(out, value->at, value->len);
    buffer_text(out, i == MEMBERS - 1 ? "]" : ",");
}

bool row_add(struct buffer *out, const char *text, size_t len, bool *has_session,
             char why[ROW_WHY_SIZE])
{
    static const char *const otherwise[MEMBERS] = {
        [CHANNEL] = "\"\"",   [SESSION] = "null", [TYPE] = "\"message\"", [DATA] = "\"\"",
        [DEDUP_KEY] = "null", [KEY] = "null",     [EXPIRES_IN] = "null"};
    struct row w = {.why = why};
    if (!row_is_json(&w, text, len) || !row_members(&w, text, len) || !texts_fit(&w) ||
        !data_fits(&w) || !goes_somewhere(&w) || !expiry_fits(&w))
        return false;
    *has_session |= w.part[SESSION].at != NULL;
    buffer_text(out, "[");
    for (int i = 0; i < MEMBERS; i++)
        add_member(out, &w, i, otherwise[i]);
    return true;
}
