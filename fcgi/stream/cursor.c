/* A cursor decides what its stream is sent next.  The bytes are the simple part, and have a
 * file of their own (cursor_bytes.c).  What is hard is to tell the truth about rows that are
 * gone:
 *
 *     Each row of the stream's mailboxes up to `after` was sent, is of a type that the stream
 *     does not want, or belongs to a hole of which the stream was told.
 *
 * Each mailbox is trimmed on its own, so the log's oldest id says nothing of a stream.  The log
 * keeps for each mailbox how far it was trimmed (a hole), and one such id for all mailboxes
 * that it has forgotten.  A batch carries the holes that lie beyond its beginning.
 *
 * A hole is told once.  It is a fact of the log and does not go away: a stream at 10 whose
 * mailbox was trimmed up to 50 meets the same hole in each batch until it is past 50.  So the
 * cursor remembers of which holes its stream was told, and only one that grew is news.
 *
 * What was told takes two memories: `told_to` in each mailbox, and `told_all` for the forgotten
 * ones.  One number would not do.  Say the forgotten mailboxes lost rows up to 100, while the
 * stream's mailbox `a` is remembered and lost rows up to 20.  If being told of 100 counted for
 * `a`, too, then `a` could lose rows up to 60 later, and the stream would hear nothing of them.
 *
 * A gap never jumps over a row that is kept.  The position that it tells is the id just before
 * the oldest such row in the batch, not the end of the hole: the hole of one mailbox may lie
 * beyond kept rows of another.  The row's type does not matter, because whoever comes back with
 * this position may ask for other types.
 *
 * `reach` is how far a batch can carry a cursor.  Streams that replay the same channels share
 * one question, which leaves the mailboxes of their sessions out while those are known to hold
 * nothing up to `until`.  Beyond `until` nobody knows that.  A cursor that has a session stops
 * there, and asks again with its session; otherwise it could pass over rows that are for it
 * alone, and would tell of no gap. */
#include "fcgi/stream/cursor.h"

#include <assert.h>
#include <string.h>

#include "fcgi/stream/cursor_internal.h"

void cursor_begin(struct cursor *c, struct subscription *s, int64_t after, int64_t until)
{
    *c = (struct cursor){.after = after, .until = until, .last_sent = -1, .subscription = s};
}

static void let_go(struct cursor *c)
{
    batch_unref(c->batch);
    c->batch = NULL;
    c->index = c->offset = 0;
    c->checked = false;
}

void cursor_end(struct cursor *c)
{
    let_go(c);
    subscription_free(c->subscription);
    c->subscription = NULL;
}

bool cursor_needs_session(const struct cursor *c)
{
    if (!c->subscription->has_session)
        return false;
    return c->after >= c->until || c->private_to > c->after;
}

bool cursor_is_past(const struct cursor *c, const struct batch *b)
{
    return c->anew && b->keyed && b->log_end < c->until;
}

void cursor_take(struct cursor *c, struct batch *b)
{
    assert(!c->batch && b->after <= c->after && c->after < b->through);
    c->batch = batch_ref(b);
    c->index = batch_find(b, c->after);
    c->offset = 0;
    c->checked = false;
}

int64_t cursor_reach(const struct cursor *c)
{
    const struct batch *b = c->batch;
    if (b->without_sessions && c->subscription->has_session && b->through > c->until)
        return c->until;
    return b->through;
}

size_t cursor_stop(const struct cursor *c)
{
    const struct batch *b = c->batch;
    return cursor_reach(c) == b->through ? b->events : batch_find(b, c->until);
}

static bool in_mailboxes(const struct cursor *c, const struct batch_event *e)
{
    return c->batch->broadcasts_only ||
           subscription_find(c->subscription, e->mailbox_hash, c->batch->text + e->mailbox);
}

bool cursor_takes_all(const struct cursor *c)
{
    return c->batch->broadcasts_only && c->subscription->types == 0;
}

bool cursor_concerns(const struct cursor *c, const struct batch_event *e)
{
    return in_mailboxes(c, e) &&
           (c->subscription->types == 0 ||
            subscription_wants(c->subscription, c->batch->text + e->type));
}

void cursor_skip(struct cursor *c, size_t end)
{
    if (cursor_takes_all(c))
        return;
    while (c->index < end && !cursor_concerns(c, &c->batch->event[c->index]))
        c->index++;
}

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The stream's mailbox that has this hole; NULL: it is another mailbox's, or the forgotten
 * ones'. */
static struct mailbox *mailbox_of(const struct cursor *c, const struct batch_hole *h)
{
    if (h->everyone)
        return NULL;
    return subscription_find(c->subscription, h->mailbox_hash, c->batch->text + h->mailbox);
}

static bool has_own_hole(const struct batch *b, const struct mailbox *m)
{
    for (const struct batch_hole *h = b->hole; h < b->hole + b->holes; h++)
        if (!h->everyone && h->mailbox_hash == m->hash &&
            strcmp(b->text + h->mailbox, m->name) == 0)
            return true;
    return false;
}

/* The hole of the forgotten mailboxes may concern each mailbox of the stream that has no hole
 * of its own in this batch: such a one may be forgotten.  A mailbox that has one is not. */
static bool is_news_of_some(const struct cursor *c, const struct batch_hole *h)
{
    const struct subscription *s = c->subscription;
    if (h->trimmed_to <= later_of(c->after, c->told_all))
        return false;
    for (size_t i = 0; i < s->mailboxes; i++)
        if (h->trimmed_to > s->mailbox[i].told_to && !has_own_hole(c->batch, &s->mailbox[i]))
            return true;
    return false;
}

static bool cursor_is_news(const struct cursor *c, const struct batch_hole *h)
{
    if (h->everyone)
        return is_news_of_some(c, h);
    const struct mailbox *m = mailbox_of(c, h);
    return m && h->trimmed_to > later_of(c->after, m->told_to);
}

static bool rows_are_missing(const struct cursor *c)
{
    for (size_t i = 0; i < c->batch->holes; i++)
        if (cursor_is_news(c, &c->batch->hole[i]))
            return true;
    return false;
}

/* The search begins at `after` and not at c->index, which may have passed rows of types that
 * the stream does not want: those are kept rows as well. */
static void find_gap(const struct cursor *c, int64_t *gap_id, int64_t *oldest)
{
    const struct batch *b = c->batch;
    size_t end = cursor_stop(c);
    *gap_id = later_of(cursor_reach(c), c->after);
    *oldest = 0;
    for (size_t i = batch_find(b, c->after); i < end; i++)
        if (in_mailboxes(c, &b->event[i])) {
            *oldest = b->event[i].id;
            *gap_id = *oldest - 1;
            return;
        }
}

enum cursor_step cursor_next(struct cursor *c, int64_t *gap_id, int64_t *oldest)
{
    if (!c->batch)
        return CURSOR_DONE;
    if (c->offset > 0)
        return CURSOR_BYTES;
    if (!c->checked && c->batch->holes > 0 && rows_are_missing(c)) {
        find_gap(c, gap_id, oldest);
        return CURSOR_GAP;
    }
    c->checked = true;
    size_t end = cursor_stop(c);
    cursor_skip(c, end);
    int64_t position = c->index < end ? c->batch->event[c->index].id - 1 : cursor_reach(c);
    if (c->replaying && position >= c->until)
        return CURSOR_REPLAYED;
    if (c->index < end)
        return CURSOR_BYTES;
    c->after = later_of(c->after, position);
    let_go(c);
    return CURSOR_DONE;
}

/* One gap told of all the holes of the batch, so all of them count as told, also those that
 * were no news. */
void cursor_said_gap(struct cursor *c, int64_t gap_id)
{
    const struct batch *b = c->batch;
    for (const struct batch_hole *h = b->hole; h < b->hole + b->holes; h++) {
        struct mailbox *m = mailbox_of(c, h);
        if (h->everyone)
            c->told_all = later_of(c->told_all, h->trimmed_to);
        else if (m)
            m->told_to = later_of(m->told_to, h->trimmed_to);
    }
    c->checked = true;
    c->after = later_of(c->after, gap_id);
    c->last_sent = gap_id;
    c->index = batch_find(b, c->after);
}

void cursor_said_replayed(struct cursor *c)
{
    c->replaying = false;
}

/* Ids of two logs cannot be compared, so what was told of the old one's holes is forgotten. */
void cursor_restart(struct cursor *c, int64_t id)
{
    assert(c->offset == 0);
    let_go(c);
    for (size_t i = 0; i < c->subscription->mailboxes; i++)
        c->subscription->mailbox[i].told_to = 0;
    c->told_all = c->private_to = c->replayed = 0;
    c->replaying = false;
    c->after = c->until = c->last_sent = id;
}

bool cursor_between_events(const struct cursor *c)
{
    return c->offset == 0;
}
