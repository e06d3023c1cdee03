/* The recent end of the event log, in memory: the batches of the last rows, in order, without
 * a hole between them.
 *
 *      floor                                          end
 *        |[batch)(batch](batch](batch](batch](batch]   |
 *
 * A cursor at or past the floor is served from here, an older one from the store; both get
 * batches, so a client cannot tell the difference.  A slow cursor holds one batch, never the
 * run behind it, so memory stays within the limit whatever clients do.
 *
 * A batch may hold events that expire.  From the time of the first of them on, nobody may take the
 * batch from here (tail_expire); who holds it already may send all of it.  The log leaves out what
 * is due, so a cursor behind the floor gets the other rows from there.
 *
 * Thread: the hub that owns it.  No locks: batches are shared, the tail is not. */
#ifndef ROWCAST_FCGI_TAIL_H
#define ROWCAST_FCGI_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "fcgi/stream/batch.h"

struct tail;

/* A new tail, empty, that ends at `start` of the log `epoch`.  NULL: out of memory. */
struct tail *tail_new(const char *epoch, int64_t start, size_t max_bytes);
void tail_free(struct tail *t);

/* Add the newest batch, which begins where the tail ends and has its epoch (asserted).  Takes
 * over the reference.  Drops the oldest batches beyond the limit, but never the newest.  Out of
 * memory: only `b` stays, and readers serve what was dropped. */
void tail_append(struct tail *t, struct batch *b);

/* Raise the floor beyond the newest batch of which an event is due at `now` (milliseconds since
 * 1970), and drop what is below, also the newest batch: the floor is the end then.  O(1) while
 * nothing is due, O(batches) otherwise. */
void tail_expire(struct tail *t, int64_t now);

/* When the first event in the tail expires, or earlier; 0: none does. */
int64_t tail_expires_at(const struct tail *t);

void tail_limit(struct tail *t, size_t max_bytes); /* in force at once */

const char *tail_epoch(const struct tail *t);
int64_t tail_floor(const struct tail *t);
int64_t tail_end(const struct tail *t);
size_t tail_bytes(const struct tail *t);

enum tail_found { TAIL_FOUND, TAIL_AT_END, TAIL_TOO_OLD, TAIL_AHEAD /* beyond our end */ };

/* Find the batch that holds what follows `after`: b->after <= after < b->through.  *out is
 * borrowed; take a reference to keep it.  O(log batches). */
enum tail_found tail_find(const struct tail *t, int64_t after, struct batch **out);

#endif
