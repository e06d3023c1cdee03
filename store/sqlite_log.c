#include <stdio.h>
#include <string.h>

#include "store/sqlite_database.h"

static const char reading[] = "reading the log";

static void end_of_row(sqlite3_stmt *stmt, struct store_end *out, int64_t *forgotten_to)
{
    const char *epoch = (const char *)sqlite3_column_text(stmt, 0);
    snprintf(out->epoch, sizeof out->epoch, "%s", epoch ? epoch : "");
    out->last_id = sqlite3_column_int64(stmt, 1);
    out->trimmed_to = sqlite3_column_int64(stmt, 2);
    out->config_version = sqlite3_column_int64(stmt, 3);
    if (forgotten_to)
        *forgotten_to = sqlite3_column_int64(stmt, 4);
}

enum store_result log_read_end(struct store *s, struct store_end *out, int64_t *forgotten_to)
{
    enum store_result r = STORE_OK;
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_LOG_END);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    if (rc == SQLITE_ROW)
        end_of_row(stmt, out, forgotten_to);
    else if (rc == SQLITE_DONE)
        r = store_refuse(s, STORE_CORRUPT, "%s: rowcast_log has no row", reading);
    else
        r = store_failed(s, &s->log, reading);
    sqlite3_reset(stmt);
    return r;
}

enum store_result store_end(struct store *s, struct store_end *out)
{
    enum store_result r = database_use(s, &s->log);
    if (r == STORE_OK)
        r = log_read_end(s, out, NULL);
    if (r == STORE_OK)
        file_saw(s->log.hold.file, out->epoch, out->last_id);
    return r;
}

/* Before the rows are read, or the commit that comes in between is never seen to be new. */
static enum store_result data_version_note(struct store *s)
{
    enum store_result r = STORE_OK;
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_DATA_VERSION);
    if (stmt && sqlite3_step(stmt) == SQLITE_ROW)
        s->data_version = sqlite3_column_int64(stmt, 0);
    else
        r = store_failed(s, &s->log, reading);
    sqlite3_reset(stmt);
    return r;
}

/* Which mailboxes are asked for: the first *n of q->only. */
static size_t asked(const struct store_question *q)
{
    return q->only->mailboxes - (q->without_session && q->only->has_session ? 1 : 0);
}

static enum store_result holes_of_all(struct store *s, const struct store_question *q,
                                      const struct store_sink *sink, int64_t forgotten_to)
{
    if (forgotten_to > q->after)
        sink->hole(sink->arg, NULL, forgotten_to);
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_LOG_HOLES);
    int rc = SQLITE_ERROR;
    if (stmt) {
        sqlite3_bind_int64(stmt, 1, q->after);
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
            const char *name = (const char *)sqlite3_column_text(stmt, 0);
            if (!name)
                break;
            sink->hole(sink->arg, name, sqlite3_column_int64(stmt, 1));
        }
    }
    enum store_result r = rc == SQLITE_DONE ? STORE_OK : store_failed(s, &s->log, reading);
    sqlite3_reset(stmt);
    return r;
}

/* A mailbox that nobody remembers was trimmed no further than forgotten_to. */
static enum store_result holes_of_some(struct store *s, const struct store_question *q,
                                       const struct store_sink *sink, int64_t forgotten_to)
{
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_LOG_TRIMMED);
    int rc = stmt ? SQLITE_DONE : SQLITE_ERROR;
    for (size_t i = 0; i < asked(q) && (rc == SQLITE_DONE || rc == SQLITE_ROW); i++) {
        const char *name = q->only->mailbox[i].name;
        sqlite3_reset(stmt);
        sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
        int64_t trimmed_to = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : forgotten_to;
        if ((rc == SQLITE_ROW || rc == SQLITE_DONE) && trimmed_to > q->after)
            sink->hole(sink->arg, name, trimmed_to);
    }
    enum store_result r = STORE_OK;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        r = store_failed(s, &s->log, reading);
    sqlite3_reset(stmt);
    return r;
}

/* False: out of memory, which SQLite tells by a NULL where the schema allows none. */
static bool event_of_row(sqlite3_stmt *stmt, const char *mailbox, struct event *e)
{
    e->id = sqlite3_column_int64(stmt, 0);
    e->mailbox = mailbox ? mailbox : (const char *)sqlite3_column_text(stmt, 1);
    e->type = (const char *)sqlite3_column_text(stmt, 2);
    e->data = (const char *)sqlite3_column_text(stmt, 3);
    e->data_len = (size_t)sqlite3_column_bytes(stmt, 3);
    e->created_at = sqlite3_column_int64(stmt, 4);
    e->is_object = sqlite3_column_int(stmt, 5) != 0;
    return e->mailbox && e->type && e->data;
}

/* Hands rows to the sink, and knows how far the answer reaches. */
struct taking {
    const struct store_sink *sink;
    int64_t through; /* -1: until the log's end */
};

/* True: go on. */
static bool take(struct taking *t, const struct event *e)
{
    enum store_taken taken = t->sink->row(t->sink->arg, e);
    if (taken == STORE_MORE)
        return true;
    t->through = taken == STORE_LAST ? e->id : e->id - 1;
    return false;
}

static enum store_result read_all(struct store *s, int64_t after, struct taking *t)
{
    struct event e;
    sqlite3_stmt *stmt = database_statement(&s->log, SQL_LOG_READ);
    int rc = SQLITE_ERROR;
    if (stmt) {
        sqlite3_bind_int64(stmt, 1, after);
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && event_of_row(stmt, NULL, &e))
            if (!take(t, &e)) {
                rc = SQLITE_DONE;
                break;
            }
    }
    enum store_result r = rc == SQLITE_DONE ? STORE_OK : store_failed(s, &s->log, reading);
    sqlite3_reset(stmt);
    return r;
}

/* Stand a walk on the first row of its mailbox behind `after`; *next is its id, 0 for none. */
static int walk_start(struct store *s, size_t i, const char *mailbox, int64_t after,
                      int64_t *next)
{
    sqlite3_stmt **walk = &s->walk[i];
    int rc = SQLITE_OK;
    if (!*walk)
        rc = sqlite3_prepare_v3(s->log.db, sql_text[SQL_LOG_WALK], -1,
                                SQLITE_PREPARE_PERSISTENT, walk, NULL);
    if (rc != SQLITE_OK)
        return rc;
    bool private = mailbox[0] == '@';
    if (private)
        sqlite3_bind_text(*walk, 1, mailbox + 1, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(*walk, 1);
    sqlite3_bind_text(*walk, 2, private ? "" : mailbox, -1, SQLITE_STATIC);
    sqlite3_bind_int64(*walk, 3, after);
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

/* Merge the walks by id.  Few mailboxes: a look at each is cheaper than a heap. */
static enum store_result read_some(struct store *s, const struct store_question *q,
                                   struct taking *t)
{
    int64_t next[WALKS_MAX];
    struct event e;
    size_t n = asked(q), i;
    int rc = SQLITE_OK;
    enum store_result r = STORE_OK;
    for (i = 0; i < n && rc == SQLITE_OK; i++)
        rc = walk_start(s, i, q->only->mailbox[i].name, q->after, &next[i]);
    while (rc == SQLITE_OK && (i = smallest(next, n)) < n) {
        if (!event_of_row(s->walk[i], q->only->mailbox[i].name, &e))
            rc = SQLITE_NOMEM;
        else if (!take(t, &e))
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

static enum store_result read_in_transaction(struct store *s, const struct store_question *q,
                                             struct taking *t, struct store_end *end)
{
    int64_t forgotten_to = 0;
    enum store_result r = log_read_end(s, end, &forgotten_to);
    if (r == STORE_OK && (end->trimmed_to > q->after || forgotten_to > q->after))
        r = q->only ? holes_of_some(s, q, t->sink, forgotten_to)
                    : holes_of_all(s, q, t->sink, forgotten_to);
    if (r == STORE_OK)
        r = q->only ? read_some(s, q, t) : read_all(s, q->after, t);
    return r;
}

enum store_result store_read(struct store *s, const struct store_question *q,
                             const struct store_sink *sink, struct store_end *end,
                             int64_t *through)
{
    struct taking t = {.sink = sink, .through = -1};
    enum store_result r = database_use(s, &s->log);
    if (r == STORE_OK)
        r = data_version_note(s);
    if (r == STORE_OK)
        r = database_run(s, &s->log, SQL_BEGIN);
    if (r == STORE_OK)
        r = read_in_transaction(s, q, &t, end);
    if (r == STORE_OK)
        r = database_end_read(s, &s->log);
    if (r != STORE_OK) {
        database_rollback(&s->log);
        return r;
    }
    file_saw(s->log.hold.file, end->epoch, end->last_id);
    *through = t.through >= 0 ? t.through : end->last_id > q->after ? end->last_id : q->after;
    return STORE_OK;
}
