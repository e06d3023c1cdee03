/* GET /history: what happened, as JSON, for first loads and for programs that want no stream.  No
 * session is made or used up, and no bookmark moves.
 *
 * Thread: the store's. */
#ifndef ROWCAST_FCGI_HISTORY_H
#define ROWCAST_FCGI_HISTORY_H

#include <stdbool.h>

#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "store/store.h"

enum {
    HISTORY_LIMIT = 100,                   /* events, if the request says nothing */
    HISTORY_UNSENT_MAX = 64 * 1024 * 1024, /* bytes of answers that wait for their clients */
};

/* Whether a request for the stream wants this answer instead: it is a poll that does not wait
 * (wait=0), and accepts application/json but not text/event-stream.  Clients that name both get
 * the stream, because many name everything they can read.  Needs no memory. */
bool history_is_wanted(const struct request *r);

/* Answer with history, or with 400 for a request that is invalid, 403 while enable_reconnection
 * is 0, and 503 with Retry-After while the event log cannot be read or memory is short.  No
 * answer is partial.  `poll`: the request is one that history_is_wanted found.  Its position says
 * what after= says otherwise, and last= is the number of events. */
void history_answer(struct store *s, const struct settings *settings, struct request *r,
                    const struct query *q, bool poll);

#endif
