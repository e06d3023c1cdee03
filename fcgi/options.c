#include "fcgi/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_DB = 256, OPTION_LISTEN, OPTION_LOG_TO, OPTION_LOG_LEVEL };

static const struct option long_options[] = {
    {"db", required_argument, NULL, OPTION_DB},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"log-to", required_argument, NULL, OPTION_LOG_TO},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
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
         "Started by a web server it serves FastCGI on descriptor 0, or one CGI request.\n"
         "\n"
         "  --db PATH          the event log; sessions go to PATH.sessions\n"
         "                     (ROWCAST_DB; " ROWCAST_DB_DEFAULT ")\n"
         "  --listen PATH      serve FastCGI on a unix socket of its own, or on\n"
         "  --listen :PORT     127.0.0.1 (ROWCAST_LISTEN)\n"
         "  --log-to WHERE     stderr, syslog or a file (ROWCAST_LOG_TO; stderr)\n"
         "  --log-level LEVEL  error, warn, info or debug (ROWCAST_LOG_LEVEL; info)\n"
         "  --check            open everything, make what is missing, say what is wrong\n"
         "  --help, --version\n"
         "\n"
         "TERM, INT and USR1 end the streams and then the process, within two seconds.\n"
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

enum options_action options_read(struct options *o, int argc, char **argv)
{
    enum options_action action = OPTIONS_RUN;
    const char *level = from_environment("ROWCAST_LOG_LEVEL", "info");
    int c;
    *o = (struct options){.db = from_environment("ROWCAST_DB", ROWCAST_DB_DEFAULT),
                          .listen = from_environment("ROWCAST_LISTEN", NULL),
                          .log_to = from_environment("ROWCAST_LOG_TO", "stderr")};
    while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (c) {
        case OPTION_DB:
            o->db = optarg;
            break;
        case OPTION_LISTEN:
            o->listen = optarg;
            break;
        case OPTION_LOG_TO:
            o->log_to = optarg;
            break;
        case OPTION_LOG_LEVEL:
            level = optarg;
            break;
        case 'c':
            action = OPTIONS_CHECK;
            break;
        case 'h':
            return OPTIONS_HELP;
        case 'v':
            return OPTIONS_VERSION;
        default:
            return OPTIONS_WRONG;
        }
    }
    if (optind < argc)
        return wrong("what is this", argv[optind]);
    if (!*o->db)
        return wrong("--db wants a path", "\"\"");
    if (!log_level_parse(&o->log_level, level))
        return wrong("no such log level", level);
    return action;
}
