/* POST /broadcast and /send: from a request to one event that is ready to be committed.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_PUBLISH_H
#define ROWCAST_FCGI_PUBLISH_H

#include "fcgi/request/publishing.h"
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "store/settings.h"

/* The largest body that may hold one event; form encoding makes up to three bytes of one. */
size_t publish_body_max(const struct settings *settings);

/* Answer that the data is too large: 413, with the setting's name. */
void publish_refuse_large(const struct settings *settings, struct request *r);

/* The publication that a request asks for.  It takes over what `r` and `q` have, which are
 * empty afterwards, and is answered when it was committed.  NULL: it was answered already,
 * because something is wrong or there is no memory.  The caller has checked the token. */
struct publishing *publish_broadcast(const struct settings *settings, struct request *r,
                                     struct query *q);
struct publishing *publish_send(const struct settings *settings, struct request *r,
                                struct query *q);

#endif
