/* One open SQLite file: its connection, its statements, and whether the path still leads to it.
 * Private to store/: the rest of the program knows store.h.
 *
 * Statements live in sql/, one a file, and are prepared when first used, then kept as long as
 * the connection (SQLITE_PREPARE_PERSISTENT).
 *
 * Thread: that of the store it belongs to. */
#ifndef ROWCAST_STORE_SQLITE_DATABASE_H
#define ROWCAST_STORE_SQLITE_DATABASE_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "sql_text.h" /* made from sql/ by the Makefile: enum sql, sql_text[], SQL_COUNT */
#include "store/store.h"

enum { STORE_BUSY_MS = 250, READONLY_REST_MS = 500, WALKS_MAX = SUBSCRIPTION_CHANNELS_MAX + 2 };

/* What a path led to. */
struct identity {
    dev_t device, wal_device;
    ino_t inode, wal_inode;
};

struct database {
    char *path;
    mode_t mode;      /* of a file that is made */
    enum sql pragmas; /* for each connection */
    enum sql version; /* can not be prepared where there is no schema yet: then … */
    enum sql schema;  /* … this is run, in a transaction of its own */
    sqlite3 *db;      /* NULL: not open */
    char *wal_path;   /* beside the file that `path` led to, symbolic links resolved */
    bool made;        /* the schema was run by this connection */
    bool suspect;     /* an I/O error: the next call opens it anew */
    bool readonly; /* a write was refused: opened anew READONLY_REST_MS after it was opened */
    int64_t opened_at; /* database_clock_ms */
    struct identity identity;
    sqlite3_stmt *statement[SQL_COUNT];
};

struct store {
    struct database log;
    struct database sessions;
    sqlite3_stmt *walk[WALKS_MAX]; /* one a mailbox that is read at the same time */
    struct lease *lease;  /* sqlite_lease.c: the process's, shared; NULL: not looked for yet */
    bool turn;            /* sqlite_sessions.c: it is ours to write the sessions */
    bool unentered;       /* sqlite_lease.c: the lease is not in the sessions yet, they fail */
    bool expiring;        /* sqlite_expire.c: a round has more slices … */
    int64_t expire_until; /* … of what was idle at this served time */
    int idle;             /* store_idle was called so often since a file was used */
    char why[STORE_WHY_SIZE];
    char not_seeded[STORE_WHY_SIZE]; /* what the environment wanted of a new log in vain */
    int64_t data_version;            /* of the log when it was last read; -1: never read */
    _Atomic(struct waiter *) waiter; /* sqlite_wait.c; NULL: never waited */
    atomic_bool woken;               /* store_wake was called since store_wait returned */
    int64_t retained_at;             /* sqlite_retain.c: the log's end at the last slice … */
    char retained[EVENT_MAILBOX_MAX + 1]; /* … and the mailbox that was looked at last */
};

/* Make sure `d` is open and is the file at its path; opens it (or anew) and runs its schema
 * where there is none.  Takes no write lock of a file that has its schema.  Every call of
 * store.h begins with it; it forgets the sentence of the call before. */
enum store_result database_use(struct store *s, struct database *d);
void database_close(struct store *s, struct database *d);

/* Milliseconds of the monotonic clock. */
int64_t database_clock_ms(void);

/* Whether the path still leads to the file that is open. */
bool database_is_current(const struct database *d);

/* The statement, reset and ready to bind; NULL: it could not be prepared (store_failed tells).
 */
sqlite3_stmt *database_statement(struct database *d, enum sql id);

/* Run a statement without parameters or rows, by id: BEGIN, COMMIT and the like. */
enum store_result database_run(struct store *s, struct database *d, enum sql id);

/* Roll back if a transaction is open. */
void database_rollback(struct database *d);

/* Translate the connection's last error, and keep its sentence in store_why: `doing` is what
 * was being done, "reading the log".  Never returns STORE_OK. */
enum store_result store_failed(struct store *s, struct database *d, const char *doing);

/* Say why in our own words. */
enum store_result store_refuse(struct store *s, enum store_result r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* In the log's file, just after it was opened: the version checked, settings of a new log taken
 * from the environment, those an older one lacks added, and a new epoch if the log stands below
 * what was seen of it (sqlite_open.c).  database_use calls it. */
enum store_result log_opened(struct store *s);

/* Give a log of an earlier version the settings it does not have (sqlite_settings.c).  Whatever
 * is in the way (a lock, a file that is read-only) is no reason not to use the log: the
 * defaults hold, and who opens it next tries again. */
void settings_complete(struct store *s);

/* Read rowcast_log, in the transaction that is open, or else in one of its own. */
enum store_result log_read_end(struct store *s, struct store_end *out, int64_t *forgotten_to);

/* The waiter's descriptors, at the store's end (sqlite_wait.c). */
void waiter_free(struct store *s);

/* Saved by the sessions: the epoch and highest id seen of the log.  *known false: nothing yet.
 */
enum store_result sessions_seen(struct store *s, struct store_end *seen, bool *known);

/* Whether a session of this id exists. */
enum store_result sessions_known(struct store *s, const char *id, bool *known);

/* In the sessions' file, just after it was opened and its schema ran: the version checked, and
 * what an earlier holder of our responder's number left tidied (sqlite_sessions.c).
 * database_use calls it; it may not call database_use. */
enum store_result sessions_opened(struct store *s);

/* The responder's number under this process's lease, 0 without one (sqlite_lease.c). */
int lease_number(struct store *s);

#endif
