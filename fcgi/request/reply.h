/* An answer that is not a stream.  It is written as a whole, blocking for at most
 * UNSENT_SECONDS; then the request is ended and the connection closed.  With r->unsent the
 * socket gets what it takes now, and the rest is left there.  A client that left loses its
 * answer, and nobody is told.
 *
 * Every answer says Cache-Control: no-store.  Without memory the answer is a 503 that needs
 * none.  Each function takes over the request's descriptor, unless a body is still on its way
 * (body_unread): if the connection were closed now it could be reset, and the web server would
 * never read the answer.  Then only our side is shut down, and the thread that reads the rest
 * closes it.
 *
 * Thread: the request's. */
#ifndef ROWCAST_FCGI_REPLY_H
#define ROWCAST_FCGI_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "fcgi/request/request.h"
#include "store/store.h"

/* The content type of a stream; an answer of this type gets the headers that proxies need. */
#define REPLY_STREAM "text/event-stream"

struct reply {
    int status;
    const char *type;    /* content type */
    const char *headers; /* further lines, each with its CRLF; NULL: none */
    const char *body;
    size_t body_len;
    const char *end; /* after the body; NULL: nothing */
};

void reply_send(struct request *r, const struct reply *reply);

/* Answer with a JSON text, to which a line break is added; `headers` as above. */
void reply_json(struct request *r, int status, const char *headers, const char *json);

/* Answer {"error": sentence}.  As with any answer, HEAD gets no body. */
void reply_error(struct request *r, int status, const char *headers, const char *sentence);

/* Answer with what the store said: 400, 404, 413, 503 or 507, and its sentence. */
void reply_failure(struct request *r, enum store_result result, const char *why);

/* Answer a stream that cannot be served now: 200, `event: later`, a jittered `retry:`, the end.
 * A browser gives up for good on anything else, so this answer needs no memory. */
void reply_later(struct request *r, int64_t retry_ms);

#endif
