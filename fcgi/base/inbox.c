/* One lock and one list.  A message is linked by its first member, so posting allocates
 * nothing and cannot fail: what has to be said when memory is short (the end of a stream) can
 * always be said.
 *
 * The owner takes everything at once and works without the lock.  Only a message that finds the
 * inbox empty wakes it.  One wake-up is enough, because the owner always takes all messages;
 * and under load this saves a wake-up for each of the others. */
#include "fcgi/base/inbox.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <time.h>

void inbox_open(struct inbox *b, void (*ring)(void *arg), void *arg)
{
    pthread_condattr_t attr; /* setting the system's clock must not stretch a wait */
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->filled, &attr);
    pthread_condattr_destroy(&attr);
    b->first = NULL;
    b->last = &b->first;
    b->ring = ring;
    b->arg = arg;
}

void inbox_close(struct inbox *b)
{
    assert(!b->first);
    pthread_cond_destroy(&b->filled);
    pthread_mutex_destroy(&b->lock);
}

void inbox_post(struct inbox *b, struct message *m)
{
    m->next = NULL;
    pthread_mutex_lock(&b->lock);
    bool was_empty = !b->first;
    *b->last = m;
    b->last = &m->next;
    if (was_empty)
        pthread_cond_signal(&b->filled);
    pthread_mutex_unlock(&b->lock);
    /* After the unlock, since the owner, once awake, would only wait for the lock. */
    if (was_empty && b->ring)
        b->ring(b->arg);
}

static struct message *take_all(struct inbox *b)
{
    struct message *all = b->first;
    b->first = NULL;
    b->last = &b->first;
    return all;
}

struct message *inbox_take(struct inbox *b)
{
    pthread_mutex_lock(&b->lock);
    struct message *all = take_all(b);
    pthread_mutex_unlock(&b->lock);
    return all;
}

static struct timespec deadline_in(int timeout_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

struct message *inbox_wait(struct inbox *b, int timeout_ms)
{
    struct timespec deadline = deadline_in(timeout_ms < 0 ? 0 : timeout_ms);
    int gone = 0;
    pthread_mutex_lock(&b->lock);
    while (!b->first && gone != ETIMEDOUT) {
        if (timeout_ms < 0)
            pthread_cond_wait(&b->filled, &b->lock);
        else
            gone = pthread_cond_timedwait(&b->filled, &b->lock, &deadline);
    }
    struct message *all = take_all(b);
    pthread_mutex_unlock(&b->lock);
    return all;
}
