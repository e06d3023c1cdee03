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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_tail_knows_only_its_end),
        cmocka_unit_test(test_every_position_from_the_floor_has_its_batch),
        cmocka_unit_test(test_oldest_batches_go_beyond_the_limit),
        cmocka_unit_test(test_newest_batch_stays_however_large),
        cmocka_unit_test(test_a_lowered_limit_holds_at_once),
        cmocka_unit_test(test_slow_cursor_holds_one_batch_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
