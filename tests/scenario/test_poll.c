/* wait=SECONDS: the same stream for where no request may last, and a browser that polls with it
 * as it would listen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

enum { ROWS = 150 };

/* That the poll ends by itself, as a stream that is to be asked for again. */
#define expect_poll_ends(b) expect_poll_ends_at(b, __FILE__, __LINE__)
static void expect_poll_ends_at(struct browser *b, const char *file, int line)
{
    int retry = 0;
    bool ended = browser_sees_end(b, PATIENCE);
    const char *later = strstr(browser_body(b), "event: later\nretry: ");
    if (!ended || !later || sscanf(later, "event: later\nretry: %d\n", &retry) != 1 ||
        retry < 100 || retry > 300)
        fail_msg("%s:%d: the poll %s with\n%s", file, line, ended ? "ended" : "did not end",
                 browser_body(b));
}

static void poll_and_wake(struct stage *s)
{
    struct browser *b = browser_open(s, "/sse/events?wait=300");
    browser_come_back(b, false);
    expect_connected(b);
    shell_count(s, "n", 1, 1);
    expect_count(b, "n", 1, 1);
    expect_poll_ends(b);
    shell_count(s, "n", 2, 4); /* while it is away */
    browser_come_back(b, true);
    expect_connected(b);
    expect_replay_start(b, 3);
    expect_count(b, "n", 2, 4);
    expect_replay_end(b, 3);
    expect_poll_ends(b);
    expect_connected(b);
    shell_count(s, "n", 5, 5);
    expect_count(b, "n", 5, 5);
}

static void test_a_row_wakes_a_poll_and_what_came_between_two_is_replayed(void **state)
{
    lighttpd_start(*state);
    poll_and_wake(*state);
}

static void test_plain_cgi_polls_and_leaves_no_process(void **state)
{
    struct stage *s = *state;
    struct answer a;
    pid_t child[2];
    lighttpd_start_cgi(s);
    poll_and_wake(s);
    request(s, &a, "GET", "/sse/events?wait=0&lastEventId=earliest", NULL, NULL);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "event: replay-end\ndata: {\"count\":5}\n\nevent: later\n"));
    request(s, &a, "GET", "/sse/events?wait=1", NULL, NULL);
    assert_non_null(strstr(a.body, "}\nid: "));
    await(s, process_children(s->server, child, 2) <= 1); /* the browser's, which waits */
}

static void test_a_long_replay_comes_in_one_poll(void **state)
{
    struct stage *s = *state;
    shell_set(s, "buffer_size", "20000");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events?wait=0");
    expect_connected(b);
    browser_come_back(b, false);
    expect_poll_ends(b);
    shell_count(s, "n", 1, 10000); /* many batches */
    browser_come_back(b, true);
    expect_connected(b);
    browser_come_back(b, false);
    expect_replay_start(b, 10000);
    expect_count(b, "n", 1, 10000);
    expect_replay_end(b, 10000);
    assert_true(browser_sees_end(b, PATIENCE));
}

/* Rows from a shell of their own, a few at a time, while others look. */
static void insert_meanwhile(struct stage *s)
{
    static char script[512];
    snprintf(script, sizeof script,
             "i=1; while [ $i -le %d ]; do sqlite3 -cmd '.timeout 20000' '%s' \"INSERT INTO "
             "events(channel, type, data) VALUES ('', 'n', $i), ('elsewhere', 'n', 0), "
             "('', 'n', $((i + 1)))\" || exit 1; i=$((i + 2)); sleep 0.05; done",
             ROWS - 1, s->db);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    process_start(argv, NULL, NULL, NULL);
}

static void poll_meanwhile(struct stage *s, const char *path)
{
    struct browser *b = browser_open(s, path);
    expect_connected(b);
    insert_meanwhile(s);
    expect_rows(b, "n", 1, ROWS);
    await(s, atoi(shell_sessions(s, "SELECT max(reconnections) FROM sessions")) >= 5);
}

static void test_many_polls_in_a_row_miss_nothing_and_repeat_nothing(void **state)
{
    lighttpd_start(*state);
    poll_meanwhile(*state, "/sse/events?wait=300");
}

static void test_polls_that_do_not_wait_miss_nothing_and_repeat_nothing(void **state)
{
    lighttpd_start(*state);
    poll_meanwhile(*state, "/sse/events?wait=0&types=n");
}

static void test_a_poll_in_vain_ends_when_it_said_and_not_before(void **state)
{
    struct stage *s = *state;
    struct answer a;
    lighttpd_start(s);
    request(s, &a, "GET", "/sse/events?wait=0", NULL, NULL);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.head, "text/event-stream"));
    assert_non_null(strstr(a.head, "sse-session-id="));
    assert_non_null(strstr(a.body, ":\nevent: opening\nretry: "));
    assert_non_null(strstr(a.body, "event: connected\n"));
    assert_non_null(strstr(a.body, "\n\nevent: later\nretry: "));
    int64_t began = now_ms();
    request(s, &a, "GET", "/sse/events?wait=2", NULL, NULL);
    if (now_ms() - began < 1900)
        fail_stage(s, "waited for 2 s, it ended after %d ms", (int)(now_ms() - began));
    assert_non_null(strstr(a.body, "\n\nevent: later\nretry: "));
}

static void test_a_wait_that_can_not_be_is_refused_with_a_sentence(void **state)
{
    static const char *const bad[] = {"wait=", "wait=3601", "wait=-1", "wait=1.5", "wait=soon"};
    struct stage *s = *state;
    struct answer a;
    char path[64];
    lighttpd_start(s);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(path, sizeof path, "/sse/events?%s", bad[i]);
        request(s, &a, "GET", path, NULL, NULL);
        assert_int_equal(a.status, 400);
        assert_non_null(strstr(a.body, "0 to 3600"));
    }
}

static void test_rows_of_other_types_do_not_become_a_gap_between_polls(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events?types=wanted&wait=1");
    expect_connected(b);
    browser_come_back(b, false);
    shell_count(s, "foreign", 1, 50);
    expect_poll_ends(b);
    assert_int_equal(id_number(browser_last_id(b)), 50);
    shell(s, "DELETE FROM events");
    publish(s, "", "wanted", "one");
    browser_come_back(b, true);
    expect_connected(b);
    expect_replay_start(b, 1);
    expect_event(b, "wanted", "one");
    expect_replay_end(b, 1);
}

static void test_a_trimmed_row_is_told_in_a_poll(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events?wait=0");
    expect_connected(b);
    browser_come_back(b, false);
    expect_poll_ends(b);
    shell_count(s, "n", 1, 3);
    shell(s, "DELETE FROM events");
    browser_come_back(b, true);
    browser_connect(b);
    expect_connected(b);
    expect_gap(b, "trimmed", 3);
    browser_come_back(b, false);
    expect_poll_ends(b);
}

/* A poll of one who keeps the cookie and no id; gives the answer's body in `a`. */
static void poll_by_cookie(struct stage *s, struct answer *a, const char *query, char *cookie)
{
    char path[64], headers[128] = "";
    snprintf(path, sizeof path, "/sse/events?%s", query);
    if (cookie[0])
        snprintf(headers, sizeof headers, "Cookie: sse-session-id=%s\r\n", cookie);
    request(s, a, "GET", path, headers, NULL);
    const char *at = strstr(a->head, "sse-session-id=");
    assert_non_null(at);
    snprintf(cookie, 33, "%s", at + 15);
    await(s,
          atoi(shell_sessions(s, "SELECT count(*) FROM streams WHERE ended_at IS NULL")) == 0);
}

static void test_who_polls_with_the_cookie_alone_skips_nothing_and_gets_on(void **state)
{
    struct stage *s = *state;
    struct answer a;
    char cookie[33] = "";
    lighttpd_start(s);
    poll_by_cookie(s, &a, "wait=0", cookie);
    assert_string_equal(shell_sessions(s, "SELECT count(*) FROM sessions"), "0");
    shell_count(s, "n", 1, 2);
    poll_by_cookie(s, &a, "wait=300", cookie);
    assert_non_null(strstr(a.body, "data: 1\n"));
    assert_non_null(strstr(a.body, "data: 2\n"));
    shell_count(s, "n", 3, 3);
    poll_by_cookie(s, &a, "wait=300", cookie);
    assert_null(strstr(a.body, "data: 2\n"));
    assert_non_null(strstr(a.body, "data: 3\n"));
    poll_by_cookie(s, &a, "wait=0", cookie);
    assert_null(strstr(a.body, "data: 3\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_row_wakes_a_poll_and_what_came_between_two_is_replayed),
        scenario(test_plain_cgi_polls_and_leaves_no_process),
        scenario(test_a_long_replay_comes_in_one_poll),
        scenario(test_many_polls_in_a_row_miss_nothing_and_repeat_nothing),
        scenario(test_polls_that_do_not_wait_miss_nothing_and_repeat_nothing),
        scenario(test_a_poll_in_vain_ends_when_it_said_and_not_before),
        scenario(test_a_wait_that_can_not_be_is_refused_with_a_sentence),
        scenario(test_rows_of_other_types_do_not_become_a_gap_between_polls),
        scenario(test_a_trimmed_row_is_told_in_a_poll),
        scenario(test_who_polls_with_the_cookie_alone_skips_nothing_and_gets_on),
    };
    return cmocka_run_group_tests_name("poll", tests, NULL, NULL);
}
