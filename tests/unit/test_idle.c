/* What a store has open while nobody asks it for anything. */
#include "tests/unit/store_world.h"

#include "store/sqlite/engine.h"

static bool log_is_open(const struct world *w)
{
    return sqlite_of(w->store)->log.db != NULL;
}

static bool sessions_are_open(const struct world *w)
{
    return sqlite_of(w->store)->sessions.db != NULL;
}

static void test_both_files_are_closed_after_some_idle_seconds(void **state)
{
    struct world *w = *state;
    for (int second = 1; second < STORE_REST_S; second++)
        assert_false(store_rest(w->store));
    assert_true(log_is_open(w) && sessions_are_open(w));
    assert_true(store_rest(w->store));
    assert_false(log_is_open(w) || sessions_are_open(w));
    assert_true(store_rest(w->store));
}

static void test_who_is_asked_now_and_then_stays_open(void **state)
{
    struct world *w = *state;
    struct store_end end;
    for (int second = 1; second < 3 * STORE_REST_S; second++) {
        assert_int_equal(store_where(w->store, &end), STORE_OK);
        assert_false(store_rest(w->store));
    }
    assert_true(log_is_open(w));
}

static void test_a_store_that_rested_goes_on_where_it_was(void **state)
{
    struct world *w = *state;
    struct claim *c = world_claim_token(w, NULL);
    char token[SESSION_TOKEN_SIZE];
    int64_t stream = c->stream_id;
    memcpy(token, c->token, sizeof token);
    while (!store_rest(w->store))
        ;
    world_end(w, stream, 0);
    while (!store_rest(w->store))
        ;
    c = world_claim_token(w, token);
    assert_true(c->reconnection);
    assert_int_equal(c->saved, STORE_OK);
    assert_int_equal(
        world_number(w->sessions, "SELECT count(*) FROM streams WHERE responder = 1"), 1);
}

static void test_a_file_that_failed_is_closed_at_once(void **state)
{
    struct world *w = *state;
    sqlite_of(w->store)->log.suspect = true;
    assert_false(store_rest(w->store));
    assert_false(log_is_open(w));
    assert_true(sessions_are_open(w));
}

static void test_who_waits_for_rows_keeps_the_log_alone(void **state)
{
    struct world *w = *state;
    struct store_end end;
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    assert_true(log_is_open(w) && sessions_are_open(w));
    assert_int_equal(store_wait(w->store, 0, 1), STORE_OK);
    assert_true(log_is_open(w));
    assert_false(sessions_are_open(w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_both_files_are_closed_after_some_idle_seconds),
        TEST(test_who_is_asked_now_and_then_stays_open),
        TEST(test_a_store_that_rested_goes_on_where_it_was),
        TEST(test_a_file_that_failed_is_closed_at_once),
        TEST(test_who_waits_for_rows_keeps_the_log_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
