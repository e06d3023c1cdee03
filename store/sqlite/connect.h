/* Opening a database: every call of store.h begins here.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_CONNECT_H
#define ROWCAST_STORE_SQLITE_CONNECT_H

#include "store/sqlite/database.h"

enum {
    STORE_BUSY_MS = 250,    /* our patience with a lock */
    READONLY_REST_MS = 500, /* between two looks whether a file may be written now */
    DEADLINE_STEPS = 50000  /* of a statement, between two looks at store_deadline */
};

/* Make sure `d` is open and is the file at its path; opens it (or anew) and runs its schema
 * where there is none.  Takes no write lock of a file that has its schema.  Every call of
 * store.h begins with it; it forgets the sentence of the call before. */
enum store_result database_use(struct sqlite_store *s, struct database *d);

#endif
