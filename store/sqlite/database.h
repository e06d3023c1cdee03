/* One SQLite file as a store has it open: its connection, its statements, its transactions, and
 * whether the path still leads to it.  What opens it is connect.h.
 *
 * Statements live in sql/, one a file, and are prepared when first used, then kept as long as
 * the connection (SQLITE_PREPARE_PERSISTENT).
 *
 * Thread: that of the store it belongs to. */
#ifndef ROWCAST_STORE_SQLITE_DATABASE_H
#define ROWCAST_STORE_SQLITE_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "sql_text.h" /* made from sql/ by the Makefile: enum sql, sql_text[], SQL_COUNT */
#include "store/sqlite/file.h"
#include "store/store.h"

struct sqlite_store; /* engine.h */

struct database {
    char *path;       /* absolute, without symbolic links */
    mode_t mode;      /* of a file that is made */
    enum sql pragmas; /* for each connection */
    enum sql version; /* cannot be prepared where there is no schema yet: then … */
    enum sql schema;  /* … this is run, in a transaction of its own */
    /* What the file means to the store; NULL: nothing to do. */
    enum store_result (*before_use)(struct sqlite_store *s);
    /* It was opened and has its schema.  Uses the statements alone: database_use would open it
     * once more, and asserts that nobody asks for that.  A failure closes the file. */
    enum store_result (*opened)(struct sqlite_store *s);
    void (*closed)(struct sqlite_store *s);
    sqlite3 *db;       /* NULL: not open */
    char *wal_path;    /* beside it */
    bool made;         /* the schema was run by this connection */
    bool suspect;      /* an I/O error: the next call opens it anew */
    bool readonly;     /* a write was refused: opened anew once the files may be written, … */
    int64_t opened_at; /* … and READONLY_REST_MS passed since this; now_monotonic_ms */
    bool unsure;       /* database_commit: what it was asked to write may be lost */
    bool opening;      /* it may not be used meanwhile */
    struct hold hold;  /* what is open */
    sqlite3_stmt *statement[SQL_COUNT];
};

void database_close(struct sqlite_store *s, struct database *d);

/* Whether the path still leads to the files that are open (file_is_current). */
bool database_is_current(struct database *d);

/* Whether it is open, as far as is known in order, and current. */
bool database_is_usable(struct database *d);

/* Close what another thread found to be replaced; for who is about to wait, or to rest. */
void database_let_go(struct sqlite_store *s, struct database *d);

/* The statement, reset and ready to bind; NULL: it could not be prepared (store_failed
 * tells). */
sqlite3_stmt *database_statement(struct database *d, enum sql id);

/* Run a statement without parameters or rows, by id: BEGIN, COMMIT and the like. */
enum store_result database_run(struct sqlite_store *s, struct database *d, enum sql id);

/* Roll back if a transaction is open. */
void database_rollback(struct database *d);

/* COMMIT what was written, if that is so; and STORE_BUSY as well if it is not so afterwards:
 * then what was written may be in files that nobody reads any more.  Else whoever opens the
 * file from now on sees it, whatever becomes of -wal and -shm.  What failed is rolled back. */
enum store_result database_commit(struct sqlite_store *s, struct database *d);

/* End what was only read.  STORE_BUSY: the files were changed meanwhile, so what was read may
 * be of two moments. */
enum store_result database_end_read(struct sqlite_store *s, struct database *d);

/* Commit when `r` is STORE_OK, and roll back else, or when that fails.  The first thing that
 * went wrong. */
enum store_result database_finish(struct sqlite_store *s, struct database *d,
                                  enum store_result r);

/* STORE_BUSY: the files were changed under us. */
enum store_result database_changed(struct sqlite_store *s, struct database *d);

#endif
