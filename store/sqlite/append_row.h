/* One row of a publication, appended in the transaction that is open.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_APPEND_ROW_H
#define ROWCAST_STORE_SQLITE_APPEND_ROW_H

#include <stdbool.h>

#include "store/store.h"

struct sqlite_store;

/* Append a row: to `session`, or to p->channel if that is NULL.  *id is that of the row, or of
 * the one that has its dedup_key already.  A rule that refuses undoes the row alone; a trigger
 * of an application's own may end the transaction, or leave half of a row.  About 8 µs. */
enum store_result append_row(struct sqlite_store *s, const struct publication *p,
                             const char *session, int64_t *id);

/* Nothing was inserted: find the row that has the same dedup_key.  If there is none, a trigger
 * of the application's own left the new row out (RAISE(IGNORE)), and nobody will ever get it:
 * STORE_REFUSED. */
enum store_result append_find_twin(struct sqlite_store *s, const struct publication *p,
                                   const char *session, int64_t *id);

/* An INSERT into the log failed: why, and whether a rule refused. */
enum store_result append_failed(struct sqlite_store *s);

/* Undo what a publication wrote since its savepoint, because `r` refused it; s's sentence stays.
 * Returns `r`, or why it could not be undone: then the whole transaction has to end. */
enum store_result append_undo(struct sqlite_store *s, enum store_result r);

/* Whether a rule of the data refused, which concerns one publication and not the log. */
bool append_is_refusal(enum store_result r);

#endif
