/* Every write ends with the same two questions: are these still the files at their paths, before
 * the commit and after it?  SQLite itself does not ask.  It would commit to a file that was
 * removed, report success, and the data would be gone (file.h says what is done about it). */
#include "store/sqlite/database.h"

#include <stdlib.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/file.h"

bool database_is_current(struct database *d)
{
    return d->opening || file_is_current(&d->hold); /* identity_note looks when it is open */
}

bool database_is_usable(struct database *d)
{
    return d->db && !d->suspect && database_is_current(d);
}

enum store_result database_changed(struct sqlite_store *s, struct database *d)
{
    return store_refuse(s, STORE_BUSY, "%s, or its -wal or -shm, was just replaced or removed",
                        d->path);
}

/* Statements first: sqlite3_close() refuses a connection that still has some.  The hold is left
 * last, since another thread may open the next generation as soon as it is. */
void database_close(struct sqlite_store *s, struct database *d)
{
    for (int i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(d->statement[i]);
        d->statement[i] = NULL;
    }
    if (d->closed)
        d->closed(s);
    sqlite3_close(d->db);
    d->db = NULL;
    free(d->wal_path);
    d->wal_path = NULL;
    d->suspect = false;
    d->readonly = false;
    file_leave(&d->hold);
}

/* Not in the middle of a transaction, and not being opened. */
static bool is_at_rest(const struct database *d)
{
    return d->db && !d->opening && sqlite3_get_autocommit(d->db);
}

void database_let_go(struct sqlite_store *s, struct database *d)
{
    if (is_at_rest(d) && file_is_outdated(&d->hold))
        database_close(s, d);
}

sqlite3_stmt *database_statement(struct database *d, enum sql id)
{
    sqlite3_stmt **slot = &d->statement[id];
    if (!*slot && sqlite3_prepare_v3(d->db, sql_text[id], -1, SQLITE_PREPARE_PERSISTENT, slot,
                                     NULL) != SQLITE_OK)
        return NULL;
    sqlite3_reset(*slot);
    sqlite3_clear_bindings(*slot);
    return *slot;
}

/* SQLite has no code of its own for this: its general one stands for an error in the text of a
 * statement, and ours have no other. */
bool database_lacks_table(const struct database *d)
{
    return d->db && sqlite3_errcode(d->db) == SQLITE_ERROR;
}

/* What failed, in words for people, who do not know the files of sql/. */
static const char *doing(enum sql id)
{
    if (id == SQL_BEGIN)
        return "beginning to read";
    if (id == SQL_COMMIT)
        return "committing";
    return id == SQL_BEGIN_IMMEDIATE ? "beginning to write" : "writing";
}

enum store_result database_run(struct sqlite_store *s, struct database *d, enum sql id)
{
    sqlite3_stmt *stmt = database_statement(d, id);
    if (!stmt || sqlite3_step(stmt) != SQLITE_DONE) {
        enum store_result r = store_failed(s, d, doing(id));
        sqlite3_reset(stmt);
        return r;
    }
    sqlite3_reset(stmt);
    return STORE_OK;
}

/* After some errors (a full disk, no memory) SQLite has rolled back by itself: a second ROLLBACK
 * would be an error of its own. */
void database_rollback(struct database *d)
{
    if (!d->db || sqlite3_get_autocommit(d->db))
        return;
    sqlite3_exec(d->db, sql_text[SQL_ROLLBACK], NULL, NULL, NULL);
    d->suspect |=
        !sqlite3_get_autocommit(d->db); /* no memory for that: the next call closes it */
}

/* The files can be replaced at any moment, so no look before the commit is enough.  If they
 * change between the two looks, nobody can tell which came first: that is `unsure`. */
enum store_result database_commit(struct sqlite_store *s, struct database *d)
{
    d->unsure = false;
    enum store_result r =
        database_is_current(d) ? database_run(s, d, SQL_COMMIT) : database_changed(s, d);
    if (r != STORE_OK)
        database_rollback(d);
    d->unsure = r == STORE_OK && !database_is_current(d);
    if (d->unsure)
        r = store_refuse(
            s, STORE_BUSY,
            "%s, or its -wal or -shm, was replaced or removed while it was written: "
            "what was written may be lost",
            d->path);
    return r;
}

enum store_result database_finish(struct sqlite_store *s, struct database *d,
                                  enum store_result r)
{
    if (r == STORE_OK)
        return database_commit(s, d);
    database_rollback(d);
    return r;
}

enum store_result database_end_read(struct sqlite_store *s, struct database *d)
{
    enum store_result r = database_run(s, d, SQL_COMMIT);
    if (r == STORE_OK && !database_is_current(d))
        r = database_changed(s, d);
    return r;
}
