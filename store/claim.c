/* A claim: whose stream it is, where it starts, and what it is told to have missed.
 *
 * It has three steps.  *Recall* reads the sessions, without a lock: who presents the token, and
 * from which bookmarks could the session's streams go on?  *Survey* reads the log at one moment,
 * which fixes the start, the gap and what will be replayed.  *Enter* writes session and stream in
 * one short transaction.  The write comes last: so nobody waits for the lock of the sessions while
 * somebody's long history is counted, and no order to end the stream overtakes a claim that is
 * still counting.
 *
 * A session has a bookmark for each stream that is or was open with the same subscription.  Which
 * of them is this tab's cannot be told, because the tabs of a browser share their cookie.  So the
 * stream begins at the smallest.  That skips nothing, whichever bookmark was its own; it costs
 * events that come twice, which clients recognise by their ids.  But bookmarks have to be used up,
 * or the smallest would hold back every stream to come.  So the claim takes one bookmark of an
 * ended stream away: the largest that can have been this tab's, which is the largest that is not
 * beyond the id it presents.  The smallest stays for those that come later: N tabs that return use
 * up N bookmarks, and the last of them still begins early enough.
 *
 * Nothing is held between the steps, and each race costs little:
 *  - Bookmarks move on after they were recalled.  The stream begins too early, so some events come
 *    twice.
 *  - Two tabs recall the same bookmarks.  Which one a tab takes away is decided in `enter`, under
 *    its lock, so they do not take the same one.
 *  - The session is gone when it is to be entered (STORE_UNKNOWN).  The claim begins once more, and
 *    makes a new session.
 *  - The log was replaced, or got another epoch.  The survey tells which epoch it has.  What was
 *    recalled for another epoch says nothing, so the claim begins once more.
 *  - Rows come after the survey.  They are beyond `until`, and the stream gets them as live events.
 *
 * A claim needs the log, and does without the sessions if it has to.  If they fail for longer than
 * a moment, the stream runs all the same, unsaved, and its client keeps the token it came with: a
 * new one would be just as unknown the next time.  Sometimes `enter` is the first to find out.  By
 * then a client whose token nobody knows has been given another one, so the claim begins once more
 * and lets it keep its own. */
#include "store/claim.h"

#include <stdlib.h>
#include <string.h>

/* A session can be deleted while it is claimed, but hardly five times in a row. */
enum { CLAIM_ATTEMPTS = 5 };

/* A name that begins with '@' is not a channel: asking for it must not open the mailbox of that
 * session to a stranger. */
static struct subscription *subscription_of(const struct claim_request *r,
                                            const char *session_id)
{
    const char *channels[SUBSCRIPTION_CHANNELS_MAX];
    size_t n = 0;
    for (size_t i = 0; n < SUBSCRIPTION_CHANNELS_MAX && i < r->channel_count; i++)
        if (r->channels[i][0] != MAILBOX_MARK)
            channels[n++] = r->channels[i];
    return subscription_new(session_id, channels, n, r->types, r->type_count);
}

enum store_result claim_make_key(struct claiming *c)
{
    struct subscription *sub = c->key ? NULL : subscription_of(c->request, NULL);
    if (sub)
        c->key = subscription_key(sub);
    subscription_free(sub);
    return c->key ? STORE_OK : claim_fail(c, STORE_NOMEM, "out of memory");
}

enum store_result claim_subscribe(struct claiming *c, const char *session_id)
{
    c->out->subscription = subscription_of(c->request, session_id);
    return c->out->subscription ? STORE_OK : claim_fail(c, STORE_NOMEM, "out of memory");
}

enum store_result claim_survey(struct claiming *c, bool *again)
{
    struct store *s = c->store;
    struct survey_question q;
    struct survey v;
    claim_ask(c->request, &c->past, c->out, &q);
    q.uncounted = c->uncounted;
    enum store_result r = s->engine->survey(s, &q, &v);
    if (r != STORE_OK)
        return r;
    *again = strcmp(v.end.epoch, c->out->epoch) != 0;
    memcpy(c->epoch, v.end.epoch, sizeof c->epoch);
    if (!*again)
        claim_start(c->request, &c->past, &v, c->out);
    return STORE_OK;
}

/* *again: the session is gone; or it is a new one that cannot be saved, although the client came
 * with a token of its own, which it should keep. */
static enum store_result enter(struct claiming *c, bool *again)
{
    const struct claim *out = c->out;
    struct entry e = {.request = c->request,
                      .session_id = out->session_id,
                      .token = out->token,
                      .key = c->key,
                      .epoch = out->epoch,
                      .as = c->past.as,
                      .reconnections = out->reconnections,
                      .position = out->bookmark,
                      .take_to = out->presented < 0 ? INT64_MAX : out->presented};
    enum store_result r = c->store->engine->enter(c->store, &e, &c->out->stream_id);
    if (r == STORE_OK || claim_failure_passes(r))
        return r;
    *again = r == STORE_UNKNOWN || (c->past.as == ENTRY_NEW && c->request->token);
    if (r != STORE_UNKNOWN)
        claim_is_unsaved(c, r);
    return STORE_OK;
}

static void start_over(struct claiming *c)
{
    *c->out = (struct claim){.presented = -1, .gap_from = -1, .saved = c->saved};
}

/* Bookmarks are recalled for the epoch of the settings, which were read a moment ago.  Default
 * settings are of no log and have no epoch: then the log is asked. */
enum store_result claim_begin(struct claiming *c)
{
    struct store_end end;
    start_over(c);
    if (!c->epoch[0])
        memcpy(c->epoch, c->settings->epoch, sizeof c->epoch);
    enum store_result r = c->epoch[0] ? STORE_OK : c->store->engine->where(c->store, &end);
    if (r == STORE_OK && !c->epoch[0])
        memcpy(c->epoch, end.epoch, sizeof c->epoch);
    memcpy(c->out->epoch, c->epoch, sizeof c->out->epoch);
    return r;
}

static enum store_result with_session(struct claiming *c, bool *again)
{
    enum store_result r = claim_begin(c);
    claim_present(c->request, c->out);
    if (r == STORE_OK)
        r = claim_make_key(c);
    if (r == STORE_OK)
        r = claim_identify(c);
    if (r == STORE_OK)
        r = claim_subscribe(c, c->out->session_id);
    if (r == STORE_OK)
        r = claim_survey(c, again);
    if (r == STORE_OK && !*again && c->saved == STORE_OK)
        r = enter(c, again);
    return r;
}

/* enable_reconnection=0: the stream begins at the log's end, whatever the request asks for. */
static enum store_result without_session(struct claiming *c)
{
    struct store_end end;
    start_over(c);
    enum store_result r = c->store->engine->where(c->store, &end);
    if (r != STORE_OK)
        return r;
    c->out->cursor = c->out->until = c->out->bookmark = end.last_id;
    memcpy(c->out->epoch, end.epoch, sizeof end.epoch);
    return claim_subscribe(c, NULL);
}

static enum store_result attempt(struct claiming *c, bool *again)
{
    *again = false;
    enum store_result r =
        c->settings->enable_reconnection ? with_session(c, again) : without_session(c);
    if (r != STORE_OK || *again) {
        subscription_free(c->out->subscription);
        c->out->subscription = NULL;
    }
    return r;
}

enum store_result store_claim(struct store *s, const struct settings *settings,
                              const struct claim_request *r, struct claim *out)
{
    struct claiming c = {.store = s, .settings = settings, .request = r, .out = out};
    enum store_result result = STORE_OK;
    bool again = true;
    (void)s->engine->join(s); /* if that fails, the stream runs unsaved, and `saved` says why */
    s->why[0] = '\0';
    for (int i = 0; result == STORE_OK && again && i < CLAIM_ATTEMPTS; i++)
        result = attempt(&c, &again);
    free(c.key);
    if (result != STORE_OK)
        return result;
    if (again)
        return claim_fail(&c, STORE_BUSY, "the session is deleted again and again");
    if (out->saved != STORE_OK)
        memcpy(s->why, c.why, sizeof s->why);
    return STORE_OK;
}
