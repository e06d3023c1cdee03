/* Free pages of the sessions' file.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_SHRINK_H
#define ROWCAST_STORE_SQLITE_SHRINK_H

#include "store/sqlite/database.h"

/* Give free pages of the file back to the system: some of them, or all by one VACUUM where the
 * file is of an earlier version and hardly anything is in it.  *more: there are more. */
enum store_result sessions_shrink(struct sqlite_store *s, bool *more);

#endif
