/* Messages to a thread.  Any thread posts, the owner takes, and order is kept.  A message is a
 * struct that the sender allocates, with a `struct message` as its first member.  Once posted,
 * it belongs to the receiver.  `kind` tells what it is; each receiver has its own enum.
 *
 * An owner that sleeps on the inbox calls inbox_wait.  An owner that sleeps elsewhere (in an
 * event loop, on the event log) gives a `ring` that wakes it; the sender calls it when the
 * inbox was empty. */
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
