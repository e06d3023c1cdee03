#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fcgi/process/supervisor.h"

static void test_pauses_grow_up_to_ten_seconds(void **state)
{
    (void)state;
    static const uint64_t ms[] = {0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    for (unsigned i = 0; i < sizeof ms / sizeof *ms; i++)
        assert_int_equal(supervisor_pause(i), ms[i]);
    assert_int_equal(supervisor_pause(UINT32_MAX), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pauses_grow_up_to_ten_seconds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
