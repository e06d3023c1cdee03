/* `listening` counts the workers that wait in accept.  The one that takes a connection and
 * finds that no other is left starts another before it serves.  So there is always somebody to
 * accept a client until `most` are busy, and nobody has to decide in advance how many are
 * needed.
 *
 * The rest of the file is about running out of descriptors.  It cannot be avoided, since a web
 * server may open any number of connections, and what must not happen then is silence: a client
 * without an answer gets a 5xx in the end, and its EventSource is dead. */
#include "fcgi/hub/worker.h"

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "fcgi/request/accept.h"
#include "fcgi/request/cgi.h"
#include "fcgi/base/descriptors.h"
#include "fcgi/base/monotonic.h"
#include "fcgi/hub/parking.h"
#include "fcgi/request/publish.h"
#include "fcgi/hub/spare.h"

/* Thread: its own, from its start to its end. */
struct worker {
    struct workers *all;
    pthread_t thread;
    struct attendant attendant;
    struct unsent unsent; /* what the socket did not take of the answer that was just given */
};

/* When there is no descriptor: at most how often room is made, and how long a request that is
 * turned down may take to come in.  Those are turned down one at a time. */
enum { FULL_PAUSE_MS = 100, TURN_DOWN_MS = 500 };

struct workers {
    const struct worker_context *context;
    struct parking *parking;
    struct spare spare;
    pthread_mutex_t lock; /* of these four */
    int64_t made_room_at; /* ms */
    int count;
    int listening; /* how many wait for a connection */
    bool stopping;
    int most;
    struct worker worker[];
};

static bool worker_is_readable(int fd, int64_t until_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t left = until_ms - monotonic_ms();
    return left > 0 && poll(&p, 1, (int)left) > 0;
}

/* Most requests are at hand, or come within WORKER_TRY_MS; the others go to the parking. */
static void worker_serve(struct worker *w, int fd)
{
    struct intake i;
    int64_t now = monotonic_ms(), until = now + WORKER_TRY_MS;
    intake_begin(&i, fd, w->all->context->patience, now);
    while (!attendant_attend(&w->attendant, &i))
        if (i.held_at != 0 || !worker_is_readable(fd, until)) {
            parking_take(w->all->parking, &i);
            return;
        }
    if (w->unsent.first)
        parking_finish(w->all->parking, &w->unsent);
}

/* A client on one of the last descriptors cannot have a stream.  If the limit is low, it is the
 * files of the workers that use up the other descriptors.  A client that came again and again
 * would keep all of those open, and would be told `later` for ever; so they are given back. */
static void worker_serve_sparing(struct worker *w, int fd)
{
    bool too_late = descriptors_are_few() && !descriptors_suffice(fd);
    worker_serve(w, fd);
    if (too_late)
        attendant_release(&w->attendant);
}

static void *worker_run(void *arg);

/* Called with the lock held.  If no thread can be started, fewer workers serve. */
static void start_one(struct workers *all)
{
    struct worker *w = &all->worker[all->count];
    attendant_begin(&w->attendant, all->context);
    w->attendant.answerer.unsent = &w->unsent;
    w->all = all;
    if (pthread_create(&w->thread, NULL, worker_run, w) != 0)
        return;
    all->count++;
    all->listening++;
}

/* A worker leaves the listener, to serve. */
static void worker_leave(struct workers *all)
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

/* Whether it is time to end slow requests for their descriptors.  That is not done for each new
 * client, or a flood of clients would end all of them. */
static bool may_make_room(struct workers *all)
{
    int64_t now = monotonic_ms();
    pthread_mutex_lock(&all->lock);
    bool may = now - all->made_room_at >= FULL_PAUSE_MS;
    if (may)
        all->made_room_at = now;
    pthread_mutex_unlock(&all->lock);
    return may;
}

/* A client on the spare descriptor cannot be served and must not stay.  It is answered as soon
 * as its headers are known.  What else it sends is read, or closing would reset the answer. */
static void turn_down(struct worker *w, int fd)
{
    static const char why[] = "no file descriptor is free: try again";
    const struct worker_context *c = w->all->context;
    int64_t now = monotonic_ms(), until = now + TURN_DOWN_MS;
    struct settings *settings = board_get(c->board);
    enum intake_news news;
    struct intake i;
    intake_begin(&i, fd, c->patience, now);
    do {
        news = intake_step(&i);
        if (news == INTAKE_HEADERS) {
            answer_put_off(settings, &i.request, why);
            intake_rest(&i, now);
        }
    } while (news == INTAKE_HEADERS || (news == INTAKE_WAITS && worker_is_readable(fd, until)));
    if (news == INTAKE_WAITS)
        (void)intake_refuse(&i, 503, why);
    intake_end(&i);
    settings_unref(settings);
}

/* A client waits, and there is no descriptor for it.  First room is made.  If that was in vain,
 * the client is told so on the spare descriptor. */
static void worker_cope(struct worker *w)
{
    const struct worker_context *c = w->all->context;
    struct pollfd stop = {.fd = c->stop_fd, .events = POLLIN};
    if (may_make_room(w->all)) {
        parking_shed(w->all->parking);
        attendant_release(&w->attendant);
        return;
    }
    int fd = spare_accept(&w->all->spare, c->listener);
    if (fd >= 0) {
        turn_down(w, fd);
        spare_back(&w->all->spare);
    } else {
        (void)poll(&stop, 1, FULL_PAUSE_MS);
    }
}

static void *worker_run(void *arg)
{
    struct worker *w = arg;
    const struct worker_context *c = w->all->context;
    int fd;
    while ((fd = accept_wait(c->listener, c->stop_fd)) != ACCEPT_STOP) {
        if (fd == ACCEPT_IDLE) {
            attendant_idle(&w->attendant);
        } else if (fd == ACCEPT_FULL) {
            worker_cope(w);
        } else {
            worker_leave(w->all);
            worker_serve_sparing(w, fd);
            come_back(w->all);
        }
    }
    attendant_end(&w->attendant);
    return NULL;
}

static void worker_free_all(struct workers *all)
{
    parking_stop(all->parking, 0, 0);
    spare_close(&all->spare);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

struct workers *workers_start(const struct worker_context *c, int most)
{
    struct workers *all = calloc(1, sizeof *all + (size_t)most * sizeof all->worker[0]);
    if (!all)
        return NULL;
    all->context = c;
    all->most = most;
    pthread_mutex_init(&all->lock, NULL);
    spare_open(&all->spare);
    all->parking = parking_new(c);
    if (all->parking) {
        pthread_mutex_lock(&all->lock);
        start_one(all);
        pthread_mutex_unlock(&all->lock);
    }
    if (workers_count(all) > 0)
        return all;
    worker_free_all(all);
    return NULL;
}

int workers_count(struct workers *all)
{
    pthread_mutex_lock(&all->lock);
    int count = all->count;
    pthread_mutex_unlock(&all->lock);
    return count;
}

void workers_stop(struct workers *all, int64_t answers_until_ms)
{
    int64_t until = monotonic_ms() + WORKERS_GRACE_MS;
    if (!all)
        return;
    pthread_mutex_lock(&all->lock);
    all->stopping = true; /* so that no worker starts another one */
    pthread_mutex_unlock(&all->lock);
    for (int i = 0; i < all->count; i++)
        pthread_join(all->worker[i].thread, NULL);
    parking_stop(all->parking, until, answers_until_ms > until ? answers_until_ms : until);
    all->parking = NULL;
    worker_free_all(all);
}

/* True: it is a stream.  With no memory for a store there is nothing to judge by, and
 * attendant_finish says so to the client. */
static bool answer_cgi(struct attendant *a, struct settings *settings, struct request *r)
{
    if (!a->answerer.store)
        return attendant_finish(a, settings, r);
    switch (answer_judge(&a->answerer, settings, r)) {
    case ANSWER_SAID:
        cgi_rest(r, STDIN_FILENO, INTAKE_REST_MS);
        request_end(r);
        return false;
    case ANSWER_AFTER_BODY:
        if (!cgi_body(r, STDIN_FILENO, publish_body_max(settings, route_of(r)), CGI_BODY_MS)) {
            request_end(r);
            return false;
        }
        break;
    case ANSWER_NOW:
        break;
    }
    return attendant_finish(a, settings, r);
}

bool worker_answer_cgi(const struct worker_context *c)
{
    struct attendant a;
    struct request r;
    bool streams = false;
    attendant_begin(&a, c);
    struct settings *settings =
        attendant_open(&a) ? answer_settings(&a.answerer) : board_get(c->board);
    if (cgi_request(&r, (const char *const *)environ, STDOUT_FILENO))
        streams = answer_cgi(&a, settings, &r);
    settings_unref(settings);
    attendant_end(&a);
    if (streams)
        malloc_trim(0); /* the claim's memory would stay as long as the stream */
    return streams;
}
