/* Messages to a thread.  Any thread posts, its owner takes; order is kept.  A message is a
 * struct of the sender's making whose first member is a `struct message`; it belongs to the
 * receiver once it was posted.  `kind` tells what it is; each receiver has its own enum.
 *
 * An owner that sleeps on the inbox calls inbox_wait; one that sleeps elsewhere (in an event
 * loop, on the log) gives a `ring` that wakes it, called by the sender when the inbox was
 * empty. */
#ifndef ROWCAST_FCGI_INBOX_H
#define ROWCAST_FCGI_INBOX_H

#include <pthread.h>
#include <stdbool.h>

struct message {
    struct message *next;
    int kind;
};

struct inbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct message *first, **last;
    void (*ring)(void *arg); /* NULL: the owner only uses inbox_wait */
    void *arg;
};

void inbox_open(struct inbox *b, void (*ring)(void *arg), void *arg);
void inbox_close(struct inbox *b); /* it must be empty */

void inbox_post(struct inbox *b, struct message *m); /* Thread: any */

/* Everything posted so far, oldest first, linked by `next`; NULL: nothing. */
struct message *inbox_take(struct inbox *b);

/* As inbox_take, but wait up to `timeout_ms` for the first one (-1: for ever). */
struct message *inbox_wait(struct inbox *b, int timeout_ms);

#endif
