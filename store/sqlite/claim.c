/* What a claim asks the sessions' file, and what it writes there (engine.h: recall, enter,
 * open_streams).  store/claim.c decides what follows from the answers. */
#include <string.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/departed.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/lease.h"
#include "store/sqlite/now.h"
#include "store/sqlite/sessions.h"

/* The bookmarks of a session for one subscription, as they are walked. */
struct bookmarks {
    const char *epoch; /* the log's */
    int64_t take_to;
    int64_t smallest; /* of that epoch; -1: none */
    bool foreign;     /* there is one of another epoch */
    int64_t taken;    /* the ended stream with the largest bookmark up to take_to; 0: none */
    int64_t taken_at;
};

/* People can edit the row.  A negative position is before every event; -1 would mean that there is
 * no bookmark at all, and the stream would begin at the end, with nothing told. */
static int64_t stored_position(sqlite3_stmt *row)
{
    int64_t position = sqlite3_column_int64(row, 2);
    return position < 0 ? 0 : position;
}

/* The bookmark of a stream that is open counts for the start, but is not taken away: the stream
 * may be another tab's, and needs it.  One of another epoch is worth nothing (-1), so it is taken
 * only if there is no better one. */
static void consider_bookmark(struct bookmarks *b, sqlite3_stmt *row)
{
    const char *epoch = (const char *)sqlite3_column_text(row, 1);
    bool here = epoch && strcmp(epoch, b->epoch) == 0;
    int64_t position = here ? stored_position(row) : -1;
    bool ended = sqlite3_column_int(row, 3) != 0;
    b->foreign |= !here;
    if (here && (b->smallest < 0 || position < b->smallest))
        b->smallest = position;
    if (ended && position <= b->take_to && (b->taken == 0 || position > b->taken_at)) {
        b->taken = sqlite3_column_int64(row, 0);
        b->taken_at = position;
    }
}

static enum store_result walk_bookmarks(struct sqlite_store *s, const char *session_id,
                                        const char *key, struct bookmarks *b)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt = database_bind(d, SQL_CLAIM_BOOKMARKS, TEXT(session_id), TEXT(key));
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        consider_bookmark(b, stmt);
    enum store_result r =
        rc == SQLITE_DONE ? STORE_OK : store_failed(s, d, "reading the bookmarks");
    sqlite3_reset(stmt);
    return r;
}

/* An earlier version stored long keys in full, so these are looked for as well. */
static enum store_result find_bookmarks(struct sqlite_store *s, const char *session_id,
                                        const char *key, struct bookmarks *b)
{
    char kept[SUBSCRIPTION_KEPT_KEY_SIZE];
    subscription_kept_key(kept, key);
    enum store_result r = walk_bookmarks(s, session_id, kept, b);
    if (r == STORE_OK && strcmp(kept, key) != 0)
        r = walk_bookmarks(s, session_id, key, b);
    return r;
}

/* ---- recall ------------------------------------------------------------------------ */

/* An id that does not fit was not made by us: somebody edited the table, so nobody gets it. */
static enum recalled read_session(sqlite3_stmt *row, const char *user_agent, struct recall *out)
{
    const char *id = (const char *)sqlite3_column_text(row, 0);
    const char *agent = (const char *)sqlite3_column_text(row, 2);
    out->reconnections = sqlite3_column_int64(row, 1);
    bool same = !user_agent || (agent && strcmp(agent, user_agent) == 0);
    return database_text(out->session_id, sizeof out->session_id, id) && same ? RECALL_KNOWN
                                                                              : RECALL_REFUSED;
}

static enum store_result find_session(struct sqlite_store *s, const char *token,
                                      const char *user_agent, struct recall *out)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt = database_bind(d, SQL_CLAIM_SESSION, TEXT(token));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    enum store_result r = STORE_OK;
    if (rc == SQLITE_ROW)
        out->found = read_session(stmt, user_agent, out);
    else if (rc != SQLITE_DONE)
        r = store_failed(s, d, "looking for a session");
    sqlite3_reset(stmt);
    return r;
}

static enum store_result find_departed(struct sqlite_store *s, const char *token,
                                       struct recall *out)
{
    bool remembered;
    enum store_result r = departure_find(s, token, &out->departure, &remembered);
    if (r == STORE_OK && remembered)
        out->found = RECALL_DEPARTED;
    return r;
}

enum store_result sqlite_recall(struct store *store, const char *token, const char *user_agent,
                                const char *key, const char *epoch, struct recall *out)
{
    struct sqlite_store *s = sqlite_of(store);
    struct bookmarks b = {.epoch = epoch, .smallest = -1};
    *out = (struct recall){.found = RECALL_NOBODY};
    enum store_result r = database_use(s, &s->sessions);
    if (r == STORE_OK)
        r = find_session(s, token, user_agent, out);
    if (r == STORE_OK && out->found == RECALL_NOBODY)
        r = find_departed(s, token, out);
    if (r == STORE_OK && out->found == RECALL_KNOWN && key)
        r = find_bookmarks(s, out->session_id, key, &b);
    out->bookmark = b.smallest;
    out->foreign = b.foreign;
    return r;
}

/* ---- enter ------------------------------------------------------------------------- */

static enum store_result enter_session(struct sqlite_store *s, const struct entry *e)
{
    const struct claim_request *r = e->request;
    char shown[SUBSCRIPTION_SHOWN_SIZE];
    subscription_shown(shown, e->key);
    bool new = e->as != ENTRY_RETURNS;
    const struct value values[] = {
        TEXT(e->session_id),  TEXT(e->token),          INT(now_wall_ms()), TEXT(r->user_agent),
        TEXT(r->remote_addr), TEXT(r->client_version), TEXT(shown),        TEXT(r->headers),
        TEXT(r->query),       INT(e->reconnections) /* of a new one alone */};
    size_t n = sizeof values / sizeof *values;
    enum store_result result =
        database_do_values(s, &s->sessions, "entering a session",
                           new ? SQL_CLAIM_NEW : SQL_CLAIM_RETURN, values, new ? n : n - 1);
    if (result == STORE_OK && sqlite3_changes(s->sessions.db) == 0)
        return store_refuse(s, STORE_UNKNOWN, "the session was deleted while it was claimed");
    if (e->as == ENTRY_REVIVES && result == STORE_REFUSED)
        return store_refuse(s, STORE_UNKNOWN,
                            "the session was made again while it was claimed");
    return result == STORE_OK && e->as == ENTRY_REVIVES ? departure_forget(s, e->token)
                                                        : result;
}

/* Looked for under the lock, so that two tabs cannot take the same one. */
static enum store_result take_bookmark(struct sqlite_store *s, const struct entry *e)
{
    struct bookmarks b = {.epoch = e->epoch, .smallest = -1, .take_to = e->take_to};
    enum store_result r = find_bookmarks(s, e->session_id, e->key, &b);
    if (r == STORE_OK && b.taken)
        r = database_do(s, &s->sessions, "taking a bookmark", SQL_CLAIM_FORGET, INT(b.taken));
    return r;
}

static enum store_result enter_all(struct sqlite_store *s, const struct entry *e)
{
    char kept[SUBSCRIPTION_KEPT_KEY_SIZE];
    subscription_kept_key(kept, e->key);
    enum store_result r = enter_session(s, e);
    if (r == STORE_OK && e->as == ENTRY_RETURNS)
        r = take_bookmark(s, e);
    if (r == STORE_OK)
        r = database_do(s, &s->sessions, "entering a stream", SQL_CLAIM_STREAM,
                        TEXT(e->session_id), INT(lease_number(s)), TEXT(kept), TEXT(e->epoch),
                        INT(e->position), INT(now_wall_ms()), INT(now_wall_us()));
    return r;
}

/* Without a lease nothing is written: a janitor would take the stream for a dead process's, and
 * end it. */
enum store_result sqlite_enter(struct store *store, const struct entry *e, int64_t *stream_id)
{
    struct sqlite_store *s = sqlite_of(store);
    enum store_result r = lease_need(s);
    if (r == STORE_OK)
        r = sessions_begin(s);
    if (r != STORE_OK)
        return r;
    r = enter_all(s, e);
    int64_t entered = r == STORE_OK ? sqlite3_last_insert_rowid(s->sessions.db) : 0;
    r = sessions_finish(s, r);
    if (r == STORE_OK)
        *stream_id = entered;
    return r;
}

/* ---- open streams ------------------------------------------------------------------ */

/* A stream that an earlier version entered under a long key in full is not found.  Then the claim
 * does not wait, and some events may come twice. */
enum store_result sqlite_open_streams(struct store *store, const char *token, const char *key,
                                      int64_t *stream_ids, size_t max, size_t *n)
{
    struct sqlite_store *s = sqlite_of(store);
    struct database *d = &s->sessions;
    char kept[SUBSCRIPTION_KEPT_KEY_SIZE];
    enum store_result r = database_use(s, d);
    if (r != STORE_OK)
        return r;
    subscription_kept_key(kept, key);
    sqlite3_stmt *stmt =
        database_bind(d, SQL_CLAIM_OPEN, TEXT(token), TEXT(kept), INT((max - *n)));
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    while (rc == SQLITE_ROW && *n < max && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        stream_ids[(*n)++] = sqlite3_column_int64(stmt, 0);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = store_failed(s, d, "looking for open streams");
    sqlite3_reset(stmt);
    return r;
}
