/* Where batches come from, and the log that they belong to.
 *
 * A reset may find no memory for another tail.  Then the old tail stays, the reset is owed, and
 * the next tick tries again.  Nothing is lost meanwhile: streams that are not of the old log
 * stray, and a batch that does not continue the tail is dropped, since the readers can give its
 * rows later. */
#include <string.h>

#include "fcgi/hub/hub_internal.h"
#include "fcgi/base/log.h"

/* How far the tail may grow for each stream: four batches. */
enum { TAIL_BYTES_A_STREAM = 256 * 1024 };

enum stream_state batches_next(struct stream *s)
{
    struct hub *h = s->hub;
    struct cursor *c = &s->client.cursor;
    struct batch *b = NULL;
    if (s->pending) /* it asked already; only a heartbeat went out since */
        return STREAM_ASKS;
    if (!h->tail || strcmp(tail_epoch(h->tail), s->client.epoch) != 0)
        return STREAM_STRAYS;
    switch (tail_find(h->tail, c->after, &b)) {
    case TAIL_FOUND:
        if (cursor_is_past(c, b))
            return question_ask(s) ? STREAM_ASKS : STREAM_PUTS_OFF;
        cursor_take(c, b);
        return STREAM_WRITES;
    case TAIL_TOO_OLD:
        return question_ask(s) ? STREAM_ASKS : STREAM_PUTS_OFF;
    case TAIL_AT_END:
    case TAIL_AHEAD:
        break;
    }
    return STREAM_WAITS;
}

void batches_move(struct stream *s, const char *epoch, int64_t end)
{
    question_forget(s);
    client_move(&s->client, epoch, end);
    if (client_ends(&s->client))
        return; /* it is blocked and never hears of the other log, so its mark stays as it is */
    /* Also if it is blocked in an event of the old log, because its times count in the new log
     * from now on. */
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

/* The tail spares streams a question to the log.  A process of one or two streams, of which
 * mod_fcgid and CGI start many, has no use for all of it. */
void batches_limit_tail(struct hub *h)
{
    size_t most = batch_tail_limit(h->settings);
    size_t room = (h->seats + 1) * (size_t)TAIL_BYTES_A_STREAM;
    if (h->tail)
        tail_limit(h->tail, room < most ? room : most);
}

/* Whether the batch continues the tail.  If not, because a reset found no memory, a new tail is
 * begun with it. */
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
        h->owed_end = b->through; /* the readers give what lies before */
        batch_unref(b);
        return;
    }
    batches_limit_tail(h);
    tail_append(h->tail, b);
    clock_shed(h);
    /* From the last to the first: when a stream closes, the last one takes its seat. */
    for (uint32_t i = h->seats; i-- > 0;)
        if (h->stream[i]->state == STREAM_WAITS)
            stream_pump(h->stream[i]);
    uv_update_time(&h->loop); /* writing to thousands takes a while */
    mark_log_grew(&h->log, clock_now(h), tail_end(h->tail));
}

void batches_free(struct hub *h)
{
    tail_free(h->tail);
}
