/* rowcast.fcgi: what it was asked to do. */
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
    fflush(stdout); /* the findings come before what they amount to, also in a pipe */
    if (r != STORE_OK)
        fprintf(stderr, "rowcast: %s\n", store_why(s));
    store_close(s);
    return r == STORE_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct options o;
    /* A limit of file size is an error of the write, like a full disk, and not the end. */
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
