/* The places of the parking: which connections wait, and which one goes when there are too many.
 *
 * Bounded: PLACES_SLOW_MAX that are slow, and PLACES_HELD_MAX that are held for the publisher.
 * They stand in the order in which they came.  A stage that follows another (the body after the
 * headers) does not change it, so the one that has been slow for longest altogether goes first;
 * and a slow one before one that is held, which is not its fault.
 *
 * Thread: the parking's. */
#ifndef ROWCAST_FCGI_PLACES_H
#define ROWCAST_FCGI_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/request/intake.h"

enum {
    PLACES_SLOW_MAX = 256,
    PLACES_HELD_MAX = 4096,
    PLACES_MAX = PLACES_SLOW_MAX + PLACES_HELD_MAX
};

/* What is told to whoever has to go for others, 503. */
#define PLACES_CROWDED "too many requests are sent slowly at the same time: try again"

struct places {
    struct intake *waits[PLACES_MAX]; /* malloc'd */
    size_t count;
};

/* Give it a place, and take one from somebody else if need be.  Takes `i` over. */
void places_admit(struct places *p, struct intake *i);

/* The n-th leaves: what it was is the caller's. */
struct intake *places_remove(struct places *p, size_t n);

/* The n-th is not waited for any longer, and is told so.  It stays as long as the rest of what
 * it sends has to be read, or the answer would be lost; `at_once`: there is no time for that,
 * and it is closed and freed. */
void places_turn_away(struct places *p, size_t n, int status, const char *why, bool at_once);

/* The one that has to go next goes, with 503.  There has to be one. */
void places_make_room(struct places *p);

size_t places_held(const struct places *p);  /* how many are held */
size_t places_bytes(const struct places *p); /* what they brought so far */

#endif
