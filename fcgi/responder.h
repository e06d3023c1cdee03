/* The responder: its threads, and the order in which they start and stop.
 *
 *     workers --ticket--> hub <--batch-- feeder
 *                          ^ \--question--> readers
 *                          +--mark--> janitor
 *
 * It starts with the workers alone; hub, feeder, readers and janitor come with the first
 * stream, so that a process which serves none stays small.  It stops in the direction of the
 * flow: nobody is accepted, the streams end, feeder, readers, janitor with the last bookmarks.
 *
 * Thread: main's, but for responder_changed's descriptor. */
#ifndef ROWCAST_FCGI_RESPONDER_H
#define ROWCAST_FCGI_RESPONDER_H

#include "fcgi/worker.h"

struct responder;

enum { RESPONDER_DRAIN_MS = 700, RESPONDER_WORKERS = 4 };

/* NULL: out of memory or descriptors.  `db_path` must stay. */
struct responder *responder_new(const char *db_path);

/* Serve FastCGI on `listener` until responder_free.  False: threads. */
bool responder_serve(struct responder *r, int listener);

/* Serve the one request of a CGI process. False: it was answered, nothing runs. */
bool responder_serve_cgi(struct responder *r);

/* Readable once the last stream of a CGI process is over. */
int responder_emptied(const struct responder *r);

/* End everything; returns within about 2 s. NULL is fine. */
void responder_free(struct responder *r);

#endif
