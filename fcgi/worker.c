#include "fcgi/worker.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/accept.h"
#include "fcgi/answer.h"
#include "fcgi/cgi.h"
#include "fcgi/log.h"
#include "fcgi/publish.h"

/* Thread: its own, from its start to its end. */
struct worker {
    const struct worker_context *context;
    struct workers *all;
    pthread_t thread;
    struct answerer answerer;
    struct hub *hub;    /* NULL: no stream yet */
    atomic_int reading; /* the connection whose request is being read; -1: none */
};

struct workers {
    const struct worker_context *context;
    pthread_mutex_t lock; /* of these four */
    int count;
    int listening; /* how many wait for a connection */
    int ended;
    bool stopping;
    pthread_cond_t one_ended;
    atomic_bool giving_up; /* requests that did not come in yet */
    int most;
    struct worker worker[];
};

bool workers_setup(void)
{
    return accept_setup();
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

/* A connection may be entered here after workers_stop looked. */
static void enter(struct worker *w, int fd)
{
    atomic_store(&w->reading, fd);
    if (atomic_load(&w->all->giving_up))
        shutdown(fd, SHUT_RD);
}

/* True: it is a stream, and the hub's. */
static bool finish(struct worker *w, const struct settings *settings, struct request *r)
{
    struct ticket *t = answer(&w->answerer, settings, r);

    if (t == NULL)
        return false;
    hub_serve(w->hub, t);
    if (w->context->claimed != NULL)
        w->context->claimed(w->context->arg);
    return true;
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
    if (whole)
        finish(w, settings, &r);
    settings_unref(settings);
}

static void *run(void *arg);

static void set_up(struct worker *w, const struct worker_context *c)
{
    w->context = c;
    w->answerer.board = c->board;
    w->answerer.publisher = c->publisher;
    w->answerer.may_stream = may_stream;
    w->answerer.arg = w;
    atomic_init(&w->reading, -1);
}

/* Where there is no thread to be had, fewer are slower, not wrong.  Called with the lock held.
 */
static void start_one(struct workers *all)
{
    struct worker *w = &all->worker[all->count];

    set_up(w, all->context);
    w->all = all;
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        return;
    all->count++;
    all->listening++;
}

/* From the listener, to serve. */
static void leave(struct workers *all)
{
    pthread_mutex_lock(&all->lock);
    all->listening--;
    if (all->listening == 0 && all->count < all->most && !all->stopping)
        start_one(all);
    pthread_mutex_unlock(&all->lock);
}

static void come_back(struct workers *all)
{
    pthread_mutex_lock(&all->lock);
    all->listening++;
    pthread_mutex_unlock(&all->lock);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    int fd;

    while ((fd = accept_wait(w->context->listener, w->context->stop_fd)) != ACCEPT_STOP) {
        if (fd != ACCEPT_IDLE) {
            leave(w->all);
            serve(w, fd);
            come_back(w->all);
        } else if (w->answerer.store != NULL) {
            store_idle(w->answerer.store);
        }
    }
    settings_unref(w->answerer.settings);
    store_close(w->answerer.store);
    pthread_mutex_lock(&w->all->lock);
    w->all->ended++;
    pthread_cond_signal(&w->all->one_ended);
    pthread_mutex_unlock(&w->all->lock);
    return NULL;
}

static void free_all(struct workers *all)
{
    pthread_cond_destroy(&all->one_ended);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

struct workers *workers_start(const struct worker_context *c, int most)
{
    struct workers *all = calloc(1, sizeof *all + (size_t)most * sizeof all->worker[0]);
    pthread_condattr_t monotonic;

    if (all == NULL)
        return NULL;
    all->context = c;
    all->most = most;
    pthread_mutex_init(&all->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&all->one_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_lock(&all->lock);
    start_one(all);
    pthread_mutex_unlock(&all->lock);
    if (workers_count(all) > 0)
        return all;
    free_all(all);
    return NULL;
}

int workers_count(struct workers *all)
{
    pthread_mutex_lock(&all->lock);
    int count = all->count;
    pthread_mutex_unlock(&all->lock);
    return count;
}

/* Until all have ended, or the grace is over. */
static void wait_for_all(struct workers *all)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WORKERS_GRACE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&all->lock);
    all->stopping = true;
    while (all->ended < all->count &&
           pthread_cond_timedwait(&all->one_ended, &all->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&all->lock);
}

/* A connection that still has not said what it wants would hold us for seconds.  (Should its
 * number be another's by now, that one is being closed as well.) */
static void give_up(struct workers *all)
{
    atomic_store(&all->giving_up, true);
    for (int i = 0; i < all->count; i++) {
        int fd = atomic_load(&all->worker[i].reading);
        if (fd >= 0)
            shutdown(fd, SHUT_RD);
    }
}

void workers_stop(struct workers *all)
{
    if (all == NULL)
        return;
    wait_for_all(all);
    give_up(all); /* nobody starts another one any more */
    for (int i = 0; i < all->count; i++)
        pthread_join(all->worker[i].thread, NULL);
    free_all(all);
}

bool worker_answer_cgi(const struct worker_context *c)
{
    struct worker w = {.all = NULL};
    struct request r;
    bool streams = false;

    set_up(&w, c);
    if (!open_store(&w))
        return false;
    struct settings *settings = answer_settings(&w.answerer);
    if (cgi_request(&r, (const char *const *)environ, STDIN_FILENO, STDOUT_FILENO,
                    publish_body_max(settings)))
        streams = finish(&w, settings, &r);
    settings_unref(settings);
    settings_unref(w.answerer.settings);
    store_close(w.answerer.store);
    if (streams)
        malloc_trim(0); /* what the claim took would stay for as long as the stream */
    return streams;
}
