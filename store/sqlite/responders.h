/* The processes that are entered in the sessions, of which some may have died.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_RESPONDERS_H
#define ROWCAST_STORE_SQLITE_RESPONDERS_H

#include "store/store.h"

struct sqlite_store;

/* End the streams of processes that hold no lease any more, and delete the entries of these
 * processes, in the transaction that is open. */
enum store_result responders_bury(struct sqlite_store *s);

#endif
