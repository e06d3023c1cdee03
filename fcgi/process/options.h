/* The process's own options, from the command line and the environment.  Thread: main. */
#ifndef ROWCAST_FCGI_OPTIONS_H
#define ROWCAST_FCGI_OPTIONS_H

#include "fcgi/process/listen.h"
#include "fcgi/base/log.h"
#include "store/version.h"

#define ROWCAST_DB_DEFAULT "/var/lib/rowcast/rowcast.db"

enum { PROCESSES_MAX = 64, DRAIN_SECONDS = 20, DRAIN_SECONDS_MAX = 3600 };

enum options_action {
    OPTIONS_RUN,
    OPTIONS_CHECK,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_WRONG
};

/* The strings are those of argv or the environment. */
struct options {
    const char *db;
    struct listener_wish listen; /* `where` NULL: what we were given */
    const char *log_to;
    enum log_level log_level;
    int processes;     /* how many this one supervises; 0: it serves itself */
    int drain_seconds; /* how long a process that is replaced takes to end its streams */
    int control;       /* of a supervised process: its supervisor's socket; -1: none */
};

/* Read the command line first, then ROWCAST_DB, ROWCAST_LISTEN and so on, then the defaults.
 * OPTIONS_WRONG: a sentence about it went to stderr. */
enum options_action options_read(struct options *o, int argc, char **argv);
void options_help(void); /* to stdout */

#endif
