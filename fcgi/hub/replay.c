#include "fcgi/hub/replay.h"

#include <string.h>

/* A log is made anew rarely, and hardly twice in a row. */
enum { TRIES = 3 };

static enum store_taken replay_take_row(void *arg, const struct event *e)
{
    switch (batch_builder_add(arg, e)) {
    case BATCH_ADDED:
        return STORE_MORE;
    case BATCH_ADDED_LAST:
        return STORE_LAST;
    case BATCH_NO_ROOM:
        break;
    }
    return STORE_ENOUGH;
}

static void take_hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    batch_builder_hole(arg, mailbox, trimmed_to);
}

/* The ids are formatted while the rows are read, but only the end of the read tells the epoch
 * they were read under: so it is known before, or asked for, and compared. */
static enum store_result read_under_one_epoch(struct store *s, struct batch_builder *w,
                                              const struct settings *settings,
                                              const struct store_question *q,
                                              struct store_end *end, int64_t *through)
{
    const struct store_sink sink = {.arg = w, .row = replay_take_row, .hole = take_hole};
    enum store_result r = end->epoch[0] ? STORE_OK : store_where(s, end);
    for (int i = 0; r == STORE_OK && i < TRIES; i++) {
        char epoch[EPOCH_SIZE];
        memcpy(epoch, end->epoch, sizeof epoch);
        const struct batch_format format = {.epoch = epoch,
                                            .ids = settings->enable_reconnection,
                                            .replays = settings->mark_replayed};
        batch_builder_begin(w, &format);
        r = store_read(s, q, &sink, end, through);
        if (r == STORE_OK && strcmp(epoch, end->epoch) == 0)
            return STORE_OK;
    }
    return r == STORE_OK ? STORE_BUSY : r;
}

enum store_result replay_next(struct store *s, struct batch_builder *w,
                              const struct settings *settings, const struct store_question *q,
                              struct batch **out, struct store_end *end)
{
    int64_t through = q->after;
    *out = NULL;
    enum store_result r = read_under_one_epoch(s, w, settings, q, end, &through);
    if (r != STORE_OK || through <= q->after)
        return r;
    struct batch *b = batch_builder_finish(w, q->after, through);
    if (!b)
        return STORE_NOMEM;
    b->without_sessions = q->only && q->only->has_session && q->without_session;
    *out = b;
    return STORE_OK;
}
