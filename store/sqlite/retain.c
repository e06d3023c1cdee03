/* Retention: removing what no insert removes.
 *
 * Each insert removes what exceeds the bounds (the triggers of sql/schema.sql), so a busy log
 * needs no help.  Left for the janitor are a log in which nobody inserts, whose events grow too
 * old; events that are due, since an insert removes only two of them, and a thousand may become due
 * at one moment; the mailboxes of sessions that are gone; and entries of mailboxes that have been
 * empty for longer than buffer_age.  Each call removes one slice of each kind at most, since a long
 * write would lock the publishers' shells out, and the walk over the mailboxes goes on where it
 * stopped. */
#include "store/sqlite/tend.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/now.h"
#include "store/sqlite/removed.h"
#include "store/sqlite/sessions.h"

static const char retaining[] = "letting old events go";

/* One small write transaction. */
static enum store_result write_one(struct sqlite_store *s, enum sql id,
                                   const struct value *values, size_t n)
{
    enum store_result r = database_run(s, &s->log, SQL_BEGIN_IMMEDIATE);
    if (r != STORE_OK)
        return r;
    r = database_do_values(s, &s->log, retaining, id, values, n);
    return database_finish(s, &s->log, r);
}

/* Whether the statement finds an event that the clock would remove at this time. */
static enum store_result finds(struct sqlite_store *s, enum sql id, int64_t time, bool *yes)
{
    sqlite3_stmt *stmt = database_bind(&s->log, id, INT(time));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    enum store_result r = STORE_OK;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = store_failed(s, &s->log, retaining);
    *yes = rc == SQLITE_ROW;
    sqlite3_reset(stmt);
    return r;
}

/* A mailbox as the walk finds it. */
struct found {
    char name[EVENT_MAILBOX_MAX + 1];
    int64_t kept, last_at;
};

enum { PAGE = 100, SLICE_ROWS = 100, CLOCK_NOTE_MS = 60000 };

static enum store_result read_page(struct sqlite_store *s, struct found *page, size_t *n)
{
    sqlite3_stmt *stmt = database_bind(&s->log, SQL_RETAIN_MAILBOXES, TEXT(s->retained));
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    *n = 0;
    while (rc == SQLITE_ROW && *n < PAGE && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        snprintf(page[*n].name, sizeof page[*n].name, "%s", name ? name : "");
        page[*n].kept = sqlite3_column_int64(stmt, 1);
        page[(*n)++].last_at = sqlite3_column_int64(stmt, 2);
    }
    enum store_result r = STORE_OK;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = store_failed(s, &s->log, retaining);
    sqlite3_reset(stmt);
    return r;
}

/* Whether the session of a private mailbox is gone.  If the sessions cannot be read, none is. */
static bool is_nobodys(struct sqlite_store *s, const char *mailbox)
{
    bool known = true;
    if (sessions_known(s, mailbox + 1, &known) != STORE_OK)
        known = true;
    s->store.why[0] = '\0';
    return !known;
}

/* One slice of the events of a session that is gone. */
static enum store_result empty_one(struct sqlite_store *s, const char *session_id)
{
    int deleted;
    enum store_result r = database_run(s, &s->log, SQL_BEGIN_IMMEDIATE);
    if (r != STORE_OK)
        return r;
    r = removed_session(s, session_id, SLICE_ROWS, &deleted);
    return database_finish(s, &s->log, r);
}

/* If a mailbox's time is over, remove a slice of its events, or forget the mailbox if it has none.
 * *did: something was written. */
static enum store_result look_at(struct sqlite_store *s, const struct settings *settings,
                                 const struct found *m, int64_t now, bool *did)
{
    int64_t aged = now - settings->buffer_age * 1000,
            absent = now - settings->buffer_ttl * 1000;
    *did = true;
    if (m->kept == 0 && settings->buffer_age > 0 && m->last_at < aged)
        return write_one(s, SQL_RETAIN_FORGET, VALUES(TEXT(m->name), INT(aged)));
    if (m->name[0] == MAILBOX_MARK && m->last_at < absent && is_nobodys(s, m->name))
        return m->kept ? empty_one(s, m->name + 1)
                       : write_one(s, SQL_RETAIN_FORGET, VALUES(TEXT(m->name), INT(absent)));
    *did = false;
    return STORE_OK;
}

/* Walk on from the mailbox that was looked at last, to the first that has something to do.  The
 * next call begins with that one again, since there may be more to do. */
static enum store_result retain_mailboxes(struct sqlite_store *s,
                                          const struct settings *settings, int64_t now,
                                          bool *more)
{
    struct found page[PAGE];
    size_t n;
    bool did = false;
    enum store_result r = read_page(s, page, &n);
    for (size_t i = 0; i < n && r == STORE_OK; i++) {
        r = look_at(s, settings, &page[i], now, &did);
        if (did)
            break;
        memcpy(s->retained, page[i].name, sizeof s->retained);
    }
    *more = did || n == PAGE;
    if (r == STORE_OK && !*more)
        s->retained[0] = '\0'; /* begin anew, behind '': the mailbox of broadcasts stays */
    return r;
}

static int64_t boot_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* *yes: the time can be believed, because it is steady or the log's other writers saw it as well.
 * *row is what the log should keep of this look.  If the table is missing, nothing contradicts; if
 * it cannot be read, nothing may be removed. */
static enum store_result agrees(struct sqlite_store *s, int64_t now, bool steady, bool *yes,
                                struct clock_row *row)
{
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_RETAIN_CLOCK);
    int none = database_lacks_table(&s->log) ? SQLITE_DONE : SQLITE_ERROR;
    int rc = stmt ? sqlite3_step(stmt) : none;
    enum store_result r = STORE_OK;
    *row = (struct clock_row){.believed_at = now, .seen_at = now};
    if (rc == SQLITE_ROW) {
        const struct clock_row was = {sqlite3_column_int64(stmt, 0),
                                      sqlite3_column_int64(stmt, 1),
                                      sqlite3_column_int64(stmt, 2)};
        *row = clock_look(&was, now, steady);
        if (row->doubted_at == was.doubted_at && row->doubted_at > 0 &&
            now - was.seen_at < CLOCK_NOTE_MS)
            row->seen_at = 0; /* not worth a write */
    } else if (rc != SQLITE_DONE) {
        r = store_failed(s, &s->log, retaining);
    }
    sqlite3_reset(stmt);
    *yes = row->doubted_at == 0;
    return r;
}

/* What the clock removes: `find` tells whether there is any, `trim` removes a slice of it.  Both
 * are given the time up to which that goes. */
struct reason {
    enum sql find, trim;
    int64_t time;
};

/* Note the look and, if the clock is believed, remove a slice. */
static enum store_result trim_slice(struct sqlite_store *s, const struct clock_row *row,
                                    const struct reason *why, bool believed)
{
    enum store_result r = database_run(s, &s->log, SQL_BEGIN_IMMEDIATE);
    if (r != STORE_OK)
        return r;
    if (database_statement(&s->log, SQL_RETAIN_CLOCK_SET) || !database_lacks_table(&s->log))
        r = database_do(s, &s->log, retaining, SQL_RETAIN_CLOCK_SET, INT(row->believed_at),
                        INT(row->doubted_at), INT(row->seen_at));
    if (r == STORE_OK && believed)
        r = database_do(s, &s->log, retaining, why->trim, INT(why->time));
    return database_finish(s, &s->log, r);
}

/* Remove events for this reason.  *removed: how many. */
static enum store_result retain_by_clock(struct sqlite_store *s, const struct reason *why,
                                         int64_t now, bool steady, int *removed)
{
    struct clock_row row;
    bool found = false, believed = false;
    *removed = 0;
    enum store_result r = finds(s, why->find, why->time, &found);
    if (r != STORE_OK || !found)
        return r;
    r = agrees(s, now, steady, &believed, &row);
    if (r != STORE_OK || (!believed && row.seen_at == 0))
        return r;
    r = trim_slice(s, &row, why, believed);
    *removed = r == STORE_OK && believed ? sqlite3_changes(s->log.db) : 0;
    return r;
}

/* *more: there may be more to remove by the clock.  Other work must not wait for events that become
 * due one by one, so only a whole slice of them counts. */
static enum store_result retain_by_time(struct sqlite_store *s, const struct settings *settings,
                                        int64_t now, bool steady, bool quiet, bool *more)
{
    const struct reason age = {SQL_RETAIN_EXPIRED, SQL_RETAIN_TRIM,
                               now - settings->buffer_age * 1000};
    const struct reason due = {SQL_RETAIN_DUE, SQL_RETAIN_DUE_TRIM, now};
    enum store_result r = STORE_OK;
    int aged = 0, expired = 0;
    if (quiet && settings->buffer_age > 0)
        r = retain_by_clock(s, &age, now, steady, &aged);
    if (r == STORE_OK)
        r = retain_by_clock(s, &due, now, steady, &expired);
    *more = aged > 0 || expired == SLICE_ROWS;
    return r;
}

/* *quiet: nobody inserted since the last look.  An insert would have removed by age itself. */
static enum store_result look_whether_quiet(struct sqlite_store *s, bool *quiet)
{
    struct store_end end;
    enum store_result r = database_use(s, &s->log);
    if (r == STORE_OK)
        r = log_read_end(s, &end, NULL);
    if (r != STORE_OK)
        return r;
    *quiet = end.last_id == s->retained_at;
    s->retained_at = end.last_id;
    return STORE_OK;
}

enum store_result log_retain(struct sqlite_store *s, const struct settings *settings,
                             bool *more)
{
    bool quiet, did = false;
    *more = false;
    int64_t now = now_wall_ms();
    enum clock_verdict clock = clock_watch(&s->clock, now, boot_ms());
    if (clock == CLOCK_JUMPED)
        return STORE_OK; /* events can wait until it is clear what time it is */
    *more = true;
    enum store_result r = look_whether_quiet(s, &quiet);
    if (r == STORE_OK)
        r = retain_by_time(s, settings, now, clock == CLOCK_STEADY, quiet, &did);
    if (r != STORE_OK || did)
        return r;
    r = retain_mailboxes(s, settings, now, more);
    *more |= !quiet; /* look again soon whether it is quiet now */
    if (!*more)
        database_close(s, &s->log); /* 200 KiB, which matter to a process with one stream */
    return r;
}
