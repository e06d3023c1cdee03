#include "fcgi/hub/hub.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi/hub/hub_internal.h"
#include "fcgi/base/log.h"

enum hub_message {
    HUB_STREAM,
    HUB_FEED,
    HUB_RESET,
    HUB_SETTINGS,
    HUB_ANSWER,
    HUB_COLLECT,
    HUB_END_STREAMS,
    HUB_PROBE
};

/* What is neither a ticket nor a question that comes back is one of these. */
struct order {
    struct message message;
    struct batch *batch;
    struct settings *settings;
    int64_t end;
    char epoch[EPOCH_SIZE];
    bool all;       /* HUB_COLLECT */
    uint64_t until; /* HUB_END_STREAMS: what is left of it is kept so long */
    size_t streams;
    int64_t stream_id[];
};

enum { EARLY_MS = 10000 };

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool names(const struct order *o, int64_t stream_id)
{
    return bsearch(&stream_id, o->stream_id, o->streams, sizeof o->stream_id[0], compare_ids);
}

/* Whoever ends a session may be faster than a claim that still counts, or than its ticket: so
 * an order stays for some seconds, for the streams that come yet.  (Ids are never given
 * twice.) */
static void end_streams(struct hub *h, struct order *o)
{
    qsort(o->stream_id, o->streams, sizeof o->stream_id[0], compare_ids);
    for (uint32_t i = h->seats; i-- > 0;) {
        struct stream *s = h->stream[i];
        if (s->ending && names(o, s->ending->bookmark.stream_id))
            stream_end(s);
    }
    o->until = uv_now(&h->loop) + EARLY_MS;
    o->message.next = NULL;
    struct order **last = &h->early;
    while (*last)
        last = (struct order **)&(*last)->message.next;
    *last = o;
}

static void probe(struct hub *h, struct order *o)
{
    qsort(o->stream_id, o->streams, sizeof o->stream_id[0], compare_ids);
    for (uint32_t i = h->seats; i-- > 0;) {
        struct stream *s = h->stream[i];
        if (s->ending && names(o, s->ending->bookmark.stream_id))
            clock_beat(s);
    }
}

bool hub_is_wanted_ended(struct hub *h, int64_t stream_id)
{
    for (const struct order *o = h->early; o; o = (const struct order *)o->message.next)
        if (names(o, stream_id))
            return true;
    return false;
}

static void forget_early_until(struct hub *h, uint64_t now)
{
    while (h->early && h->early->until <= now) {
        struct order *next = (struct order *)h->early->message.next;
        free(h->early);
        h->early = next;
    }
}

void hub_forget_early(struct hub *h)
{
    forget_early_until(h, uv_now(&h->loop));
}

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

static void new_settings(struct hub *h, struct settings *s)
{
    settings_unref(h->settings);
    h->settings = s;
    batches_limit_tail(h);
    clock_start(h);
}

static void hub_stop_loop(struct hub *h)
{
    h->stopping = true;
    while (h->seats)
        stream_close(h->stream[h->seats - 1]);
    uv_close((uv_handle_t *)&h->tick, NULL);
    uv_close((uv_handle_t *)&h->bell, NULL);
}

static void carry_out(struct hub *h, struct order *o)
{
    switch ((enum hub_message)o->message.kind) {
    case HUB_STREAM:
    case HUB_ANSWER:
        break; /* not orders */
    case HUB_FEED:
        batches_feed(h, o->batch);
        h->friends.fanned_out(h->friends.arg);
        break;
    case HUB_RESET:
        batches_reset(h, o->epoch, o->end);
        break;
    case HUB_SETTINGS:
        new_settings(h, o->settings);
        break;
    case HUB_COLLECT:
        h->collect_all |= o->all;
        clock_collect(h);
        break;
    case HUB_PROBE:
        probe(h, o);
        break;
    case HUB_END_STREAMS:
        end_streams(h, o);
        return; /* it stays */
    }
    free(o);
}

static void on_bell(uv_async_t *a)
{
    struct hub *h = a->data;
    struct message *m = inbox_take(&h->inbox), *next;
    uv_update_time(&h->loop);
    hub_drain_streams(h); /* who was brought after it was asked for is ended at once */
    for (; m; m = next) {
        next = m->next;
        if (m->kind == HUB_STREAM)
            stream_begin(h, (struct ticket *)m);
        else if (m->kind == HUB_ANSWER)
            batches_answer(h, (struct question *)m);
        else
            carry_out(h, (struct order *)m);
    }
    if (atomic_load(&h->stop))
        hub_stop_loop(h);
}

static void hub_ring(void *arg)
{
    struct hub *h = arg;
    uv_async_send(&h->bell);
}

struct hub *hub_new(const struct hub_friends *friends, struct settings *settings,
                    size_t streams_max)
{
    struct hub *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->friends = *friends;
    h->streams_max = (uint32_t)streams_max;
    h->drained_by = h->cut_at = DRAIN_NEVER;
    h->stream = malloc((streams_max + STREAMS_MORE) * sizeof(struct stream *));
    if (!h->stream || uv_loop_init(&h->loop) != 0)
        goto fail;
    if (uv_async_init(&h->loop, &h->bell, on_bell) != 0) {
        uv_loop_close(&h->loop);
        goto fail;
    }
    uv_timer_init(&h->loop, &h->tick);
    h->bell.data = h;
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

/* What was posted after hub_stop is let go of. */
static void discard(struct hub *h)
{
    struct message *m = inbox_take(&h->inbox), *next;
    for (; m; m = next) {
        next = m->next;
        if (m->kind == HUB_STREAM) {
            ticket_free((struct ticket *)m);
            continue;
        }
        if (m->kind == HUB_ANSWER) {
            question_free((struct question *)m);
            continue;
        }
        struct order *o = (struct order *)m;
        batch_unref(o->batch);
        settings_unref(o->settings);
        free(o);
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
    forget_early_until(h, UINT64_MAX);
    batches_free(h);
    inbox_close(&h->inbox);
    uv_loop_close(&h->loop);
    free(h->stream);
    free(h);
}

bool hub_is_full(const struct hub *h)
{
    return atomic_load(&h->taken) >= h->streams_max;
}

size_t hub_streams(const struct hub *h)
{
    return atomic_load(&h->taken);
}

void hub_expect(struct hub *h)
{
    atomic_fetch_add(&h->taken, 1);
}

void hub_expected(struct hub *h, struct ticket *t)
{
    if (!t) {
        stream_left(h);
        return;
    }
    t->message.kind = HUB_STREAM;
    inbox_post(&h->inbox, &t->message);
}

void hub_serve(struct hub *h, struct ticket *t)
{
    hub_expect(h);
    hub_expected(h, t);
}

/* NULL: out of memory, told in the log; whoever gave the order gives it again. */
static struct order *order_new(enum hub_message kind, size_t streams)
{
    struct order *o = calloc(1, sizeof *o + streams * sizeof o->stream_id[0]);
    if (!o)
        log_line(LOG_LEVEL_ERROR, "order_lost", "kind=%d why=\"out of memory\"", (int)kind);
    else
        o->message.kind = (int)kind;
    return o;
}

bool hub_feed(struct hub *h, struct batch *b)
{
    struct order *o = order_new(HUB_FEED, 0);
    if (!o)
        return false;
    o->batch = b;
    inbox_post(&h->inbox, &o->message);
    return true;
}

bool hub_reset(struct hub *h, const char *epoch, int64_t end)
{
    struct order *o = order_new(HUB_RESET, 0);
    if (!o)
        return false;
    memcpy(o->epoch, epoch, sizeof o->epoch);
    o->end = end;
    inbox_post(&h->inbox, &o->message);
    return true;
}

bool hub_settings(struct hub *h, struct settings *s)
{
    struct order *o = order_new(HUB_SETTINGS, 0);
    if (!o)
        return false;
    o->settings = s;
    inbox_post(&h->inbox, &o->message);
    return true;
}

void hub_answer(struct hub *h, struct question *q)
{
    q->message.kind = HUB_ANSWER;
    inbox_post(&h->inbox, &q->message);
}

bool hub_collect(struct hub *h, bool all)
{
    struct order *o = order_new(HUB_COLLECT, 0);
    if (!o)
        return false;
    o->all = all;
    inbox_post(&h->inbox, &o->message);
    return true;
}

static void hasten(_Atomic uint64_t *when, uint64_t to)
{
    uint64_t was = atomic_load(when);
    while (to < was && !atomic_compare_exchange_weak(when, &was, to))
        ;
}

void hub_drain(struct hub *h, int spread_ms, int deadline_ms)
{
    uint64_t now = uv_hrtime() / 1000000; /* the loop's clock, but for its lag: 0 is at once */
    hasten(&h->drained_by, spread_ms == 0 ? 0 : now + (uint64_t)spread_ms);
    hasten(&h->cut_at, now + (uint64_t)deadline_ms);
    hub_ring(h);
}

void hub_stop(struct hub *h)
{
    atomic_store(&h->stop, true);
    hub_ring(h);
}

/* False: out of memory. */
static bool order_streams(struct hub *h, enum hub_message kind, const int64_t *stream_ids,
                          size_t n)
{
    struct order *o = order_new(kind, n);
    if (!o)
        return false;
    o->streams = n;
    memcpy(o->stream_id, stream_ids, n * sizeof stream_ids[0]);
    inbox_post(&h->inbox, &o->message);
    return true;
}

bool hub_end_streams(struct hub *h, const int64_t *stream_ids, size_t n)
{
    return order_streams(h, HUB_END_STREAMS, stream_ids, n);
}

void hub_probe(struct hub *h, const int64_t *stream_ids, size_t n)
{
    (void)order_streams(h, HUB_PROBE, stream_ids, n);
}
