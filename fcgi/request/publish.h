/* POST /broadcast and /send: from a request to one event that is ready to be committed.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_PUBLISH_H
#define ROWCAST_FCGI_PUBLISH_H

#include "fcgi/request/publishing.h"
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "store/settings.h"

/* The most bytes of a body that may hold an event: form encoding makes up to three of each. */
size_t publish_body_max(const struct settings *settings);

/* Answer that it is larger: 413, with the setting's name. */
void publish_refuse_large(const struct settings *settings, struct request *r);

/* The publication that a request asks for.  It has taken over what `r` and `q` have, which are
 * empty afterwards; whoever commits it answers it.  NULL: something about it is wrong, or there
 * is no memory, and it was answered.  Whoever calls has checked the token. */
struct publishing *publish_broadcast(const struct settings *settings, struct request *r,
                                     struct query *q);
struct publishing *publish_send(const struct settings *settings, struct request *r,
                                struct query *q);

#endif
