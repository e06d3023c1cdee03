/* The whole request is kept, and the claim is tried again from its beginning with each look,
 * because what it waits for changes what it decides.  It counts as one of the hub's streams all
 * the while (hub_expect): a drain must not be over before it, or its client would be cut. */
#include "fcgi/hub/aside.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi/request/query.h"
#include "fcgi/request/reply.h"
#include "fcgi/request/stream_open.h"

struct aside *aside_new(struct request *r, struct settings *settings, struct hub *h)
{
    struct aside *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->request = *r;
    a->settings = settings_ref(settings);
    request_begin(r, -1, r->framing, 0);
    hub_expect(h);
    return a;
}

static void aside_free(struct aside *a)
{
    request_end(&a->request);
    settings_unref(a->settings);
    free(a);
}

void aside_refuse(struct aside *a, struct hub *h)
{
    reply_later(&a->request, a->settings->retry);
    hub_expected(h, NULL);
    aside_free(a);
}

bool aside_serve(struct aside *a, struct store *s, struct hub *h, bool patient)
{
    struct request *r = &a->request;
    struct query q = {0};
    struct ticket *t = NULL;
    a->open.n = 0;
    if (query_parse(&q, r->query_string, strlen(r->query_string)) == QUERY_OK)
        t = stream_claim(s, a->settings, r, &q, patient ? &a->open : NULL);
    else
        reply_later(r, a->settings->retry); /* it was parsed before, so memory is short */
    query_free(&q);
    if (a->open.n > 0)
        return false;
    hub_expected(h, t);
    aside_free(a);
    return true;
}
