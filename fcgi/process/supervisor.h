/* The supervisor: holds the listening socket, and keeps `--processes` processes serving it.
 *
 *                    listener (fd 3), "serve", "drain"
 *     supervisor  ------------------------------>  process, process, …
 *                 <------------------------------
 *                      "ready" or "unfit", its end
 *
 * - A process that dies is replaced at once; one that dies again and again after growing pauses
 *   (supervisor_pause), for ever.
 * - HUP opens the log files again, and begins a *round*: slot by slot a process is started by
 *   the program that is on the disk now; when all are ready, the old ones drain, together.  A
 *   new one that dies, or is not ready in time, ends the round: slots that had no turn keep
 *   theirs.  HUP within a round: another round follows.
 * - One that says it is *unfit* (it cannot use the log: control.h) succeeds nobody who is fit,
 *   and ends the round.  Where there is nobody before it, it waits until it is ready after all,
 *   and serves only while no process serves.
 * - When nobody can reach the listener any more, all ends, with status 1.
 * - TERM, INT and USR1 end all processes, and then the supervisor.  What has not ended by then
 *   is killed.  A supervisor that is killed takes its processes along (control.h).
 *
 * It opens no database and has no thread.  Thread: main. */
#ifndef ROWCAST_FCGI_SUPERVISOR_H
#define ROWCAST_FCGI_SUPERVISOR_H

#include <stdint.h>

#include "fcgi/process/options.h"

enum {
    SUPERVISOR_READY_MS = 30000,      /* a process that is not ready by then is killed */
    SUPERVISOR_END_MS = 2500,         /* and one that did not end, after TERM */
    SUPERVISOR_DRAIN_GRACE_MS = 5000, /* and one beyond its drain */
    SUPERVISOR_LIFE_MS = 10000,       /* a life this long was not an early death */
    SUPERVISOR_LOOK_MS = 1000         /* between looks at the log file and the listener */
};

/* Returns after a signal, when all has ended; the exit status.  `invoked` is argv[0]. */
int supervise(const struct options *o, const char *invoked);

/* How long to wait before a process is replaced after so many early deaths in a row (at least
 * one of them, 0: it lived long), in ms: 0, 0, 100, 200, 400 … 10000. */
uint64_t supervisor_pause(unsigned early_deaths);

#endif
