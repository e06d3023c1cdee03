/* The pace at which a store tidies. */
#include "tests/unit/store_world.h"

static int tend(struct world *w, int64_t elapsed_ms)
{
    int again_ms = -1;
    enum store_result r = store_tend(w->store, w->settings, elapsed_ms, &again_ms);
    if (r != STORE_OK)
        fail_msg("store_tend gave %d: %s", r, store_why(w->store));
    return again_ms;
}

static int64_t served(struct world *w)
{
    return world_number(w->sessions, "SELECT served FROM state");
}

static void test_a_round_begins_when_its_time_was_served(void **state)
{
    struct world *w = *state;
    assert_int_equal(tend(w, 0), 1000);
    for (int i = 0; i < 8; i++)
        tend(w, 1000);
    assert_int_equal(served(w), 0);
    assert_int_equal(tend(w, 1400), 600);
    assert_int_equal(served(w), 0);
    tend(w, 600);
    assert_int_equal(served(w), 10000);
    tend(w, 12000); /* it did not run for a while */
    assert_int_equal(served(w), 22000);
}

static void test_time_counts_once_although_the_round_fails(void **state)
{
    struct world *w = *state;
    int again_ms = -1;
    world_sql(w->sessions, "BEGIN IMMEDIATE");
    assert_int_equal(store_tend(w->store, w->settings, 10000, &again_ms), STORE_BUSY);
    assert_int_not_equal(store_why(w->store)[0], '\0');
    assert_in_range(again_ms, 0, 1000);
    world_sql(w->sessions, "ROLLBACK");
    tend(w, 0);
    assert_int_equal(served(w), 0);
    tend(w, 10000);
    assert_int_equal(served(w), 10000);
}

/* More sessions that go than fit into one piece. */
static void leave_many(struct world *w, int n)
{
    world_sql(w->sessions,
              "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
              "INSERT INTO sessions(id, token, created_at, last_seen_at, idle_since) "
              "SELECT printf('%%016x', i), printf('%%032x', i), 0, 0, -100000 FROM n",
              n);
}

static void test_a_long_round_goes_on_soon_and_lets_retention_have_its_turn(void **state)
{
    struct world *w = *state;
    w->settings->buffer_age = 3600;
    leave_many(w, 600);
    world_insert(w, 3);
    world_sql(w->log, "UPDATE rowcast_config SET value = '0' WHERE name = 'buffer_age'");
    world_sql(w->log, "INSERT INTO events(data, created_at) VALUES ('old', 100000000000)");
    assert_int_equal(tend(w, 4990), 10); /* until retention … */
    assert_int_equal(tend(w, 10), 100);  /* … which waits for quiet */
    assert_int_equal(tend(w, 5000), 0);  /* a round, of which there is more … */
    assert_int_equal(world_sessions(w), 350);
    assert_int_equal(tend(w, 0), 10); /* … but retention is due */
    assert_int_equal(world_sessions(w), 350);
    assert_int_equal(world_number(w->log, "SELECT count(*) FROM events"), 3);
    assert_int_equal(tend(w, 10), 10);
    assert_int_equal(world_sessions(w), 100);
    for (int i = 0; i < 3; i++)
        tend(w, 0);
    assert_int_equal(world_sessions(w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_round_begins_when_its_time_was_served),
        TEST(test_time_counts_once_although_the_round_fails),
        TEST(test_a_long_round_goes_on_soon_and_lets_retention_have_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
