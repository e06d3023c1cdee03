/* What failed, as a result and as a sentence for people (store_why).
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_FAILURE_H
#define ROWCAST_STORE_SQLITE_FAILURE_H

#include "store/sqlite/database.h"
#include "store/store.h"

/* Fail with a sentence of our own.  Returns `r`. */
enum store_result store_refuse(struct sqlite_store *s, enum store_result r, const char *format,
                               ...) __attribute__((format(printf, 3, 4)));

/* Translate the connection's last error into a result, and put its sentence into store_why.
 * `doing` says what failed, as in "reading the log".  Never returns STORE_OK. */
enum store_result store_failed(struct sqlite_store *s, struct database *d, const char *doing);

/* The result for an errno: STORE_FULL for a full disk, a quota or a limit of file size;
 * STORE_READONLY for what is forbidden.  Never STORE_OK. */
enum store_result database_result_of_errno(int error);

#endif
