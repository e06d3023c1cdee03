/* One SQLite file that a store has open: its connection, its statements, its transactions, and
 * whether the path still leads to it.  connect.h opens it.
 *
 * Each statement is a file of sql/.  It is prepared when it is first used, and kept as long as
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
    mode_t mode;      /* of the file, if we create it */
    enum sql pragmas; /* run on each new connection */
    enum sql version; /* cannot be prepared as long as the file has no schema: then … */
    enum sql schema;  /* … this is run, in a transaction of its own */
    /* Bring a file to this program's revision (upgrade.h). */
    enum store_result (*upgrade)(struct sqlite_store *s);
    /* What this file needs besides; NULL: nothing.  Called at the begin of each use. */
    enum store_result (*before_use)(struct sqlite_store *s);
    /* Called when the file was opened and has its schema.  It runs statements directly:
     * database_use would open the file once more, and asserts that it is not asked to.  A
     * failure closes the file. */
    enum store_result (*opened)(struct sqlite_store *s);
    void (*closed)(struct sqlite_store *s);
    sqlite3 *db;       /* NULL: not open */
    char *wal_path;    /* of the -wal beside it */
    bool made;         /* this connection ran the schema */
    int revision;      /* of the file, or ours if the file's is higher (upgrade.h) */
    bool behind;       /* it is smaller than ours, and the file could not be upgraded */
    bool suspect;      /* there was an I/O error: the next call opens the file anew */
    bool readonly;     /* a write was refused: it is opened anew once it may be written … */
    int64_t opened_at; /* … and READONLY_REST_MS have passed since then (now_monotonic_ms) */
    bool unsure;       /* database_commit: what was written may be lost */
    bool opening;      /* it is being opened, and may not be used meanwhile */
    struct hold hold;  /* which files are open */
    sqlite3_stmt *statement[SQL_COUNT];
};

void database_close(struct sqlite_store *s, struct database *d);

/* Whether the path still leads to the files that are open (file_is_current). */
bool database_is_current(struct database *d);

/* Whether it is open, current and, as far as is known, in order. */
bool database_is_usable(struct database *d);

/* Close the file if another thread found that it was replaced.  For a thread that is about to
 * wait, or that uses only the other file: the others of the process have to wait for it. */
void database_let_go(struct sqlite_store *s, struct database *d);

/* The statement, reset and ready to bind; NULL: it could not be prepared (store_failed says
 * why). */
sqlite3_stmt *database_statement(struct database *d, enum sql id);

/* Whether the statement that could just not be prepared names what the file does not have: the
 * file has no schema yet, or is of an earlier version.  False: something else failed. */
bool database_lacks_table(const struct database *d);

/* Run a statement without parameters or rows, by id: BEGIN, COMMIT and the like. */
enum store_result database_run(struct sqlite_store *s, struct database *d, enum sql id);

/* Roll back if a transaction is open.  If there is no memory for that, the next call opens the file
 * anew, which ends the transaction, too. */
void database_rollback(struct database *d);

/* COMMIT what was written, if the file is current.  If it is not current afterwards, returns
 * STORE_BUSY as well: what was written may be in files that nobody reads any more.  After
 * STORE_OK everybody who opens the file sees it, whatever becomes of -wal and -shm.  After a
 * failure the transaction is rolled back. */
enum store_result database_commit(struct sqlite_store *s, struct database *d);

/* End a transaction that only read.  STORE_BUSY: the files were replaced meanwhile, so what was
 * read may be of two moments. */
enum store_result database_end_read(struct sqlite_store *s, struct database *d);

/* Commit if `r` is STORE_OK, else roll back; also roll back if the commit fails.  Returns the
 * first thing that went wrong. */
enum store_result database_finish(struct sqlite_store *s, struct database *d,
                                  enum store_result r);

/* Returns STORE_BUSY with a sentence: the files were replaced while we used them. */
enum store_result database_changed(struct sqlite_store *s, struct database *d);

#endif
