/* Where one stream stands in the event log, and what it is to be sent next.
 *
 *       after                     until                       end of the log
 *   -----|---- replayed rows -------|------- live rows ----------|
 *
 * A cursor is given a batch (cursor_take), and then asked what follows (cursor_next) until it
 * is done with the batch.  What follows is slices of the batch's bytes, or something that the
 * owner has to say first: that rows are missing, or that the replay is over.  Replayed or live
 * is a property of the cursor, not of the path: rows up to `until` go out in their replayed
 * rendition, even if the batch came from the tail, and a batch may straddle `until`.
 *
 * Pure: no socket, no clock.  Thread: its owner's. */
#ifndef ROWCAST_FCGI_CURSOR_H
#define ROWCAST_FCGI_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fcgi/stream/batch.h"
#include "store/subscription.h"

struct cursor {
    int64_t after; /* everything up to here was sent, or does not concern the stream */
    int64_t until;
    int64_t private_to; /* newest row of the session's own mailbox up to `until` */
    int64_t last_sent;  /* the last id that went out, on any block */
    int64_t replayed;   /* rows sent in their replayed rendition */
    int64_t told_all;   /* up to where the stream was told of the forgotten mailboxes' hole */
    bool replaying;     /* replay-start went out, replay-end is owed */
    bool anew; /* the client did not say what it had last, and may have had later rows before */
    struct subscription *subscription; /* owned */
    struct batch *batch;               /* a reference; NULL: needs one */
    bool checked;                      /* the holes of the batch were looked at */
    size_t index;                      /* the event of the batch that is being sent */
    size_t offset;                     /* bytes of its rendition that went out */
};

/* Begin a cursor; takes over `s`.  The caller sets `private_to`, `last_sent` (-1 now),
 * `replaying` and `anew`. */
void cursor_begin(struct cursor *c, struct subscription *s, int64_t after, int64_t until);
void cursor_end(struct cursor *c); /* drops the batch, frees the subscription */

/* Whether the next question has to ask for rows of the session's own mailbox, too. */
bool cursor_needs_session(const struct cursor *c);

/* Whether `b` is too old for the cursor: it was read before its claim and has events with a key.
 * Newer ones of their keys may have replaced them in the log since.  A stream that goes on after
 * what its client had takes them all the same, since the order is right.  But a page that is
 * loaded anew may have shown the newer ones, and must not be sent the older ones after them. */
bool cursor_is_past(const struct cursor *c, const struct batch *b);

/* Take a reference to `b`, which has b->after <= c->after < b->through.  A batch without the
 * rows of sessions carries a cursor that has a session no further than `until`. */
void cursor_take(struct cursor *c, struct batch *b);

enum cursor_step {
    CURSOR_BYTES,    /* cursor_slices() has something */
    CURSOR_GAP,      /* rows are missing: say so with `id`, then call cursor_said_gap() */
    CURSOR_REPLAYED, /* the replay is over: say so, then call cursor_said_replayed() */
    CURSOR_DONE      /* no batch, or nothing more in it: it was dropped, and `after` moved on */
};

/* What comes next.  In the middle of an event it is always CURSOR_BYTES.  For CURSOR_GAP,
 * *gap_id is the position to tell: the id just before the oldest row still kept in the stream's
 * mailboxes (of any type: a kept row is never jumped over), else the batch's end.  *oldest is
 * that row, or 0.  One gap tells of all the holes of a batch, before any of its bytes. */
enum cursor_step cursor_next(struct cursor *c, int64_t *gap_id, int64_t *oldest);
void cursor_said_gap(struct cursor *c, int64_t gap_id);
void cursor_said_replayed(struct cursor *c);

/* Give up to `max` slices, of at most `limit` bytes in all, of what follows; *bytes is their
 * sum.  They may begin and end in the middle of an event, and stop where something else has to
 * be said first.  The same call gives the same slices until cursor_advance.  O(1) for live
 * events of a batch that is all broadcasts, if the stream wants every type: the fan-out's hot
 * path. */
size_t cursor_slices(const struct cursor *c, struct iovec *slice, size_t max, size_t limit,
                     size_t *bytes);

/* Count `bytes` of the slices that went out. */
void cursor_advance(struct cursor *c, size_t bytes);

/* How many bytes of the event that is being sent are still to go out; 0 between two events. */
size_t cursor_event_left(const struct cursor *c);

/* Begin again at `id` of another log, with nothing to replay; drops the batch.  Only between
 * two events. */
void cursor_restart(struct cursor *c, int64_t id);

/* Whether the last byte that went out ended an event: other blocks may go out only then. */
bool cursor_between_events(const struct cursor *c);

#endif
