/* Appending groups of publications.
 *
 * A commit costs a sync of the disk (0.2 to 20 ms), a row costs 8 µs, so publications that wait
 * at the same time are committed together.  A group is one transaction, and each publication in
 * it succeeds or fails alone.  SQLite undoes a single INSERT that a rule refuses, with all that
 * its triggers did (RAISE(ABORT)); only a publication of several rows needs a savepoint for that.
 *
 * Whatever else goes wrong (a lock, the disk, memory) ends the transaction as a whole.  If one
 * publication may be to blame, each is tried again in a transaction of its own. */
#include <string.h>
#include <time.h>

#include "store/sqlite/append_many.h"
#include "store/sqlite/append_row.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/file.h"
#include "store/sqlite/now.h"
#include "store/sqlite/sessions.h"
#include "store/sqlite/upgrade.h"

enum { LOOK_US = 1000 };

/* Until when an append waits for a lock. */
struct patience {
    int64_t until; /* now_monotonic_ms */
};

/* SQLite's busy handler; returns 0 to give up.  SQLite's own handler sleeps longer and longer, up
 * to 100 ms: if another process commits groups back to back, it would hardly ever look while the
 * lock is free.  The pauses are uneven, so that two waiting processes do not meet for ever. */
static int wait_for_lock(void *arg, int tries)
{
    const struct patience *p = arg;
    struct timespec now;
    (void)tries;
    if (now_monotonic_ms() >= p->until)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    now = (struct timespec){.tv_nsec = (LOOK_US / 2 + now.tv_nsec / 100 % LOOK_US) * 1000L};
    nanosleep(&now, NULL);
    return 1;
}

/* STORE_UNKNOWN if one of the sessions does not exist: then none of them gets the event. */
static enum store_result sessions_check(struct sqlite_store *s, struct appending *a)
{
    const struct publication *p = &a->what;
    if (p->rows)
        return append_many_check(s, a);
    for (size_t i = 0; i < p->session_count; i++) {
        bool known = false;
        enum store_result r = sessions_known(s, p->sessions[i], &known);
        if (r != STORE_OK)
            return r;
        if (!known)
            return store_refuse(s, STORE_UNKNOWN, "there is no session %.64s", p->sessions[i]);
    }
    return STORE_OK;
}

/* A row for each session, or none. */
static enum store_result append_rows(struct sqlite_store *s, const struct appending *a)
{
    enum store_result r = database_run(s, &s->log, SQL_SAVEPOINT);
    if (r != STORE_OK)
        return r;
    for (size_t i = 0; i < a->what.session_count && r == STORE_OK; i++)
        r = append_row(s, &a->what, a->what.sessions[i], &a->ids[i]);
    if (r == STORE_OK)
        return database_run(s, &s->log, SQL_SAVEPOINT_KEEP);
    return append_is_refusal(r) ? append_undo(s, r) : r; /* else the whole transaction ends */
}

/* Append one row.  A refusal normally leaves nothing behind.  But a trigger of the application's
 * own may end the transaction (RAISE(ROLLBACK)), or leave half of a row (RAISE(FAIL)): *lost. */
static enum store_result append_alone(struct sqlite_store *s, const struct appending *a,
                                      bool *lost)
{
    int before = sqlite3_total_changes(s->log.db);
    enum store_result r = append_row(s, &a->what, NULL, &a->ids[0]);
    *lost = r != STORE_OK && sqlite3_total_changes(s->log.db) != before;
    return r;
}

static void append_note(struct sqlite_store *s, struct appending *a, enum store_result r)
{
    a->result = r;
    memcpy(a->why, s->store.why, sizeof a->why);
    if (r == STORE_OK)
        a->why[0] = '\0';
}

/* Append the items that have not failed, in the transaction that is open.  Any result but
 * STORE_OK ends it. */
static enum store_result append_group(struct sqlite_store *s, struct appending *const *items,
                                      size_t n)
{
    struct store_end end;
    enum store_result r = log_read_end(s, &end, NULL);
    if (r != STORE_OK)
        return r;
    for (size_t i = 0; i < n; i++) {
        struct appending *a = items[i];
        if (a->result != STORE_OK)
            continue;
        bool lost = false;
        memcpy(a->epoch, end.epoch, sizeof a->epoch);
        r = a->what.rows                ? append_many(s, a)
            : a->what.session_count > 0 ? append_rows(s, a)
                                        : append_alone(s, a, &lost);
        lost |= sqlite3_get_autocommit(s->log.db) != 0;
        if (r == STORE_FULL && end.last_id == INT64_MAX) /* SQLite calls that full, too */
            return store_refuse(s, STORE_CORRUPT,
                                "the log has no id left, since somebody changed last_id of "
                                "rowcast_log: rowcast.fcgi --check says what to do");
        if (r != STORE_OK && (!append_is_refusal(r) || lost))
            return r;
        append_note(s, a, r);
    }
    return STORE_OK;
}

/* A log that is behind has no place for all that a row can have. */
static enum store_result append_upgrade(struct sqlite_store *s)
{
    enum store_result r = s->log.behind ? log_upgrade(s) : STORE_OK;
    if (r == STORE_OK || r == STORE_BUSY)
        return r;
    char why[STORE_WHY_SIZE];
    memcpy(why, s->store.why, sizeof why);
    return store_refuse(
        s, r, "the event log is of an earlier revision, and cannot be upgraded: %s", why);
}

/* Open the log and take its lock, with patience for both. */
static enum store_result append_begin(struct sqlite_store *s, struct patience *p)
{
    enum store_result r = database_use(s, &s->log);
    while (r == STORE_BUSY && wait_for_lock(p, 0))
        r = database_use(s, &s->log);
    if (r != STORE_OK)
        return r;
    sqlite3_busy_handler(s->log.db, wait_for_lock, p);
    r = append_upgrade(s);
    if (r == STORE_OK)
        r = database_run(s, &s->log, SQL_BEGIN_IMMEDIATE);
    sqlite3_busy_timeout(s->log.db, STORE_BUSY_MS);
    if (r == STORE_BUSY)
        return store_refuse(s, r, "the event log is locked: another program is writing to it");
    return r;
}

/* The largest id of a publication, in which a row that was there already has an older one. */
static int64_t newest_of(const struct appending *a)
{
    int64_t id = 0;
    for (size_t i = 0; i < publication_rows(&a->what); i++)
        id = a->ids[i] > id ? a->ids[i] : id;
    return id;
}

/* The log reaches at least this far now: if it ever ends before, it lost something. */
static void note_seen(struct sqlite_store *s, struct appending *const *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (items[i]->result == STORE_OK)
            file_saw(s->log.hold.file, items[i]->epoch, newest_of(items[i]));
}

/* Whether the log was replaced before the commit, so that nothing was written: then the group
 * goes into the new log. */
static bool is_to_be_redone(struct sqlite_store *s, enum store_result r, struct patience *p)
{
    return r == STORE_BUSY && !s->log.unsure && !database_is_current(&s->log) &&
           wait_for_lock(p, 0);
}

static enum store_result append_together(struct sqlite_store *s, struct appending *const *items,
                                         size_t n, struct patience *p)
{
    enum store_result r = append_begin(s, p);
    bool begun = r == STORE_OK;
    if (begun)
        r = append_group(s, items, n);
    if (r != STORE_OK) {
        database_rollback(&s->log);
        return begun && log_is_worth_a_retry(s, r) ? append_together(s, items, n, p) : r;
    }
    r = database_commit(s, &s->log);
    if (is_to_be_redone(s, r, p))
        return append_together(s, items, n, p);
    if (r == STORE_OK)
        note_seen(s, items, n);
    return r;
}

/* The transaction failed, so the items that had succeeded in it failed as well. */
static void fail_all(struct sqlite_store *s, struct appending *const *items, size_t n,
                     enum store_result r)
{
    for (size_t i = 0; i < n; i++)
        if (items[i]->result == STORE_OK)
            append_note(s, items[i], r);
}

/* Append each item in a transaction of its own.  An item that is too large, or whose refusal
 * ended the transaction, is no reason to refuse the others.  As some of them are written now, a
 * failure is that of one item, and the caller must not try the group again. */
static void append_each(struct sqlite_store *s, struct appending *const *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct patience p = {now_monotonic_ms() + STORE_BUSY_MS};
        if (items[i]->result != STORE_OK)
            continue;
        enum store_result r = append_together(s, &items[i], 1, &p);
        if (r != STORE_OK)
            append_note(s, items[i], r);
    }
}

enum store_result sqlite_append_all(struct store *store, struct appending *const *items,
                                    size_t n, int patience_ms)
{
    struct sqlite_store *s = sqlite_of(store);
    struct patience p = {now_monotonic_ms() + patience_ms};
    size_t well = 0;
    for (size_t i = 0; i < n; i++) { /* before the lock is taken: it is another file */
        append_note(s, items[i], sessions_check(s, items[i]));
        well += items[i]->result == STORE_OK;
    }
    if (well == 0)
        return STORE_OK;
    s->log.unsure = false;
    enum store_result r = append_together(s, items, n, &p);
    if (well > 1 && !s->log.behind &&
        (r == STORE_FULL || r == STORE_NOMEM || append_is_refusal(r))) {
        append_each(s, items, n);
        return STORE_OK;
    }
    if (r != STORE_OK)
        fail_all(s, items, n, r);
    return s->log.unsure ? STORE_OK : r; /* a second try might append it twice */
}
