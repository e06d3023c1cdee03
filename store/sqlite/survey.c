/* What a claim asks the log, in one read transaction (engine.h: survey).  Each question costs one
 * seek of an index for each mailbox.  Only two look at rows: the count, and the search for the
 * newest.  Any stranger can ask both, so CLAIM_ROWS_MAX bounds each.  Rows that are due count as
 * gone; the list of them is made first, and is bounded as well (due.h). */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/file.h"
#include "store/sqlite/mailboxes.h"
#include "store/sqlite/now.h"
#include "store/sqlite/upkeep.h"

/* One survey on its way. */
struct surveying {
    struct sqlite_store *store;
    const struct survey_question *q;
    struct survey *out;
    int64_t now;    /* of the whole answer: milliseconds since 1970 */
    struct due due; /* at that time */
};

/* The types in the form that the statements want: each between line feeds; *out is NULL for all
 * types.  No event has a type with a line feed in it, so such a type is left out: in the list it
 * would look like two. */
static bool type_list(const struct subscription *s, char **out)
{
    *out = NULL;
    size_t size = 2;
    for (size_t i = 0; i < s->types; i++)
        size += strlen(s->type[i]) + 1;
    if (s->types == 0)
        return true;
    char *at = *out = malloc(size);
    if (!at)
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

static enum store_result find_passed_over(const struct surveying *v)
{
    int64_t oldest;
    if (v->q->since >= v->out->at)
        return STORE_OK;
    enum store_result r = mailboxes_oldest(v->store, v->q->only, &v->due, v->q->since, &oldest);
    v->out->passes_over = r == STORE_OK && oldest != 0 && oldest <= v->out->at;
    return r;
}

static enum store_result find_at(const struct surveying *v)
{
    int64_t end = v->out->end.last_id, newest = end;
    enum store_result r = STORE_OK;
    v->out->at = v->q->after < end ? v->q->after : end;
    if (v->q->newest >= 0)
        r = mailboxes_newest(v->store, v->q->only, &v->due, end, v->q->newest, &newest);
    if (newest < v->out->at)
        v->out->at = newest;
    return r;
}

/* ---- what left --------------------------------------------------------------------- */

static enum store_result find_trimmed(const struct surveying *v, size_t i)
{
    struct sqlite_store *s = v->store;
    bool found, sound = true; /* if it is not, the next read tells */
    sqlite3_stmt *stmt =
        database_bind(&s->log, SQL_LOG_TRIMMED, TEXT(v->q->only->mailbox[i].name));
    enum store_result r = mailbox_first_row(s, stmt, "reading what was trimmed", &found);
    v->out->trimmed_to[i] =
        found ? log_id_of(stmt, 0, v->out->end.last_id, &sound) : v->out->forgotten_to;
    sqlite3_reset(stmt);
    return r;
}

/* Mostly no row left any mailbox after the start of the stream: then no mailbox is asked about. */
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
    sqlite3_stmt *stmt =
        database_bind(&s->log, SQL_DEPARTED_MAILBOX, TEXT(v->q->departed), INT(v->now));
    enum store_result r =
        mailbox_first_row(s, stmt, "looking for events of a session that is gone", &found);
    v->out->departed_to = found ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_reset(stmt);
    return r;
}

/* ---- what it will get -------------------------------------------------------------- */

/* The newest row of the session's own mailbox.  It decides which batches the stream can share, so
 * it has to be exact, and does not depend on the budget of the count. */
static enum store_result find_private(const struct surveying *v)
{
    struct sqlite_store *s = v->store;
    const struct subscription *sub = v->q->only;
    bool found;
    if (!sub->has_session)
        return STORE_OK;
    sqlite3_stmt *stmt = database_bind(&s->log, SQL_CLAIM_PRIVATE,
                                       TEXT(mailbox_session(sub, sub->mailboxes - 1)),
                                       INT(v->out->at), INT(v->out->end.last_id));
    enum store_result r =
        mailbox_first_row(s, stmt, "looking for events of the session", &found);
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
        database_bind(&s->log, SQL_CLAIM_COUNT, TEXT(mailbox_session(v->q->only, i)),
                      TEXT(mailbox_channel(v->q->only, i)), INT(out->at), INT(out->end.last_id),
                      TEXT(types), INT(*budget > 0 ? *budget : (int64_t)1));
    enum store_result r = mailbox_first_row(s, stmt, "counting events", &found);
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

/* The count walked rows that are due as well.  If the budget ended it early, some of them were not
 * counted, but then the count is a lower bound anyway. */
static enum store_result leave_out_due(const struct surveying *v)
{
    struct survey *out = v->out;
    int64_t due = due_count(&v->due, out->at);
    out->count = out->count > due ? out->count - due : 0;
    return mailboxes_oldest(v->store, v->q->only, &v->due, out->at, &out->oldest);
}

/* If the budget is used up before a row was counted, 1 is said: a stream that may get rows must
 * not be told that there are none. */
static enum store_result find_count(const struct surveying *v)
{
    int64_t budget = CLAIM_ROWS_MAX;
    char *types;
    if (v->out->at == v->out->end.last_id)
        return STORE_OK;
    if (v->q->uncounted)
        return mailboxes_oldest(v->store, v->q->only, &v->due, v->out->at, &v->out->oldest);
    if (!type_list(v->q->only, &types))
        return store_refuse(v->store, STORE_NOMEM, "out of memory");
    enum store_result r = find_private(v);
    for (size_t i = 0; r == STORE_OK && i < v->q->only->mailboxes; i++)
        r = count_mailbox(v, i, types, &budget);
    if (r == STORE_OK && v->due.rows > 0)
        r = leave_out_due(v);
    if (budget <= 0 && v->out->count == 0)
        v->out->count = 1;
    free(types);
    return r;
}

/* ---- the whole --------------------------------------------------------------------- */

static enum store_result find_all(struct surveying *v)
{
    enum store_result r = log_read_end(v->store, &v->out->end, &v->out->forgotten_to);
    if (r == STORE_OK)
        r = due_find(v->store, v->q->only, v->now, &v->due);
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

static enum store_result survey_at_one_moment(struct surveying *v)
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

static enum store_result survey_once(struct surveying *v)
{
    enum store_result r = database_use(v->store, &v->store->log);
    if (r != STORE_OK)
        return r;
    memset(v->out, 0, sizeof *v->out);
    v->now = now_wall_ms();
    upkeep_share();
    r = survey_at_one_moment(v);
    upkeep_unshare();
    due_free(&v->due);
    if (r == STORE_OK) {
        const struct store_end *end = &v->out->end;
        file_saw(v->store->log.hold.file, end->epoch, end->last_id);
    }
    return r;
}

enum store_result sqlite_survey(struct store *store, const struct survey_question *q,
                                struct survey *out)
{
    struct surveying v = {.store = sqlite_of(store), .q = q, .out = out};
    enum store_result r = survey_once(&v);
    return log_is_worth_a_retry(v.store, r) ? survey_once(&v) : r;
}
