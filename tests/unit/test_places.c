/* Who has to go when there are too many.  The connections have no descriptor: nothing is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fcgi/hub/places.h"

static int open_places(void **state)
{
    *state = calloc(1, sizeof(struct places));
    return *state ? 0 : -1;
}

static int close_places(void **state)
{
    struct places *p = *state;
    while (p->count > 0)
        places_turn_away(p, 0, 503, PLACES_CROWDED, true);
    free(p);
    return 0;
}

/* One more comes; it is held, or slow. */
static void come(struct places *p, bool held)
{
    struct intake *i = calloc(1, sizeof *i);
    assert_non_null(i);
    intake_begin(i, -1, NULL, 1);
    if (held)
        intake_hold(i, 1);
    places_admit(p, i);
}

/* The same; who it is. */
static const struct intake *known(struct places *p, bool held)
{
    come(p, held);
    return p->waits[p->count - 1];
}

static bool is_there(const struct places *p, const struct intake *i)
{
    for (size_t n = 0; n < p->count; n++)
        if (p->waits[n] == i)
            return true;
    return false;
}

static void come_many(struct places *p, bool held, size_t many)
{
    while (many-- > 0)
        come(p, held);
}

static void test_of_the_slow_ones_the_first_goes_and_none_that_is_held(void **state)
{
    struct places *p = *state;
    const struct intake *held = known(p, true), *first = known(p, false);
    const struct intake *second = known(p, false);
    come_many(p, false, PLACES_SLOW_MAX - 2);
    assert_true(is_there(p, first));
    come(p, false);
    assert_true(is_there(p, held));
    assert_false(is_there(p, first));
    assert_ptr_equal(p->waits[1], second); /* the others keep their order */
    assert_int_equal(p->count, PLACES_SLOW_MAX + 1);
}

static void test_of_those_held_the_first_goes_and_none_that_is_slow(void **state)
{
    struct places *p = *state;
    const struct intake *slow = known(p, false), *first = known(p, true);
    come_many(p, true, PLACES_HELD_MAX - 1);
    assert_true(is_there(p, first));
    come(p, true);
    assert_true(is_there(p, slow));
    assert_false(is_there(p, first));
    assert_int_equal(places_held(p), PLACES_HELD_MAX);
}

static void test_held_ones_that_go_on_count_as_slow(void **state)
{
    struct places *p = *state;
    const struct intake *slow = known(p, false);
    come_many(p, false, PLACES_SLOW_MAX - 1);
    come_many(p, true, PLACES_HELD_MAX);
    intake_release(p->waits[p->count - 1], 1);
    come(p, true);
    assert_false(is_there(p, slow));
    assert_int_equal(p->count, PLACES_MAX);
}

static void test_where_all_are_held_the_first_makes_room(void **state)
{
    struct places *p = *state;
    const struct intake *first = known(p, true);
    come(p, true);
    places_make_room(p);
    assert_false(is_there(p, first));
    assert_int_equal(p->count, 1);
}

int main(void)
{
#define PLACES_TEST(f) cmocka_unit_test_setup_teardown(f, open_places, close_places)
    const struct CMUnitTest tests[] = {
        PLACES_TEST(test_of_the_slow_ones_the_first_goes_and_none_that_is_held),
        PLACES_TEST(test_of_those_held_the_first_goes_and_none_that_is_slow),
        PLACES_TEST(test_held_ones_that_go_on_count_as_slow),
        PLACES_TEST(test_where_all_are_held_the_first_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
