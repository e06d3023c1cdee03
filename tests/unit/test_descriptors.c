/* How many descriptors streams may take of few, some and many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/resource.h>

#include "fcgi/base/descriptors.h"

static void test_a_quarter_is_kept_of_few_and_64_of_many(void **state)
{
    static const struct {
        rlim_t limit;
        size_t streams;
    } cases[] = {{8, 6}, {40, 30}, {100, 75}, {256, 192}, {1024, 960}};
    struct rlimit l, before;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        l = before;
        l.rlim_cur = cases[i].limit;
        if (l.rlim_cur > l.rlim_max)
            continue;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
        assert_int_equal(descriptors_for_streams(), cases[i].streams);
        assert_true(descriptors_suffice((int)cases[i].streams - 1));
        assert_false(descriptors_suffice((int)cases[i].streams));
    }
    descriptors_raise();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
    assert_int_equal(l.rlim_cur, before.rlim_max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_quarter_is_kept_of_few_and_64_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
