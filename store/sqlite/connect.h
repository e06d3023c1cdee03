/* Opening a database: every call of store.h begins here.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_CONNECT_H
#define ROWCAST_STORE_SQLITE_CONNECT_H

#include "store/sqlite/database.h"

enum {
    STORE_BUSY_MS = 250,    /* how long we wait for a lock */
    READONLY_REST_MS = 500, /* between two checks whether a file may be written now */
    DEADLINE_STEPS = 50000  /* steps of a statement between two checks of store_deadline */
};

/* Make sure that `d` is open and still is the file at its path.  If not, opens the file (anew),
 * and runs the schema if the file has none.  Takes no write lock of a file that has its schema,
 * unless the file is of an earlier revision and has to be upgraded (upgrade.h).  Clears the
 * sentence of the call before. */
enum store_result database_use(struct sqlite_store *s, struct database *d);

#endif
