/* The books say where the log ends, and everybody can edit them: the log may lie in an
 * application's own database.  So each id that is read from them is cut to what is possible, the
 * newest row counts even if the books do not know it, and a mistake is noted to be mended.  It
 * must never stop the streams. */
#include "store/sqlite/end.h"

#include <string.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/look.h"

static const char end_reading[] = "reading the log";

int64_t log_id_of(sqlite3_stmt *stmt, int column, int64_t most, bool *sound)
{
    bool is_number = sqlite3_column_type(stmt, column) == SQLITE_INTEGER;
    int64_t id = is_number ? sqlite3_column_int64(stmt, column) : 0;
    *sound &= is_number && id >= 0 && id <= most;
    return id < 0 ? 0 : id > most ? most : id;
}

/* Check the row of the books.  People can edit it, and events can be inserted past the triggers
 * that keep it true. */
static enum store_result end_of_row(struct sqlite_store *s, sqlite3_stmt *stmt,
                                    struct store_end *out, int64_t *forgotten_to)
{
    const char *epoch = (const char *)sqlite3_column_text(stmt, 0);
    bool sound = true, may_be = true;
    int64_t booked = log_id_of(stmt, 1, INT64_MAX, &sound);
    int64_t newest = log_id_of(stmt, 5, INT64_MAX, &may_be); /* NULL: there is no event */
    if (!epoch || !epoch_is_sound(epoch) || sqlite3_column_bytes(stmt, 0) != EPOCH_SIZE - 1) {
        log_books_wrong(s, "epoch was not eight hex digits", true);
        return store_refuse(s, STORE_CORRUPT,
                            "%s: epoch of rowcast_log is not eight hex digits", end_reading);
    }
    memcpy(out->epoch, epoch, sizeof out->epoch);
    s->removed = sqlite3_column_int(stmt, 6) != 0;
    out->last_id = newest > booked ? newest : booked;
    out->trimmed_to = log_id_of(stmt, 2, out->last_id, &sound);
    out->config_version = sqlite3_column_int64(stmt, 3) & INT64_MAX; /* -1 is nobody's */
    int64_t forgotten = log_id_of(stmt, 4, out->last_id, &sound);
    if (forgotten_to)
        *forgotten_to = forgotten;
    if (newest > booked)
        log_books_wrong(s, "events came that no trigger saw", false);
    else if (!sound)
        log_books_wrong(s, "rowcast_log was edited", false);
    return STORE_OK;
}

/* s->seen was noted when this call began.  Commits that were seen by then have to be in what is
 * read now, so an end before them means that some are lost. */
static enum store_result end_compare(struct sqlite_store *s, const struct store_end *end)
{
    s->fell = strcmp(end->epoch, s->seen.epoch) == 0 && end->last_id < s->seen.last_id;
    if (!s->fell)
        return STORE_OK;
    return store_refuse(s, STORE_BUSY,
                        "the log lost what came after its event %lld: it gets a new epoch",
                        (long long)end->last_id);
}

bool log_is_worth_a_retry(const struct sqlite_store *s, enum store_result r)
{
    return r == STORE_BUSY && (s->fell || s->anew);
}

/* The schema was just looked at, so what is missing is known.  In the middle of a call it cannot be
 * made; while the log is being opened, that follows. */
static enum store_result end_failed(struct sqlite_store *s)
{
    bool lacks = s->lacks[0] && !s->log.opening && database_lacks_table(&s->log);
    enum store_result r = store_failed(s, &s->log, end_reading);
    if (!lacks)
        return r;
    s->anew = s->log.suspect = true;
    return store_refuse(s, STORE_BUSY, "the log %s lacks %s", s->log.path, s->lacks);
}

enum store_result log_read_end(struct sqlite_store *s, struct store_end *out,
                               int64_t *forgotten_to)
{
    enum store_result r = log_examine(s);
    if (r != STORE_OK)
        return r;
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_LOG_END);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    if (rc == SQLITE_ROW) {
        r = end_of_row(s, stmt, out, forgotten_to);
    } else if (rc == SQLITE_DONE) {
        log_books_wrong(s, "rowcast_log had no row", true);
        r = store_refuse(s, STORE_CORRUPT, "%s: rowcast_log has no row", end_reading);
    } else {
        r = end_failed(s);
    }
    sqlite3_reset(stmt);
    return r == STORE_OK ? end_compare(s, out) : r;
}

/* Read the version, and return the statement without a reset: until then SQLite keeps the state
 * of the file that was read.  NULL: it cannot be read. */
static sqlite3_stmt *version_read(struct sqlite_store *s, int64_t *version)
{
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_DATA_VERSION);
    if (!stmt || sqlite3_step(stmt) != SQLITE_ROW) {
        sqlite3_reset(stmt);
        return NULL;
    }
    *version = sqlite3_column_int64(stmt, 0);
    return stmt;
}

enum store_result log_data_version(struct sqlite_store *s, int64_t *version)
{
    sqlite3_stmt *stmt = version_read(s, version);
    if (!stmt)
        return store_failed(s, &s->log, end_reading);
    sqlite3_reset(stmt);
    return STORE_OK;
}

/* Alone, each of the statements would begin and end a read of its own, at three system calls.
 * While the version's statement is open, they share its read, and its moment. */
enum store_result log_end_at_version(struct sqlite_store *s, struct store_end *out,
                                     int64_t *version)
{
    sqlite3_stmt *stmt = version_read(s, version);
    if (!stmt)
        return store_failed(s, &s->log, end_reading);
    enum store_result r = log_read_end(s, out, NULL);
    sqlite3_reset(stmt);
    return r;
}
