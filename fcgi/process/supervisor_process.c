/* A process has three libuv handles (itself, its control socket, its deadline), and each is
 * closed in the loop, some turns later.  So a struct process outlives the process: it leaves
 * the list at once, when the child has ended, and is freed when the last handle is closed.
 *
 * A process has one deadline, which is set anew for each stage: to get ready, to drain, to be
 * dismissed.  A process that misses it is killed, and its slot goes on as after any other
 * death. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fcgi/base/log.h"
#include "fcgi/process/supervisor_internal.h"

static void on_closed(uv_handle_t *h)
{
    struct process *p = h->data;
    if (--p->open_handles == 0)
        free(p);
}

static void close_all(struct process *p)
{
    uv_close((uv_handle_t *)&p->handle, on_closed);
    uv_close((uv_handle_t *)&p->control, on_closed);
    uv_close((uv_handle_t *)&p->deadline, on_closed);
}

/* Only a drain or the stop ends a process.  Any other end is an error, even with status 0. */
static void on_exit_of(uv_process_t *h, int64_t status, int by_signal)
{
    struct process *p = h->data;
    struct supervisor *s = p->supervisor;
    bool expected = s->stopping || p->state == PROCESS_DRAINING;
    log_line(expected && status == 0 && by_signal == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
             "process_ended", "slot=%d process=%d status=%d signal=%d lived_ms=%llu",
             p->slot->number, h->pid, (int)status, by_signal,
             (unsigned long long)(uv_now(&s->loop) - p->started));
    DL_DELETE(s->processes, p);
    slots_gone(p);
    p->state = PROCESS_ENDED;
    close_all(p);
}

static void on_deadline(uv_timer_t *t)
{
    struct process *p = t->data;
    log_line(LOG_LEVEL_ERROR, "process_killed", "slot=%d process=%d why=\"%s\"",
             p->slot->number, p->handle.pid,
             p->state == PROCESS_STARTING ? "not ready in time"
                                          : "still there after its drain");
    process_kill(p, SIGKILL);
}

static void get_ready(struct process *p)
{
    p->state = PROCESS_READY;
    uv_timer_stop(&p->deadline);
    log_line(LOG_LEVEL_INFO, "process_ready", "slot=%d process=%d", p->slot->number,
             p->handle.pid);
    slots_ready(p);
}

static void be_unfit(struct process *p)
{
    p->state = PROCESS_UNFIT;
    uv_timer_stop(&p->deadline);
    log_line(LOG_LEVEL_ERROR, "process_unfit",
             "slot=%d process=%d why=\"it cannot use the log; its own lines say why\"",
             p->slot->number, p->handle.pid);
    slots_unfit(p);
}

static void heed(struct process *p)
{
    bool waits = p->state == PROCESS_STARTING || p->state == PROCESS_UNFIT;
    if (waits && strcmp(p->said, CONTROL_READY) == 0)
        get_ready(p);
    else if (p->state == PROCESS_STARTING && strcmp(p->said, CONTROL_UNFIT) == 0)
        be_unfit(p);
}

/* One buffer serves all processes: on_said uses up what was read before libuv asks again. */
static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    static char room[256];
    (void)h, (void)suggested;
    *buf = uv_buf_init(room, sizeof room);
}

static void on_said(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
    struct process *p = h->data;
    if (n < 0)
        uv_read_stop(h); /* it is ending, and on_exit_of comes */
    for (ssize_t i = 0; i < n; i++) {
        if (buf->base[i] != '\n') {
            if (p->said_len < sizeof p->said - 1)
                p->said[p->said_len++] = buf->base[i];
            continue;
        }
        p->said[p->said_len] = '\0';
        p->said_len = 0;
        heed(p);
    }
}

/* Descriptor 0 is not handed on, because a process takes a listening descriptor 0 for its own
 * listener (listen.h).  What it writes to 1 and 2 goes where ours goes. */
static int spawn(struct process *p)
{
    struct supervisor *s = p->supervisor;
    uv_stdio_container_t stdio[CONTROL_FD + 1] = {
        [0] = {.flags = UV_IGNORE}, /* /dev/null */
        [1] = {.flags = UV_INHERIT_FD, .data.fd = 1},
        [2] = {.flags = UV_INHERIT_FD, .data.fd = 2},
        [CONTROL_LISTENER_FD] = {.flags = UV_INHERIT_FD, .data.fd = s->listener.fd},
        [CONTROL_FD] = {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
                        .data.stream = (uv_stream_t *)&p->control}};
    uv_process_options_t o = {.exit_cb = on_exit_of,
                              .file = s->program.path,
                              .args = s->program.args,
                              .env = s->program.environment,
                              .stdio_count = CONTROL_FD + 1,
                              .stdio = stdio};
    return uv_spawn(&s->loop, &p->handle, &o);
}

struct process *process_start(struct supervisor *s, struct slot *slot)
{
    struct process *p = calloc(1, sizeof *p);
    if (!p) {
        log_line(LOG_LEVEL_ERROR, "process_refused", "slot=%d why=\"out of memory\"",
                 slot->number);
        return NULL;
    }
    p->supervisor = s;
    p->slot = slot;
    p->open_handles = 3;
    uv_pipe_init(&s->loop, &p->control, 0);
    uv_timer_init(&s->loop, &p->deadline);
    int error = spawn(p);
    p->handle.data = p->control.data = p->deadline.data = p;
    if (error) {
        log_line(LOG_LEVEL_ERROR, "process_refused", "slot=%d program=\"%s\" why=\"%s\"",
                 slot->number, s->program.path, uv_strerror(error));
        close_all(p);
        return NULL;
    }
    p->started = uv_now(&s->loop);
    DL_APPEND(s->processes, p);
    uv_read_start((uv_stream_t *)&p->control, on_room, on_said);
    uv_timer_start(&p->deadline, on_deadline, SUPERVISOR_READY_MS, 0);
    log_line(LOG_LEVEL_INFO, "process_started", "slot=%d process=%d", slot->number,
             p->handle.pid);
    return p;
}

/* False: it does not read, or is ending anyway. */
static bool process_tell(struct process *p, char *line)
{
    uv_buf_t b = uv_buf_init(line, (unsigned)strlen(line));
    return uv_try_write((uv_stream_t *)&p->control, &b, 1) == (int)b.len;
}

void process_drain(struct process *p)
{
    static char drain[] = CONTROL_DRAIN "\n";
    uint64_t ms = (uint64_t)p->supervisor->options->drain_seconds * 1000;
    p->state = PROCESS_DRAINING;
    if (!process_tell(p, drain))
        process_kill(p, SIGTERM);
    uv_timer_start(&p->deadline, on_deadline, ms + SUPERVISOR_DRAIN_GRACE_MS, 0);
}

void process_serve(struct process *p)
{
    static char serve[] = CONTROL_SERVE "\n";
    process_tell(p, serve);
}

void process_dismiss(struct process *p)
{
    p->state = PROCESS_DRAINING;
    process_kill(p, SIGTERM);
    uv_timer_start(&p->deadline, on_deadline, SUPERVISOR_END_MS, 0);
}

void process_kill(struct process *p, int signal)
{
    uv_process_kill(&p->handle, signal);
}
