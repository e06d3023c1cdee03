/* Statistics for people.  They come from the books and the indexes, and never from the events,
 * whose number has no bound.  Whether a process lives only its lease can tell, so the numbers of
 * the living are handed to the statement that counts streams. */
#include <stdio.h>
#include <stdlib.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/lease.h"
#include "store/sqlite/upkeep.h"

static const char stating[] = "reading statistics";

/* Write the numbers of the responders that live, as a JSON array for SQL_STATS_SESSIONS, and count
 * them. */
static enum store_result write_living(struct sqlite_store *s, FILE *list, int64_t *count)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt = database_bind(d, SQL_SESSIONS_RESPONDERS, INT(-1), INT(-1)); /* all */
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    fputc('[', list);
    while (rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t number = sqlite3_column_int64(stmt, 0);
        if (!lease_alive(s, number))
            continue;
        fprintf(list, "%s%lld", (*count)++ ? "," : "", (long long)number);
    }
    fputc(']', list);
    enum store_result r = STORE_OK;
    if (rc != SQLITE_DONE)
        r = store_failed(s, d, "reading the responders");
    sqlite3_reset(stmt);
    return r;
}

static enum store_result count_sessions(struct sqlite_store *s, const char *living,
                                        struct store_stats *out)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt = database_bind(d, SQL_STATS_SESSIONS, TEXT(living));
    enum store_result r = STORE_OK;
    if (stmt && sqlite3_step(stmt) == SQLITE_ROW) {
        out->streams = sqlite3_column_int64(stmt, 0);
        out->active = sqlite3_column_int64(stmt, 1);
        out->sessions = sqlite3_column_int64(stmt, 2);
    } else {
        r = store_failed(s, d, "counting sessions");
    }
    sqlite3_reset(stmt);
    return r;
}

static enum store_result stats_of_sessions(struct sqlite_store *s, struct store_stats *out)
{
    char *living = NULL;
    size_t size;
    int64_t count = 0;
    enum store_result r = database_use(s, &s->sessions);
    FILE *list = r == STORE_OK ? open_memstream(&living, &size) : NULL;
    if (r == STORE_OK && !list)
        r = store_refuse(s, STORE_NOMEM, "%s: out of memory", stating);
    if (r == STORE_OK)
        r = write_living(s, list, &count);
    if (list && fclose(list) != 0)
        r = store_refuse(s, STORE_NOMEM, "%s: out of memory", stating);
    if (r == STORE_OK)
        r = count_sessions(s, living, out);
    if (r == STORE_OK)
        out->responders = count;
    free(living);
    return r;
}

static enum store_result stats_of_row(struct sqlite_store *s, struct store_stats *out)
{
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_STATS);
    enum store_result r = STORE_OK;
    if (stmt && sqlite3_step(stmt) == SQLITE_ROW) {
        out->oldest_id = sqlite3_column_int64(stmt, 0);
        out->oldest_at = sqlite3_column_int64(stmt, 1);
        out->events = sqlite3_column_int64(stmt, 2);
        out->mailboxes = sqlite3_column_int64(stmt, 3);
        out->bytes = sqlite3_column_int64(stmt, 4);
    } else {
        r = store_failed(s, &s->log, stating);
    }
    sqlite3_reset(stmt);
    return r;
}

static enum store_result stats_at_one_moment(struct sqlite_store *s, struct store_stats *out)
{
    enum store_result r = database_run(s, &s->log, SQL_BEGIN);
    if (r == STORE_OK)
        r = log_read_end(s, &out->end, NULL);
    if (r == STORE_OK)
        r = stats_of_row(s, out);
    if (r == STORE_OK)
        r = database_end_read(s, &s->log);
    if (r != STORE_OK)
        database_rollback(&s->log);
    return r;
}

static enum store_result stats_of_log(struct sqlite_store *s, struct store_stats *out)
{
    enum store_result r = database_use(s, &s->log);
    if (r != STORE_OK)
        return r;
    upkeep_share();
    r = stats_at_one_moment(s, out);
    upkeep_unshare();
    return r;
}

enum store_result sqlite_stats(struct store *store, struct store_stats *out)
{
    struct sqlite_store *s = sqlite_of(store);
    *out = (struct store_stats){.streams = -1, .active = -1, .sessions = -1, .responders = -1};
    (void)stats_of_sessions(s, out);
    enum store_result r = stats_of_log(s, out);
    if (r == STORE_OK)
        snprintf(out->where, sizeof out->where, "%s", sqlite3_db_filename(s->log.db, "main"));
    return r;
}
