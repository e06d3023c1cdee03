/* What other threads say to the hub.  Nearly all of it is posted to the inbox, which keeps the
 * order: a reset comes before the batches of the new log.  A ticket, a question and their ends
 * bring their own message and cannot fail; an order is allocated, and may.
 *
 * A drain and the stop are numbers that any thread sets and the loop reads when the bell rings.
 * They need no memory and no order. */
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/log.h"
#include "fcgi/hub/hub_internal.h"

void hub_ring(void *hub)
{
    struct hub *h = hub;
    uv_async_send(&h->bell);
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

void stream_left(struct hub *h)
{
    if (atomic_fetch_sub(&h->taken, 1) == 1)
        h->friends.emptied(h->friends.arg);
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

/* NULL: out of memory, and a line went to the log file.  The caller gives the order again. */
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

/* Two threads may ask at once; the earlier time wins. */
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
