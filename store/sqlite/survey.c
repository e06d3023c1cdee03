/* What a claim asks the log, in one read transaction (engine.h: survey).  Each question seeks an
 * index once a mailbox; rows are looked at only to count them and to find the newest. */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/upkeep.h"

/* One survey on its way. */
struct surveying {
    struct sqlite_store *store;
    const struct survey_question *q;
    struct survey *out;
};

/* Where a mailbox's rows are: bind its session and channel, ?1 and ?2. */
static const char *session_of(const struct subscription *s, size_t i)
{
    return s->has_session && i + 1 == s->mailboxes ? s->mailbox[i].name + 1 : NULL;
}

static const char *channel_of(const struct subscription *s, size_t i)
{
    return session_of(s, i) ? "" : s->mailbox[i].name;
}

/* The types as the statements want them, each between line feeds.  *out is NULL for every
 * type.  A type with a line feed in it is nobody's. */
static bool type_list(const struct subscription *s, char **out)
{
    *out = NULL;
    size_t size = 2;
    for (size_t i = 0; i < s->types; i++)
        size += strlen(s->type[i]) + 1;
    if (s->types == 0)
        return true;
    char *at = *out = malloc(size);
    if (at == NULL)
        return false;
    *at++ = '\n';
    for (size_t i = 0; i < s->types; i++) {
        if (strchr(s->type[i], '\n'))
            continue;
        at = stpcpy(at, s->type[i]);
        *at++ = '\n';
    }
    *at = '\0';
    return true;
}

static enum store_result no_memory(struct sqlite_store *s)
{
    return store_refuse(s, STORE_NOMEM, "out of memory");
}

/* The statement's first row is wanted: STORE_OK with *found telling.  The caller resets. */
static enum store_result first(struct sqlite_store *s, sqlite3_stmt *stmt, const char *doing,
                               bool *found)
{
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    *found = rc == SQLITE_ROW;
    return *found || rc == SQLITE_DONE ? STORE_OK : store_failed(s, &s->log, doing);
}

/* ---- what rows there are ----------------------------------------------------------- */

/* The oldest row after `after` in any of the mailboxes; 0: none. */
static enum store_result find_oldest(struct sqlite_store *s, const struct subscription *sub,
                                     int64_t after, int64_t *oldest)
{
    enum store_result r = STORE_OK;
    *oldest = 0;
    for (size_t i = 0; r == STORE_OK && i < sub->mailboxes; i++) {
        bool found;
        sqlite3_stmt *stmt = database_bind(&s->log, SQL_CLAIM_OLDEST, TEXT(session_of(sub, i)),
                                           TEXT(channel_of(sub, i)), INT(after));
        r = first(s, stmt, "looking for the oldest event", &found);
        if (found && (*oldest == 0 || sqlite3_column_int64(stmt, 0) < *oldest))
            *oldest = sqlite3_column_int64(stmt, 0);
        sqlite3_reset(stmt);
    }
    return r;
}

static enum store_result find_passed_over(const struct surveying *v)
{
    int64_t oldest;
    if (v->q->since >= v->out->at)
        return STORE_OK;
    enum store_result r = find_oldest(v->store, v->q->only, v->q->since, &oldest);
    v->out->passes_over = r == STORE_OK && oldest != 0 && oldest <= v->out->at;
    return r;
}

/* The newest ids of all mailboxes, while they are merged. */
struct newest {
    const struct subscription *sub;
    int64_t *ids, *spare; /* falling; room for `wanted` each */
    size_t wanted, count;
    int64_t budget; /* rows that may still be looked at */
    int64_t last;   /* the last row that was */
};

/* The next row of the walk that is of a type which was asked for; 0: there is none. */
static int64_t next_wanted(struct newest *n, sqlite3_stmt *stmt, int *rc)
{
    while (n->budget > 0 && (*rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *type = (const char *)sqlite3_column_text(stmt, 1);
        int64_t id = n->last = sqlite3_column_int64(stmt, 0);
        n->budget--;
        if (n->sub->types == 0 || (type && subscription_wants(n->sub, type)))
            return id;
    }
    return 0;
}

/* Merge one mailbox's newest ids into the newest of all. */
static void merge(struct newest *n, sqlite3_stmt *stmt, int *rc)
{
    size_t count = 0, k = 0;
    int64_t id = next_wanted(n, stmt, rc);
    while (count < n->wanted && (k < n->count || id)) {
        if (k < n->count && n->ids[k] > id) {
            n->spare[count++] = n->ids[k++];
        } else {
            n->spare[count++] = id;
            id = count < n->wanted ? next_wanted(n, stmt, rc) : 0;
        }
    }
    int64_t *merged = n->spare;
    n->spare = n->ids;
    n->ids = merged;
    n->count = count;
}

static enum store_result walk_newest(struct sqlite_store *s, struct newest *n, int64_t end)
{
    enum store_result r = STORE_OK;
    for (size_t i = 0; r == STORE_OK && i < n->sub->mailboxes; i++) {
        sqlite3_stmt *stmt =
            database_bind(&s->log, SQL_CLAIM_NEWEST, TEXT(session_of(n->sub, i)),
                          TEXT(channel_of(n->sub, i)), INT(end));
        int rc = stmt ? SQLITE_DONE : SQLITE_ERROR;
        if (stmt)
            merge(n, stmt, &rc);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            r = store_failed(s, &s->log, "looking for the newest events");
        sqlite3_reset(stmt);
    }
    return r;
}

/* Whether the mailboxes keep no more than `n` rows in all, as the books say. */
static enum store_result keeps_at_most(struct sqlite_store *s, const struct subscription *sub,
                                       int64_t n, bool *yes)
{
    enum store_result r = STORE_OK;
    for (size_t i = 0; r == STORE_OK && n >= 0 && i < sub->mailboxes; i++) {
        bool found;
        sqlite3_stmt *stmt = database_bind(&s->log, SQL_CLAIM_KEPT, TEXT(sub->mailbox[i].name));
        r = first(s, stmt, "reading what is kept", &found);
        n -= found ? sqlite3_column_int64(stmt, 0) : 0;
        sqlite3_reset(stmt);
    }
    *yes = n >= 0;
    return r;
}

/* The position just before the newest `n` rows, by a walk backwards; where there are none, the
 * end.  What was not looked at may be wanted: then before the oldest row that was. */
static enum store_result walk_to(struct sqlite_store *s, const struct subscription *sub,
                                 int64_t end, int64_t n, int64_t *out)
{
    struct newest newest = {.sub = sub, .budget = CLAIM_ROWS_MAX};
    *out = end;
    newest.wanted = n > CLAIM_ROWS_MAX ? CLAIM_ROWS_MAX : (size_t)n;
    newest.ids = calloc(newest.wanted + 1, sizeof *newest.ids);
    newest.spare = calloc(newest.wanted + 1, sizeof *newest.spare);
    enum store_result r =
        newest.ids && newest.spare ? walk_newest(s, &newest, end) : no_memory(s);
    if (r == STORE_OK && newest.count > 0)
        *out = newest.ids[newest.count - 1] - 1;
    if (r == STORE_OK && newest.budget == 0 && newest.count < newest.wanted &&
        newest.last <= *out)
        *out = newest.last - 1;
    free(newest.ids);
    free(newest.spare);
    return r;
}

/* The same, by one seek a mailbox where all that is kept is wanted. */
static enum store_result find_newest(struct sqlite_store *s, const struct subscription *sub,
                                     int64_t end, int64_t n, int64_t *out)
{
    bool all = false;
    int64_t oldest = 0;
    enum store_result r = sub->types == 0 ? keeps_at_most(s, sub, n, &all) : STORE_OK;
    if (r == STORE_OK && !all)
        return walk_to(s, sub, end, n, out);
    if (r == STORE_OK)
        r = find_oldest(s, sub, 0, &oldest);
    *out = oldest ? oldest - 1 : end;
    return r;
}

static enum store_result find_at(const struct surveying *v)
{
    int64_t end = v->out->end.last_id, newest = end;
    enum store_result r = STORE_OK;
    v->out->at = v->q->after < end ? v->q->after : end;
    if (v->q->newest >= 0)
        r = find_newest(v->store, v->q->only, end, v->q->newest, &newest);
    if (newest < v->out->at)
        v->out->at = newest;
    return r;
}

/* ---- what left --------------------------------------------------------------------- */

static enum store_result find_trimmed(const struct surveying *v, size_t i)
{
    struct sqlite_store *s = v->store;
    bool found;
    sqlite3_stmt *stmt =
        database_bind(&s->log, SQL_CLAIM_TRIMMED, TEXT(v->q->only->mailbox[i].name));
    enum store_result r = first(s, stmt, "reading what was trimmed", &found);
    int64_t to = found ? sqlite3_column_int64(stmt, 0) : v->out->forgotten_to;
    if (to > v->out->end.last_id)
        to = v->out->end.last_id; /* the books were edited */
    v->out->trimmed_to[i] = to;
    sqlite3_reset(stmt);
    return r;
}

/* Mostly nothing left any mailbox beyond where the stream starts: then none is asked about. */
static enum store_result find_all_trimmed(const struct surveying *v)
{
    const struct survey *out = v->out;
    int64_t floor = out->at < v->q->since ? out->at : v->q->since;
    enum store_result r = STORE_OK;
    if (out->end.trimmed_to <= floor && out->forgotten_to <= floor)
        return STORE_OK;
    for (size_t i = 0; r == STORE_OK && i < v->q->only->mailboxes; i++)
        r = find_trimmed(v, i);
    return r;
}

static enum store_result find_departed_to(const struct surveying *v)
{
    struct sqlite_store *s = v->store;
    bool found;
    if (!v->q->departed)
        return STORE_OK;
    sqlite3_stmt *stmt = database_bind(&s->log, SQL_DEPARTED_MAILBOX, TEXT(v->q->departed));
    enum store_result r =
        first(s, stmt, "looking for events of a session that is gone", &found);
    v->out->departed_to = found ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_reset(stmt);
    return r;
}

/* ---- what it will get -------------------------------------------------------------- */

/* The newest row of the session's own mailbox: it decides which batches are shared, so it is
 * looked for whatever the count costs. */
static enum store_result find_private(const struct surveying *v)
{
    struct sqlite_store *s = v->store;
    const struct subscription *sub = v->q->only;
    bool found;
    if (!sub->has_session)
        return STORE_OK;
    sqlite3_stmt *stmt =
        database_bind(&s->log, SQL_CLAIM_PRIVATE, TEXT(session_of(sub, sub->mailboxes - 1)),
                      INT(v->out->at), INT(v->out->end.last_id));
    enum store_result r = first(s, stmt, "looking for events of the session", &found);
    if (found)
        v->out->private_to = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return r;
}

/* Count one mailbox as far as the budget goes, and find its oldest row. */
static enum store_result count_mailbox(const struct surveying *v, size_t i, const char *types,
                                       int64_t *budget)
{
    struct sqlite_store *s = v->store;
    struct survey *out = v->out;
    bool found;
    sqlite3_stmt *stmt =
        database_bind(&s->log, SQL_CLAIM_COUNT, TEXT(session_of(v->q->only, i)),
                      TEXT(channel_of(v->q->only, i)), INT(out->at), INT(out->end.last_id),
                      TEXT(types), INT(*budget > 0 ? *budget : (int64_t)1));
    enum store_result r = first(s, stmt, "counting events", &found);
    int64_t oldest = found ? sqlite3_column_int64(stmt, 2) : 0;
    if (found && *budget > 0) {
        out->count += sqlite3_column_int64(stmt, 0);
        *budget -= sqlite3_column_int64(stmt, 1);
    }
    if (oldest && (out->oldest == 0 || oldest < out->oldest))
        out->oldest = oldest;
    sqlite3_reset(stmt);
    return r;
}

/* Where the rows that may be looked at do not suffice, there is at least one. */
static enum store_result find_count(const struct surveying *v)
{
    int64_t budget = CLAIM_ROWS_MAX;
    char *types;
    if (v->out->at == v->out->end.last_id)
        return STORE_OK;
    if (!type_list(v->q->only, &types))
        return no_memory(v->store);
    enum store_result r = find_private(v);
    for (size_t i = 0; r == STORE_OK && i < v->q->only->mailboxes; i++)
        r = count_mailbox(v, i, types, &budget);
    if (budget <= 0 && v->out->count == 0)
        v->out->count = 1;
    free(types);
    return r;
}

/* ---- the whole --------------------------------------------------------------------- */

static enum store_result find_all(const struct surveying *v)
{
    enum store_result r = log_read_end(v->store, &v->out->end, &v->out->forgotten_to);
    if (r == STORE_OK)
        r = find_at(v);
    if (r == STORE_OK)
        r = find_all_trimmed(v);
    if (r == STORE_OK)
        r = find_departed_to(v);
    if (r == STORE_OK)
        r = find_passed_over(v);
    return r == STORE_OK ? find_count(v) : r;
}

static enum store_result survey_at_one_moment(const struct surveying *v)
{
    struct sqlite_store *s = v->store;
    enum store_result r = database_run(s, &s->log, SQL_BEGIN);
    if (r == STORE_OK)
        r = find_all(v);
    if (r == STORE_OK)
        r = database_end_read(s, &s->log);
    if (r != STORE_OK)
        database_rollback(&s->log);
    return r;
}

static enum store_result survey_once(const struct surveying *v)
{
    enum store_result r = database_use(v->store, &v->store->log);
    if (r != STORE_OK)
        return r;
    memset(v->out, 0, sizeof *v->out);
    upkeep_share();
    r = survey_at_one_moment(v);
    upkeep_unshare();
    return r;
}

enum store_result sqlite_survey(struct store *store, const struct survey_question *q,
                                struct survey *out)
{
    struct surveying v = {.store = sqlite_of(store), .q = q, .out = out};
    enum store_result r = survey_once(&v);
    return r == STORE_BUSY && v.store->fell ? survey_once(&v) : r;
}
