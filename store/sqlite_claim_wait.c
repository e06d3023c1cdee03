#include <stdlib.h>

#include "store/sqlite_claim.h"

/* Who brings an id begins after that, and `earliest` is before all bookmarks. */
static bool needs_bookmark(const struct claim_request *r)
{
    return r->token && (r->start == START_UNSAID || r->start == START_NEWEST);
}

/* The key as it is kept.  (One that an earlier version kept in full is not looked for: that is
 * as if the stream were not open.) */
static bool kept_key_of(char out[SUBSCRIPTION_KEPT_KEY_SIZE], const struct claim_request *r)
{
    struct subscription *sub =
        subscription_new(NULL, r->channels, r->channel_count, r->types, r->type_count);
    char *key = sub ? subscription_key(sub) : NULL;
    if (key)
        subscription_kept_key(out, key);
    subscription_free(sub);
    free(key);
    return key != NULL;
}

static enum store_result is_open(struct store *s, const char *token, const char *key,
                                 bool *open)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt = database_bind(d, SQL_CLAIM_OPEN, "tt", token, key);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    *open = rc == SQLITE_ROW;
    enum store_result r = rc == SQLITE_ROW || rc == SQLITE_DONE
                              ? STORE_OK
                              : store_failed(s, d, "looking for open streams");
    sqlite3_reset(stmt);
    return r;
}

enum store_result store_claim_waits(struct store *s, const struct claim_request *r, bool *waits)
{
    char key[SUBSCRIPTION_KEPT_KEY_SIZE];
    *waits = false;
    if (!needs_bookmark(r))
        return STORE_OK;
    enum store_result result = database_use(s, &s->sessions);
    if (result == STORE_OK && !kept_key_of(key, r))
        result = store_refuse(s, STORE_NOMEM, "out of memory");
    if (result == STORE_OK)
        result = is_open(s, r->token, key, waits);
    for (size_t i = 0; result == STORE_OK && !*waits && i < r->more_token_count; i++)
        result = is_open(s, r->more_tokens[i], key, waits);
    return result;
}
