/* When a log gets another epoch.
 *
 * An id is given once under one epoch.  A log that stands below what was seen of it is a
 * restored copy, or lost its end in a power cut: its ids will be given again, so they need
 * another epoch before anybody is handed one.  What was seen is known of this process
 * (file_seen), of the log where a symbolic link led before, and, across restarts, from the
 * sessions.
 *
 * "Seen" is always read before the end it is compared with, which only grows: what another
 * thread sees in between would else look like a loss.  So each call notes it when it begins,
 * log_read_end compares, and a call that finds a loss begins once more, with a renewal.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_EPOCH_H
#define ROWCAST_STORE_SQLITE_EPOCH_H

#include "store/store.h"

struct sqlite_store;

/* A call begins: how far was the log seen until now? */
void epoch_note(struct sqlite_store *s);

/* log_read_end found that the log ends below that: give it another epoch, unless somebody did
 * or it grew meanwhile.  Outside any transaction. */
enum store_result epoch_renew(struct sqlite_store *s);

/* The log is being opened: nothing is compared until epoch_check compares all of it. */
void epoch_opening(struct sqlite_store *s);
enum store_result epoch_check(struct sqlite_store *s);

#endif
