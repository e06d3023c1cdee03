#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fcgi/hub/hub_internal.h"
#include "fcgi/base/log.h"

enum { TAIL_BYTES_A_STREAM = 256 * 1024 };

void question_free(struct question *q)
{
    if (!q)
        return;
    subscription_free(q->subscription);
    batch_unref(q->answer);
    free(q);
}

/* ---- equal questions are asked once ------------------------------------------------ */

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

/* False: out of memory, ask again later. */
static bool ask(struct stream *s)
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
        question_free(q); /* two questions of one key: the second waits for the first's end */
        return false;
    } else {
        h->friends.ask(h->friends.arg, q);
    }
    s->pending = p;
    DL_APPEND2(p->waiters, s, asking_prev, asking_next);
    return true;
}

void batches_forget(struct stream *s)
{
    if (s->pending)
        DL_DELETE2(s->pending->waiters, s, asking_prev,
                   asking_next); /* the answer may come to nobody */
    s->pending = NULL;
}

/* ---- what follows ------------------------------------------------------------------ */

enum stream_state batches_next(struct stream *s)
{
    struct hub *h = s->hub;
    struct cursor *c = &s->client.cursor;
    struct batch *b = NULL;
    if (s->pending) /* only a heartbeat went out in between */
        return STREAM_ASKS;
    if (!h->tail || strcmp(tail_epoch(h->tail), s->client.epoch) != 0)
        return STREAM_STRAYS;
    switch (tail_find(h->tail, c->after, &b)) {
    case TAIL_FOUND:
        cursor_take(c, b);
        return STREAM_WRITES;
    case TAIL_TOO_OLD:
        return ask(s) ? STREAM_ASKS : STREAM_PUTS_OFF;
    case TAIL_AT_END:
    case TAIL_AHEAD:
        break;
    }
    return STREAM_WAITS;
}

/* A stream that asked is blocked while a heartbeat does not go out; it goes on by itself then. */
static void take_answer(struct stream *s, struct batch *b)
{
    struct client *c = &s->client;
    if (b && strcmp(b->epoch, c->epoch) == 0 && b->through > c->cursor.after)
        cursor_take(&c->cursor, b);
    if (s->state == STREAM_BLOCKED)
        return;
    if (b)
        stream_pump(s);
    else
        stream_move(s, STREAM_PUTS_OFF);
}

void batches_answer(struct hub *h, struct question *q)
{
    struct batch *b = q->answer;
    struct stream *s, *next, *waiters = q->pending->waiters;
    q->pending->waiters = NULL;
    DL_FOREACH2 (waiters, s, asking_next)
        s->pending = NULL;
    pending_free(h, q->pending);
    DL_FOREACH_SAFE2 (waiters, s, next, asking_next)
        take_answer(s, b);
    question_free(q);
    clock_shed(h);
}

void batches_move(struct stream *s, const char *epoch, int64_t end)
{
    batches_forget(s);
    client_move(&s->client, epoch, end);
    mark_begin(&s->mark, clock_now(s->hub), end);
    if (s->ending)
        s->ending->bookmark.position = -1; /* nothing of the new log was saved yet */
    if (s->state != STREAM_BLOCKED)
        stream_pump(s);
}

void batches_reset(struct hub *h, const char *epoch, int64_t end)
{
    struct tail *t = tail_new(epoch, end, batch_tail_limit(h->settings));
    if (!t) {
        log_line(LOG_LEVEL_ERROR, "tail_refused", "why=\"out of memory\"");
        memcpy(h->owed_epoch, epoch, sizeof h->owed_epoch);
        h->owed_end = end;
        return; /* the streams wait for the next tick */
    }
    h->owed_epoch[0] = '\0';
    tail_free(h->tail);
    h->tail = t;
    mark_log_begin(&h->log, clock_now(h), end);
    for (uint32_t i = h->seats; i-- > 0;) {
        struct stream *s = h->stream[i];
        if (strcmp(s->client.epoch, epoch) != 0)
            batches_move(s, epoch, end);
        else if (s->state == STREAM_WAITS || s->state == STREAM_STRAYS)
            stream_pump(s);
    }
}

void batches_settle(struct hub *h)
{
    char epoch[EPOCH_SIZE];
    if (!h->owed_epoch[0])
        return;
    memcpy(epoch, h->owed_epoch, sizeof epoch);
    batches_reset(h, epoch, h->owed_end);
}

/* The tail spares streams a question to the log; a process of one or two streams, as mod_fcgid
 * and CGI make many, has no use for the whole of it. */
void batches_limit_tail(struct hub *h)
{
    size_t most = batch_tail_limit(h->settings);
    size_t room = (h->seats + 1) * (size_t)TAIL_BYTES_A_STREAM;
    if (h->tail)
        tail_limit(h->tail, room < most ? room : most);
}

/* True unless a reset found no memory for the tail: then this batch begins a new one. */
static bool continues(struct hub *h, const struct batch *b)
{
    if (!h->tail || strcmp(tail_epoch(h->tail), b->epoch) != 0 || tail_end(h->tail) != b->after)
        batches_reset(h, b->epoch, b->after);
    return h->tail && strcmp(tail_epoch(h->tail), b->epoch) == 0 &&
           tail_end(h->tail) == b->after;
}

void batches_feed(struct hub *h, struct batch *b)
{
    if (!continues(h, b)) {
        h->owed_end = b->through; /* the readers have it */
        batch_unref(b);
        return;
    }
    batches_limit_tail(h);
    tail_append(h->tail, b);
    clock_shed(h);
    /* From behind: a stream that closes puts the last one in its place. */
    for (uint32_t i = h->seats; i-- > 0;)
        if (h->stream[i]->state == STREAM_WAITS)
            stream_pump(h->stream[i]);
    uv_update_time(&h->loop); /* writing to thousands takes a while */
    mark_log_grew(&h->log, clock_now(h), tail_end(h->tail));
}

void batches_free(struct hub *h)
{
    struct pending *p, *next;
    HASH_ITER (hh, h->pending, p, next) {
        pending_free(h, p);
    }
    tail_free(h->tail);
    settings_unref(h->settings);
}
