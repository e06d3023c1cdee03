/* One loop and no other thread: so nothing here needs a lock, and no fork can happen while
 * another thread holds one, which the child would never see released. */
#include "fcgi/process/supervisor.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "fcgi/base/log.h"
#include "fcgi/process/supervisor_internal.h"

static const int signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};
enum { SIGNALS = sizeof signals / sizeof *signals };

static void kill_all(struct supervisor *s, int signal)
{
    struct process *p;
    DL_FOREACH (s->processes, p)
        process_kill(p, signal);
}

/* ---- signals ----------------------------------------------------------------------- */

static void on_stop_deadline(uv_timer_t *t)
{
    struct supervisor *s = t->data;
    log_line(LOG_LEVEL_ERROR, "processes_killed", "why=\"they did not end\"");
    kill_all(s, SIGKILL);
}

/* The pauses are stopped, too: a process that was started after this would get no TERM. */
static void supervisor_stop(struct supervisor *s)
{
    s->stopping = true;
    uv_timer_stop(&s->look);
    for (int i = 0; i < s->options->processes; i++)
        uv_timer_stop(&s->slot[i].pause);
    kill_all(s, SIGTERM);
    uv_timer_start(&s->deadline, on_stop_deadline, SUPERVISOR_END_MS, 0);
    if (!s->processes)
        supervisor_ended(s);
}

/* A process that is starting opens the log file by its new name anyway, and HUP might end it:
 * it has perhaps not blocked the signal yet. */
static void supervisor_hang_up(struct supervisor *s)
{
    struct process *p;
    if (s->stopping)
        return;
    log_reopen();
    DL_FOREACH (s->processes, p)
        if (p->state != PROCESS_STARTING)
            process_kill(p, SIGHUP);
    slots_round(s);
}

static void on_signal(uv_signal_t *h, int signal)
{
    struct supervisor *s = h->data;
    if (signal == SIGHUP) {
        supervisor_hang_up(s);
    } else if (!s->stopping) {
        log_line(LOG_LEVEL_INFO, "supervisor_stops", "signal=%d", signal);
        supervisor_stop(s);
    }
}

/* Nothing here can repair a listener.  The exit status 1 asks for another start, by a service
 * manager or a person, and that makes a new socket. */
static void on_look(uv_timer_t *t)
{
    struct supervisor *s = t->data;
    const char *why = listener_lost(&s->listener);
    log_look();
    if (!why)
        return;
    s->lost = true;
    log_line(LOG_LEVEL_ERROR, "listener_lost", "doing=end why=\"%s\"", why);
    supervisor_stop(s);
}

/* We inherit which signals the process that started us had ignored or blocked. */
static void watch_signals(struct supervisor *s)
{
    sigset_t set;
    sigemptyset(&set);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < SIGNALS; i++) {
        sigaddset(&set, signals[i]);
        uv_signal_init(&s->loop, &s->signal[i]);
        s->signal[i].data = s;
        uv_signal_start(&s->signal[i], on_signal, signals[i]);
    }
    sigaddset(&set, SIGCHLD);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- start and end ----------------------------------------------------------------- */

void supervisor_ended(struct supervisor *s)
{
    uv_stop(&s->loop);
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void supervisor_run(struct supervisor *s)
{
    watch_signals(s);
    uv_timer_init(&s->loop, &s->deadline);
    uv_timer_init(&s->loop, &s->look);
    s->deadline.data = s->look.data = s;
    uv_timer_start(&s->look, on_look, SUPERVISOR_LOOK_MS, SUPERVISOR_LOOK_MS);
    slots_start(s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_walk(&s->loop, close_handle, NULL); /* no process is left among them */
    uv_run(&s->loop, UV_RUN_DEFAULT);
}

static bool open_all(struct supervisor *s, const char *invoked)
{
    if (!listener_open(&s->listener, &s->options->listen))
        return false;
    if (s->listener.fd < 0)
        log_line(LOG_LEVEL_ERROR, "start_failed",
                 "why=\"--processes needs a listening socket: --listen, socket activation, or "
                 "descriptor 0\"");
    return s->listener.fd >= 0 && program_find(&s->program, s->options, invoked);
}

int supervise(const struct options *o, const char *invoked)
{
    int status = 1;
    struct supervisor *s = calloc(1, sizeof *s);
    if (!s || uv_loop_init(&s->loop) != 0) {
        log_line(LOG_LEVEL_ERROR, "start_failed", "why=\"memory or descriptors\"");
        free(s);
        return status;
    }
    s->options = o;
    s->listener = (struct listener){.fd = -1, .file = -1};
    s->round = -1;
    if (open_all(s, invoked)) {
        log_line(LOG_LEVEL_INFO, "supervisor_starts",
                 "version=" ROWCAST_VERSION " processes=%d program=\"%s\" db=\"%s\"",
                 o->processes, s->program.path, o->db);
        supervisor_run(s);
        status = s->lost ? 1 : 0;
        log_line(LOG_LEVEL_INFO, "supervisor_ends", "db=\"%s\"", o->db);
    }
    listener_close(&s->listener);
    program_free(&s->program);
    uv_loop_close(&s->loop);
    free(s);
    return status;
}
