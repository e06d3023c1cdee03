/* Two threads share one queue, so one long replay does not hold up every other stream that is
 * behind the tail.  The second thread starts when a question would have to wait for the first.
 * A question is never lost: without a thread, or without memory, it is answered with nothing,
 * and the hub asks again. */
#include "fcgi/hub/readers.h"

#include <stdlib.h>
#include <time.h>

#include "fcgi/base/log.h"
#include "fcgi/hub/replay.h"
#include "store/store.h"

struct readers {
    const char *db_path;
    struct board *board;
    struct hub *hub;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct message *first, **last; /* questions, oldest first */
    int waiting;                   /* how many of them */
    pthread_t thread[READERS];
    int threads;
    int reading; /* how many threads are answering */
    bool stopping;
    bool told; /* the log line about an outage was written */
};

static struct timespec idle_from_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec++;
    return t;
}

/* Take the next question to answer.  NULL: none came for a second, or the readers stop. */
static struct question *readers_take(struct readers *r)
{
    struct question *q = NULL;
    struct timespec idle = idle_from_now();
    int waited = 0;
    pthread_mutex_lock(&r->lock);
    while (!r->stopping && waited == 0 && !r->first)
        waited = pthread_cond_clockwait(&r->changed, &r->lock, CLOCK_MONOTONIC, &idle);
    if (!r->stopping && r->first) {
        q = (struct question *)r->first;
        r->first = r->first->next;
        if (!r->first)
            r->last = &r->first;
        r->waiting--;
        r->reading++;
    }
    pthread_mutex_unlock(&r->lock);
    return q;
}

static void done(struct readers *r, bool failed, const char *why)
{
    pthread_mutex_lock(&r->lock);
    bool news = failed != r->told;
    r->told = failed;
    r->reading--;
    pthread_mutex_unlock(&r->lock);
    if (news)
        log_line(failed ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
                 failed ? "replay_unavailable" : "replay_available", "why=\"%s\"", why);
}

/* Get what a reader needs, if it has not got it.  False: there is no memory now.  The reader
 * goes on, because without it questions would wait for ever. */
static bool equip(const struct readers *r, struct store **s, struct batch_builder **w)
{
    if (!*w)
        *w = batch_builder_new();
    if (*w && !*s && store_open(s, r->db_path) != STORE_OK)
        *s = NULL;
    return *w && *s;
}

static void readers_answer(struct readers *r, struct store **s, struct batch_builder **w,
                           struct question *q)
{
    struct settings *settings = board_get(r->board);
    struct store_question ask = {
        .after = q->after, .only = q->subscription, .without_session = q->without_session};
    struct store_end end;
    enum store_result result = equip(r, s, w) ? STORE_OK : STORE_NOMEM;
    if (result == STORE_OK && batch_memory() <= batch_memory_limit(settings))
        result = replay_next(*s, *w, settings, &ask, &q->answer, &end);
    settings_unref(settings);
    done(r, result != STORE_OK, result == STORE_NOMEM ? "out of memory" : store_why(*s));
    hub_answer(r->hub, q);
}

static bool stopping(struct readers *r)
{
    pthread_mutex_lock(&r->lock);
    bool yes = r->stopping;
    pthread_mutex_unlock(&r->lock);
    return yes;
}

static void *readers_run(void *arg)
{
    struct readers *r = arg;
    struct question *q;
    struct store *s = NULL;
    struct batch_builder *w = NULL;
    while (!stopping(r)) {
        if ((q = readers_take(r)))
            readers_answer(r, &s, &w, q);
        else if (s && store_rest(s)) {
            batch_builder_free(w);
            w = NULL;
        }
    }
    store_close(s);
    batch_builder_free(w);
    return NULL;
}

struct readers *readers_new(const char *db_path, struct board *board)
{
    struct readers *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->db_path = db_path;
    r->board = board;
    r->last = &r->first;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    return r;
}

void readers_serve(struct readers *r, struct hub *hub)
{
    r->hub = hub;
}

void readers_ask(struct readers *r, struct question *q)
{
    q->message.next = NULL;
    pthread_mutex_lock(&r->lock);
    *r->last = &q->message;
    r->last = &q->message.next;
    r->waiting++;
    if (r->threads < READERS && r->waiting > r->threads - r->reading &&
        pthread_create(&r->thread[r->threads], NULL, readers_run, r) == 0)
        r->threads++;
    bool nobody = r->threads == 0; /* then `q` is the only question */
    if (nobody) {
        r->first = NULL;
        r->last = &r->first;
        r->waiting = 0;
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    if (nobody)
        hub_answer(r->hub, q); /* nothing yet */
}

void readers_free(struct readers *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    for (int i = 0; i < r->threads; i++)
        pthread_join(r->thread[i], NULL);
    while (r->first) {
        struct question *q = (struct question *)r->first;
        r->first = r->first->next;
        question_free(q);
    }
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
