/* Reading and checkpoints.  A checkpoint copies the -wal into the log, up to what the oldest
 * reader still needs; only a -wal that was copied whole begins anew, and else it grows.
 * Readers that come one after the other, each before the last one left, let no checkpoint get
 * to its end: so they and it meet in a lock of the process that prefers the checkpoint.
 *
 * Thread: any. */
#ifndef ROWCAST_STORE_SQLITE_UPKEEP_H
#define ROWCAST_STORE_SQLITE_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* Around each read transaction of the log that takes longer than a look at its end; not one in
 * the other, and with no other lock awaited in it.  Waits for the end of a checkpoint.  The
 * checkpoint waits 250 ms for those that read. */
void upkeep_share(void);
void upkeep_unshare(void);

struct sqlite_store;

struct wal {
    bool whole;    /* all of it was copied, so that the next writer begins it anew */
    int64_t bytes; /* about so many are in it, ... */
    int64_t left;  /* ... and these are not copied, because somebody reads what was before */
};

/* One PASSIVE checkpoint, and a second one alone if that was not whole; both only if the -wal
 * is larger than `wal_bytes`, else *out is all zero.  STORE_BUSY: somebody of this process
 * did not stop reading. */
enum store_result upkeep_checkpoint(struct sqlite_store *s, int64_t wal_bytes, struct wal *out,
                                    bool *was_alone);

#endif
