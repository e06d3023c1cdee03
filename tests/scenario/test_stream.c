/* A row becomes an event, behind lighttpd. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

static void test_a_row_from_the_shell_reaches_every_browser(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *a = browser_open(s, "/sse/events"), *b = browser_open(s, "/sse/events");
    expect_connected(a);
    expect_connected(b);
    publish(s, "", "update", "{\"message\":\"Hello World\"}");
    expect_event(a, "update", "{\"message\":\"Hello World\"}");
    expect_event(b, "update", "{\"message\":\"Hello World\"}");
    assert_string_equal(browser_last_id(a), id_text(s, 1));
}

static void test_the_stream_begins_as_browsers_need_it(void **state)
{
    struct stage *s = *state;
    char opening[64], cookie[64];
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    const char *head = browser_head(b);
    const char *const line[] = {"Content-Type: text/event-stream",
                                "X-Accel-Buffering: no",
                                "no-store",
                                "X-SSE-Session-ID: ",
                                "HttpOnly",
                                "SameSite=Strict"};
    for (size_t i = 0; i < sizeof line / sizeof *line; i++)
        if (!strcasestr(head, line[i]))
            fail_stage(s, "waited for %s in\n%s", line[i], head);
    snprintf(cookie, sizeof cookie, "sse-session-id=%s", browser_cookie(b));
    assert_int_equal(strlen(browser_cookie(b)), 32);
    assert_non_null(strstr(head, cookie));
    snprintf(opening, sizeof opening, ":\nevent: opening\nretry: ");
    if (strncmp(browser_body(b), opening, strlen(opening)) != 0)
        fail_stage(s, "waited for the opening block, came\n%s", browser_body(b));
    assert_string_equal(browser_last_id(b), id_text(s, 0));
}

static void test_rows_of_many_lines_and_kinds_arrive_as_they_were_written(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    publish(s, "", "message", "one\ntwo\r\nthree\r\revent: forged");
    publish(s, "", "message", "%s", "");
    publish(s, "", "message", " led by a space");
    publish(s, "", "message", "né 漢字");
    expect_event(b, "message", "one\ntwo\nthree\n\nevent: forged");
    expect_event(b, "message", "");
    expect_event(b, "message", " led by a space");
    expect_event(b, "message", "né 漢字");
}

static void test_a_channel_reaches_those_who_asked_for_it(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *in = browser_open(s, "/sse/events?channel=room-7&channel=b");
    struct browser *out = browser_open(s, "/sse/events");
    expect_connected(in);
    expect_connected(out);
    publish(s, "room-7", "chat", "hi");
    publish(s, "c", "x", "y");
    publish(s, "", "message", "all");
    expect_event(in, "chat", "hi");
    expect_event(in, "message", "all");
    expect_event(out, "message", "all");
}

static void test_a_quiet_stream_resumes_from_the_id_of_connected(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    browser_cut(b);
    shell_count(s, "n", 1, 2);
    expect_connected(b);
    expect_replay_start(b, 2);
    expect_count(b, "n", 1, 2);
    expect_replay_end(b, 2);
}

static void test_a_narrow_filter_does_not_look_like_a_gap_later(void **state)
{
    struct stage *s = *state;
    shell_set(s, "buffer_size", "10000");
    shell_set(s, "heartbeat_interval", "1");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events?types=wanted");
    expect_connected(b);
    publish(s, "", "wanted", "first");
    expect_event(b, "wanted", "first");
    shell_count(s, "foreign", 1, 5000);
    /* The heartbeat carries the cursor over what the filter left out. */
    await(s, !browser_next(b, 100) && id_number(browser_last_id(b)) == 5001);
    browser_cut(b);
    shell(s, "DELETE FROM events WHERE id <= 5001");
    publish(s, "", "wanted", "second");
    expect_connected(b);
    expect_replay_start(b, 1);
    expect_event(b, "wanted", "second");
    expect_replay_end(b, 1);
}

static size_t lines_of_trouble(struct stage *s)
{
    char line[1024];
    size_t n = 0;
    FILE *f = fopen(s->errors, "re");
    while (f && fgets(line, sizeof line, f))
        n += !strstr(line, "server started");
    if (f)
        fclose(f);
    return n;
}

static void test_a_browser_that_leaves_is_gone_from_the_stats_within_a_second(void **state)
{
    struct stage *s = *state;
    struct browser *b[8];
    lighttpd_start(s);
    for (int i = 0; i < 8; i++) {
        b[i] = browser_open(s, "/sse/events");
        expect_connected(b[i]);
    }
    await(s, stats(s, "active_clients") == 8);
    size_t before = lines_of_trouble(s);
    for (int i = 0; i < 5; i++)
        browser_close(b[i]);
    int64_t left = now_ms();
    await(s, stats(s, "active_clients") == 3);
    if (!stage_is_sanitized() && now_ms() - left > 1000)
        fail_stage(s, "five browsers left; the stats knew after %d ms", (int)(now_ms() - left));
    assert_int_equal(lines_of_trouble(s), before);
    publish(s, "", "message", "still here");
    expect_event(b[7], "message", "still here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_row_from_the_shell_reaches_every_browser),
        scenario(test_the_stream_begins_as_browsers_need_it),
        scenario(test_rows_of_many_lines_and_kinds_arrive_as_they_were_written),
        scenario(test_a_channel_reaches_those_who_asked_for_it),
        scenario(test_a_quiet_stream_resumes_from_the_id_of_connected),
        scenario(test_a_narrow_filter_does_not_look_like_a_gap_later),
        scenario(test_a_browser_that_leaves_is_gone_from_the_stats_within_a_second),
    };
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
