#include "store/sqlite_claim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* One claim on its way through the sessions' file. */
struct claiming {
    struct store *store;
    const struct settings *settings;
    const struct claim_request *request;
    struct claim_log log;
    struct claim_past past;
    struct claim *out;
    char *key;     /* of the subscription */
    bool writing;  /* the transaction is open */
    int64_t taken; /* the ended stream whose bookmark this one takes; 0: none */
};

/* The sessions' file failed: go on without it.  Only what passes by itself is worth the
 * client's coming back. */
static enum store_result unsaved(struct claiming *c, enum store_result r)
{
    if (r == STORE_BUSY || r == STORE_NOMEM)
        return r;
    sessions_abandon(c->store);
    c->writing = false;
    c->out->stream_id = 0;
    if (c->out->saved == STORE_OK)
        c->out->saved = r;
    return STORE_OK;
}

static void hex(char *out, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *out++ = "0123456789abcdef"[bytes[i] >> 4];
        *out++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *out = '\0';
}

static enum store_result invent(struct claiming *c)
{
    unsigned char random[(SESSION_ID_SIZE + SESSION_TOKEN_SIZE) / 2 - 1];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return store_refuse(c->store, STORE_IO, "no random numbers for a session");
    hex(c->out->session_id, random, SESSION_ID_SIZE / 2);
    hex(c->out->token, random + SESSION_ID_SIZE / 2, SESSION_TOKEN_SIZE / 2);
    return STORE_OK;
}

/* Whether the session that was found may be taken up by this request. */
static bool honoured(const struct claiming *c, sqlite3_stmt *found)
{
    if (c->settings->session_check == SESSION_CHECK_NONE)
        return true;
    const char *agent = (const char *)sqlite3_column_text(found, 2);
    return agent && strcmp(agent, c->request->user_agent) == 0;
}

static enum store_result find(struct claiming *c)
{
    struct database *d = &c->store->sessions;
    sqlite3_stmt *st = database_bind(d, SQL_CLAIM_SESSION, "t", c->request->token);
    int rc = st ? sqlite3_step(st) : SQLITE_ERROR;
    enum store_result r = STORE_OK;
    const char *id = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
    if (id && honoured(c, st) &&
        database_text(c->out->session_id, sizeof c->out->session_id, id) &&
        database_text(c->out->token, sizeof c->out->token, c->request->token)) {
        c->out->reconnection = true;
        c->out->reconnections = sqlite3_column_int64(st, 1) + 1;
    } else if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        r = store_failed(c->store, d, "looking for a session");
    }
    sqlite3_reset(st);
    return r;
}

/* Begin, and take up the session that was presented or think of a new one. */
static enum store_result identify(struct claiming *c)
{
    enum store_result r = sessions_begin(c->store);
    c->writing = r == STORE_OK;
    if (r != STORE_OK)
        r = unsaved(c, r);
    /* A full or read-only file may still be read: its sessions are honoured, unsaved. */
    if (r == STORE_OK && c->request->token && c->store->sessions.db) {
        r = find(c);
        if (r != STORE_OK)
            r = unsaved(c, r);
    }
    if (r != STORE_OK || c->out->reconnection)
        return r;
    c->past.refused = c->request->token != NULL;
    return invent(c);
}

/* Names that begin with '@' are no channels: asking for one must not open a session's mailbox.
 */
static enum store_result subscribe(struct claiming *c, const char *session_id)
{
    const struct claim_request *r = c->request;
    const char **channels = malloc((r->channel_count + 1) * sizeof *channels);
    size_t n = 0;
    for (size_t i = 0; channels && i < r->channel_count; i++)
        if (r->channels[i][0] != '@')
            channels[n++] = r->channels[i];
    if (channels)
        c->out->subscription =
            subscription_new(session_id, channels, n, r->types, r->type_count);
    free(channels);
    c->key = c->out->subscription ? subscription_key(c->out->subscription) : NULL;
    return c->key ? STORE_OK : store_refuse(c->store, STORE_NOMEM, "out of memory");
}

/* Which bookmark this stream takes: it starts at the smallest of all, so that nothing is
 * skipped whichever of them was its own; and of the ended ones it takes the largest away that
 * could have been its own, so that of several tabs that come back at once each finds one. */
static void consider(struct claiming *c, sqlite3_stmt *row, int64_t *taken_at)
{
    int64_t position = sqlite3_column_int64(row, 2);
    const char *epoch = (const char *)sqlite3_column_text(row, 1);
    bool here = epoch && strcmp(epoch, c->log.epoch) == 0;
    if (!here && c->past.bookmark == BOOKMARK_NONE)
        c->past.bookmark = BOOKMARK_FOREIGN;
    if (here && (c->past.bookmark != BOOKMARK_HERE || position < c->past.position)) {
        c->past.bookmark = BOOKMARK_HERE;
        c->past.position = position;
    }
    if (!here)
        position = -1;
    bool ended = sqlite3_column_int(row, 3) != 0;
    bool own = c->out->presented < 0 || position <= c->out->presented;
    if (ended && own && (c->taken == 0 || position > *taken_at)) {
        c->taken = sqlite3_column_int64(row, 0);
        *taken_at = position;
    }
}

static enum store_result remember(struct claiming *c)
{
    struct database *d = &c->store->sessions;
    sqlite3_stmt *st = database_bind(d, SQL_CLAIM_BOOKMARKS, "tt", c->out->session_id, c->key);
    int rc = st ? SQLITE_ROW : SQLITE_ERROR;
    int64_t taken_at = 0;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(st)) == SQLITE_ROW)
        consider(c, st, &taken_at);
    enum store_result r =
        rc == SQLITE_DONE ? STORE_OK : store_failed(c->store, d, "reading the bookmarks");
    sqlite3_reset(st);
    return r;
}

static enum store_result enter_session(struct claiming *c)
{
    const struct claim_request *r = c->request;
    enum sql id = c->out->reconnection ? SQL_CLAIM_RETURN : SQL_CLAIM_NEW;
    return database_do(c->store, &c->store->sessions, "entering a session", id, "ttitttttt",
                       c->out->session_id, c->out->token, sessions_now(), r->user_agent,
                       r->remote_addr, r->client_version, c->key, r->headers, r->query);
}

static enum store_result enter_stream(struct claiming *c)
{
    struct database *d = &c->store->sessions;
    enum store_result r = STORE_OK;
    if (c->taken)
        r = database_do(c->store, d, "taking a bookmark", SQL_CLAIM_FORGET, "i", c->taken);
    if (r == STORE_OK)
        r = database_do(c->store, d, "entering a stream", SQL_CLAIM_STREAM, "tittiii",
                        c->out->session_id, (int64_t)lease_number(c->store), c->key,
                        c->log.epoch, c->out->bookmark, sessions_now(), sessions_now_us());
    return r;
}

/* Everything that is written, in the transaction that `identify` began.  Without a lease
 * nothing is: any janitor would take the stream for a dead process's. */
static enum store_result enter(struct claiming *c)
{
    if (lease_number(c->store) == 0)
        return unsaved(c, store_refuse(c->store, STORE_IO, "this process has no lease"));
    enum store_result r = enter_session(c);
    if (r == STORE_OK)
        r = enter_stream(c);
    if (r == STORE_OK) {
        c->out->stream_id = sqlite3_last_insert_rowid(c->store->sessions.db);
        r = sessions_commit(c->store);
    }
    return r == STORE_OK ? r : unsaved(c, r);
}

static enum store_result claim_with_session(struct claiming *c)
{
    claim_present(c->request, c->out);
    enum store_result r = identify(c);
    if (r == STORE_OK)
        r = subscribe(c, c->out->session_id);
    if (r == STORE_OK && c->out->reconnection) {
        r = remember(c);
        if (r != STORE_OK) { /* what it missed is not known: say so */
            c->past.refused = true;
            r = unsaved(c, r);
        }
    }
    if (r == STORE_OK)
        r = claim_start(c->store, &c->log, c->request, &c->past, c->out);
    if (r == STORE_OK && c->writing)
        r = enter(c);
    if (r == STORE_OK)
        r = claim_count(c->store, c->out);
    return r;
}

/* enable_reconnection=0: live from here on, whatever the request says. */
static enum store_result claim_without_session(struct claiming *c)
{
    c->out->cursor = c->out->until = c->out->bookmark = c->log.last_id;
    return subscribe(c, NULL);
}

/* What a claim that failed late left behind. */
static void give_up(struct claiming *c)
{
    char why[STORE_WHY_SIZE];
    memcpy(why, c->store->why, sizeof why);
    sessions_abandon(c->store);
    if (c->out->stream_id) {
        struct bookmark b = {.stream_id = c->out->stream_id, .position = c->out->bookmark};
        memcpy(b.epoch, c->log.epoch, sizeof b.epoch);
        (void)store_end_streams(c->store, &b, 1);
    }
    memcpy(c->store->why, why, sizeof why);
    subscription_free(c->out->subscription);
    c->out->subscription = NULL;
    c->out->stream_id = 0;
}

enum store_result store_claim(struct store *s, const struct settings *settings,
                              const struct claim_request *r, struct claim *out)
{
    struct claiming c = {.store = s, .settings = settings, .request = r, .out = out};
    *out = (struct claim){.presented = -1, .gap_from = -1};
    enum store_result result = claim_log_begin(s, &c.log);
    if (result != STORE_OK)
        return result;
    memcpy(out->epoch, c.log.epoch, sizeof out->epoch);
    result = settings->enable_reconnection ? claim_with_session(&c) : claim_without_session(&c);
    claim_log_end(s);
    if (result != STORE_OK)
        give_up(&c);
    free(c.key);
    return result;
}
