/* Between client.c (what a client says next) and client_write.c (how that goes out).
 *
 * Thread: the client's owner. */
#ifndef ROWCAST_FCGI_CLIENT_INTERNAL_H
#define ROWCAST_FCGI_CLIENT_INTERNAL_H

#include "fcgi/stream/client.h"

/* Whether bytes of `own` wait to go out. */
bool client_has_own(const struct client *c);

/* Write a piece of `own`, or else of the batch.  CLIENT_TIRED: some of it went out, and there
 * may be more.  CLIENT_BLOCKED and CLIENT_GONE: nothing went out. */
enum client_state client_write(struct client *c);

#endif
