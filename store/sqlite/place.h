/* What stands around a database file: whether it may be opened or made there, and whom the
 * files beside it lock out.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_PLACE_H
#define ROWCAST_STORE_SQLITE_PLACE_H

#include "store/sqlite/database.h"

/* Before the file is opened, or made: whether it may be. */
enum store_result place_prepare(struct sqlite_store *s, struct database *d, struct file *f);

/* After it was opened: what we made beside it gets the file's group.  Tells who is locked
 * out. */
void place_share(const struct database *d);

/* Whether the file's owner may not write what stands beside it, and the cure. */
bool place_locks_out(const struct database *d, char *sentence, size_t size);

/* How many other names it has; by each, SQLite would use another -wal. */
int place_other_names(const struct database *d);

/* Whether it is what only our account can have put there: a regular file of it with no more
 * than so many names.  `why` gets a sentence if not. */
bool place_is_own(const struct stat *st, nlink_t names, const char *path, char *why,
                  size_t size);

#endif
