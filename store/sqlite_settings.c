#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_database.h"

/* Where the whole numbers go; the schema has checked their ranges. */
static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    {"buffer_size", offsetof(struct settings, buffer_size)},
    {"buffer_age", offsetof(struct settings, buffer_age)},
    {"buffer_bytes", offsetof(struct settings, buffer_bytes)},
    {"buffer_ttl", offsetof(struct settings, buffer_ttl)},
    {"cleanup_interval", offsetof(struct settings, cleanup_interval)},
    {"heartbeat_interval", offsetof(struct settings, heartbeat_interval)},
    {"retry", offsetof(struct settings, retry)},
    {"stream_max_age", offsetof(struct settings, stream_max_age)},
    {"max_event_bytes", offsetof(struct settings, max_event_bytes)},
    {"tail_bytes", offsetof(struct settings, tail_bytes)},
    {"memory_bytes", offsetof(struct settings, memory_bytes)},
};

/* Both go into a header, so that what the table's rules refuse is refused here, too, should
 * somebody have removed the rules. */
static void take_cookie(struct settings *out, const char *name, const char *value)
{
    size_t len = strlen(value);
    if (strcmp(name, "cookie_name") == 0) {
        static const char fine[] = "abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
        if (len > 0 && len < sizeof out->cookie_name && strspn(value, fine) == len)
            memcpy(out->cookie_name, value, len + 1);
        return;
    }
    bool fits = len < sizeof out->cookie_path && (len == 0 || value[0] == '/');
    for (size_t i = 0; fits && i < len; i++)
        fits = value[i] > ' ' && value[i] <= '~' && !strchr(";,\"\\", value[i]);
    if (fits)
        memcpy(out->cookie_path, value, len + 1);
}

/* A name that is not known here belongs to a later version of the table and is left alone. */
static void settings_take(struct settings *out, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(name, numbers[i].name) == 0) {
            int64_t n = strtoll(value, NULL, 10);
            memcpy((char *)out + numbers[i].offset, &n, sizeof n);
            return;
        }
    if (strcmp(name, "enable_reconnection") == 0)
        out->enable_reconnection = strcmp(value, "0") != 0;
    else if (strcmp(name, "mark_replayed") == 0)
        out->mark_replayed = strcmp(value, "0") != 0;
    else if (strcmp(name, "session_check") == 0)
        out->session_check =
            strcmp(value, "none") == 0 ? SESSION_CHECK_NONE : SESSION_CHECK_USER_AGENT;
    else if (strncmp(name, "cookie_", 7) == 0)
        take_cookie(out, name, value);
    else if (strcmp(name, "publish_token") == 0)
        snprintf(out->publish_token, sizeof out->publish_token, "%s", value);
    else if (strcmp(name, "meta_headers") == 0)
        snprintf(out->meta_headers, sizeof out->meta_headers, "%s", value);
}

static int found(void *arg, int columns, char **value, char **name)
{
    (void)columns, (void)value, (void)name;
    *(bool *)arg = true;
    return 0;
}

void settings_complete(struct store *s)
{
    bool missing = false;
    sqlite3_exec(s->log.db, sql_text[SQL_SETTINGS_MISSING], found, &missing, NULL);
    if (missing && sqlite3_exec(s->log.db, sql_text[SQL_SCHEMA], NULL, NULL, NULL) != SQLITE_OK)
        database_rollback(&s->log);
}

static enum store_result settings_read(struct store *s, struct settings *out)
{
    struct store_end end;
    enum store_result r = log_read_end(s, &end, NULL);
    if (r != STORE_OK)
        return r;
    out->version = end.config_version;
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_SETTINGS_READ);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    for (; rc == SQLITE_ROW; rc = sqlite3_step(stmt)) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        const char *value = (const char *)sqlite3_column_text(stmt, 1);
        if (!name || !value)
            break;
        settings_take(out, name, value);
    }
    if (rc != SQLITE_DONE)
        r = store_failed(s, &s->log, "reading the settings");
    sqlite3_reset(stmt);
    return r;
}

enum store_result store_settings(struct store *s, struct settings **out)
{
    enum store_result r = database_use(s, &s->log);
    if (r != STORE_OK)
        return r;
    struct settings *new = settings_new();
    if (!new)
        return store_refuse(s, STORE_NOMEM, "reading the settings: out of memory");
    r = database_run(s, &s->log, SQL_BEGIN); /* values and version of one moment */
    if (r == STORE_OK)
        r = settings_read(s, new);
    if (r == STORE_OK)
        r = database_run(s, &s->log, SQL_COMMIT);
    if (r != STORE_OK) {
        database_rollback(&s->log);
        settings_unref(new);
        return r;
    }
    *out = new;
    return STORE_OK;
}
