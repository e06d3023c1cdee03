/* What --check finds.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_SQLITE_FINDING_H
#define ROWCAST_STORE_SQLITE_FINDING_H

#include "store/store.h"

struct sqlite_store;

/* Where findings go, and the first thing that was wrong. */
struct checking {
    struct sqlite_store *store;
    void (*say)(void *arg, const char *line);
    void *arg;
    enum store_result first;
};

/* Say a line about something that is wrong. */
void finding(struct checking *c, enum store_result r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
