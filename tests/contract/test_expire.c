/* Served time: which sessions have been idle for too long, and what is deleted with them. */
#include "tests/contract/contract_processes.h"

/* A session that was there and left. */
static void visitor(struct world *w, char *token, char *id)
{
    struct claim *c = claim_as(w, NULL);
    strcpy(token, c->token);
    strcpy(id, c->session_id);
    end_at(w, c->stream_id, 0);
}

static void test_a_session_outlives_its_last_stream_by_buffer_ttl(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    for (int i = 0; i < 3; i++)
        serve(w, 10);
    assert_int_equal(count(w, SESSIONS), 1);
    serve(w, 10);
    assert_int_equal(count(w, SESSIONS), 0);
    assert_false(claim_as(w, token)->reconnection);
}

static void test_nobody_expires_early_whenever_in_a_round_it_left(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    w->settings->buffer_ttl = 5;
    visitor(w, token, id); /* it may have left just now: the round was 10 s */
    serve(w, 10);
    assert_int_equal(count(w, SESSIONS), 1);
    serve(w, 10);
    assert_int_equal(count(w, SESSIONS), 0);
}

static void test_an_outage_expires_nobody(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    publish_to(w, id, "for you", 1);
    /* All times of a clock lie in the past; only served time counts. */
    age(w, 1000000000);
    serve(w, 0);
    serve(w, 0);
    struct claim *c = claim_as(w, token);
    assert_true(c->reconnection);
    assert_int_equal(c->count, 1);
}

static void test_a_session_with_an_open_stream_stays(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t first = claim_as(w, NULL)->stream_id;
    strcpy(token, w->claim.token);
    claim_as(w, token);
    end_at(w, first, 0);
    for (int i = 0; i < 10; i++)
        serve(w, 60);
    assert_int_equal(count(w, SESSIONS), 1);
    end_at(w, w->claim.stream_id, 0);
    for (int i = 0; i < 3; i++)
        serve(w, 30);
    assert_int_equal(count(w, SESSIONS), 0);
}

static void test_who_comes_back_has_all_the_time_again(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    serve(w, 20);
    claim_as(w, token);
    serve(w, 20);
    serve(w, 20);
    end_at(w, w->claim.stream_id, 0);
    serve(w, 20);
    serve(w, 20);
    assert_int_equal(count(w, SESSIONS), 1);
    serve(w, 20);
    assert_int_equal(count(w, SESSIONS), 0);
}

static void test_an_expired_session_takes_its_mailbox_and_its_bookmarks_along(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE], own[SESSION_ID_SIZE + 1];
    visitor(w, token, id);
    sprintf(own, "@%s", id);
    publish_to(w, id, "x", 2);
    publish_to(w, "other", "x", 1);
    publish_some(w, 1);
    serve(w, 31);
    serve(w, 1);
    assert_int_equal(count(w, SESSIONS), 0);
    assert_int_equal(count(w, OPEN_STREAMS) + count(w, ENDED_STREAMS), 0);
    assert_int_equal(count(w, ORDERS), 0);
    assert_int_equal(count(w, EVENTS), 2);
    assert_true(kept(w, own) <= 0);
}

static void test_sessions_expire_although_the_log_is_locked(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    publish_to(w, id, "x", 1);
    serve(w, 31);
    hold(w, THE_LOG);
    assert_int_equal(try_serve(w, 1), STORE_BUSY);
    assert_string_not_equal(store_why(w->store), "");
    release(w, THE_LOG);
    assert_int_equal(count(w, SESSIONS), 0);
    publish_some(w, 1); /* nothing of ours is left open */
}

static void test_sessions_expire_without_a_usable_log_and_it_is_told_why(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    serve(w, 31);
    damage(w, THE_LOG);
    assert_int_not_equal(try_serve(w, 1), STORE_OK);
    assert_string_not_equal(store_why(w->store), "");
    assert_int_equal(count(w, SESSIONS), 0);
}

static void test_a_log_without_mail_for_the_expired_is_not_locked(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    serve(w, 31);
    hold(w, THE_LOG);
    serve(w, 1);
    release(w, THE_LOG);
    assert_int_equal(count(w, SESSIONS), 0);
}

static void test_many_sessions_expire_in_one_round(void **state)
{
    enum { MANY = 1700 };
    static struct bookmark at[MANY];
    struct world *w = *state;
    for (int i = 0; i < MANY; i++)
        at[i] = bookmark_at(w, claim_as(w, NULL)->stream_id, 0);
    assert_int_equal(store_ended(w->store, at, MANY), STORE_OK);
    serve(w, 31);
    assert_int_equal(count(w, SESSIONS), MANY);
    serve(w, 1);
    assert_int_equal(count(w, SESSIONS), 0);
}

static void test_the_bookmarks_of_a_session_that_stays_go_as_fast(void **state)
{
    enum { MANY = 600 };
    static struct bookmark at[MANY];
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    strcpy(token, claim_as(w, NULL)->token);
    for (int i = 0; i < MANY; i++)
        at[i] = bookmark_at(w, claim_as(w, token)->stream_id, 0);
    assert_int_equal(store_ended(w->store, at, MANY), STORE_OK);
    serve(w, 31);
    assert_int_equal(count(w, ENDED_STREAMS), MANY);
    serve(w, 1);
    assert_int_equal(count(w, ENDED_STREAMS), 0);
    assert_int_equal(count(w, OPEN_STREAMS), 1);
}

static void test_a_bookmark_goes_after_buffer_ttl_although_its_session_stays(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    visitor(w, token, id);
    struct claim_request r = some_request();
    const char *types[] = {"a"};
    r.token = token;
    r.types = types;
    r.type_count = 1;
    claim(w, &r);
    assert_int_equal(count(w, OPEN_STREAMS) + count(w, ENDED_STREAMS), 2);
    serve(w, 31);
    serve(w, 1);
    assert_int_equal(count(w, SESSIONS), 1);
    assert_int_equal(count(w, OPEN_STREAMS) + count(w, ENDED_STREAMS), 1);
}

static void test_a_dead_processs_streams_end_and_their_sessions_time_runs(void **state)
{
    struct world *w = *state;
    struct process other = process_start(w, claim_one);
    int64_t own = claim_as(w, NULL)->stream_id;
    assert_true(other.said > 0);
    process_kill(other);
    assert_int_equal(count(w, RESPONDERS), 2);
    serve(w, 1);
    assert_int_equal(count(w, RESPONDERS), 1);
    assert_int_equal(count(w, OPEN_STREAMS), 1);
    assert_int_equal(count(w, IDLE_SESSIONS), 1);
    assert_int_equal(position_of(w, own), 0);
    serve(w, 31);
    serve(w, 1);
    assert_int_equal(count(w, SESSIONS), 1);
    assert_int_equal(position_of(w, other.said), -1);
}

static void test_the_streams_of_a_process_nobody_entered_end_too(void **state)
{
    struct world *w = *state;
    orphan(w, claim_as(w, NULL)->stream_id);
    serve(w, 1);
    assert_int_equal(count(w, OPEN_STREAMS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TTL(test_a_session_outlives_its_last_stream_by_buffer_ttl),
        WITH_TTL(test_nobody_expires_early_whenever_in_a_round_it_left),
        WITH_TTL(test_an_outage_expires_nobody),
        WITH_TTL(test_a_session_with_an_open_stream_stays),
        WITH_TTL(test_who_comes_back_has_all_the_time_again),
        WITH_TTL(test_an_expired_session_takes_its_mailbox_and_its_bookmarks_along),
        WITH_TTL(test_sessions_expire_although_the_log_is_locked),
        WITH_TTL(test_sessions_expire_without_a_usable_log_and_it_is_told_why),
        WITH_TTL(test_a_log_without_mail_for_the_expired_is_not_locked),
        WITH_TTL(test_many_sessions_expire_in_one_round),
        WITH_TTL(test_the_bookmarks_of_a_session_that_stays_go_as_fast),
        WITH_TTL(test_a_bookmark_goes_after_buffer_ttl_although_its_session_stays),
        WITH_TTL(test_a_dead_processs_streams_end_and_their_sessions_time_runs),
        WITH_TTL(test_the_streams_of_a_process_nobody_entered_end_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
