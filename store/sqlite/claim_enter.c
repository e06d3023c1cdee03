#include <string.h>

#include "store/sqlite/bind.h"
#include "store/claim.h"
#include "store/sqlite/departed.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/lease.h"
#include "store/sqlite/now.h"
#include "store/sqlite/sessions.h"

enum { SHOWN_SUBSCRIPTION_MAX = 256 };

/* What people are shown of a subscription: its beginning, whole characters. */
static void shown(char out[SHOWN_SUBSCRIPTION_MAX + 1], const char *key)
{
    size_t len = strnlen(key, SHOWN_SUBSCRIPTION_MAX + 1);
    if (len > SHOWN_SUBSCRIPTION_MAX)
        for (len--; len > 0 && ((unsigned char)key[len] & 0xc0) == 0x80;)
            len--;
    memcpy(out, key, len);
    out[len] = '\0';
}

static enum store_result enter_session(struct sqlite_store *s, const struct claim_entry *e,
                                       const struct claim_past *past, const struct claim *c)
{
    const struct claim_request *r = e->request;
    char subscription[SHOWN_SUBSCRIPTION_MAX + 1];
    shown(subscription, e->key);
    bool new = !past->known || past->revived;
    enum store_result result =
        database_do(s, &s->sessions, "entering a session",
                    new ? SQL_CLAIM_NEW : SQL_CLAIM_RETURN, new ? "ttitttttti" : "ttitttttt",
                    c->session_id, c->token, now_wall_ms(), r->user_agent, r->remote_addr,
                    r->client_version, subscription, r->headers, r->query, c->reconnections);
    if (result == STORE_OK && sqlite3_changes(s->sessions.db) == 0)
        return store_refuse(s, STORE_UNKNOWN, "the session was deleted while it was claimed");
    if (past->revived && result == STORE_REFUSED)
        return store_refuse(s, STORE_UNKNOWN,
                            "the session was made again while it was claimed");
    return result == STORE_OK && past->revived ? departure_forget(s, c->token) : result;
}

/* The bookmark to be taken is looked for again under the lock: two tabs cannot take the
 * same. */
static enum store_result take_bookmark(struct sqlite_store *s, const struct claim_entry *e,
                                       const struct claim *c)
{
    struct claim_past now = {.bookmark = BOOKMARK_NONE};
    enum store_result r = claim_bookmarks(s, e, c, &now);
    if (r == STORE_OK && now.taken)
        r = database_do(s, &s->sessions, "taking a bookmark", SQL_CLAIM_FORGET, "i", now.taken);
    return r;
}

static enum store_result enter_all(struct sqlite_store *s, const struct claim_entry *e,
                                   const struct claim_past *past, const struct claim *c)
{
    enum store_result r = enter_session(s, e, past, c);
    if (r == STORE_OK && past->known && !past->revived)
        r = take_bookmark(s, e, c);
    if (r == STORE_OK)
        r = database_do(s, &s->sessions, "entering a stream", SQL_CLAIM_STREAM, "tittiii",
                        c->session_id, (int64_t)lease_number(s), e->kept_key, e->epoch,
                        c->bookmark, now_wall_ms(), now_wall_us());
    return r;
}

/* Without a lease nothing is written: any janitor would take the stream for a dead
 * process's. */
enum store_result claim_enter(struct sqlite_store *s, const struct claim_entry *e,
                              const struct claim_past *past, struct claim *c)
{
    enum store_result r = lease_need(s);
    if (r == STORE_OK)
        r = sessions_begin(s);
    if (r != STORE_OK)
        return r;
    r = enter_all(s, e, past, c);
    int64_t stream_id = r == STORE_OK ? sqlite3_last_insert_rowid(s->sessions.db) : 0;
    r = sessions_finish(s, r);
    c->stream_id = r == STORE_OK ? stream_id : 0;
    return r;
}
