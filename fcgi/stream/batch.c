/* A batch that was made.  Readers, feeder and hub share it without a lock, since its bytes
 * never change again, and the thread that drops the last reference frees it.
 *
 * Taking a reference needs no memory order, because the caller has one already.  Dropping one
 * does: what other threads did with the batch has to be over before it is freed. */
#include "fcgi/stream/batch.h"

#include <assert.h>
#include <stdlib.h>

#include "fcgi/stream/batch_memory.h"

static atomic_size_t memory;

struct batch *batch_ref(struct batch *b)
{
    int before = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
    return b;
}

void batch_unref(struct batch *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) > 1)
        return;
    atomic_fetch_sub_explicit(&memory, b->memory, memory_order_relaxed);
    free(b);
}

size_t batch_memory(void)
{
    return atomic_load_explicit(&memory, memory_order_relaxed);
}

/* How many of the largest events fit into memory at once, however small memory_bytes is. */
enum { LARGEST_EVENTS = 8 };

size_t batch_memory_limit(const struct settings *s)
{
    size_t least = (size_t)s->max_event_bytes * LARGEST_EVENTS, limit = (size_t)s->memory_bytes;
    return limit > least ? limit : least;
}

size_t batch_tail_limit(const struct settings *s)
{
    size_t half = batch_memory_limit(s) / 2, limit = (size_t)s->tail_bytes;
    return limit < half ? limit : half;
}

struct batch *batch_alloc(size_t size)
{
    struct batch *b = malloc(size);
    if (!b)
        return NULL;
    atomic_init(&b->refs, 1);
    b->memory = size;
    atomic_fetch_add_explicit(&memory, size, memory_order_relaxed);
    return b;
}

size_t batch_find(const struct batch *b, int64_t id)
{
    size_t low = 0, high = b->events;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->event[middle].id > id)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
