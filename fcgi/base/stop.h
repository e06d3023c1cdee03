/* A process that was told to end, before anybody has taken the signal.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_STOP_H
#define ROWCAST_FCGI_STOP_H

#include <stdbool.h>

/* What is answered with 503 then. */
#define STOP_SENTENCE "the responder is being stopped: try again"

/* Whether one of SIGTERM, SIGINT and SIGUSR1, which have to be blocked, came and waits to be
 * taken: while a plain CGI process answers, nobody else takes them.  Where main does, never for
 * long. */
bool stop_is_pending(void);

#endif
