/* What a log keeps: at most so many events in each mailbox, at most so many bytes, and no event
 * that is too old. */
#include "tests/contract/contract_log.h"

static void publish_old(struct world *w, const char *created_at)
{
    assert_null(TRY(w, WITH("created_at", created_at)));
}

static void test_a_mailbox_keeps_exactly_buffer_size_after_one_large_transaction(void **state)
{
    struct world *w = *state;
    set(w, "buffer_size", "5");
    publish_some(w, 1000);
    assert_int_equal(count(w, EVENTS), 5);
    assert_int_equal(count(w, OLDEST_ID), 996);
    assert_int_equal(count(w, TRIMMED_TO), 995);
    books_agree(w);
}

static void test_each_mailbox_has_its_own_bound(void **state)
{
    struct world *w = *state;
    set(w, "buffer_size", "2");
    publish_to(w, "a", "x", 1);
    publish(w, "a", "update", "x", 1);
    publish_some(w, 10);
    assert_int_equal(count(w, EVENTS), 4);
    assert_string_equal(read_ids(w, 0, NULL), "hole:<10 1 2 11 12");
    books_agree(w);
}

static void test_a_lowered_bound_is_reached_by_a_hundred_rows_an_insert(void **state)
{
    struct world *w = *state;
    publish_some(w, 500);
    set(w, "buffer_size", "10");
    assert_int_equal(count(w, EVENTS), 500);
    publish_some(w, 1);
    assert_int_equal(count(w, EVENTS), 401);
    for (int i = 0; i < 4; i++)
        publish_some(w, 1);
    assert_int_equal(count(w, EVENTS), 10);
    books_agree(w);
}

static void test_an_insert_lets_two_expired_events_go(void **state)
{
    struct world *w = *state;
    /* older than a day when they come: only events that are young stay */
    for (int i = 0; i < 3; i++)
        publish_old(w, "100000001000");
    assert_int_equal(count(w, EVENTS), 0);
    set(w, "buffer_age", "0");
    for (int i = 0; i < 5; i++)
        publish_old(w, "100000000001");
    assert_int_equal(count(w, EVENTS), 5);
    set(w, "buffer_age", "60");
    publish_some(w, 1);
    assert_int_equal(count(w, EVENTS), 4);
    publish_some(w, 2);
    assert_string_equal(read_ids(w, 8, NULL), "9 10 11");
    assert_int_equal(count(w, EVENTS), 3);
    books_agree(w);
}

static void test_all_events_together_stay_within_buffer_bytes(void **state)
{
    struct world *w = *state;
    set(w, "buffer_bytes", "100000");
    for (int i = 0; i < 300; i++) {
        char channel[8];
        snprintf(channel, sizeof channel, "c%d", i % 7);
        publish(w, channel, "update", letters(1 + (size_t)i * 37 % 5000), 1);
        assert_true(count(w, BYTES) <= 100000);
    }
    assert_true(count(w, BYTES) > 90000);
    books_agree(w);
}

static void test_a_large_event_displaces_as_many_small_ones_as_it_needs(void **state)
{
    struct world *w = *state;
    set(w, "buffer_bytes", "100000");
    publish_some(w, 490); /* 98,490 bytes */
    publish(w, "", "update", letters(50000), 1);
    assert_true(count(w, BYTES) <= 100000);
    assert_int_equal(count(w, EVENTS), 490 - 243 + 1);
    books_agree(w);
}

static void test_an_event_larger_than_the_bound_is_delivered_alone(void **state)
{
    struct world *w = *state;
    set(w, "buffer_bytes", "65536");
    publish_some(w, 3);
    publish(w, "", "update", letters(100000), 1);
    assert_string_equal(read_ids(w, 0, NULL), "hole:<3 4");
    publish_some(w, 1);
    assert_string_equal(read_ids(w, 3, NULL), "hole:<4 5");
    books_agree(w);
}

static void test_lowered_bytes_are_reached_by_a_hundred_rows_an_insert(void **state)
{
    struct world *w = *state;
    publish_some(w, 900);
    set(w, "buffer_bytes", "65536");
    publish_some(w, 1);
    assert_int_equal(count(w, EVENTS), 801);
    books_agree(w);
}

static void test_a_persons_delete_is_remembered(void **state)
{
    struct world *w = *state;
    publish_some(w, 5);
    publish_to(w, "a", "x", 1);
    delete_events(w, NULL, 2, 2);
    delete_events(w, "@a", 6, 6);
    assert_string_equal(read_ids(w, 0, NULL), "hole:<2 hole:@a<6 1 3 4 5");
    delete_all_events(w);
    assert_string_equal(read_ids(w, 4, NULL), "hole:<5 hole:@a<6");
    assert_int_equal(the_reading.end.last_id, 6);
    books_agree(w);
}

static void test_a_forgotten_mailbox_counts_as_trimmed_when_it_comes_back(void **state)
{
    struct world *w = *state;
    const char *room[] = {"room"}, *other[] = {"other"};
    struct subscription *to_room = subscription_new(NULL, room, 1, NULL, 0);
    struct subscription *to_other = subscription_new(NULL, other, 1, NULL, 0);
    publish(w, "room", "update", "x", 2);
    assert_non_null(try_forget(w, "room"));
    delete_all_events(w);
    forget(w, NULL);
    assert_string_equal(read_ids(w, 0, to_room), "hole:<2 hole:room<2");
    assert_string_equal(read_ids(w, 0, to_other), "hole:<2 hole:other<2");
    assert_string_equal(read_ids(w, 0, NULL), "hole:?<2");
    publish(w, "room", "update", "x", 1);
    assert_string_equal(read_ids(w, 1, to_room), "hole:<2 hole:room<2 3");
    assert_string_equal(read_ids(w, 2, to_room), "3");
    subscription_free(to_room);
    subscription_free(to_other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_mailbox_keeps_exactly_buffer_size_after_one_large_transaction),
        TEST(test_each_mailbox_has_its_own_bound),
        TEST(test_a_lowered_bound_is_reached_by_a_hundred_rows_an_insert),
        TEST(test_an_insert_lets_two_expired_events_go),
        TEST(test_all_events_together_stay_within_buffer_bytes),
        TEST(test_a_large_event_displaces_as_many_small_ones_as_it_needs),
        TEST(test_an_event_larger_than_the_bound_is_delivered_alone),
        TEST(test_lowered_bytes_are_reached_by_a_hundred_rows_an_insert),
        TEST(test_a_persons_delete_is_remembered),
        TEST(test_a_forgotten_mailbox_counts_as_trimmed_when_it_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
