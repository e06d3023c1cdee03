/* Killed, and back: every browser goes on exactly where it left off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

/* A replayed JSON object `{"n":N,"_replayed":true,"_originalTime":…}`. */
static void expect_replayed(struct stage *s, struct browser *b, int n)
{
    char begin[64];
    const struct sse_event *e = expect_event(b, "update", NULL);
    snprintf(begin, sizeof begin, "{\"n\":%d,\"_replayed\":true,\"_originalTime\":", n);
    if (strncmp(e->data, begin, strlen(begin)) != 0)
        fail_stage(s, "waited for %s…, came %s", begin, e->data);
}

static void test_a_killed_responder_comes_back_and_nothing_is_missing(void **state)
{
    struct stage *s = *state;
    char session[32];
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(b));
    publish(s, "", "update", "{\"n\":1}");
    expect_event(b, "update", "{\"n\":1}");
    responder_kill(s);
    for (int n = 2; n <= 4; n++)
        publish(s, "", "update", "{\"n\":%d}", n);
    responder_revive(s);
    /* Back before any new insert. */
    assert_string_equal(expect_connected(b), session);
    expect_replay_start(b, 3);
    for (int n = 2; n <= 4; n++)
        expect_replayed(s, b, n);
    expect_replay_end(b, 3);
    publish(s, "", "update", "{\"n\":5}");
    expect_event(b, "update", "{\"n\":5}");
}

static void test_lighttpd_restarted_is_the_same_to_a_browser(void **state)
{
    struct stage *s = *state;
    char session[32];
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(b));
    shell_count(s, "n", 1, 1);
    expect_count(b, "n", 1, 1);
    server_stop(s);
    shell_count(s, "n", 2, 3);
    lighttpd_start(s);
    assert_string_equal(expect_connected(b), session);
    expect_replay_start(b, 2);
    expect_count(b, "n", 2, 3);
    expect_replay_end(b, 2);
}

static void test_a_hundred_thousand_missed_rows_come_in_one_stream(void **state)
{
    struct stage *s = *state;
    shell_set(s, "buffer_size", "200000");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    browser_cut(b);
    shell_count(s, "n", 1, 100000);
    expect_connected(b);
    browser_come_back(b, false);
    expect_replay_start(b, 100000);
    expect_count(b, "n", 1, 100000);
    expect_replay_end(b, 100000);
    publish(s, "", "message", "live");
    expect_event(b, "message", "live");
}

static void test_a_cookie_alone_skips_nothing_after_a_reload(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 3);
    expect_count(b, "n", 1, 3);
    browser_close(b);
    shell_count(s, "n", 4, 6);
    browser_reload(b);
    const struct sse_event *e = expect_event(b, "connected", NULL);
    assert_non_null(strstr(e->data, "\"reconnection\":true"));
    expect_event(b, "replay-start", NULL);
    /* The last seconds may come again; then what was missed, all of it. */
    int first = atoi(expect_event(b, "n", NULL)->data);
    if (first < 1 || first > 4)
        fail_stage(s, "waited for row 1 to 4, came row %d", first);
    expect_count(b, "n", first + 1, 6);
    expect_event(b, "replay-end", NULL);
}

static void test_two_tabs_on_one_cookie_get_everything(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *a = browser_open(s, "/sse/events"), *b = browser_new(s, "/sse/events");
    expect_connected(a);
    browser_share_cookie(b, a);
    browser_connect(b);
    expect_connected(b);
    browser_come_back(a, false); /* a tab that is kicked would show */
    browser_come_back(b, false);
    shell_count(s, "n", 1, 3);
    expect_count(a, "n", 1, 3);
    expect_count(b, "n", 1, 3);
    browser_close(a);
    shell_count(s, "n", 4, 5);
    expect_count(b, "n", 4, 5);
    browser_reload(a);
    expect_connected(a);
    expect_event(a, "replay-start", NULL);
    int first = atoi(expect_event(a, "n", NULL)->data);
    if (first < 1 || first > 4)
        fail_stage(s, "waited for row 1 to 4, came row %d", first);
    expect_count(a, "n", first + 1, 5);
    expect_event(a, "replay-end", NULL);
    shell_count(s, "n", 6, 6);
    expect_count(a, "n", 6, 6);
    expect_count(b, "n", 6, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_killed_responder_comes_back_and_nothing_is_missing),
        scenario(test_lighttpd_restarted_is_the_same_to_a_browser),
        scenario(test_a_hundred_thousand_missed_rows_come_in_one_stream),
        scenario(test_a_cookie_alone_skips_nothing_after_a_reload),
        scenario(test_two_tabs_on_one_cookie_get_everything),
    };
    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
