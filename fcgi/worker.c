#include "fcgi/worker.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/accept.h"
#include "fcgi/answer.h"
#include "fcgi/cgi.h"
#include "fcgi/log.h"
#include "fcgi/publish.h"

/* Thread: its own, from its start to its end. */
struct worker {
    const struct worker_context *context;
    pthread_t thread;
    struct answerer answerer;
    struct hub *hub;    /* NULL: no stream yet */
    atomic_int reading; /* the connection whose request is being read; -1: none */
};

struct workers {
    int count;
    struct worker worker[];
};

bool workers_setup(void)
{
    return accept_setup();
}

bool workers_have_listener(void)
{
    return accept_has_listener();
}

static bool may_stream(void *arg)
{
    struct worker *w = arg;

    w->hub = w->context->start_streaming(w->context->arg);
    return w->hub != NULL && !hub_is_full(w->hub);
}

/* store_open touches no file, so a worker that never gets a request costs a thread. */
static bool open_store(struct worker *w)
{
    struct answerer *a = &w->answerer;

    if (a->store == NULL && store_open(&a->store, w->context->db_path) != STORE_OK)
        a->store = NULL;
    return a->store != NULL;
}

/* A connection accepted just before the stop may be entered here after workers_stop looked. */
static void enter(struct worker *w, int fd)
{
    struct pollfd stop = {.fd = w->context->stop_fd, .events = POLLIN};

    atomic_store(&w->reading, fd);
    if (poll(&stop, 1, 0) > 0)
        shutdown(fd, SHUT_RD);
}

static void serve(struct worker *w, int fd)
{
    struct request r;

    if (!open_store(w)) {
        close(fd);
        log_line(LOG_LEVEL_ERROR, "request_dropped", "why=\"out of memory\"");
        return;
    }
    struct settings *settings = answer_settings(&w->answerer);
    enter(w, fd);
    bool whole = accept_request(&r, fd, publish_body_max(settings));
    atomic_store(&w->reading, -1);
    if (whole) {
        struct ticket *t = answer(&w->answerer, settings, &r);
        if (t != NULL)
            hub_serve(w->hub, t);
        if (t != NULL && w->context->claimed != NULL)
            w->context->claimed(w->context->arg);
    }
    settings_unref(settings);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    int fd;

    while ((fd = accept_wait(w->context->listener, w->context->stop_fd)) != ACCEPT_STOP) {
        if (fd != ACCEPT_IDLE)
            serve(w, fd);
        else if (w->answerer.store != NULL)
            store_idle(w->answerer.store);
    }
    settings_unref(w->answerer.settings);
    store_close(w->answerer.store);
    return NULL;
}

struct workers *workers_start(const struct worker_context *c, int count)
{
    struct workers *all = calloc(1, sizeof *all + (size_t)count * sizeof all->worker[0]);

    if (all == NULL)
        return NULL;
    for (; all->count < count; all->count++) {
        struct worker *w = &all->worker[all->count];
        w->context = c;
        w->answerer.board = c->board;
        w->answerer.may_stream = may_stream;
        w->answerer.arg = w;
        atomic_init(&w->reading, -1);
        if (pthread_create(&w->thread, NULL, run, w) != 0)
            break;
    }
    if (all->count > 0) /* fewer are slower, not wrong */
        return all;
    free(all);
    return NULL;
}

void workers_stop(struct workers *all)
{
    if (all == NULL)
        return;
    for (int i = 0; i < all->count; i++) {
        /* A connection that still has not said what it wants would hold us for seconds. (Should
         * its number be another's by now, that one is being closed as well.) */
        int fd = atomic_load(&all->worker[i].reading);
        if (fd >= 0)
            shutdown(fd, SHUT_RD);
        pthread_join(all->worker[i].thread, NULL);
    }
    free(all);
}

struct ticket *worker_answer_cgi(const struct worker_context *c, struct store *s)
{
    struct answerer a = {.store = s, .board = c->board};
    struct request r;
    struct ticket *t = NULL;

    struct settings *settings = answer_settings(&a);
    if (cgi_request(&r, (const char *const *)environ, STDIN_FILENO, STDOUT_FILENO,
                    publish_body_max(settings)))
        t = answer(&a, settings, &r);
    settings_unref(settings);
    settings_unref(a.settings);
    return t;
}
