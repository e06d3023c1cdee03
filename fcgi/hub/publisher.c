/* A group stays together until it is committed or its oldest members have waited too long.
 * While the lock is taken, the group grows by what comes meanwhile, so the wait for a lock
 * makes the one commit larger and not the queue longer.  Each try for the lock is short
 * (TRY_MS), because between two tries the group can grow, and those who waited too long can be
 * told. */
#include "fcgi/hub/publisher.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "fcgi/base/log.h"
#include "fcgi/base/monotonic.h"
#include "fcgi/hub/publisher_room.h"

/* TRY_MS: how long the store tries to get the lock each time.  HURRY_MS: how long a publication
 * may still wait once the process has to end.  UNSENT_MS: between looks at answers that a
 * socket did not take.  IDLE_MS: between looks at whether the connection can be closed. */
enum { IDLE_MS = 1000, UNSENT_MS = 20, TRY_MS = 5, HURRY_MS = 250 };

struct publisher {
    struct store *store;
    struct inbox inbox;
    pthread_t thread;
    struct message stop;
    _Atomic int64_t hurried_at; /* ms; 0: not yet */
    struct publisher_room room;
    pthread_mutex_t starting; /* of `runs` */
    bool runs;
    /* The thread's own. */
    struct message *first, **last; /* taken out of the inbox */
    bool stopping;
    bool failing; /* the log cannot be written, and the log line about it was written */
    struct unsent unsent;
    struct publishing *group[PUBLISHER_GROUP_ROWS];
    struct appending *items[PUBLISHER_GROUP_ROWS]; /* of the group */
    size_t group_size, group_rows, group_bytes;
};

/* ---- what waits -------------------------------------------------------------------- */

static void publisher_open_mail(struct publisher *p, struct message *m)
{
    for (struct message *next; m; m = next) {
        next = m->next;
        if (m == &p->stop) {
            p->stopping = true;
            continue;
        }
        m->next = NULL;
        *p->last = m;
        p->last = &m->next;
    }
}

static struct publishing *next_of(const struct publisher *p)
{
    return (struct publishing *)p->first; /* its first member */
}

static bool fits(const struct publisher *p, const struct publishing *what)
{
    return p->group_size == 0 ||
           (p->group_rows + publishing_rows(what) <= PUBLISHER_GROUP_ROWS &&
            p->group_bytes + publishing_data(what) <= PUBLISHER_GROUP_BYTES);
}

/* Add as many of those that wait to the group as fit, the oldest first. */
static void gather(struct publisher *p)
{
    publisher_open_mail(p, inbox_take(&p->inbox));
    for (struct publishing *what; (what = next_of(p)) && fits(p, what);) {
        p->group[p->group_size] = what;
        p->items[p->group_size++] = &what->appending;
        p->group_rows += publishing_rows(what);
        p->group_bytes += publishing_data(what);
        p->first = what->message.next;
        if (!p->first)
            p->last = &p->first;
    }
}

/* ---- a group ----------------------------------------------------------------------- */

static bool has_patience(struct publisher *p, const struct publishing *what)
{
    int64_t now = monotonic_ms(), hurried_at = atomic_load(&p->hurried_at);
    return now < what->since + STORE_PATIENCE_MS &&
           (!hurried_at || now < hurried_at + HURRY_MS);
}

/* How many of the group, which are the first ones, have waited long enough for a lock. */
static size_t count_over(struct publisher *p)
{
    size_t n = 0;
    while (n < p->group_size && !has_patience(p, p->group[n]))
        n++;
    return n;
}

static bool concerns_the_log(enum store_result r)
{
    return r != STORE_OK && r != STORE_REFUSED && r != STORE_TOO_LARGE && r != STORE_UNKNOWN;
}

/* An outage gets a log line when it begins and one when it is over. */
static void publisher_tell(struct publisher *p, const struct appending *a)
{
    bool fails = concerns_the_log(a->result);
    if (fails && !p->failing)
        log_line(LOG_LEVEL_ERROR, "publishing_fails", "why=\"%s\"", a->why);
    else if (p->failing && a->result == STORE_OK)
        log_line(LOG_LEVEL_INFO, "publishing_works", "id=%lld", (long long)a->ids[0]);
    p->failing = fails || (p->failing && a->result != STORE_OK);
}

/* Answer the first `n` of the group, and take them out of it. */
static void answer_first(struct publisher *p, size_t n)
{
    size_t bytes = 0;
    bool worked = p->items[0]->result != STORE_BUSY;
    publisher_tell(p, p->items[0]);
    for (size_t i = 0; i < n; i++) {
        bytes += p->group[i]->bytes;
        p->group_rows -= publishing_rows(p->group[i]);
        p->group_bytes -= publishing_data(p->group[i]);
        publishing_answer(p->group[i], &p->unsent);
    }
    p->group_size -= n;
    for (size_t i = 0; i < p->group_size; i++) {
        p->group[i] = p->group[i + n];
        p->items[i] = p->items[i + n];
    }
    publisher_room_leave(&p->room, n, bytes, worked);
}

/* Commit the group.  Returns when it was written or refused, or all of it waited too long. */
static void publisher_commit(struct publisher *p)
{
    for (;;) {
        gather(p);
        if (store_append_all(p->store, p->items, p->group_size, TRY_MS) != STORE_BUSY)
            return;
        size_t over = count_over(p);
        if (over == p->group_size)
            return;
        if (over > 0)
            answer_first(p, over);
    }
}

/* Leave the lock to others for as long as we had it, counted from the commit. */
static void leave_the_lock(int64_t began, int64_t committed)
{
    int64_t pause = committed - began;
    if (pause > PUBLISHER_PAUSE_MS * 1000)
        pause = PUBLISHER_PAUSE_MS * 1000;
    pause -= monotonic_us() - committed;
    if (pause <= 0)
        return;
    struct timespec t = {.tv_nsec = (long)pause * 1000};
    nanosleep(&t, NULL);
}

/* With several publishers, the pause makes the next group larger: those who were answered come
 * again meanwhile, and share one sync. */
static void publish_group(struct publisher *p)
{
    int64_t began = monotonic_us();
    publisher_commit(p);
    int64_t committed = monotonic_us();
    publisher_open_mail(p, inbox_take(&p->inbox));
    bool several = p->first || p->group_size > 1;
    answer_first(p, p->group_size);
    if (several && !p->stopping)
        leave_the_lock(began, committed);
}

/* ---- its life ---------------------------------------------------------------------- */

/* Wait for a publication.  Meanwhile answers that a socket did not take are tried again, and
 * the store's connection is closed after some idle seconds. */
static void wait_for_mail(struct publisher *p, bool *rests)
{
    int ms = p->unsent.first ? UNSENT_MS : *rests ? -1 : IDLE_MS;
    struct message *m = inbox_wait(&p->inbox, ms);
    if (!m && ms == IDLE_MS)
        *rests = store_rest(p->store);
    publisher_open_mail(p, m);
}

static void *publisher_run(void *arg)
{
    struct publisher *p = arg;
    bool rests = false;
    while (p->first || !p->stopping) {
        if (!p->first)
            wait_for_mail(p, &rests);
        if (!p->first) {
            unsent_flush(&p->unsent);
            continue;
        }
        rests = false;
        publish_group(p);
        unsent_flush(&p->unsent);
    }
    unsent_close(&p->unsent);
    return NULL;
}

struct publisher *publisher_new(const char *db_path)
{
    struct publisher *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    if (store_open(&p->store, db_path) != STORE_OK) {
        free(p);
        return NULL;
    }
    p->last = &p->first;
    inbox_open(&p->inbox, NULL, NULL);
    publisher_room_open(&p->room);
    pthread_mutex_init(&p->starting, NULL);
    return p;
}

static bool publisher_runs(struct publisher *p)
{
    pthread_mutex_lock(&p->starting);
    if (!p->runs)
        p->runs = pthread_create(&p->thread, NULL, publisher_run, p) == 0;
    bool runs = p->runs;
    pthread_mutex_unlock(&p->starting);
    return runs;
}

bool publisher_post(struct publisher *p, struct publishing *what)
{
    what->since = monotonic_ms();
    if (!publisher_runs(p))
        return false;
    publisher_room_enter(&p->room, what->bytes, what->since);
    inbox_post(&p->inbox, &what->message);
    return true;
}

bool publisher_admits(struct publisher *p, bool held)
{
    return publisher_room_admits(&p->room, held);
}

void publisher_holds(struct publisher *p, size_t held, int fd)
{
    publisher_room_holds(&p->room, held, fd);
}

bool publisher_is_stuck(struct publisher *p)
{
    return publisher_room_is_stuck(&p->room);
}

void publisher_hurry(struct publisher *p)
{
    int64_t none = 0;
    atomic_compare_exchange_strong(&p->hurried_at, &none, monotonic_ms());
}

void publisher_free(struct publisher *p)
{
    if (!p)
        return;
    publisher_hurry(p);
    if (p->runs) {
        inbox_post(&p->inbox, &p->stop);
        pthread_join(p->thread, NULL);
    }
    store_close(p->store);
    inbox_close(&p->inbox);
    pthread_mutex_destroy(&p->starting);
    publisher_room_close(&p->room);
    free(p);
}
