/* What cursor.c (what comes next) and cursor_bytes.c (its bytes) share: which events of the
 * batch are for this stream.  All need a batch.
 *
 * Thread: the cursor's owner. */
#ifndef ROWCAST_FCGI_CURSOR_INTERNAL_H
#define ROWCAST_FCGI_CURSOR_INTERNAL_H

#include "fcgi/stream/cursor.h"

/* How far the batch can carry this cursor.  Beyond `until` there may be rows for its session
 * that the batch does not have. */
int64_t cursor_reach(const struct cursor *c);

/* The index behind the last event that the batch can give this cursor. */
size_t cursor_stop(const struct cursor *c);

/* Whether every event of the batch is for this stream. */
bool cursor_takes_all(const struct cursor *c);

/* Whether this one is: its mailbox and its type. */
bool cursor_concerns(const struct cursor *c, const struct batch_event *e);

/* Go to the next event, below `end`, that is for this stream. */
void cursor_skip(struct cursor *c, size_t end);

#endif
