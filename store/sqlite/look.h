/* Whether the log is still what sql/schema.sql makes of it.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_LOOK_H
#define ROWCAST_STORE_SQLITE_LOOK_H

#include <stdbool.h>

#include "store/store.h"

struct sqlite_store;

/* Look at the log's schema if it changed since the last look, in the transaction that is open or
 * in one of its own.  STORE_CORRUPT: a table or a column is missing that the log cannot do
 * without. */
enum store_result log_examine(struct sqlite_store *s);

/* Note that the books do not agree with the events; `what` says how.  The next call recounts
 * them, but only every ten seconds unless `at_once`, since a recount reads all events. */
void log_books_wrong(struct sqlite_store *s, const char *what, bool at_once);

/* Note that this process has just recounted the books. */
void log_recounted(void);

#endif
