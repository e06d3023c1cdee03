/* The two kinds of work that store_tend takes in pieces.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_TEND_H
#define ROWCAST_STORE_SQLITE_TEND_H

#include <stdbool.h>

#include "store/store.h"

struct sqlite_store;

enum { TEND_RETAIN_MS = 5000 /* from one look for events to remove to the next */ };

/* Begin a round of expiry, which advances served time by `served_ms`; and go on with it, as long
 * as s->expiring is set.  A failure ends the round. */
enum store_result sessions_expire_round(struct sqlite_store *s, const struct settings *settings,
                                        int64_t served_ms);
enum store_result sessions_expire_more(struct sqlite_store *s, const struct settings *settings);

/* Remove at most 100 events for each reason: those that are too old, while nobody inserts; those
 * that are due; and those in the mailbox of a session that is gone.  Begins a write transaction
 * only if a read found something.  *more: there is more to do; if not, the log is closed until it
 * is used again. */
enum store_result log_retain(struct sqlite_store *s, const struct settings *settings,
                             bool *more);

#endif
