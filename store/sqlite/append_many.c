/* One INSERT writes all rows (11 µs each in a full mailbox, against 17 µs one by one; measured),
 * and SQLite tells of it how many rows it inserted and the id of the last one.  That is enough in
 * two cases: all rows were inserted, under ids that follow each other, or none, since all of them
 * were there.  Otherwise nobody knows which row got which id.  The rows of one batch may share a
 * dedup_key; some may have been there, and may be trimmed by those that follow; a trigger of the
 * application's own may leave some out, or insert events between them.  Then all of it is undone,
 * and the rows are appended one by one.  That also finds the row that a rule refuses, which
 * SQLite does not tell. */
#include "store/sqlite/append_many.h"

#include <string.h>

#include "store/sqlite/append_row.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

static const char many[] = "appending rows to the log";

/* Reset a statement, and have it forget the JSON, which is the caller's.  NULL is fine. */
static void forget_json(sqlite3_stmt *stmt)
{
    sqlite3_reset(stmt);
    if (stmt)
        sqlite3_clear_bindings(stmt);
}

/* A text of the row that a statement gave; *failed: there was no memory for it. */
static const char *row_text(sqlite3_stmt *stmt, int column, bool *failed)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    *failed |= !text && sqlite3_column_type(stmt, column) != SQLITE_NULL;
    return text;
}

/* The texts are valid until the next step. */
static bool read_row(sqlite3_stmt *stmt, struct publication *p, const char **session)
{
    bool failed = false;
    *p = (struct publication){.channel = row_text(stmt, 0, &failed)};
    *session = row_text(stmt, 1, &failed);
    p->type = row_text(stmt, 2, &failed);
    p->data = row_text(stmt, 3, &failed);
    p->data_len = (size_t)sqlite3_column_bytes(stmt, 3);
    p->dedup_key = row_text(stmt, 4, &failed);
    p->key = row_text(stmt, 5, &failed);
    p->expires_in = sqlite3_column_int64(stmt, 6);
    return !failed;
}

typedef enum store_result what_to_do(struct sqlite_store *s, const struct publication *p,
                                     const char *session, int64_t *id);

/* Append each row, or find the one that has its dedup_key, until one fails. */
static enum store_result for_each_row(struct sqlite_store *s, struct appending *a,
                                      what_to_do *what)
{
    const struct store_rows *rows = a->what.rows;
    sqlite3_stmt *stmt = database_bind(&s->log, SQL_LOG_ROWS, BYTES(rows->json, rows->len));
    enum store_result r = STORE_OK;
    for (size_t i = 0; r == STORE_OK && i < rows->count; i++) {
        struct publication p;
        const char *session;
        if (!stmt || sqlite3_step(stmt) != SQLITE_ROW || !read_row(stmt, &p, &session)) {
            r = store_failed(s, &s->log, many);
            break;
        }
        r = what(s, &p, session, &a->ids[i]);
        a->row = append_is_refusal(r) ? i + 1 : 0;
    }
    forget_json(stmt);
    return r;
}

/* Insert all rows by one statement.  *inserted: how many there were; *last: the id of the last
 * one. */
static enum store_result insert_all(struct sqlite_store *s, const struct store_rows *rows,
                                    size_t *inserted, int64_t *last)
{
    sqlite3_stmt *stmt =
        database_bind(&s->log, SQL_LOG_INSERT_ROWS, BYTES(rows->json, rows->len));
    enum store_result r = STORE_OK;
    if (!stmt || sqlite3_step(stmt) != SQLITE_DONE)
        r = append_failed(s);
    forget_json(stmt);
    *inserted = (size_t)sqlite3_changes(s->log.db); /* does not count what triggers wrote */
    *last = sqlite3_last_insert_rowid(s->log.db);
    return r;
}

/* Append the rows together.  *settled: they are there, and their ids are known. */
static enum store_result append_at_once(struct sqlite_store *s, struct appending *a,
                                        bool *settled)
{
    size_t count = a->what.rows->count, inserted;
    int64_t last;
    struct store_end before;
    enum store_result r = log_read_end(s, &before, NULL);
    if (r == STORE_OK)
        r = insert_all(s, a->what.rows, &inserted, &last);
    if (r != STORE_OK)
        return r;
    *settled = inserted == count && last - (int64_t)count == before.last_id;
    for (size_t i = 0; *settled && i < count; i++)
        a->ids[i] = before.last_id + 1 + (int64_t)i;
    if (inserted > 0)
        return STORE_OK;
    *settled = true;
    return for_each_row(s, a, append_find_twin);
}

/* A trigger ended the transaction.  Whoever began it begins anew, so a transaction of our own
 * finds the row, unless somebody takes the lock before us. */
static void find_row_in_vain(struct sqlite_store *s, struct appending *a)
{
    char why[STORE_WHY_SIZE];
    memcpy(why, s->store.why, sizeof why);
    if (database_run(s, &s->log, SQL_BEGIN_IMMEDIATE) == STORE_OK)
        (void)for_each_row(s, a, append_row);
    database_rollback(&s->log);
    memcpy(s->store.why, why, sizeof why);
}

enum store_result append_many(struct sqlite_store *s, struct appending *a)
{
    bool settled = false;
    a->row = 0;
    enum store_result r = database_run(s, &s->log, SQL_SAVEPOINT);
    if (r == STORE_OK)
        r = append_at_once(s, a, &settled);
    if (r != STORE_OK && !append_is_refusal(r))
        return r; /* the whole transaction ends */
    if (sqlite3_get_autocommit(s->log.db)) {
        find_row_in_vain(s, a);
        return r;
    }
    if (!settled) {
        r = database_run(s, &s->log, SQL_SAVEPOINT_UNDO);
        if (r == STORE_OK)
            r = for_each_row(s, a, append_row);
    }
    if (append_is_refusal(r))
        return append_undo(s, r);
    return r == STORE_OK ? database_run(s, &s->log, SQL_SAVEPOINT_KEEP) : r;
}

enum store_result append_many_check(struct sqlite_store *s, struct appending *a)
{
    const struct store_rows *rows = a->what.rows;
    struct database *d = &s->sessions;
    a->row = 0;
    if (!rows->has_sessions)
        return STORE_OK;
    enum store_result r = database_use(s, d);
    if (r != STORE_OK)
        return r;
    sqlite3_stmt *stmt = database_bind(d, SQL_SESSIONS_ABSENT, BYTES(rows->json, rows->len));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    if (rc == SQLITE_ROW) {
        const char *session = (const char *)sqlite3_column_text(stmt, 1);
        a->row = (size_t)sqlite3_column_int64(stmt, 0);
        r = store_refuse(s, STORE_UNKNOWN, "there is no session %.64s",
                         session ? session : "of this id");
    } else if (rc != SQLITE_DONE) {
        r = store_failed(s, d, "looking for sessions");
    }
    forget_json(stmt);
    return r;
}
