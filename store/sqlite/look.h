/* Whether the log is still what sql/schema.sql makes of it.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_LOOK_H
#define ROWCAST_STORE_SQLITE_LOOK_H

#include <stdbool.h>

#include "store/store.h"

struct sqlite_store;

/* Look at the log's schema if it changed since the last look, in the transaction that is open
 * or in one of its own.  STORE_CORRUPT: no table, or no column, to work with. */
enum store_result log_examine(struct sqlite_store *s);

/* The books do not agree with the events: `what`.  They are made true at the next occasion,
 * but, unless it is wanted at once, only every ten seconds, since that reads all events. */
void log_books_wrong(struct sqlite_store *s, const char *what, bool at_once);

/* They were made true by this process, now. */
void log_recounted(void);

/* A notice (store_notice), the same one once a minute at most; s->told keeps it. */
void log_tell(struct sqlite_store *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
