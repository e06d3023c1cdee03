/* Requests for a stream in a world, as they come from a web server. */
#ifndef ROWCAST_TESTS_CONTRACT_STREAMS_H
#define ROWCAST_TESTS_CONTRACT_STREAMS_H

#include "tests/contract/contract_claims.h"
#include "tests/unit/stream_helpers.h"

static inline struct opened request_stream(struct world *w, const char *query,
                                           const char *const *environment)
{
    return open_stream(w->store, w->settings, query, environment);
}

#endif
