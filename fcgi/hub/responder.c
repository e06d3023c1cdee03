/* Threads stop in the order in which work flows, so nothing is handed to a thread that has
 * ended.  The streams end first, while the workers still answer what they are reading: a client
 * that was accepted knows nothing of the stop.  A worker may bring a last stream in this way,
 * so the hub is drained once more when the workers are gone.  Then the hub's loop ends, and
 * gives its last bookmarks and endings to the janitor.  Next the janitor ends, which saves
 * them, and then those who only read.
 *
 * All of that takes less than 2 s, whatever the log holds.  A log can be made such that a
 * question to it never ends, so the statements have a deadline meanwhile (store_deadline). */
#include "fcgi/hub/responder.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fcgi/base/descriptors.h"
#include "fcgi/hub/feeder.h"
#include "fcgi/hub/janitor.h"
#include "fcgi/base/log.h"
#include "fcgi/base/monotonic.h"
#include "fcgi/hub/readers.h"

/* How long a statement may go on while the process stops. */
enum { STATEMENTS_MS = 700 };

struct responder {
    const char *db_path;
    struct board board;
    struct worker_context context;
    struct workers *workers;
    int stop_fd;
    int emptied_fd;
    bool draining;            /* under `starting`, as the next */
    int64_t drained_by;       /* of monotonic_ms */
    pthread_mutex_t starting; /* the first stream starts what follows, once */
    struct hub *hub;
    pthread_t hub_thread;
    struct readers *readers;
    struct feeder *feeder;
    struct janitor *janitor;
};

/* ---- what the hub turns to, on the hub's thread ------------------------------------ */

static void on_ask(void *arg, struct question *q)
{
    struct responder *r = arg;
    readers_ask(r->readers, q);
}

static void on_ended(void *arg, struct ending *e)
{
    struct responder *r = arg;
    janitor_ended(r->janitor, e);
}

static void on_marks(void *arg, struct bookmarks *b)
{
    struct responder *r = arg;
    janitor_marks(r->janitor, b);
}

static void on_fanned_out(void *arg)
{
    struct responder *r = arg;
    feeder_fanned_out(r->feeder);
}

static void on_emptied(void *arg)
{
    struct responder *r = arg;
    eventfd_write(r->emptied_fd, 1);
}

/* ---- starting ---------------------------------------------------------------------- */

static void *run_hub(void *arg)
{
    hub_run(arg);
    return NULL;
}

/* Hub, feeder and janitor send messages to each other.  The hub sends none before its loop
 * runs, so that loop starts last, when all who may get one are there. */
static struct hub *start_all(struct responder *r)
{
    struct hub_friends friends = {r, on_ask, on_ended, on_marks, on_fanned_out, on_emptied};
    struct settings *s = board_get(&r->board);
    struct hub *h = hub_new(&friends, s, descriptors_for_streams());
    settings_unref(s);
    r->readers = readers_new(r->db_path, &r->board);
    if (!h || !r->readers)
        goto fail;
    readers_serve(r->readers, h);
    r->feeder = feeder_start(r->db_path, &r->board, h);
    if (!r->feeder)
        goto fail;
    r->janitor = janitor_start(r->db_path, &r->board, h);
    if (!r->janitor || pthread_create(&r->hub_thread, NULL, run_hub, h) != 0)
        goto fail;
    return h;
fail:
    log_line(LOG_LEVEL_ERROR, "streaming_refused", "why=\"out of memory or threads\"");
    janitor_stop(r->janitor);
    feeder_stop(r->feeder);
    readers_free(r->readers);
    r->janitor = NULL;
    r->feeder = NULL;
    r->readers = NULL;
    hub_free(h);
    return NULL;
}

static struct hub *start_streaming(void *arg)
{
    struct responder *r = arg;
    pthread_mutex_lock(&r->starting);
    if (!r->hub) {
        r->hub = start_all(r);
        if (r->hub && r->draining)
            hub_drain(r->hub, 0, RESPONDER_DRAIN_MS);
    }
    struct hub *h = r->hub;
    pthread_mutex_unlock(&r->starting);
    return h;
}

static bool responder_put_aside(void *arg, struct request *request, struct settings *settings)
{
    struct responder *r = arg;
    if (!janitor_has_room(r->janitor))
        return false;
    struct aside *a = aside_new(request, settings, r->hub);
    if (a)
        janitor_claim(r->janitor, a);
    return a;
}

struct responder *responder_new(const char *db_path)
{
    struct responder *r = calloc(1, sizeof *r);
    struct settings *s = settings_new();
    if (!r || !s) {
        free(r);
        settings_unref(s);
        return NULL;
    }
    r->db_path = db_path;
    board_open(&r->board, s);
    pthread_mutex_init(&r->starting, NULL);
    r->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->emptied_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->context = (struct worker_context){.db_path = db_path,
                                         .board = &r->board,
                                         .listener = -1,
                                         .stop_fd = r->stop_fd,
                                         .start_streaming = start_streaming,
                                         .put_aside = responder_put_aside,
                                         .arg = r};
    if (r->stop_fd < 0 || r->emptied_fd < 0) {
        responder_free(r);
        return NULL;
    }
    return r;
}

bool responder_serve(struct responder *r, int listener)
{
    descriptors_raise();
    r->context.listener = listener;
    r->context.publisher = publisher_new(r->db_path);
    if (!r->context.publisher)
        return false;
    r->workers = workers_start(&r->context, RESPONDER_WORKERS);
    return r->workers;
}

bool responder_serve_cgi(struct responder *r)
{
    return worker_answer_cgi(&r->context);
}

int responder_emptied(const struct responder *r)
{
    return r->emptied_fd;
}

/* ---- stopping ---------------------------------------------------------------------- */

/* End the streams, and wait until they have ended or the deadline has cut them. */
static void responder_drain_hub(struct responder *r)
{
    eventfd_t n;
    struct pollfd p = {.fd = r->emptied_fd, .events = POLLIN};
    hub_drain(r->hub, 0, RESPONDER_DRAIN_MS);
    while (hub_streams(r->hub) > 0 && poll(&p, 1, RESPONDER_DRAIN_MS + 200) > 0)
        eventfd_read(r->emptied_fd, &n); /* the hub may have been empty before, too */
}

void responder_drain(struct responder *r, int seconds)
{
    eventfd_t n;
    eventfd_write(r->stop_fd, 1);
    pthread_mutex_lock(&r->starting);
    if (!r->draining)
        eventfd_read(r->emptied_fd, &n); /* forget that it was empty before */
    int64_t by = monotonic_ms() + (int64_t)seconds * 1000;
    if (!r->draining || by < r->drained_by)
        r->drained_by = by;
    r->draining = true;
    if (r->hub)
        hub_drain(r->hub, seconds * 1000, seconds * 1000 + RESPONDER_DRAIN_MS);
    else
        eventfd_write(r->emptied_fd, 1);
    pthread_mutex_unlock(&r->starting);
}

static bool streams(struct responder *r)
{
    pthread_mutex_lock(&r->starting);
    bool yes = r->hub;
    pthread_mutex_unlock(&r->starting);
    return yes;
}

/* A drain that came to its end leaves answers that clients still read as much time as it had left.
 * If it is cut short, streams are there still, and nothing is waited for. */
static int64_t answers_until(struct responder *r)
{
    int64_t latest = monotonic_ms() + RESPONDER_ANSWERS_MS, until = 0;
    pthread_mutex_lock(&r->starting);
    if (r->draining && (!r->hub || hub_streams(r->hub) == 0))
        until = r->drained_by < latest ? r->drained_by : latest;
    pthread_mutex_unlock(&r->starting);
    return until;
}

void responder_free(struct responder *r)
{
    if (!r)
        return;
    int64_t answers_until_ms = answers_until(r);
    eventfd_write(r->stop_fd, 1);
    store_deadline(STATEMENTS_MS);
    if (r->context.publisher)
        publisher_hurry(r->context.publisher);
    if (streams(r))
        responder_drain_hub(r);
    workers_stop(r->workers,
                 answers_until_ms); /* they may have brought more streams meanwhile */
    publisher_free(r->context.publisher);
    if (r->hub) {
        responder_drain_hub(r);
        hub_stop(r->hub);
        pthread_join(r->hub_thread, NULL);
        janitor_stop(r->janitor);
        feeder_stop(r->feeder);
        readers_free(r->readers);
        hub_free(r->hub);
    }
    board_close(&r->board);
    pthread_mutex_destroy(&r->starting);
    close(r->stop_fd);
    close(r->emptied_fd);
    store_deadline(-1);
    free(r);
}
