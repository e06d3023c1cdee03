/* The loop has three sources: the bell, which other threads ring when they have posted; the
 * tick; and the sockets.  A stop closes the handles of all three, and the loop returns when it
 * has none left.  That is the only way out of it, so no stream and no bookmark is left behind.
 *
 * Drain and stop are flags, not messages, because they must reach the loop without memory. */
#include "fcgi/hub/hub.h"

#include <stdlib.h>

#include "fcgi/base/wall.h"
#include "fcgi/hub/hub_internal.h"

/* Called each time the bell rings, so that a drain begins or hastens as soon as somebody asks
 * for it.  Between two bells the tick goes on with it. */
static void hub_drain_streams(struct hub *h)
{
    if (atomic_load(&h->cut_at) == DRAIN_NEVER)
        return;
    if (!h->draining) {
        h->draining = true;
        h->drained_at = uv_now(&h->loop);
        clock_start(h);
        if (atomic_load(&h->taken) == 0)
            h->friends.emptied(h->friends.arg);
    }
    clock_drain(h);
}

static void hub_stop_loop(struct hub *h)
{
    h->stopping = true;
    while (h->seats)
        stream_close(h->stream[h->seats - 1]);
    uv_close((uv_handle_t *)&h->tick, NULL);
    uv_close((uv_handle_t *)&h->bell, NULL);
}

static void on_bell(uv_async_t *a)
{
    struct hub *h = a->data;
    struct message *m = inbox_take(&h->inbox), *next;
    uv_update_time(&h->loop); /* the loop read its clock before it slept */
    hub_drain_streams(h); /* first, so that a stream that comes after the order ends at once */
    for (; m; m = next) {
        next = m->next;
        if (m->kind == HUB_STREAM)
            stream_begin(h, (struct ticket *)m);
        else if (m->kind == HUB_ANSWER)
            question_answered(h, (struct question *)m);
        else
            order_carry_out(h, (struct order *)m);
    }
    if (atomic_load(&h->stop))
        hub_stop_loop(h);
}

struct hub *hub_new(const struct hub_friends *friends, struct settings *settings,
                    size_t streams_max)
{
    struct hub *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->friends = *friends;
    h->wall_ms = wall_ms;
    h->streams_max = (uint32_t)streams_max;
    h->drained_by = h->cut_at = DRAIN_NEVER;
    h->stream = malloc((streams_max + STREAMS_MORE) * sizeof(struct stream *));
    if (!h->stream || uv_loop_init(&h->loop) != 0)
        goto fail;
    if (uv_async_init(&h->loop, &h->bell, on_bell) != 0) {
        uv_loop_close(&h->loop);
        goto fail;
    }
    h->bell.data = h;
    uv_timer_init(&h->loop, &h->tick);
    h->settings = settings_ref(settings);
    h->alive_at = uv_now(&h->loop);
    inbox_open(&h->inbox, hub_ring, h);
    clock_start(h);
    return h;
fail:
    free(h->stream);
    free(h);
    return NULL;
}

void hub_run(struct hub *h)
{
    uv_run(&h->loop, UV_RUN_DEFAULT);
}

/* Free what was posted after hub_stop. */
static void discard(struct hub *h)
{
    struct message *m = inbox_take(&h->inbox), *next;
    for (; m; m = next) {
        next = m->next;
        if (m->kind == HUB_STREAM)
            ticket_free((struct ticket *)m);
        else if (m->kind == HUB_ANSWER)
            question_free((struct question *)m);
        else
            order_free((struct order *)m);
    }
}

void hub_free(struct hub *h)
{
    if (!h)
        return;
    if (!h->stopping) { /* it was never run */
        hub_stop_loop(h);
        uv_run(&h->loop, UV_RUN_DEFAULT);
    }
    discard(h);
    order_forget(h, UINT64_MAX);
    question_free_pending(h);
    batches_free(h);
    settings_unref(h->settings);
    inbox_close(&h->inbox);
    uv_loop_close(&h->loop);
    free(h->stream);
    free(h);
}
