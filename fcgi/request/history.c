/* The events become JSON while the store gives them, so no list of rows is made.  Nothing is sent
 * before all of it is there; what fails on the way becomes a 503.
 *
 * Strangers may ask, so a failure is not explained to them: the store's sentence can name the
 * path of the log.  It goes into the log file. */
#include "fcgi/request/history.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi/base/log.h"
#include "fcgi/request/json.h"
#include "fcgi/request/reply.h"
#include "fcgi/request/unsent.h"
#include "fcgi/request/wish.h"
#include "fcgi/stream/sse_format.h"

static const char UNREADABLE[] = "the event log cannot be read now: try again later";

static atomic_bool history_fails; /* of the whole process: an outage is logged once */

/* ---- which requests ---------------------------------------------------------------- */

/* Whether a list of media types (RFC 9110, 12.5.1) has this one; its parameters do not matter. */
static bool names_type(const char *accept, const char *type)
{
    size_t len = strlen(type);
    for (const char *at = accept; *at; at += *at != '\0') {
        at += strspn(at, " \t");
        bool same = strncasecmp(at, type, len) == 0;
        if (same && strchr(" \t;,", at[len])) /* also the end of the text */
            return true;
        at += strcspn(at, ",");
    }
    return false;
}

/* The address is read as it came, without decoding it: this must need no memory, because a lack
 * of it would make the answer a stream. */
static bool does_not_wait(const char *query)
{
    const char *at = query;
    while (at && strncmp(at, "wait=", 5) != 0) {
        at = strchr(at, '&');
        at += at != NULL;
    }
    size_t zeros = at ? strspn(at + 5, "0") : 0;
    return zeros > 0 && (at[5 + zeros] == '\0' || at[5 + zeros] == '&');
}

bool history_is_wanted(const struct request *r)
{
    const char *accept = request_header(r, "Accept");
    return names_type(accept, "application/json") && !names_type(accept, REPLY_STREAM) &&
           does_not_wait(r->query_string);
}

/* ---- the answer -------------------------------------------------------------------- */

/* The pause is a random one, as for streams, so that clients do not come back all at once. */
static void history_put_off(const struct settings *settings, struct request *r,
                            const char *sentence)
{
    char header[48];
    snprintf(header, sizeof header, "Retry-After: %" PRId64 "\r\n",
             (sse_jitter(settings->retry) + 999) / 1000);
    reply_error(r, 503, header, sentence);
}

/* A stream without an id begins at its session's bookmark, or now.  History has no bookmarks, so
 * it begins before the newest events. */
static int64_t fix_limit(struct wish *w, bool poll)
{
    struct claim_request *c = &w->claim;
    int64_t limit = w->limit > 0 ? w->limit : HISTORY_LIMIT;
    if (poll && c->start == START_NEWEST)
        limit = c->newest < WISH_LIMIT_MAX ? c->newest : WISH_LIMIT_MAX;
    if (c->start == START_UNSAID) {
        c->start = START_NEWEST;
        c->newest = limit;
    }
    return limit;
}

static void take_begin(void *arg, const char *epoch)
{
    json_history_begin(arg, epoch);
}

static bool take_event(void *arg, const struct event *e)
{
    return json_history_add(arg, e);
}

/* The text of the answer; NULL: it failed, and *result says how. */
static char *history_text(struct store *s, const struct settings *settings, struct wish *w,
                          bool poll, enum store_result *result)
{
    struct json_history *json = json_history_new();
    const struct history_sink sink = {json, take_begin, take_event};
    struct history end;
    char *text = NULL;
    int64_t limit = fix_limit(w, poll);
    *result = STORE_NOMEM;
    if (json)
        *result = store_history(s, settings, &w->claim, limit, &sink, &end);
    if (*result == STORE_OK) {
        text = json_of_history(json, &end);
        *result = text ? STORE_OK : STORE_NOMEM;
    }
    json_history_free(json);
    return text;
}

static void answer_wish(struct store *s, const struct settings *settings, struct request *r,
                        struct wish *w, bool poll)
{
    enum store_result result;
    char *text = history_text(s, settings, w, poll, &result);
    bool nomem = result == STORE_NOMEM;
    if (!nomem) /* which says nothing about the log */
        log_outage(&history_fails, !text, "history_fails", store_why(s));
    if (text)
        reply_json(r, 200, NULL, text);
    else
        history_put_off(settings, r, nomem ? "out of memory" : UNREADABLE);
    free(text);
}

/* As long as the settings were never read, nobody knows whether there is to be a history. */
void history_answer(struct store *s, const struct settings *settings, struct request *r,
                    const struct query *q, bool poll)
{
    struct wish w;
    bool nomem;
    const char *wrong = poll ? wish_read(&w, settings, r, q, &nomem)
                             : wish_read_history(&w, settings, r, q, &nomem);
    if (wrong)
        reply_error(r, 400, NULL, wrong);
    else if (nomem)
        history_put_off(settings, r, "out of memory");
    else if (settings->version < 0)
        history_put_off(settings, r, UNREADABLE);
    else if (!settings->enable_reconnection)
        reply_error(r, 403, NULL,
                    "there is no history: enable_reconnection is 0 in rowcast_config");
    else if (unsent_bytes() > HISTORY_UNSENT_MAX)
        history_put_off(settings, r, "too many answers are read slowly: try again later");
    else
        answer_wish(s, settings, r, &w, poll);
    wish_free(&w);
}
