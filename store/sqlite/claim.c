#include <string.h>

#include "store/sha256.h"
#include "store/sqlite/bind.h"
#include "store/claim.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/departed.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

/* Whether the session that was found may be taken up by this request. */
static bool honoured(const struct settings *settings, const struct claim_request *r,
                     sqlite3_stmt *found)
{
    if (settings->session_check == SESSION_CHECK_NONE)
        return true;
    const char *agent = (const char *)sqlite3_column_text(found, 2);
    return agent && strcmp(agent, r->user_agent) == 0;
}

/* Look for one token's session.  *there: there is one; it is taken up unless another was. */
static enum store_result find(struct sqlite_store *s, const struct settings *settings,
                              const struct claim_request *r, const char *token,
                              struct claim_past *past, struct claim *c, bool *there)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt = database_bind(d, SQL_CLAIM_SESSION, "t", token);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    enum store_result result = STORE_OK;
    const char *id = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    *there = rc == SQLITE_ROW;
    if (id && !past->known && honoured(settings, r, stmt) &&
        database_text(c->session_id, sizeof c->session_id, id) &&
        database_text(c->token, sizeof c->token, token)) {
        past->known = c->reconnection = true;
        c->reconnections = sqlite3_column_int64(stmt, 1) + 1;
    } else if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        result = store_failed(s, d, "looking for a session");
    }
    sqlite3_reset(stmt);
    return result;
}

static void keep_other(struct claim *c, const char *token)
{
    for (size_t i = 0; i < c->others; i++)
        if (strcmp(c->other[i], token) == 0)
            return;
    if (c->others < CLAIM_OTHERS_MAX && strlen(token) == SESSION_TOKEN_SIZE - 1)
        memcpy(c->other[c->others++], token, SESSION_TOKEN_SIZE);
}

/* A token that is of no session: of one that is remembered, or another installation's. */
static enum store_result consider_unknown(struct sqlite_store *s, const char *token,
                                          struct claim_past *past, struct claim *c)
{
    struct departure d;
    bool remembered;
    if (!past->unknown)
        past->unknown = token;
    enum store_result r = departure_find(s, token, &d, &remembered);
    if (r == STORE_OK && !remembered)
        keep_other(c, token);
    if (r == STORE_OK && remembered && !past->departed) {
        past->departed = true;
        past->departure = d;
    }
    if (r == STORE_OK && remembered && d.revives && !past->known) {
        past->known = past->revived = c->reconnection = true;
        past->departure = d;
        c->reconnections = 1;
        database_text(c->token, sizeof c->token, token);
        memcpy(c->session_id, d.session_id, sizeof c->session_id);
    }
    return r;
}

enum store_result claim_recall(struct sqlite_store *s, const struct settings *settings,
                               const struct claim_request *r, struct claim_past *past,
                               struct claim *c)
{
    enum store_result result = r->token ? database_use(s, &s->sessions) : STORE_OK;
    size_t count = r->token ? 1 + r->more_token_count : 0;
    for (size_t i = 0; result == STORE_OK && i < count; i++) {
        const char *token = i == 0 ? r->token : r->more_tokens[i - 1];
        bool there;
        result = find(s, settings, r, token, past, c, &there);
        if (result == STORE_OK && !there)
            result = consider_unknown(s, token, past, c);
    }
    return result;
}

/* Which bookmark this stream takes: it starts at the smallest of all, so that nothing is
 * skipped whichever of them was its own; and of the ended ones it takes the largest away that
 * could have been its own, so that of several tabs that come back at once each finds one. */
static void consider(const struct claim_entry *e, const struct claim *c, sqlite3_stmt *row,
                     struct claim_past *past)
{
    int64_t position = sqlite3_column_int64(row, 2);
    const char *epoch = (const char *)sqlite3_column_text(row, 1);
    bool here = epoch && strcmp(epoch, e->epoch) == 0;
    if (!here && past->bookmark == BOOKMARK_NONE)
        past->bookmark = BOOKMARK_FOREIGN;
    if (here && (past->bookmark != BOOKMARK_HERE || position < past->position)) {
        past->bookmark = BOOKMARK_HERE;
        past->position = position;
    }
    if (!here)
        position = -1;
    bool ended = sqlite3_column_int(row, 3) != 0;
    bool own = c->presented < 0 || position <= c->presented;
    if (ended && own && (past->taken == 0 || position > past->taken_at)) {
        past->taken = sqlite3_column_int64(row, 0);
        past->taken_at = position;
    }
}

static enum store_result read_bookmarks(struct sqlite_store *s, const struct claim_entry *e,
                                        const struct claim *c, const char *key,
                                        struct claim_past *past)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt = database_bind(d, SQL_CLAIM_BOOKMARKS, "tt", c->session_id, key);
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        consider(e, c, stmt, past);
    enum store_result r =
        rc == SQLITE_DONE ? STORE_OK : store_failed(s, d, "reading the bookmarks");
    sqlite3_reset(stmt);
    return r;
}

/* Where the poll stood that left the session, whatever it listened to. */
static void recall_departure(const struct claim_entry *e, struct claim_past *past)
{
    const struct departure *d = &past->departure;
    bool here = strcmp(d->epoch, e->epoch) == 0 && d->position >= 0;
    past->bookmark = here ? BOOKMARK_HERE : BOOKMARK_FOREIGN;
    past->position = d->position;
}

/* (An earlier version keeps long keys in full.) */
enum store_result claim_bookmarks(struct sqlite_store *s, const struct claim_entry *e,
                                  const struct claim *c, struct claim_past *past)
{
    enum store_result r = STORE_OK;
    if (past->revived)
        recall_departure(e, past);
    else
        r = read_bookmarks(s, e, c, e->kept_key, past);
    if (r == STORE_OK && !past->revived && strcmp(e->kept_key, e->key) != 0)
        r = read_bookmarks(s, e, c, e->key, past);
    return r;
}
