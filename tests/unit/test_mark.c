/* How much of a stream counts as received, by a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fcgi/stream/mark.h"

/* A log that grows, and a stream that gets everything at once while it reads. */
struct world {
    uint64_t now;
    int64_t end;
    struct mark_log log;
    struct mark mark;
};

enum { BEGIN = 1000, FIRST = 100 };

static void begin(struct world *w, int64_t bookmark)
{
    *w = (struct world){.now = BEGIN, .end = FIRST};
    mark_log_begin(&w->log, w->now, w->end);
    mark_begin(&w->mark, w->now, bookmark);
    mark_stands(&w->mark, &w->log, w->now, true);
}

static void row(struct world *w, bool written)
{
    if (written)
        mark_wrote(&w->mark, w->now);
    mark_log_grew(&w->log, w->now, ++w->end);
}

/* A row every `every` ms. */
static void rows_for(struct world *w, uint64_t ms, uint64_t every)
{
    for (uint64_t until = w->now + ms; w->now < until;) {
        w->now += every;
        row(w, true);
    }
}

static int64_t told(const struct world *w)
{
    return mark_told(&w->mark, &w->log, w->now);
}

static int64_t running(const struct world *w)
{
    return mark_running(&w->mark, &w->log, w->now);
}

static void test_a_told_departure_loses_the_last_second_and_no_more(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 7);
    rows_for(&w, 10000, 50);
    assert_in_range(told(&w), w.end - 20 - 2, w.end - 18);
    assert_in_range(running(&w), w.end - 40 - 2, w.end - 40);
}

static void test_a_life_of_a_second_moves_the_bookmark_to_what_it_began_with(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 7);
    rows_for(&w, 950, 50);
    assert_in_range(told(&w), FIRST, FIRST + 1);
    assert_int_equal(running(&w), 7);
}

static void test_a_shorter_life_does_not(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 7);
    rows_for(&w, 850, 50);
    assert_int_equal(told(&w), 7);
}

static void test_the_last_row_of_a_burst_counts_once_it_is_old(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 7);
    w.now += 5000;
    for (int i = 0; i < 5; i++)
        row(&w, true);
    w.now += MARK_TOLD_MS;
    assert_int_equal(told(&w), w.end);
    assert_int_equal(running(&w), FIRST);
    w.now += MARK_MS;
    assert_int_equal(running(&w), w.end);
}

/* Apache hears of it when it cannot write: what it wrote before that is lost as well. */
static void test_a_departure_right_after_a_row_takes_the_row_before_back(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 7);
    rows_for(&w, 9000, 1500);
    assert_int_equal(told(&w), w.end - 2);
    w.now += 300; /* the write was not what told it */
    w.now += MARK_TOLD_MS;
    assert_int_equal(told(&w), w.end);
}

static void test_rows_that_are_minutes_apart_do_not_come_again_for_that(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 7);
    rows_for(&w, 300000, 60000);
    assert_int_equal(told(&w), w.end - 1);
}

static void test_rows_for_others_move_the_mark_and_are_no_writes(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 7);
    row(&w, true);
    for (int i = 0; i < 100; i++) {
        w.now += 50;
        row(&w, false);
    }
    assert_in_range(told(&w), w.end - 20 - 2, w.end - 18);
}

static void test_who_is_behind_has_marks_of_its_own(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 7);
    mark_stands(&w.mark, &w.log, w.now, false);
    rows_for(&w, 10000, 50);
    assert_int_equal(told(&w), 7);
    mark_move(&w.mark, 20);
    assert_int_equal(told(&w), 7);
    mark_move(&w.mark, 30);
    assert_int_equal(told(&w), 20);
    assert_int_equal(running(&w), 20);
}

static void test_who_falls_behind_keeps_what_it_received(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 7);
    rows_for(&w, 10000, 50);
    int64_t received = running(&w);
    mark_stands(&w.mark, &w.log, w.now, false);
    rows_for(&w, 100, 50);
    assert_int_equal(told(&w), received);
    mark_move(&w.mark, 20); /* never back */
    mark_move(&w.mark, 30);
    assert_int_equal(told(&w), received);
    w.now += 50;
    mark_stands(&w.mark, &w.log, w.now, true); /* again: from now on */
    assert_int_equal(told(&w), received);
    rows_for(&w, MARK_TOLD_MS, 50);
    assert_in_range(told(&w), w.end - 22, w.end - 16);
}

static void test_four_thousand_million_rows_at_once_come_again_in_part(void **state)
{
    struct world w;
    const int64_t far = 10000000000;
    (void)state;
    begin(&w, 7);
    mark_stands(&w.mark, &w.log, w.now, false);
    mark_move(&w.mark, far);
    mark_move(&w.mark, far);
    assert_in_range(told(&w), 8, far);
    mark_move(&w.mark, far);
    mark_move(&w.mark, far);
    assert_int_equal(told(&w), far);
}

static void test_a_log_that_begins_anew_knows_nothing_of_before(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 7);
    rows_for(&w, 10000, 50);
    mark_log_begin(&w.log, w.now, 500);
    mark_begin(&w.mark, w.now, 500);
    mark_stands(&w.mark, &w.log, w.now, true);
    w.end = 500;
    rows_for(&w, 500, 50);
    assert_int_equal(told(&w), 500);
    rows_for(&w, 1000, 50);
    assert_in_range(told(&w), w.end - 20 - 2, w.end - 18);
}

/* However the log grows, a mark is never beyond what was written when it says, nor further
 * behind than it has to be. */
static void test_no_mark_is_younger_than_it_says(void **state)
{
    static const uint64_t every[] = {1, 3, 49, 50, 99, 100, 101, 400, 899, 900, 1999, 2500};
    static int64_t at[20000]; /* the end at each ms */
    (void)state;
    for (size_t i = 0; i < sizeof every / sizeof every[0]; i++) {
        struct world w;
        begin(&w, 7);
        for (uint64_t t = 0; t < 20000; t++) {
            at[t] = w.end;
            w.now = BEGIN + t;
            if (t > 0 && t % every[i] == 0)
                row(&w, true);
            at[t] = w.end;
            if (t >= MARK_MS) {
                assert_true(running(&w) <= at[t - MARK_MS]);
                assert_true(running(&w) >= (t < MARK_MS + 2 * MARK_GRAIN_MS
                                                ? 7
                                                : at[t - MARK_MS - 2 * MARK_GRAIN_MS]));
            }
            if (t >= MARK_TOLD_MS)
                assert_true(told(&w) <= at[t - MARK_TOLD_MS]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_told_departure_loses_the_last_second_and_no_more),
        cmocka_unit_test(test_a_life_of_a_second_moves_the_bookmark_to_what_it_began_with),
        cmocka_unit_test(test_a_shorter_life_does_not),
        cmocka_unit_test(test_the_last_row_of_a_burst_counts_once_it_is_old),
        cmocka_unit_test(test_a_departure_right_after_a_row_takes_the_row_before_back),
        cmocka_unit_test(test_rows_that_are_minutes_apart_do_not_come_again_for_that),
        cmocka_unit_test(test_rows_for_others_move_the_mark_and_are_no_writes),
        cmocka_unit_test(test_who_is_behind_has_marks_of_its_own),
        cmocka_unit_test(test_who_falls_behind_keeps_what_it_received),
        cmocka_unit_test(test_four_thousand_million_rows_at_once_come_again_in_part),
        cmocka_unit_test(test_a_log_that_begins_anew_knows_nothing_of_before),
        cmocka_unit_test(test_no_mark_is_younger_than_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
