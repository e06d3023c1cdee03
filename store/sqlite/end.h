/* Where the log ends, according to its books and to its rows.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_END_H
#define ROWCAST_STORE_SQLITE_END_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store/store.h"

struct sqlite_store;

/* Read where the log stands, in the transaction that is open, or else in one of its own.  The
 * result can be relied on even if the books are wrong (log_books_wrong is called then): the
 * epoch is a valid one, 0 <= trimmed_to, forgotten_to <= last_id, and no event has an id beyond
 * last_id.  Notes in s->removed whether streams are to be told of a removal (removed.h).
 *
 * STORE_BUSY with s->fell: the log ends before what this process had seen of it when the call
 * began, so its ids would be given again.  Nothing of it may be handed out; the next call of
 * database_use gives it a new epoch.  STORE_BUSY with s->anew: an earlier copy is in its place, or
 * a table that the schema makes is gone; the next call of database_use opens the log anew, which
 * upgrades or mends it. */
enum store_result log_read_end(struct sqlite_store *s, struct store_end *out,
                               int64_t *forgotten_to);

/* Whether the caller should try once more, from database_use on, after log_read_end failed with
 * `r`: what was in the way is done away with there. */
bool log_is_worth_a_retry(const struct sqlite_store *s, enum store_result r);

/* Read PRAGMA data_version: the number changes when another connection commits. */
enum store_result log_data_version(struct sqlite_store *s, int64_t *version);

/* Read end and version, both of one moment. */
enum store_result log_end_at_version(struct sqlite_store *s, struct store_end *out,
                                     int64_t *version);

/* Read an id of the books, cut to the range 0 to `most`.  *sound becomes false if it was not
 * within it. */
int64_t log_id_of(sqlite3_stmt *stmt, int column, int64_t most, bool *sound);

#endif
