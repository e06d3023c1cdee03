#include "store/sqlite/database.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum store_result store_refuse(struct sqlite_store *s, enum store_result r, const char *format,
                               ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(s->store.why, sizeof s->store.why, format, args);
    va_end(args);
    return r;
}

enum store_result database_result_of_errno(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* a limit of file size; SQLite calls it, and a quota, an I/O error */
        return STORE_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return STORE_READONLY;
    case ENOMEM:
        return STORE_NOMEM;
    default:
        return STORE_IO;
    }
}

/* What the system said to the last write of the -wal or the file that failed.  SQLite knows
 * that ENOSPC is a full disk, and takes a quota for an I/O error; sqlite3_system_errno() is
 * what errno was some calls later. */
static int write_errno(sqlite3 *db)
{
    static const int files[] = {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER};
    for (int i = 0; i < 2; i++) {
        sqlite3_file *file = NULL;
        int error = 0;
        sqlite3_file_control(db, "main", files[i], &file);
        if (file && file->pMethods &&
            file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK &&
            database_result_of_errno(error) == STORE_FULL)
            return error;
    }
    return sqlite3_system_errno(db);
}

static int errno_of(sqlite3 *db)
{
    return sqlite3_extended_errcode(db) == SQLITE_IOERR_WRITE ? write_errno(db)
                                                              : sqlite3_system_errno(db);
}

static enum store_result result_of(sqlite3 *db)
{
    int code = sqlite3_extended_errcode(db);
    if (code == SQLITE_IOERR_NOMEM)
        return STORE_NOMEM;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return STORE_BUSY;
    case SQLITE_FULL:
        return STORE_FULL;
    case SQLITE_NOMEM:
        return STORE_NOMEM;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return STORE_CORRUPT;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
        return STORE_REFUSED;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return STORE_READONLY;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return database_result_of_errno(errno_of(db));
    default:
        return STORE_IO;
    }
}

/* SQLite says "unable to open database file" and "disk I/O error", whatever the system said.
 * NULL: what errno is now may be of another call. */
static const char *what_the_system_said(sqlite3 *db)
{
    static const int openings[] = {EACCES, EPERM, EROFS, EMFILE, ENFILE, ENOTDIR, EISDIR};
    int code = sqlite3_errcode(db) & 0xff, error = errno_of(db);
    if (code == SQLITE_IOERR && database_result_of_errno(error) == STORE_FULL)
        return strerror(error);
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++)
        if (code == SQLITE_CANTOPEN && error == openings[i])
            return strerror(error);
    return NULL;
}

enum store_result store_failed(struct sqlite_store *s, struct database *d, const char *doing)
{
    if (!d->db)
        return store_refuse(s, STORE_NOMEM, "%s: out of memory", doing);
    enum store_result r = result_of(d->db);
    d->suspect |= r == STORE_IO || r == STORE_CORRUPT;
    d->readonly |= r == STORE_READONLY;
    if (r == STORE_REFUSED) /* the sentence is the schema's */
        return store_refuse(s, r, "%s", sqlite3_errmsg(d->db));
    const char *system = what_the_system_said(d->db);
    bool full = r == STORE_FULL && system; /* which SQLite calls a disk I/O error */
    return store_refuse(s, r, "%s: %s%s%s", doing,
                        full ? "database or disk is full" : sqlite3_errmsg(d->db),
                        system ? ": " : "", system ? system : "");
}

bool database_is_current(struct database *d)
{
    return d->opening || file_is_current(&d->hold); /* identity_note looks when it is open */
}

enum store_result database_changed(struct sqlite_store *s, struct database *d)
{
    return store_refuse(s, STORE_BUSY, "%s, or its -wal or -shm, was just replaced or removed",
                        d->path);
}

void database_close(struct sqlite_store *s, struct database *d)
{
    for (int i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(d->statement[i]);
        d->statement[i] = NULL;
    }
    if (d == &s->log) {
        s->data_version = -1; /* another connection counts anew */
        s->looked_at = -1;
        for (int i = 0; i < WALKS_MAX; i++) {
            sqlite3_finalize(s->walk[i]);
            s->walk[i] = NULL;
        }
    }
    sqlite3_close(d->db);
    d->db = NULL;
    free(d->wal_path);
    d->wal_path = NULL;
    d->suspect = false;
    d->readonly = false;
    file_leave(&d->hold);
}

/* Not in the middle of something, nor being opened. */
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

/* For people, who know no file of ours. */
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

void database_rollback(struct database *d)
{
    if (d->db && !sqlite3_get_autocommit(d->db))
        sqlite3_exec(d->db, sql_text[SQL_ROLLBACK], NULL, NULL, NULL);
}

/* Make the file with its mode, if there is none.  Never opens one that SQLite may have open:
 * closing our descriptor would drop SQLite's locks of it, in all threads.  Hence O_EXCL, and no
 * other thread may come between open and close. */
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

/* When no statement may go on any more; 0: never.  Of database_clock_ms. */
static atomic_int_least64_t deadline;

void sqlite_deadline(int ms)
{
    atomic_store(&deadline, ms < 0 ? 0 : database_clock_ms() + ms);
}

/* SQLite's progress handler: each DEADLINE_STEPS of one statement, which the usual ones never
 * need.  (sqlite3_interrupt would want a connection that another thread may be closing.) */
static int is_over(void *arg)
{
    int64_t at = atomic_load_explicit(&deadline, memory_order_relaxed);
    (void)arg;
    return at != 0 && database_clock_ms() >= at;
}

static enum store_result connect_to(struct sqlite_store *s, struct database *d)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                SQLITE_OPEN_NOFOLLOW;
    d->opened_at = database_clock_ms();
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

/* *there: the schema is.  A read only, since a write lock would stop the publishers' shells. */
static enum store_result schema_look(struct sqlite_store *s, struct database *d, bool *there)
{
    *there = false;
    sqlite3_stmt *stmt = database_statement(d, d->version);
    if (!stmt && sqlite3_errcode(d->db) == SQLITE_ERROR)
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

static enum store_result schema_make(struct sqlite_store *s, struct database *d)
{
    if (sqlite3_exec(d->db, sql_text[d->schema], NULL, NULL, NULL) == SQLITE_OK)
        return STORE_OK;
    enum store_result r = store_failed(s, d, "making the schema");
    database_rollback(d);
    return r;
}

/* Several processes that start with a new log make it at the same moment.  SQLite refuses who
 * has read and then wants to write, without any patience: so look again, until one has
 * made it. */
static enum store_result schema_run(struct sqlite_store *s, struct database *d)
{
    static const struct timespec pause = {.tv_nsec = 5000000};
    int64_t until = database_clock_ms() + SCHEMA_PATIENCE_MS;
    for (;; nanosleep(&pause, NULL)) {
        bool there;
        enum store_result r = schema_look(s, d, &there);
        d->made = r == STORE_OK && !there;
        if (d->made)
            r = schema_make(s, d);
        d->made = d->made && r == STORE_OK;
        if (r != STORE_BUSY || database_clock_ms() >= until)
            return r;
        s->store.why[0] = '\0';
    }
}

/* A restored copy may be in rollback mode (VACUUM INTO makes such), where readers lock
 * publishers out.  What may not be written stays as it is. */
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

/* What is open now, unless it was replaced while we opened it. */
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
        r = store_refuse(
            s, STORE_BUSY,
            "%s, or its -wal or -shm, was replaced or removed: waiting until all of "
            "this process have closed it",
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
    if (r == STORE_OK)
        r = d == &s->log ? log_opened(s) : sessions_opened(s);
    if (r == STORE_OK)
        r = identity_note(s, d);
    d->opening = false;
    if (r == STORE_OK)
        place_share(d);
    else
        database_close(s, d);
    return r;
}

int64_t database_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* SQLite decides as it opens a file whether the file may be written, and stays with that; for
 * the -shm even all connections of a process do, as long as one of them is open. */
static bool was_repaired(const struct database *d)
{
    return d->db && d->readonly && database_clock_ms() - d->opened_at >= READONLY_REST_MS &&
           file_is_writable(d->hold.file);
}

static bool is_usable(struct database *d)
{
    return d->db && !d->suspect && database_is_current(d);
}

enum store_result database_use(struct sqlite_store *s, struct database *d)
{
    enum store_result r = STORE_OK;
    s->store.why[0] = '\0';
    s->idle = 0;
    database_let_go(s, d == &s->log ? &s->sessions : &s->log);
    if (d == &s->log)
        r = place_follow(s);
    if (was_repaired(d))
        file_outdate(&d->hold);
    if (r == STORE_OK && d == &s->log && s->lacks[0] && is_usable(d))
        log_mend(s);
    if (r != STORE_OK || is_usable(d))
        return r;
    database_close(s, d);
    return database_open(s, d);
}

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

enum store_result database_end_read(struct sqlite_store *s, struct database *d)
{
    enum store_result r = database_run(s, d, SQL_COMMIT);
    if (r == STORE_OK && !database_is_current(d))
        r = database_changed(s, d);
    return r;
}
