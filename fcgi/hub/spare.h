/* A descriptor that is kept free, so that whoever connects while there is no other one can be
 * accepted and told so.  In the backlog it would wait without an answer, and a web server gives
 * up in the end with a 5xx, after which an EventSource is dead.
 *
 * One for all workers of a process.  Thread: any, but for spare_open and spare_close. */
#ifndef ROWCAST_FCGI_SPARE_H
#define ROWCAST_FCGI_SPARE_H

#include <pthread.h>
#include <stdbool.h>

struct spare {
    pthread_mutex_t lock;
    int fd; /* -1: it could not be taken back */
};

void spare_open(struct spare *s);
void spare_close(struct spare *s);

/* Accept on the spare descriptor, without a wait where the listener has none.  Who gets one (>=
 * 0) has the spare, and everybody else waits, until spare_back.  -1: nobody was there, or there
 * is no descriptor all the same. */
int spare_accept(struct spare *s, int listener);

/* Take the descriptor back; the connection that was accepted on it has been closed. */
void spare_back(struct spare *s);

#endif
