#include <stdio.h>
#include <string.h>

#include "store/sqlite_database.h"

static const char appending[] = "appending to the log";

/* STORE_UNKNOWN if one of the sessions is not there: then nobody gets anything. */
static enum store_result sessions_check(struct store *s, const struct publication *p)
{
    for (size_t i = 0; i < p->session_count; i++) {
        bool known = false;
        enum store_result r = sessions_known(s, p->sessions[i], &known);
        if (r != STORE_OK)
            return r;
        if (!known)
            return store_refuse(s, STORE_UNKNOWN, "there is no session %.64s", p->sessions[i]);
    }
    return STORE_OK;
}

static void text_or_null(sqlite3_stmt *stmt, int i, const char *text)
{
    if (text)
        sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(stmt, i);
}

/* The row that was there already by its key. */
static enum store_result find_twin(struct store *s, const struct publication *p,
                                   const char *session, int64_t *id)
{
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_LOG_DEDUP);
    int rc = SQLITE_ERROR;
    if (stmt) {
        text_or_null(stmt, 1, p->dedup_key);
        text_or_null(stmt, 2, session);
        sqlite3_bind_text(stmt, 3, session ? "" : p->channel, -1, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
    }
    enum store_result r = STORE_OK;
    if (rc == SQLITE_ROW)
        *id = sqlite3_column_int64(stmt, 0);
    else
        r = store_failed(s, &s->log, appending);
    sqlite3_reset(stmt);
    return r;
}

static enum store_result append_one(struct store *s, const struct publication *p,
                                    const char *session, int64_t *id)
{
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_LOG_INSERT);
    if (!stmt)
        return store_failed(s, &s->log, appending);
    sqlite3_bind_text(stmt, 1, session ? "" : p->channel, -1, SQLITE_STATIC);
    text_or_null(stmt, 2, session);
    sqlite3_bind_text(stmt, 3, p->type, -1, SQLITE_STATIC);
    sqlite3_bind_text64(stmt, 4, p->data ? p->data : "", p->data_len, SQLITE_STATIC,
                        SQLITE_UTF8);
    text_or_null(stmt, 5, p->dedup_key);
    int before = sqlite3_total_changes(s->log.db);
    enum store_result r = STORE_OK;
    if (sqlite3_step(stmt) != SQLITE_DONE)
        r = store_failed(s, &s->log, appending);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt); /* the texts are the caller's */
    if (r != STORE_OK)
        return r;
    if (sqlite3_total_changes(s->log.db) == before)
        return find_twin(s, p, session, id);
    *id = sqlite3_last_insert_rowid(s->log.db);
    return STORE_OK;
}

static enum store_result append_in_transaction(struct store *s, const struct publication *p,
                                               int64_t *ids, char epoch[EPOCH_SIZE])
{
    struct store_end end;
    enum store_result r = log_read_end(s, &end, NULL);
    if (r != STORE_OK)
        return r;
    memcpy(epoch, end.epoch, EPOCH_SIZE);
    if (p->session_count == 0)
        return append_one(s, p, NULL, &ids[0]);
    for (size_t i = 0; i < p->session_count && r == STORE_OK; i++)
        r = append_one(s, p, p->sessions[i], &ids[i]);
    return r;
}

enum store_result store_append(struct store *s, const struct publication *p, int64_t *ids,
                               char epoch[EPOCH_SIZE])
{
    enum store_result r = sessions_check(s, p);
    if (r == STORE_OK)
        r = database_use(s, &s->log);
    if (r == STORE_OK)
        r = database_run(s, &s->log, SQL_BEGIN_IMMEDIATE);
    if (r == STORE_OK)
        r = append_in_transaction(s, p, ids, epoch);
    if (r == STORE_OK)
        r = database_run(s, &s->log, SQL_COMMIT);
    if (r != STORE_OK)
        database_rollback(&s->log);
    return r;
}
