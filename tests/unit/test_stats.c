/* What GET /stats says. */
#include "tests/unit/store_world.h"

/* A value of the statistics; NULL is -1. */
static int64_t stat_number(struct world *w, const char *path)
{
    char *json = NULL;
    if (store_stats(w->store, &json) != STORE_OK)
        fail_msg("store_stats: %s", store_why(w->store));
    int64_t n =
        world_number(w->log, "SELECT ifnull(json_extract('%q', '$.%q'), -1)", json, path);
    free(json);
    return n;
}

static void test_an_empty_log_counts_nothing(void **state)
{
    struct world *w = *state;
    assert_int_equal(stat_number(w, "active_clients"), 0);
    assert_int_equal(stat_number(w, "total_sessions"), 0);
    assert_int_equal(stat_number(w, "buffered_sessions"), 0);
    assert_int_equal(stat_number(w, "responders"), 1);
    assert_int_equal(stat_number(w, "log.events"), 0);
    assert_int_equal(stat_number(w, "log.oldest_event_id"), -1);
}

static void test_streams_sessions_and_absent_ones_are_counted(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    strcpy(token, world_claim_token(w, NULL)->token);
    world_claim_token(w, token); /* two tabs */
    world_claim_token(w, NULL);
    world_claim_token(w, NULL);
    assert_int_equal(stat_number(w, "active_clients"), 4);
    assert_int_equal(stat_number(w, "total_sessions"), 3);
    assert_int_equal(stat_number(w, "buffered_sessions"), 0);
    world_end(w, w->claim.stream_id, 0);
    assert_int_equal(stat_number(w, "active_clients"), 3);
    assert_int_equal(stat_number(w, "total_sessions"), 3);
    assert_int_equal(stat_number(w, "buffered_sessions"), 1);
}

static void test_a_dead_responders_streams_do_not_count(void **state)
{
    struct world *w = *state;
    world_claim_token(w, NULL);
    world_claim_token(w, NULL);
    world_sql(w->sessions, "UPDATE streams SET responder = 77 WHERE id = %lld",
              w->claim.stream_id);
    assert_int_equal(stat_number(w, "active_clients"), 1);
    assert_int_equal(stat_number(w, "total_sessions"), 2);
    assert_int_equal(stat_number(w, "buffered_sessions"), 1);
}

static void test_settings_are_those_of_the_table(void **state)
{
    struct world *w = *state;
    char *json;
    assert_int_equal(stat_number(w, "config.buffer_size"), 1000);
    assert_int_equal(stat_number(w, "config.buffer_ttl_seconds"), 30);
    assert_int_equal(stat_number(w, "config.reconnection_enabled"), 1);
    assert_int_equal(store_stats(w->store, &json), STORE_OK);
    assert_non_null(strstr(json, "\"reconnection_enabled\":true"));
    free(json);
    world_sql(w->log, "UPDATE rowcast_config SET value = '7' WHERE name = 'buffer_size'");
    world_sql(w->log,
              "UPDATE rowcast_config SET value = '0' WHERE name = 'enable_reconnection'");
    assert_int_equal(stat_number(w, "config.buffer_size"), 7);
    assert_int_equal(store_stats(w->store, &json), STORE_OK);
    assert_non_null(strstr(json, "\"reconnection_enabled\":false"));
    free(json);
}

static void test_the_log_is_described(void **state)
{
    struct world *w = *state;
    char *json, expected[64];
    world_insert(w, 3);
    world_sql(w->log, "INSERT INTO events(channel, data) VALUES ('room', 'x')");
    world_sql(w->log, "DELETE FROM events WHERE id = 1");
    assert_int_equal(stat_number(w, "log.events"), 3);
    assert_int_equal(stat_number(w, "log.mailboxes"), 2);
    assert_int_equal(stat_number(w, "log.trimmed_to"), 1);
    assert_true(stat_number(w, "log.oldest_event_at") > 0);
    assert_int_equal(stat_number(w, "log.bytes"), 3 * 201);
    assert_int_equal(store_stats(w->store, &json), STORE_OK);
    sprintf(expected, "\"last_event_id\":\"%s-4\",\"oldest_event_id\":\"%s-2\"", w->epoch,
            w->epoch);
    assert_non_null(strstr(json, expected));
    free(json);
}

static void test_the_logs_path_is_told_in_full(void **state)
{
    struct world *w = *state;
    char *json;
    assert_int_equal(store_stats(w->store, &json), STORE_OK);
    const char *path = sqlite3_db_filename(w->log, "main");
    assert_int_equal(path[0], '/');
    assert_int_equal(
        world_number(w->log, "SELECT json_extract('%q', '$.log.path') = '%q'", json, path), 1);
    free(json);
}

static void test_statistics_tell_no_token(void **state)
{
    struct world *w = *state;
    char *json;
    world_claim_token(w, NULL);
    assert_int_equal(store_stats(w->store, &json), STORE_OK);
    assert_null(strstr(json, w->claim.token));
    free(json);
}

static void test_what_the_sessions_cannot_tell_is_null(void **state)
{
    struct world *w = *state;
    world_sql(w->sessions, "DROP TABLE streams");
    assert_int_equal(stat_number(w, "active_clients"), -1);
    assert_int_equal(stat_number(w, "total_sessions"), -1);
    assert_int_equal(stat_number(w, "config.buffer_size"), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_log_counts_nothing),
        TEST(test_streams_sessions_and_absent_ones_are_counted),
        TEST(test_a_dead_responders_streams_do_not_count),
        TEST(test_settings_are_those_of_the_table),
        TEST(test_the_log_is_described),
        TEST(test_the_logs_path_is_told_in_full),
        TEST(test_statistics_tell_no_token),
        TEST(test_what_the_sessions_cannot_tell_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
