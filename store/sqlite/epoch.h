/* When a log gets another epoch.
 *
 * An id is given only once under one epoch.  A log that ends before what was seen of it is a
 * restored copy, or lost its end in a power cut.  Its ids will be given again, so it needs
 * another epoch before any of them is handed out.  Three sources say what was seen: this process
 * (file_seen), the log that a symbolic link led to before, and the sessions, which remember it
 * across restarts.
 *
 * "Seen" is always read before the end that it is compared with, and that end only grows.  In
 * the other order, what another thread saw in between would look like a loss.  So each call
 * notes it when it begins, log_read_end compares, and a call that finds a loss begins once more,
 * with a renewal.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_EPOCH_H
#define ROWCAST_STORE_SQLITE_EPOCH_H

#include "store/store.h"

struct sqlite_store;

/* A call begins: note how far the log has been seen until now. */
void epoch_note(struct sqlite_store *s);

/* log_read_end found that the log ends before that: give it another epoch, unless another process
 * just did, or the log grew meanwhile.  Outside any transaction. */
enum store_result epoch_renew(struct sqlite_store *s);

/* The log is being opened: nothing is compared until epoch_check compares all three sources. */
void epoch_opening(struct sqlite_store *s);
enum store_result epoch_check(struct sqlite_store *s);

#endif
