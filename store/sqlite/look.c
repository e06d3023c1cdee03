/* Whether the log is still what sql/schema.sql makes of it.
 *
 * The log may lie in an application's own database, and a person can do anything to that: a
 * migration tool rebuilds the table and forgets its triggers, a column is renamed, a connection
 * switches triggers off, somebody edits the books.  So what is read is never believed without a
 * look, and nothing that is read can end the process:
 *
 *  - The schema is looked at when the log is opened, and whenever PRAGMA schema_version changed
 *    (1 µs, in the transaction that reads).  Without its tables and columns the log cannot be
 *    used, and the sentence says what is missing.  If triggers or indexes are missing, running
 *    the schema makes them again, and recounts the books as well.  Of a log of an earlier
 *    revision, only what that revision had is demanded.
 *  - Rows that no trigger saw count, too: the log ends at the newer of last_id in the books and
 *    the newest row (log_read_end).  So they reach the streams at once, before anything is
 *    mended.
 *
 * A trigger with another text than ours is left alone: it may be of an earlier version. */
#include "store/sqlite/look.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/now.h"
#include "store/sqlite/upgrade.h"

enum { RECOUNT_PAUSE_MS = 10000 };

/* What the schema consists of; a test compares this with sql/schema.sql.  A vital table that is
 * missing is not made again: somebody may be in the middle of a migration. */
static const struct {
    const char *type, *name, *table;
    bool vital;
    int revision; /* the first that has it */
} objects[] = {
    {"table", "events", "events", true, 1},
    {"table", "rowcast_channels", "rowcast_channels", true, 1},
    {"table", "rowcast_log", "rowcast_log", true, 1},
    {"table", "rowcast_config", "rowcast_config", true, 1},
    {"table", "rowcast_clock", "rowcast_clock", false, 1},
    {"table", "rowcast_removed", "rowcast_removed", false, 2},
    {"index", "events_mailbox", "events", false, 1},
    {"index", "events_created_at", "events", false, 1},
    {"index", "events_dedup_key", "events", false, 1},
    {"index", "events_key", "events", false, 2},
    {"index", "events_expires_at", "events", false, 2},
    {"index", "rowcast_channels_trimmed_to", "rowcast_channels", false, 1},
    {"view", "rowcast_position", "rowcast_position", false, 2},
    {"trigger", "events_insert", "events", false, 1},
    {"trigger", "events_update", "events", false, 1},
    {"trigger", "events_inserted", "events", false, 1},
    {"trigger", "events_deleted", "events", false, 1},
    {"trigger", "rowcast_channels_delete", "rowcast_channels", false, 1},
    {"trigger", "rowcast_log_insert", "rowcast_log", false, 1},
    {"trigger", "rowcast_log_update", "rowcast_log", false, 1},
    {"trigger", "rowcast_log_delete", "rowcast_log", false, 1},
    {"trigger", "rowcast_log_replaced", "rowcast_log", false, 2},
    {"trigger", "rowcast_log_old", "rowcast_log", false, 1},
    {"trigger", "rowcast_log_due", "rowcast_log", false, 2},
    {"trigger", "rowcast_log_full", "rowcast_log", false, 1},
    {"trigger", "rowcast_log_excess", "rowcast_log", false, 1},
    {"trigger", "rowcast_config_insert", "rowcast_config", false, 1},
    {"trigger", "rowcast_config_update", "rowcast_config", false, 1},
    {"trigger", "rowcast_config_updated", "rowcast_config", false, 1},
    {"trigger", "rowcast_config_delete", "rowcast_config", false, 1},
};

enum { OBJECTS = sizeof objects / sizeof *objects };

/* ---- looking ----------------------------------------------------------------------- */

/* Add a name to the list of what the log lacks. */
static void lacks(struct sqlite_store *s, const char *type, const char *name)
{
    size_t n = strlen(s->lacks);
    snprintf(s->lacks + n, sizeof s->lacks - n, "%s%s %s", n > 0 ? ", " : "", type, name);
}

static enum store_result look_at_objects(struct sqlite_store *s, bool there[OBJECTS],
                                         bool *is_view)
{
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_LOOK_OBJECTS);
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *type = (const char *)sqlite3_column_text(stmt, 0);
        const char *name = (const char *)sqlite3_column_text(stmt, 1);
        const char *table = (const char *)sqlite3_column_text(stmt, 2);
        for (size_t i = 0; type && name && table && i < OBJECTS; i++)
            if (sqlite3_stricmp(name, objects[i].name) == 0) {
                there[i] = strcmp(type, objects[i].type) == 0 &&
                           sqlite3_stricmp(table, objects[i].table) == 0;
                is_view[i] = strcmp(type, "view") == 0;
            }
    }
    enum store_result r = STORE_OK;
    if (rc != SQLITE_DONE)
        r = store_failed(s, &s->log, "looking at the log's schema");
    sqlite3_reset(stmt);
    return r;
}

static enum store_result look_at_columns(struct sqlite_store *s)
{
    sqlite3_stmt *stmt = database_bind(&s->log, SQL_LOOK_COLUMNS, INT(s->log.revision));
    enum store_result r = STORE_OK;
    if (!stmt || sqlite3_step(stmt) != SQLITE_ROW)
        r = store_failed(s, &s->log, "looking at the log's schema");
    else if (sqlite3_column_text(stmt, 0))
        r = store_refuse(s, STORE_CORRUPT,
                         "the table events has no column %s: it was renamed, or the table was "
                         "made by somebody else",
                         (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_reset(stmt);
    return r;
}

static enum store_result look(struct sqlite_store *s)
{
    bool there[OBJECTS] = {false}, is_view[OBJECTS] = {false};
    enum store_result r = look_at_objects(s, there, is_view);
    s->lacks[0] = '\0';
    for (size_t i = 0; i < OBJECTS && r == STORE_OK; i++) {
        if (there[i] || objects[i].revision > s->log.revision)
            continue;
        if (objects[i].vital || is_view[i])
            r = store_refuse(s, STORE_CORRUPT, "the log has no table %s%s", objects[i].name,
                             is_view[i] ? ": there is a view of this name"
                                        : "; load sql/schema.sql to make it again");
        lacks(s, objects[i].type, objects[i].name);
    }
    if (r == STORE_OK)
        r = look_at_columns(s);
    if (r != STORE_OK)
        s->lacks[0] = '\0'; /* perhaps in the middle of a migration: make nothing for now */
    return r;
}

/* Somebody upgraded the log under a connection that could not, or put an earlier copy in its
 * place, in which our statements would find no such column.  The next call opens the log anew; in
 * an upgraded one this call reads what it can. */
static enum store_result look_at_revision(struct sqlite_store *s)
{
    int revision;
    if (s->log.opening)
        return STORE_OK;
    enum store_result r = log_revision(s, &revision);
    if (r != STORE_OK || revision == s->log.revision)
        return r;
    s->log.suspect = true;
    if (revision > s->log.revision)
        return STORE_OK;
    s->anew = true;
    return store_refuse(s, STORE_BUSY,
                        "an earlier copy of the log %s was just put in its place", s->log.path);
}

enum store_result log_examine(struct sqlite_store *s)
{
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_LOOK_VERSION);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    int64_t version = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    enum store_result r = STORE_OK;
    if (rc != SQLITE_ROW)
        r = store_failed(s, &s->log, "looking at the log's schema");
    sqlite3_reset(stmt);
    if (r != STORE_OK || version == s->looked_at)
        return r;
    s->looked_at = -1;
    r = look_at_revision(s);
    if (r == STORE_OK)
        r = look(s);
    if (r == STORE_OK)
        s->looked_at = version;
    return r;
}

/* ---- mending ----------------------------------------------------------------------- */

/* When this process last recounted the books; now_monotonic_ms. */
static atomic_int_least64_t recounted_at;

void log_books_wrong(struct sqlite_store *s, const char *what, bool at_once)
{
    if (s->lacks[0])
        return; /* what is missing is made by the schema, which recounts the books as well */
    snprintf(s->lacks, sizeof s->lacks, "books that are true (%s)", what);
    int64_t at = recounted_at, due = at ? at + RECOUNT_PAUSE_MS : 0;
    /* A program may go on inserting without triggers: its inserts must not have all events read
     * again and again. */
    if (!at_once && s->mend_at < due)
        s->mend_at = due;
}

void log_recounted(void)
{
    recounted_at = now_monotonic_ms();
}
