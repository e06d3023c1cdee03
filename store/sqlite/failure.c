/* From an error of SQLite to a result, and to a sentence that helps.
 *
 * SQLite's codes say which of its parts failed, not what a person can do: a quota that is used up
 * is a "disk I/O error", and a missing permission is "unable to open database file".  So the
 * system's errno is looked at as well, if it is certainly that of the failed call. */
#include "store/sqlite/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/sqlite/engine.h"

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

/* The errno of the last write that failed, of the -wal or of the file.  SQLite knows that ENOSPC
 * is a full disk, but takes a quota for an I/O error; and sqlite3_system_errno() is errno as it
 * was some calls later. */
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

/* The system's own words, to add to SQLite's.  NULL: errno may be that of another call. */
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
