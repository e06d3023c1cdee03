/* Free pages of the sessions' file.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_SHRINK_H
#define ROWCAST_STORE_SQLITE_SHRINK_H

#include "store/sqlite/database.h"

/* Give free pages of the file back to the system: some of them, or, if the file is of an earlier
 * version and hardly anything is in it, all by one VACUUM.  *more: there are more. */
enum store_result sessions_shrink(struct sqlite_store *s, bool *more);

#endif
