/* What time brings.  One tick looks at every stream.  A timer for each of 10,000 streams would
 * cost memory, and a place in a heap that changes with each heartbeat. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fcgi/base/log.h"
#include "fcgi/hub/hub_internal.h"

/* OTHER_LOG_MS: how long a stream may stray before its log counts as gone.  The feeder looks at
 * the log at least once a second. */
enum { OTHER_LOG_MS = 3000, TICK_MS_MIN = 50, TICK_MS_MAX = 500 };

/* Nobody may take an event from the tail later than 0.5 s after it expired, even if the loop is
 * busy.  So the tick comes twice as often when an event is about to expire. */
enum { TICK_MS_EXPIRING = 250, EXPIRES_SOON_MS = 2 * TICK_MS_MAX };

/* A loop that has not turned for so long has stood still.  It is more than a tick, and less
 * than the shortest age at which bytes count as received. */
enum { STOOD_STILL_MS = 700 };

uint64_t clock_now(struct hub *h)
{
    uint64_t now = uv_now(&h->loop), since = now - h->alive_at;
    if (since > STOOD_STILL_MS)
        h->stood_still += since;
    h->alive_at = now;
    return now - h->stood_still;
}

/* Between 0.8 and 1.0 of these seconds, in ms, by the stream's serial number.  The prime step
 * spreads streams that began one after the other. */
static uint64_t spread(const struct stream *s, int64_t seconds)
{
    return (uint64_t)seconds * (800 + s->number * 37u % 200);
}

/* Busy streams get heartbeats, too.  A page hears only the types that it listens to, so rows of
 * other types would not keep its watchdog quiet.  A stream whose socket is full owes the
 * heartbeat until it is writable again; otherwise one that is full at every tick would never
 * get any. */
static bool beat(struct stream *s, uint64_t now)
{
    if (now - s->beat_at < spread(s, settings_heartbeat(s->hub->settings, s->client.heartbeat)))
        return false;
    s->beat_at = now;
    client_heartbeat(&s->client);
    return s->state != STREAM_BLOCKED;
}

void clock_beat(struct stream *s)
{
    s->beat_at = uv_now(&s->hub->loop);
    client_heartbeat(&s->client);
    if (s->state != STREAM_BLOCKED)
        stream_pump(s);
}

static void look_after(struct stream *s, uint64_t now, bool marks)
{
    if (marks && s->client.phase != CLIENT_MOVES)
        mark_move(&s->mark, client_position(&s->client));
    if (s->state == STREAM_STRAYS && now - s->strays_since > OTHER_LOG_MS && s->hub->tail) {
        /* It was claimed from another log than the one we follow.  The feeder has had time to
         * see that log if it were the newer one, so it is gone. */
        batches_move(s, tail_epoch(s->hub->tail), tail_end(s->hub->tail));
        return;
    }
    if (beat(s, now) || s->state == STREAM_PUTS_OFF ||
        (s->state != STREAM_BLOCKED && stream_is_over(s)))
        stream_pump(s);
}

/* End streams that are as old as stream_max_age allows; they come back.  Streams that began
 * together end within a fifth of that age, even if the setting was changed just now. */
static void rotate(struct hub *h, uint64_t now)
{
    int64_t max_age = h->settings->stream_max_age;
    uint64_t elapsed = now - h->rotated_at;
    h->rotated_at = now;
    if (max_age == 0 || h->draining)
        return;
    uint64_t may = 1 + h->seats * elapsed / ((uint64_t)max_age * 200);
    for (uint32_t i = h->seats; i-- > 0 && may > 0;) {
        struct stream *s = h->stream[i];
        if (!client_ends(&s->client) && now - s->began_at >= spread(s, max_age)) {
            stream_end(s);
            may--;
        }
    }
}

static void cut_all(struct hub *h)
{
    if (h->seats)
        log_line(LOG_LEVEL_INFO, "drain_cut", "streams=%u", h->seats);
    while (h->seats)
        stream_close(h->stream[h->seats - 1]);
}

static uint32_t not_ending(const struct hub *h)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->seats; i++)
        n += !client_ends(&h->stream[i]->client);
    return n;
}

/* How many streams to end now: of those that are left, the share that the time since the last
 * look has of the time that was left then.  That needs no plan, and stays even if streams come
 * or go, or the drain is hastened.  While it is less than one stream, the time counts for the
 * next tick. */
static uint32_t drain_share(const struct hub *h, uint64_t now)
{
    uint64_t by = atomic_load(&h->drained_by);
    if (now >= by)
        return h->seats;
    return (uint32_t)(not_ending(h) * (now - h->drained_at) / (by - h->drained_at));
}

void clock_drain(struct hub *h)
{
    uint64_t now = uv_now(&h->loop);
    uint32_t share = drain_share(h, now);
    if (share > 0)
        h->drained_at = now;
    for (uint32_t i = h->seats; i-- > 0 && share > 0;)
        if (!client_ends(&h->stream[i]->client)) {
            stream_end(h->stream[i]);
            share--;
        }
    if (now >= atomic_load(&h->cut_at))
        cut_all(h);
}

static bool expires_soon(const struct hub *h)
{
    int64_t at = h->tail ? tail_expires_at(h->tail) : 0;
    return at > 0 && at - h->wall_ms() < EXPIRES_SOON_MS;
}

/* A twentieth of the shortest heartbeat interval: a heartbeat may be late by one tick. */
static uint64_t tick_ms(const struct hub *h, int64_t heartbeat)
{
    uint64_t ms = (uint64_t)heartbeat * 1000 / 20;
    uint64_t most = expires_soon(h) ? TICK_MS_EXPIRING : TICK_MS_MAX;
    if (ms < TICK_MS_MIN || h->draining)
        return TICK_MS_MIN;
    return ms > most ? most : ms;
}

static void on_tick(uv_timer_t *t)
{
    struct hub *h = t->data;
    uint64_t now = uv_now(&h->loop);
    bool marks = clock_now(h) - h->marked_at >= MARK_MS;
    if (marks)
        h->marked_at = clock_now(h);
    batches_settle(h);
    if (h->tail)
        tail_expire(h->tail, h->wall_ms());
    int64_t shortest = h->settings->heartbeat_interval;
    for (uint32_t i = h->seats; i-- > 0;) {
        int64_t heartbeat = settings_heartbeat(h->settings, h->stream[i]->client.heartbeat);
        if (heartbeat < shortest)
            shortest = heartbeat;
        look_after(h->stream[i], now, marks);
    }
    uv_timer_set_repeat(t, tick_ms(h, shortest));
    rotate(h, now);
    clock_shed(h);
    order_forget(h, now);
    if (h->draining)
        clock_drain(h);
}

void clock_start(struct hub *h)
{
    uint64_t ms = tick_ms(h, h->settings->heartbeat_interval);
    h->tick.data = h;
    uv_timer_start(&h->tick, on_tick, ms, ms);
}

/* Whether closing the stream would free its batch.  A batch of the tail stays with the tail. */
static bool holds_alone(const struct hub *h, const struct stream *s)
{
    const struct batch *b = s->client.cursor.batch;
    struct batch *same = NULL;
    if (b && h->tail && strcmp(b->epoch, tail_epoch(h->tail)) == 0)
        (void)tail_find(h->tail, b->after, &same);
    return b && b != same;
}

void clock_shed(struct hub *h)
{
    struct stream *s, *next;
    size_t limit = batch_memory_limit(h->settings);
    uint32_t closed = 0;
    if (batch_memory() <= limit)
        return;
    DL_FOREACH_SAFE (h->blocked, s, next) {
        if (!holds_alone(h, s))
            continue;
        stream_close(s);
        closed++;
        if (batch_memory() <= limit)
            break;
    }
    if (closed)
        log_line(LOG_LEVEL_WARN, "stalled_closed", "streams=%u batch_bytes=%zu", closed,
                 batch_memory());
}

void clock_collect(struct hub *h)
{
    struct bookmarks *b = malloc(sizeof *b + h->seats * sizeof b->bookmark[0]);
    uint64_t now = clock_now(h);
    if (!b)
        return; /* the next collection has these marks, too */
    *b = (struct bookmarks){.n = 0};
    for (uint32_t i = 0; i < h->seats; i++) {
        struct stream *s = h->stream[i];
        int64_t position = mark_running(&s->mark, &h->log, now);
        if (!s->ending || s->client.phase == CLIENT_MOVES ||
            (position == s->ending->bookmark.position && !h->collect_all))
            continue;
        s->ending->bookmark.position = position;
        memcpy(s->ending->bookmark.epoch, s->client.epoch, EPOCH_SIZE);
        b->bookmark[b->n++] = s->ending->bookmark;
    }
    h->collect_all = false;
    h->friends.marks(h->friends.arg, b);
}
