/* The sessions' file: its transactions, and what others ask of it.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_SESSIONS_H
#define ROWCAST_STORE_SQLITE_SESSIONS_H

#include "store/sqlite/database.h"

/* Begin to write the sessions' file, when it is our turn; STORE_BUSY after 250 ms.  Then commit
 * or abandon it: both end it, whatever they return.  Abandoning nothing is fine. */
enum store_result sessions_begin(struct sqlite_store *s);
enum store_result
sessions_queue(struct sqlite_store *s); /* our turn alone, without a transaction */
enum store_result sessions_commit(struct sqlite_store *s);
void sessions_abandon(struct sqlite_store *s);

/* Commit when `r` is STORE_OK, else abandon.  The first thing that went wrong. */
enum store_result sessions_finish(struct sqlite_store *s, enum store_result r);

/* Saved by the sessions: the epoch and highest id seen of the log.  *known false: nothing
 * yet. */
enum store_result sessions_seen(struct sqlite_store *s, struct store_end *seen, bool *known);

/* Whether a session of this id exists. */
enum store_result sessions_known(struct sqlite_store *s, const char *id, bool *known);

/* In the sessions' file, just after it was opened and its schema ran: the version checked, and
 * what an earlier holder of our responder's number left tidied. */
enum store_result sessions_opened(struct sqlite_store *s);

#endif
