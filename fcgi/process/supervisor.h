/* The supervisor: holds the listening socket, and keeps `--processes` processes serving it.
 *
 *                    listener (fd 3), "serve", "drain"
 *     supervisor  ------------------------------>  process, process, …
 *                 <------------------------------
 *                      "ready" or "unfit", its end
 *
 * - A process that dies is replaced at once; a slot whose processes die again and again is
 * tried for ever, after growing pauses (supervisor_pause).  - HUP opens the log files again,
 * and begins a *round*: slot by slot a process is started from the program that is on the disk
 * now; when all are ready, the old ones drain, together.  A new process that dies, or is not
 * ready in time, ends the round: slots that had no turn keep their process.  After a HUP within
 * a round, another round follows.  - A process that says it is *unfit* (it cannot use the event
 * log: control.h) does not replace a fit one, and ends the round.  In a slot without a process
 * it waits until it is ready after all, and serves only while no other process serves.  - When
 * nobody can reach the listener any more, everything ends, with status 1.  - TERM, INT and USR1
 * end all processes, and then the supervisor.  A process that has not ended after
 * SUPERVISOR_END_MS is killed.  If the supervisor is killed, its processes end as well
 * (control.h).
 *
 * It opens no database and has no thread.  Thread: main. */
#ifndef ROWCAST_FCGI_SUPERVISOR_H
#define ROWCAST_FCGI_SUPERVISOR_H

#include <stdint.h>

#include "fcgi/process/options.h"

enum {
    SUPERVISOR_READY_MS = 30000,      /* a process that is not ready by then is killed, … */
    SUPERVISOR_END_MS = 2500,         /* … as is one that lives so long after TERM, … */
    SUPERVISOR_DRAIN_GRACE_MS = 5000, /* … or so long beyond its drain */
    SUPERVISOR_LIFE_MS = 10000,       /* a death after so long a life is not an early one */
    SUPERVISOR_LOOK_MS = 1000         /* between looks at the log file and the listener */
};

/* Supervise until everything has ended; returns the exit status.  `invoked` is argv[0]. */
int supervise(const struct options *o, const char *invoked);

/* How long to wait, in ms, before a process is replaced after so many early deaths in a row
 * (0: the last one lived long): 0, 0, 100, 200, 400 … 10000. */
uint64_t supervisor_pause(unsigned early_deaths);

#endif
