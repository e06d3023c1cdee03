/* What a publisher may do besides publishing (/disconnect, /stats), and who is a publisher.
 *
 * Thread: the store's. */
#ifndef ROWCAST_FCGI_MANAGE_H
#define ROWCAST_FCGI_MANAGE_H

#include <stdbool.h>

#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "store/store.h"

/* Whether the request carries the publish_token.  False: it was answered, with 401, or with 403
 * while the setting is empty. */
bool manage_allows(const struct settings *settings, struct request *r);

void manage_disconnect(struct store *s, struct request *r, const struct query *q);
void manage_stats(struct store *s, const struct settings *settings, struct request *r);

#endif
