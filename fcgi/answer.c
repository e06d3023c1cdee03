#include "fcgi/answer.h"

#include <string.h>

#include "fcgi/log.h"
#include "fcgi/manage.h"
#include "fcgi/publish.h"
#include "fcgi/query.h"
#include "fcgi/reply.h"
#include "fcgi/route.h"
#include "fcgi/stream_open.h"

struct settings *answer_settings(struct answerer *a)
{
    struct store_end end;
    struct settings *newer = NULL;

    if (store_end(a->store, &end) == STORE_OK &&
        (a->settings == NULL || a->settings->version != end.config_version ||
         strcmp(a->epoch, end.epoch) != 0) &&
        store_settings(a->store, &newer) == STORE_OK) {
        settings_unref(a->settings);
        a->settings = newer;
        memcpy(a->epoch, end.epoch, sizeof a->epoch);
    }
    return a->settings != NULL ? settings_ref(a->settings) : board_get(a->board);
}

/* Streams are entered under the process's lease.  Without one they run unsaved, which the claim
 * finds out by itself. */
static void take_lease(struct answerer *a)
{
    if (!a->leased)
        a->leased = store_lease(a->store) == STORE_OK;
}

static struct ticket *answer_stream(struct answerer *a, const struct settings *settings,
                                    struct request *r, const struct query *q)
{
    if (settings->version < 0 || (a->may_stream != NULL && !a->may_stream(a->arg))) {
        reply_later(r, settings->retry);
        return NULL;
    }
    take_lease(a);
    return stream_claim(a->store, settings, r, q);
}

/* While the settings were never read, nobody can be told from a publisher, and so nobody is
 * told what only publishers may know: the log's path, for one. */
static bool knows_token(struct answerer *a, const struct settings *settings, struct request *r)
{
    struct store_end end;

    if (settings->version >= 0)
        return true;
    enum store_result result = store_end(a->store, &end);
    log_line(LOG_LEVEL_ERROR, "token_unknown", "why=\"%s\"", store_why(a->store));
    reply_failure(r, result,
                  "the event log cannot be read now; what the responder logs says why");
    return false;
}

static void answer_publisher(struct answerer *a, const struct settings *settings,
                             struct request *r, struct query *q, enum route route)
{
    switch (route) {
    case ROUTE_BROADCAST:
        publish_broadcast(a->store, a->publisher, settings, r, q);
        break;
    case ROUTE_SEND:
        publish_send(a->store, a->publisher, settings, r, q);
        break;
    case ROUTE_DISCONNECT:
        manage_disconnect(a->store, r, q);
        break;
    case ROUTE_STATS:
        manage_stats(a->store, r);
        break;
    case ROUTE_EVENTS:
    case ROUTE_UNKNOWN:
        break;
    }
}

static bool method_fits(struct request *r, enum route route)
{
    const char *method = route_method(route);

    if (method == NULL) {
        reply_error(r, 404, NULL, "there is nothing at this path");
        return false;
    }
    if (strcmp(r->method, method) == 0)
        return true;
    if (method[0] == 'G')
        reply_error(r, 405, "Allow: GET\r\n", "this path answers GET only");
    else
        reply_error(r, 405, "Allow: POST\r\n", "this path answers POST only");
    return false;
}

static bool query_fits(const struct settings *settings, struct request *r, struct query *q,
                       enum route route)
{
    switch (query_parse(q, r->query_string, strlen(r->query_string))) {
    case QUERY_OK:
        return true;
    case QUERY_TOO_MANY:
        reply_error(r, 400, NULL, "there are too many parameters in the address");
        break;
    case QUERY_NOMEM:
        if (route == ROUTE_EVENTS)
            reply_later(r, settings->retry);
        else
            reply_failure(r, STORE_NOMEM, "out of memory");
        break;
    }
    return false;
}

struct ticket *answer(struct answerer *a, const struct settings *settings, struct request *r)
{
    enum route route = route_of(r);
    struct query q = {0};
    struct ticket *t = NULL;

    if (!method_fits(r, route))
        goto done;
    if (route != ROUTE_EVENTS && (!knows_token(a, settings, r) || !manage_allows(settings, r)))
        goto done;
    if (!query_fits(settings, r, &q, route))
        goto done;
    if (route == ROUTE_EVENTS)
        t = answer_stream(a, settings, r, &q);
    else
        answer_publisher(a, settings, r, &q, route);
done:
    query_free(&q);
    request_end(r);
    return t;
}
