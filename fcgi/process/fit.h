/* Whether this program, as this account, can serve the event log.
 *
 * Only what will not pass by itself makes it unfit: a log that a newer version made, one that
 * is no database, and one that may not be read or written.  A log that is busy, full or not
 * there yet is no reason: the process serves, and answers `later` until the log can be used.
 *
 * Thread: any; each call opens the log and closes it again (2 ms; up to 250 ms where it is
 * locked). */
#ifndef ROWCAST_FCGI_FIT_H
#define ROWCAST_FCGI_FIT_H

#include <stdbool.h>

/* False: unfit.  `tell`: say in the log which variables of the environment are not in force,
 * and why the log cannot be used. */
bool fit_for(const char *db_path, bool tell);

#endif
