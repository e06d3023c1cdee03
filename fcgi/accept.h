/* Accepting connections and reading one FastCGI request from each.
 *
 * libfcgi parses, it does not accept: left alone it waits for ever on a connection that sends
 * nothing.  The only part of the program that knows it.  See accept.c for what it has to be
 * guarded against.
 *
 * Thread: any, after accept_setup. */
#ifndef ROWCAST_FCGI_ACCEPT_H
#define ROWCAST_FCGI_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/request.h"

enum {
    ACCEPT_STOP = -1, /* instead of a descriptor */
    ACCEPT_IDLE = -2, /* nobody came for ACCEPT_IDLE_MS */
    ACCEPT_IDLE_MS = 1000,
    ACCEPT_BODY_SECONDS = 30, /* a body that takes longer is given up */
    ACCEPT_READ_SECONDS = 5   /* as is a connection that says nothing for so long */
};

/* Once a process, before the first thread. */
bool accept_setup(void);

/* Wait for a connection and accept it.  ACCEPT_STOP: `stop_fd` became readable, or the listener
 * is none.  ACCEPT_IDLE: nobody came; call again.  Out of descriptors it waits 100 ms and tries
 * again. */
int accept_wait(int listener, int stop_fd);

/* Read one request from `fd`, which it takes over: r owns it then, blocking, without a timeout
 * for reading, and free of libfcgi.  A body beyond `body_max` is read to its end and dropped.
 * False: no whole request came; fd is closed and r is empty. */
bool accept_request(struct request *r, int fd, size_t body_max);

#endif
