/* Settings that the environment seeds.  What sqlite_environment says of them is in store.h.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_ENVIRONMENT_H
#define ROWCAST_STORE_SQLITE_ENVIRONMENT_H

#include "store/store.h"

struct sqlite_store;

/* Give a new log the settings that the environment has, in one transaction.  A value that the
 * schema refuses is left out; sqlite_environment says why. */
enum store_result environment_seed(struct sqlite_store *s);

#endif
