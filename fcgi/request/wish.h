/* What a request for the stream, or for history, asks for: who it is, what it wants to hear, and
 * from where.
 *
 * Thread: its owner's. */
#ifndef ROWCAST_FCGI_WISH_H
#define ROWCAST_FCGI_WISH_H

#include "fcgi/request/cookie.h"
#include "fcgi/request/meta.h"
#include "fcgi/request/position.h"
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "store/store.h"

struct wish {
    struct claim_request claim; /* its strings are the request's, the query's, or below */
    int32_t wait_ms;            /* how long a poll waits; -1: no poll */
    uint16_t heartbeat;         /* seconds between heartbeats; 0: the setting's */
    int64_t limit;              /* of history: how many events; 0: nothing was said */
    struct position position;
    struct cookie_tokens tokens;
    const char *token[COOKIE_TOKENS_MAX];
    char user_agent[META_TEXT_SIZE];
    char remote_addr[META_SHORT_SIZE];
    char client_version[META_SHORT_SIZE];
    char query[META_QUERY_SIZE];
    char *headers;
    char *type_text; /* the types, cut apart */
    const char *channel[SUBSCRIPTION_CHANNELS_MAX];
    const char *type[SUBSCRIPTION_TYPES_MAX];
};

/* Fill `w`; request and query must stay as long as it is used.  Returns NULL, or a sentence
 * that says why the request is invalid.  *nomem: there was no memory to read all of it. */
const char *wish_read(struct wish *w, const struct settings *settings, const struct request *r,
                      const struct query *q, bool *nomem);
/* The same for /history, whose parameters have other names. */
enum { WISH_LIMIT_MAX = 1000 };
const char *wish_read_history(struct wish *w, const struct settings *settings,
                              const struct request *r, const struct query *q, bool *nomem);
void wish_free(struct wish *w);

#endif
