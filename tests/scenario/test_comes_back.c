/* Who comes back: from another installation on the same host, from sleep, and after a long
 * time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

/* One browser knows both by one host name: it sends each the other's cookie. */
static void test_two_installations_on_one_host_leave_each_others_sessions_alone(void **state)
{
    struct stage *s = *state;
    void *second = NULL;
    char session[32];
    if (stage_setup(&second) != 0)
        fail_stage(s, "no second stage");
    struct stage *other = second;
    lighttpd_start(s);
    lighttpd_start(other);
    struct browser *a = browser_open(s, "/sse/events"), *b = browser_new(other, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(a));
    browser_share_cookie(b, a);
    browser_connect(b);
    expect_connected(b);
    expect_gap(b, "session", -1); /* it cannot know that this was never its own */
    browser_close(a);
    await(s, stats(s, "active_clients") == 0);
    publish_to(s, session, "message", "for you");
    browser_share_cookie(a, b);
    browser_reload(a);
    assert_string_equal(expect_connected(a), session);
    expect_replay_start(a, 1);
    expect_event(a, "message", "for you");
    expect_replay_end(a, 1);
    browser_share_cookie(b, a);
    browser_reload(b);
    expect_connected(b);
    publish(other, "", "message", "no gap before it");
    expect_event(b, "message", "no gap before it");
    browser_share_cookie(a, b);
    browser_reload(a);
    assert_string_equal(expect_connected(a), session);
    assert_int_equal(stage_teardown(&second), 0);
}

/* Its session goes, while another, which keeps a janitor at work, stays. */
static void fall_asleep_beside(struct stage *s, struct browser *b)
{
    browser_come_back(b, false);
    browser_close(b);
    await(s, stats(s, "total_sessions") == 1);
}

static void test_who_slept_is_told_of_a_gap_only_if_something_was_for_it(void **state)
{
    struct stage *s = *state;
    char session[32];
    shell_set(s, "buffer_ttl", "1");
    shell_set(s, "cleanup_interval", "1");
    lighttpd_start(s);
    struct browser *stays = browser_open(s, "/sse/events?types=none"); /* keeps a janitor */
    expect_connected(stays);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    fall_asleep_beside(s, b);
    browser_connect(b);
    snprintf(session, sizeof session, "%s", expect_connected(b));
    publish(s, "", "message", "good morning");
    expect_event(b, "message", "good morning");
    fall_asleep_beside(s, b);
    publish_to(s, session, "message", "where are you");
    browser_connect(b);
    assert_string_not_equal(expect_connected(b), session);
    expect_gap(b, "session", -1);
}

static void test_the_cookie_outlives_the_longest_stream(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    const char *age = strstr(browser_head(b), "Max-Age=");
    if (!age || atol(age + 8) < 365L * 86400 || !strstr(browser_head(b), "Path=/sse;"))
        fail_stage(s, "waited for a cookie of a year or more for /sse, came\n%s",
                   browser_head(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_two_installations_on_one_host_leave_each_others_sessions_alone),
        scenario(test_who_slept_is_told_of_a_gap_only_if_something_was_for_it),
        scenario(test_the_cookie_outlives_the_longest_stream),
    };
    return cmocka_run_group_tests_name("comes back", tests, NULL, NULL);
}
