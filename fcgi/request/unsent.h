/* Answers that their sockets did not take as a whole.  The rest is written as the clients read,
 * so nobody waits for a client that does not.  A connection that takes nothing for
 * UNSENT_SECONDS is closed.
 *
 * Thread: its owner's. */
#ifndef ROWCAST_FCGI_UNSENT_H
#define ROWCAST_FCGI_UNSENT_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/base/buffer.h"

enum { UNSENT_SECONDS = 5 };

struct unsent_answer;

struct unsent {
    struct unsent_answer *first; /* NULL: everything was written */
};

/* Write what `fd`, a socket, takes now; then close it, or keep it with what is left.  Takes over
 * `fd` and what `bytes` has.  False: out of memory, and nothing was written or taken over. */
bool unsent_send(struct unsent *u, int fd, struct buffer *bytes);

/* Give all of them to another list, whose owner writes them from then on. */
void unsent_move(struct unsent *to, struct unsent *from);

/* The memory of all answers in this process that wait for their clients, in bytes.  Thread: any. */
size_t unsent_bytes(void);

/* What to poll for until one of them can be written on: up to `max`, the newest first; returns how
 * many.  If there are more, an occasional flush finds those. */
struct pollfd;
size_t unsent_polled(const struct unsent *u, struct pollfd *out, size_t max);

void unsent_flush(struct unsent *u); /* write what the sockets take now; never waits */
void unsent_close(struct unsent *u); /* flush once more, then close what is left */

#endif
