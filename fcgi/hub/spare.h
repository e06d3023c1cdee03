/* A descriptor in reserve.  When no other one is free, a client can still be accepted on it and
 * be told so.  In the backlog it would wait without an answer until its web server gives up
 * with a 5xx, after which an EventSource is dead.
 *
 * One for all workers of a process.  Thread: any, except for spare_open and spare_close. */
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

/* Accept on the spare descriptor; waits no longer than the listener does.  A caller that gets a
 * connection (>= 0) has the spare until spare_back, and all others wait for it.  -1: nobody was
 * there, or there is no descriptor all the same. */
int spare_accept(struct spare *s, int listener);

/* Take the descriptor back; the connection that was accepted on it has been closed. */
void spare_back(struct spare *s);

#endif
