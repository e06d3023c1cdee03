/* All streams at the end of the log need the same bytes next, and a stream that is a moment
 * late needs those of a moment ago.  The tail keeps them, so that neither costs a look at the
 * log.
 *
 * The batches are neighbours: the first begins at the floor, each begins where the one before
 * it ends, and the last one ends at `end`.  So the tail has every row between floor and end,
 * and a search by halves finds the batch that follows any position there.  What is older than
 * the floor is a question to the log.
 *
 * The ring holds pointers, and batches do not know each other.  If each batch held the next
 * one, a cursor would need no search; but then a client that stops reading would hold its batch
 * and, with it, all later ones, and memory would grow until that client is gone.  Here a cursor
 * has a reference to the one batch that it sends.  The tail drops its oldest batches at its
 * limit without asking who reads them, and a slow cursor that is done with its batch finds that
 * the floor has moved past it.  Then it is answered from the log, like any stream that is
 * behind.
 *
 * Without memory for a larger ring the tail drops all that it has and begins again with the
 * newest batch: a tail with a hole would break the rule above, and an empty one costs questions
 * only.  Nothing is lost, since the log has it all. */
#include "fcgi/stream/tail.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

/* A ring: the oldest batch at `first`, `count` of them, `room` a power of two, so that a mask
 * finds the place of each. */
struct tail {
    char epoch[EPOCH_SIZE];
    int64_t floor;
    int64_t end;
    int64_t expires_at; /* no batch has an earlier one; 0: none has any */
    size_t max_bytes;
    size_t bytes;
    size_t first;
    size_t count;
    size_t room;
    struct batch **ring;
};

static struct batch *at(const struct tail *t, size_t i)
{
    return t->ring[(t->first + i) & (t->room - 1)];
}

struct tail *tail_new(const char *epoch, int64_t start, size_t max_bytes)
{
    assert(strlen(epoch) < EPOCH_SIZE);
    struct tail *t = calloc(1, sizeof *t);
    struct batch **ring = malloc(FIRST_ROOM * sizeof(struct batch *));
    if (!t || !ring) {
        free(ring);
        free(t);
        return NULL;
    }
    strcpy(t->epoch, epoch);
    t->floor = t->end = start;
    t->max_bytes = max_bytes;
    t->room = FIRST_ROOM;
    t->ring = ring;
    return t;
}

static void drop_oldest(struct tail *t)
{
    struct batch *b = at(t, 0);
    t->first = (t->first + 1) & (t->room - 1);
    t->count--;
    t->bytes -= b->memory;
    t->floor = b->through;
    batch_unref(b);
}

void tail_free(struct tail *t)
{
    if (!t)
        return;
    while (t->count > 0)
        drop_oldest(t);
    free(t->ring);
    free(t);
}

/* Copy to a ring twice as large, with the oldest first.  Without memory the tail is empty
 * afterwards, so there is room in either case. */
static void grow(struct tail *t)
{
    struct batch **ring = malloc(2 * t->room * sizeof(struct batch *));
    if (!ring) {
        while (t->count > 0)
            drop_oldest(t);
        return;
    }
    for (size_t i = 0; i < t->count; i++)
        ring[i] = at(t, i);
    free(t->ring);
    t->ring = ring;
    t->first = 0;
    t->room *= 2;
}

/* The newest batch stays even if it alone is beyond the limit: all streams are about to send
 * it. */
static void keep_within(struct tail *t)
{
    while (t->bytes > t->max_bytes && t->count > 1)
        drop_oldest(t);
}

void tail_append(struct tail *t, struct batch *b)
{
    assert(b->after == t->end && b->through > b->after && strcmp(b->epoch, t->epoch) == 0);
    if (t->count == t->room)
        grow(t);
    t->ring[(t->first + t->count) & (t->room - 1)] = b;
    t->count++;
    t->bytes += b->memory;
    t->end = b->through;
    if (b->expires_at > 0 && (t->expires_at == 0 || b->expires_at < t->expires_at))
        t->expires_at = b->expires_at;
    keep_within(t);
}

/* The tail may have no hole, so everything before a batch that is due goes with it. */
void tail_expire(struct tail *t, int64_t now)
{
    size_t gone = 0; /* the batches up to the newest one that is due */
    int64_t next = 0;
    if (t->expires_at == 0 || now < t->expires_at)
        return;
    for (size_t i = 0; i < t->count; i++) {
        int64_t expires_at = at(t, i)->expires_at;
        if (expires_at > 0 && expires_at <= now) {
            gone = i + 1;
            next = 0;
        } else if (expires_at > 0 && (next == 0 || expires_at < next)) {
            next = expires_at;
        }
    }
    t->expires_at = next;
    while (gone-- > 0)
        drop_oldest(t);
}

int64_t tail_expires_at(const struct tail *t)
{
    return t->expires_at;
}

void tail_limit(struct tail *t, size_t max_bytes)
{
    t->max_bytes = max_bytes;
    keep_within(t);
}

const char *tail_epoch(const struct tail *t)
{
    return t->epoch;
}

int64_t tail_floor(const struct tail *t)
{
    return t->floor;
}

int64_t tail_end(const struct tail *t)
{
    return t->end;
}

size_t tail_bytes(const struct tail *t)
{
    return t->bytes;
}

enum tail_found tail_find(const struct tail *t, int64_t after, struct batch **out)
{
    if (after >= t->end)
        return after == t->end ? TAIL_AT_END : TAIL_AHEAD;
    if (after < t->floor)
        return TAIL_TOO_OLD;
    size_t low = 0, high = t->count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at(t, middle)->through > after)
            high = middle;
        else
            low = middle + 1;
    }
    *out = at(t, low);
    return TAIL_FOUND;
}
