/* Making again what the log lacks.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_MEND_H
#define ROWCAST_STORE_SQLITE_MEND_H

struct sqlite_store;

/* Make what the log lacks, if it lacks something, and no transaction is open.  database_use
 * calls it.  Success or not, the log is as usable as before; log_tell says what came of it. */
void log_mend(struct sqlite_store *s);

#endif
