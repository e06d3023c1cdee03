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
#include "store/clock.h"
#include "store/sqlite/file.h"
#include "store/sqlite/engine.h"
#include "store/notice.h"

enum {
    STORE_BUSY_MS = 250,
    READONLY_REST_MS = 500,
    DEADLINE_STEPS = 50000,
    WALKS_MAX = SUBSCRIPTION_CHANNELS_MAX + 2
};

struct database {
    char *path;        /* absolute, without symbolic links */
    mode_t mode;       /* of a file that is made */
    enum sql pragmas;  /* for each connection */
    enum sql version;  /* can not be prepared where there is no schema yet: then … */
    enum sql schema;   /* … this is run, in a transaction of its own */
    sqlite3 *db;       /* NULL: not open */
    char *wal_path;    /* beside it */
    bool made;         /* the schema was run by this connection */
    bool suspect;      /* an I/O error: the next call opens it anew */
    bool readonly;     /* a write was refused: opened anew once the files may be written, … */
    int64_t opened_at; /* … and READONLY_REST_MS passed since this; database_clock_ms */
    bool unsure;       /* database_commit: what it was asked to write may be lost */
    bool opening;      /* it may not be used meanwhile */
    struct hold hold;  /* what is open */
    sqlite3_stmt *statement[SQL_COUNT];
};

struct sqlite_store {
    struct store store; /* first: what the rest of the program has of it */
    char *given; /* the path of the log as it was given, which may lead over symbolic links */
    struct database log;
    struct database sessions;
    sqlite3_stmt *walk[WALKS_MAX]; /* one a mailbox that is read at the same time */
    struct lease *lease;  /* sqlite_lease.c: the process's, shared; NULL: not looked for yet */
    bool turn;            /* sqlite_sessions.c: it is ours to write the sessions */
    bool unentered;       /* sqlite_lease.c: the lease is not in the sessions yet, they fail */
    bool expiring;        /* sqlite_expire.c: a round has more slices … */
    int64_t expire_until; /* … of what was idle at this served time */
    int idle;             /* store_rest was called so often since a file was used */
    char not_seeded[STORE_WHY_SIZE]; /* what the environment wanted of a new log in vain */
    int64_t data_version;            /* of the log when it was last read; -1: never read */
    _Atomic(struct waiter *) waiter; /* sqlite_wait.c; NULL: never waited */
    int64_t grew_at;   /* sqlite_wait.c: when rows were last found behind a position */
    atomic_bool woken; /* store_wake was called since store_wait returned */
    int64_t looked_at; /* sqlite_look.c: the schema's version then; -1: not looked at */
    char lacks[STORE_WHY_SIZE];           /* what has to be mended; "": nothing */
    int64_t mend_at;                      /* not before; of database_clock_ms */
    char told[2 * STORE_WHY_SIZE];        /* what log_tell said last */
    struct clock_watch clock;             /* sqlite_retain.c: what it saw of the clocks … */
    int64_t retained_at;                  /* … the log's end at the last slice … */
    char retained[EVENT_MAILBOX_MAX + 1]; /* … and the mailbox that was looked at last */
};

/* The engine's own struct of a store. */
static inline struct sqlite_store *sqlite_of(struct store *store)
{
    return (struct sqlite_store *)store;
}

/* Make sure `d` is open and is the file at its path; opens it (or anew) and runs its schema
 * where there is none.  Takes no write lock of a file that has its schema.  Every call of
 * store.h begins with it; it forgets the sentence of the call before. */
enum store_result database_use(struct sqlite_store *s, struct database *d);
void database_close(struct sqlite_store *s, struct database *d);

/* Milliseconds of the monotonic clock. */
int64_t database_clock_ms(void);

/* Whether the path still leads to the files that are open (file_is_current). */
bool database_is_current(struct database *d);

/* COMMIT what was written, if that is so; and STORE_BUSY as well if it is not so afterwards:
 * then what was written may be in files that nobody reads any more.  Else whoever opens the
 * file from now on sees it, whatever becomes of -wal and -shm.  What failed is rolled back. */
enum store_result database_commit(struct sqlite_store *s, struct database *d);

/* End what was only read.  STORE_BUSY: the files were changed meanwhile, so what was read may
 * be of two moments. */
enum store_result database_end_read(struct sqlite_store *s, struct database *d);

/* Close what another thread found to be replaced; for who is about to wait, or to rest. */
void database_let_go(struct sqlite_store *s, struct database *d);

/* The statement, reset and ready to bind; NULL: it could not be prepared (store_failed
 * tells). */
sqlite3_stmt *database_statement(struct database *d, enum sql id);

/* Run a statement without parameters or rows, by id: BEGIN, COMMIT and the like. */
enum store_result database_run(struct sqlite_store *s, struct database *d, enum sql id);

/* Roll back if a transaction is open. */
void database_rollback(struct database *d);

/* What an errno of the system amounts to: STORE_FULL for no space, a quota, and a limit of file
 * size; STORE_READONLY for what is forbidden.  Never STORE_OK. */
enum store_result database_result_of_errno(int error);

/* Translate the connection's last error, and keep its sentence in store_why: `doing` is what
 * was being done, "reading the log".  Never returns STORE_OK. */
enum store_result store_failed(struct sqlite_store *s, struct database *d, const char *doing);

/* STORE_BUSY: the files were changed under us. */
enum store_result database_changed(struct sqlite_store *s, struct database *d);

/* ---- around a file (place.c) ------------------------------------------------------- */

/* The path without symbolic links, also of a file that is not there yet.  NULL: no memory. */
char *place_resolve(const char *path);

/* Whether the path that was given leads to another file than the log that is open; costs one
 * stat(), and only where there are symbolic links on the way. */
bool place_leads_elsewhere(const struct sqlite_store *s);

/* Where the log's path leads now; another file than before: the sessions are there, too. */
enum store_result place_follow(struct sqlite_store *s);

/* Before the file is opened, or made: whether it may be. */
enum store_result place_prepare(struct sqlite_store *s, struct database *d, struct file *f);

/* After it was opened: what we made beside it gets the file's group.  Tells who is locked
 * out. */
void place_share(const struct database *d);

/* Whether the file's owner may not write what stands beside it, and the cure. */
bool place_locks_out(const struct database *d, char *sentence, size_t size);

/* How many other names it has; by each, SQLite would use another -wal. */
int place_other_names(const struct database *d);

/* Whether it is what only our account can have put there: a regular file of it with no more
 * than so many names.  `why` gets a sentence if not. */
bool place_is_own(const struct stat *st, nlink_t names, const char *path, char *why,
                  size_t size);

/* Say why in our own words. */
enum store_result store_refuse(struct sqlite_store *s, enum store_result r, const char *format,
                               ...) __attribute__((format(printf, 3, 4)));

/* In the log's file, just after it was opened: the version checked, settings of a new log taken
 * from the environment, those an older one lacks added, and a new epoch if the log stands below
 * what was seen of it (sqlite_open.c).  database_use calls it. */
enum store_result log_opened(struct sqlite_store *s);

/* Give a log of an earlier version the settings it does not have (sqlite_settings.c).  Whatever
 * is in the way (a lock, a file that is read-only) is no reason not to use the log: the
 * defaults hold, and who opens it next tries again. */
void settings_complete(struct sqlite_store *s);

/* Read where the log stands, in the transaction that is open, or else in one of its own.  What
 * is read was checked: the epoch is one, 0 <= trimmed_to, forgotten_to <= last_id, and no event
 * has an id beyond last_id, also when the books say otherwise (log_books_wrong is told
 * then). */
enum store_result log_read_end(struct sqlite_store *s, struct store_end *out,
                               int64_t *forgotten_to);

/* Look at the log's schema if it changed since the last look, in the transaction that is open
 * or in one of its own (sqlite_look.c).  STORE_CORRUPT: no table, or no column, to work
 * with. */
enum store_result log_examine(struct sqlite_store *s);

/* The books do not agree with the events: `what`.  They are made true at the next occasion,
 * but, unless it is wanted at once, only every ten seconds, since that reads all events. */
void log_books_wrong(struct sqlite_store *s, const char *what, bool at_once);

/* Make what the log lacks, if it lacks something, and no transaction is open.  database_use
 * calls it.  Success or not, the log is as usable as before; log_tell says what came of it. */
void log_mend(struct sqlite_store *s);

/* A notice (store_notice), the same one once a minute at most; s->told keeps it. */
void log_tell(struct sqlite_store *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* There were rows: others may follow soon (sqlite_wait.c). */
void waiter_grew(struct sqlite_store *s);

/* The waiter's descriptors, at the store's end (sqlite_wait.c). */
void waiter_free(struct sqlite_store *s);

/* Saved by the sessions: the epoch and highest id seen of the log.  *known false: nothing
 * yet. */
enum store_result sessions_seen(struct sqlite_store *s, struct store_end *seen, bool *known);

/* Whether a session of this id exists. */
enum store_result sessions_known(struct sqlite_store *s, const char *id, bool *known);

/* In the sessions' file, just after it was opened and its schema ran: the version checked, and
 * what an earlier holder of our responder's number left tidied (sqlite_sessions.c).
 * database_use calls it; it may not call database_use. */
enum store_result sessions_opened(struct sqlite_store *s);

/* The log's path leads elsewhere now: a process that has a lease takes one there. */
void lease_follow(struct sqlite_store *s);

/* The responder's number under this process's lease, 0 without one (sqlite_lease.c). */
int lease_number(struct sqlite_store *s);

#endif
