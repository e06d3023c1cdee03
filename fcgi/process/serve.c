/* Main sleeps in one poll(), over the signals, the supervisor, and the word that no stream is
 * left.  Signals come by a descriptor, so nothing is done in a handler, where hardly anything
 * may be done.  They are blocked before the first thread starts, because threads inherit that,
 * and a signal goes to any thread that has not blocked it. */
#include "fcgi/process/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/process/control.h"
#include "fcgi/process/fit.h"
#include "fcgi/hub/responder.h"

enum { LOOK_MS = 1000 }; /* between looks at the log file, the listener, and an unfit log */

/* What main waits for. */
struct waiting {
    const struct options *options;
    struct responder *responder;
    const struct listener *listener;
    int signals; /* TERM, INT, USR1, HUP */
    int emptied; /* -1: not waited for */
    int control; /* -1: nobody supervises */
    char said[CONTROL_LINE_MAX];
    size_t said_len;
    bool serving;
    bool unfit;  /* the event log cannot be used, and the supervisor was told so */
    bool failed; /* the exit status has to tell that something is wrong */
};

/* PIPE is blocked and never taken, since a write to a peer that left fails with EPIPE. */
static int block_signals(void)
{
    sigset_t all, taken;
    sigemptyset(&taken);
    sigaddset(&taken, SIGTERM);
    sigaddset(&taken, SIGINT);
    sigaddset(&taken, SIGUSR1);
    sigaddset(&taken, SIGHUP);
    all = taken;
    sigaddset(&all, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    return signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* True: the process has to end. */
static bool heed_signal(const struct waiting *w)
{
    struct signalfd_siginfo s;
    if (read(w->signals, &s, sizeof s) != sizeof s)
        return false;
    if (s.ssi_signo != SIGHUP)
        return true;
    log_reopen();
    return false;
}

/* Accept from now on.  A process that cannot do that ends. */
static bool serve_clients(struct waiting *w)
{
    if (!w->serving)
        w->serving = responder_serve(w->responder, w->listener->fd);
    w->failed |= !w->serving;
    return w->serving;
}

static void serve_drain(struct waiting *w)
{
    log_line(LOG_LEVEL_INFO, "drain", "seconds=%d", w->options->drain_seconds);
    responder_drain(w->responder, w->options->drain_seconds);
    w->emptied = responder_emptied(w->responder);
}

static void heed_line(struct waiting *w)
{
    if (strcmp(w->said, CONTROL_DRAIN) == 0)
        serve_drain(w);
    else if (strcmp(w->said, CONTROL_SERVE) == 0)
        serve_clients(w);
    /* else it is a line of a newer supervisor */
}

static void say(const struct waiting *w, const char *line)
{
    size_t len = strlen(line);
    if (w->control >= 0 && send(w->control, line, len, MSG_NOSIGNAL) < 0)
        log_line(LOG_LEVEL_ERROR, "supervisor_lost", "doing=start why=\"%s\"", strerror(errno));
}

/* True: the supervisor is gone. */
static bool heed_supervisor(struct waiting *w)
{
    char c;
    ssize_t n;
    while ((n = recv(w->control, &c, 1, MSG_DONTWAIT)) == 1) {
        if (w->said_len < sizeof w->said - 1)
            w->said[w->said_len++] = c;
        if (c != '\n')
            continue;
        w->said[w->said_len - 1] = '\0';
        w->said_len = 0;
        heed_line(w);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    log_line(LOG_LEVEL_ERROR, "supervisor_lost", "doing=end");
    return true;
}

/* Perhaps the log that made us unfit was repaired, or replaced. */
static void look_at_unfit(struct waiting *w)
{
    if (!w->unfit || !fit_for(w->options->db, false) || !serve_clients(w))
        return;
    w->unfit = false;
    log_line(LOG_LEVEL_INFO, "log_available", "doing=start");
    say(w, CONTROL_READY "\n");
}

/* Look at what no descriptor tells. */
static void look_around(struct waiting *w)
{
    log_look();
    if (w->listener->fd < 0 || w->emptied >= 0)
        return; /* it accepts nobody, or no longer */
    look_at_unfit(w);
    const char *lost = listener_lost(w->listener);
    if (!lost)
        return;
    log_line(LOG_LEVEL_ERROR, "listener_lost", "doing=end why=\"%s\"", lost);
    w->failed = true;
}

/* The looks are made after a second without an event.  Events are signals and lines of the
 * supervisor.  They are rare, so no look is put off for long. */
static void wait_for_end(struct waiting *w)
{
    for (bool end = false; !end && !w->failed;) {
        struct pollfd p[3] = {{.fd = w->signals, .events = POLLIN},
                              {.fd = w->emptied, .events = POLLIN},
                              {.fd = w->control, .events = POLLIN}};
        int n = poll(p, 3, LOOK_MS);
        if (n == 0)
            look_around(w);
        if (n <= 0)
            continue;
        end = p[1].revents != 0;
        if (p[0].revents)
            end = heed_signal(w) || end;
        if (p[2].revents)
            end = heed_supervisor(w) || end;
    }
}

/* The look at the event log comes first, also because it creates a log that is missing, which
 * would keep the first request waiting.  A process on its own serves whatever was found, and
 * answers `later` until the log can be used.  One of several accepts nobody whom another one
 * could serve better. */
static void start(struct waiting *w)
{
    w->unfit = !fit_for(w->options->db, true) && w->control >= 0;
    if (w->unfit)
        say(w, CONTROL_UNFIT "\n");
    else if (serve_clients(w))
        say(w, CONTROL_READY "\n");
}

static bool serve_run(const struct options *o, const struct listener *l, int signals)
{
    struct responder *r = responder_new(o->db);
    struct waiting w = {.options = o,
                        .responder = r,
                        .listener = l,
                        .signals = signals,
                        .emptied = -1,
                        .control = o->control};
    if (!r) {
        log_line(LOG_LEVEL_ERROR, "start_failed", "why=\"memory or descriptors\"");
        return false;
    }
    log_line(LOG_LEVEL_INFO, "start", "version=" ROWCAST_VERSION " db=\"%s\"", o->db);
    if (l->fd >= 0) {
        start(&w);
        wait_for_end(&w);
    } else {
        w.emptied = responder_emptied(r);
        if (responder_serve_cgi(r))
            wait_for_end(&w);
    }
    responder_free(r);
    log_line(LOG_LEVEL_INFO, "stop", "db=\"%s\"", o->db);
    return !w.failed;
}

static void log_notice(enum store_notice what, const char *text)
{
    switch (what) {
    case STORE_NOTICE_FILES:
        log_line(LOG_LEVEL_WARN, "log_files", "note=\"%s\"", text);
        break;
    case STORE_NOT_UPGRADED:
        log_line(LOG_LEVEL_WARN, "log_not_upgraded", "why=\"%s\"", text);
        break;
    case STORE_UPGRADED:
        log_line(LOG_LEVEL_INFO, "log_upgraded", "%s", text);
        break;
    case STORE_CHECKPOINT_WAITS:
        log_line(LOG_LEVEL_WARN, "checkpoint", "%s", text);
        break;
    case STORE_CHECKPOINT_DONE:
        log_line(LOG_LEVEL_INFO, "checkpoint", "%s", text);
        break;
    }
}

static bool prepare(const struct options *o, int *signals)
{
    /* Batches are made in one thread and freed in another, so more arenas would only scatter
     * them.  Blocks of 64 KiB and more are mappings of their own, which the system gets back as
     * soon as they are freed. */
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    *signals = block_signals();
    store_notices(log_notice);
    if (o->control >= 0 && fcntl(o->control, F_SETFD, FD_CLOEXEC) != 0) {
        log_line(LOG_LEVEL_ERROR, "start_failed", "why=\"--control %d: no such descriptor\"",
                 o->control);
        return false;
    }
    if (*signals >= 0)
        return true;
    log_line(LOG_LEVEL_ERROR, "start_failed", "why=\"descriptors\"");
    return false;
}

int serve(const struct options *o)
{
    struct listener l;
    int signals;
    if (!prepare(o, &signals) || !listener_open(&l, &o->listen))
        return 1;
    bool served = serve_run(o, &l, signals);
    listener_close(&l);
    close(signals);
    return served ? 0 : 1;
}
