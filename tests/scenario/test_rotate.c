/* stream_max_age: streams come back from time to time, and nobody notices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

enum { BROWSERS = 5 };

static int reconnections(struct stage *s)
{
    return atoi(shell_sessions(s, "SELECT min(reconnections) FROM sessions"));
}

static void test_streams_that_rotate_miss_nothing_and_repeat_nothing(void **state)
{
    struct stage *s = *state;
    struct browser *b[BROWSERS];
    int row = 0;
    shell_set(s, "stream_max_age", "1");
    lighttpd_start(s);
    for (int i = 0; i < BROWSERS; i++) {
        b[i] = browser_open(s, "/sse/events");
        expect_connected(b[i]);
    }
    int64_t until = now_ms() + PATIENCE;
    while (reconnections(s) < 3) {
        if (now_ms() > until)
            fail_stage(s, "waited for each to come back 3 times; one did %d times",
                       reconnections(s));
        shell_count(s, "n", row + 1, row + 3);
        for (int i = 0; i < BROWSERS; i++)
            expect_rows(b[i], "n", row + 1, row + 3);
        row += 3;
        pause_ms(20);
    }
}

static void test_the_age_applies_at_once_to_streams_that_run(void **state)
{
    struct stage *s = *state;
    shell_set(s, "heartbeat_interval", "1");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    browser_come_back(b, false);
    expect_heartbeats(b, 3); /* no limit yet */
    shell_set(s, "stream_max_age", "2");
    if (!browser_sees_end(b, PATIENCE))
        fail_stage(s, "waited for a stream to end that is older than it may be");
    assert_non_null(strstr(browser_body(b), "event: later\nretry: "));
    shell_set(s, "stream_max_age", "0");
    shell_count(s, "n", 1, 2);
    browser_come_back(b, true);
    expect_connected(b);
    browser_come_back(b, false);
    expect_replay_start(b, 2);
    expect_count(b, "n", 1, 2);
    expect_replay_end(b, 2);
    expect_heartbeats(b, 4); /* no limit any more */
}

static void test_an_age_that_can_not_be_is_refused(void **state)
{
    struct stage *s = *state;
    int status = 0;
    const char *said = shell_status(
        s, &status, "UPDATE rowcast_config SET value = '1h' WHERE name = 'stream_max_age'");
    assert_int_not_equal(status, 0);
    assert_non_null(strstr(said, "stream_max_age must be whole seconds"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_streams_that_rotate_miss_nothing_and_repeat_nothing),
        scenario(test_the_age_applies_at_once_to_streams_that_run),
        scenario(test_an_age_that_can_not_be_is_refused),
    };
    return cmocka_run_group_tests_name("rotate", tests, NULL, NULL);
}
