/* The hub: one thread, one event loop, every stream's socket.
 *
 * It fans the feeder's batches out, asks the readers for what is older than its tail, sends
 * heartbeats, and ends streams.  It never touches a store, and never blocks: batches are all
 * that it knows of the event log.
 *
 * Thread: any, except for hub_new, hub_run and hub_free. */
#ifndef ROWCAST_FCGI_HUB_H
#define ROWCAST_FCGI_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/stream/batch.h"
#include "fcgi/stream/ticket.h"
#include "store/settings.h"

struct hub;
struct pending;

/* What a stream behind the tail needs.  Nobody changes any of it but `answer`. */
struct question {
    struct message message;
    struct pending *pending; /* the hub's own */
    int64_t after;
    bool without_session;              /* rows of the session's own mailbox are not needed */
    struct subscription *subscription; /* a copy, the question's own */
    struct batch *answer;
};
void question_free(struct question *q);

/* Bookmarks of streams that run, on their way to the janitor. */
struct bookmarks {
    struct message message;
    size_t n;
    struct bookmark bookmark[];
};

/* The functions to which the hub leaves what it does not do itself.  They are called on the
 * hub's thread, and must not block. */
struct hub_friends {
    void *arg;
    void (*ask)(void *arg, struct question *q);    /* q comes back by hub_answer */
    void (*ended)(void *arg, struct ending *e);    /* a saved stream ended; takes e */
    void (*marks)(void *arg, struct bookmarks *b); /* malloc'd, taken over */
    void (*fanned_out)(void *arg);                 /* the last batch is on its way */
    /* The last stream left, and no other is on its way; or a drain found no stream.  Thread:
     * also that of hub_expected. */
    void (*emptied)(void *arg);
};

/* NULL: out of memory or descriptors.  `streams_max`: how many may be open at once. */
struct hub *hub_new(const struct hub_friends *friends, struct settings *settings,
                    size_t streams_max);
void hub_run(struct hub *h);  /* until hub_stop; the thread that calls it is the hub's */
void hub_free(struct hub *h); /* after hub_run, or instead of it; closes what is left */

/* Whether one more stream would be too many; how many there are or are on their way. */
bool hub_is_full(const struct hub *h);
size_t hub_streams(const struct hub *h);

void hub_serve(struct hub *h, struct ticket *t); /* takes t over */

/* A stream that is not claimed yet is on its way.  It counts from now on, so a drain waits for
 * it.  Later call hub_expected, with its ticket, or with NULL if it did not become a stream. */
void hub_expect(struct hub *h);
void hub_expected(struct hub *h, struct ticket *t); /* takes t over */

/* For the feeder.  hub_feed: the newest batch, which begins where the last one ended; takes the
 * reference.  hub_reset: the log is another one now, and ends at `end`; each stream of another
 * epoch is told.  hub_settings: other settings; takes the reference.  False: out of memory,
 * nothing was taken; try again. */
bool hub_feed(struct hub *h, struct batch *b);
bool hub_reset(struct hub *h, const char *epoch, int64_t end);
bool hub_settings(struct hub *h, struct settings *s);

/* For the readers: gives `q` back with q->answer (a reference, or NULL for "nothing yet, ask
 * again later"). */
void hub_answer(struct hub *h, struct question *q);

/* For the janitor.  hub_collect: give friends.marks the marks that moved since the last
 * collection, or those of all streams, because some could not be saved.  hub_end_streams: end
 * these streams, and those that are still on their way as soon as they come.  False: out of
 * memory. */
bool hub_collect(struct hub *h, bool all);
bool hub_end_streams(struct hub *h, const int64_t *stream_ids, size_t n);

/* Send these streams a heartbeat now, for web servers that notice a departure only when they
 * write.  Without memory they get none. */
void hub_probe(struct hub *h, const int64_t *stream_ids, size_t n);

/* End the streams evenly over `spread_ms` (0: at once), each at the end of its event, with a
 * jittered retry of its own, so that they do not all come back at one moment.  Until its turn a
 * stream is served as ever.  What is left after `deadline_ms` is cut.  A stream that still
 * comes is ended at once.  A later call may make either time earlier, never later.
 * friends.emptied tells when no stream is left.  Neither this nor hub_stop needs memory,
 * because the end of a process must not depend on it. */
void hub_drain(struct hub *h, int spread_ms, int deadline_ms);
void hub_stop(struct hub *h);

#endif
