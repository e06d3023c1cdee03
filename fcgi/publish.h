/* POST /broadcast and /send: one event from a request, answered with its id.
 *
 * Thread: the store's. */
#ifndef ROWCAST_FCGI_PUBLISH_H
#define ROWCAST_FCGI_PUBLISH_H

#include "fcgi/query.h"
#include "fcgi/request.h"
#include "store/store.h"

/* The most bytes of a body that may hold an event: form encoding makes up to three of each. */
size_t publish_body_max(const struct settings *settings);

/* Answer the request; whoever calls has checked the token. */
void publish_broadcast(struct store *s, const struct settings *settings, struct request *r,
                       const struct query *q);
void publish_send(struct store *s, const struct settings *settings, struct request *r,
                  const struct query *q);

#endif
