#include "fcgi/publisher.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi/log.h"

enum { IDLE_MS = 1000, UNSENT_MS = 20 };

struct publisher {
    struct store *store;
    struct inbox inbox;
    pthread_t thread;
    struct message stop;
    pthread_mutex_t lock; /* of these five */
    pthread_cond_t room;
    bool runs;
    bool hurried;
    size_t waiting, bytes; /* posted and not done */
    /* The thread's own. */
    struct message *first, **last; /* taken out of the inbox */
    bool stopping;
    bool failing;       /* and the log line about it was written */
    bool lock_is_stuck; /* a hurried group did not get it */
    struct unsent unsent;
    struct publishing *group[PUBLISHER_GROUP_ROWS];
    size_t group_size;
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ------------------------------------------------------------- what waits ------------------
 */

static void open_mail(struct publisher *p, struct message *m)
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

static size_t rows_of(const struct publishing *what)
{
    size_t sessions = what->appending.what.session_count;
    return sessions > 0 ? sessions : 1;
}

/* The oldest that wait, as many as fit together. */
static void gather(struct publisher *p)
{
    size_t rows = 0, bytes = 0;
    p->group_size = 0;
    for (struct publishing *what; (what = next_of(p)); p->group[p->group_size++] = what) {
        rows += rows_of(what);
        bytes += what->appending.what.data_len;
        if (p->group_size > 0 && (rows > PUBLISHER_GROUP_ROWS || bytes > PUBLISHER_GROUP_BYTES))
            return;
        p->first = what->message.next;
        if (!p->first)
            p->last = &p->first;
    }
}

static void make_room(struct publisher *p, size_t count, size_t bytes)
{
    pthread_mutex_lock(&p->lock);
    p->waiting -= count;
    p->bytes -= bytes;
    pthread_cond_broadcast(&p->room);
    pthread_mutex_unlock(&p->lock);
}

/* ------------------------------------------------------------- a group ---------------------
 */

/* The first came first: when its patience is over, so is the group's. */
static int patience(struct publisher *p)
{
    int64_t left = p->group[0]->since + STORE_PATIENCE_MS - now_us() / 1000;
    return p->lock_is_stuck || left < 0 ? 0 : (int)left;
}

static bool concerns_the_log(enum store_result r)
{
    return r != STORE_OK && r != STORE_REFUSED && r != STORE_UNKNOWN;
}

/* Told once when it begins, and once when it is over. */
static void tell(struct publisher *p, const struct appending *a)
{
    bool fails = concerns_the_log(a->result);
    if (fails && !p->failing)
        log_line(LOG_LEVEL_ERROR, "publishing_fails", "why=\"%s\"", a->why);
    else if (p->failing && a->result == STORE_OK)
        log_line(LOG_LEVEL_INFO, "publishing_works", "id=%lld", (long long)a->ids[0]);
    p->failing = fails || (p->failing && a->result != STORE_OK);
}

static bool is_hurried(struct publisher *p)
{
    pthread_mutex_lock(&p->lock);
    bool hurried = p->hurried;
    pthread_mutex_unlock(&p->lock);
    return hurried;
}

static void commit(struct publisher *p, char epoch[EPOCH_SIZE])
{
    struct appending *items[PUBLISHER_GROUP_ROWS];
    bool hurried = is_hurried(p);
    for (size_t i = 0; i < p->group_size; i++)
        items[i] = &p->group[i]->appending;
    store_append_all(p->store, items, p->group_size, patience(p), epoch);
    for (size_t i = 0; i < p->group_size; i++)
        p->lock_is_stuck |= hurried && items[i]->result == STORE_BUSY;
    tell(p, items[0]);
}

static void answer_group(struct publisher *p, const char *epoch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < p->group_size; i++) {
        bytes += p->group[i]->bytes;
        publishing_answer(p->group[i], epoch, &p->unsent);
    }
    make_room(p, p->group_size, bytes);
}

/* Leave the lock to others: half as long as we had it, counted from the commit. */
static void leave_the_lock(int64_t began, int64_t committed)
{
    int64_t pause = (committed - began) / 2;
    if (pause > PUBLISHER_PAUSE_MS * 1000)
        pause = PUBLISHER_PAUSE_MS * 1000;
    pause -= now_us() - committed;
    if (pause <= 0)
        return;
    struct timespec t = {.tv_nsec = (long)pause * 1000};
    nanosleep(&t, NULL);
}

static void publish_group(struct publisher *p)
{
    char epoch[EPOCH_SIZE] = "";
    int64_t began = now_us();
    gather(p);
    commit(p, epoch);
    int64_t committed = now_us();
    open_mail(p, inbox_take(&p->inbox));
    bool more_waits = p->first;
    answer_group(p, epoch);
    if (more_waits)
        leave_the_lock(began, committed);
}

/* ------------------------------------------------------------- its life --------------------
 */

/* Wait for the first one.  Answers that were not taken want another look, an open connection
 * wants to be closed some time. */
static void wait_for_mail(struct publisher *p, bool *rests)
{
    int ms = p->unsent.first ? UNSENT_MS : *rests ? -1 : IDLE_MS;
    struct message *m = inbox_wait(&p->inbox, ms);
    if (!m && ms == IDLE_MS)
        *rests = store_idle(p->store);
    open_mail(p, m);
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
        open_mail(p, inbox_take(&p->inbox));
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
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->room, NULL);
    return p;
}

static bool is_full(const struct publisher *p, size_t bytes)
{
    return p->waiting >= PUBLISHER_WAITING ||
           (p->waiting > 0 && p->bytes + bytes > PUBLISHER_WAITING_BYTES);
}

bool publisher_post(struct publisher *p, struct publishing *what)
{
    what->since = now_us() / 1000;
    pthread_mutex_lock(&p->lock);
    if (!p->runs)
        p->runs = pthread_create(&p->thread, NULL, publisher_run, p) == 0;
    bool runs = p->runs;
    while (runs && is_full(p, what->bytes))
        pthread_cond_wait(&p->room, &p->lock);
    p->waiting += runs;
    p->bytes += runs ? what->bytes : 0;
    pthread_mutex_unlock(&p->lock);
    if (runs)
        inbox_post(&p->inbox, &what->message);
    return runs;
}

void publisher_hurry(struct publisher *p)
{
    pthread_mutex_lock(&p->lock);
    p->hurried = true;
    pthread_mutex_unlock(&p->lock);
    store_hurry(p->store);
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
    pthread_cond_destroy(&p->room);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
