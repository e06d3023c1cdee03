/* kill -9 in mid-burst, again and again: browsers that do as EventSource does miss nothing. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

enum { BROWSERS = 20, KILLS = 5, ROWS = 300 /* a kill */ };

/* Rows one transaction each, as fast as the shell takes them. */
static void insert_rows(FILE *sqlite, int first, int last)
{
    for (int i = first; i <= last; i++)
        fprintf(sqlite, "INSERT INTO events(type, data) VALUES ('n', '%d');\n", i);
    fflush(sqlite);
}

/* What has come, up to row `last`: rows once and in order, over however many connections. */
static bool take_rows(struct stage *s, struct browser *b, int *have, int last)
{
    const struct sse_event *e;
    while (*have < last && (e = browser_next(b, 1))) {
        if (strcmp(e->type, "connected") == 0 || strncmp(e->type, "replay-", 7) == 0)
            continue;
        if (strcmp(e->type, "n") != 0 || atoi(e->data) != *have + 1)
            fail_stage(s, "waited for row %d, came %s %s", *have + 1, e->type, e->data);
        ++*have;
    }
    if (browser_is_dead(b))
        fail_stage(s, "a browser is dead after row %d: status %d", *have, browser_status(b));
    return *have == last;
}

/* All browsers in turn, so that all wait for their retry at the same time. */
static bool all_have(struct stage *s, struct browser **b, int *have, int last)
{
    int complete = 0;
    for (int i = 0; i < BROWSERS; i++)
        complete += take_rows(s, b[i], &have[i], last);
    return complete == BROWSERS;
}

static pid_t respawned(struct stage *s, pid_t killed)
{
    await(s, process_ended(killed, NULL) || responder_pid(s) != killed);
    return responder_pid(s);
}

static void test_killed_five_times_in_mid_burst_every_row_comes_once_and_in_order(void **state)
{
    struct stage *s = *state;
    struct browser *b[BROWSERS];
    int have[BROWSERS] = {0};
    char command[NAME_SIZE + 64];
    shell_set(s, "heartbeat_interval", "1");
    shell_set(s, "buffer_size", "10000");
    lighttpd_start(s);
    for (int i = 0; i < BROWSERS; i++)
        expect_connected(b[i] = browser_open(s, "/sse/events"));
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch %s", s->db);
    FILE *sqlite = popen(command, "we");
    assert_non_null(sqlite);
    fputs(".output /dev/null\n.timeout 10000\n", sqlite);
    pid_t pid = responder_pid(s);
    for (int k = 0; k < KILLS; k++) {
        insert_rows(sqlite, k * ROWS + 1, k * ROWS + ROWS / 2);
        await(s, take_rows(s, b[k], &have[k], k * ROWS + 1)); /* the burst is under way */
        kill(pid, SIGKILL);
        insert_rows(sqlite, k * ROWS + ROWS / 2 + 1, (k + 1) * ROWS - 1);
        pid = respawned(s, pid);
        await(s, all_have(s, b, have, (k + 1) * ROWS - 1));
        insert_rows(sqlite, (k + 1) * ROWS, (k + 1) * ROWS); /* live again */
        await(s, all_have(s, b, have, (k + 1) * ROWS));
        /* lighttpd answers 503 for a second when its program dies twice within one. */
        expect_heartbeats(b[0], 2);
    }
    pclose(sqlite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_killed_five_times_in_mid_burst_every_row_comes_once_and_in_order),
    };
    return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
