/* After a flood of sessions most of their file is free pages.  They are given back some at a time,
 * each step under the lock, and only down to FREE_MIN, since sessions come and go and the file
 * would need the pages again.
 *
 * A file of an earlier version cannot give back single pages, and has to be rebuilt by VACUUM
 * once.  That copies what is in use while nobody else can write (1000 pages take 10 ms), so it is
 * done only if at most REBUILD_MAX pages are in use, and at least half of all are free. */
#include "store/sqlite/shrink.h"

#include "store/sqlite/bind.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/sessions.h"

enum { FREE_MIN = 256, STEP = 200, REBUILD_MAX = 1000 };

struct pages {
    int64_t free, all;
    bool incremental;
};

static enum store_result count_pages(struct sqlite_store *s, struct pages *p)
{
    sqlite3_stmt *stmt = database_bind(&s->sessions, SQL_SESSIONS_PAGES);
    enum store_result r = STORE_OK;
    if (stmt && sqlite3_step(stmt) == SQLITE_ROW)
        *p = (struct pages){.free = sqlite3_column_int64(stmt, 0),
                            .all = sqlite3_column_int64(stmt, 1),
                            .incremental = sqlite3_column_int64(stmt, 2) == 2};
    else
        r = store_failed(s, &s->sessions, "counting free pages");
    sqlite3_reset(stmt);
    return r;
}

static enum store_result execute(struct sqlite_store *s, enum sql id)
{
    return sqlite3_exec(s->sessions.db, sql_text[id], NULL, NULL, NULL) == SQLITE_OK
               ? STORE_OK
               : store_failed(s, &s->sessions, "giving pages back");
}

/* The file itself becomes shorter only when the -wal is copied into it. */
static void shrink_checkpoint(struct sqlite_store *s)
{
    sqlite3_wal_checkpoint_v2(s->sessions.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static enum store_result shrink_step(struct sqlite_store *s)
{
    enum store_result r = sessions_begin(s);
    return r == STORE_OK ? sessions_finish(s, execute(s, SQL_SESSIONS_SHRINK)) : r;
}

static enum store_result rebuild(struct sqlite_store *s)
{
    enum store_result r = sessions_queue(s);
    if (r != STORE_OK)
        return r;
    r = execute(s, SQL_SESSIONS_REBUILD);
    sessions_abandon(s);
    return r;
}

enum store_result sessions_shrink(struct sqlite_store *s, bool *more)
{
    struct pages p = {.free = 0};
    enum store_result r = count_pages(s, &p);
    *more = false;
    if (r != STORE_OK || p.free < FREE_MIN)
        return r;
    if (!p.incremental && (p.all - p.free > REBUILD_MAX || p.free < p.all / 2))
        return r;
    r = p.incremental ? shrink_step(s) : rebuild(s);
    *more = r == STORE_OK && p.incremental && p.free - STEP >= FREE_MIN;
    if (r == STORE_OK && !*more)
        shrink_checkpoint(s);
    return r;
}
