/* Sessions: rows for one of them, absence, and the end of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

static void test_a_row_for_one_session_reaches_only_it(void **state)
{
    struct stage *s = *state;
    char session[32];
    lighttpd_start(s);
    struct browser *a = browser_open(s, "/sse/events"), *b = browser_open(s, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(a));
    expect_connected(b);
    publish_to(s, session, "note", "yours");
    publish(s, "", "message", "everybody's");
    expect_event(a, "note", "yours");
    expect_event(a, "message", "everybody's");
    expect_event(b, "message", "everybody's");
}

static void test_a_row_for_an_absent_session_waits_for_it(void **state)
{
    struct stage *s = *state;
    char session[32];
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(b));
    browser_close(b);
    await(s, stats(s, "active_clients") == 0);
    publish_to(s, session, "message", "while you were out");
    browser_reload(b);
    assert_string_equal(expect_connected(b), session);
    expect_replay_start(b, 1);
    expect_event(b, "message", "while you were out");
    expect_replay_end(b, 1);
}

static void test_an_outage_expires_nobody_and_served_time_does(void **state)
{
    struct stage *s = *state;
    char session[32];
    shell_set(s, "buffer_ttl", "2");
    shell_set(s, "cleanup_interval", "1");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(b));
    server_stop(s);
    publish_to(s, session, "message", "meanwhile");
    pause_ms(6000); /* the outage itself: three times buffer_ttl */
    lighttpd_start(s);
    browser_reload(b);
    assert_string_equal(expect_connected(b), session);
    expect_replay_start(b, 1);
    expect_event(b, "message", "meanwhile");
    expect_replay_end(b, 1);

    browser_close(b);
    await(s, stats(s, "total_sessions") == 0);
    await(s, strcmp(shell(s, "SELECT count(*) FROM events"), "0") == 0);
    browser_reload(b);
    assert_string_not_equal(expect_connected(b), session);
    expect_gap(b, "session", -1);
    publish(s, "", "message", "on we go");
    expect_event(b, "message", "on we go");
}

static void test_a_session_of_another_user_agent_is_not_honoured(void **state)
{
    struct stage *s = *state;
    char session[32];
    lighttpd_start(s);
    struct browser *a = browser_open(s, "/sse/events"), *thief = browser_new(s, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(a));
    publish_to(s, session, "message", "secret");
    expect_event(a, "message", "secret");
    browser_share_cookie(thief, a);
    browser_header(thief, "User-Agent", "another");
    browser_header(thief, "Last-Event-ID", id_text(s, 0));
    browser_connect(thief);
    assert_string_not_equal(expect_connected(thief), session);
    expect_gap(thief, "session", -1);
    publish(s, "", "message", "marker");
    const struct sse_event *e = expect_event(thief, "message", NULL);
    assert_string_equal(e->data, "marker");
    expect_event(a, "message", "marker");
}

static void test_disconnect_ends_the_streams_and_the_session_stays(void **state)
{
    struct stage *s = *state;
    struct answer a;
    char session[32], path[128];
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(b));
    snprintf(path, sizeof path, "/sse/disconnect?session=%s", session);
    post(s, &a, path, "");
    assert_int_equal(a.status, 200);
    if (!browser_sees_end(b, PATIENCE))
        fail_stage(s, "the stream goes on after /disconnect");
    browser_connect(b);
    assert_string_equal(expect_connected(b), session);
}

static void test_without_reconnection_it_is_plain_live_sse(void **state)
{
    struct stage *s = *state;
    shell_set(s, "enable_reconnection", "0");
    shell_count(s, "n", 1, 3);
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    assert_null(strcasestr(browser_head(b), "Set-Cookie"));
    shell_count(s, "n", 4, 4);
    const struct sse_event *e = expect_event(b, "n", "4");
    assert_string_equal(e->id, "");
}

static bool newest_three_have_ids(struct stage *s)
{
    struct browser *b = browser_open(s, "/sse/events?last=3");
    expect_connected(b);
    bool replays = *browser_cookie(b) != '\0';
    if (replays) {
        expect_replay_start(b, 3);
        for (int i = 1; i <= 3; i++)
            expect_event(b, "n", NULL);
    }
    bool have = replays && strcmp(browser_last_id(b), id_text(s, 3)) == 0 &&
                strstr(browser_body(b), id_text(s, 1));
    browser_close(b);
    return have;
}

/* Rows that went out without ids while it was off are still in the memory of the process. */
static void test_switched_on_again_it_has_ids_for_what_came_before(void **state)
{
    struct stage *s = *state;
    shell_set(s, "enable_reconnection", "0");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 3);
    for (int i = 1; i <= 3; i++)
        expect_event(b, "n", NULL);
    shell_set(s, "enable_reconnection", "1");
    await(s, newest_three_have_ids(s)); /* in force within a second */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_row_for_one_session_reaches_only_it),
        scenario(test_a_row_for_an_absent_session_waits_for_it),
        scenario(test_an_outage_expires_nobody_and_served_time_does),
        scenario(test_a_session_of_another_user_agent_is_not_honoured),
        scenario(test_disconnect_ends_the_streams_and_the_session_stays),
        scenario(test_without_reconnection_it_is_plain_live_sse),
        scenario(test_switched_on_again_it_has_ids_for_what_came_before),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
