/* What a survey looks for in an index of the log: the rows of a subscription's mailboxes.
 *
 * Thread: that of the store, in its read transaction. */
#ifndef ROWCAST_STORE_SQLITE_MAILBOXES_H
#define ROWCAST_STORE_SQLITE_MAILBOXES_H

#include <sqlite3.h>

#include "store/sqlite/database.h"
#include "store/sqlite/due.h"

/* The rows of mailbox `i` have this session_id (NULL if it is a channel) and this channel ("" if
 * it is a session's own). */
const char *mailbox_session(const struct subscription *s, size_t i);
const char *mailbox_channel(const struct subscription *s, size_t i);

/* Step to the first row of a statement of the log; *found: there is one.  The caller resets it.
 * Fails if `stmt` is NULL. */
enum store_result mailbox_first_row(struct sqlite_store *s, sqlite3_stmt *stmt,
                                    const char *doing, bool *found);

/* The oldest row after `after` in any of the mailboxes that is not in `due`; 0: none.  A seek for
 * each mailbox, and a step for each row that is due before that. */
enum store_result mailboxes_oldest(struct sqlite_store *s, const struct subscription *sub,
                                   const struct due *due, int64_t after, int64_t *oldest);

/* The position just before the newest `n` rows up to `end` that pass the filter and are not in
 * `due`; if there are fewer, before the oldest of them; if there are none, the end.  Looks at
 * CLAIM_ROWS_MAX rows at most.  Older rows may be wanted, too, so then it is the position before
 * all that it saw. */
enum store_result mailboxes_newest(struct sqlite_store *s, const struct subscription *sub,
                                   const struct due *due, int64_t end, int64_t n, int64_t *out);

#endif
