/* Making what the log lacks.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_MEND_H
#define ROWCAST_STORE_SQLITE_MEND_H

struct sqlite_store;

/* Make what the log lacks (s->lacks), unless a transaction is open.  database_use calls it.
 * Whether it succeeds or not, the log is at least as usable as before; log_tell says the result. */
void log_mend(struct sqlite_store *s);

#endif
