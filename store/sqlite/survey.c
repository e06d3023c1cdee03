#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/bind.h"
#include "store/claim.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/departed.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

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
static enum store_result first(struct sqlite_store *s, sqlite3_stmt *st, const char *doing,
                               bool *found)
{
    int rc = st ? sqlite3_step(st) : SQLITE_ERROR;
    *found = rc == SQLITE_ROW;
    return *found || rc == SQLITE_DONE ? STORE_OK : store_failed(s, &s->log, doing);
}

/* ---- the read transaction ---------------------------------------------------------- */

static enum store_result read_end(struct sqlite_store *s, struct claim_log *log)
{
    struct store_end end;
    enum store_result r = log_read_end(s, &end, &log->forgotten_to);
    if (r != STORE_OK)
        return r;
    memcpy(log->epoch, end.epoch, sizeof log->epoch);
    log->last_id = end.last_id;
    log->trimmed_to = end.trimmed_to > log->forgotten_to ? end.trimmed_to : log->forgotten_to;
    return STORE_OK;
}

enum store_result claim_log_begin(struct sqlite_store *s, struct claim_log *log)
{
    enum store_result r = database_use(s, &s->log);
    if (r == STORE_OK)
        r = database_run(s, &s->log, SQL_BEGIN);
    if (r != STORE_OK)
        return r;
    r = read_end(s, log);
    if (r != STORE_OK)
        claim_log_end(s);
    return r;
}

/* Nothing was written, so a rollback is as good as a commit and cannot fail. */
void claim_log_end(struct sqlite_store *s)
{
    database_rollback(&s->log);
}

/* ---- one question a mailbox -------------------------------------------------------- */

static enum store_result oldest_in(struct sqlite_store *s, const struct subscription *sub,
                                   size_t i, int64_t after, int64_t *oldest)
{
    bool found;
    sqlite3_stmt *st = database_bind(&s->log, SQL_CLAIM_OLDEST, "tti", session_of(sub, i),
                                     channel_of(sub, i), after);
    enum store_result r = first(s, st, "looking for the oldest event", &found);
    if (found && (*oldest == 0 || sqlite3_column_int64(st, 0) < *oldest))
        *oldest = sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    return r;
}

enum store_result claim_oldest(struct sqlite_store *s, const struct subscription *sub,
                               int64_t after, int64_t *oldest)
{
    enum store_result r = STORE_OK;
    *oldest = 0;
    for (size_t i = 0; r == STORE_OK && i < sub->mailboxes; i++)
        r = oldest_in(s, sub, i, after, oldest);
    return r;
}

static enum store_result trimmed_to(struct sqlite_store *s, const struct claim_log *log,
                                    const char *mailbox, int64_t *out)
{
    bool found;
    sqlite3_stmt *st = database_bind(&s->log, SQL_CLAIM_TRIMMED, "t", mailbox);
    enum store_result r = first(s, st, "reading what was trimmed", &found);
    *out = found ? sqlite3_column_int64(st, 0) : log->forgotten_to;
    if (*out > log->last_id)
        *out = log->last_id; /* the books were edited */
    sqlite3_reset(st);
    return r;
}

enum store_result claim_holes(struct sqlite_store *s, const struct claim_log *log,
                              const struct claim *c, int64_t after, bool *missing)
{
    struct subscription *sub = c->subscription;
    *missing = false;
    if (log->trimmed_to <= after)
        return STORE_OK;
    for (size_t i = 0; i < sub->mailboxes; i++) {
        int64_t to;
        enum store_result r = trimmed_to(s, log, sub->mailbox[i].name, &to);
        if (r != STORE_OK)
            return r;
        if (to <= after)
            continue;
        sub->mailbox[i].told_to = to;
        if (c->reconnection || c->keeps_token || !session_of(sub, i))
            *missing = true;
    }
    return STORE_OK;
}

/* Its own: events that came when it was gone are for nobody else.  What its mailbox lost before
 * it departed was noted then; what it lost later stands in the books, or, where nobody
 * remembers the mailbox, was trimmed after the log's end of then. */
static enum store_result lost_own(struct sqlite_store *s, const struct claim_log *log,
                                  const struct departure *d, int64_t at, bool *lost)
{
    char mailbox[SESSION_ID_SIZE + 1];
    bool any, remembered;
    sqlite3_stmt *stmt = database_bind(&s->log, SQL_CLAIM_OLDEST, "tti", d->session_id, "", at);
    enum store_result r = first(s, stmt, "looking for the oldest event", &any);
    sqlite3_reset(stmt);
    if (r != STORE_OK)
        return r;
    snprintf(mailbox, sizeof mailbox, "@%s", d->session_id);
    stmt = database_bind(&s->log, SQL_CLAIM_TRIMMED, "t", mailbox);
    r = first(s, stmt, "reading what was trimmed", &remembered);
    int64_t trimmed = remembered                       ? sqlite3_column_int64(stmt, 0)
                      : log->forgotten_to > d->log_end ? log->forgotten_to
                                                       : 0;
    sqlite3_reset(stmt);
    *lost = any || d->private_to > at || trimmed > at;
    return r;
}

/* What it listens to, between `at` and where the stream starts. */
static enum store_result lost_shared(struct sqlite_store *s, const struct claim_log *log,
                                     const struct claim *c, int64_t at, int64_t start,
                                     bool *lost)
{
    int64_t oldest;
    enum store_result r = claim_oldest(s, c->subscription, at, &oldest);
    *lost = r == STORE_OK && oldest != 0 && oldest <= start;
    for (size_t i = 0; r == STORE_OK && !*lost && i < c->subscription->mailboxes; i++) {
        int64_t to;
        if (session_of(c->subscription, i))
            continue;
        r = trimmed_to(s, log, c->subscription->mailbox[i].name, &to);
        *lost = r == STORE_OK && to > at;
    }
    return r;
}

enum store_result claim_lost(struct sqlite_store *s, const struct claim_log *log,
                             const struct departure *d, const struct claim *c, int64_t start,
                             bool *lost)
{
    bool says = c->presented >= 0 && strcmp(c->presented_epoch, log->epoch) == 0;
    int64_t at = says ? c->presented : d->position;
    *lost = true;
    if (strcmp(d->epoch, log->epoch) != 0)
        return STORE_OK;
    enum store_result r = lost_own(s, log, d, at, lost);
    if (r == STORE_OK && !*lost && !says)
        r = lost_shared(s, log, c, at, start, lost);
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
        sqlite3_stmt *stmt = database_bind(&s->log, SQL_CLAIM_NEWEST, "tti",
                                           session_of(n->sub, i), channel_of(n->sub, i), end);
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
        sqlite3_stmt *stmt = database_bind(&s->log, SQL_CLAIM_KEPT, "t", sub->mailbox[i].name);
        r = first(s, stmt, "reading what is kept", &found);
        n -= found ? sqlite3_column_int64(stmt, 0) : 0;
        sqlite3_reset(stmt);
    }
    *yes = n >= 0;
    return r;
}

enum store_result claim_newest(struct sqlite_store *s, const struct subscription *sub,
                               int64_t end, int64_t n, int64_t *out)
{
    bool all = false;
    int64_t oldest = 0;
    enum store_result r = sub->types == 0 ? keeps_at_most(s, sub, n, &all) : STORE_OK;
    if (r == STORE_OK && all)
        r = claim_oldest(s, sub, 0, &oldest);
    *out = oldest ? oldest - 1 : end;
    if (r != STORE_OK || all)
        return r;
    struct newest newest = {.sub = sub, .budget = CLAIM_ROWS_MAX};
    newest.wanted = n > CLAIM_ROWS_MAX ? CLAIM_ROWS_MAX : n < 0 ? 0 : (size_t)n;
    newest.ids = calloc(newest.wanted + 1, sizeof *newest.ids);
    newest.spare = calloc(newest.wanted + 1, sizeof *newest.spare);
    r = newest.ids && newest.spare ? walk_newest(s, &newest, end) : no_memory(s);
    if (r == STORE_OK && newest.count > 0)
        *out = newest.ids[newest.count - 1] - 1;
    if (r == STORE_OK && newest.budget == 0 && newest.count < newest.wanted &&
        newest.last <= *out)
        *out = newest.last - 1;
    free(newest.ids);
    free(newest.spare);
    return r;
}

/* ---- what it will get -------------------------------------------------------------- */

/* The newest row of the session's own mailbox: it decides which batches are shared, so it is
 * looked for whatever the count costs. */
static enum store_result find_private(struct sqlite_store *s, struct claim *c, size_t own)
{
    bool found;
    sqlite3_stmt *stmt = database_bind(&s->log, SQL_CLAIM_PRIVATE, "tii",
                                       session_of(c->subscription, own), c->cursor, c->until);
    enum store_result r = first(s, stmt, "looking for events of the session", &found);
    if (found)
        c->private_to = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return r;
}

/* Where the rows that may be looked at do not suffice, there is at least one. */
enum store_result claim_count(struct sqlite_store *s, struct claim *c)
{
    struct subscription *sub = c->subscription;
    int64_t budget = CLAIM_ROWS_MAX;
    char *types;
    if (c->cursor == c->until)
        return STORE_OK;
    if (!type_list(sub, &types))
        return no_memory(s);
    enum store_result r = sub->has_session ? find_private(s, c, sub->mailboxes - 1) : STORE_OK;
    for (size_t i = 0; r == STORE_OK && budget > 0 && i < sub->mailboxes; i++) {
        bool found;
        sqlite3_stmt *stmt =
            database_bind(&s->log, SQL_CLAIM_COUNT, "ttiiti", session_of(sub, i),
                          channel_of(sub, i), c->cursor, c->until, types, budget);
        r = first(s, stmt, "counting events", &found);
        if (found) {
            c->count += sqlite3_column_int64(stmt, 0);
            budget -= sqlite3_column_int64(stmt, 1);
        }
        sqlite3_reset(stmt);
    }
    if (budget <= 0 && c->count == 0)
        c->count = 1;
    free(types);
    return r;
}
