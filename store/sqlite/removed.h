/* Telling streams of removals by hand.
 *
 * A stream that is at the log's end is told of no hole behind it, since it has had those events.
 * But of a key it shows the newest event, and whoever deletes that wants it gone.  So the trigger
 * events_deleted lists the mailbox, and the first responder that sees the list gives an id which
 * no event has: the mailbox is trimmed up to it, and every stream that listens there is told one
 * gap.  A trigger cannot give that id itself: within an INSERT, SQLite has already fixed the ids
 * that follow.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_REMOVED_H
#define ROWCAST_STORE_SQLITE_REMOVED_H

#include <stdbool.h>

#include "store/store.h"

struct sqlite_store;

/* Whether the log has a removal to be told, as the last look at its end found, and the last
 * attempt was not just now. */
bool removed_is_due(const struct sqlite_store *s);

/* Tell it, in a write transaction, unless a transaction is open.  database_use calls it.  If that
 * fails (a lock, a read-only file), the log is read as it is, and a later call tries again. */
void removed_tell(struct sqlite_store *s);

/* Delete up to `most` events of a session that is gone, in the transaction that is open.  Nobody
 * is to be told of that.  *deleted: how many there were. */
enum store_result removed_session(struct sqlite_store *s, const char *session_id, int most,
                                  int *deleted);

#endif
