/* Waiting for the log: a row is never missed, whenever it comes. */
#include "tests/contract/contract_log.h"

#include <pthread.h>
#include <time.h>

enum { LONG_MS = 20000 };

/* How long it waited. */
static int64_t waited_ms(struct world *w, int timeout_ms)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    wait_for_more(w, timeout_ms);
    clock_gettime(CLOCK_MONOTONIC, &b);
    return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
}

/* Whether the wait ended before its time, which is long, so that no clock decides. */
static bool ends_early(struct world *w)
{
    return waited_ms(w, LONG_MS) < LONG_MS - 1000;
}

static void test_a_row_that_came_before_the_wait_is_not_missed(void **state)
{
    struct world *w = *state;
    read_ids(w, 0, NULL);
    publish_some(w, 1);
    assert_true(ends_early(w));
}

static void test_a_store_that_never_read_is_sent_to_read(void **state)
{
    the_reading.through = 0;
    assert_true(ends_early(*state));
}

static void *publish_one(void *arg)
{
    publish_some(arg, 1);
    return NULL;
}

static void test_a_row_that_comes_during_the_wait_ends_it(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 20; i++) {
        pthread_t t;
        read_ids(w, 0, NULL);
        assert_int_equal(pthread_create(&t, NULL, publish_one, w), 0);
        assert_true(ends_early(w));
        pthread_join(t, NULL);
    }
    read_ids(w, 0, NULL);
    assert_int_equal(the_reading.end.last_id, 20);
}

static void test_what_is_not_committed_does_not_end_the_wait(void **state)
{
    struct world *w = *state;
    read_ids(w, 0, NULL);
    hold(w, THE_LOG);
    publish_some(w, 1);
    assert_true(waited_ms(w, 120) >= 119); /* the whole time, however slow the machine */
    release(w, THE_LOG);
    assert_true(ends_early(w));
}

static void *wake(void *arg)
{
    struct world *w = arg;
    store_wake(w->store);
    return NULL;
}

static void test_another_thread_can_wake_it_before_or_during_the_wait(void **state)
{
    struct world *w = *state;
    read_ids(w, 0, NULL);
    store_wake(w->store);
    assert_true(ends_early(w));
    for (int i = 0; i < 20; i++) {
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, wake, w), 0);
        assert_true(ends_early(w));
        pthread_join(t, NULL);
    }
}

static void test_a_replaced_log_ends_the_wait(void **state)
{
    struct world *w = *state;
    read_ids(w, 0, NULL);
    replace(w);
    assert_true(ends_early(w));
    assert_string_equal(read_ids(w, 0, NULL), "");
    assert_int_equal(the_reading.end.last_id, 0);
}

/* What a store had open is closed when it is about to wait: it has to read again, not to wait. */
static void test_a_log_that_another_store_found_replaced_ends_the_wait(void **state)
{
    struct world *w = *state;
    struct store *other = another_store(w);
    struct store_end end;
    read_ids(w, 0, NULL);
    assert_int_equal(store_where(other, &end), STORE_OK);
    replace(w);
    assert_int_equal(store_where(other, &end), STORE_OK);
    assert_string_not_equal(end.epoch, w->epoch);
    assert_true(ends_early(w));
    read_ids(w, 0, NULL);
    assert_string_equal(the_reading.end.epoch, end.epoch);
    store_close(other);
}

static void test_what_was_read_in_part_is_not_waited_for(void **state)
{
    struct world *w = *state;
    publish_some(w, 3);
    the_reading.most = 2;
    the_reading.at_most = STORE_LAST;
    read_ids(w, 0, NULL);
    the_reading.most = 0;
    assert_int_equal(the_reading.through, 2);
    assert_true(ends_early(w));
    read_ids(w, 2, NULL);
    the_reading.through = 2; /* 3 was read, and not kept */
    assert_true(ends_early(w));
}

static void test_other_settings_and_another_epoch_end_the_wait(void **state)
{
    struct world *w = *state;
    read_ids(w, 0, NULL);
    set(w, "retry", "4000");
    assert_true(ends_early(w));
    read_ids(w, 0, NULL);
    assert_int_equal(the_reading.end.config_version, 1);
    renew(w);
    assert_true(ends_early(w));
    read_ids(w, 0, NULL);
    assert_string_not_equal(the_reading.end.epoch, w->epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_row_that_came_before_the_wait_is_not_missed),
        TEST(test_a_store_that_never_read_is_sent_to_read),
        TEST(test_a_row_that_comes_during_the_wait_ends_it),
        TEST(test_what_is_not_committed_does_not_end_the_wait),
        TEST(test_another_thread_can_wake_it_before_or_during_the_wait),
        TEST(test_a_replaced_log_ends_the_wait),
        TEST(test_a_log_that_another_store_found_replaced_ends_the_wait),
        TEST(test_what_was_read_in_part_is_not_waited_for),
        TEST(test_other_settings_and_another_epoch_end_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
