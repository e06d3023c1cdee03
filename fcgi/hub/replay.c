/* Rows go straight from the store's cursor into the batch, one at a time: no list of rows is
 * made, so the memory of a question is that of its batch.  The builder says when the batch is
 * full.  The store then tells how far it read, also past rows that are for others; that is why
 * the batch's end comes from the store and not from the last row. */
#include "fcgi/hub/replay.h"

/* The store says where the log ends before it gives a row, and the rows are formatted as they
 * come, each with the epoch in its id. */
struct replay {
    struct batch_builder *builder;
    struct batch_format format;
    struct store_end *end;
};

static void replay_begin(void *arg, const struct store_end *end)
{
    struct replay *r = arg;
    *r->end = *end;
    r->format.epoch = r->end->epoch;
    batch_builder_begin(r->builder, &r->format);
}

static void replay_take_hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    struct replay *r = arg;
    batch_builder_hole(r->builder, mailbox, trimmed_to);
}

static enum store_taken replay_take_row(void *arg, const struct event *e)
{
    struct replay *r = arg;
    switch (batch_builder_add(r->builder, e)) {
    case BATCH_ADDED:
        return STORE_MORE;
    case BATCH_ADDED_LAST:
        return STORE_LAST;
    case BATCH_NO_ROOM:
        break;
    }
    return STORE_ENOUGH;
}

enum store_result replay_next(struct store *s, struct batch_builder *w,
                              const struct settings *settings, const struct store_question *q,
                              struct batch **out, struct store_end *end)
{
    *end = (struct store_end){.epoch = ""};
    struct replay replay = {
        w, {.ids = settings->enable_reconnection, .replays = settings->mark_replayed}, end};
    const struct store_sink sink = {&replay, replay_begin, replay_take_hole, replay_take_row};
    int64_t through = q->after;
    *out = NULL;
    enum store_result r = store_read(s, q, &sink, &through);
    if (r != STORE_OK || through <= q->after)
        return r;
    struct batch *b = batch_builder_finish(w, q->after, through);
    if (!b)
        return STORE_NOMEM;
    b->without_sessions = q->only && q->only->has_session && q->without_session;
    if (end->last_id > through)
        b->log_end = end->last_id;
    *out = b;
    return STORE_OK;
}
