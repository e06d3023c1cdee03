/* The processes that are entered in the sessions, and those that died without a word.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_RESPONDERS_H
#define ROWCAST_STORE_SQLITE_RESPONDERS_H

#include "store/store.h"

struct sqlite_store;

/* End the streams of those that hold no lease any more, in the transaction that is open, and
 * forget them. */
enum store_result responders_bury(struct sqlite_store *s);

#endif
