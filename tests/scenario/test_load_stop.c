/* TERM, INT and USR1 end everything within 2 s, and break no event. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

enum { STREAMS = 1000, BIG = 1000000, ROWS = 3 };

/* Read what had come before the end: every event is whole. */
static void expect_whole_events(struct stage *s, struct browser *b, const char *big)
{
    const struct sse_event *e;
    int before = 0;
    browser_come_back(b, false);
    browser_widen(b);
    while ((e = browser_next(b, 5000))) {
        if (strcmp(e->type, "big") != 0)
            continue;
        int number = atoi(e->data);
        if (e->data_len != BIG + 2 || number != before + 1 ||
            memcmp(e->data + 2, big, BIG) != 0)
            fail_stage(s, "event %d after %d has %zu bytes", number, before, e->data_len);
        before = number;
    }
    if (!browser_sees_end(b, PATIENCE))
        fail_stage(s, "a stream goes on after the signal");
}

static void end_by(struct stage *s, int signal)
{
    static struct browser *b[STREAMS];
    int streams = stage_is_sanitized() ? 200 : STREAMS;
    char *big = malloc(BIG);
    assert_non_null(big);
    memset(big, '0', BIG);
    stage_raise_limits();
    s->narrow = true;
    lighttpd_start(s);
    pid_t pid = responder_pid(s);
    for (int i = 0; i < streams; i++)
        b[i] = browser_open(s, "/sse/events");
    for (int i = 1; i <= ROWS; i++)
        shell(s, "INSERT INTO events(type, data) VALUES ('big', '%d ' || hex(zeroblob(%d)))", i,
              BIG / 2);
    expect_connected(b[0]);
    expect_event(b[0], "big", NULL); /* they are on their way */
    kill(pid, signal);
    int64_t began = now_ms();
    await(s, process_ended(pid, NULL) || responder_pid(s) != pid);
    if (!stage_is_sanitized() && now_ms() - began > 2000)
        fail_stage(s, "the responder took %d ms to end", (int)(now_ms() - began));
    browser_come_back(b[0], false);
    for (int i = 1; i < streams; i++)
        expect_whole_events(s, b[i], big);
    free(big);
}

static void test_sigterm_ends_a_thousand_streams_and_breaks_no_event(void **state)
{
    end_by(*state, SIGTERM);
}

static void test_sigint_does_the_same(void **state)
{
    end_by(*state, SIGINT);
}

static void test_sigusr1_does_the_same(void **state)
{
    end_by(*state, SIGUSR1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_sigterm_ends_a_thousand_streams_and_breaks_no_event),
        scenario(test_sigint_does_the_same),
        scenario(test_sigusr1_does_the_same),
    };
    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
