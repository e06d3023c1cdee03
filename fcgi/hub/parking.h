/* Connections whose request does not come in at once: slow headers, slow bodies, what is still
 * sent after an answer; and answers that are too large for their sockets.  One thread polls
 * them all, and serves those that become complete.  So no worker ever waits for a client, and
 * new streams are accepted however many slow bodies there are.
 *
 * Publications that the publisher has no room for are held here, too.  Their bodies stay in the
 * sockets, and are read in the order in which they came, when there is room.  If another
 * program has kept the log locked for STORE_PATIENCE_MS, those that were held for as long get
 * 503.
 *
 * Bounded by the number of places (places.h), and by PARKING_BYTES of what all of them sent so
 * far.  Beyond that, the connection that has been there longest has to go, and gets 503 if its
 * headers are known.  So a new one always finds a place.
 *
 * The thread starts with the first connection.
 *
 * Thread: main's, unless a function says otherwise. */
#ifndef ROWCAST_FCGI_PARKING_H
#define ROWCAST_FCGI_PARKING_H

#include "fcgi/hub/attend.h"

struct parking;

enum { PARKING_BYTES = 64 * 1024 * 1024, PARKING_SHED = 16 };

/* `c` must stay until parking_stop returned.  NULL: out of memory. */
struct parking *parking_new(const struct worker_context *c);

/* Take over a connection that waits; `i` is the caller's to reuse.  Without memory or a thread
 * the connection is ended.  Thread: any. */
void parking_take(struct parking *p, struct intake *i);

/* Take over answers that their sockets did not take as a whole, and write them as the clients
 * read.  Without a thread they are closed.  Thread: any. */
void parking_finish(struct parking *p, struct unsent *unsent);

/* There are no descriptors left: end the PARKING_SHED connections that have been there longest,
 * to make room for new ones and for what serves them.  Waits for that, for a second at most.
 * Thread: any. */
void parking_shed(struct parking *p);

/* Nobody parks any more: serve those that become complete until `until_ms` (of monotonic_ms),
 * then end the others, with 503 if that can be told.  Go on with answers that clients still read
 * until `answers_until_ms`, then cut them off.  Frees all.  NULL is fine. */
void parking_stop(struct parking *p, int64_t until_ms, int64_t answers_until_ms);

#endif
