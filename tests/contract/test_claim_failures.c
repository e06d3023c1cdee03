/* Claims while the log or the sessions are locked, full or damaged: the stream runs unsaved, or its
 * client is told to try later, and nothing is left behind. */
#include "tests/contract/contract_claims.h"

#include "store/engine.h"

static void test_held_sessions_mean_later_and_leave_nothing(void **state)
{
    struct world *w = *state;
    struct claim_request r = some_request();
    hold(w, THE_SESSIONS);
    assert_int_equal(try_claim(w, &r), STORE_BUSY);
    assert_null(w->claim.subscription);
    assert_string_not_equal(store_why(w->store), "");
    release(w, THE_SESSIONS);
    assert_int_equal(count(w, SESSIONS), 0);
    claim(w, &r);
    assert_int_equal(count(w, SESSIONS), 1);
}

static void test_a_log_that_is_held_for_writing_stops_no_claim(void **state)
{
    struct world *w = *state;
    hold(w, THE_LOG);
    publish(w, "", "update", "not yet", 1);
    assert_int_equal(claim_as(w, NULL)->until, 0);
    release(w, THE_LOG);
    assert_int_equal(claim_as(w, NULL)->until, 1);
}

static void test_full_sessions_run_the_stream_unsaved_and_honour_whom_they_know(void **state)
{
    struct world *w = *state;
    struct claim_request r = some_request();
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE], query[20000];
    strcpy(id, claim_as(w, NULL)->session_id);
    strcpy(token, w->claim.token);
    memset(query, 'q', sizeof query);
    query[sizeof query - 1] = '\0';
    r.query = query;
    r.token = token;
    fill_up(w, THE_SESSIONS, true);
    struct claim *c = claim(w, &r);
    assert_int_equal(c->saved, STORE_FULL);
    assert_int_equal(c->stream_id, 0);
    assert_true(c->reconnection);
    assert_string_equal(c->session_id, id);
    assert_string_equal(c->token, token);
    assert_int_equal(c->gap, GAP_NONE);
    r.token = NULL;
    c = claim(w, &r);
    assert_int_equal(c->saved, STORE_FULL);
    assert_true(is_hex(c->token, 32));
    assert_int_equal(count(w, SESSIONS), 1); /* rolled back */
    fill_up(w, THE_SESSIONS, false);
    r.token = token;
    assert_int_equal(claim(w, &r)->saved, STORE_OK);
}

static void test_ruined_sessions_run_the_stream_unsaved(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    strcpy(token, claim_as(w, NULL)->token);
    strcpy(id, w->claim.session_id);
    damage(w, THE_SESSIONS);
    struct claim *c = claim_as(w, token);
    assert_int_equal(c->saved, STORE_CORRUPT);
    assert_int_equal(c->stream_id, 0);
    assert_int_equal(c->gap, GAP_NONE); /* each connection would be told, and reload the page */
    assert_true(c->keeps_token);
    assert_string_equal(c->token, token);
    assert_string_equal(c->session_id, id);
    c = claim_as(w, NULL);
    assert_int_equal(c->gap, GAP_NONE);
    lose(w, THE_SESSIONS);
    assert_int_equal(claim_as(w, NULL)->saved, STORE_OK);
}

static void test_a_ruined_log_means_later_and_leaves_nothing(void **state)
{
    struct world *w = *state;
    struct claim_request r = some_request();
    damage(w, THE_LOG);
    assert_int_equal(try_claim(w, &r), STORE_CORRUPT);
    assert_null(w->claim.subscription);
    assert_int_equal(count(w, SESSIONS), 0);
}

static void test_a_claim_whose_count_fails_does_not_stay_open(void **state)
{
    struct world *w = *state;
    struct claim_request r = request_from(w, 0);
    set(w, "buffer_size", "100000");
    publish_some(w, 50000);
    store_deadline(0); /* to count so many takes long */
    enum store_result result = try_claim(w, &r);
    store_deadline(-1);
    assert_int_equal(result, STORE_IO);
    assert_null(w->claim.subscription);
    assert_int_equal(w->claim.stream_id, 0);
    assert_string_not_equal(store_why(w->store), "");
    assert_int_equal(count(w, OPEN_STREAMS) + count(w, ENDED_STREAMS), 0);
    assert_int_equal(count(w, SESSIONS), 0);
}

/* What the engine is asked to enter at the end of a claim. */
static enum store_result enter(struct world *w, enum entry_as as, const char *session_id,
                               const char *token, int64_t *stream_id)
{
    struct claim_request r = some_request();
    struct entry e = {.request = &r,
                      .session_id = session_id,
                      .token = token,
                      .key = "",
                      .epoch = w->epoch,
                      .as = as,
                      .take_to = INT64_MAX};
    return w->store->engine->enter(w->store, &e, stream_id);
}

static void test_a_session_that_went_since_it_was_recalled_is_not_entered(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    int64_t stream = -1;
    remember_session(w, token, id, 0);
    delete_session(w, id);
    assert_int_equal(enter(w, ENTRY_RETURNS, id, token, &stream), STORE_UNKNOWN);
    assert_string_not_equal(store_why(w->store), "");
    assert_int_equal(stream, -1);
    assert_int_equal(count(w, SESSIONS), 0);
    assert_int_equal(count(w, OPEN_STREAMS), 0);
}

static void test_a_session_that_another_claim_made_again_is_not_made_twice(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    int64_t stream = -1;
    remember_session(w, token, id, 0);
    assert_int_equal(enter(w, ENTRY_REVIVES, id, token, &stream), STORE_UNKNOWN);
    assert_int_equal(stream, -1);
    assert_int_equal(count(w, SESSIONS), 1);
    assert_int_equal(count(w, OPEN_STREAMS), 0);
    assert_int_equal(count(w, ENDED_STREAMS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_held_sessions_mean_later_and_leave_nothing),
        TEST(test_a_log_that_is_held_for_writing_stops_no_claim),
        TEST(test_full_sessions_run_the_stream_unsaved_and_honour_whom_they_know),
        TEST(test_ruined_sessions_run_the_stream_unsaved),
        TEST(test_a_ruined_log_means_later_and_leaves_nothing),
        TEST(test_a_claim_whose_count_fails_does_not_stay_open),
        TEST(test_a_session_that_went_since_it_was_recalled_is_not_entered),
        TEST(test_a_session_that_another_claim_made_again_is_not_made_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
