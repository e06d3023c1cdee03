/* The checks come in the order of what they cost and of what they give away.  Path and method
 * need nothing.  The token comes next: what only publishers may know (the names of
 * parameters, what is wrong with the log) is told to nobody else.  Then come media type,
 * parameters and Content-Length, all of which are in the headers, so nobody waits for a body
 * that would be refused.  The store is asked last.
 *
 * A stream gets no error that it could not survive.  A browser's EventSource gives up for
 * good on any status but 200, so trouble that will pass (no hub, no descriptor, no memory, no
 * log) is told by `later`: 200, an event, the end.  Only an invalid request gets 400, because
 * the same request would never succeed. */
#include "fcgi/request/answer.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fcgi/base/descriptors.h"
#include "fcgi/base/log.h"
#include "fcgi/request/history.h"
#include "fcgi/request/manage.h"
#include "fcgi/request/parameters.h"
#include "fcgi/request/publish.h"
#include "fcgi/request/publish_batch.h"
#include "fcgi/request/query.h"
#include "fcgi/request/reply.h"
#include "fcgi/request/route.h"
#include "fcgi/request/stream_open.h"

struct settings *answer_settings(struct answerer *a)
{
    struct settings *newer = NULL;
    if (store_settings_newer(a->store, a->settings, &newer) == STORE_OK && newer) {
        settings_unref(a->settings);
        a->settings = newer;
    }
    return a->settings ? settings_ref(a->settings) : board_get(a->board);
}

/* As long as the settings were never read, a claim would follow the defaults, so no hub is
 * started for it; nor is one started for a connection on one of the last descriptors. */
bool answer_wants_hub(const struct request *r, const struct settings *settings)
{
    return route_of(r) == ROUTE_EVENTS && !request_is_head(r) && settings->version >= 0 &&
           descriptors_suffice(r->fd) && !history_is_wanted(r);
}

static void answer_history(struct answerer *a, const struct settings *settings,
                           struct request *r, const struct query *q)
{
    r->unsent = a->unsent;
    history_answer(a->store, settings, r, q, route_of(r) == ROUTE_EVENTS);
}

static void answer_stream(struct answerer *a, const struct settings *settings,
                          struct request *r, const struct query *q, enum answer_room room,
                          struct outcome *out)
{
    struct claim_open open = {0};
    bool head = request_is_head(r); /* HEAD enters no stream */
    if (!head && room == ANSWER_NO_ROOM) {
        reply_later(r, settings->retry);
        return;
    }
    out->ticket =
        stream_claim(a->store, settings, r, q, room == ANSWER_MAY_WAIT ? &open : NULL);
    out->waits = open.n > 0;
}

/* As long as the settings were never read, the token is unknown and anybody may be a stranger.
 * So nobody is told what only publishers may know, for example the path of the log. */
static bool knows_token(struct answerer *a, const struct settings *settings, struct request *r)
{
    struct store_end end;
    if (settings->version >= 0)
        return true;
    enum store_result result = store_where(a->store, &end);
    log_line(LOG_LEVEL_ERROR, "token_unknown", "why=\"%s\"", store_why(a->store));
    reply_failure(r, result,
                  "the event log cannot be read now; the responder's log file says why");
    return false;
}

static bool method_fits(struct request *r, enum route route)
{
    const char *method = route_method(route);
    if (!method) {
        reply_error(r, 404, NULL, "there is nothing at this path");
        return false;
    }
    bool get = strcmp(method, "GET") == 0;
    if (strcmp(r->method, method) == 0 || (get && request_is_head(r)))
        return true;
    if (get)
        reply_error(r, 405, "Allow: GET, HEAD\r\n", "this path answers GET and HEAD only");
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
        if (route == ROUTE_EVENTS && !history_is_wanted(r))
            reply_later(r, settings->retry);
        else
            reply_failure(r, STORE_NOMEM, "out of memory");
        break;
    }
    return false;
}

static bool parameters_are_known(const struct settings *settings, struct request *r,
                                 enum route route)
{
    struct query q = {0};
    char why[PARAMETERS_WHY_SIZE];
    bool fits = query_fits(settings, r, &q, route);
    if (fits && !parameters_fit(route, &q, why)) {
        reply_error(r, 400, NULL, why);
        fits = false;
    }
    query_free(&q);
    return fits;
}

/* Refuse a body whose bytes are not the data that the publisher means. */
static bool media_fits(struct request *r)
{
    static const char form[] = "multipart/form-data";
    const char *encoding = request_variable(r, "HTTP_CONTENT_ENCODING");
    if (encoding[0] && strcasecmp(encoding, "identity") != 0)
        reply_error(r, 415, NULL,
                    "a body with a Content-Encoding is not read: send it as it is");
    else if (strncasecmp(r->content_type, form, sizeof form - 1) == 0)
        reply_error(
            r, 415, NULL,
            "multipart/form-data is not read: send the data as the body, or as data= in "
            "application/x-www-form-urlencoded (curl -d, not -F)");
    else
        return true;
    return false;
}

static bool length_fits(const struct settings *settings, struct request *r)
{
    uint64_t length;
    if (!request_content_length(r, &length)) {
        if (!request_variable(r, "CONTENT_LENGTH")[0])
            return true;
        reply_error(r, 400, NULL, "Content-Length is not a number of bytes");
        return false;
    }
    if (length <= publish_body_max(settings, route_of(r)))
        return true;
    publish_refuse_large(settings, r);
    return false;
}

/* The other routes are for publishers. */
static bool is_for_everyone(enum route route)
{
    return route == ROUTE_EVENTS || route == ROUTE_HISTORY;
}

enum answer_judgement answer_judge(struct answerer *a, const struct settings *settings,
                                   struct request *r)
{
    enum route route = route_of(r);
    if (!method_fits(r, route))
        return ANSWER_SAID;
    if (!is_for_everyone(route) &&
        (!knows_token(a, settings, r) || !manage_allows(settings, r)))
        return ANSWER_SAID;
    bool posts = strcmp(r->method, "POST") == 0;
    if ((posts && !media_fits(r)) || !parameters_are_known(settings, r, route) ||
        (posts && !length_fits(settings, r)))
        return ANSWER_SAID;
    return posts ? ANSWER_AFTER_BODY : ANSWER_NOW;
}

/* False: the body is not what was announced, and the request was answered.  Half of the data
 * must never be published. */
static bool answer_body_fits(const struct settings *settings, struct request *r)
{
    char sentence[128];
    uint64_t length;
    if (r->body_lost) {
        reply_failure(r, STORE_NOMEM, "out of memory");
        return false;
    }
    if (r->body_too_large) {
        publish_refuse_large(settings, r);
        return false;
    }
    if (!request_content_length(r, &length) || length == r->body_len)
        return true;
    snprintf(sentence, sizeof sentence, "the body has %zu bytes, but Content-Length says %llu",
             r->body_len, (unsigned long long)length);
    reply_error(r, 400, NULL, sentence);
    return false;
}

/* By what the address asks for. */
static void answer_route(struct answerer *a, const struct settings *settings, struct request *r,
                         struct query *q, enum answer_room room, struct outcome *out)
{
    switch (route_of(r)) {
    case ROUTE_EVENTS:
        if (history_is_wanted(r))
            answer_history(a, settings, r, q);
        else
            answer_stream(a, settings, r, q, room, out);
        break;
    case ROUTE_BROADCAST:
        out->publishing = publish_broadcast(settings, r, q);
        break;
    case ROUTE_SEND:
        out->publishing = publish_send(settings, r, q);
        break;
    case ROUTE_BATCH:
        out->publishing = publish_batch(settings, r, q);
        break;
    case ROUTE_DISCONNECT:
        manage_disconnect(a->store, r, q);
        break;
    case ROUTE_STATS:
        manage_stats(a->store, settings, r);
        break;
    case ROUTE_HISTORY:
        answer_history(a, settings, r, q);
        break;
    case ROUTE_UNKNOWN:
        break;
    }
}

/* answer_judge parsed the address already.  To parse it again is cheaper than to keep it while
 * the body comes. */
struct outcome answer(struct answerer *a, const struct settings *settings, struct request *r,
                      enum answer_room room)
{
    struct query q = {0};
    struct outcome out = {0};
    if (strcmp(r->method, "POST") == 0 && !answer_body_fits(settings, r))
        return out;
    if (query_fits(settings, r, &q, route_of(r)))
        answer_route(a, settings, r, &q, room, &out);
    query_free(&q);
    return out;
}

void answer_put_off(const struct settings *settings, struct request *r, const char *why)
{
    log_line(LOG_LEVEL_ERROR, "request_put_off", "why=\"%s\"", why);
    if (route_of(r) != ROUTE_EVENTS || history_is_wanted(r))
        reply_failure(r, STORE_NOMEM, why);
    else if (method_fits(r, ROUTE_EVENTS))
        reply_later(r, settings->retry);
}
