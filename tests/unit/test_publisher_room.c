/* How much may wait for the publisher, and who is told that there is room again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "fcgi/base/monotonic.h"
#include "fcgi/hub/publisher_room.h"
#include "store/store.h"

static void fill(struct publisher_room *r)
{
    for (int i = 0; i < PUBLISHER_WAITING; i++)
        publisher_room_enter(r, 1, monotonic_ms());
}

static void test_those_that_are_held_are_told_of_room_and_go_first(void **state)
{
    struct publisher_room r;
    eventfd_t told;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    (void)state;
    publisher_room_open(&r);
    assert_true(publisher_room_admits(&r, false));
    fill(&r);
    assert_false(publisher_room_admits(&r, true));
    publisher_room_holds(&r, 1, fd);
    publisher_room_enter(&r, 1, monotonic_ms());
    publisher_room_leave(&r, 1, 1, true);
    assert_int_equal(eventfd_read(fd, &told), -1); /* it is full as before */
    publisher_room_leave(&r, 1, 1, true);
    assert_int_equal(eventfd_read(fd, &told), 0);
    assert_true(publisher_room_admits(&r, true));
    assert_false(publisher_room_admits(&r, false));
    publisher_room_holds(&r, 0, -1);
    assert_true(publisher_room_admits(&r, false));
    publisher_room_close(&r);
    close(fd);
}

static void test_a_few_large_ones_fill_it_too(void **state)
{
    struct publisher_room r;
    (void)state;
    publisher_room_open(&r);
    publisher_room_enter(&r, PUBLISHER_WAITING_BYTES, monotonic_ms());
    assert_false(publisher_room_admits(&r, true));
    publisher_room_leave(&r, 1, PUBLISHER_WAITING_BYTES, true);
    assert_true(publisher_room_admits(&r, true));
    publisher_room_close(&r);
}

static void test_it_is_stuck_while_something_waits_and_nothing_was_had_for_long(void **state)
{
    struct publisher_room r;
    int64_t long_ago = monotonic_ms() - STORE_PATIENCE_MS;
    (void)state;
    publisher_room_open(&r);
    assert_false(publisher_room_is_stuck(&r));
    publisher_room_enter(&r, 1, long_ago);
    publisher_room_enter(&r, 1, monotonic_ms());
    assert_true(publisher_room_is_stuck(&r));
    publisher_room_leave(&r, 1, 1, false); /* told, in vain */
    assert_true(publisher_room_is_stuck(&r));
    publisher_room_enter(&r, 1, monotonic_ms());
    publisher_room_leave(&r, 1, 1, true);
    assert_false(publisher_room_is_stuck(&r));
    publisher_room_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_those_that_are_held_are_told_of_room_and_go_first),
        cmocka_unit_test(test_a_few_large_ones_fill_it_too),
        cmocka_unit_test(test_it_is_stuck_while_something_waits_and_nothing_was_had_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
