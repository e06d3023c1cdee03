#include "tests/contract/world_sqlite.h"

void shell_name(const struct world *w, enum part part, char name[80])
{
    snprintf(name, 80, "%s%s", w->address, part == THE_LOG ? "" : ".sessions");
}

void shell_leave(struct world *w, enum part part)
{
    struct place *p = w->place;
    sqlite3_close(p->shell[part]);
    p->shell[part] = NULL;
}

/* Run SQL that was made by sqlite3_mprintf; the error's sentence, or NULL. */
const char *shell_run(sqlite3 *db, char *sql)
{
    assert_non_null(sql);
    int r = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return r == SQLITE_OK ? NULL : sqlite3_errmsg(db);
}

void shell_must(const char *why)
{
    if (why)
        fail_msg("%s", why);
}

sqlite3 *shell_of(struct world *w, enum part part)
{
    struct place *p = w->place;
    char name[80];
    if (p->shell[part])
        return p->shell[part];
    shell_name(w, part, name);
    assert_int_equal(sqlite3_open(name, &p->shell[part]), SQLITE_OK);
    sqlite3_busy_timeout(p->shell[part], 5000);
    shell_must(shell_run(p->shell[part], sqlite3_mprintf("PRAGMA synchronous = OFF")));
    sqlite3_db_config(p->shell[part], SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    return p->shell[part];
}

int64_t shell_number(sqlite3 *db, char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
    return n;
}

/* The caller frees, by sqlite3_free. */
char *shell_text(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    char *copy = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return copy;
}
