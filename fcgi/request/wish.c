/* A wish that is invalid gets a sentence and a 400, since the same request would never succeed.
 * What clients and proxies do without anybody's intent (an empty name, an id that cannot be
 * used, too long a heartbeat) is no error: a 400 ends an EventSource for good. */
#include "fcgi/request/wish.h"

#include <stdlib.h>
#include <string.h>

#include "store/rules.h"

enum { WISH_WAIT_MAX = 3600 /* s */ };

/* The tokens that are presented.  A value that cannot be a token is not passed on; the claim
 * gets a token instead that no session has. */
static void read_tokens(struct wish *w, const struct settings *settings,
                        const struct request *r)
{
    w->tokens = (struct cookie_tokens){.n = 0};
    cookie_read(&w->tokens, r->cookie, settings->cookie_name);
    cookie_read_header(&w->tokens, r->session_token);
    for (size_t i = 0; i < w->tokens.n; i++)
        w->token[i] = w->tokens.token[i];
    w->claim.token = w->tokens.n > 0 ? w->token[0] : w->tokens.unusable ? "unknown" : NULL;
    w->claim.more_tokens = w->token + 1;
    w->claim.more_token_count = w->tokens.n > 1 ? w->tokens.n - 1 : 0;
}

static const char *wrong_channel(const char *name)
{
    if (strlen(name) > EVENT_NAME_MAX)
        return "a channel's name has at most 512 bytes";
    if (!query_is_plain(name))
        return "a channel's name cannot contain control characters";
    return rules_channel_is_reserved(name) ? RULES_CHANNEL_IS_RESERVED : NULL;
}

/* An empty name is no error: a form whose field was left empty sends `?channel=`. */
static const char *read_channels(struct wish *w, const struct query *q)
{
    const char *all[QUERY_ITEMS_MAX];
    size_t count = query_values(q, "channel", all, QUERY_ITEMS_MAX), n = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (!all[i][0])
            continue; /* everyone's, which every stream has */
        const char *wrong = wrong_channel(all[i]);
        if (wrong)
            return wrong;
        if (n == SUBSCRIPTION_CHANNELS_MAX)
            return "a stream can listen to at most 64 channels";
        if ((bytes += strlen(all[i])) > SUBSCRIPTION_NAMES_MAX)
            return "the names of a stream's channels have at most 8192 bytes together";
        w->channel[n++] = all[i];
    }
    w->claim.channel_count = n;
    return NULL;
}

static const char *read_types(struct wish *w, const struct query *q, bool *nomem)
{
    const char *types = query_value(q, "types");
    size_t n = 0;
    if (!types)
        return NULL;
    char *rest = w->type_text = strdup(types);
    if (!rest) {
        *nomem = true;
        return NULL;
    }
    for (char *type; (type = strsep(&rest, ","));) {
        if (!type[0])
            continue;
        if (n == SUBSCRIPTION_TYPES_MAX)
            return "a stream can ask for at most 64 types";
        if (strlen(type) > EVENT_TYPE_MAX)
            return "a type has at most 128 bytes";
        if (!query_is_plain(type))
            return "a type cannot contain control characters";
        w->type[n++] = type;
    }
    w->claim.type_count = n;
    return NULL;
}

/* In the address the last position counts: some clients append theirs to what the page wrote.
 * `best` is what is known besides. */
static struct position presented(struct position best, const struct query *q,
                                 bool (*is_name)(const char *name))
{
    struct query_item item;
    for (const struct UriQueryListStructA *at = q->list; query_next(&at, &item);) {
        if (!item.value || !is_name(item.name))
            continue;
        struct position p = position_read(item.value);
        if (p.kind >= best.kind && p.kind != POSITION_NONE)
            best = p;
    }
    return best;
}

/* False: the request says no position. */
static bool take_position(struct wish *w)
{
    if (w->position.kind == POSITION_EARLIEST) {
        w->claim.start = START_EARLIEST;
    } else if (w->position.kind != POSITION_NONE) {
        w->claim.start = START_AT_ID;
        w->claim.position = w->position.text; /* "" if none can be used */
    }
    return w->position.kind != POSITION_NONE;
}

/* The header is newer than what the page put into the address when it connected first, so it
 * wins, unless it cannot be used. */
static const char *read_position(struct wish *w, const struct request *r, const struct query *q)
{
    const char *newest = query_value(q, "last");
    if (newest && (!newest[0] || newest[strspn(newest, "0123456789")]))
        return "last= must be the number of events to begin with";
    w->position = position_read(r->last_event_id);
    if (w->position.kind != POSITION_ID && w->position.kind != POSITION_EARLIEST)
        w->position = presented(w->position, q, position_is_name);
    if (!take_position(w) && newest) {
        w->claim.start = START_NEWEST;
        w->claim.newest =
            strtoll(newest, NULL, 10); /* too many digits: LLONG_MAX, all of them */
    }
    return NULL;
}

static bool is_after(const char *name)
{
    return strcmp(name, "after") == 0;
}

static const char *read_limit(struct wish *w, const struct query *q)
{
    const char *limit = query_value(q, "limit");
    if (!limit)
        return NULL;
    w->limit = strtoll(limit, NULL, 10);
    if (!limit[0] || limit[strspn(limit, "0123456789")] || w->limit < 1 ||
        w->limit > WISH_LIMIT_MAX)
        return "limit= must be the number of events to give at most, from 1 to 1000";
    return NULL;
}

static const char *read_wait(struct wish *w, const struct query *q)
{
    const char *wait = query_value(q, "wait");
    size_t digits = wait ? strspn(wait, "0123456789") : 0;
    w->wait_ms = -1;
    if (!wait)
        return NULL;
    long long seconds = strtoll(wait, NULL, 10);
    if (digits == 0 || wait[digits] || seconds > WISH_WAIT_MAX)
        return "wait= must be the whole seconds to wait for events, from 0 to 3600";
    w->wait_ms = (int32_t)seconds * 1000;
    return NULL;
}

/* A shorter interval than the setting's, for clients whose patience is shorter.  A longer one
 * is no error, because the page cannot know the setting. */
static const char *read_heartbeat(struct wish *w, const struct query *q)
{
    const char *heartbeat = query_value(q, "heartbeat");
    size_t digits = heartbeat ? strspn(heartbeat, "0123456789") : 0;
    w->heartbeat = 0;
    if (!heartbeat)
        return NULL;
    long long seconds = strtoll(heartbeat, NULL, 10);
    if (digits == 0 || heartbeat[digits] || seconds < 1)
        return "heartbeat= must be the whole seconds between two heartbeats, at least 1";
    w->heartbeat = (uint16_t)(seconds < HEARTBEAT_MOST ? seconds : HEARTBEAT_MOST);
    return NULL;
}

/* What streams and history have in common, up to the types. */
static const char *read_filter(struct wish *w, const struct settings *settings,
                               const struct request *r, const struct query *q, bool *nomem)
{
    const char *version = query_value(q, "v");
    *nomem = false;
    w->headers = w->type_text = NULL;
    w->limit = 0;
    meta_clip(w->user_agent, sizeof w->user_agent, r->user_agent);
    meta_clip(w->remote_addr, sizeof w->remote_addr, r->remote_addr);
    meta_clip(w->client_version, sizeof w->client_version, version ? version : "");
    meta_clip(w->query, sizeof w->query, r->query_string);
    w->claim = (struct claim_request){.user_agent = w->user_agent,
                                      .remote_addr = w->remote_addr,
                                      .client_version = w->client_version,
                                      .query = w->query,
                                      .channels = w->channel,
                                      .types = w->type,
                                      .start = START_UNSAID};
    read_tokens(w, settings, r);
    w->claim.headers = w->headers = meta_headers(r, settings->meta_headers);
    *nomem = !w->headers;

    const char *wrong = read_channels(w, q);
    return wrong ? wrong : read_types(w, q, nomem);
}

const char *wish_read(struct wish *w, const struct settings *settings, const struct request *r,
                      const struct query *q, bool *nomem)
{
    const char *wrong = read_filter(w, settings, r, q, nomem);
    if (!wrong)
        wrong = read_position(w, r, q);
    if (!wrong)
        wrong = read_wait(w, q);
    if (!wrong)
        wrong = read_heartbeat(w, q);
    return wrong;
}

const char *wish_read_history(struct wish *w, const struct settings *settings,
                              const struct request *r, const struct query *q, bool *nomem)
{
    const char *wrong = read_filter(w, settings, r, q, nomem);
    w->wait_ms = -1;
    w->heartbeat = 0;
    w->position = presented((struct position){.kind = POSITION_NONE}, q, is_after);
    (void)take_position(w);
    return wrong ? wrong : read_limit(w, q);
}

void wish_free(struct wish *w)
{
    free(w->headers);
    free(w->type_text);
    w->headers = w->type_text = NULL;
}
