/* Where a stream starts, and what it is told to have missed.
 *
 *  1. A client that presents an id of this log begins after it.  An id that is invalid, of another
 *     epoch, or beyond the end does not say what is missing: the stream begins at the end, and the
 *     client is told of a gap.
 *  2. `earliest` begins before the oldest row that is kept.
 *  3. Any other stream begins at the end, or before as many of the newest rows as it asks for; but
 *     no later than at the bookmark of its session, up to which everything was delivered.
 *
 * A stream of the rules 1 or 3 that resumes has had everything up to where it begins.  If one of
 * its mailboxes lost rows after that, it is told of a gap, which moves it to just before the
 * oldest row that is kept.  The gap moves it no further, although more may be lost after that row,
 * since a row that is kept must not be skipped.  The subscription notes how far the losses reach,
 * so that the client is told once.  The bookmark stays before the gap: a client that is cut off
 * before it saw the gap is told again. */
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

/* Whether the client says what it has, by an id of this log. */
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

/* What is wrong with the id that the request gave, if anything is. */
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

/* If all bookmarks are unusable (of another epoch, or disowned), the client is told of a gap.  The
 * stream resumes only if it begins exactly at its bookmark: if it begins earlier, because it asked
 * for the newest rows, it is not told of holes in what it had already.  (A bookmark beyond the end
 * that was surveyed is as good as the end.) */
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

/* Note what the mailboxes lost after `at`, and return whether any of it concerns the stream.  A
 * new session's own mailbox cannot have lost anything. */
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

/* Whether events for the departed session alone may be lost.  How far its mailbox went before it
 * departed is in the note (private_to).  What came later is in the books; if the mailbox is
 * forgotten, something may have come only if mailboxes were forgotten beyond the log's end of
 * that time. */
static bool lost_own(const struct departure *d, const struct survey *v, int64_t at)
{
    int64_t to = v->departed_to >= 0            ? v->departed_to
                 : v->forgotten_to > d->log_end ? v->forgotten_to
                                                : 0;
    return to > at || d->private_to > at;
}

/* Whether rows in the mailboxes that the stream listens to may be lost between the position of the
 * departed session and the start of the stream. */
static bool lost_shared(const struct departure *d, const struct survey *v,
                        const struct subscription *sub)
{
    bool lost = v->passes_over;
    for (size_t i = 0; i < sub->mailboxes; i++)
        lost |= !is_own(sub, i) && v->trimmed_to[i] > d->position;
    return lost;
}

/* Whether the client of a departed session may have lost something: events for it alone, after
 * those that it has; or, if it does not say what it has, any event that the stream would not get
 * although it listens to its mailbox. */
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

static void begin_with_gap(const struct start *p, const struct survey *v, bool lost,
                           struct claim *c)
{
    if (p->resumes)
        c->gap_from = p->at;
    c->gap_oldest = v->oldest;
    if (c->gap == GAP_TRIMMED) /* skip only what is surely lost */
        c->cursor = v->oldest ? v->oldest - 1 : c->until;
    if (lost)
        c->gap = GAP_SESSION;
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
    if (p.resumes && missing)
        c->gap = GAP_TRIMMED;
    if (c->gap != GAP_NONE || lost)
        begin_with_gap(&p, v, lost, c);
    c->private_to = v->private_to > c->cursor ? v->private_to : 0; /* else that row is due */
}
