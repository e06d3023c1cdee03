/* The lease that a process holds, and what stands under its number in the sessions.
 *
 * Thread: that of the store; what a process holds is shared, and has a lock. */
#ifndef ROWCAST_STORE_SQLITE_LEASE_H
#define ROWCAST_STORE_SQLITE_LEASE_H

#include "store/sqlite/database.h"

/* Enter this process under its number in the sessions' file that is open, if it is not: what an
 * earlier holder left is ended first.  Nothing to do without a lease.  After a failure
 * s->unentered is set, and sessions_begin tries it again. */
enum store_result lease_enter(struct sqlite_store *s);

/* STORE_OK if this process has a lease; else a sentence says why not. */
enum store_result lease_need(struct sqlite_store *s);

/* Look whether the file of leases is still at its path, and take our number, or else another
 * one, in the one that is there now. */
void lease_keep(struct sqlite_store *s);

/* Whether a living process holds the number.  True also when it cannot be found out. */
bool lease_alive(struct sqlite_store *s, int64_t number);

/* Whether this process is the janitor of the log, or just became it. */
bool lease_janitor(struct sqlite_store *s);

/* The log's path leads elsewhere now: a process that has a lease takes one there. */
void lease_follow(struct sqlite_store *s);

/* The responder's number under this process's lease, 0 without one. */
int lease_number(struct sqlite_store *s);

#endif
