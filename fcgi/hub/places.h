/* The places of the parking: which connections wait, and which one goes when there are too
 * many.
 *
 * There are at most PLACES_SLOW_MAX slow connections, and PLACES_HELD_MAX that are held for the
 * publisher, in the order in which they came.  That order does not change with the stage of a
 * request (the body after the headers), so the connection that has been slow for longest in all
 * goes first.  A slow one goes before one that is held, since that is held by us.
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

/* The sentence, with 503, for a connection that has to go to make room. */
#define PLACES_CROWDED "too many requests are sent slowly at the same time: try again"

struct places {
    struct intake *waits[PLACES_MAX]; /* malloc'd */
    size_t count;
};

/* Give a connection a place, and take one from another if need be.  Takes `i` over. */
void places_admit(struct places *p, struct intake *i);

/* Take the n-th connection out; it belongs to the caller then. */
struct intake *places_remove(struct places *p, size_t n);

/* Stop waiting for the n-th connection, and tell it so.  It keeps its place until the rest of
 * what it sends was read, or the answer would be lost.  `at_once`: there is no time for that;
 * it is closed and freed. */
void places_turn_away(struct places *p, size_t n, int status, const char *why, bool at_once);

/* Turn away the connection that has to go next, with 503.  There has to be one. */
void places_make_room(struct places *p);

size_t places_held(const struct places *p);  /* how many are held */
size_t places_bytes(const struct places *p); /* bytes of memory that they hold */

#endif
