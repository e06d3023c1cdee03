/* Answers that their sockets did not take as a whole.  The rest is written as the clients read,
 * so nobody waits for a client that does not.  A connection that takes nothing for
 * UNSENT_SECONDS is closed.
 *
 * Thread: its owner's. */
#ifndef ROWCAST_FCGI_UNSENT_H
#define ROWCAST_FCGI_UNSENT_H

#include <stdbool.h>
#include <stddef.h>

enum { UNSENT_SECONDS = 5 };

struct unsent_answer;

struct unsent {
    struct unsent_answer *first; /* NULL: everything was written */
};

/* Write what `fd`, a socket, takes now; then close it, or keep it with a copy of what is left.
 * Takes over `fd`, not `bytes`.  Out of memory it closes: the client's answer ends early. */
void unsent_send(struct unsent *u, int fd, const char *bytes, size_t len);

void unsent_flush(struct unsent *u); /* write what the sockets take now; never waits */
void unsent_close(struct unsent *u); /* flush once more, then close what is left */

#endif
