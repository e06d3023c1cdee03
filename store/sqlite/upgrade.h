/* Bringing files of earlier revisions to this program's.
 *
 * The revision says what is in a file; a file without the column is of revision 1.  Each revision
 * only adds to the one before, so programs of both can use the file at the same time.  What a
 * program has to know before it may use the file at all is the version (open.c, sessions.c).
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_UPGRADE_H
#define ROWCAST_STORE_SQLITE_UPGRADE_H

#include "store/sqlite/database.h"

enum { LOG_REVISION = 2 /* of sql/schema.sql */, SESSIONS_REVISION = 2 /* of its schema */ };

/* Read the revision of a file that has its schema.  Costs 10 µs. */
enum store_result log_revision(struct sqlite_store *s, int *revision);

/* Upgrade the file, which is open and in no transaction, if its revision is too small.  Waits for
 * the write lock as long as the connection's busy handler does.  Afterwards d->revision is the
 * revision of the file, or ours if the file's is higher.
 *
 * After a failure d->behind is set, and the file is as it was before.  A notice says why, the
 * same one once a minute at most, and the connection can be used nevertheless: statements that
 * read find the columns that the file lacks, as NULL, in a TEMP view of the table's name.
 * Statements that write to such a table name main.  If even the view fails, d->revision is 0, and
 * the connection must be closed.  If the revision cannot be read, nothing of d changes. */
enum store_result log_upgrade(struct sqlite_store *s);
enum store_result sessions_upgrade(struct sqlite_store *s);

/* Upgrade the file at its opening.  It waits for longer than usual, since other processes that
 * have just started may be upgrading it.  Fails only if the file cannot be used at all. */
enum store_result log_upgrade_opened(struct sqlite_store *s);
enum store_result sessions_upgrade_opened(struct sqlite_store *s);

#endif
