/* The bytes of a cursor: which slices of its batch follow, and what it means that some went
 * out.  Nothing is kept between the two but `index` and `offset`.  The slices are found again
 * from there for each write, which is cheaper for thousands of streams than to keep them. */
#include <assert.h>

#include "fcgi/stream/cursor_internal.h"

static bool is_replayed(const struct cursor *c, const struct batch_event *e)
{
    return e->id <= c->until && e->object_end > 0;
}

static size_t rendition(const struct cursor *c, const struct batch_event *e)
{
    return e->len + (is_replayed(c, e) ? e->mark_len : 0);
}

size_t cursor_event_left(const struct cursor *c)
{
    return c->offset > 0 ? rendition(c, &c->batch->event[c->index]) - c->offset : 0;
}

/* Slices that are being collected. */
struct slices {
    struct iovec *slice;
    size_t max;
    size_t limit;
    size_t count;
    size_t bytes;
};

/* Add the bytes [at, at + len) without the first *skipped of them, which are used up from it.
 * Neighbours become one slice.  False: there is no room for all of the bytes. */
static bool bytes_add(struct slices *s, const char *at, size_t len, size_t *skipped)
{
    size_t less = len < *skipped ? len : *skipped;
    *skipped -= less;
    at += less;
    len -= less;
    bool whole = len <= s->limit - s->bytes;
    if (!whole)
        len = s->limit - s->bytes;
    if (len == 0)
        return whole;
    struct iovec *last = s->count > 0 ? &s->slice[s->count - 1] : NULL;
    if (last && (const char *)last->iov_base + last->iov_len == at) {
        last->iov_len += len;
    } else {
        if (s->count == s->max)
            return false;
        s->slice[s->count++] = (struct iovec){.iov_base = (char *)at, .iov_len = len};
    }
    s->bytes += len;
    return whole;
}

static bool add_event(struct slices *s, const struct cursor *c, const struct batch_event *e,
                      size_t skipped)
{
    const char *bytes = c->batch->bytes;
    if (!is_replayed(c, e))
        return bytes_add(s, bytes + e->at, e->len, &skipped);
    return bytes_add(s, bytes + e->at, e->object_end, &skipped) &&
           bytes_add(s, bytes + e->mark_at, e->mark_len, &skipped) &&
           bytes_add(s, bytes + e->at + e->object_end, e->len - e->object_end, &skipped);
}

size_t cursor_slices(const struct cursor *c, struct iovec *slice, size_t max, size_t limit,
                     size_t *bytes)
{
    struct slices s = {.slice = slice, .max = max, .limit = limit};
    const struct batch *b = c->batch;
    size_t end = b ? cursor_stop(c) : 0, skipped = c->offset;
    for (size_t i = c->index; i < end; i++) {
        const struct batch_event *e = &b->event[i], *last = &b->event[end - 1];
        bool live = e->id > c->until;
        if (live && c->replaying)
            break; /* replay-end has to be said first */
        /* The rest of the batch is one slice, with no look at its events. */
        if (live && cursor_takes_all(c)) {
            bytes_add(&s, b->bytes + e->at, last->at + last->len - e->at, &skipped);
            break;
        }
        /* An event of which bytes went out already is for this stream. */
        if (skipped == 0 && !cursor_concerns(c, e))
            continue;
        if (!add_event(&s, c, e, skipped))
            break;
        skipped = 0;
    }
    *bytes = s.bytes;
    return s.count;
}

static void sent_whole(struct cursor *c, const struct batch_event *e)
{
    c->after = c->last_sent = e->id;
    c->offset = 0;
}

/* cursor_advance for a run of live events that were one slice, without a look at each. */
static void advance_run(struct cursor *c, size_t bytes)
{
    const struct batch *b = c->batch;
    size_t to = b->event[c->index].at + c->offset + bytes;
    size_t low = c->index, high = b->events; /* the first event that ends behind `to` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((size_t)b->event[middle].at + b->event[middle].len > to)
            high = middle;
        else
            low = middle + 1;
    }
    if (low > c->index)
        sent_whole(c, &b->event[low - 1]);
    c->index = low;
    c->offset = low < b->events ? to - b->event[low].at : 0;
}

void cursor_advance(struct cursor *c, size_t bytes)
{
    const struct batch *b = c->batch;
    while (bytes > 0) {
        if (c->offset == 0)
            cursor_skip(c, b->events);
        assert(c->index < b->events);
        const struct batch_event *e = &b->event[c->index];
        if (e->id > c->until && cursor_takes_all(c)) {
            advance_run(c, bytes);
            return;
        }
        size_t rest = rendition(c, e) - c->offset;
        if (bytes < rest) {
            c->offset += bytes;
            return;
        }
        bytes -= rest;
        c->replayed += e->id <= c->until;
        sent_whole(c, e);
        c->index++;
    }
}
