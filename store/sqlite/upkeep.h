/* Reading and checkpoints.  A checkpoint copies the -wal into the log, up to what the oldest
 * reader still needs; only a -wal that was copied whole begins anew, and else it grows.
 * Readers that come one after the other, each before the last one left, let no checkpoint get
 * to its end: so they and it meet in a lock of the process that prefers the checkpoint.
 *
 * Thread: that of the store; the lock is shared by all threads of the process. */
#ifndef ROWCAST_STORE_SQLITE_UPKEEP_H
#define ROWCAST_STORE_SQLITE_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* Call these around each read transaction of the log that walks rows or mailboxes.  They must not
 * be nested, and no other lock may be waited for in between.  upkeep_share waits for the end of a
 * checkpoint, and while one waits for those that read, which is 250 ms at most. */
void upkeep_share(void);
void upkeep_unshare(void);

struct sqlite_store;

struct wal {
    bool whole;    /* all of it was copied, so that the next writer begins it anew */
    int64_t bytes; /* about so many are in it, ... */
    int64_t left;  /* ... and these are not copied, because somebody reads what was before */
};

/* Make a PASSIVE checkpoint and, if it did not copy everything, a second one alone; both only if
 * the -wal is larger than `wal_bytes`, else *out is all zero.  STORE_BUSY: a thread of this
 * process did not stop reading. */
enum store_result upkeep_checkpoint(struct sqlite_store *s, int64_t wal_bytes, struct wal *out,
                                    bool *was_alone);

#endif
