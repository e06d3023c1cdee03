#include "store/sqlite_sessions.h"

#include <string.h>

enum { SLICE = 500, SLICES_MAX = 20, RESPONDERS_PAGE = 256, MAILBOX_ROWS = 100 };

/* The sessions that one slice ended. */
struct expired {
    char id[SLICE][SESSION_ID_SIZE];
    size_t n;
};

/* The next numbers above `after`, as far as there is room. */
static enum store_result read_responders(struct store *s, int64_t after, int64_t *number,
                                         size_t *n)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *st =
        database_bind(d, SQL_SESSIONS_RESPONDERS, "ii", after, (int64_t)RESPONDERS_PAGE);
    int rc = st ? SQLITE_ROW : SQLITE_ERROR;
    *n = 0;
    while (rc == SQLITE_ROW && *n < RESPONDERS_PAGE && (rc = sqlite3_step(st)) == SQLITE_ROW)
        number[(*n)++] = sqlite3_column_int64(st, 0);
    enum store_result r = rc == SQLITE_ROW || rc == SQLITE_DONE
                              ? STORE_OK
                              : store_failed(s, d, "reading the responders");
    sqlite3_reset(st);
    return r;
}

static enum store_result bury(struct store *s, int64_t number)
{
    struct database *d = &s->sessions;
    const char *doing = "ending a dead responder's streams";
    enum store_result r = database_do(s, d, doing, SQL_SESSIONS_RESPONDER_END, "i", number);
    if (r == STORE_OK)
        r = database_do(s, d, doing, SQL_SESSIONS_RESPONDER_ENDINGS, "i", number);
    if (r == STORE_OK)
        r = database_do(s, d, doing, SQL_SESSIONS_RESPONDER_LEAVE, "i", number);
    return r;
}

/* Who is dead is asked inside the transaction: whoever takes such a number from now on can
 * enter streams only after it, and tidies first. */
static enum store_result bury_the_dead(struct store *s)
{
    int64_t number[RESPONDERS_PAGE], after = -1;
    size_t n = RESPONDERS_PAGE;
    enum store_result r = STORE_OK;
    while (r == STORE_OK && n == RESPONDERS_PAGE) {
        r = read_responders(s, after, number, &n);
        for (size_t i = 0; r == STORE_OK && i < n; i++) {
            after = number[i];
            if (!lease_alive(s, after))
                r = bury(s, after);
        }
    }
    return r;
}

/* *before is served time as it was.  What ended since the last round bears that time, although
 * it may be younger by the whole round: so it is against the time before that expiry counts,
 * and nobody expires early. */
static enum store_result advance(struct store *s, int64_t elapsed_ms, int64_t *before)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *st = database_bind(d, SQL_SESSIONS_SERVED, "i", elapsed_ms);
    int rc = st ? sqlite3_step(st) : SQLITE_ERROR;
    if (rc == SQLITE_ROW) {
        *before = sqlite3_column_int64(st, 0);
        rc = sqlite3_step(st);
    }
    enum store_result r =
        rc == SQLITE_DONE ? STORE_OK : store_failed(s, d, "advancing served time");
    sqlite3_reset(st);
    return r;
}

static enum store_result begin_round(struct store *s, int64_t elapsed_ms, int64_t *before)
{
    enum store_result r = sessions_begin(s);
    if (r != STORE_OK)
        return r;
    r = bury_the_dead(s);
    if (r == STORE_OK)
        r = advance(s, elapsed_ms, before);
    return sessions_finish(s, r);
}

static enum store_result delete_sessions(struct store *s, int64_t until, struct expired *e)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *st = database_bind(d, SQL_SESSIONS_EXPIRE, "ii", until, (int64_t)SLICE);
    int rc = st ? SQLITE_ROW : SQLITE_ERROR;
    e->n = 0;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(st)) == SQLITE_ROW && e->n < SLICE) {
        const char *id = (const char *)sqlite3_column_text(st, 0);
        size_t size = id ? strlen(id) + 1 : 0;
        bool ours = size > 1 && size <= SESSION_ID_SIZE;
        memcpy(e->id[e->n], ours ? id : "", ours ? size : 1);
        e->n++;
    }
    enum store_result r =
        rc == SQLITE_DONE ? STORE_OK : store_failed(s, d, "expiring sessions");
    sqlite3_reset(st);
    return r;
}

/* One transaction: sessions and lone bookmarks whose time is over. */
static enum store_result expire_slice(struct store *s, int64_t until, struct expired *e)
{
    enum store_result r = sessions_begin(s);
    if (r != STORE_OK)
        return r;
    r = delete_sessions(s, until, e);
    if (r == STORE_OK)
        r = database_do(s, &s->sessions, "expiring bookmarks", SQL_SESSIONS_FORGET, "ii", until,
                        (int64_t)SLICE);
    return sessions_finish(s, r);
}

static enum store_result has_events(struct store *s, const char *session_id, bool *yes)
{
    sqlite3_stmt *st = database_bind(&s->log, SQL_SESSIONS_MAILBOX, "t", session_id);
    int rc = st ? sqlite3_step(st) : SQLITE_ERROR;
    *yes = rc == SQLITE_ROW;
    sqlite3_reset(st);
    return *yes || rc == SQLITE_DONE ? STORE_OK
                                     : store_failed(s, &s->log, "looking into a mailbox");
}

/* Empty the mailboxes of sessions that are gone, up to `room` rows in all: one short write, so
 * that no shell's insert is locked out; store_retain takes the rest. */
static enum store_result empty_mailboxes(struct store *s, const struct expired *e, int *room)
{
    enum store_result r = e->n > 0 && *room > 0 ? database_use(s, &s->log) : STORE_OK;
    bool begun = false;
    for (size_t i = 0; r == STORE_OK && i<e->n && * room> 0; i++) {
        bool any;
        r = has_events(s, e->id[i], &any);
        if (r != STORE_OK || !any)
            continue;
        if (!begun)
            r = database_run(s, &s->log, SQL_BEGIN_IMMEDIATE);
        begun = r == STORE_OK;
        if (begun)
            r = database_do(s, &s->log, "emptying a mailbox", SQL_SESSIONS_EMPTY_MAILBOX, "ti",
                            e->id[i], (int64_t)*room);
        *room -= r == STORE_OK ? sqlite3_changes(s->log.db) : 0;
    }
    if (begun && r == STORE_OK)
        r = database_run(s, &s->log, SQL_COMMIT);
    if (begun && r != STORE_OK)
        database_rollback(&s->log);
    return r;
}

enum store_result store_expire(struct store *s, const struct settings *settings,
                               int64_t elapsed_ms)
{
    struct expired e = {.n = SLICE};
    int64_t before = 0;
    int room = MAILBOX_ROWS;
    if (!lease_janitor(s))
        return STORE_OK;
    enum store_result r = begin_round(s, elapsed_ms, &before);
    int64_t until = before - settings->buffer_ttl * 1000;
    for (int i = 0; r == STORE_OK && e.n == SLICE && i < SLICES_MAX; i++) {
        r = expire_slice(s, until, &e);
        if (r == STORE_OK)
            r = empty_mailboxes(s, &e, &room);
    }
    return r;
}
