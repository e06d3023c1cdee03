/* Where the path of the log leads, over symbolic links that may change.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_PATH_H
#define ROWCAST_STORE_SQLITE_PATH_H

#include <stdbool.h>

#include "store/store.h"

struct sqlite_store;

/* The path without symbolic links; the file need not exist yet.  malloc'd; NULL: out of memory. */
char *path_resolve(const char *path);

/* Whether the path that was given may lead to another file than the log that is open.  Costs one
 * stat(), and nothing if there are no symbolic links on the way. */
bool path_leads_elsewhere(const struct sqlite_store *s);

/* Follow the log's path if it leads to another file now, and go on with the log and the sessions
 * that are there. */
enum store_result path_follow(struct sqlite_store *s);

#endif
