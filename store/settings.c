/* One table describes all settings: their names, what they may be, and where struct settings has
 * them.  Reading the database, the checks and the defaults all go by the table, so a new setting
 * is one line here, one field in the header, and its rule in sql/schema.sql.
 *
 * Values are read as strictly as the schema writes them.  A value that the schema would refuse
 * can only come from a log without its triggers, and there a default is better than a guess. */
#include "store/settings.h"

#include <stdlib.h>
#include <string.h>

#include "store/rules.h"

/* Where a setting is, and how much room a text has there. */
#define PLACE(NAME) .name = #NAME, .offset = offsetof(struct settings, NAME)
#define ROOM(NAME) (sizeof((struct settings *)0)->NAME - 1)

#define NUMBER(NAME, LEAST, MOST, STANDARD)                                                    \
    {                                                                                          \
        .kind = SETTING_NUMBER, .least = (LEAST), .most = (MOST), .standard = (STANDARD),      \
        PLACE(NAME)                                                                            \
    }
#define NUMBER_OR_ZERO(NAME, LEAST, MOST, STANDARD)                                            \
    {                                                                                          \
        .kind = SETTING_NUMBER, .or_zero = true, .least = (LEAST), .most = (MOST),             \
        .standard = (STANDARD), PLACE(NAME)                                                    \
    }
#define OTHER(NAME, KIND, MOST, STANDARD)                                                      \
    {                                                                                          \
        .kind = (KIND), .most = (MOST), .standard = (STANDARD), PLACE(NAME)                    \
    }

static const struct setting table[] = {
    NUMBER(buffer_size, 1, 10000000, "1000"),
    NUMBER_OR_ZERO(buffer_age, 1, 3153600000, "86400"),
    NUMBER_OR_ZERO(buffer_bytes, 65536, 1099511627776, "67108864"),
    NUMBER(buffer_ttl, 1, 31536000, "30"),
    OTHER(enable_reconnection, SETTING_SWITCH, 1, "1"),
    NUMBER(cleanup_interval, 1, 3600, "10"),
    NUMBER(heartbeat_interval, 1, HEARTBEAT_MOST, "15"),
    NUMBER(retry, RETRY_LEAST, RETRY_MOST, "3000"),
    NUMBER_OR_ZERO(stream_max_age, 1, 31536000, "0"),
    NUMBER(max_event_bytes, EVENT_DATA_MAX_LEAST, EVENT_DATA_MAX, "1048576"),
    NUMBER(tail_bytes, 65536, 1073741824, "8388608"),
    NUMBER(memory_bytes, 1048576, 17179869184, "50331648"),
    OTHER(mark_replayed, SETTING_SWITCH, 1, "1"),
    OTHER(publish_token, SETTING_TOKEN, ROOM(publish_token), ""),
    OTHER(session_check, SETTING_CHECK, 0, "user_agent"),
    OTHER(meta_headers, SETTING_NAMES, ROOM(meta_headers), ""),
    OTHER(cookie_name, SETTING_COOKIE, ROOM(cookie_name), "sse-session-id"),
    OTHER(cookie_path, SETTING_PATH, ROOM(cookie_path), ""),
};

enum { SETTINGS = sizeof table / sizeof *table };

const struct setting *settings_table(size_t *n)
{
    *n = SETTINGS;
    return table;
}

/* 15 digits are what the schema allows.  They always fit, so strtoll() cannot overflow. */
static bool settings_take_number(const struct setting *is, void *place, const char *value)
{
    size_t digits = strspn(value, "0123456789");
    if (digits < 1 || digits > 15 || value[digits] || (value[0] == '0' && value[1]))
        return false;
    int64_t n = strtoll(value, NULL, 10);
    if ((n < is->least || n > is->most) && !(n == 0 && is->or_zero))
        return false;
    memcpy(place, &n, sizeof n);
    return true;
}

static bool take_switch(bool *place, const char *value)
{
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return false;
    *place = *value == '1';
    return true;
}

static bool take_check(enum session_check *place, const char *value)
{
    if (strcmp(value, "none") != 0 && strcmp(value, "user_agent") != 0)
        return false;
    *place = *value == 'n' ? SESSION_CHECK_NONE : SESSION_CHECK_USER_AGENT;
    return true;
}

/* A token stands in the header Authorization, so it can have no blank (RFC 6750, 2.1). */
static bool is_in_token(char c)
{
    return c >= '!' && c <= '~';
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_in_names(char c)
{
    return is_alphanumeric(c) || (c && strchr("-_, ", c));
}

/* Fewer characters than RFC 6265, 4.1.1, allows in a cookie's name. */
static bool is_in_cookie(char c)
{
    return is_alphanumeric(c) || (c && strchr("-_.", c));
}

/* The path becomes an attribute of Set-Cookie, which a semicolon would end (RFC 6265, 4.1.1). */
static bool is_in_path(char c)
{
    return is_in_token(c) && !strchr(";,\"\\", c);
}

static bool take_text(const struct setting *is, char *place, const char *value,
                      bool (*allowed)(char c))
{
    size_t n = 0;
    while (n <= (size_t)is->most && value[n])
        if (!allowed(value[n++]))
            return false;
    if (n > (size_t)is->most)
        return false;
    memcpy(place, value, n + 1);
    return true;
}

static bool settings_take_value(struct settings *s, const struct setting *is, const char *value)
{
    void *place = (char *)s + is->offset;
    switch (is->kind) {
    case SETTING_NUMBER:
        return settings_take_number(is, place, value);
    case SETTING_SWITCH:
        return take_switch(place, value);
    case SETTING_CHECK:
        return take_check(place, value);
    case SETTING_TOKEN:
        return take_text(is, place, value, is_in_token);
    case SETTING_COOKIE:
        return is_alphanumeric(*value) && take_text(is, place, value, is_in_cookie);
    case SETTING_PATH:
        return (!*value || *value == '/') && take_text(is, place, value, is_in_path);
    case SETTING_NAMES:
        return take_text(is, place, value, is_in_names);
    }
    return false;
}

enum setting_taken settings_take(struct settings *s, const char *name, const char *value)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (strcmp(name, table[i].name) == 0)
            return value && settings_take_value(s, &table[i], value) ? SETTING_TAKEN
                                                                     : SETTING_IMPOSSIBLE;
    return SETTING_UNKNOWN;
}

struct settings *settings_new(void)
{
    struct settings *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    for (size_t i = 0; i < SETTINGS; i++)
        settings_take_value(s, &table[i], table[i].standard);
    s->version = -1;
    atomic_init(&s->refs, 1);
    return s;
}

/* Relaxed: the caller already has a reference, so nothing is published by this one. */
struct settings *settings_ref(struct settings *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

/* Acquire and release: each holder's last reads have to come before the free. */
void settings_unref(struct settings *s)
{
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        free(s);
}

bool settings_are_of(const struct settings *s, const char *epoch, int64_t version)
{
    return s && s->version == version && strcmp(s->epoch, epoch) == 0;
}

int64_t settings_heartbeat(const struct settings *s, int64_t asked)
{
    return asked > 0 && asked < s->heartbeat_interval ? asked : s->heartbeat_interval;
}
