/* The rows are checked before they wait for the publisher, so that nobody else waits for a batch
 * that is not even JSON. */
#include "fcgi/request/publish_batch.h"

#include "fcgi/request/publish.h"
#include "fcgi/request/reply.h"

struct publishing *publish_batch(const struct settings *settings, struct request *r,
                                 struct query *q)
{
    char why[ROWS_WHY_SIZE];
    struct publishing *p = publish_take(settings, r, q);
    if (!p)
        return NULL;
    const struct request *its = &p->request;
    enum rows_result result =
        rows_read(&p->rows, its->body ? its->body : "", its->body_len, its->content_type, why);
    p->appending.what.rows = &p->rows.list;
    if (result == ROWS_WRONG)
        reply_error(&p->request, 400, NULL, why);
    else if (result == ROWS_NOMEM || !publishing_prepare(p))
        reply_failure(&p->request, STORE_NOMEM, "out of memory");
    else
        return p;
    publishing_free(p);
    return NULL;
}
