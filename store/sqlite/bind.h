/* Statements with their parameters in one line.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_BIND_H
#define ROWCAST_STORE_SQLITE_BIND_H

#include "store/sqlite/database.h"

/* The statement with its parameters bound in order: for each letter of `kinds` an argument, 'i'
 * an int64_t, 't' a text that stays until the statement was reset (NULL is NULL).  NULL: it
 * failed (store_failed tells).  The caller steps and resets. */
sqlite3_stmt *database_bind(struct database *d, enum sql id, const char *kinds, ...);

/* The same, run to its end, for statements that give no rows. */
enum store_result database_do(struct sqlite_store *s, struct database *d, const char *doing,
                              enum sql id, const char *kinds, ...);

/* Copy a text that a statement gave.  False, and "", if it is NULL or does not fit. */
bool database_text(char *to, size_t size, const char *from);

#endif
