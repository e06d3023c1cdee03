/* The responder: its threads, and the order in which they start and stop.
 *
 *     workers --ticket--> hub <--batch-- feeder
 *                          ^ \--question--> readers
 *                          +--mark--> janitor
 *
 * It starts with one worker.  The other workers, hub, feeder, readers and janitor start when
 * they are needed, and connections of stores that are idle are closed, so a process with one
 * stream stays small.  It stops in the direction of the flow: nobody is accepted any more, the
 * streams end, the janitor saves the last bookmarks, and feeder and readers end.
 *
 * Thread: main's. */
#ifndef ROWCAST_FCGI_RESPONDER_H
#define ROWCAST_FCGI_RESPONDER_H

#include "fcgi/hub/worker.h"

struct responder;

enum { RESPONDER_DRAIN_MS = 700, RESPONDER_ANSWERS_MS = 5000, RESPONDER_WORKERS = 4 };

/* NULL: out of memory or descriptors.  `db_path` must stay. */
struct responder *responder_new(const char *db_path);

/* Serve FastCGI on `listener` until responder_free.  False: out of memory or threads. */
bool responder_serve(struct responder *r, int listener);

/* Serve the one request of a CGI process.  True: it is a stream.  False: it was answered. */
bool responder_serve_cgi(struct responder *r);

/* Accept nobody any more, and end the streams evenly over `seconds` (0: at once), each with a
 * jittered retry; what is left RESPONDER_DRAIN_MS later is cut.  Returns at once.  A further
 * call may make the end come earlier, never later. */
void responder_drain(struct responder *r, int seconds);

/* A descriptor that is readable once no stream is left: when the one of a CGI process is over,
 * or after responder_drain, even if none was ever served.  A request that was being read may
 * still bring a stream, which is ended at once; responder_free waits for that. */
int responder_emptied(const struct responder *r);

/* End everything, also in the middle of a drain; returns within about 2 s.  After a drain that came
 * to its end, it also waits for clients that read large answers, for what is left of the time of
 * the drain, but RESPONDER_ANSWERS_MS at most.  NULL is fine. */
void responder_free(struct responder *r);

#endif
