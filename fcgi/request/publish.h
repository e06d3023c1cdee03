/* POST /broadcast and /send: one event from a request, answered with its id.
 *
 * Thread: the store's. */
#ifndef ROWCAST_FCGI_PUBLISH_H
#define ROWCAST_FCGI_PUBLISH_H

#include "fcgi/hub/publisher.h"
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "store/store.h"

/* The most bytes of a body that may hold an event: form encoding makes up to three of each. */
size_t publish_body_max(const struct settings *settings);

/* Answer that it is larger: 413, with the setting's name. */
void publish_refuse_large(const struct settings *settings, struct request *r);

/* See that the request is answered: by `publisher`, to which what `r` and `q` have is handed
 * over (they are empty afterwards), or, without one (NULL), here, with the store.  Whoever
 * calls has checked the token. */
void publish_broadcast(struct store *s, struct publisher *publisher,
                       const struct settings *settings, struct request *r, struct query *q);
void publish_send(struct store *s, struct publisher *publisher, const struct settings *settings,
                  struct request *r, struct query *q);

#endif
