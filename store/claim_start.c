/* Where a stream starts, and what it is told to have missed.
 *
 *  1. Who presents an id of this log begins after it.  An id that is none, of another epoch, or
 *     beyond the end says nothing of what is missing: the stream begins at the end, and is told.
 *  2. `earliest` begins before the oldest row that is kept.
 *  3. Else a stream begins at the end, or before the newest so many rows if it asks for them; but
 *     no later than at the bookmark of its session, which is all that was promised to it.
 *
 * A stream of the rules 1 or 3 that resumes has had everything up to where it begins.  If one of
 * its mailboxes lost rows beyond that, it is told of a gap, which moves it to just before the
 * oldest row that is kept: never beyond it, although what was lost may reach further, since a row
 * that is kept must not be skipped.  What was lost beyond is noted in the subscription, so that it
 * is told once.  The bookmark stays behind the gap: a client that is cut off before it saw the
 * gap is told again. */
#include "store/claim.h"

#include <string.h>

void claim_present(const struct claim_request *r, struct claim *c)
{
    struct event_id id;
    if (r->start == START_AT_ID && r->position && event_id_parse(&id, r->position)) {
        c->presented = id.id;
        memcpy(c->presented_epoch, id.epoch, sizeof id.epoch);
    }
}

/* Whether the client says, with an id of this log, what it has. */
static bool says(const struct claim *c)
{
    return c->presented >= 0 && strcmp(c->presented_epoch, c->epoch) == 0;
}

static bool is_of_this_log(const struct departure *d, const struct claim *c)
{
    return strcmp(d->epoch, c->epoch) == 0;
}

void claim_ask(const struct claim_request *r, const struct claim_past *past,
               const struct claim *c, struct survey_question *q)
{
    *q = (struct survey_question){
        .only = c->subscription, .after = SURVEY_END, .newest = -1, .since = SURVEY_END};
    if (r->start == START_NEWEST)
        q->newest = r->newest > 0 ? r->newest : 0;
    if (r->start == START_EARLIEST)
        q->after = 0;
    else if (r->start == START_AT_ID && says(c))
        q->after = c->presented;
    else if (r->start != START_AT_ID && past->bookmark >= 0)
        q->after = past->bookmark;
    if (past->refused && past->departed && is_of_this_log(&past->departure, c)) {
        q->departed = past->departure.session_id;
        if (!says(c))
            q->since = past->departure.position;
    }
}

/* What is wrong with the id the request gave, if anything is. */
static enum gap_reason examine(const struct survey *v, const struct claim *c)
{
    if (c->presented < 0)
        return GAP_UNKNOWN;
    if (!says(c) || v->disowned)
        return GAP_EPOCH;
    return c->presented > v->end.last_id ? GAP_FUTURE : GAP_NONE;
}

/* A position, and whether what was lost behind it is to be told. */
struct start {
    int64_t at;
    bool resumes; /* the client had everything up to there */
};

static struct start at_id(const struct survey *v, struct claim *c)
{
    c->gap = examine(v, c);
    return (struct start){v->at, c->gap == GAP_NONE};
}

/* (A bookmark beyond the end that was surveyed is as good as the end.) */
static struct start at_bookmark(const struct claim_past *past, const struct survey *v,
                                struct claim *c)
{
    bool here = past->bookmark >= 0 && !v->disowned;
    if (!here && (past->foreign || past->bookmark >= 0))
        c->gap = GAP_EPOCH;
    return (struct start){v->at, here && past->bookmark == v->at};
}

static struct start find_start(const struct claim_request *r, const struct claim_past *past,
                               const struct survey *v, struct claim *c)
{
    switch (r->start) {
    case START_AT_ID:
        return at_id(v, c);
    case START_EARLIEST:
        return (struct start){v->oldest ? v->oldest - 1 : v->end.last_id, false};
    case START_NEWEST:
    case START_UNSAID:
        break;
    }
    return at_bookmark(past, v, c);
}

static bool is_own(const struct subscription *sub, size_t i)
{
    return sub->has_session && i + 1 == sub->mailboxes;
}

/* Note what the mailboxes lost beyond `at`, and give whether any of it concerns the stream: a
 * new session's own mailbox can have lost nothing. */
static bool note_holes(const struct survey *v, int64_t at, struct claim *c)
{
    struct subscription *sub = c->subscription;
    bool missing = false, had_own = c->reconnection || c->keeps_token;
    for (size_t i = 0; i < sub->mailboxes; i++) {
        if (v->trimmed_to[i] <= at)
            continue;
        sub->mailbox[i].told_to = v->trimmed_to[i];
        missing |= had_own || !is_own(sub, i);
    }
    return missing;
}

/* Its own: events that came when it was gone are for nobody else.  What its mailbox lost before
 * it departed was noted then; what it lost later stands in the books, or, where nobody
 * remembers the mailbox, was trimmed after the log's end of then. */
static bool lost_own(const struct departure *d, const struct survey *v, int64_t at)
{
    int64_t to = v->departed_to >= 0            ? v->departed_to
                 : v->forgotten_to > d->log_end ? v->forgotten_to
                                                : 0;
    return to > at || d->private_to > at;
}

/* What it listens to, between where it stood and where the stream starts. */
static bool lost_shared(const struct departure *d, const struct survey *v,
                        const struct subscription *sub)
{
    bool lost = v->passes_over;
    for (size_t i = 0; i < sub->mailboxes; i++)
        lost |= !is_own(sub, i) && v->trimmed_to[i] > d->position;
    return lost;
}

/* Whether the session that departed may have lost something: events of its own after what the
 * client has, or, where the client does not say what that is, any that it listens to and that
 * the stream would not get. */
static bool may_have_lost(const struct claim_past *past, const struct survey *v,
                          const struct claim *c)
{
    const struct departure *d = &past->departure;
    if (!past->departed || !is_of_this_log(d, c))
        return true;
    if (lost_own(d, v, says(c) ? c->presented : d->position))
        return true;
    return !says(c) && lost_shared(d, v, c->subscription);
}

void claim_start(const struct claim_request *r, const struct claim_past *past,
                 const struct survey *v, struct claim *c)
{
    struct start p = find_start(r, past, v, c);
    bool missing = note_holes(v, p.at, c);
    bool lost = past->refused && may_have_lost(past, v, c);
    c->until = v->end.last_id;
    c->cursor = c->bookmark = p.at;
    c->count = v->count;
    c->private_to = v->private_to;
    if (p.resumes && missing)
        c->gap = GAP_TRIMMED;
    if (c->gap == GAP_NONE && !lost)
        return;
    if (p.resumes)
        c->gap_from = p.at;
    c->gap_oldest = v->oldest;
    if (c->gap == GAP_TRIMMED)
        c->cursor = v->oldest ? v->oldest - 1 : c->until;
    if (lost)
        c->gap = GAP_SESSION;
}
