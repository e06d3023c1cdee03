/* Whether a clock is believed: the janitor's rule, and the trigger's, which has to be the
 * same. */
#include "tests/unit/log_world.h"

#include "store/clock.h"
#include "store/sqlite/engine.h"

enum { MINUTE = 60000, DAY = 86400000 };

static const int64_t noon = 1700000000000;

static void test_a_clock_that_goes_on_evenly_becomes_steady(void **state)
{
    struct clock_watch w = {.began = false};
    (void)state;
    assert_int_equal(clock_watch(&w, noon, 0), CLOCK_NEW);
    assert_int_equal(clock_watch(&w, noon + 9 * MINUTE + 5000, 9 * MINUTE), CLOCK_NEW);
    assert_int_equal(clock_watch(&w, noon + 10 * MINUTE, 10 * MINUTE), CLOCK_STEADY);
}

static void test_three_days_ahead_for_twelve_seconds_are_not_believed(void **state)
{
    struct clock_watch w = {.began = false};
    (void)state;
    (void)clock_watch(&w, noon, 0);
    for (int64_t t = 20 * MINUTE; t <= 20 * MINUTE + 12000; t += 3000)
        assert_int_equal(clock_watch(&w, noon + 3LL * DAY + t, t), CLOCK_JUMPED);
    assert_int_equal(clock_watch(&w, noon + 21 * MINUTE, 21 * MINUTE), CLOCK_STEADY);
}

static void test_a_clock_that_stays_where_it_was_set_is_believed_after_ten_minutes(void **state)
{
    static const int64_t by[] = {3LL * DAY, 3600000, -3LL * DAY, 11000};
    (void)state;
    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        struct clock_watch w = {.began = false};
        (void)clock_watch(&w, noon, 0);
        for (int64_t t = MINUTE; t < 11 * MINUTE; t += MINUTE)
            assert_int_equal(clock_watch(&w, noon + by[i] + t, t), CLOCK_JUMPED);
        assert_int_equal(clock_watch(&w, noon + by[i] + 11 * MINUTE, 11 * MINUTE),
                         CLOCK_STEADY);
    }
}

/* A machine that slept: both clocks ran. */
static void test_a_night_asleep_is_no_jump(void **state)
{
    struct clock_watch w = {.began = false};
    (void)state;
    (void)clock_watch(&w, noon, 0);
    assert_int_equal(clock_watch(&w, noon + DAY, DAY), CLOCK_STEADY);
}

/* Looks of one writer after the other, as differences from noon; whether each is believed. */
static const struct {
    const char *name;
    struct {
        int64_t at;
        bool believed;
    } look[8];
    size_t n;
} lines[] = {
    {"it goes on", {{MINUTE, true}, {9 * MINUTE, true}, {19 * MINUTE, true}}, 3},
    {"ahead for a moment, and back",
     {{3LL * DAY, false}, {3LL * DAY + 12000, false}, {MINUTE, true}},
     3},
    {"ahead for good",
     {{DAY, false},
      {DAY + 5 * MINUTE, false},
      {DAY + 10 * MINUTE, true},
      {DAY + 11 * MINUTE, true}},
     4},
    {"ahead for a moment twice, a quarter of an hour apart",
     {{3LL * DAY, false}, {5 * MINUTE, true}, {3LL * DAY + 15 * MINUTE, false}},
     3},
    {"a jump while a quiet log is in doubt",
     {{DAY, false},
      {DAY + 5 * MINUTE, false},
      {4LL * DAY, false},
      {DAY + 6 * MINUTE, false},
      {DAY + 16 * MINUTE, true}},
     5},
    {"looks that are far apart show nothing",
     {{DAY, false}, {3LL * DAY, false}, {5LL * DAY, false}},
     3},
    {"back to where it never was", {{-DAY, true}, {-DAY + MINUTE, true}}, 2},
};

enum { LINES = sizeof lines / sizeof *lines };

static void test_another_time_is_believed_once_it_lasted(void **state)
{
    (void)state;
    for (size_t i = 0; i < LINES; i++) {
        struct clock_row row = {.believed_at = noon, .seen_at = noon};
        for (size_t k = 0; k < lines[i].n; k++) {
            row = clock_look(&row, noon + lines[i].look[k].at, false);
            if ((row.doubted_at == 0) != lines[i].look[k].believed)
                fail_msg("%s: look %zu", lines[i].name, k);
        }
    }
}

static void test_a_steady_clock_is_believed_at_once(void **state)
{
    struct clock_row row = {.believed_at = noon, .seen_at = noon};
    (void)state;
    row = clock_look(&row, noon + DAY, true);
    assert_int_equal(row.doubted_at, 0);
    assert_int_equal(row.believed_at, noon + DAY);
}

/* The trigger has no clock that tests could set.  So the row is moved, and the clock stands
 * still: that the log's last look was yesterday is to it as if the clock had been set ahead by
 * a day. */
static void move_clock(struct log_world *w, int64_t ms)
{
    log_sql(w,
            "UPDATE rowcast_clock SET believed_at = believed_at + %lld, "
            "doubted_at = iif(doubted_at > 0, doubted_at + %lld, 0), seen_at = seen_at + %lld",
            (long long)ms, (long long)ms, (long long)ms);
}

static void fill_with_old(struct log_world *w)
{
    log_set(w, "buffer_age", 0);
    log_sql(
        w,
        "INSERT INTO events(created_at) SELECT column1 - 50000000 + (SELECT 1000 * "
        "CAST(strftime('%%s', 'now') AS INTEGER)) FROM (VALUES (1), (2), (3), (4), (5), (6))");
    log_set(w, "buffer_age", 43200);
}

static void test_an_insert_lets_nothing_go_while_the_clock_is_doubted(void **state)
{
    struct log_world *w = *state;
    fill_with_old(w);
    move_clock(w, -(int64_t)DAY); /* the clock was set ahead by a day */
    for (int i = 0; i < 5; i++)
        log_insert(w, 1);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 11);
    assert_true(log_number(w, "SELECT doubted_at > 0 FROM rowcast_clock"));
    move_clock(w, -5 * MINUTE); /* five minutes of it */
    log_insert(w, 1);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 12);
    move_clock(w, -6 * MINUTE);
    log_insert(w, 1);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 11);
    assert_int_equal(log_number(w, "SELECT doubted_at FROM rowcast_clock"), 0);
    log_insert(w, 1);
    assert_int_equal(log_number(w, "SELECT count(*) + excess FROM events, rowcast_log"), 10);
}

static void test_a_clock_that_was_set_back_again_is_forgotten(void **state)
{
    struct log_world *w = *state;
    fill_with_old(w);
    move_clock(w, -(int64_t)DAY);
    log_insert(w, 1);
    move_clock(w, DAY + 12000); /* it was a day ahead for twelve seconds */
    log_insert(w, 1);
    move_clock(w, -(int64_t)DAY - 15 * MINUTE); /* and a quarter of an hour later once more */
    log_insert(w, 1);
    assert_true(log_number(w, "SELECT doubted_at > 0 FROM rowcast_clock"));
}

static void test_without_an_age_limit_a_doubt_lets_nothing_go(void **state)
{
    struct log_world *w = *state;
    fill_with_old(w);
    move_clock(w, -(int64_t)DAY);
    log_insert(w, 1);
    log_set(w, "buffer_age", 0);
    move_clock(w, -11 * MINUTE);
    log_insert(w, 5);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 12);
}

/* What a person puts there when no trigger is in the way is no limit, never one that all are
 * beyond. */
static void test_a_limit_that_is_no_number_lets_nothing_go(void **state)
{
    static const char *const names[] = {"buffer_age", "buffer_size", "buffer_bytes"};
    static const char *const values[] = {"'never'", "'-5'", "''", "x'41'", "'0x10'"};
    struct log_world *w = *state;
    log_sql(w, "DROP TRIGGER rowcast_config_update");
    log_insert(w, 3);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            log_sql(w, "UPDATE rowcast_config SET value = %s WHERE name = '%s'", values[v],
                    names[n]);
            log_insert(w, 1);
        }
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 18);
}

/* The janitor, with the same doubt: it lets go of them once ten minutes have passed. */
static void test_the_janitor_waits_as_long_as_the_log_doubts(void **state)
{
    struct log_world *w = *state;
    struct settings *s = settings_new();
    bool more;
    fill_with_old(w);
    s->buffer_age = 43200;
    move_clock(w, -(int64_t)DAY);
    for (int i = 0; i < 3; i++)
        assert_int_equal(retain_once(w->store, s, &more), STORE_OK);
    assert_false(more);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 6);
    move_clock(w, -11 * MINUTE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(retain_once(w->store, s, &more), STORE_OK);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 0);
    settings_unref(s);
}

/* The clock was set ahead by a day, and six events are due by it.  By the time that is believed they
 * have hours left. */
static void fill_with_due(struct log_world *w)
{
    log_set(w, "buffer_age", 0);
    move_clock(w, -(int64_t)DAY);
    log_sql(w,
            "INSERT INTO events(expires_at) SELECT (SELECT 1000 * CAST(strftime('%%s', 'now') "
            "AS INTEGER)) - 60000 FROM (VALUES (1), (2), (3), (4), (5), (6))");
}

static void test_an_insert_removes_nothing_that_is_due_by_a_doubted_clock_alone(void **state)
{
    struct log_world *w = *state;
    fill_with_due(w);
    log_insert(w, 3);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 9);
    assert_string_equal(log_read(w, 0, NULL), "7 8 9"); /* reads go by the clock as it is */
    move_clock(w, -11 * MINUTE);
    log_insert(w, 1);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 8);
    assert_int_equal(log_number(w, "SELECT trimmed_to FROM rowcast_log"), 0);
}

static void test_the_janitor_removes_nothing_that_is_due_by_a_doubted_clock_alone(void **state)
{
    struct log_world *w = *state;
    struct settings *s = settings_new();
    bool more;
    s->buffer_age = 0;
    fill_with_due(w);
    for (int i = 0; i < 3; i++)
        assert_int_equal(retain_once(w->store, s, &more), STORE_OK);
    assert_false(more);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 6);
    assert_true(log_number(w, "SELECT doubted_at > 0 FROM rowcast_clock"));
    move_clock(w, -11 * MINUTE);
    assert_int_equal(retain_once(w->store, s, &more), STORE_OK);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 0);
    assert_int_equal(log_number(w, "SELECT trimmed_to FROM rowcast_log"), 0);
    settings_unref(s);
}

static int hide_the_clock(void *arg, int action, const char *table, const char *b,
                          const char *c, const char *d)
{
    (void)arg, (void)b, (void)c, (void)d;
    bool hidden = action == SQLITE_READ && strcmp(table, "rowcast_clock") == 0;
    return hidden ? SQLITE_DENY : SQLITE_OK;
}

static void test_nothing_goes_while_the_log_s_clock_cannot_be_read(void **state)
{
    struct log_world *w = *state;
    struct settings *s = settings_new();
    struct store_end end;
    bool more;
    fill_with_old(w);
    s->buffer_age = 43200;
    move_clock(w, -(int64_t)DAY);
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    for (int i = 0; i < 3; i++) { /* a failure opens the log anew */
        sqlite3_set_authorizer(sqlite_of(w->store)->log.db, hide_the_clock, NULL);
        assert_int_equal(retain_once(w->store, s, &more), STORE_OK);
        assert_int_equal(store_where(w->store, &end), STORE_OK);
    }
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 6);
    settings_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clock_that_goes_on_evenly_becomes_steady),
        cmocka_unit_test(test_three_days_ahead_for_twelve_seconds_are_not_believed),
        cmocka_unit_test(
            test_a_clock_that_stays_where_it_was_set_is_believed_after_ten_minutes),
        cmocka_unit_test(test_a_night_asleep_is_no_jump),
        cmocka_unit_test(test_another_time_is_believed_once_it_lasted),
        cmocka_unit_test(test_a_steady_clock_is_believed_at_once),
        LOG_TEST(test_an_insert_lets_nothing_go_while_the_clock_is_doubted),
        LOG_TEST(test_a_clock_that_was_set_back_again_is_forgotten),
        LOG_TEST(test_without_an_age_limit_a_doubt_lets_nothing_go),
        LOG_TEST(test_a_limit_that_is_no_number_lets_nothing_go),
        LOG_TEST(test_the_janitor_waits_as_long_as_the_log_doubts),
        LOG_TEST(test_an_insert_removes_nothing_that_is_due_by_a_doubted_clock_alone),
        LOG_TEST(test_the_janitor_removes_nothing_that_is_due_by_a_doubted_clock_alone),
        LOG_TEST(test_nothing_goes_while_the_log_s_clock_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
