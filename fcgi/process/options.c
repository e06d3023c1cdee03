/* The command line wins over the environment, and the environment over the default: a unit file
 * sets the variables for all, and a person who starts the program by hand can still override
 * them.
 *
 * Values are only taken at first, and understood when all are there.  So a wrong variable does
 * no harm if an option replaces it, and --help answers in spite of one. */
#include "fcgi/process/options.h"

#include "fcgi/base/number.h"
#include "store/address.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond all characters, which getopt_long returns for other options, and '?' for a wrong
 * one. */
enum {
    OPTION_DB = 256,
    OPTION_LISTEN,
    OPTION_SOCKET_MODE,
    OPTION_SOCKET_OWNER,
    OPTION_PROCESSES,
    OPTION_DRAIN_SECONDS,
    OPTION_LOG_TO,
    OPTION_LOG_LEVEL,
    OPTION_CONTROL
};

static const struct option long_options[] = {
    {"db", required_argument, NULL, OPTION_DB},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"socket-mode", required_argument, NULL, OPTION_SOCKET_MODE},
    {"socket-owner", required_argument, NULL, OPTION_SOCKET_OWNER},
    {"processes", required_argument, NULL, OPTION_PROCESSES},
    {"drain-seconds", required_argument, NULL, OPTION_DRAIN_SECONDS},
    {"log-to", required_argument, NULL, OPTION_LOG_TO},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"control", required_argument, NULL, OPTION_CONTROL},
    {"check", no_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

void options_help(void)
{
    puts("Usage: rowcast.fcgi [OPTION]...\n"
         "Stream the rows of an SQLite event log to browsers as Server-Sent Events.\n"
         "\n"
         "Started by a web server it serves FastCGI on descriptor 0, or one CGI request;\n"
         "started by socket activation (LISTEN_FDS), on the one socket it was given.\n"
         "\n"
         "  --db PATH              the event log; sessions go to PATH.sessions\n"
         "                         (ROWCAST_DB; " ROWCAST_DB_DEFAULT ")\n"
         "  --listen PATH          serve FastCGI on a unix socket of its own,\n"
         "  --listen :PORT         on a port of 127.0.0.1,\n"
         "  --listen fd:N          or on descriptor N, which listens already (ROWCAST_LISTEN)\n"
         "  --socket-mode OCTAL    mode of the socket file, for example 660\n"
         "                         (default: by the umask; ROWCAST_SOCKET_MODE)\n"
         "  --socket-owner USER[:GROUP]\n"
         "                         owner of the socket file; also :GROUP, and numbers\n"
         "                         (ROWCAST_SOCKET_OWNER)\n"
         "  --processes N          supervise N processes that serve, 1 to 64\n"
         "                         (ROWCAST_PROCESSES)\n"
         "  --drain-seconds N      how long a process that is replaced takes to end its\n"
         "                         streams, 0 to 3600 (ROWCAST_DRAIN_SECONDS; 20)\n"
         "  --log-to WHERE         stderr, syslog or a file (ROWCAST_LOG_TO; stderr)\n"
         "  --log-level LEVEL      error, warn, info or debug (ROWCAST_LOG_LEVEL; info)\n"
         "  --check                open everything, create what is missing, say what is wrong\n"
         "  --help, --version\n"
         "\n"
         "TERM, INT and USR1 end the streams and then the process, within two seconds.\n"
         "HUP opens the log file again; with --processes it also replaces all processes\n"
         "by the program that is on the disk now.\n"
         "Settings of the streams are rows of the table rowcast_config; see rowcast(8).");
}

static const char *from_environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static enum options_action wrong(const char *what, const char *value)
{
    fprintf(stderr, "rowcast: %s: %s (see --help)\n", what, value);
    return OPTIONS_WRONG;
}

/* NULL leaves *out as it is. */
static bool options_take_number(int *out, const char *text, int base, long least, long most)
{
    return !text || number_read(out, text, base, least, most);
}

/* Values that are more than a text, as they were given. */
struct words {
    const char *level, *mode, *processes, *drain, *control;
};

static enum options_action understand(struct options *o, const struct words *w)
{
    char why[ADDRESS_WHY_SIZE];
    if (!address_check(o->db, why))
        return wrong("--db", why);
    if (!log_level_parse(&o->log_level, w->level))
        return wrong("no such log level", w->level);
    if (!options_take_number(&o->listen.mode, w->mode, 8, 0, 0777))
        return wrong("--socket-mode must be octal, up to 777", w->mode);
    if (!options_take_number(&o->processes, w->processes, 10, 1, PROCESSES_MAX))
        return wrong("--processes must be 1 to 64", w->processes);
    if (!options_take_number(&o->drain_seconds, w->drain, 10, 0, DRAIN_SECONDS_MAX))
        return wrong("--drain-seconds must be 0 to 3600", w->drain);
    if (!options_take_number(&o->control, w->control, 10, 3, 0x7FFFFFFF))
        return wrong("--control must be a descriptor", w->control);
    if (w->control && o->processes)
        return wrong("--control is for a process that is supervised", "--processes");
    return OPTIONS_RUN;
}

/* Owner and mode can be given to a socket file only, and only if we make it. */
static enum options_action check_socket_file(const struct options *o)
{
    const char *where = o->listen.where,
               *what = "whoever made the socket set its mode and owner";
    if (o->listen.mode < 0 && !o->listen.owner)
        return OPTIONS_RUN;
    if (where && *where != ':' && strncmp(where, "fd:", 3) != 0)
        return OPTIONS_RUN;
    if (where && *where == ':')
        what = "a port has no file mode";
    return wrong("--socket-mode and --socket-owner are for the socket file of --listen PATH",
                 what);
}

static void take_environment(struct options *o, struct words *w)
{
    *o = (struct options){.db = from_environment("ROWCAST_DB", ROWCAST_DB_DEFAULT),
                          .listen = {.where = from_environment("ROWCAST_LISTEN", NULL),
                                     .owner = from_environment("ROWCAST_SOCKET_OWNER", NULL),
                                     .mode = -1},
                          .log_to = from_environment("ROWCAST_LOG_TO", "stderr"),
                          .drain_seconds = DRAIN_SECONDS,
                          .control = -1};
    *w = (struct words){.level = from_environment("ROWCAST_LOG_LEVEL", "info"),
                        .mode = from_environment("ROWCAST_SOCKET_MODE", NULL),
                        .processes = from_environment("ROWCAST_PROCESSES", NULL),
                        .drain = from_environment("ROWCAST_DRAIN_SECONDS", NULL)};
}

static const char **option_target(struct options *o, struct words *w, int option)
{
    switch (option) {
    case OPTION_DB:
        return &o->db;
    case OPTION_LISTEN:
        return &o->listen.where;
    case OPTION_SOCKET_MODE:
        return &w->mode;
    case OPTION_SOCKET_OWNER:
        return &o->listen.owner;
    case OPTION_PROCESSES:
        return &w->processes;
    case OPTION_DRAIN_SECONDS:
        return &w->drain;
    case OPTION_LOG_TO:
        return &o->log_to;
    case OPTION_LOG_LEVEL:
        return &w->level;
    case OPTION_CONTROL:
        return &w->control;
    default:
        return NULL;
    }
}

enum options_action options_read(struct options *o, int argc, char **argv)
{
    enum options_action action = OPTIONS_RUN;
    struct words w;
    int c;
    take_environment(o, &w);
    while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        const char **target = option_target(o, &w, c);
        if (target)
            *target = optarg;
        else if (c == 'c')
            action = OPTIONS_CHECK;
        else if (c == 'h')
            return OPTIONS_HELP;
        else if (c == 'v')
            return OPTIONS_VERSION;
        else
            return OPTIONS_WRONG;
    }
    if (optind < argc)
        return wrong("what is this", argv[optind]);
    if (understand(o, &w) == OPTIONS_WRONG)
        return OPTIONS_WRONG;
    if (action == OPTIONS_RUN && check_socket_file(o) == OPTIONS_WRONG)
        return OPTIONS_WRONG;
    return action;
}
