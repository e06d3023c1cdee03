/* The request workers: each accepts a connection, parses one request, answers it, and closes;
 * or claims a stream and hands its socket to the hub.
 *
 *     accept -> headers -> judged -+-> refused: a reply, close
 *                                  +-> stats, history: a reply, close
 *                                  +-> body -+-> disconnect: a reply, close
 *                                  |         +-> broadcast, send: publisher
 *                                  +-> events: claim -> ticket -> hub
 *
 * A connection whose request is not complete after WORKER_TRY_MS goes to the parking
 * (parking.h), and the worker goes on to the next.
 *
 * There is one worker at first.  A worker that takes a connection and leaves no other worker
 * listening starts one more, up to the limit.  So a slow request never keeps another one
 * waiting while a worker could be started, and a process that gets one request at a time has
 * two.
 *
 * A worker has a store of its own, opened with its first request and closed after some idle
 * seconds.  It looks at the settings in the event log before each request (5 µs), so a process
 * without streams, which runs no feeder, obeys a changed setting, too.  While the log cannot be
 * read, the board's settings are used.
 *
 * As plain CGI there is one request and no thread: worker_answer_cgi.
 *
 * Thread: main's, except for workers_count. */
#ifndef ROWCAST_FCGI_WORKER_H
#define ROWCAST_FCGI_WORKER_H

#include <stdbool.h>

#include "fcgi/hub/attend.h"

struct workers;

enum { WORKERS_GRACE_MS = 300, WORKER_TRY_MS = 20 };

/* Start with one worker; `most` is the limit.  `c` must stay until workers_stop returned.
 * NULL: out of memory or threads. */
struct workers *workers_start(const struct worker_context *c, int most);
int workers_count(struct workers *w); /* how many there are.  Thread: any */

/* Wait until all have ended; c->stop_fd has to be readable.  A request that was read is
 * answered first, as is one that comes in completely within WORKERS_GRACE_MS on a connection
 * that was accepted, because its client knows nothing of the stop.  Slower ones are given up.
 * Large answers that clients still read have that long, too, or until `answers_until_ms` (of
 * monotonic_ms), if that is later.  NULL is fine. */
void workers_stop(struct workers *w, int64_t answers_until_ms);

/* Serve the one request of a CGI process, from the environment and descriptor 0, to descriptor
 * 1, without a thread of its own (listener and stop_fd of `c` are not used).  True: it is a
 * stream, which the hub has.  Ends early if SIGTERM, SIGINT or SIGUSR1, which are blocked,
 * comes while the request is being read. */
bool worker_answer_cgi(const struct worker_context *c);

#endif
