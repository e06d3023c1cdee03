/* Between cursor.c (what comes next) and cursor_bytes.c (its bytes): which events of the batch
 * are for this stream.  All of these functions need a batch.
 *
 * Thread: the cursor's owner. */
#ifndef ROWCAST_FCGI_CURSOR_INTERNAL_H
#define ROWCAST_FCGI_CURSOR_INTERNAL_H

#include "fcgi/stream/cursor.h"

/* How far the batch can carry this cursor.  Beyond `until` there may be rows for its session
 * that the batch does not have. */
int64_t cursor_reach(const struct cursor *c);

/* One beyond the index of the last event that the batch can give this cursor. */
size_t cursor_stop(const struct cursor *c);

/* Whether every event of the batch is for this stream. */
bool cursor_takes_all(const struct cursor *c);

/* Whether this event is, by its mailbox and its type. */
bool cursor_concerns(const struct cursor *c, const struct batch_event *e);

/* Go on to the next event that is for this stream, or to `end`. */
void cursor_skip(struct cursor *c, size_t end);

#endif
