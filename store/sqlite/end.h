/* Where the log ends, by its books and by its rows.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_END_H
#define ROWCAST_STORE_SQLITE_END_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store/store.h"

struct sqlite_store;

/* Read where the log stands, in the transaction that is open, or else in one of its own.  What
 * is read was checked: the epoch is one, 0 <= trimmed_to, forgotten_to <= last_id, and no event
 * has an id beyond last_id, also when the books say otherwise (log_books_wrong is told
 * then).
 *
 * STORE_BUSY with s->fell: it ends below what this process had seen of it before the call, so
 * its ids will be given again.  Nothing of it may be handed out; whoever calls database_use
 * next gives it a new epoch, and tries again. */
enum store_result log_read_end(struct sqlite_store *s, struct store_end *out,
                               int64_t *forgotten_to);

/* What PRAGMA data_version says: another number than before, once a commit came that is not
 * this connection's own. */
enum store_result log_data_version(struct sqlite_store *s, int64_t *version);

/* The end and the version of one moment. */
enum store_result log_end_at_version(struct sqlite_store *s, struct store_end *out,
                                     int64_t *version);

/* An id of the books, cut to what it can be: 0 to `most`.  *sound stays true if it was. */
int64_t log_id_of(sqlite3_stmt *stmt, int column, int64_t most, bool *sound);

#endif
