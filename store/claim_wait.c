#include <stdlib.h>

#include "store/sqlite/bind.h"
#include "store/claim.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

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

static enum store_result find_open(struct sqlite_store *s, const char *token, const char *key,
                                   struct claim_open *open)
{
    struct database *d = &s->sessions;
    int64_t room = CLAIM_OPEN_MAX - (int64_t)open->n;
    sqlite3_stmt *stmt = database_bind(d, SQL_CLAIM_OPEN, "tti", token, key, room);
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW &&
           open->n < CLAIM_OPEN_MAX)
        open->stream_id[open->n++] = sqlite3_column_int64(stmt, 0);
    enum store_result r = rc == SQLITE_ROW || rc == SQLITE_DONE
                              ? STORE_OK
                              : store_failed(s, d, "looking for open streams");
    sqlite3_reset(stmt);
    return r;
}

enum store_result sqlite_claim_waits(struct store *store, const struct claim_request *r,
                                     struct claim_open *open)
{
    struct sqlite_store *s = sqlite_of(store);
    char key[SUBSCRIPTION_KEPT_KEY_SIZE];
    open->n = 0;
    if (!needs_bookmark(r))
        return STORE_OK;
    enum store_result result = database_use(s, &s->sessions);
    if (result == STORE_OK && !kept_key_of(key, r))
        result = store_refuse(s, STORE_NOMEM, "out of memory");
    if (result == STORE_OK)
        result = find_open(s, r->token, key, open);
    for (size_t i = 0; result == STORE_OK && i < r->more_token_count; i++)
        result = find_open(s, r->more_tokens[i], key, open);
    return result;
}
