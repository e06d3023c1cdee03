/* One publication on its way: the request that it came with, what that says, and what the store
 * made of it.  The texts of the publication lie in the request and in its form, so all of it
 * travels together, from the worker that read it to the thread that commits it.
 *
 * Thread: that of its present owner. */
#ifndef ROWCAST_FCGI_PUBLISHING_H
#define ROWCAST_FCGI_PUBLISHING_H

#include "fcgi/request/form.h"
#include "fcgi/base/inbox.h"
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "fcgi/request/rows.h"
#include "fcgi/request/unsent.h"
#include "store/store.h"

struct publishing {
    struct message message; /* for the publisher's inbox */
    struct request request;
    struct query query; /* the address */
    struct form form;
    const char **sessions; /* NULL: for a channel, or for what each of the rows says */
    struct rows rows;      /* of a batch */
    struct appending appending;
    size_t bytes;  /* how much memory it takes, about */
    int64_t since; /* ms of the monotonic clock: when it was posted */
};

/* Takes over what `r` and `q` have, which are empty afterwards.  NULL: out of memory, and they
 * are unchanged. */
struct publishing *publishing_new(struct request *r, struct query *q);
void publishing_free(struct publishing *p); /* closes a request without an answer */

/* Make room for the ids and set `bytes`, once the publication is filled in.  False: out of
 * memory. */
bool publishing_prepare(struct publishing *p);

/* How many rows it makes, and of how many bytes of data, about. */
size_t publishing_rows(const struct publishing *p);
size_t publishing_data(const struct publishing *p);

/* Commit the publication with this store, answer it and free it, for a process that has no
 * publisher (or no thread for one).  Tries for STORE_PATIENCE_MS, or until the process is told
 * to end (stop.h). */
void publishing_commit(struct publishing *p, struct store *s);

/* Answer the request with the ids, or with what is wrong, and free the publication.  `unsent`
 * keeps what the socket does not take at once; NULL: wait for the client. */
void publishing_answer(struct publishing *p, struct unsent *unsent);

#endif
