/* Whose stream it is.
 *
 * A request can present several tokens: a browser sends each cookie of our name that fits the
 * address, and some may be another installation's.  The first token that has a session counts.
 * If none has, a new session is made.  Tokens that nobody knows are kept in the claim, so that
 * no cookie of another installation is overwritten.
 *
 * A token without a session had one that expired, or was never ours.  The notes of departed
 * sessions tell the two apart, as long as they are kept; if they cannot, the client has to be told
 * that it may have lost something. */
#include "store/claim.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "store/sha256.h"

bool claim_failure_passes(enum store_result r)
{
    return r == STORE_BUSY || r == STORE_NOMEM;
}

void claim_is_unsaved(struct claiming *c, enum store_result r)
{
    c->saved = c->out->saved = r;
    memcpy(c->why, c->store->why, sizeof c->why);
}

enum store_result claim_fail(struct claiming *c, enum store_result r, const char *sentence)
{
    snprintf(c->store->why, sizeof c->store->why, "%s", sentence);
    return r;
}

/* ---- the tokens -------------------------------------------------------------------- */

const char *claim_token(const struct claim_request *r, size_t i)
{
    if (!r->token || i > r->more_token_count)
        return NULL;
    return i == 0 ? r->token : r->more_tokens[i - 1];
}

static void keep_other(struct claim *c, const char *token)
{
    for (size_t i = 0; i < c->others; i++)
        if (strcmp(c->other[i], token) == 0)
            return;
    if (c->others < CLAIM_OTHERS_MAX && strlen(token) == SESSION_TOKEN_SIZE - 1)
        memcpy(c->other[c->others++], token, SESSION_TOKEN_SIZE);
}

/* The first token that may be taken up decides; later ones cannot change the session. */
static bool may_take_up(const struct claiming *c, const char *token)
{
    return c->past.as == ENTRY_NEW && strlen(token) < SESSION_TOKEN_SIZE;
}

static void take_up(struct claiming *c, enum entry_as as, const char *token,
                    const char session_id[SESSION_ID_SIZE], int64_t reconnections)
{
    c->past.as = as;
    c->out->reconnection = true;
    c->out->reconnections = reconnections;
    memcpy(c->out->session_id, session_id, SESSION_ID_SIZE);
    snprintf(c->out->token, sizeof c->out->token, "%s", token);
}

/* The first note says what may be lost.  But a note that revives gives the client its session
 * again.  The stream then begins where the poll stood, whatever the poll listened to. */
static void consider_departed(struct claiming *c, const char *token, const struct departure *d)
{
    struct claim_past *past = &c->past;
    bool revives = d->revives && may_take_up(c, token);
    if (revives || !past->departed)
        past->departure = *d;
    past->departed = true;
    if (!revives)
        return;
    take_up(c, ENTRY_REVIVES, token, d->session_id, 1);
    past->foreign = d->position < 0 || strcmp(d->epoch, c->out->epoch) != 0;
    past->bookmark = past->foreign ? -1 : d->position;
}

static void consider_known(struct claiming *c, const char *token, const struct recall *found)
{
    if (!may_take_up(c, token))
        return;
    take_up(c, ENTRY_RETURNS, token, found->session_id, found->reconnections + 1);
    c->past.bookmark = found->bookmark;
    c->past.foreign = found->foreign;
}

/* A token that has no session had one of which there is a note, or is another installation's. */
static void consider(struct claiming *c, const char *token, const struct recall *found)
{
    bool unknown = found->found == RECALL_NOBODY || found->found == RECALL_DEPARTED;
    if (unknown && !c->past.unknown)
        c->past.unknown = token;
    switch (found->found) {
    case RECALL_NOBODY:
        keep_other(c->out, token);
        break;
    case RECALL_REFUSED:
        break;
    case RECALL_KNOWN:
        consider_known(c, token, found);
        break;
    case RECALL_DEPARTED:
        consider_departed(c, token, &found->departure);
        break;
    }
}

static enum store_result recall_all(struct claiming *c)
{
    const struct claim_request *r = c->request;
    const char *agent = c->settings->session_check == SESSION_CHECK_NONE ? NULL : r->user_agent;
    enum store_result result = STORE_OK;
    for (size_t i = 0; result == STORE_OK && claim_token(r, i); i++) {
        const char *token = claim_token(r, i);
        const char *key = c->past.as == ENTRY_NEW ? c->key : NULL;
        struct recall found; /* bookmarks are wanted (`key`) only until a session is found */
        result = c->store->engine->recall(c->store, token, agent, key, c->out->epoch, &found);
        if (result == STORE_OK)
            consider(c, token, &found);
    }
    return result;
}

/* ---- the session ------------------------------------------------------------------- */

/* A session's id is made from its token, and does not reveal it.  So a client whose token cannot
 * be looked up still gets the id that it had. */
static void address(char id[SESSION_ID_SIZE], const char *token)
{
    char text[8 + SESSION_TOKEN_SIZE] = "session ", hash[SHA256_HALF_SIZE];
    memcpy(text + 8, token, SESSION_TOKEN_SIZE - 1);
    text[sizeof text - 1] = '\0';
    sha256_half(hash, text);
    memcpy(id, hash, SESSION_ID_SIZE - 1);
    id[SESSION_ID_SIZE - 1] = '\0';
}

static enum store_result invent(struct claiming *c)
{
    unsigned char random[SESSION_TOKEN_SIZE / 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return claim_fail(c, STORE_IO, "no random numbers for a session");
    hex_format(c->out->token, random, sizeof random);
    address(c->out->session_id, c->out->token);
    return STORE_OK;
}

/* The sessions cannot be saved, so a new token would be as unknown the next time: the client keeps
 * the one it came with.  (While sessions can be saved, a token that we did not give out never gets
 * a session, so nobody can choose one.) */
static void keep(struct claiming *c, const char *token)
{
    memcpy(c->out->token, token, SESSION_TOKEN_SIZE);
    address(c->out->session_id, token);
    if (c->past.departed)
        memcpy(c->out->session_id, c->past.departure.session_id, SESSION_ID_SIZE);
    c->out->keeps_token = true;
}

/* The recall failed half-way: what it found of some tokens is not to be mixed with a stream that
 * runs unsaved. */
static void forget_who(struct claiming *c)
{
    c->past = (struct claim_past){.unknown = c->request->token, .bookmark = -1};
    c->out->reconnection = false;
    c->out->reconnections = 0;
}

enum store_result claim_identify(struct claiming *c)
{
    c->past = (struct claim_past){.bookmark = -1};
    enum store_result r = recall_all(c);
    if (claim_failure_passes(r))
        return r;
    if (r != STORE_OK) {
        claim_is_unsaved(c, r);
        forget_who(c);
    }
    if (c->past.as != ENTRY_NEW)
        return STORE_OK;
    const char *unknown = c->past.unknown;
    if (c->saved != STORE_OK && unknown && strlen(unknown) == SESSION_TOKEN_SIZE - 1) {
        keep(c, unknown);
        return STORE_OK;
    }
    c->past.refused = c->saved == STORE_OK && c->request->token;
    return invent(c);
}
