/* Settings are read whole, and only if the log's epoch or config_version says that they changed.
 * A trigger moves config_version with each change, so one look at the end of the log, which has
 * both, tells whether any of them did. */
#include <string.h>

#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/tell.h"

/* Take the value of a row if it is valid; if not, the default stays in force, and a notice says
 * so.  Only a table whose triggers are gone can have such a row. */
static void settings_take_row(struct sqlite_store *s, struct settings *out, sqlite3_stmt *row)
{
    bool is_text = sqlite3_column_type(row, 1) == SQLITE_TEXT;
    const char *name = (const char *)sqlite3_column_text(row, 0);
    const char *value = is_text ? (const char *)sqlite3_column_text(row, 1) : NULL;
    if (value && strlen(value) != (size_t)sqlite3_column_bytes(row, 1))
        value = NULL; /* there is a NUL in it */
    if (name && settings_take(out, name, value) == SETTING_IMPOSSIBLE)
        log_tell(s, STORE_NOTICE_FILES,
                 "rowcast_config has an impossible value of %.64s: its default is in force",
                 name);
}

static enum store_result settings_read(struct sqlite_store *s, struct settings *out)
{
    struct store_end end;
    enum store_result r = log_read_end(s, &end, NULL);
    if (r != STORE_OK)
        return r;
    memcpy(out->epoch, end.epoch, sizeof out->epoch);
    out->version = end.config_version;
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_SETTINGS_READ);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    for (; rc == SQLITE_ROW; rc = sqlite3_step(stmt))
        settings_take_row(s, out, stmt);
    if (rc != SQLITE_DONE)
        r = store_failed(s, &s->log, "reading the settings");
    sqlite3_reset(stmt);
    return r;
}

/* In one transaction, so that values, epoch and version are of one moment. */
static enum store_result settings_read_all(struct sqlite_store *s, struct settings **out)
{
    struct settings *new = settings_new();
    if (!new)
        return store_refuse(s, STORE_NOMEM, "reading the settings: out of memory");
    enum store_result r = database_run(s, &s->log, SQL_BEGIN);
    if (r == STORE_OK)
        r = settings_read(s, new);
    if (r == STORE_OK)
        r = database_run(s, &s->log, SQL_COMMIT);
    if (r == STORE_OK) {
        *out = new;
        return r;
    }
    database_rollback(&s->log);
    settings_unref(new);
    return r;
}

enum store_result sqlite_settings_newer(struct store *store, const struct settings *have,
                                        struct settings **newer)
{
    struct sqlite_store *s = sqlite_of(store);
    struct store_end end;
    *newer = NULL;
    enum store_result r = sqlite_where(store, &end);
    if (r != STORE_OK || settings_are_of(have, end.epoch, end.config_version))
        return r;
    return settings_read_all(s, newer);
}
