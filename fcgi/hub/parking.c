/* The parking has poll() and a thread of its own, and is not in the hub's loop: a request that
 * becomes complete here is answered here, which asks the store and may block, and the hub must
 * never block.  The number of connections is bounded, and so is the cost of poll(). */
#include "fcgi/hub/parking.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/base/monotonic.h"
#include "fcgi/base/stop.h"
#include "fcgi/hub/places.h"

enum { IDLE_LOOK_MS = 1000, HELD_LOOK_MS = 100, UNSENT_LOOK_MS = 50, UNSENT_POLLED = 64 };

static const char LOCKED[] = "the event log is locked: another program is writing to it";
static const char LATE[] = "the body did not come in time";

struct parking {
    pthread_mutex_t lock; /* of what follows, up to answers_until_ms */
    struct intake *arrived[PLACES_MAX];
    size_t arrived_count;
    struct unsent handed; /* answers that arrived */
    bool runs;
    bool stopping;
    int shed; /* how many have to go at once */
    pthread_cond_t shed_done;
    int64_t until_ms;         /* the deadline, while stopping … */
    int64_t answers_until_ms; /* … and that of answers that clients still read */

    pthread_t thread;
    int wake; /* an eventfd */

    /* The thread's own. */
    struct attendant attendant;
    struct places places;
    struct unsent unsent;
    struct pollfd polled[PLACES_MAX + 1 + UNSENT_POLLED];
};

struct parking *parking_new(const struct worker_context *c)
{
    struct parking *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->shed_done, NULL);
    p->wake = -1;
    attendant_begin(&p->attendant, c);
    p->attendant.answerer.unsent = &p->unsent;
    return p;
}

static struct publisher *publisher_of(const struct parking *p)
{
    return p->attendant.context->publisher;
}

/* Give a place to those that arrived meanwhile.  False: the parking ends. */
static bool welcome(struct parking *p)
{
    eventfd_t n;
    (void)eventfd_read(p->wake, &n);
    pthread_mutex_lock(&p->lock);
    for (size_t k = 0; k < p->arrived_count; k++)
        places_admit(&p->places, p->arrived[k]);
    p->arrived_count = 0;
    unsent_move(&p->unsent, &p->handed);
    for (; p->shed > 0 && p->places.count > 0; p->shed--)
        places_make_room(&p->places);
    p->shed = 0;
    pthread_cond_broadcast(&p->shed_done);
    bool over = p->stopping && (p->places.count == 0 || monotonic_ms() >= p->until_ms);
    pthread_mutex_unlock(&p->lock);
    return !over;
}

/* How long poll() may sleep: until a deadline of a connection, or that of the parking. */
static int patience(struct parking *p)
{
    int64_t now = monotonic_ms(), until = INT64_MAX;
    pthread_mutex_lock(&p->lock);
    if (p->stopping)
        until = p->until_ms;
    pthread_mutex_unlock(&p->lock);
    for (size_t n = 0; n < p->places.count; n++) {
        const struct intake *i = p->places.waits[n];
        int64_t at = i->held_at != 0 ? now + HELD_LOOK_MS : i->until_ms;
        if (at < until)
            until = at;
    }
    if (p->attendant.answerer.store && until > now + IDLE_LOOK_MS)
        until = now + IDLE_LOOK_MS;
    if (p->unsent.first && until > now + UNSENT_LOOK_MS)
        until = now + UNSENT_LOOK_MS;
    return until == INT64_MAX ? -1 : until <= now ? 0 : (int)(until - now);
}

static void wait_for_bytes(struct parking *p)
{
    size_t places = p->places.count;
    for (size_t n = 0; n < places; n++)
        p->polled[n] = (struct pollfd){.fd = p->places.waits[n]->request.fd,
                                       .events = p->places.waits[n]->held_at ? 0 : POLLIN};
    p->polled[places] = (struct pollfd){.fd = p->wake, .events = POLLIN};
    size_t unsent = unsent_polled(&p->unsent, p->polled + places + 1, UNSENT_POLLED);
    bool idle = places == 0 && unsent == 0;
    if (poll(p->polled, places + 1 + unsent, patience(p)) == 0 && idle)
        attendant_idle(&p->attendant);
}

/* Serve those that sent something, and turn away those that are late.  Backwards, since a
 * connection that leaves moves those behind it. */
static void serve_all(struct parking *p)
{
    for (size_t n = p->places.count; n-- > 0;) {
        struct intake *i = p->places.waits[n];
        if (i->held_at != 0) {
            if (p->polled[n].revents == 0)
                continue;
            intake_end(places_remove(&p->places, n)); /* it has no other event than a hang-up */
            free(i);
        } else if (p->polled[n].revents != 0 && attendant_attend(&p->attendant, i)) {
            free(places_remove(&p->places, n));
        } else if (intake_is_late(i, monotonic_ms())) {
            places_turn_away(&p->places, n, 408, LATE, false);
        }
    }
    while (p->places.count > 1 && places_bytes(&p->places) > PARKING_BYTES)
        places_make_room(&p->places);
}

static bool parking_is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* Go on with a connection until its request is complete, nothing is at hand, or it is held
 * again.  True: it is done. */
static bool pursue(struct parking *p, struct intake *i)
{
    do
        if (attendant_attend(&p->attendant, i))
            return true;
    while (i->held_at == 0 && parking_is_readable(i->request.fd));
    return false;
}

/* Whether it was held for STORE_PATIENCE_MS while another program had the lock as long. */
static bool is_locked_out(const struct parking *p, const struct intake *i)
{
    return i->held_at != 0 && monotonic_ms() - i->held_at >= STORE_PATIENCE_MS &&
           publisher_is_stuck(publisher_of(p));
}

/* Perhaps there is room for those that are held: they go on in their order, as long as there
 * is.  Bodies that turn out to come in slowly may take half of PARKING_BYTES. */
static void serve_held(struct parking *p)
{
    size_t bytes = places_bytes(&p->places);
    bool room = true;
    for (size_t n = 0; n < p->places.count;) {
        struct intake *i = p->places.waits[n];
        if (i->held_at == 0) {
            n++;
            continue;
        }
        size_t before = intake_size(i);
        if (room && pursue(p, i)) {
            bytes -= before;
            free(places_remove(&p->places, n));
            continue;
        }
        bytes += intake_size(i) - before;
        room = room && i->held_at == 0 && bytes < PARKING_BYTES / 2;
        if (is_locked_out(p, i))
            places_turn_away(&p->places, n, 503, LOCKED, false);
        n++;
    }
}

/* The publisher is told how many are held before they are tried.  So it rings for room that it
 * gets in the middle of the try, and the next round does not sleep past it. */
static void serve_those_held(struct parking *p)
{
    size_t held = publisher_of(p) ? places_held(&p->places) : 0;
    if (publisher_of(p))
        publisher_holds(publisher_of(p), held, p->wake);
    if (held == 0)
        return;
    serve_held(p);
    publisher_holds(publisher_of(p), places_held(&p->places), p->wake);
}

/* Nobody is served any more, but an answer that has begun would be worthless without its end. */
static void finish_answers(struct parking *p)
{
    int64_t left;
    while (p->unsent.first && (left = p->answers_until_ms - monotonic_ms()) > 0) {
        size_t n = unsent_polled(&p->unsent, p->polled, UNSENT_POLLED);
        (void)poll(p->polled, n, left < UNSENT_LOOK_MS ? (int)left : UNSENT_LOOK_MS);
        unsent_flush(&p->unsent);
    }
    unsent_close(&p->unsent);
}

static void *parking_run(void *arg)
{
    struct parking *p = arg;
    while (welcome(p)) {
        serve_those_held(p);
        wait_for_bytes(p);
        serve_all(p);
        unsent_flush(&p->unsent);
    }
    while (p->places.count > 0)
        places_turn_away(&p->places, 0, 503, STOP_SENTENCE, true);
    finish_answers(p);
    attendant_end(&p->attendant);
    return NULL;
}

/* With the lock held.  False: no thread, or no descriptor. */
static bool parking_loop(struct parking *p)
{
    if (p->runs)
        return true;
    if (p->wake < 0)
        p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->runs = p->wake >= 0 && pthread_create(&p->thread, NULL, parking_run, p) == 0;
    return p->runs;
}

void parking_take(struct parking *p, struct intake *i)
{
    struct intake *own = malloc(sizeof *own);
    bool taken = false;
    pthread_mutex_lock(&p->lock);
    if (own && p->arrived_count < PLACES_MAX && parking_loop(p)) {
        *own = *i;
        p->arrived[p->arrived_count++] = own;
        taken = true;
    }
    pthread_mutex_unlock(&p->lock);
    if (taken) {
        eventfd_write(p->wake, 1);
        return;
    }
    free(own);
    (void)intake_refuse(i, 503, PLACES_CROWDED);
    intake_end(i);
}

void parking_finish(struct parking *p, struct unsent *unsent)
{
    pthread_mutex_lock(&p->lock);
    bool taken = !p->stopping && parking_loop(p);
    if (taken)
        unsent_move(&p->handed, unsent);
    pthread_mutex_unlock(&p->lock);
    if (taken)
        eventfd_write(p->wake, 1);
    else
        unsent_close(unsent);
}

void parking_shed(struct parking *p)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++; /* the thread may be in the middle of an answer */
    pthread_mutex_lock(&p->lock);
    if (p->runs && !p->stopping) {
        p->shed = PARKING_SHED;
        eventfd_write(p->wake, 1);
        while (p->shed > 0 && pthread_cond_timedwait(&p->shed_done, &p->lock, &until) == 0)
            ;
    }
    pthread_mutex_unlock(&p->lock);
}

void parking_stop(struct parking *p, int64_t until_ms, int64_t answers_until_ms)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    p->until_ms = until_ms;
    p->answers_until_ms = answers_until_ms;
    pthread_mutex_unlock(&p->lock);
    if (p->runs) {
        eventfd_write(p->wake, 1);
        pthread_join(p->thread, NULL);
    }
    if (publisher_of(p))
        publisher_holds(publisher_of(p), 0, -1);
    if (p->wake >= 0)
        close(p->wake);
    attendant_end(&p->attendant);
    pthread_cond_destroy(&p->shed_done);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
