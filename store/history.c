/* Events for a client that wants no stream.  What it is told must fit the stream that it may open
 * afterwards, at `next`: so the same functions as in a claim say who it is, which mailboxes it may
 * read, where it begins and what is missing there.  Only the last step of a claim, which writes,
 * is left out.
 *
 * The survey and the reading are two moments of the log.  Rows that are added between them are
 * read like the others.  If rows leave, the read tells of a hole that the survey did not see, and
 * the answer gets a gap, as a stream would.  If another log is found, all begins once more.
 *
 * Three things differ from a claim:
 *  - Bookmarks do not count, because nothing moves them.
 *  - A client that does not say what it has (by an id) misses nothing.  So it is not told of holes:
 *    a page that loads itself anew after a gap would do so for ever.
 *  - A token that no session has, and of which there is no note, is not told.  The stream that
 *    follows presents the same token and is told; so the client is told once, not twice.  But if
 *    there is a note, a stream that begins at `next` no longer knows what was lost before. */
#include "store/claim.h"

#include <string.h>

/* A log can be replaced while it is read, but hardly five times in a row. */
enum { HISTORY_ATTEMPTS = 5 };

/* One answer on its way. */
struct looking {
    struct claiming claiming;
    struct claim start;
    int64_t limit;
    const struct history_sink *sink;
    struct history *out;
    /* What was read: */
    bool replaced; /* the log is not the one that was surveyed */
    bool hole;     /* rows left that the client has to be told of */
    bool nomem;
    int64_t first; /* the first row; 0: none yet */
    int64_t events;
    size_t bytes; /* of data */
    int64_t passed;
    size_t passed_bytes;
};

/* ---- the start --------------------------------------------------------------------- */

static bool says_what_it_has(const struct looking *l)
{
    return l->claiming.request->start == START_AT_ID;
}

static enum store_result find_mailboxes(struct looking *l)
{
    struct claiming *c = &l->claiming;
    enum store_result r = claim_identify(c);
    bool honoured = c->past.as != ENTRY_NEW || l->start.keeps_token;
    c->past.bookmark = -1;
    c->past.foreign = false;
    c->past.refused &= c->past.departed && says_what_it_has(l);
    return r == STORE_OK ? claim_subscribe(c, honoured ? l->start.session_id : NULL) : r;
}

/* *again: the log is another one than was expected. */
static enum store_result find_beginning(struct looking *l, bool *again)
{
    enum store_result r = claim_begin(&l->claiming);
    claim_present(l->claiming.request, &l->start);
    if (r == STORE_OK)
        r = find_mailboxes(l);
    return r == STORE_OK ? claim_survey(&l->claiming, again) : r;
}

/* ---- the rows ---------------------------------------------------------------------- */

/* A log that was put back to an earlier state has got another epoch by now (engine.h), so no
 * position lies beyond its end. */
static void history_begin(void *arg, const struct store_end *end)
{
    struct looking *l = arg;
    l->replaced = strcmp(end->epoch, l->start.epoch) != 0;
    l->hole = false;
    l->sink->begin(l->sink->arg, end->epoch);
}

/* The survey told of the holes up to told_to.  Once there were rows, a hole is a row that is too
 * large to be sent, and everybody is told of that. */
static void history_hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    struct looking *l = arg;
    const struct mailbox *m =
        subscription_find(l->start.subscription, mailbox_hash(mailbox), mailbox);
    bool concerned = says_what_it_has(l) || l->first != 0;
    l->hole |= concerned && m && trimmed_to > m->told_to;
}

static enum store_taken pass_over(struct looking *l, const struct event *e)
{
    l->passed_bytes += e->data_len;
    l->out->more = ++l->passed == HISTORY_ROWS_MAX || l->passed_bytes > HISTORY_ROWS_BYTES;
    return l->out->more ? STORE_LAST : STORE_MORE;
}

static bool is_full(const struct looking *l, const struct event *e)
{
    return l->events == l->limit || (l->events > 0 && l->bytes + e->data_len > HISTORY_BYTES);
}

/* A type that cannot be sent is `message`, as on a stream. */
static enum store_taken history_row(void *arg, const struct event *e)
{
    struct looking *l = arg;
    struct event sound = *e;
    if (l->replaced)
        return STORE_LAST;
    if (l->first == 0)
        l->first = e->id;
    if (!rules_type_is_sound(e->type))
        sound.type = "message";
    if (!subscription_wants(l->start.subscription, sound.type))
        return pass_over(l, e);
    if (is_full(l, e)) {
        l->out->more = true;
        return STORE_ENOUGH;
    }
    l->nomem = !l->sink->event(l->sink->arg, &sound);
    l->events++;
    l->bytes += e->data_len;
    return l->nomem ? STORE_LAST : STORE_MORE;
}

/* Of a gap that was known before, `from` and the reason stay. */
static void tell_gap(struct looking *l)
{
    const struct claim *c = &l->start;
    struct history *out = l->out;
    out->gap = c->gap;
    out->gap_from = c->gap_from;
    out->gap_oldest = c->gap_oldest;
    if (!l->hole)
        return;
    if (c->gap == GAP_NONE) {
        out->gap = GAP_TRIMMED;
        out->gap_from = c->cursor;
    }
    out->gap_oldest = l->first;
}

static enum store_result read_on(struct looking *l)
{
    const struct store_question q = {.after = l->start.cursor, .only = l->start.subscription};
    const struct store_sink sink = {l, history_begin, history_hole, history_row};
    enum store_result r = store_read(l->claiming.store, &q, &sink, &l->out->next);
    if (r != STORE_OK)
        return r;
    if (l->nomem)
        return claim_fail(&l->claiming, STORE_NOMEM, "out of memory");
    memcpy(l->out->epoch, l->start.epoch, sizeof l->out->epoch);
    tell_gap(l);
    return STORE_OK;
}

/* ---- the whole --------------------------------------------------------------------- */

static enum store_result look_back(struct looking *l, bool *again)
{
    *again = false;
    *l->out = (struct history){.gap_from = -1};
    l->first = l->events = l->passed = 0;
    l->bytes = l->passed_bytes = 0;
    enum store_result r = find_beginning(l, again);
    if (r == STORE_OK && !*again) {
        r = read_on(l);
        *again = l->replaced;
    }
    subscription_free(l->start.subscription);
    l->start.subscription = NULL;
    return r;
}

enum store_result store_history(struct store *s, const struct settings *settings,
                                const struct claim_request *r, int64_t limit,
                                const struct history_sink *sink, struct history *out)
{
    struct looking l = {.limit = limit, .sink = sink, .out = out};
    l.claiming = (struct claiming){
        .store = s, .settings = settings, .request = r, .out = &l.start, .uncounted = true};
    enum store_result result = STORE_OK;
    bool again = true;
    s->why[0] = '\0';
    for (int i = 0; result == STORE_OK && again && i < HISTORY_ATTEMPTS; i++)
        result = look_back(&l, &again);
    if (result == STORE_OK && again)
        return claim_fail(&l.claiming, STORE_BUSY, "the event log is replaced again and again");
    if (result == STORE_OK)
        s->why[0] = '\0'; /* the sessions may have failed, which does not matter here */
    return result;
}
