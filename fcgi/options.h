/* The process's own options, from the command line and the environment. */
#ifndef ROWCAST_FCGI_OPTIONS_H
#define ROWCAST_FCGI_OPTIONS_H

#include <stdbool.h>

#include "fcgi/log.h"

#define ROWCAST_VERSION "0.1.0"
#define ROWCAST_DB_DEFAULT "/var/lib/rowcast/rowcast.db"

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
    const char *listen; /* NULL: descriptor 0 */
    const char *log_to;
    enum log_level log_level;
};

/* Command line first, then ROWCAST_DB, ROWCAST_LISTEN, ROWCAST_LOG_TO, ROWCAST_LOG_LEVEL, then
 * the defaults.  OPTIONS_WRONG: a sentence about it went to stderr. */
enum options_action options_read(struct options *o, int argc, char **argv);
void options_help(void); /* to stdout */

/* The listening socket of --listen: a path makes a unix socket, `:PORT` one on 127.0.0.1.  A
 * socket file that nobody listens on any more is replaced.  Close-on-exec.  -1: a sentence went
 * to the log. */
int options_listen(const char *where);

/* Remove the socket file again, if `where` is one. */
void options_unlisten(const char *where);

#endif
