#include "fcgi/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/responder.h"
#include "fcgi/control.h"
#include "store/store.h"

/* What main waits for. */
struct waiting {
    const struct options *options;
    struct responder *responder;
    int signals; /* TERM, INT, USR1, HUP */
    int emptied; /* -1: not waited for */
    int control; /* -1: nobody supervises */
    char said[CONTROL_LINE_MAX];
    size_t said_len;
};

/* Blocked in every thread, and taken by main alone, from a descriptor.  PIPE is only blocked: a
 * peer that left is an error of its write. */
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

/* True: the process shall end. */
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

static void heed_line(struct waiting *w)
{
    if (strcmp(w->said, CONTROL_DRAIN) != 0)
        return; /* of a newer supervisor */
    log_line(LOG_LEVEL_INFO, "drain", "seconds=%d", w->options->drain_seconds);
    responder_drain(w->responder, w->options->drain_seconds);
    w->emptied = responder_emptied(w->responder);
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

static void wait_for_end(struct waiting *w)
{
    for (bool end = false; !end;) {
        struct pollfd p[3] = {{.fd = w->signals, .events = POLLIN},
                              {.fd = w->emptied, .events = POLLIN},
                              {.fd = w->control, .events = POLLIN}};
        if (poll(p, 3, -1) < 0)
            continue;
        end = p[1].revents != 0;
        if (p[0].revents)
            end = heed_signal(w) || end;
        if (p[2].revents)
            end = heed_supervisor(w) || end;
    }
}

static void log_environment(void *arg, const char *line)
{
    (void)arg;
    log_line(LOG_LEVEL_WARN, "environment", "note=\"%s\"", line);
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

static void say_ready(int control)
{
    static const char ready[] = CONTROL_READY "\n";
    if (control >= 0 && send(control, ready, sizeof ready - 1, MSG_NOSIGNAL) < 0)
        log_line(LOG_LEVEL_ERROR, "supervisor_lost", "doing=start why=\"%s\"", strerror(errno));
}

static bool run(const struct options *o, const struct listener *l, int signals)
{
    struct responder *r = responder_new(o->db);
    struct waiting w = {
        .options = o, .responder = r, .signals = signals, .emptied = -1, .control = o->control};
    if (!r) {
        log_line(LOG_LEVEL_ERROR, "start_failed", "why=\"memory or descriptors\"");
        return false;
    }
    log_line(LOG_LEVEL_INFO, "start", "version=" ROWCAST_VERSION " db=\"%s\"", o->db);
    bool serves = true;
    if (l->fd < 0) {
        w.emptied = responder_emptied(r);
        if (responder_serve_cgi(r))
            wait_for_end(&w);
    } else if ((serves = responder_serve(r, l->fd))) {
        say_ready(o->control);
        look_at_environment(o);
        wait_for_end(&w);
    }
    responder_free(r);
    log_line(LOG_LEVEL_INFO, "stop", "db=\"%s\"", o->db);
    return serves;
}

static bool prepare(const struct options *o, int *signals)
{
    /* Batches are made in one thread and freed in another: more arenas would only scatter them.
     */
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    *signals = block_signals();
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
    bool served = run(o, &l, signals);
    listener_close(&l);
    close(signals);
    return served ? 0 : 1;
}
