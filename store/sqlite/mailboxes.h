/* The rows of a subscription's mailboxes, as an index of the log has them: what a survey seeks.
 *
 * Thread: that of the store, in its read transaction. */
#ifndef ROWCAST_STORE_SQLITE_MAILBOXES_H
#define ROWCAST_STORE_SQLITE_MAILBOXES_H

#include <sqlite3.h>

#include "store/sqlite/database.h"

/* Which rows are in the mailbox: those with this session_id (NULL for a channel's) and this
 * channel ("" for a session's). */
const char *mailbox_session(const struct subscription *s, size_t i);
const char *mailbox_channel(const struct subscription *s, size_t i);

/* Step to the first row of a statement of the log, which may be NULL: *found tells whether there
 * is one.  The caller resets. */
enum store_result mailbox_first_row(struct sqlite_store *s, sqlite3_stmt *stmt,
                                    const char *doing, bool *found);

/* The oldest row after `after` in any of the mailboxes; 0: none.  A seek each. */
enum store_result mailboxes_oldest(struct sqlite_store *s, const struct subscription *sub,
                                   int64_t after, int64_t *oldest);

/* The position just before the newest `n` rows of the filter up to `end`; where there are fewer,
 * before the oldest of them; where there are none, the end.  Looks at no more than CLAIM_ROWS_MAX
 * rows: what is behind those may be wanted, so it is then the position before the oldest of them.
 */
enum store_result mailboxes_newest(struct sqlite_store *s, const struct subscription *sub,
                                   int64_t end, int64_t n, int64_t *out);

#endif
