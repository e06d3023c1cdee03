/* The schema itself is the repair: it can be loaded again and again, makes what is missing and
 * recounts the books if triggers were.  A failure (a lock, a read-only file) is no reason to stop
 * the streams, so it is told, and tried again after MEND_PAUSE_MS. */
#include "store/sqlite/mend.h"

#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/look.h"
#include "store/sqlite/now.h"
#include "store/sqlite/tell.h"
#include "store/sqlite/upgrade.h"

enum { MEND_PAUSE_MS = 2000 };

/* Another connection may have mended it since.  Look again, so that s->lacks has only what is
 * still to be done. */
static void look_again(struct sqlite_store *s)
{
    struct store_end end;
    s->looked_at = -1;
    s->lacks[0] = '\0';
    (void)log_read_end(s, &end, NULL);
    s->store.why[0] = '\0';
}

/* The schema cannot be loaded into a log of an earlier revision; upgrading it makes all of it. */
static enum store_result make_again(struct sqlite_store *s)
{
    if (s->log.behind)
        return log_upgrade(s);
    if (sqlite3_exec(s->log.db, sql_text[SQL_SCHEMA], NULL, NULL, NULL) == SQLITE_OK)
        return STORE_OK;
    store_refuse(s, STORE_IO, "%s", sqlite3_errmsg(s->log.db));
    database_rollback(&s->log);
    return STORE_IO;
}

void log_mend(struct sqlite_store *s)
{
    if (!s->lacks[0] || !sqlite3_get_autocommit(s->log.db) || now_monotonic_ms() < s->mend_at)
        return;
    look_again(s);
    if (!s->lacks[0])
        return;
    s->mend_at = now_monotonic_ms() + MEND_PAUSE_MS;
    if (make_again(s) == STORE_OK) {
        log_tell(s, STORE_NOTICE_FILES, "the log %s lacked %s; it was made again", s->log.path,
                 s->lacks);
        s->lacks[0] = '\0';
        s->looked_at = -1;
        log_recounted();
        return;
    }
    log_tell(s, STORE_NOTICE_FILES,
             "the log %s lacks %s, and it could not be made again: %s. Load sql/schema.sql "
             "again with an account that may write the log",
             s->log.path, s->lacks, s->store.why);
    s->store.why[0] = '\0';
}
