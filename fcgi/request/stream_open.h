/* From a request for the stream to a ticket for the hub: what the request asks for, the claim,
 * and all that is said before the first row (headers, opening, connected, gap, replay-start).
 *
 * Thread: the store's. */
#ifndef ROWCAST_FCGI_STREAM_OPEN_H
#define ROWCAST_FCGI_STREAM_OPEN_H

#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "fcgi/stream/ticket.h"
#include "store/store.h"

/* Claim the stream.  HEAD gets the headers that every stream has, and the end.
 *
 * `open` NULL: claim at once.  Otherwise, if the claim had better wait for the end of earlier
 * streams (store_claim_waits), those are in *open, and nothing was done.
 *
 * The ticket has taken over the descriptor, which no longer blocks.  NULL: the request was
 * answered, with 400 if it is invalid, with `later` if the store cannot serve it now. */
struct ticket *stream_claim(struct store *s, const struct settings *settings, struct request *r,
                            const struct query *q, struct claim_open *open);

#endif
