#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fcgi/stream/tail.h"
#include "tests/unit/batches.h"

static void append(struct tail *t, int64_t after, int64_t through)
{
    const struct row row = {through, "", "message", "x"};
    struct batch *b = batch_of(after, through, &row, 1, NO_HOLES);
    assert_non_null(b);
    tail_append(t, b);
}

static void assert_finds(const struct tail *t, int64_t after, int64_t through)
{
    struct batch *b = NULL;
    assert_int_equal(tail_find(t, after, &b), TAIL_FOUND);
    assert_true(b->after <= after && after < b->through);
    assert_int_equal(b->through, through);
}

static void test_empty_tail_knows_only_its_end(void **state)
{
    (void)state;
    struct batch *b;
    struct tail *t = tail_new(EPOCH, 100, 1000);
    assert_non_null(t);
    assert_string_equal(tail_epoch(t), EPOCH);
    assert_int_equal(tail_find(t, 100, &b), TAIL_AT_END);
    assert_int_equal(tail_find(t, 99, &b), TAIL_TOO_OLD);
    assert_int_equal(tail_find(t, 101, &b), TAIL_AHEAD);
    tail_free(t);
}

static void test_every_position_from_the_floor_has_its_batch(void **state)
{
    (void)state;
    enum { BATCHES = 200 };
    struct batch *b;
    struct tail *t = tail_new(EPOCH, 100, SIZE_MAX);
    assert_non_null(t);
    for (int64_t i = 0; i < BATCHES; i++)
        append(t, 100 + 3 * i, 103 + 3 * i);
    for (int64_t i = 0; i < BATCHES; i++)
        for (int64_t k = 0; k < 3; k++)
            assert_finds(t, 100 + 3 * i + k, 103 + 3 * i);
    assert_int_equal(tail_floor(t), 100);
    assert_int_equal(tail_end(t), 100 + 3 * BATCHES);
    assert_int_equal(tail_find(t, 100 + 3 * BATCHES, &b), TAIL_AT_END);
    tail_free(t);
}

static void test_oldest_batches_go_beyond_the_limit(void **state)
{
    (void)state;
    enum { BATCHES = 500 };
    struct batch *b;
    size_t before = batch_memory();
    struct tail *t = tail_new(EPOCH, 0, 3000);
    assert_non_null(t);
    for (int64_t i = 0; i < BATCHES; i++) {
        append(t, i, i + 1);
        assert_true(tail_bytes(t) <= 3000);
        assert_int_equal(batch_memory() - before, tail_bytes(t));
    }
    assert_true(tail_floor(t) > BATCHES - 50);
    assert_finds(t, tail_floor(t), tail_floor(t) + 1);
    assert_finds(t, BATCHES - 1, BATCHES);
    assert_int_equal(tail_find(t, tail_floor(t) - 1, &b), TAIL_TOO_OLD);
    tail_free(t);
    assert_int_equal(batch_memory(), before);
}

static void test_newest_batch_stays_however_large(void **state)
{
    (void)state;
    struct tail *t = tail_new(EPOCH, 0, 1);
    assert_non_null(t);
    append(t, 0, 1);
    append(t, 1, 2);
    assert_int_equal(tail_floor(t), 1);
    assert_finds(t, 1, 2);
    tail_free(t);
}

static void test_a_lowered_limit_holds_at_once(void **state)
{
    (void)state;
    struct tail *t = tail_new(EPOCH, 0, SIZE_MAX);
    assert_non_null(t);
    for (int64_t i = 0; i < 10; i++)
        append(t, i, i + 1);
    tail_limit(t, 0);
    assert_int_equal(tail_floor(t), 9); /* the newest stays */
    append(t, 10, 11);
    assert_int_equal(tail_floor(t), 10);
    tail_free(t);
}

static void test_slow_cursor_holds_one_batch_and_no_more(void **state)
{
    (void)state;
    size_t before = batch_memory();
    struct batch *held;
    struct tail *t = tail_new(EPOCH, 0, 3000);
    assert_non_null(t);
    append(t, 0, 1);
    assert_int_equal(tail_find(t, 0, &held), TAIL_FOUND);
    batch_ref(held);
    for (int64_t i = 1; i < 1000; i++)
        append(t, i, i + 1);
    assert_int_equal(batch_memory() - before, tail_bytes(t) + held->memory);
    batch_unref(held);
    tail_free(t);
    assert_int_equal(batch_memory(), before);
}

/* A tail behind 100, with a batch of one event for each time at which that expires. */
static struct tail *tail_expiring(const int64_t *times, size_t n)
{
    struct tail *t = tail_new(EPOCH, 100, SIZE_MAX);
    assert_non_null(t);
    for (size_t i = 0; i < n; i++) {
        struct batch *b = batch_expiring(100 + (int64_t)i, &times[i], 1);
        assert_non_null(b);
        tail_append(t, b);
    }
    return t;
}

static void test_the_floor_rises_beyond_the_newest_batch_that_is_due(void **state)
{
    static const int64_t times[] = {0, 900, 0, 700, 0, 800, 0};
    static const struct {
        int64_t now, floor, expires_at;
    } steps[] = {{0, 100, 700},   {699, 100, 700}, {700, 104, 800},
                 {799, 104, 800}, {801, 106, 0},   {INT64_MAX, 106, 0}};
    struct tail *t = tail_expiring(times, sizeof times / sizeof *times);
    struct batch *b;
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        tail_expire(t, steps[i].now);
        assert_int_equal(tail_floor(t), steps[i].floor);
        assert_int_equal(tail_expires_at(t), steps[i].expires_at);
        assert_finds(t, steps[i].floor, steps[i].floor + 1);
        if (steps[i].floor > 100)
            assert_int_equal(tail_find(t, steps[i].floor - 1, &b), TAIL_TOO_OLD);
        assert_int_equal(tail_end(t), 107);
    }
    tail_free(t);
}

static void test_a_tail_whose_newest_batch_is_due_is_empty_and_grows_again(void **state)
{
    static const int64_t times[] = {0, 700};
    size_t before = batch_memory();
    struct tail *t = tail_expiring(times, 2);
    struct batch *b;
    (void)state;
    tail_expire(t, 700);
    assert_int_equal(tail_floor(t), 102);
    assert_int_equal(tail_bytes(t), 0);
    assert_int_equal(batch_memory(), before);
    assert_int_equal(tail_find(t, 102, &b), TAIL_AT_END);
    assert_int_equal(tail_find(t, 101, &b), TAIL_TOO_OLD);
    append(t, 102, 103);
    assert_finds(t, 102, 103);
    assert_int_equal(tail_find(t, 103, &b), TAIL_AT_END);
    assert_int_equal(tail_floor(t), 102);
    tail_free(t);
}

/* The limit drops batches without a look at what expires. */
static void test_a_time_of_a_batch_that_left_is_forgotten_when_it_comes(void **state)
{
    static const int64_t times[] = {700, 0, 900};
    struct tail *t = tail_expiring(times, 3);
    (void)state;
    tail_limit(t, 0);
    assert_int_equal(tail_floor(t), 102);
    assert_true(tail_expires_at(t) <= 900 && tail_expires_at(t) > 0);
    tail_expire(t, 800);
    assert_int_equal(tail_floor(t), 102);
    assert_int_equal(tail_expires_at(t), 900);
    tail_expire(t, 900);
    assert_int_equal(tail_floor(t), 103);
    assert_int_equal(tail_expires_at(t), 0);
    tail_free(t);
}

static void test_a_cursor_that_holds_a_batch_keeps_it_when_it_is_due(void **state)
{
    static const int64_t times[] = {700};
    struct tail *t = tail_expiring(times, 1);
    struct batch *held;
    (void)state;
    assert_int_equal(tail_find(t, 100, &held), TAIL_FOUND);
    batch_ref(held);
    tail_expire(t, 700);
    assert_int_equal(held->events, 1);
    assert_int_equal(batch_memory(), held->memory);
    batch_unref(held);
    tail_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_tail_knows_only_its_end),
        cmocka_unit_test(test_every_position_from_the_floor_has_its_batch),
        cmocka_unit_test(test_oldest_batches_go_beyond_the_limit),
        cmocka_unit_test(test_newest_batch_stays_however_large),
        cmocka_unit_test(test_a_lowered_limit_holds_at_once),
        cmocka_unit_test(test_slow_cursor_holds_one_batch_and_no_more),
        cmocka_unit_test(test_the_floor_rises_beyond_the_newest_batch_that_is_due),
        cmocka_unit_test(test_a_tail_whose_newest_batch_is_due_is_empty_and_grows_again),
        cmocka_unit_test(test_a_time_of_a_batch_that_left_is_forgotten_when_it_comes),
        cmocka_unit_test(test_a_cursor_that_holds_a_batch_keeps_it_when_it_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
