/* heartbeat= in the address: for a client that gives a silent connection up sooner than the
 * setting's 15 s. */
#include <stdio.h>
#include <string.h>

#include "tests/scenario/scenario.h"

static void expect_in_force(struct stage *s, const char *address, int seconds)
{
    char told[32];
    struct browser *b = browser_open(s, address);
    snprintf(told, sizeof told, "\"heartbeat\":%d}", seconds);
    const struct sse_event *e = browser_next(b, PATIENCE);
    if (!e || strcmp(e->type, "connected") != 0 || !strstr(e->data, told))
        fail_stage(s, "waited for connected with %s, came %s", told, e ? e->data : "nothing");
    browser_close(b);
}

static void test_a_stream_has_as_many_heartbeats_as_it_asked_for(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events?heartbeat=1");
    expect_connected(b);
    expect_heartbeats(b, 5); /* the setting's would take longer than anybody waits here */
    shell_count(s, "n", 1, 3);
    expect_count(b, "n", 1, 3);
    expect_heartbeats(b, 2);
}

static void test_connected_says_which_is_in_force(void **state)
{
    struct stage *s = *state;
    struct answer a;
    lighttpd_start(s);
    expect_in_force(s, "/sse/events?heartbeat=2", 2);
    expect_in_force(s, "/sse/events?heartbeat=3600", 15);
    expect_in_force(s, "/sse/events", 15);
    shell_set(s, "heartbeat_interval", "1");
    expect_in_force(s, "/sse/events?heartbeat=2", 1);
    request(s, &a, "GET", "/sse/events?heartbeat=soon", "", NULL);
    assert_int_equal(a.status, 400);
    if (!strstr(a.body, "heartbeat= must be"))
        fail_stage(s, "waited for a sentence, came %s", a.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_stream_has_as_many_heartbeats_as_it_asked_for),
        scenario(test_connected_says_which_is_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
