/* A watch (inotify): the system reports that something was written to the log's -wal, or that
 * names in its folder changed.  The report comes before the commit can be seen; wait.c says how
 * it is used all the same.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_WATCH_H
#define ROWCAST_STORE_SQLITE_WATCH_H

#include <stdbool.h>

struct watch {
    int fd;     /* the inotify descriptor; -1: there is none, or it was refused */
    char *path; /* of the -wal that it watches */
    bool moved; /* a file of the log was removed or replaced; cleared by a look at the files */
};

/* Watch this -wal, unless it is watched.  A refusal (a user may have 128 inotify instances) costs
 * latency, nothing else. */
void watch_open(struct watch *w, const char *wal_path);
void watch_close(struct watch *w); /* also of one that is not open */

/* Read the reports that came; true if one was about the -wal.  The watch has to be open. */
bool watch_fired(struct watch *w);

#endif
