/* One publication on its way: the request it came with, what that says, and what the store made
 * of it.  The texts of the publication lie in the request and in its forms, so all of it
 * travels together, from the worker that read it to the thread that commits it.
 *
 * Thread: whoever has it. */
#ifndef ROWCAST_FCGI_PUBLISHING_H
#define ROWCAST_FCGI_PUBLISHING_H

#include "fcgi/request/form.h"
#include "fcgi/base/inbox.h"
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "fcgi/request/unsent.h"
#include "store/store.h"

struct publishing {
    struct message message; /* it is posted to the publisher */
    struct request request;
    struct query query; /* the address */
    struct form form;
    const char **sessions; /* NULL: for a channel */
    struct appending appending;
    size_t bytes;  /* of memory, about */
    int64_t since; /* ms of the monotonic clock, when it was posted */
};

/* Takes over what `r` and `q` have, which are empty afterwards.  NULL: out of memory, and they
 * are as they were. */
struct publishing *publishing_new(struct request *r, struct query *q);
void publishing_free(struct publishing *p); /* closes a request without an answer */

/* Room for the ids, and how large it is, once the publication is filled in.  False: out of
 * memory. */
bool publishing_prepare(struct publishing *p);

/* Commit it with this store and answer it, for a process that has no publisher (or no thread for
 * one).  Tries for STORE_PATIENCE_MS, or until the process is told to end (stop.h). */
void publishing_commit(struct publishing *p, struct store *s);

/* Answer the request with the ids, or with what is wrong, and free it.  `unsent` takes what the
 * socket does not take at once; NULL: wait for the client. */
void publishing_answer(struct publishing *p, struct unsent *unsent);

#endif
