#include <string.h>

#include "store/claim.h"
#include "store/sqlite/departed.h"

void claim_present(const struct claim_request *r, struct claim *c)
{
    struct event_id id;
    if (r->start == START_AT_ID && r->position && event_id_parse(&id, r->position)) {
        c->presented = id.id;
        memcpy(c->presented_epoch, id.epoch, sizeof id.epoch);
    }
}

/* What is wrong with the id the request gave, if anything is. */
static enum gap_reason examine(const struct claim_log *log, const struct claim *c)
{
    if (c->presented < 0)
        return GAP_UNKNOWN;
    if (strcmp(c->presented_epoch, log->epoch) != 0)
        return GAP_EPOCH;
    return c->presented > log->last_id ? GAP_FUTURE : GAP_NONE;
}

/* A place in the log, and whether what was lost between it and now is to be told. */
struct place {
    int64_t at;
    bool resumes; /* it had everything up to there */
};

static void at_id(const struct claim_log *log, struct claim *c, struct place *p)
{
    c->gap = examine(log, c);
    if (c->gap == GAP_NONE)
        *p = (struct place){c->presented, true};
}

static void at_bookmark(const struct claim_past *past, struct claim *c, struct place *p)
{
    if (past->bookmark == BOOKMARK_FOREIGN)
        c->gap = GAP_EPOCH;
    /* (Beyond the end: another process saved it after our view of the log began.) */
    if (past->bookmark == BOOKMARK_HERE && past->position < p->at)
        *p = (struct place){past->position, true};
}

/* Rules 1 to 3 of "Where a stream starts". */
static enum store_result find_place(struct sqlite_store *s, const struct claim_log *log,
                                    const struct claim_request *r,
                                    const struct claim_past *past, struct claim *c,
                                    struct place *p)
{
    enum store_result result = STORE_OK;
    int64_t oldest;
    *p = (struct place){log->last_id, false};
    switch (r->start) {
    case START_AT_ID:
        at_id(log, c, p);
        break;
    case START_EARLIEST:
        result = claim_oldest(s, c->subscription, 0, &oldest);
        if (result == STORE_OK && oldest)
            p->at = oldest - 1;
        break;
    case START_NEWEST:
        result = claim_newest(s, c->subscription, log->last_id, r->newest, &p->at);
        at_bookmark(past, c, p);
        break;
    case START_UNSAID:
        at_bookmark(past, c, p);
        break;
    }
    return result;
}

enum store_result claim_start(struct sqlite_store *s, const struct claim_log *log,
                              const struct claim_request *r, const struct claim_past *past,
                              struct claim *c)
{
    struct place p;
    bool missing = false, lost = past->refused;
    enum store_result result = find_place(s, log, r, past, c, &p);
    if (result == STORE_OK)
        result = claim_holes(s, log, c, p.at, &missing);
    if (result != STORE_OK)
        return result;
    c->until = log->last_id;
    c->cursor = c->bookmark = p.at;
    if (p.resumes && missing)
        c->gap = GAP_TRIMMED;
    if (lost && past->departed)
        result = claim_lost(s, log, &past->departure, c, p.at, &lost);
    if (result != STORE_OK || (c->gap == GAP_NONE && !lost))
        return result;
    if (p.resumes)
        c->gap_from = p.at;
    result = claim_oldest(s, c->subscription, c->cursor, &c->gap_oldest);
    if (c->gap == GAP_TRIMMED)
        c->cursor = c->gap_oldest ? c->gap_oldest - 1 : c->until;
    if (lost)
        c->gap = GAP_SESSION;
    return result;
}
