/* The system's word that something was written to the log's -wal, or that the names beside it
 * changed (inotify).  It comes before the commit can be seen; wait.c says what that is good
 * for.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_WATCH_H
#define ROWCAST_STORE_SQLITE_WATCH_H

#include <stdbool.h>

struct watch {
    int fd;     /* of the -wal and of its directory; -1: there is none, or it was refused */
    char *path; /* of the -wal it is for */
    bool moved; /* a file of the log was removed, or another put in its place; whoever looks at
                   the files takes it back */
};

/* Follow the log to this -wal, or try again.  A refusal (there are 128 watches a user) costs
 * latency, nothing else. */
void watch_open(struct watch *w, const char *wal_path);
void watch_close(struct watch *w); /* also of one that is not open */

/* Read what came; true if it was about the -wal.  Only of a watch that is open. */
bool watch_fired(struct watch *w);

#endif
