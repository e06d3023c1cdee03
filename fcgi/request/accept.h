/* Accepting connections, in a way that a stop can end.  intake.h reads what comes on them.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_ACCEPT_H
#define ROWCAST_FCGI_ACCEPT_H

enum {
    ACCEPT_STOP = -1, /* instead of a descriptor */
    ACCEPT_IDLE = -2, /* nobody came for ACCEPT_IDLE_MS */
    ACCEPT_FULL = -3, /* a client waits, but there is no descriptor or memory for it */
    ACCEPT_IDLE_MS = 1000
};

/* Wait for a connection and accept it.  ACCEPT_STOP: `stop_fd` became readable, or the listener
 * no longer listens.  ACCEPT_IDLE: nobody came; call again.  ACCEPT_FULL: somebody waits; give
 * back descriptors or memory, or accept with a spare descriptor, and call again. */
int accept_wait(int listener, int stop_fd);

#endif
