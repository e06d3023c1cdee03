/* The publisher: the one thread of a process that commits what is published over HTTP.
 *
 *     worker --publishing--> publisher -+-> store_append_all, one COMMIT
 *     worker --publishing-->            +-> an answer to each
 *
 * While one group is written and synced to the disk, the next gathers.  So a process with many
 * publishers pays one sync for all of them, and its writers never compete for SQLite's lock,
 * which is neither fair nor patient.  Workers hand their requests over and are free.
 *
 * A group has at most PUBLISHER_GROUP_ROWS rows and about PUBLISHER_GROUP_BYTES, unless it is
 * one publication (a batch may have STORE_ROWS_MAX rows, which hold the lock for some 10 ms).  So
 * nobody waits long for the others, and the lock is held briefly.
 * After a group of several, or if more waits, the lock stays free for as long as the group took
 * (PUBLISHER_PAUSE_MS at most); otherwise other processes and shells would only find it taken.
 * A single publisher is never held up.
 *
 * A publication is tried for STORE_PATIENCE_MS while others have the lock.
 *
 * Handing one over never waits.  What waits here is bounded all the same: a thread that reads a
 * request asks publisher_admits before it reads the body, and leaves the body in the socket
 * while there is no room (the parking holds such connections).  So the bounds are exceeded only
 * by what is being read at that moment, a body for each worker and one for the parking.
 *
 * It starts its thread with the first publication; its connection is closed after some idle
 * seconds.  Thread: any, except for publisher_new and publisher_free. */
#ifndef ROWCAST_FCGI_PUBLISHER_H
#define ROWCAST_FCGI_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/request/publishing.h"

enum {
    PUBLISHER_GROUP_ROWS = 256,
    PUBLISHER_GROUP_BYTES = 1024 * 1024,
    PUBLISHER_PAUSE_MS = 20 /* between two groups, at most */
};

struct publisher;

/* NULL: out of memory.  `db_path` must stay. */
struct publisher *publisher_new(const char *db_path);

/* Hand a publication over, to be committed and answered; never waits.  False: no thread could
 * be started, and the publication is still the caller's. */
bool publisher_post(struct publisher *p, struct publishing *what);

/* Whether there is room for one more publication, so that its body may be read.  `held`: it was
 * refused room before, and is the oldest of those; new ones have to wait behind them. */
bool publisher_admits(struct publisher *p, bool held);

/* Say how many publications are held.  `fd`, an eventfd that has to stay until another call, is
 * written each time there is room for them; -1: none are held any more. */
void publisher_holds(struct publisher *p, size_t held, int fd);

/* Whether something waits, and another program has had the log's lock for STORE_PATIENCE_MS. */
bool publisher_is_stuck(struct publisher *p);

/* The process has to end: in 250 ms, stop waiting for locks. */
void publisher_hurry(struct publisher *p);

/* Commit and answer what was posted, and end; nobody may post any more.  Takes up to 250 ms if
 * the lock is not free.  NULL is fine. */
void publisher_free(struct publisher *p);

#endif
