/* The streams of a world: how a test claims, saves and ends them. */
#ifndef ROWCAST_TESTS_CONTRACT_CLAIMS_H
#define ROWCAST_TESTS_CONTRACT_CLAIMS_H

#include "tests/contract/contract_world.h"
#include "tests/unit/some_session.h"

/* A world whose sessions expire half a minute after their last stream ended. */
static inline int setup_ttl(void **state)
{
    if (world_setup(state))
        return -1;
    ((struct world *)*state)->settings->buffer_ttl = 30;
    return 0;
}
#define WITH_TTL(f) cmocka_unit_test_setup_teardown(f, setup_ttl, world_teardown)

static inline enum store_result try_claim(struct world *w, const struct claim_request *r)
{
    subscription_free(w->claim.subscription);
    w->claim.subscription = NULL;
    return store_claim(w->store, w->settings, r, &w->claim);
}

/* Claim a stream; the result, which is w->claim, is valid until the next claim. */
static inline struct claim *claim(struct world *w, const struct claim_request *r)
{
    enum store_result result = try_claim(w, r);
    if (result != STORE_OK)
        fail_msg("store_claim gave %d: %s", result, store_why(w->store));
    return &w->claim;
}

/* Claim with a token; NULL: as a new client. */
static inline struct claim *claim_as(struct world *w, const char *token)
{
    struct claim_request r = some_request();
    r.token = token;
    return claim(w, &r);
}

/* Claim with an id in the form that clients send. */
static inline struct claim *claim_at(struct world *w, const char *position)
{
    struct claim_request r = some_request();
    r.start = START_AT_ID;
    r.position = position;
    return claim(w, &r);
}

/* The text of an id of this log; valid until the next call. */
static inline const char *id_text(const struct world *w, int64_t id)
{
    static char text[EVENT_ID_SIZE];
    event_id_format(text, w->epoch, id);
    return text;
}

/* The request of a client that has everything up to `id`; valid until the next call of this or of
 * id_text. */
static inline struct claim_request request_from(const struct world *w, int64_t id)
{
    struct claim_request r = some_request();
    r.start = START_AT_ID;
    r.position = id_text(w, id);
    return r;
}

static inline struct claim *claim_from(struct world *w, int64_t id)
{
    return claim_at(w, id_text(w, id));
}

static inline struct bookmark bookmark_at(const struct world *w, int64_t stream, int64_t at)
{
    struct bookmark b = {.stream_id = stream, .position = at};
    memcpy(b.epoch, w->epoch, sizeof b.epoch);
    return b;
}

/* A stream ended, having received everything up to `at`. */
static inline void end_at(struct world *w, int64_t stream, int64_t at)
{
    struct bookmark b = bookmark_at(w, stream, at);
    assert_int_equal(store_ended(w->store, &b, 1), STORE_OK);
}

/* A stream runs, and received everything up to `at`. */
static inline void save_at(struct world *w, int64_t stream, int64_t at)
{
    struct bookmark b = bookmark_at(w, stream, at);
    assert_int_equal(store_save(w->store, &b, 1), STORE_OK);
}

/* Make a session whose client received everything up to `at`, and left. */
static inline void remember_session(struct world *w, char *token, char *id, int64_t at)
{
    struct claim *c = claim_as(w, NULL);
    strcpy(token, c->token);
    if (id)
        strcpy(id, c->session_id);
    end_at(w, c->stream_id, at);
}

static inline void expect_no_gap(const struct claim *c)
{
    assert_int_equal(c->gap, GAP_NONE);
    assert_int_equal(c->gap_from, -1);
}

/* The streams that this process is told to end, `max` of them at most. */
static inline size_t orders(struct world *w, int64_t *stream_ids, size_t max)
{
    size_t n = max + 1;
    assert_int_equal(store_beat(w->store, stream_ids, max, &n), STORE_OK);
    return n;
}

#endif
