/* The two kinds of work that store_tend takes in pieces.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_TEND_H
#define ROWCAST_STORE_SQLITE_TEND_H

#include <stdbool.h>

#include "store/store.h"

struct sqlite_store;

enum { TEND_RETAIN_MS = 5000 /* from one look for what is to be let go to the next */ };

/* Begin a round of expiry, in which served time advances by `served_ms`; and while s->expiring,
 * go on with it.  A failure ends the round. */
enum store_result sessions_expire_round(struct sqlite_store *s, const struct settings *settings,
                                        int64_t served_ms);
enum store_result sessions_expire_more(struct sqlite_store *s, const struct settings *settings);

/* Let at most 100 events go, by age while nobody inserts, or of a mailbox that nobody knows.
 * Opens a write transaction only when a read found something.  *more: there is more to be done;
 * else the log is closed until somebody uses it. */
enum store_result log_retain(struct sqlite_store *s, const struct settings *settings,
                             bool *more);

#endif
