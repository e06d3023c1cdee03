/* Whose stream it is.
 *
 * A request can present several tokens: a browser sends each cookie of our name that fits the
 * address, and some may be another installation's.  The first token that is of a session counts.
 * Where there is none, a new session is made; the others are kept in the claim, so that nobody's
 * cookie is overwritten that is not ours.
 *
 * A token that nobody knows was of a session that expired, or was never ours.  The sessions that
 * are remembered tell the two apart, for some time; if they cannot, the client has to be told that
 * it may have lost something. */
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

static void keep_other(struct claim *c, const char *token)
{
    for (size_t i = 0; i < c->others; i++)
        if (strcmp(c->other[i], token) == 0)
            return;
    if (c->others < CLAIM_OTHERS_MAX && strlen(token) == SESSION_TOKEN_SIZE - 1)
        memcpy(c->other[c->others++], token, SESSION_TOKEN_SIZE);
}

/* The first session that is honoured is the stream's. */
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

/* The first that departed says what may be lost; but the session goes on of one that left it in
 * a poll that told nothing, where its poll stood, whatever that listened to. */
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

/* A token that is of no session is of one that is remembered, or another installation's. */
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
    size_t count = r->token ? 1 + r->more_token_count : 0;
    enum store_result result = STORE_OK;
    for (size_t i = 0; result == STORE_OK && i < count; i++) {
        const char *token = i == 0 ? r->token : r->more_tokens[i - 1];
        const char *key = c->past.as == ENTRY_NEW ? c->key : NULL;
        struct recall found;
        result = c->store->engine->recall(c->store, token, agent, key, c->out->epoch, &found);
        if (result == STORE_OK)
            consider(c, token, &found);
    }
    return result;
}

/* ---- the session ------------------------------------------------------------------- */

/* A session's address follows from its token, not the other way.  So a client keeps it also
 * while the sessions cannot be read. */
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

/* The sessions cannot be saved, so a new token would be unknown the next time, and the next:
 * the client keeps what it came with.  (Whoever presents a token while they can be saved gets a
 * session of it only if it was given out here.) */
static void keep(struct claiming *c, const char *token)
{
    memcpy(c->out->token, token, SESSION_TOKEN_SIZE);
    address(c->out->session_id, token);
    if (c->past.departed)
        memcpy(c->out->session_id, c->past.departure.session_id, SESSION_ID_SIZE);
    c->out->keeps_token = true;
}

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
