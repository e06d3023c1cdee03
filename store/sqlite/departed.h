/* The notes of sessions that are gone, which are kept for a while (struct departure).
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_DEPARTED_H
#define ROWCAST_STORE_SQLITE_DEPARTED_H

#include "store/engine.h"
#include "store/sqlite/database.h"

/* Look for the note of the session that had this token.  *found: there is one.  A file of an
 * earlier version that could not be extended has none. */
enum store_result departure_find(struct sqlite_store *s, const char *token, struct departure *d,
                                 bool *found);

/* Write a note, in the transaction that deletes the session. */
enum store_result departure_note(struct sqlite_store *s, const char *token,
                                 const struct departure *d);

/* For each of these ended streams that was a poll in vain, replace its session with a note, in
 * the transaction that is open. */
enum store_result departures_in_vain(struct sqlite_store *s, const struct bookmark *b,
                                     size_t n);

/* Delete the note, in the transaction that makes the session again. */
enum store_result departure_forget(struct sqlite_store *s, const char *token);

/* Delete the oldest notes beyond DEPARTED_LASTING_MAX and DEPARTED_BRIEF_MAX, in the same
 * transaction.  A note takes 200 bytes. */
enum { DEPARTED_LASTING_MAX = 10000, DEPARTED_BRIEF_MAX = 2000 };
enum store_result departures_bound(struct sqlite_store *s);

#endif
