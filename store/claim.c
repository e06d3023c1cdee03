#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "store/sha256.h"
#include "store/sqlite/bind.h"
#include "store/claim.h"
#include "store/sqlite/departed.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

/* One claim on its way. */
struct claiming {
    struct sqlite_store *store;
    const struct settings *settings;
    struct claim_log log;
    struct claim_past past;
    struct claim_entry entry;
    struct claim *out;
    char why[STORE_WHY_SIZE]; /* the sessions cannot be saved */
};

static void is_unsaved(struct claiming *c, enum store_result r)
{
    c->out->saved = r;
    memcpy(c->why, store_why(&c->store->store),
           strnlen(store_why(&c->store->store), sizeof c->why - 1) + 1);
}

/* Whether a failure of the sessions passes by itself, so that coming again is worth it.  Of any
 * other the stream does not depend: it runs unsaved. */
static bool passes(enum store_result r)
{
    return r == STORE_BUSY || r == STORE_NOMEM;
}

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
        return store_refuse(c->store, STORE_IO, "no random numbers for a session");
    hex_format(c->out->token, random, sizeof random);
    address(c->out->session_id, c->out->token);
    return STORE_OK;
}

/* The sessions cannot be saved, so a new token would be unknown the next time, and the next:
 * the client keeps what it came with.  (Whoever presents a token while they can be saved gets a
 * session of it only if it was given out here.) */
static void claim_keep(struct claiming *c, const char *token)
{
    database_text(c->out->token, sizeof c->out->token, token);
    address(c->out->session_id, token);
    if (c->past.departed)
        memcpy(c->out->session_id, c->past.departure.session_id, SESSION_ID_SIZE);
    c->out->keeps_token = true;
}

static enum store_result identify(struct claiming *c)
{
    const struct claim_request *r = c->entry.request;
    enum store_result result = claim_recall(c->store, c->settings, r, &c->past, c->out);
    if (passes(result) || (result == STORE_OK && c->past.known))
        return result;
    if (result != STORE_OK) {
        is_unsaved(c, result);
        c->past = (struct claim_past){.unknown = r->token};
    }
    bool saved = c->out->saved == STORE_OK;
    if (!saved && c->past.unknown && strlen(c->past.unknown) == SESSION_TOKEN_SIZE - 1) {
        claim_keep(c, c->past.unknown);
        return STORE_OK;
    }
    c->past.refused = saved && r->token;
    return invent(c);
}

/* Names that begin with '@' are no channels: asking for one must not open a session's
 * mailbox. */
static enum store_result subscribe(struct claiming *c, const char *session_id)
{
    const struct claim_request *r = c->entry.request;
    const char **channels = malloc((r->channel_count + 1) * sizeof *channels);
    size_t n = 0;
    for (size_t i = 0; channels && i < r->channel_count; i++)
        if (r->channels[i][0] != '@')
            channels[n++] = r->channels[i];
    if (channels)
        c->out->subscription =
            subscription_new(session_id, channels, n, r->types, r->type_count);
    free(channels);
    c->entry.key = c->out->subscription ? subscription_key(c->out->subscription) : NULL;
    if (!c->entry.key)
        return store_refuse(c->store, STORE_NOMEM, "out of memory");
    subscription_kept_key(c->entry.kept_key, c->entry.key);
    return STORE_OK;
}

static enum store_result survey_with_session(struct claiming *c)
{
    const struct claim_request *request = c->entry.request;
    claim_present(request, c->out);
    enum store_result r = identify(c);
    if (r == STORE_OK)
        r = subscribe(c, c->out->session_id);
    if (r == STORE_OK && c->past.known) {
        r = claim_bookmarks(c->store, &c->entry, c->out, &c->past);
        if (r != STORE_OK && !passes(r)) {
            is_unsaved(c, r);
            r = STORE_OK;
        }
    }
    if (r == STORE_OK)
        r = claim_start(c->store, &c->log, request, &c->past, c->out);
    if (r == STORE_OK)
        r = claim_count(c->store, c->out);
    return r;
}

/* enable_reconnection=0: live from here on, whatever the request says. */
static enum store_result survey_without_session(struct claiming *c)
{
    c->out->cursor = c->out->until = c->out->bookmark = c->log.last_id;
    return subscribe(c, NULL);
}

static void claim_forget(struct claiming *c)
{
    free(c->entry.key);
    subscription_free(c->out->subscription);
    c->entry.key = NULL;
    c->out->subscription = NULL;
}

/* Everything but the write.  `saved` is why there will be none, STORE_OK if there will. */
static enum store_result claim_survey_log(struct claiming *c, enum store_result saved)
{
    *c->out = (struct claim){.presented = -1, .gap_from = -1, .saved = saved};
    c->past = (struct claim_past){.bookmark = BOOKMARK_NONE};
    enum store_result r = claim_log_begin(c->store, &c->log);
    if (r != STORE_OK)
        return r;
    c->entry.epoch = c->log.epoch;
    memcpy(c->out->epoch, c->log.epoch, sizeof c->out->epoch);
    r = c->settings->enable_reconnection ? survey_with_session(c) : survey_without_session(c);
    claim_log_end(c->store);
    if (r == STORE_OK && !database_is_current(&c->store->log))
        r = database_changed(c->store, &c->store->log);
    if (r != STORE_OK)
        claim_forget(c);
    return r;
}

/* *saved: why the sessions cannot be saved, if they cannot; then the claim is made once more if
 * it would have told the client of a session that there will not be. */
static enum store_result attempt(struct claiming *c, enum store_result *saved, bool *again)
{
    enum store_result r = claim_survey_log(c, *saved);
    *again = false;
    if (r != STORE_OK || !c->settings->enable_reconnection || c->out->saved != STORE_OK)
        return r;
    r = claim_enter(c->store, &c->entry, &c->past, c->out);
    *again = r == STORE_UNKNOWN;
    if (r == STORE_OK)
        return r;
    if (!passes(r) && r != STORE_UNKNOWN) {
        is_unsaved(c, *saved = r);
        *again = !c->past.known && c->entry.request->token;
        r = STORE_OK;
    }
    if (r != STORE_OK || *again)
        claim_forget(c);
    return r;
}

enum store_result sqlite_claim(struct store *store, const struct settings *settings,
                               const struct claim_request *r, struct claim *out)
{
    struct sqlite_store *s = sqlite_of(store);
    struct claiming c = {.store = s, .settings = settings, .entry.request = r, .out = out};
    enum store_result result, saved = STORE_OK;
    bool again = true;
    /* The session may be deleted while it is claimed, but not for ever. */
    for (int i = 0; again && i < 5; i++)
        result = attempt(&c, &saved, &again);
    free(c.entry.key);
    if (!again && result == STORE_OK && out->saved != STORE_OK)
        store_refuse(s, out->saved, "%s", c.why);
    return again ? store_refuse(s, STORE_BUSY, "the session is deleted again and again")
                 : result;
}
