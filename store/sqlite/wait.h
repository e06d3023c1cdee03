/* What the rest of the engine tells the wait for commits.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_WAIT_H
#define ROWCAST_STORE_SQLITE_WAIT_H

struct sqlite_store;

/* A read found rows: others may follow soon. */
void waiter_grew(struct sqlite_store *s);

/* Free the waiter and its descriptors when the store is closed. */
void waiter_free(struct sqlite_store *s);

#endif
