/* Orders of other threads, carried out on the hub's.  The ids in an order are sorted once, and
 * each stream looks for its own there.  That is cheap enough for something so rare, and spares
 * an index of the streams by id. */
#include "fcgi/hub/hub_internal.h"

#include <stdlib.h>

/* Longer than a claim takes and its ticket needs to come. */
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

/* From the last to the first: when a stream closes, the last one takes its seat. */
static void each_named(struct hub *h, struct order *o, void (*carry_out)(struct stream *s))
{
    qsort(o->stream_id, o->streams, sizeof o->stream_id[0], compare_ids);
    for (uint32_t i = h->seats; i-- > 0;) {
        struct stream *s = h->stream[i];
        if (s->ending && names(o, s->ending->bookmark.stream_id))
            carry_out(s);
    }
}

/* The end of a session may overtake a claim that is still counting, or its ticket.  So an order
 * is kept for some seconds, for the streams that still come.  It cannot hit another stream,
 * since no id is given twice. */
static void keep_order(struct hub *h, struct order *o)
{
    struct order **last = &h->early;
    while (*last)
        last = (struct order **)&(*last)->message.next;
    o->until = uv_now(&h->loop) + EARLY_MS;
    o->message.next = NULL;
    *last = o;
}

bool order_names(const struct hub *h, int64_t stream_id)
{
    for (const struct order *o = h->early; o; o = (const struct order *)o->message.next)
        if (names(o, stream_id))
            return true;
    return false;
}

void order_forget(struct hub *h, uint64_t until)
{
    while (h->early && h->early->until <= until) {
        struct order *next = (struct order *)h->early->message.next;
        order_free(h->early);
        h->early = next;
    }
}

static void new_settings(struct hub *h, struct settings *s)
{
    settings_unref(h->settings);
    h->settings = s;
    batches_limit_tail(h);
    clock_start(h);
}

void order_carry_out(struct hub *h, struct order *o)
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
        each_named(h, o, clock_beat);
        break;
    case HUB_END_STREAMS:
        each_named(h, o, stream_end);
        keep_order(h, o);
        return;
    }
    free(o);
}

void order_free(struct order *o)
{
    batch_unref(o->batch);
    settings_unref(o->settings);
    free(o);
}
