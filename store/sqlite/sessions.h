/* The sessions' file: its transactions, and what the rest of the engine asks it.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_SESSIONS_H
#define ROWCAST_STORE_SQLITE_SESSIONS_H

#include "store/sqlite/database.h"

/* Wait for our turn, and begin a transaction that writes the sessions' file; STORE_BUSY after
 * 250 ms.  After a success call commit or abandon: each ends the transaction and the turn,
 * whatever it returns.  Abandoning nothing is fine. */
enum store_result sessions_begin(struct sqlite_store *s);
/* Wait for our turn alone, without a transaction. */
enum store_result sessions_queue(struct sqlite_store *s);
enum store_result sessions_commit(struct sqlite_store *s);
void sessions_abandon(struct sqlite_store *s);

/* Commit if `r` is STORE_OK, else abandon.  Returns the first thing that went wrong. */
enum store_result sessions_finish(struct sqlite_store *s, enum store_result r);

/* Read how far the sessions have the log as seen: epoch and highest id.  *known false: they do
 * not know yet. */
enum store_result sessions_seen(struct sqlite_store *s, struct store_end *seen, bool *known);

/* Whether a session of this id exists. */
enum store_result sessions_known(struct sqlite_store *s, const char *id, bool *known);

/* The sessions' file was just opened, and has its schema: check its version, upgrade it, and
 * tidy up what an earlier holder of our number left in it. */
enum store_result sessions_opened(struct sqlite_store *s);

#endif
