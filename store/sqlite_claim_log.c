#include "store/sqlite_claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEWEST_MAX = 1000000 };

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

static enum store_result no_memory(struct store *s)
{
    return store_refuse(s, STORE_NOMEM, "out of memory");
}

/* The statement's first row is wanted: STORE_OK with *found telling.  The caller resets. */
static enum store_result first(struct store *s, sqlite3_stmt *st, const char *doing,
                               bool *found)
{
    int rc = st ? sqlite3_step(st) : SQLITE_ERROR;
    *found = rc == SQLITE_ROW;
    return *found || rc == SQLITE_DONE ? STORE_OK : store_failed(s, &s->log, doing);
}

/* -------------------------------------------------------------- the read transaction -------
 */

static enum store_result read_end(struct store *s, struct claim_log *log)
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

enum store_result claim_log_begin(struct store *s, struct claim_log *log)
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
void claim_log_end(struct store *s)
{
    database_rollback(&s->log);
}

/* ------------------------------------------------------------ one question a mailbox -------
 */

static enum store_result oldest_in(struct store *s, const struct subscription *sub, size_t i,
                                   int64_t after, int64_t *oldest)
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

enum store_result claim_oldest(struct store *s, const struct subscription *sub, int64_t after,
                               int64_t *oldest)
{
    enum store_result r = STORE_OK;
    *oldest = 0;
    for (size_t i = 0; r == STORE_OK && i < sub->mailboxes; i++)
        r = oldest_in(s, sub, i, after, oldest);
    return r;
}

static enum store_result trimmed_to(struct store *s, const struct claim_log *log,
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

enum store_result claim_holes(struct store *s, const struct claim_log *log,
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
static enum store_result lost_own(struct store *s, const struct claim_log *log,
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
static enum store_result lost_shared(struct store *s, const struct claim_log *log,
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

enum store_result claim_lost(struct store *s, const struct claim_log *log,
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

/* Merge one mailbox's newest ids into the `n` newest of all, both in falling order. */
static size_t merge(int64_t *into, const int64_t *known, size_t known_count, sqlite3_stmt *st,
                    size_t n, int *rc)
{
    size_t count = 0, k = 0;
    *rc = sqlite3_step(st);
    while (count < n && (k < known_count || *rc == SQLITE_ROW)) {
        int64_t id = *rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
        if (k < known_count && known[k] > id) {
            into[count++] = known[k++];
        } else {
            into[count++] = id;
            *rc = sqlite3_step(st);
        }
    }
    return count;
}

enum store_result claim_newest(struct store *s, const struct subscription *sub, int64_t end,
                               int64_t n, int64_t *out)
{
    enum store_result r = STORE_OK;
    size_t wanted = n > NEWEST_MAX ? NEWEST_MAX : n < 0 ? 0 : (size_t)n, count = 0;
    int64_t *ids = calloc(wanted + 1, sizeof *ids);
    int64_t *spare = calloc(wanted + 1, sizeof *spare);
    char *types = NULL;
    if (ids == NULL || spare == NULL || !type_list(sub, &types))
        r = no_memory(s);
    for (size_t i = 0; r == STORE_OK && i < sub->mailboxes; i++) {
        sqlite3_stmt *st = database_bind(&s->log, SQL_CLAIM_NEWEST, "ttiit", session_of(sub, i),
                                         channel_of(sub, i), end, (int64_t)wanted, types);
        int rc = SQLITE_ERROR;
        if (st)
            count = merge(spare, ids, count, st, wanted, &rc);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            r = store_failed(s, &s->log, "looking for the newest events");
        sqlite3_reset(st);
        int64_t *merged = spare;
        spare = ids;
        ids = merged;
    }
    *out = ids && count > 0 ? ids[count - 1] - 1 : end;
    free(ids);
    free(spare);
    free(types);
    return r;
}

/* ------------------------------------------------------------- what it will get ------------
 */

enum store_result claim_count(struct store *s, struct claim *c)
{
    struct subscription *sub = c->subscription;
    char *types;
    if (c->cursor == c->until)
        return STORE_OK;
    if (!type_list(sub, &types))
        return no_memory(s);
    enum store_result r = STORE_OK;
    for (size_t i = 0; r == STORE_OK && i < sub->mailboxes; i++) {
        bool found;
        sqlite3_stmt *st = database_bind(&s->log, SQL_CLAIM_COUNT, "ttiit", session_of(sub, i),
                                         channel_of(sub, i), c->cursor, c->until, types);
        r = first(s, st, "counting events", &found);
        if (found) {
            c->count += sqlite3_column_int64(st, 0);
            if (session_of(sub, i))
                c->private_to = sqlite3_column_int64(st, 1);
        }
        sqlite3_reset(st);
    }
    free(types);
    return r;
}
