/* Where the path of the log leads, over symbolic links that may change.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_PATH_H
#define ROWCAST_STORE_SQLITE_PATH_H

#include <stdbool.h>

#include "store/store.h"

struct sqlite_store;

/* The path without symbolic links, also of a file that is not there yet.  NULL: no memory. */
char *path_resolve(const char *path);

/* Whether the path that was given leads to another file than the log that is open; costs one
 * stat(), and only where there are symbolic links on the way. */
bool path_leads_elsewhere(const struct sqlite_store *s);

/* Where the log's path leads now; another file than before: the sessions are there, too. */
enum store_result path_follow(struct sqlite_store *s);

#endif
