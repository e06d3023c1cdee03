/* Questions to the readers.  A restart brings thousands of streams that ask for the same rows,
 * so equal questions are asked once: a stream whose question is under way already waits for the
 * same answer.  To make more of them equal, a question names no types, since the cursors filter
 * those, and leaves out the session's own mailbox if that is known to hold nothing. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fcgi/hub/hub_internal.h"

void question_free(struct question *q)
{
    if (!q)
        return;
    subscription_free(q->subscription);
    batch_unref(q->answer);
    free(q);
}

static size_t mailboxes_asked(const struct question *q)
{
    const struct subscription *s = q->subscription;
    return s->mailboxes - (q->without_session && s->has_session ? 1 : 0);
}

static uint64_t question_key(const struct question *q)
{
    uint64_t key = (uint64_t)q->after * 0x9e3779b97f4a7c15u + q->without_session;
    for (size_t i = 0; i < mailboxes_asked(q); i++)
        key = (key ^ q->subscription->mailbox[i].hash) * 0x100000001b3u;
    return key;
}

static bool questions_equal(const struct question *a, const struct question *b)
{
    if (a->after != b->after || a->without_session != b->without_session ||
        mailboxes_asked(a) != mailboxes_asked(b))
        return false;
    for (size_t i = 0; i < mailboxes_asked(a); i++)
        if (strcmp(a->subscription->mailbox[i].name, b->subscription->mailbox[i].name) != 0)
            return false;
    return true;
}

/* The streams that wait may end before the answer comes, so the question has a subscription of
 * its own. */
static struct question *question_new(const struct cursor *c)
{
    const struct subscription *s = c->subscription;
    struct question *q = calloc(1, sizeof *q);
    const char *channels[SUBSCRIPTION_CHANNELS_MAX];
    size_t n = s->mailboxes - 1 - (s->has_session ? 1 : 0);
    if (!q)
        return NULL;
    for (size_t i = 0; i < n; i++)
        channels[i] = s->mailbox[i + 1].name;
    const char *own = s->has_session ? s->mailbox[s->mailboxes - 1].name + 1 : NULL;
    q->after = c->after;
    q->without_session = s->has_session && !cursor_needs_session(c);
    q->subscription = subscription_new(own, channels, n, NULL, 0);
    if (!q->subscription) {
        free(q);
        return NULL;
    }
    return q;
}

static struct pending *pending_new(struct hub *h, struct question *q, uint64_t key)
{
    struct pending *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->question = q;
    p->key = key;
    q->pending = p;
    HASH_ADD(hh, h->pending, key, sizeof p->key, p);
    if (p->hh.tbl)
        return p;
    free(p);
    return NULL;
}

static void pending_free(struct hub *h, struct pending *p)
{
    HASH_DEL(h->pending, p); /* NOLINT(clang-analyzer-*): it takes the table for empty */
    free(p);
}

bool question_ask(struct stream *s)
{
    struct hub *h = s->hub;
    struct question *q = question_new(&s->client.cursor);
    struct pending *p;
    if (!q)
        return false;
    uint64_t key = question_key(q);
    HASH_FIND(hh, h->pending, &key, sizeof key, p);
    if (p && questions_equal(p->question, q)) {
        question_free(q);
    } else if (p || !(p = pending_new(h, q, key))) {
        question_free(q); /* of two questions with one key, the second waits for the first */
        return false;
    } else {
        h->friends.ask(h->friends.arg, q);
    }
    s->pending = p;
    DL_APPEND2(p->waiters, s, asking_prev, asking_next);
    return true;
}

void question_forget(struct stream *s)
{
    if (!s->pending)
        return;
    DL_DELETE2(s->pending->waiters, s, asking_prev, asking_next);
    s->pending = NULL; /* the answer may find that nobody waits */
}

/* The answer is past if another stream asked before this one came; then this one asks again.
 *
 * A stream that asked is blocked if its socket did not take a heartbeat meanwhile.  It goes on
 * when the socket is writable. */
static void take_answer(struct stream *s, struct batch *b)
{
    struct client *c = &s->client;
    if (b && strcmp(b->epoch, c->epoch) == 0 && b->through > c->cursor.after &&
        !cursor_is_past(&c->cursor, b))
        cursor_take(&c->cursor, b);
    if (s->state == STREAM_BLOCKED)
        return;
    if (b)
        stream_pump(s);
    else
        stream_move(s, STREAM_PUTS_OFF);
}

void question_answered(struct hub *h, struct question *q)
{
    struct batch *b = q->answer;
    struct stream *s, *next, *waiters = q->pending->waiters;
    /* The list is taken out first, because a stream that goes on may ask the next question at
     * once, or close. */
    q->pending->waiters = NULL;
    DL_FOREACH2 (waiters, s, asking_next)
        s->pending = NULL;
    pending_free(h, q->pending);
    DL_FOREACH_SAFE2 (waiters, s, next, asking_next)
        take_answer(s, b);
    question_free(q);
    clock_shed(h);
}

void question_free_pending(struct hub *h)
{
    struct pending *p, *next;
    HASH_ITER (hh, h->pending, p, next) {
        pending_free(h, p);
    }
}
