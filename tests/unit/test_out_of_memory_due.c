/* A survey of a log where many events are due, while each of its allocations fails. */
#include "tests/unit/failing_memory.h"
#include "tests/unit/log_world.h"

#include "store/sqlite/engine.h"

enum { MANY = 300 /* the list of them grows twice */ };

static void test_a_survey_without_memory_fails_and_the_next_one_works(void **state)
{
    struct log_world *w = *state;
    struct subscription *sub = subscription_new(NULL, NULL, 0, NULL, 0);
    const struct survey_question q = {.only = sub, .newest = 5, .since = SURVEY_END};
    struct survey v;
    long failures = 1, failed = 0;
    log_insert(w, 2);
    /* What is due stays, because the clock looks as if it had been set ahead by a day. */
    log_sql(
        w,
        "UPDATE rowcast_clock SET believed_at = believed_at - 86400000, seen_at = seen_at - "
        "86400000; WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT "
        "i + 1 FROM n WHERE i < %d) INSERT INTO events(expires_at) SELECT "
        "believed_at + 86340000 FROM n, rowcast_clock",
        MANY);
    assert_int_equal(sqlite_survey(w->store, &q, &v), STORE_OK);
    for (long n = 1; failures > 0; n++) {
        memory_fail(MEMORY_MINE, n, false);
        enum store_result r = sqlite_survey(w->store, &q, &v);
        failures = memory_mend();
        failed += r == STORE_NOMEM;
        assert_int_equal(r, failures ? STORE_NOMEM : STORE_OK);
        assert_int_equal(failures ? strcmp(store_why(w->store), "out of memory") : 0, 0);
    }
    assert_true(failed >= 3);
    assert_int_equal(v.end.last_id, MANY + 2);
    assert_int_equal(v.count, 2);
    assert_int_equal(v.oldest, 1);
    subscription_free(sub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_a_survey_without_memory_fails_and_the_next_one_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
