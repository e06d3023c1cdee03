/* How much waits for the publisher, whether more may come, and who is told when it may.
 *
 * The bound is soft, and nobody is refused here: a thread that reads requests asks
 * publisher_admits before it reads a body, and what it does not read waits in its socket.
 *
 * Thread: any, but for publisher_room_open and publisher_room_close.  Each call is some
 * instructions under one lock, and at most a write to the eventfd. */
#ifndef ROWCAST_FCGI_PUBLISHER_ROOM_H
#define ROWCAST_FCGI_PUBLISHER_ROOM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PUBLISHER_WAITING = 4096,                  /* publications, and … */
    PUBLISHER_WAITING_BYTES = 32 * 1024 * 1024 /* … bytes that may wait */
};

struct publisher_room {
    pthread_mutex_t lock;  /* of all that follows */
    size_t waiting, bytes; /* posted, and not answered yet */
    int64_t worked_at;     /* ms: when we last had the log's lock, or nothing waited */
    size_t held;           /* connections that wait for room, … */
    int fd; /* … and the eventfd to write when there is some; -1: nobody asks */
};

void publisher_room_open(struct publisher_room *r);
void publisher_room_close(struct publisher_room *r);

/* One more waits, since `since_ms`; or `count` fewer do, because they were committed or refused
 * (`worked`: we had the lock) or waited in vain. */
void publisher_room_enter(struct publisher_room *r, size_t bytes, int64_t since_ms);
void publisher_room_leave(struct publisher_room *r, size_t count, size_t bytes, bool worked);

/* As publisher.h has them. */
bool publisher_room_admits(struct publisher_room *r, bool held);
void publisher_room_holds(struct publisher_room *r, size_t held, int fd);
bool publisher_room_is_stuck(struct publisher_room *r);

#endif
