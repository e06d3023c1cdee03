/* Which processes are older than this program.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_CHECK_PROCESSES_H
#define ROWCAST_STORE_SQLITE_CHECK_PROCESSES_H

#include "store/sqlite/finding.h"

/* Name the processes that live and are of a version older than this program's.  That is nothing
 * wrong, since such processes go on during a deploy. */
void check_processes(struct checking *c);

#endif
