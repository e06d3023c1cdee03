/* Reading the log.
 *
 * Everything one answer says is of one moment: end, holes and rows are read in one transaction.
 * All mailboxes together are walked by the primary key; some of them by one walk of the index
 * events_mailbox each, merged by id.  The walks are statements of their own, since a statement
 * stands at one row at a time.
 *
 * Rows come from everybody who may write the file, also past the triggers, so a row is trusted
 * with nothing: what cannot be sent is passed over, and never stops the rows behind it.  Rows that
 * are due (their time to expire has passed) are left out by the statements. */
#include <string.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/file.h"
#include "store/sqlite/look.h"
#include "store/sqlite/now.h"
#include "store/sqlite/upkeep.h"
#include "store/sqlite/wait.h"

static const char reading[] = "reading the log";

static enum store_result where_once(struct sqlite_store *s, struct store_end *out)
{
    int64_t version;
    enum store_result r = database_use(s, &s->log);
    if (r == STORE_OK)
        r = log_end_at_version(s, out, &version);
    if (r == STORE_OK)
        file_saw(s->log.hold.file, out->epoch, out->last_id);
    return r;
}

enum store_result sqlite_where(struct store *store, struct store_end *out)
{
    struct sqlite_store *s = sqlite_of(store);
    enum store_result r = where_once(s, out);
    return log_is_worth_a_retry(s, r) ? where_once(s, out) : r;
}

/* Which mailboxes are asked for: the first *n of q->only. */
static size_t asked(const struct store_question *q)
{
    return q->only->mailboxes - (q->without_session && q->only->has_session ? 1 : 0);
}

/* Up to where a mailbox was trimmed, but not beyond the log's end `last_id`: a stream that was
 * told of a hole is not told again of anything up to there, so a hole that is too large would
 * hide later ones. */
static int64_t hole_of_row(struct sqlite_store *s, sqlite3_stmt *stmt, int column,
                           int64_t last_id)
{
    bool sound = true;
    int64_t to = log_id_of(stmt, column, last_id, &sound);
    if (!sound)
        log_books_wrong(s, "rowcast_channels was edited", false);
    return to;
}

static enum store_result holes_of_all(struct sqlite_store *s, const struct store_question *q,
                                      const struct store_sink *sink, int64_t last_id,
                                      int64_t forgotten_to)
{
    if (forgotten_to > q->after)
        sink->hole(sink->arg, NULL, forgotten_to);
    sqlite3_stmt *stmt = database_bind(&s->log, SQL_LOG_HOLES, INT(q->after));
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        if (!name)
            break;
        int64_t to = hole_of_row(s, stmt, 1, last_id);
        if (to > q->after)
            sink->hole(sink->arg, name, to);
    }
    enum store_result r = rc == SQLITE_DONE ? STORE_OK : store_failed(s, &s->log, reading);
    sqlite3_reset(stmt);
    return r;
}

/* A forgotten mailbox was trimmed no further than forgotten_to. */
static enum store_result holes_of_some(struct sqlite_store *s, const struct store_question *q,
                                       const struct store_sink *sink, int64_t last_id,
                                       int64_t forgotten_to)
{
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_LOG_TRIMMED);
    int rc = stmt ? SQLITE_DONE : SQLITE_ERROR;
    for (size_t i = 0; i < asked(q) && (rc == SQLITE_DONE || rc == SQLITE_ROW); i++) {
        const char *name = q->only->mailbox[i].name;
        sqlite3_reset(stmt);
        rc = statement_bind(stmt, TEXT(name)) ? sqlite3_step(stmt) : SQLITE_ERROR;
        int64_t trimmed_to = rc == SQLITE_ROW ? hole_of_row(s, stmt, 0, last_id) : forgotten_to;
        if ((rc == SQLITE_ROW || rc == SQLITE_DONE) && trimmed_to > q->after)
            sink->hole(sink->arg, name, trimmed_to);
    }
    enum store_result r = STORE_OK;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        r = store_failed(s, &s->log, reading);
    sqlite3_reset(stmt);
    return r;
}

/* A text of the row, or `instead` if the column is NULL.  Returns NULL when out of memory. */
static const char *text_of(sqlite3_stmt *stmt, int column, const char *instead)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
        return instead;
    return (const char *)sqlite3_column_text(stmt, column);
}

static bool event_of_row(sqlite3_stmt *stmt, const char *mailbox, struct event *e)
{
    e->id = sqlite3_column_int64(stmt, 0);
    e->mailbox = mailbox;
    e->type = text_of(stmt, 2, "");
    e->data = text_of(stmt, 3, "");
    e->data_len = (size_t)sqlite3_column_bytes(stmt, 3);
    e->created_at = sqlite3_column_int64(stmt, 4);
    e->is_object = sqlite3_column_int(stmt, 5) != 0;
    e->key = text_of(stmt, 6, NULL);
    e->expires_at =
        sqlite3_column_type(stmt, 7) == SQLITE_INTEGER ? sqlite3_column_int64(stmt, 7) : 0;
    return e->mailbox && e->type && e->data;
}

/* The mailbox of a row.  "@", a session without an id, stands for nobody's: also for names that
 * only a row past the triggers can have, and that a walk by the index would not find.  NULL: out
 * of memory. */
static const char *mailbox_of_row(sqlite3_stmt *stmt)
{
    if (sqlite3_column_type(stmt, 1) != SQLITE_TEXT)
        return "@";
    const char *name = (const char *)sqlite3_column_text(stmt, 1);
    size_t bytes = (size_t)sqlite3_column_bytes(stmt, 1);
    return name && (bytes > EVENT_MAILBOX_MAX || strlen(name) != bytes) ? "@" : name;
}

/* Hands rows to the sink, and knows how far the answer reaches. */
struct taking {
    const struct store_sink *sink;
    int64_t now;     /* what is due at this time is left out, in all of the answer */
    int64_t given;   /* the id of the last row that was looked at; at first, the position */
    int64_t through; /* how far the answer reaches; -1: to the log's end */
};

/* True: go on.  A row that cannot be sent (it is nobody's, or its id is invalid) is passed over; a
 * row that is larger than any event may be is given as a hole. */
static bool log_take(struct taking *t, const struct event *e)
{
    if (e->id <= t->given)
        return true;
    t->given = e->id;
    if (strcmp(e->mailbox, "@") == 0)
        return true;
    if (e->data_len > EVENT_DATA_MAX) {
        t->sink->hole(t->sink->arg, e->mailbox, e->id);
        return true;
    }
    enum store_taken taken = t->sink->row(t->sink->arg, e);
    if (taken == STORE_MORE)
        return true;
    t->through = taken == STORE_LAST ? e->id : e->id - 1;
    return false;
}

static enum store_result read_all(struct sqlite_store *s, int64_t after, struct taking *t)
{
    struct event e;
    sqlite3_stmt *stmt = database_bind(&s->log, SQL_LOG_READ, INT(after), INT(t->now));
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW &&
           event_of_row(stmt, mailbox_of_row(stmt), &e))
        if (!log_take(t, &e))
            rc = SQLITE_DONE;
    enum store_result r = rc == SQLITE_DONE ? STORE_OK : store_failed(s, &s->log, reading);
    sqlite3_reset(stmt);
    return r;
}

/* Step a walk to the first row of its mailbox to take; *next is its id, or 0 for none. */
static int walk_start(struct sqlite_store *s, size_t i, const char *mailbox,
                      const struct taking *t, int64_t *next)
{
    sqlite3_stmt **walk = &s->walk[i];
    int rc = SQLITE_OK;
    if (!*walk)
        rc = sqlite3_prepare_v3(s->log.db, sql_text[SQL_LOG_WALK], -1,
                                SQLITE_PREPARE_PERSISTENT, walk, NULL);
    if (rc != SQLITE_OK)
        return rc;
    bool private = mailbox[0] == MAILBOX_MARK;
    if (!statement_bind(*walk, TEXT(private ? mailbox + 1 : NULL), TEXT(private ? "" : mailbox),
                        INT(t->given), INT(t->now)))
        return SQLITE_NOMEM;
    rc = sqlite3_step(*walk);
    *next = rc == SQLITE_ROW ? sqlite3_column_int64(*walk, 0) : 0;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static size_t smallest(const int64_t *next, size_t n)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++)
        if (next[i] && (best == n || next[i] < next[best]))
            best = i;
    return best;
}

/* Merge the walks by id.  There are few mailboxes, so a look at each is cheaper than a heap. */
static enum store_result log_read_some(struct sqlite_store *s, const struct store_question *q,
                                       struct taking *t)
{
    int64_t next[WALKS_MAX];
    struct event e;
    size_t n = asked(q), i;
    int rc = SQLITE_OK;
    enum store_result r = STORE_OK;
    for (i = 0; i < n && rc == SQLITE_OK; i++)
        rc = walk_start(s, i, q->only->mailbox[i].name, t, &next[i]);
    while (rc == SQLITE_OK && (i = smallest(next, n)) < n) {
        if (!event_of_row(s->walk[i], q->only->mailbox[i].name, &e))
            rc = SQLITE_NOMEM;
        else if (!log_take(t, &e))
            break;
        else
            rc = sqlite3_step(s->walk[i]);
        next[i] = rc == SQLITE_ROW ? sqlite3_column_int64(s->walk[i], 0) : 0;
        if (rc == SQLITE_ROW || rc == SQLITE_DONE)
            rc = SQLITE_OK;
    }
    if (rc != SQLITE_OK)
        r = store_failed(s, &s->log, reading);
    for (i = 0; i < n; i++)
        sqlite3_reset(s->walk[i]);
    return r;
}

static enum store_result read_in_transaction(struct sqlite_store *s,
                                             const struct store_question *q, struct taking *t,
                                             struct store_end *end)
{
    int64_t forgotten_to = 0;
    enum store_result r = log_read_end(s, end, &forgotten_to);
    if (r == STORE_OK)
        t->sink->begin(t->sink->arg, end);
    if (r == STORE_OK && (end->trimmed_to > q->after || forgotten_to > q->after))
        r = q->only ? holes_of_some(s, q, t->sink, end->last_id, forgotten_to)
                    : holes_of_all(s, q, t->sink, end->last_id, forgotten_to);
    if (r == STORE_OK)
        r = q->only ? log_read_some(s, q, t) : read_all(s, q->after, t);
    return r;
}

/* The version is read before the rows.  In the other order, store_wait would take a commit between
 * the two for one that was read. */
static enum store_result read_at_one_moment(struct sqlite_store *s,
                                            const struct store_question *q, struct taking *t,
                                            struct store_end *end)
{
    int64_t version = -1;
    enum store_result r = log_data_version(s, &version);
    if (r == STORE_OK)
        r = database_run(s, &s->log, SQL_BEGIN);
    if (r == STORE_OK)
        r = read_in_transaction(s, q, t, end);
    if (r == STORE_OK)
        r = database_end_read(s, &s->log);
    if (r != STORE_OK)
        database_rollback(&s->log);
    s->data_version = r == STORE_OK ? version : -1;
    return r;
}

static enum store_result read_once(struct sqlite_store *s, const struct store_question *q,
                                   struct taking *t, struct store_end *end)
{
    enum store_result r = database_use(s, &s->log);
    if (r != STORE_OK)
        return r;
    upkeep_share();
    r = read_at_one_moment(s, q, t, end);
    upkeep_unshare();
    return r;
}

enum store_result sqlite_read(struct store *store, const struct store_question *q,
                              const struct store_sink *sink, int64_t *through)
{
    struct sqlite_store *s = sqlite_of(store);
    struct taking t = {.sink = sink, .now = now_wall_ms(), .given = q->after, .through = -1};
    struct store_end end;
    enum store_result r = read_once(s, q, &t, &end);
    if (log_is_worth_a_retry(s, r)) /* no row was given yet */
        r = read_once(s, q, &t, &end);
    if (r != STORE_OK)
        return r;
    s->read = end;
    file_saw(s->log.hold.file, end.epoch, end.last_id);
    if (end.last_id > q->after)
        waiter_grew(s);
    *through = t.through >= 0 ? t.through : end.last_id > t.given ? end.last_id : t.given;
    return STORE_OK;
}
