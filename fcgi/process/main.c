/* rowcast.fcgi.  The options decide which of four programs it is: one that serves, one that
 * supervises those, one that checks the event log, or one that prints a text. */
#include <signal.h>
#include <stdio.h>

#include "fcgi/base/log.h"
#include "fcgi/process/options.h"
#include "fcgi/process/serve.h"
#include "fcgi/process/supervisor.h"
#include "store/store.h"

static void main_say_line(void *arg, const char *line)
{
    (void)arg;
    puts(line);
}

static int check(const struct options *o)
{
    struct store *s;
    if (store_open(&s, o->db) != STORE_OK) {
        fputs("rowcast: out of memory\n", stderr);
        return 1;
    }
    enum store_result r = store_check(s, main_say_line, NULL);
    fflush(stdout); /* so that the findings come before the verdict, also through a pipe */
    if (r != STORE_OK)
        fprintf(stderr, "rowcast: %s\n", store_why(s));
    store_close(s);
    return r == STORE_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct options o;
    /* Then a write beyond the limit of file size fails as on a full disk, and does not end the
     * process. */
    signal(SIGXFSZ, SIG_IGN);
    switch (options_read(&o, argc, argv)) {
    case OPTIONS_HELP:
        options_help();
        return 0;
    case OPTIONS_VERSION:
        puts("rowcast " ROWCAST_VERSION);
        return 0;
    case OPTIONS_WRONG:
        return 2;
    case OPTIONS_CHECK:
        return check(&o);
    case OPTIONS_RUN:
        break;
    }
    log_open(o.log_to, o.log_level);
    int status = o.processes > 0 ? supervise(&o, argv[0]) : serve(&o);
    log_close();
    return status;
}
