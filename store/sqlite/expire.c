/* Expiry.  A round advances served time and ends the streams of dead processes; then slices
 * follow until nothing is left to expire.  Pauses between them give claims and ends of streams
 * their turn: SQLite, and our own queue of writers, would let a thread that asks again at once
 * win each time.  A slice reads which sessions go, asks the log what their notes have to say, and
 * only then locks the sessions: 250 of them take about 5 ms. */
#include "store/sqlite/tend.h"

#include <stdlib.h>
#include <string.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/departed.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/now.h"
#include "store/sqlite/removed.h"
#include "store/sqlite/responders.h"
#include "store/sqlite/sessions.h"
#include "store/sqlite/shrink.h"
#include "store/sqlite/upkeep.h"

enum { SLICE = 250, MAILBOX_ROWS = 100, STAYED_MS = 10000 };

/* A session whose time is over. */
struct leaver {
    char id[EVENT_KEY_MAX + 1]; /* "": too long to be one of ours */
    char token[SESSION_TOKEN_SIZE];
    int64_t created_at;
    bool mail; /* its mailbox keeps something */
    struct departure departure;
};

struct slice {
    size_t n;
    struct leaver leaver[SLICE];
};

/* *before is served time as it was.  A stream that ended at any moment since the last round has
 * that time as its end, so it may be younger than it looks by a whole round.  Expiry therefore
 * compares with the time before the advance, and no session expires early. */
static enum store_result expire_advance(struct sqlite_store *s, int64_t elapsed_ms,
                                        int64_t *before)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt = database_bind(d, SQL_SESSIONS_SERVED, INT(elapsed_ms));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    if (rc == SQLITE_ROW) {
        *before = sqlite3_column_int64(stmt, 0);
        rc = sqlite3_step(stmt);
    }
    enum store_result r =
        rc == SQLITE_DONE ? STORE_OK : store_failed(s, d, "advancing served time");
    sqlite3_reset(stmt);
    return r;
}

static enum store_result begin_round(struct sqlite_store *s, int64_t elapsed_ms,
                                     int64_t *before)
{
    enum store_result r = sessions_begin(s);
    if (r != STORE_OK)
        return r;
    r = responders_bury(s);
    if (r == STORE_OK)
        r = expire_advance(s, elapsed_ms, before);
    return sessions_finish(s, r);
}

/* Bookmarks of several epochs cannot be compared.  Then the note has no epoch, which means that
 * nobody knows what the client had. */
static void read_leaver(struct leaver *l, sqlite3_stmt *row)
{
    struct departure *d = &l->departure;
    const char *id = (const char *)sqlite3_column_text(row, 0);
    const char *epoch = (const char *)sqlite3_column_text(row, 6);
    const char *other = (const char *)sqlite3_column_text(row, 7);
    *l = (struct leaver){.created_at = sqlite3_column_int64(row, 2)};
    database_text(l->id, sizeof l->id, id);
    database_text(l->token, sizeof l->token, (const char *)sqlite3_column_text(row, 1));
    database_text(d->session_id, sizeof d->session_id, id);
    d->lasting = sqlite3_column_int64(row, 4) > 0 ||
                 sqlite3_column_int64(row, 3) - l->created_at >= STAYED_MS;
    d->position =
        sqlite3_column_type(row, 5) == SQLITE_NULL ? -1 : sqlite3_column_int64(row, 5);
    if (epoch && other && strcmp(epoch, other) == 0)
        database_text(d->epoch, sizeof d->epoch, epoch);
}

static enum store_result read_slice(struct sqlite_store *s, struct slice *slice)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt =
        database_bind(d, SQL_SESSIONS_EXPIRE, INT(s->expire_until), INT(SLICE));
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    slice->n = 0;
    while (rc == SQLITE_ROW && slice->n < SLICE && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        read_leaver(&slice->leaver[slice->n++], stmt);
    enum store_result r = rc == SQLITE_ROW || rc == SQLITE_DONE
                              ? STORE_OK
                              : store_failed(s, d, "looking for sessions that expired");
    sqlite3_reset(stmt);
    return r;
}

/* A mailbox that the books do not have was forgotten, or never had an event.  If the session is
 * younger than the age at which mailboxes are forgotten, it never had one. */
static enum store_result read_mailbox(struct sqlite_store *s, const struct settings *settings,
                                      int64_t forgotten_to, struct leaver *l)
{
    sqlite3_stmt *stmt =
        database_bind(&s->log, SQL_DEPARTED_MAILBOX, TEXT(l->id), INT(now_wall_ms()));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    bool young = settings->buffer_age == 0 ||
                 l->created_at > now_wall_ms() - settings->buffer_age * 1000;
    if (rc == SQLITE_ROW) {
        l->departure.private_to = sqlite3_column_int64(stmt, 0);
        l->mail = sqlite3_column_int64(stmt, 1) > 0;
    } else {
        l->departure.private_to = young ? 0 : forgotten_to;
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE
               ? STORE_OK
               : store_failed(s, &s->log, "looking into a mailbox");
}

static enum store_result read_mailboxes(struct sqlite_store *s, const struct settings *settings,
                                        struct slice *slice)
{
    struct store_end end;
    int64_t forgotten_to;
    enum store_result r = database_run(s, &s->log, SQL_BEGIN);
    if (r == STORE_OK)
        r = log_read_end(s, &end, &forgotten_to);
    for (size_t i = 0; r == STORE_OK && i < slice->n; i++) {
        slice->leaver[i].departure.log_end = end.last_id;
        r = read_mailbox(s, settings, forgotten_to, &slice->leaver[i]);
    }
    database_rollback(&s->log);
    return r;
}

/* Ask the log about the leavers, at one moment.  If that fails they go without notes, and those
 * who come back are told that they may have lost something. */
static enum store_result expire_survey(struct sqlite_store *s, const struct settings *settings,
                                       struct slice *slice)
{
    enum store_result r = slice->n > 0 ? database_use(s, &s->log) : STORE_OK;
    if (r != STORE_OK || slice->n == 0)
        return r;
    upkeep_share();
    r = read_mailboxes(s, settings, slice);
    upkeep_unshare();
    return r;
}

static enum store_result end_sessions(struct sqlite_store *s, const struct slice *slice,
                                      bool remember)
{
    enum store_result r = STORE_OK;
    for (size_t i = 0; r == STORE_OK && i < slice->n; i++) {
        const struct leaver *l = &slice->leaver[i];
        r = database_do(s, &s->sessions, "expiring a session", SQL_SESSIONS_END, TEXT(l->id),
                        INT(s->expire_until));
        if (r == STORE_OK && remember && l->token[0] && sqlite3_changes(s->sessions.db) == 1)
            r = departure_note(s, l->token, &l->departure);
    }
    return r == STORE_OK && slice->n > 0 ? departures_bound(s) : r;
}

/* One transaction: delete sessions whose time is over, and then bookmarks of those that live on.
 * (Bookmarks wait until the last session is gone, since the note of a session needs the smallest
 * of its bookmarks.)  *full: there may be more. */
static enum store_result expire_idle(struct sqlite_store *s, const struct slice *slice,
                                     bool remember, bool *full)
{
    *full = false;
    enum store_result r = sessions_begin(s);
    if (r != STORE_OK)
        return r;
    r = end_sessions(s, slice, remember);
    *full = slice->n == SLICE;
    if (r == STORE_OK && !*full) {
        r = database_do(s, &s->sessions, "expiring bookmarks", SQL_SESSIONS_FORGET,
                        INT(s->expire_until), INT(SLICE));
        *full = sqlite3_changes(s->sessions.db) == SLICE;
    }
    return sessions_finish(s, r);
}

/* Empty the mailboxes of sessions that are gone, MAILBOX_ROWS rows in all.  One short write, so
 * that the publishers' shells are not locked out; retention removes the rest. */
static enum store_result empty_mailboxes(struct sqlite_store *s, const struct slice *slice)
{
    enum store_result r = STORE_OK;
    int room = MAILBOX_ROWS;
    bool begun = false;
    for (size_t i = 0; r == STORE_OK && room > 0 && i < slice->n; i++) {
        int deleted = 0;
        if (!slice->leaver[i].mail)
            continue;
        if (!begun)
            r = database_run(s, &s->log, SQL_BEGIN_IMMEDIATE);
        begun = r == STORE_OK;
        if (begun)
            r = removed_session(s, slice->leaver[i].id, room, &deleted);
        room -= deleted;
    }
    if (begun && r == STORE_OK)
        r = database_commit(s, &s->log);
    if (begun && r != STORE_OK)
        database_rollback(&s->log);
    return r;
}

/* Sessions expire even if the log fails; the log's failure is returned then. */
static enum store_result expire_slice(struct sqlite_store *s, const struct settings *settings,
                                      struct slice *slice, bool first, bool *more)
{
    enum store_result r = read_slice(s, slice);
    if (r != STORE_OK)
        return r;
    enum store_result log = expire_survey(s, settings, slice);
    char why[STORE_WHY_SIZE];
    memcpy(why, s->store.why, sizeof why);
    r = expire_idle(s, slice, log == STORE_OK, more);
    if (r == STORE_OK && log == STORE_OK && first) {
        log = empty_mailboxes(s, slice);
        memcpy(why, s->store.why, sizeof why);
    }
    if (r == STORE_OK && !*more)
        r = sessions_shrink(s, more);
    if (r == STORE_OK && log != STORE_OK)
        memcpy(s->store.why, why, sizeof s->store.why);
    return r == STORE_OK ? log : r;
}

static enum store_result expire_slices(struct sqlite_store *s, const struct settings *settings,
                                       bool first, bool *more)
{
    struct slice *slice = malloc(sizeof *slice); /* 60 KiB: too much for the stack */
    if (!slice)
        return store_refuse(s, STORE_NOMEM, "expiring sessions: out of memory");
    enum store_result r = expire_slice(s, settings, slice, first, more);
    free(slice);
    return r;
}

enum store_result sessions_expire_round(struct sqlite_store *s, const struct settings *settings,
                                        int64_t served_ms)
{
    int64_t before = 0;
    bool more = false;
    s->expiring = false;
    enum store_result r = begin_round(s, served_ms, &before);
    if (r != STORE_OK)
        return r;
    s->expire_until = before - settings->buffer_ttl * 1000;
    r = expire_slices(s, settings, true, &more);
    s->expiring = more;
    return r;
}

enum store_result sessions_expire_more(struct sqlite_store *s, const struct settings *settings)
{
    bool more = false;
    s->expiring = false;
    enum store_result r = database_use(s, &s->sessions);
    if (r == STORE_OK)
        r = expire_slices(s, settings, false, &more);
    s->expiring = more;
    return r;
}
