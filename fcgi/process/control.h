/* What a supervisor and its processes say to each other: lines, over a socket pair.  After a
 * deploy the two may be of different versions.  So neither the lines nor the options with which
 * a process is started may ever change their meaning, and an unknown line is ignored.
 *
 *     process -> supervisor   ready    it accepts; the event log can be used, or the reason why
 *                                      not will pass by itself
 *     process -> supervisor   unfit    instead: this program cannot use the event log, and
 *                                      accepts nobody.  It looks again each second, and may
 *                                      still become ready
 *     supervisor -> process   serve    to an unfit process: nobody else serves, so accept, and
 *                                      answer what can be answered
 *     supervisor -> process   drain    accept nobody, end the streams over --drain-seconds, and
 *                                      exit
 *     supervisor -> process   (end of file)  the supervisor is gone: end as on SIGTERM
 *
 * An older supervisor does not know `unfit`: to it the process is not ready in time, and it
 * keeps the old processes.
 *
 *     PROGRAM --listen fd:3 --control 4 --db … --log-to … --log-level … --drain-seconds …
 */
#ifndef ROWCAST_FCGI_CONTROL_H
#define ROWCAST_FCGI_CONTROL_H

#define CONTROL_READY "ready"
#define CONTROL_UNFIT "unfit"
#define CONTROL_SERVE "serve"
#define CONTROL_DRAIN "drain"

/* If the listener were one of the descriptors 0 to 2, libuv would make it blocking, for all who
 * share it. */
enum { CONTROL_LISTENER_FD = 3, CONTROL_FD = 4, CONTROL_LINE_MAX = 32 };

#endif
