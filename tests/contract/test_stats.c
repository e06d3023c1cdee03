/* What the store tells for GET /stats. */
#include "tests/contract/contract_claims.h"

static struct store_stats stats_of(struct world *w)
{
    struct store_stats stats;
    if (store_stats(w->store, &stats) != STORE_OK)
        fail_msg("store_stats: %s", store_why(w->store));
    return stats;
}

static void test_an_empty_log_counts_nothing(void **state)
{
    struct store_stats stats = stats_of(*state);
    assert_int_equal(stats.streams, 0);
    assert_int_equal(stats.active, 0);
    assert_int_equal(stats.sessions, 0);
    assert_int_equal(stats.responders, 1);
    assert_int_equal(stats.events, 0);
    assert_int_equal(stats.oldest_id, 0);
}

static void assert_counts(struct world *w, int64_t streams, int64_t sessions, int64_t active)
{
    struct store_stats stats = stats_of(w);
    assert_int_equal(stats.streams, streams);
    assert_int_equal(stats.sessions, sessions);
    assert_int_equal(stats.active, active);
}

static void test_streams_sessions_and_absent_ones_are_counted(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    strcpy(token, claim_as(w, NULL)->token);
    claim_as(w, token); /* two tabs */
    claim_as(w, NULL);
    claim_as(w, NULL);
    assert_counts(w, 4, 3, 3);
    end_at(w, w->claim.stream_id, 0);
    assert_counts(w, 3, 3, 2);
}

static void test_a_dead_responders_streams_do_not_count(void **state)
{
    struct world *w = *state;
    claim_as(w, NULL);
    claim_as(w, NULL);
    orphan(w, w->claim.stream_id);
    assert_counts(w, 1, 2, 1);
}

static void test_the_log_is_described(void **state)
{
    struct world *w = *state;
    publish_some(w, 3);
    publish(w, "room", "update", "x", 1);
    delete_events(w, "", 1, 1);
    struct store_stats stats = stats_of(w);
    assert_int_equal(stats.events, 3);
    assert_int_equal(stats.mailboxes, 2);
    assert_int_equal(stats.end.trimmed_to, 1);
    assert_int_equal(stats.end.last_id, 4);
    assert_string_equal(stats.end.epoch, w->epoch);
    assert_int_equal(stats.oldest_id, 2);
    assert_true(stats.oldest_at > 0);
    assert_int_equal(stats.bytes, 3 * 201);
}

static void test_where_the_log_is_is_told(void **state)
{
    struct world *w = *state;
    assert_string_equal(stats_of(w).where, w->address);
}

static void test_what_the_sessions_cannot_tell_is_not_known(void **state)
{
    struct world *w = *state;
    damage(w, THE_SESSIONS);
    publish_some(w, 1);
    assert_counts(w, -1, -1, -1);
    assert_int_equal(stats_of(w).responders, -1);
    assert_int_equal(stats_of(w).events, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_log_counts_nothing),
        TEST(test_streams_sessions_and_absent_ones_are_counted),
        TEST(test_a_dead_responders_streams_do_not_count),
        TEST(test_the_log_is_described),
        TEST(test_where_the_log_is_is_told),
        TEST(test_what_the_sessions_cannot_tell_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
