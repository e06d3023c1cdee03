/* The settings in the log, as sql/schema.sql keeps them.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_SETTINGS_H
#define ROWCAST_STORE_SQLITE_SETTINGS_H

struct sqlite_store;

/* Give a log of an earlier version the settings it does not have.  Whatever
 * is in the way (a lock, a file that is read-only) is no reason not to use the log: the
 * defaults hold, and who opens it next tries again. */
void settings_complete(struct sqlite_store *s);

#endif
