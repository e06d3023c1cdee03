/* An array in the order of arrival, because poll() takes an array as well, and then the n-th
 * entry of both is the n-th connection.  Taking one out moves those behind it, at most 4,352
 * pointers, which costs little beside the poll itself. */
#include "fcgi/hub/places.h"

#include <stdlib.h>

#include "fcgi/base/log.h"
#include "fcgi/base/monotonic.h"

struct intake *places_remove(struct places *p, size_t n)
{
    struct intake *i = p->waits[n];
    p->count--;
    for (; n < p->count; n++)
        p->waits[n] = p->waits[n + 1];
    return i;
}

void places_turn_away(struct places *p, size_t n, int status, const char *why, bool at_once)
{
    struct intake *i = p->waits[n];
    if (intake_refuse(i, status, why)) {
        intake_rest(i, monotonic_ms());
        if (!at_once)
            return;
        (void)intake_step(i); /* reads what is at hand: unread, it would reset the answer */
    }
    intake_end(places_remove(p, n));
    free(i);
}

size_t places_held(const struct places *p)
{
    size_t held = 0;
    for (size_t n = 0; n < p->count; n++)
        held += p->waits[n]->held_at != 0;
    return held;
}

/* The oldest connection that is held, or that is not; p->count: there is none. */
static size_t oldest(const struct places *p, bool held)
{
    size_t n = 0;
    while (n < p->count && (p->waits[n]->held_at != 0) != held)
        n++;
    return n;
}

void places_make_room(struct places *p)
{
    size_t n = oldest(p, false);
    log_line(LOG_LEVEL_WARN, "slow_request_dropped", "waiting=%zu", p->count);
    places_turn_away(p, n < p->count ? n : 0, 503, PLACES_CROWDED, true);
}

void places_admit(struct places *p, struct intake *i)
{
    size_t held = places_held(p);
    if (i->held_at == 0 && p->count - held >= PLACES_SLOW_MAX)
        places_make_room(p);
    else if (i->held_at != 0 && held >= PLACES_HELD_MAX)
        places_turn_away(p, oldest(p, true), 503, PLACES_CROWDED, true);
    if (p->count == PLACES_MAX) /* held ones that went on count as slow now */
        places_make_room(p);
    p->waits[p->count++] = i;
}

size_t places_bytes(const struct places *p)
{
    size_t size = 0;
    for (size_t n = 0; n < p->count; n++)
        size += intake_size(p->waits[n]);
    return size;
}
