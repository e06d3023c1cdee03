/* Who does not read holds up nobody, and costs no more than is allowed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

enum { BIG = 1000000 };

static void insert_big(struct stage *s, int number)
{
    shell(s, "INSERT INTO events(type, data) VALUES ('big', '%d ' || hex(zeroblob(%d)))",
          number, BIG / 2);
}

static void expect_big(struct stage *s, struct browser *b, int number)
{
    const struct sse_event *e = expect_event(b, "big", NULL);
    if (atoi(e->data) != number || e->data_len < BIG)
        fail_stage(s, "waited for big %d, came %.8s… of %zu bytes", number, e->data,
                   e->data_len);
}

static void test_one_stalled_browser_holds_up_nobody_and_catches_up(void **state)
{
    struct stage *s = *state;
    shell_set(s, "buffer_bytes", "1000000000");
    lighttpd_start(s);
    pid_t pid = responder_pid(s);
    struct browser *stalled = browser_open(s, "/sse/events");
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    long most = 0;
    for (int i = 1; i <= 60; i++) {
        insert_big(s, i);
        expect_big(s, b, i);
        long kb = process_memory_kb(pid);
        most = kb > most ? kb : most;
    }
    if (!stage_is_sanitized() && most > 60 * 1024)
        fail_stage(s, "the responder grew to %ld KiB", most);
    expect_connected(stalled);
    for (int i = 1; i <= 60; i++)
        expect_big(s, stalled, i);
}

static void test_two_thousand_stalled_browsers_stay_within_memory_bytes(void **state)
{
    static struct browser *b[2000];
    struct stage *s = *state;
    int streams = stage_is_sanitized() ? 200 : 2000;
    stage_raise_limits();
    s->narrow = true;
    lighttpd_start(s);
    pid_t pid = responder_pid(s);
    for (int i = 0; i < streams; i++)
        b[i] = browser_open(s, "/sse/events");
    s->narrow = false;
    struct browser *reads = browser_open(s, "/sse/events");
    expect_connected(reads);
    long before = process_memory_kb(pid), most = 0;
    for (int i = 1; i <= 20; i++) {
        insert_big(s, i);
        expect_big(s, reads, i);
        long kb = process_memory_kb(pid);
        most = kb > most ? kb : most;
    }
    /* memory_bytes is for events; what a stream takes besides was there before. */
    if (!stage_is_sanitized() && most - before > 48 * 1024 + 16 * 1024)
        fail_stage(s, "the responder grew from %ld to %ld KiB", before, most);
    expect_connected(b[0]);
    for (int i = 1; i <= 20; i++)
        expect_big(s, b[0], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_one_stalled_browser_holds_up_nobody_and_catches_up),
        scenario(test_two_thousand_stalled_browsers_stay_within_memory_bytes),
    };
    return cmocka_run_group_tests_name("slow", tests, NULL, NULL);
}
