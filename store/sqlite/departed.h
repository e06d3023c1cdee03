/* Sessions that are gone and that are remembered for a while.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_DEPARTED_H
#define ROWCAST_STORE_SQLITE_DEPARTED_H

#include "store/engine.h"
#include "store/sqlite/database.h"

/* *found: it is remembered.  A file of an earlier version, which could not be extended, knows
 * none. */
enum store_result departure_find(struct sqlite_store *s, const char *token, struct departure *d,
                                 bool *found);

/* Remember it, in the transaction that deletes its session. */
enum store_result departure_note(struct sqlite_store *s, const char *token,
                                 const struct departure *d);

/* The sessions of those of these ended streams that were polls in vain become such notes, in
 * the transaction that is open. */
enum store_result departures_in_vain(struct sqlite_store *s, const struct bookmark *b,
                                     size_t n);

/* It is a session again, in the transaction that makes it one. */
enum store_result departure_forget(struct sqlite_store *s, const char *token);

/* Forget the oldest beyond what is remembered, in the same transaction: DEPARTED_LASTING_MAX
 * and DEPARTED_BRIEF_MAX, 200 bytes each. */
enum { DEPARTED_LASTING_MAX = 10000, DEPARTED_BRIEF_MAX = 2000 };
enum store_result departures_bound(struct sqlite_store *s);

#endif
