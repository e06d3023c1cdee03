/* What is around a database file: whether the file may be opened or made there, and whom the
 * files beside it lock out.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_PLACE_H
#define ROWCAST_STORE_SQLITE_PLACE_H

#include "store/sqlite/database.h"

/* Whether the file may be opened or made; called before that. */
enum store_result place_prepare(struct sqlite_store *s, struct database *d, struct file *f);

/* Give the file's group and mode to what we made beside it; called after it was opened.  Says a
 * notice if somebody is locked out. */
void place_share(const struct database *d);

/* Whether the file's owner is locked out, because it may not write a file beside it; then
 * `sentence` says so, and what to do. */
bool place_locks_out(const struct database *d, char *sentence, size_t size);

/* How many other names the file has, by hard links.  A program that opens it by one of them uses
 * another -wal. */
int place_other_names(const struct database *d);

/* Whether only our account can have put the file there: it is a regular file of ours, with at
 * most `names` names.  If not, `why` gets a sentence. */
bool place_is_own(const struct stat *st, nlink_t names, const char *path, char *why,
                  size_t size);

#endif
