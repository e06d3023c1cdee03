/* POST /broadcast and /send: from a request to one event that is ready to be committed.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_PUBLISH_H
#define ROWCAST_FCGI_PUBLISH_H

#include "fcgi/request/publishing.h"
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "fcgi/request/route.h"
#include "store/settings.h"

/* The largest body that a path takes.  It may hold one event, of whose bytes form encoding makes
 * up to three each; or the rows of a batch, which are no form. */
size_t publish_body_max(const struct settings *settings, enum route route);

/* Answer that the body is too large: 413, with the setting's name. */
void publish_refuse_large(const struct settings *settings, struct request *r);

/* Take over what `r` and `q` have, for a publication that is to be filled in.  NULL: the request
 * was answered, because its body is too large or there is no memory. */
struct publishing *publish_take(const struct settings *settings, struct request *r,
                                struct query *q);

/* The publication that a request asks for.  It takes over what `r` and `q` have, which are
 * empty afterwards, and is answered when it was committed.  NULL: it was answered already,
 * because something is wrong or there is no memory.  The caller has checked the token. */
struct publishing *publish_broadcast(const struct settings *settings, struct request *r,
                                     struct query *q);
struct publishing *publish_send(const struct settings *settings, struct request *r,
                                struct query *q);

#endif
