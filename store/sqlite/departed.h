/* Sessions that are gone and that are remembered for a while.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_DEPARTED_H
#define ROWCAST_STORE_SQLITE_DEPARTED_H

#include "store/sqlite/database.h"

/* A session that is gone and that is remembered for a while, by a hash of its token, so that
 * its client is told of a loss only where there may be one. */
struct departure {
    char session_id[SESSION_ID_SIZE];
    char epoch[EPOCH_SIZE]; /* of the log then; "": its bookmarks were not all of it */
    int64_t position;       /* its smallest bookmark: it had all that was before; -1: none */
    int64_t private_to;     /* the newest event there may have been for it; 0: none */
    int64_t log_end;        /* the log's newest id then */
    bool revives; /* a poll's that told nothing: whoever brings the token goes on with it */
    bool lasting; /* it came back at least once, or stayed: it is remembered longer */
};

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
