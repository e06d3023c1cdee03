/* The settings in the log (the table rowcast_config of sql/schema.sql).
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_SETTINGS_H
#define ROWCAST_STORE_SQLITE_SETTINGS_H

struct sqlite_store;

/* Give a log of an earlier version the settings that it lacks.  If that fails (a lock, a file
 * that is read-only), the log is used all the same, with the defaults, and the next opening
 * tries again. */
void settings_complete(struct sqlite_store *s);

#endif
