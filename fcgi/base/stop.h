/* Whether the process was told to end by a signal that nobody has taken yet.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_STOP_H
#define ROWCAST_FCGI_STOP_H

#include <stdbool.h>

/* What a request is told then, with a 503. */
#define STOP_SENTENCE "the responder is being stopped: try again"

/* Whether SIGTERM, SIGINT or SIGUSR1, which have to be blocked, is pending.  This matters for a
 * plain CGI process, in which nobody takes signals until the request was answered.  In other
 * processes main takes them at once. */
bool stop_is_pending(void);

#endif
