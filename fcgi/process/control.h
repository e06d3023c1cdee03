/* What a supervisor and its processes say to each other: lines, over a socket pair.  Each may
 * be of another version than the other (a deploy), so neither the lines nor the options with
 * which a process is started may change their meaning, and a line that is not known is passed
 * over.
 *
 *     process -> supervisor   ready    it accepts; the log can be used, or will be by itself
 *     process -> supervisor   unfit    instead: this program cannot use the log, and accepts
 *                                      nobody.  It looks again each second, and may be ready
 *                                      yet
 *     supervisor -> process   serve    to one that is unfit: nobody else serves, so accept, and
 *                                      answer what can be answered
 *     supervisor -> process   drain    accept nobody, end the streams over --drain-seconds, and
 *                                      exit
 *     supervisor -> process   (end of file)  nobody supervises: end as on SIGTERM
 *
 * An older supervisor does not know `unfit`: to it the process is not ready in time, and the
 * ones before it are kept.
 *
 *     PROGRAM --listen fd:3 --control 4 --db … --log-to … --log-level … --drain-seconds …
 */
#ifndef ROWCAST_FCGI_CONTROL_H
#define ROWCAST_FCGI_CONTROL_H

#define CONTROL_READY "ready"
#define CONTROL_UNFIT "unfit"
#define CONTROL_SERVE "serve"
#define CONTROL_DRAIN "drain"

/* As descriptors 0 to 2 libuv would make the listener blocking, for all who share it. */
enum { CONTROL_LISTENER_FD = 3, CONTROL_FD = 4, CONTROL_LINE_MAX = 32 };

#endif
