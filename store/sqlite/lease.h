/* The lease that a process holds, and what the sessions have under its number.
 *
 * Thread: that of the store; what a process holds is shared, and has a lock. */
#ifndef ROWCAST_STORE_SQLITE_LEASE_H
#define ROWCAST_STORE_SQLITE_LEASE_H

#include "store/sqlite/database.h"

/* Enter this process under its number in the sessions' file, which is open, unless it is entered
 * there; the streams that an earlier holder of the number left end first.  Does nothing without a
 * lease.  After a failure s->unentered is set, and sessions_begin tries again. */
enum store_result lease_enter(struct sqlite_store *s);

/* STORE_OK if this process has a lease; if not, a sentence says why. */
enum store_result lease_need(struct sqlite_store *s);

/* Check whether the file of leases is still at its path.  If another one is there, take our
 * number in it, or another number if ours is taken. */
void lease_keep(struct sqlite_store *s);

/* Whether a living process holds the number.  True if that cannot be found out. */
bool lease_alive(struct sqlite_store *s, int64_t number);

/* Whether this process is the janitor of the log; it becomes it if no other process is. */
bool lease_janitor(struct sqlite_store *s);

/* The log's path leads to another file now: if this process has a lease, take one there. */
void lease_follow(struct sqlite_store *s);

/* The number that this process's lease gives it; 0: it has no lease. */
int lease_number(struct sqlite_store *s);

#endif
