/* POST /batch: from a request to rows that are ready to be committed together.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_PUBLISH_BATCH_H
#define ROWCAST_FCGI_PUBLISH_BATCH_H

#include "fcgi/request/publishing.h"
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "store/settings.h"

/* As publish_broadcast (publish.h). */
struct publishing *publish_batch(const struct settings *settings, struct request *r,
                                 struct query *q);

#endif
