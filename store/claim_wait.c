/* A page that is loaded anew opens its next stream before the end of its last one is saved.  The
 * claim would then begin at a bookmark that is some seconds old, and events would come twice.  So
 * the caller can ask, before the claim, which streams are still open and may be about to end. */
#include "store/claim.h"

#include <stdlib.h>

/* A stream with an id begins after the id, and one with `earliest` before all bookmarks. */
static bool needs_bookmark(const struct claim_request *r)
{
    return r->token && (r->start == START_UNSAID || r->start == START_NEWEST);
}

static enum store_result find_open(struct store *s, const struct claim_request *r,
                                   const char *key, struct claim_open *open)
{
    enum store_result result = STORE_OK;
    for (size_t i = 0; result == STORE_OK && claim_token(r, i); i++)
        result = s->engine->open_streams(s, claim_token(r, i), key, open->stream_id,
                                         CLAIM_OPEN_MAX, &open->n);
    return result;
}

enum store_result store_claim_waits(struct store *s, const struct claim_request *r,
                                    struct claim_open *open)
{
    struct claiming c = {.store = s, .request = r};
    open->n = 0;
    s->why[0] = '\0';
    if (!needs_bookmark(r))
        return STORE_OK;
    enum store_result result = claim_make_key(&c);
    if (result == STORE_OK)
        result = find_open(s, r, c.key, open);
    free(c.key);
    return result;
}
