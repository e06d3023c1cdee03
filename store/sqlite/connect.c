/* Opening a file, step by step: wait for the connections of an earlier generation, create the
 * file with the right mode, connect, look for the schema and make it if it is missing, and make
 * sure of WAL mode.  At last it is checked that nobody replaced the files meanwhile.  If any step
 * fails the file is closed again, and the next call begins from the first one. */
#include "store/sqlite/connect.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/file.h"
#include "store/sqlite/now.h"
#include "store/sqlite/place.h"

/* Create the file with its mode, if there is none.  This must never open a file that SQLite may
 * have open: POSIX drops all locks that a process has on a file when it closes any descriptor of
 * it (fcntl(2)), and so SQLite's, in all threads.  Hence O_EXCL, and a lock that keeps the other
 * threads of this process from opening the file between our open and close. */
static enum store_result file_make(struct sqlite_store *s, const struct database *d)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    struct stat file;
    int fd = -1, error = 0;
    pthread_mutex_lock(&one_at_a_time);
    if (stat(d->path, &file) != 0) {
        fd = open(d->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, d->mode);
        if (fd < 0)
            error = errno;
        else if (fchmod(fd, d->mode) != 0) /* past the umask */
            error = errno;
        if (fd >= 0)
            close(fd);
    }
    pthread_mutex_unlock(&one_at_a_time);
    if (error && error != EEXIST)
        return store_refuse(s, database_result_of_errno(error), "making %s: %s", d->path,
                            strerror(error));
    return STORE_OK;
}

/* When statements have to end, in now_monotonic_ms; 0: never. */
static atomic_int_least64_t deadline;

void sqlite_deadline(int ms)
{
    atomic_store(&deadline, ms < 0 ? 0 : now_monotonic_ms() + ms);
}

/* SQLite's progress handler, called each DEADLINE_STEPS steps of one statement; usual statements
 * need fewer.  (sqlite3_interrupt would need a connection, which its thread may be closing.) */
static int is_over(void *arg)
{
    int64_t at = atomic_load_explicit(&deadline, memory_order_relaxed);
    (void)arg;
    return at != 0 && now_monotonic_ms() >= at;
}

/* NOMUTEX: a connection is used by one thread.  NOFOLLOW: the path was resolved, so a link at it
 * was put there since.  NO_CKPT_ON_CLOSE: the last connection to close would take an exclusive
 * lock, which refuses publishers, copy the -wal and delete it. */
static enum store_result connect_to(struct sqlite_store *s, struct database *d)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                SQLITE_OPEN_NOFOLLOW;
    d->opened_at = now_monotonic_ms();
    int rc = sqlite3_open_v2(d->path, &d->db, flags, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(d->db, STORE_BUSY_MS);
        sqlite3_progress_handler(d->db, DEADLINE_STEPS, is_over, NULL);
        sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
        rc = sqlite3_exec(d->db, sql_text[d->pragmas], NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK)
        return store_failed(s, d, "opening the file");
    const char *name = sqlite3_filename_wal(sqlite3_db_filename(d->db, "main"));
    d->wal_path = strdup(name ? name : "");
    if (!d->wal_path)
        return store_refuse(s, STORE_NOMEM, "opening the file: out of memory");
    return STORE_OK;
}

/* *there: the file has its schema.  Only a read, since a write lock would make the publishers'
 * shells wait, or fail, whenever a responder opens the log. */
static enum store_result schema_look(struct sqlite_store *s, struct database *d, bool *there)
{
    *there = false;
    sqlite3_stmt *stmt = database_statement(d, d->version);
    if (!stmt && database_lacks_table(d))
        return STORE_OK;
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    enum store_result r = STORE_OK;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = store_failed(s, d, "reading the version of the schema");
    *there = rc == SQLITE_ROW;
    sqlite3_reset(stmt);
    return r;
}

enum { SCHEMA_PATIENCE_MS = 4 * STORE_BUSY_MS };

/* A file of an earlier revision that lacks only the row with its version is upgraded first, since
 * the schema could not be loaded into it. */
static enum store_result schema_make(struct sqlite_store *s, struct database *d)
{
    enum store_result r = d->statement[d->version] ? d->upgrade(s) : STORE_OK;
    if (r != STORE_OK)
        return r;
    if (sqlite3_exec(d->db, sql_text[d->schema], NULL, NULL, NULL) == SQLITE_OK)
        return STORE_OK;
    r = store_failed(s, d, "making the schema");
    database_rollback(d);
    return r;
}

/* Several processes that start with a new log make its schema at the same moment.  SQLite refuses
 * a transaction that has read and then wants to write, at once and without the busy handler, if
 * another one wrote meanwhile.  So look again, until one process has made the schema. */
static enum store_result schema_run(struct sqlite_store *s, struct database *d)
{
    static const struct timespec pause = {.tv_nsec = 5000000};
    int64_t until = now_monotonic_ms() + SCHEMA_PATIENCE_MS;
    for (;; nanosleep(&pause, NULL)) {
        bool there;
        enum store_result r = schema_look(s, d, &there);
        d->made = r == STORE_OK && !there;
        if (d->made)
            r = schema_make(s, d);
        d->made = d->made && r == STORE_OK;
        if (r != STORE_BUSY || now_monotonic_ms() >= until)
            return r;
        s->store.why[0] = '\0';
    }
}

/* A restored copy may be in rollback mode (VACUUM INTO makes such copies), where readers lock
 * publishers out.  A file that may not be written stays as it is. */
static enum store_result wal_mode(struct sqlite_store *s, struct database *d)
{
    sqlite3_stmt *stmt = database_statement(d, SQL_JOURNAL_WAL);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    enum store_result r = STORE_OK;
    if (rc != SQLITE_ROW)
        r = store_failed(s, d, "putting the file into WAL mode");
    sqlite3_reset(stmt);
    if (r != STORE_READONLY)
        return r;
    s->store.why[0] = '\0';
    return STORE_OK;
}

/* Note which files are open now, unless they were replaced while we opened them. */
static enum store_result identity_note(struct sqlite_store *s, struct database *d)
{
    int moved = 0;
    sqlite3_file_control(d->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved || !file_entered(&d->hold) ? database_changed(s, d) : STORE_OK;
}

static enum store_result database_enter(struct sqlite_store *s, struct database *d)
{
    struct file *f = file_of(d->path);
    if (!f)
        return store_refuse(s, STORE_NOMEM, "opening the file: out of memory");
    enum store_result r = place_prepare(s, d, f);
    if (r == STORE_OK && !file_enter(&d->hold, f))
        r = store_refuse(s, STORE_BUSY,
                         "%s, or its -wal or -shm, was replaced or removed: waiting until all "
                         "connections of this process have closed it",
                         d->path);
    return r;
}

static enum store_result database_open(struct sqlite_store *s, struct database *d)
{
    d->opening = true;
    enum store_result r = database_enter(s, d);
    if (r == STORE_OK)
        r = file_make(s, d);
    if (r == STORE_OK)
        r = connect_to(s, d);
    if (r == STORE_OK)
        r = schema_run(s, d);
    if (r == STORE_OK)
        r = wal_mode(s, d);
    if (r == STORE_OK && d->opened)
        r = d->opened(s);
    if (r == STORE_OK)
        r = identity_note(s, d);
    d->opening = false;
    if (r == STORE_OK)
        place_share(d);
    else
        database_close(s, d);
    return r;
}

/* SQLite decides when it opens a file whether the file may be written, and does not check again.
 * For the -shm that even holds for all connections of a process, as long as one of them is open. */
static bool was_repaired(const struct database *d)
{
    return d->db && d->readonly && now_monotonic_ms() - d->opened_at >= READONLY_REST_MS &&
           file_is_writable(d->hold.file);
}

enum store_result database_use(struct sqlite_store *s, struct database *d)
{
    assert(!d->opening);
    s->store.why[0] = '\0';
    s->idle = 0;
    /* Another thread may wait until we close the other file, which this call does not look at. */
    database_let_go(s, d == &s->log ? &s->sessions : &s->log);
    if (was_repaired(d))
        file_outdate(&d->hold);
    enum store_result r = d->before_use ? d->before_use(s) : STORE_OK;
    if (r != STORE_OK || database_is_usable(d))
        return r;
    database_close(s, d);
    return database_open(s, d);
}
