#include "store/sqlite/removed.h"

#include "store/sqlite/bind.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/now.h"

enum { REMOVED_PAUSE_MS = 1000 };

bool removed_is_due(const struct sqlite_store *s)
{
    return s->removed && !s->log.behind && now_monotonic_ms() >= s->removed_at;
}

/* The statements look at the list once more: another process may have been first. */
void removed_tell(struct sqlite_store *s)
{
    if (!sqlite3_get_autocommit(s->log.db))
        return;
    s->removed = false;
    enum store_result r = database_run(s, &s->log, SQL_BEGIN_IMMEDIATE);
    if (r == STORE_OK) {
        if (sqlite3_exec(s->log.db, sql_text[SQL_REMOVED_TELL], NULL, NULL, NULL) != SQLITE_OK)
            r = store_failed(s, &s->log, "telling of a removal");
        r = database_finish(s, &s->log, r);
    }
    if (r != STORE_OK)
        s->removed_at = now_monotonic_ms() + REMOVED_PAUSE_MS;
    s->store.why[0] = '\0';
}

enum store_result removed_session(struct sqlite_store *s, const char *session_id, int most,
                                  int *deleted)
{
    static const char doing[] = "emptying a mailbox";
    enum store_result r =
        database_do(s, &s->log, doing, SQL_LOG_EMPTY_MAILBOX, TEXT(session_id), INT(most));
    *deleted = r == STORE_OK ? sqlite3_changes(s->log.db) : 0;
    return r == STORE_OK ? database_do(s, &s->log, doing, SQL_REMOVED_FORGET, TEXT(session_id))
                         : r;
}
