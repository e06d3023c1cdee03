#include <stdlib.h>

#include "store/sqlite_claim.h"

/* Who brings an id begins after that, and `earliest` is before all bookmarks. */
static bool needs_bookmark(const struct claim_request *r)
{
    return r->token && (r->start == START_UNSAID || r->start == START_NEWEST);
}

static char *key_of(const struct claim_request *r)
{
    struct subscription *sub =
        subscription_new(NULL, r->channels, r->channel_count, r->types, r->type_count);
    char *key = sub ? subscription_key(sub) : NULL;
    subscription_free(sub);
    return key;
}

enum store_result store_claim_waits(struct store *s, const struct claim_request *r, bool *waits)
{
    struct database *d = &s->sessions;
    *waits = false;
    if (!needs_bookmark(r))
        return STORE_OK;
    enum store_result result = database_use(s, d);
    char *key = result == STORE_OK ? key_of(r) : NULL;
    if (result == STORE_OK && !key)
        result = store_refuse(s, STORE_NOMEM, "out of memory");
    if (result == STORE_OK) {
        sqlite3_stmt *stmt = database_bind(d, SQL_CLAIM_OPEN, "tt", r->token, key);
        int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
        *waits = rc == SQLITE_ROW;
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            result = store_failed(s, d, "looking for open streams");
        sqlite3_reset(stmt);
    }
    free(key);
    return result;
}
