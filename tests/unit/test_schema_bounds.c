#include "tests/unit/log_world.h"

/* The books must agree with the rows, whatever happened. */
static void books_agree(struct log_world *w)
{
    assert_int_equal(log_number(w, "SELECT bytes - ifnull((SELECT sum(200 + "
                                   "length(CAST(data AS BLOB))) FROM events), 0) "
                                   "FROM rowcast_log"),
                     0);
    assert_int_equal(log_number(w, "SELECT sum(kept) - (SELECT count(*) FROM events) "
                                   "FROM rowcast_channels"),
                     0);
    assert_int_equal(log_number(w, "SELECT max(c.trimmed_to) <= l.trimmed_to "
                                   "FROM rowcast_channels AS c, rowcast_log AS l"),
                     1);
}

static void test_a_mailbox_keeps_exactly_buffer_size_after_one_large_transaction(void **state)
{
    struct log_world *w = *state;
    log_set(w, "buffer_size", 5);
    log_insert(w, 1000);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 5);
    assert_int_equal(log_number(w, "SELECT min(id) FROM events"), 996);
    assert_int_equal(log_number(w, "SELECT trimmed_to FROM rowcast_log"), 995);
    books_agree(w);
}

static void test_each_mailbox_has_its_own_bound(void **state)
{
    struct log_world *w = *state;
    log_set(w, "buffer_size", 2);
    log_sql(w, "INSERT INTO events(session_id) VALUES ('a')");
    log_sql(w, "INSERT INTO events(channel) VALUES ('a')");
    log_insert(w, 10);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 4);
    assert_string_equal(log_read(w, 0, NULL), "hole:<10 1 2 11 12");
    books_agree(w);
}

static void test_a_lowered_bound_is_reached_by_a_hundred_rows_an_insert(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 500);
    log_set(w, "buffer_size", 10);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 500);
    log_insert(w, 1);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 401);
    for (int i = 0; i < 4; i++)
        log_insert(w, 1);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 10);
    books_agree(w);
}

static void test_an_insert_lets_two_expired_events_go(void **state)
{
    struct log_world *w = *state;
    log_sql(w, "INSERT INTO events(created_at) "
               "VALUES (100000001000), (100000002000), (100000003000)");
    /* each was older than a day itself when it came: only rows that are young stay */
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 0);
    log_set(w, "buffer_age", 0);
    log_sql(w, "INSERT INTO events(created_at) "
               "VALUES (100000000001), (100000000002), (100000000003), (100000000004), "
               "(100000000005)");
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 5);
    log_set(w, "buffer_age", 60);
    log_insert(w, 1);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 4);
    log_insert(w, 2);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events WHERE data = 'x'"), 3);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 3);
    books_agree(w);
}

static void test_all_events_together_stay_within_buffer_bytes(void **state)
{
    struct log_world *w = *state;
    log_set(w, "buffer_bytes", 100000);
    for (int i = 0; i < 300; i++) {
        log_sql(w, "INSERT INTO events(channel, data) VALUES ('c%d', printf('%%.%dc', 'x'))",
                i % 7, 1 + i * 37 % 5000);
        assert_true(log_number(w, "SELECT bytes FROM rowcast_log") <= 100000);
    }
    assert_true(log_number(w, "SELECT bytes FROM rowcast_log") > 90000);
    books_agree(w);
}

static void test_a_large_event_displaces_as_many_small_ones_as_it_needs(void **state)
{
    struct log_world *w = *state;
    log_set(w, "buffer_bytes", 100000);
    log_insert(w, 490); /* 98,490 bytes */
    log_sql(w, "INSERT INTO events(data) VALUES (printf('%%.50000c', 'x'))");
    assert_true(log_number(w, "SELECT bytes FROM rowcast_log") <= 100000);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 490 - 243 + 1);
    books_agree(w);
}

static void test_an_event_larger_than_the_bound_is_delivered_alone(void **state)
{
    struct log_world *w = *state;
    log_set(w, "buffer_bytes", 65536);
    log_insert(w, 3);
    log_sql(w, "INSERT INTO events(data) VALUES (printf('%%.100000c', 'x'))");
    assert_string_equal(log_read(w, 0, NULL), "hole:<3 4");
    log_insert(w, 1);
    assert_string_equal(log_read(w, 3, NULL), "hole:<4 5");
    books_agree(w);
}

static void test_lowered_bytes_are_reached_by_a_hundred_rows_an_insert(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 900);
    log_set(w, "buffer_bytes", 65536);
    log_insert(w, 1);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 801);
    books_agree(w);
}

static void test_a_persons_delete_is_remembered(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 5);
    log_sql(w, "INSERT INTO events(session_id) VALUES ('a')");
    log_sql(w, "DELETE FROM events WHERE id IN (2, 6)");
    assert_string_equal(log_read(w, 0, NULL), "hole:<2 hole:@a<6 1 3 4 5");
    log_sql(w, "DELETE FROM events");
    assert_string_equal(log_read(w, 4, NULL), "hole:<5 hole:@a<6");
    assert_int_equal(w->end.last_id, 6);
    books_agree(w);
}

static void test_a_rolled_back_insert_leaves_no_trace(void **state)
{
    struct log_world *w = *state;
    log_set(w, "buffer_size", 2);
    log_insert(w, 2);
    log_sql(w, "BEGIN; INSERT INTO events(data) VALUES ('y'), ('z'); ROLLBACK");
    assert_string_equal(log_read(w, 0, NULL), "1 2");
    log_sql(w, "BEGIN; SAVEPOINT a; INSERT INTO events(data) VALUES ('y'); ROLLBACK TO a; "
               "INSERT INTO events(data) VALUES ('z'); COMMIT");
    assert_string_equal(log_read(w, 0, NULL), "hole:<1 2 3");
    books_agree(w);
}

static void test_a_forgotten_mailbox_counts_as_trimmed_when_it_comes_back(void **state)
{
    struct log_world *w = *state;
    const char *room[] = {"room"}, *other[] = {"other"};
    struct subscription *to_room = subscription_new(NULL, room, 1, NULL, 0);
    struct subscription *to_other = subscription_new(NULL, other, 1, NULL, 0);
    log_sql(w, "INSERT INTO events(channel) VALUES ('room'), ('room')");
    assert_non_null(log_try(w, "DELETE FROM rowcast_channels"));
    log_sql(w, "DELETE FROM events; DELETE FROM rowcast_channels");
    assert_string_equal(log_read(w, 0, to_room), "hole:<2 hole:room<2");
    assert_string_equal(log_read(w, 0, to_other), "hole:<2 hole:other<2");
    assert_string_equal(log_read(w, 0, NULL), "hole:?<2");
    log_sql(w, "INSERT INTO events(channel) VALUES ('room')");
    assert_string_equal(log_read(w, 1, to_room), "hole:<2 hole:room<2 3");
    assert_string_equal(log_read(w, 2, to_room), "3");
    subscription_free(to_room);
    subscription_free(to_other);
}

static void test_the_books_have_one_row_for_good(void **state)
{
    struct log_world *w = *state;
    assert_non_null(log_try(w, "DELETE FROM rowcast_log"));
    assert_non_null(
        log_try(w, "INSERT INTO rowcast_log(one, version, epoch) VALUES (2, 1, 'x')"));
    assert_int_equal(log_number(w, "SELECT count(*) FROM rowcast_log"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_a_mailbox_keeps_exactly_buffer_size_after_one_large_transaction),
        LOG_TEST(test_each_mailbox_has_its_own_bound),
        LOG_TEST(test_a_lowered_bound_is_reached_by_a_hundred_rows_an_insert),
        LOG_TEST(test_an_insert_lets_two_expired_events_go),
        LOG_TEST(test_all_events_together_stay_within_buffer_bytes),
        LOG_TEST(test_a_large_event_displaces_as_many_small_ones_as_it_needs),
        LOG_TEST(test_an_event_larger_than_the_bound_is_delivered_alone),
        LOG_TEST(test_lowered_bytes_are_reached_by_a_hundred_rows_an_insert),
        LOG_TEST(test_a_persons_delete_is_remembered),
        LOG_TEST(test_a_rolled_back_insert_leaves_no_trace),
        LOG_TEST(test_a_forgotten_mailbox_counts_as_trimmed_when_it_comes_back),
        LOG_TEST(test_the_books_have_one_row_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
