/* One row of a publication: the INSERT, and what came of it. */
#include "store/sqlite/append_row.h"

#include <string.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

static const char appending[] = "appending to the log";

enum store_result append_find_twin(struct sqlite_store *s, const struct publication *p,
                                   const char *session, int64_t *id)
{
    sqlite3_stmt *stmt = database_bind(&s->log, SQL_LOG_DEDUP, TEXT(p->dedup_key),
                                       TEXT(session), TEXT(session ? "" : p->channel));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    enum store_result r = STORE_OK;
    if (rc == SQLITE_ROW)
        *id = sqlite3_column_int64(stmt, 0);
    else if (rc == SQLITE_DONE)
        r = store_refuse(s, STORE_REFUSED,
                         "a trigger on events left the row out: RAISE(IGNORE)");
    else
        r = store_failed(s, &s->log, appending);
    sqlite3_reset(stmt);
    return r;
}

/* SQLite passes on the rule's sentence and nothing else; the sentence of the size limit names the
 * setting to change. */
enum store_result append_failed(struct sqlite_store *s)
{
    enum store_result r = store_failed(s, &s->log, appending);
    bool large = r == STORE_REFUSED && strstr(s->store.why, "max_event_bytes");
    return large ? STORE_TOO_LARGE : r;
}

/* If a trigger of the application's own ended the transaction, nothing is left to be undone. */
enum store_result append_undo(struct sqlite_store *s, enum store_result r)
{
    char why[STORE_WHY_SIZE];
    if (sqlite3_get_autocommit(s->log.db))
        return r;
    memcpy(why, s->store.why, sizeof why);
    enum store_result undone = database_run(s, &s->log, SQL_SAVEPOINT_UNDO);
    if (undone == STORE_OK)
        undone = database_run(s, &s->log, SQL_SAVEPOINT_KEEP);
    if (undone != STORE_OK)
        return undone;
    memcpy(s->store.why, why, sizeof why);
    return r;
}

bool append_is_refusal(enum store_result r)
{
    return r == STORE_REFUSED || r == STORE_TOO_LARGE;
}

enum store_result append_row(struct sqlite_store *s, const struct publication *p,
                             const char *session, int64_t *id)
{
    sqlite3_stmt *stmt =
        database_bind(&s->log, SQL_LOG_INSERT, TEXT(session ? "" : p->channel), TEXT(session),
                      TEXT(p->type), BYTES(p->data ? p->data : "", p->data_len),
                      TEXT(p->dedup_key), TEXT(p->key), INT(p->expires_in));
    if (!stmt)
        return store_failed(s, &s->log, appending);
    enum store_result r = STORE_OK;
    if (sqlite3_step(stmt) != SQLITE_DONE)
        r = append_failed(s);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt); /* the texts are the caller's */
    if (r != STORE_OK)
        return r;
    if (sqlite3_changes(s->log.db) == 0) /* does not count what triggers wrote */
        return append_find_twin(s, p, session, id);
    *id = sqlite3_last_insert_rowid(s->log.db);
    return STORE_OK;
}
