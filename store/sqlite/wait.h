/* What the rest of the engine has to do with who waits for commits.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_WAIT_H
#define ROWCAST_STORE_SQLITE_WAIT_H

struct sqlite_store;

/* There were rows: others may follow soon. */
void waiter_grew(struct sqlite_store *s);

/* The waiter's descriptors, at the store's end. */
void waiter_free(struct sqlite_store *s);

#endif
