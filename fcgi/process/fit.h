/* Whether this program, as this account, can serve the event log.
 *
 * Only what will not pass by itself makes it unfit: a log made by a newer version, a file that
 * is no database, and a log that this account may not read or write.  A log that is busy, full
 * or not there yet does not: the process serves, and answers `later` until the log can be used.
 *
 * Thread: any.  Each call opens the log and closes it again (2 ms; up to 250 ms if it is
 * locked). */
#ifndef ROWCAST_FCGI_FIT_H
#define ROWCAST_FCGI_FIT_H

#include <stdbool.h>

/* False: unfit.  `tell`: write to the log file which variables of the environment are not in
 * force, and why the event log cannot be used. */
bool fit_for(const char *db_path, bool tell);

#endif
