/* rowcast.fcgi: options, signals, and the order of start and stop. */
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fcgi/log.h"
#include "fcgi/options.h"
#include "fcgi/responder.h"
#include "store/store.h"

static void say_line(void *arg, const char *line)
{
    (void)arg;
    puts(line);
}

static void log_environment(void *arg, const char *line)
{
    (void)arg;
    log_line(LOG_LEVEL_WARN, "environment", "note=\"%s\"", line);
}

static int check(const struct options *o)
{
    struct store *s;
    if (store_open(&s, o->db) != STORE_OK) {
        fputs("rowcast: out of memory\n", stderr);
        return 1;
    }
    enum store_result r = store_check(s, say_line, NULL);
    fflush(stdout); /* the findings come before what they amount to, also in a pipe */
    if (r != STORE_OK)
        fprintf(stderr, "rowcast: %s\n", store_why(s));
    store_close(s);
    return r == STORE_OK ? 0 : 1;
}

/* Blocked in every thread, and taken by main alone, from a descriptor.  HUP and PIPE are only
 * blocked: a log file that was rotated is appended to, a peer that left is an error of its
 * write. */
static int block_signals(void)
{
    sigset_t all, ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGUSR1);
    all = ends;
    sigaddset(&all, SIGHUP);
    sigaddset(&all, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    return signalfd(-1, &ends, SFD_CLOEXEC);
}

static void wait_for_end(int signals, int emptied)
{
    struct pollfd p[2] = {{.fd = signals, .events = POLLIN}, {.fd = emptied, .events = POLLIN}};
    while (poll(p, 2, -1) < 0)
        continue;
}

static void look_at_environment(const struct options *o)
{
    struct store *s;
    if (store_open(&s, o->db) != STORE_OK)
        return;
    if (store_environment(s, log_environment, NULL) != STORE_OK)
        log_line(LOG_LEVEL_ERROR, "log_unavailable", "doing=start why=\"%s\"", store_why(s));
    store_close(s);
}

static int serve(const struct options *o, int signals)
{
    int listener = o->listen ? options_listen(o->listen) : workers_have_listener() ? 0 : -1;
    if (o->listen && listener < 0)
        return 1;
    struct responder *r = responder_new(o->db);
    if (!r)
        return 1;
    log_line(LOG_LEVEL_INFO, "start", "version=" ROWCAST_VERSION " db=\"%s\"", o->db);
    if (listener < 0) {
        if (responder_serve_cgi(r))
            wait_for_end(signals, responder_emptied(r));
    } else if (responder_serve(r, listener)) {
        look_at_environment(o);
        wait_for_end(signals, -1);
    }
    responder_free(r);
    if (o->listen)
        options_unlisten(o->listen);
    log_line(LOG_LEVEL_INFO, "stop", "db=\"%s\"", o->db);
    return 0;
}

int main(int argc, char **argv)
{
    struct options o;
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
    /* Batches are made in one thread and freed in another: more arenas would only scatter them.
     */
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    log_open(o.log_to, o.log_level);
    int signals = block_signals();
    if (signals < 0 || !workers_setup()) {
        log_line(LOG_LEVEL_ERROR, "start_failed", "why=\"libfcgi or descriptors\"");
        return 1;
    }
    int status = serve(&o, signals);
    close(signals);
    log_close();
    return status;
}
