/* Under mod_fcgid a stream is a process, and their number is limited: a browser that finds no
 * process free lives, and gets its turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

/* mod_fcgid gives up after 64 s (measured). */
enum { LIMIT_MS = 100000 };

static void start_with_one_process(struct stage *s)
{
    if (geteuid() != 0)
        skip(); /* Apache gives up root, and its account must reach the log */
    shell_set(s, "heartbeat_interval", "1");
    apache_start_fcgid_with(s, "FcgidMaxProcesses 1\n");
}

/* A request with more patience than the browsers of these stories have. */
static pid_t ask_patiently(struct stage *s, const char *output)
{
    char url[128];
    snprintf(url, sizeof url, "http://%s:%d/sse/events", s->host, s->port);
    const char *const argv[] = {"/usr/bin/curl", "-sNi", url, NULL};
    return process_start(argv, NULL, output, NULL);
}

static void expect_told_to_come_later(struct stage *s, pid_t curl, const char *output)
{
    char text[4096];
    int64_t until = now_ms() + LIMIT_MS;
    while (!process_ended(curl, NULL)) {
        if (now_ms() > until)
            fail_stage(s, "beyond the limit there is no end in %d s", LIMIT_MS / 1000);
        pause_ms(50);
    }
    FILE *f = fopen(output, "re");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    if (strncmp(text, "HTTP/1.1 200 ", 13) != 0 || !strstr(text, "event: later\nretry: "))
        fail_stage(s, "beyond the limit came: %s", text);
}

static void test_a_browser_beyond_the_limit_comes_later_and_gets_its_turn(void **state)
{
    struct stage *s = *state;
    char output[NAME_SIZE];
    start_with_one_process(s);
    struct browser *a = browser_open(s, "/sse/events");
    expect_connected(a);
    snprintf(output, sizeof output, "%s/beyond", s->folder);
    expect_told_to_come_later(s, ask_patiently(s, output), output);
    publish(s, "", "message", "still live");
    expect_event(a, "message", "still live");
    browser_close(a);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
}

/* Rows as they come, over however many connections: once and in order. */
static bool has_row(struct stage *s, struct browser *b, int *have, int last)
{
    const struct sse_event *e = browser_next(b, 50);
    if (browser_is_dead(b))
        fail_stage(s, "a browser is dead: status %d", browser_status(b));
    if (e && strcmp(e->type, "n") == 0) {
        if (atoi(e->data) != *have + 1)
            fail_stage(s, "after row %d came row %s", *have, e->data);
        ++*have;
    }
    return *have >= last;
}

static void test_rotation_lets_more_browsers_than_processes_have_every_row(void **state)
{
    struct stage *s = *state;
    int have[2] = {0};
    shell_set(s, "stream_max_age", "2");
    start_with_one_process(s);
    struct browser *b[2] = {browser_open(s, "/sse/events?last=100"), NULL};
    expect_connected(b[0]);
    b[1] = browser_open(s, "/sse/events?last=100");
    for (int row = 1; row <= 3; row++) {
        shell_count(s, "n", row, row);
        await(s, has_row(s, b[0], &have[0], row) + has_row(s, b[1], &have[1], row) == 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_browser_beyond_the_limit_comes_later_and_gets_its_turn),
        scenario(test_rotation_lets_more_browsers_than_processes_have_every_row),
    };
    return cmocka_run_group_tests_name("fcgid_limit", tests, NULL, NULL);
}
