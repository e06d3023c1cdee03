/* An answer that is not a stream: written whole, blocking for at most UNSENT_SECONDS, then the
 * end of the request and close; or, with r->unsent, as far as the socket takes it now, and the
 * rest is left there.  A client that left loses its answer, and nobody is told.
 *
 * Every answer says Cache-Control: no-store.  Out of memory the answer is a
 * 503 that needs none.  Each function takes the request's descriptor, but
 * for a body that is still on its way (body_unread): closed now, the connection could be reset,
 * and the web server would never read the answer.  Then only our side of it is shut down, and
 * whoever reads the rest closes it.
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

/* A JSON text, to which a line break is added; `headers` as above. */
void reply_json(struct request *r, int status, const char *headers, const char *json);

/* {"error": sentence}.  Nothing is sent of the body of any answer to HEAD. */
void reply_error(struct request *r, int status, const char *headers, const char *sentence);

/* What the store said: 400, 404, 413, 503 or 507, with its sentence. */
void reply_failure(struct request *r, enum store_result result, const char *why);

/* To a stream that cannot be served now: 200, `event: later`, a jittered `retry:`, the end.  A
 * browser gives up for good on anything else, so this one needs no memory. */
void reply_later(struct request *r, int64_t retry_ms);

#endif
