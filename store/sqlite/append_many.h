/* Many rows that are published together (struct store_rows).
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_APPEND_MANY_H
#define ROWCAST_STORE_SQLITE_APPEND_MANY_H

#include "store/store.h"

struct sqlite_store;

/* Look, before the log is locked, for a row whose session does not exist: STORE_UNKNOWN, and
 * a->row.  A read of the sessions, only if there are rows for sessions. */
enum store_result append_many_check(struct sqlite_store *s, struct appending *a);

/* Append all rows of a->what.rows, or none, in the transaction that is open.  After a refusal
 * a->row says which row is to blame.  A trigger of the application's own may have ended the
 * transaction meanwhile (RAISE(ROLLBACK)). */
enum store_result append_many(struct sqlite_store *s, struct appending *a);

#endif
