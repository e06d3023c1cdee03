/* Publishing over HTTP, and every way in which it is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

#define BEARER "Authorization: Bearer " TOKEN "\r\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"

static void test_a_post_becomes_an_event(void **state)
{
    struct stage *s = *state;
    struct answer a;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events?channel=room-7");
    expect_connected(b);
    post(s, &a, "/sse/broadcast?type=update", "{\"a\":1}");
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, id_text(s, 1)));
    expect_event(b, "update", "{\"a\":1}");
    post(s, &a, "/sse/broadcast?channel=room-7", "two\nlines");
    expect_event(b, "message", "two\nlines");
    request(s, &a, "POST", "/sse/broadcast", BEARER FORM, "data=a+b%26c");
    assert_int_equal(a.status, 200);
    assert_string_equal(expect_event(b, "message", NULL)->data, "a b&c");
    request(s, &a, "POST", "/sse/broadcast?data=from%20the%20query", BEARER, NULL);
    expect_event(b, "message", "from the query");
}

static void test_send_reaches_the_sessions_it_names(void **state)
{
    struct stage *s = *state;
    struct answer answer;
    char path[256], a_id[32], b_id[32];
    lighttpd_start(s);
    struct browser *a = browser_open(s, "/sse/events"), *b = browser_open(s, "/sse/events");
    struct browser *c = browser_open(s, "/sse/events");
    snprintf(a_id, sizeof a_id, "%s", expect_connected(a));
    snprintf(b_id, sizeof b_id, "%s", expect_connected(b));
    expect_connected(c);
    snprintf(path, sizeof path, "/sse/send?session=%s&session=%s&type=note", a_id, b_id);
    post(s, &answer, path, "for two");
    assert_int_equal(answer.status, 200);
    snprintf(path, sizeof path, "/sse/send?session=%s&session=0123456789abcdef", a_id);
    post(s, &answer, path, "for nobody");
    assert_int_equal(answer.status, 404);
    post(s, &answer, "/sse/broadcast", "marker");
    expect_event(a, "note", "for two");
    expect_event(b, "note", "for two");
    expect_event(a, "message", "marker");
    expect_event(b, "message", "marker");
    expect_event(c, "message", "marker");
}

static void test_a_retried_post_with_a_key_is_one_event(void **state)
{
    struct stage *s = *state;
    struct answer first, again;
    lighttpd_start(s);
    post(s, &first, "/sse/broadcast?dedup_key=k1", "once");
    post(s, &again, "/sse/broadcast?dedup_key=k1", "once");
    assert_int_equal(first.status, 200);
    assert_int_equal(again.status, 200);
    assert_string_equal(first.body, again.body);
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), "1");
}

static void test_a_post_with_a_key_replaces_what_it_posted_before(void **state)
{
    struct stage *s = *state;
    struct answer a;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events?channel=prices");
    expect_connected(b);
    post(s, &a, "/sse/broadcast?channel=prices&key=EUR", "1.07");
    post(s, &a, "/sse/broadcast?channel=prices&key=USD", "1");
    request(s, &a, "POST", "/sse/broadcast", BEARER FORM,
            "channel=prices&key=EUR&expires_in=3600&data=1.08");
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, id_text(s, 3)));
    expect_event(b, "message", "1.07");
    expect_event(b, "message", "1");
    expect_event(b, "message", "1.08");
    assert_string_equal(
        shell(s, "SELECT id, key, data, (expires_at - created_at) / 1000 FROM events"),
        "2|USD|1|\n3|EUR|1.08|3600");
}

static void test_what_is_refused_says_why_and_does_nothing(void **state)
{
    static const struct {
        const char *method, *path, *headers;
        int status;
    } refused[] = {
        {"POST", "/sse/broadcast", "", 401},
        {"POST", "/sse/broadcast", "Authorization: Bearer wrong\r\n", 401},
        {"POST", "/sse/broadcast", "Authorization: Basic " TOKEN "\r\n", 401},
        {"GET", "/sse/stats", "", 401},
        {"GET", "/sse/broadcast", BEARER, 405},
        {"POST", "/sse/stats", BEARER, 405},
        {"POST", "/sse/events", BEARER, 405},
        {"POST", "/sse/nothing", BEARER, 404},
        {"POST", "/sse/broadcast?type=connected", BEARER, 400},
        {"POST", "/sse/broadcast?type=gap", BEARER, 400},
        {"POST", "/sse/broadcast?channel=user:7", BEARER, 400},
        {"POST", "/sse/broadcast?channel=@7", BEARER, 400},
        {"POST", "/sse/broadcast?key=", BEARER, 400},
        {"POST", "/sse/broadcast?key=a&key=b", BEARER, 400},
        {"POST", "/sse/broadcast?expires_in=0", BEARER, 400},
        {"POST", "/sse/broadcast?expires_in=31536001", BEARER, 400},
        {"POST", "/sse/send", BEARER, 400},
        {"POST", "/sse/send?session=0123456789abcdef", BEARER, 404},
        {"POST", "/sse/disconnect?session=0123456789abcdef", BEARER, 404},
    };
    struct stage *s = *state;
    struct answer a;
    lighttpd_start(s);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char headers[256];
        snprintf(headers, sizeof headers, "%sContent-Type: text/plain\r\n", refused[i].headers);
        request(s, &a, refused[i].method, refused[i].path, headers,
                strcmp(refused[i].method, "POST") == 0 ? "x" : NULL);
        if (a.status != refused[i].status || !strstr(a.body, "\"error\""))
            fail_stage(s, "%s %s: waited for %d and a sentence, came %d\n%s%s",
                       refused[i].method, refused[i].path, refused[i].status, a.status, a.head,
                       a.body);
        if (a.status == 405)
            assert_non_null(strcasestr(a.head, "Allow: "));
    }
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), "0");
}

static int status_of(struct stage *s, const char *body)
{
    struct answer a;
    post(s, &a, "/sse/broadcast", body);
    return a.status;
}

static void test_settings_changed_in_the_shell_are_obeyed(void **state)
{
    struct stage *s = *state;
    char big[2049];
    memset(big, 'x', 2048);
    big[2048] = '\0';
    lighttpd_start(s);
    assert_int_equal(status_of(s, big), 200);
    shell_set(s, "max_event_bytes", "1024");
    await(s, status_of(s, big) == 413);
    shell_set(s, "publish_token", "");
    await(s, status_of(s, "small") == 403);
    shell_set(s, "publish_token", TOKEN);
    await(s, status_of(s, "small") == 200);
}

static void test_stats_tell_clients_sessions_and_settings_but_no_token(void **state)
{
    struct stage *s = *state;
    struct answer a;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    request(s, &a, "GET", "/sse/stats", BEARER, NULL);
    assert_int_equal(a.status, 200);
    const char *const name[] = {
        "active_clients", "total_sessions",     "buffered_sessions",   "config",
        "buffer_size",    "buffer_ttl_seconds", "reconnection_enabled"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        if (!strstr(a.body, name[i]))
            fail_stage(s, "waited for %s in %s", name[i], a.body);
    assert_null(strstr(a.body, browser_cookie(b)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_post_becomes_an_event),
        scenario(test_send_reaches_the_sessions_it_names),
        scenario(test_a_retried_post_with_a_key_is_one_event),
        scenario(test_a_post_with_a_key_replaces_what_it_posted_before),
        scenario(test_what_is_refused_says_why_and_does_nothing),
        scenario(test_settings_changed_in_the_shell_are_obeyed),
        scenario(test_stats_tell_clients_sessions_and_settings_but_no_token),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
