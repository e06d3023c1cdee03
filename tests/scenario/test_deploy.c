/* SIGHUP: the processes are replaced by the program that is on the disk now. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/crowd.h"
#include "tests/scenario/supervisor.h"

static const char *const drain_one_second[] = {"--drain-seconds", "1", NULL};

static void expect_others(struct supervised *v, const pid_t before[])
{
    pid_t now[PROCESSES];
    supervised_pids(v, now);
    for (int i = 0; i < v->processes; i++)
        for (int j = 0; j < v->processes; j++)
            assert_int_not_equal(now[i], before[j]);
}

static void expect_same(const struct supervised *v, const pid_t before[])
{
    for (int i = 0; i < v->processes; i++)
        assert_true(supervised_has(v, before[i]));
}

static void test_a_deploy_replaces_every_process_and_no_browser_misses_a_row(void **state)
{
    struct supervised v;
    struct crowd c;
    pid_t before[PROCESSES];
    supervised_start(&v, *state, PROCESSES, drain_one_second);
    supervised_front(&v);
    supervised_pids(&v, before);
    crowd_open(&c, *state);
    assert_int_equal(supervised_program_is(&v), PROCESSES);
    supervised_deploy(&v, NULL);
    assert_int_equal(supervised_program_is(&v), 0);
    crowd_publish(&c, 200);
    kill(v.stage->alone, SIGHUP);
    while (log_count(*state, "what=round_done") == 0) {
        crowd_publish(&c, 5);
        crowd_await(&c);
    }
    expect_others(&v, before);
    assert_int_equal(supervised_program_is(&v), PROCESSES);
    assert_int_equal(log_count(*state, "what=drain seconds=1"), PROCESSES);
    crowd_publish(&c, 50);
    crowd_await(&c);
    crowd_close(&c);
}

static void test_the_new_processes_are_ready_before_an_old_one_drains(void **state)
{
    struct supervised v;
    char line[2048];
    int rounds = 0, ready = 0, drained = 0, ended = 0;
    supervised_start(&v, *state, 2, drain_one_second);
    supervised_front(&v);
    expect_connected(browser_open(*state, "/sse/events"));
    supervised_hang_up(&v);
    FILE *f = fopen(v.stage->log, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        rounds += strstr(line, "what=round_started") != NULL;
        ready += rounds && strstr(line, "what=process_ready");
        drained += strstr(line, "what=drain ") != NULL;
        ended += strstr(line, "what=process_ended") != NULL;
        assert_true(drained == 0 || ready == 2);
        assert_true(ended <= drained);
    }
    fclose(f);
    assert_int_equal(drained, 2);
    assert_int_equal(ended, 2);
}

/* A program that cannot serve takes nobody down. */
static void expect_abandoned(struct supervised *v, struct browser *b, const pid_t before[],
                             const char *why, int times, int row)
{
    supervised_hang_up(v);
    expect_same(v, before);
    assert_int_equal(log_count(v->stage, why), times);
    shell_count(v->stage, "n", row, row);
    expect_count(b, "n", row, row); /* in the same stream */
}

static void test_a_broken_program_leaves_the_old_ones_serving(void **state)
{
    struct supervised v;
    pid_t before[PROCESSES];
    supervised_start(&v, *state, 2, drain_one_second);
    supervised_front(&v);
    supervised_pids(&v, before);
    struct browser *b = browser_open(*state, "/sse/events");
    expect_connected(b);
    supervised_deploy(&v, "#!/bin/sh\nexit 1\n");
    expect_abandoned(&v, b, before, "died before it was ready", 1, 1);
    supervised_deploy(&v, "not a program at all");
    expect_abandoned(&v, b, before, "died before it was ready", 2, 2);
    unlink(v.program);
    expect_abandoned(&v, b, before, "what=process_refused", 1, 3);
    supervised_deploy(&v, NULL);
    supervised_hang_up(&v);
    expect_others(&v, before);
    assert_int_equal(supervised_program_is(&v), 2);
    shell_count(v.stage, "n", 4, 4);
    expect_rows(b, "n", 4, 4);
}

static void test_a_slot_without_a_process_is_filled_by_the_next_deploy(void **state)
{
    struct supervised v;
    pid_t before[PROCESSES];
    supervised_start(&v, *state, 2, drain_one_second);
    supervised_front(&v);
    supervised_pids(&v, before);
    supervised_deploy(&v, "#!/bin/sh\nexit 1\n");
    kill(before[0], SIGKILL);
    await(v.stage, log_count(v.stage, "pause_ms=400") == 1); /* it does not come back */
    assert_true(supervised_has(&v, before[1]));
    expect_connected(browser_open(*state, "/sse/events"));
    supervised_deploy(&v, NULL);
    supervised_hang_up(&v);
    assert_int_equal(log_count(*state, "what=round_done"), 1);
    expect_others(&v, before);
}

static void test_hup_within_a_round_is_followed_by_another_round(void **state)
{
    struct supervised v;
    pid_t before[PROCESSES];
    supervised_start(&v, *state, 2, drain_one_second);
    supervised_front(&v);
    supervised_pids(&v, before);
    for (int i = 0; i < 10; i++)
        expect_connected(browser_open(*state, "/sse/events"));
    kill(v.stage->alone, SIGHUP);
    await(v.stage, log_count(v.stage, "what=drain") >= 1);
    supervised_deploy(&v, NULL);
    kill(v.stage->alone, SIGHUP);
    await(v.stage, log_count(v.stage, "what=round_done") == 2);
    expect_others(&v, before);
    assert_int_equal(supervised_program_is(&v), 2);
}

static void test_a_process_that_does_not_drain_is_killed(void **state)
{
    static const char *const at_once[] = {"--drain-seconds", "0", NULL};
    struct supervised v;
    pid_t before[PROCESSES];
    supervised_start(&v, *state, 1, at_once);
    supervised_pids(&v, before);
    kill(before[0], SIGSTOP);
    supervised_hang_up(&v);
    assert_int_equal(log_count(*state, "still there after its drain"), 1);
    assert_int_equal(log_count(*state, "what=round_done"), 1);
    expect_others(&v, before);
}

static void test_log_file_is_opened_again_by_all(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    char rotated[NAME_SIZE + 8];
    supervised_start(&v, s, 2, drain_one_second);
    supervised_front(&v);
    expect_connected(browser_open(s, "/sse/events"));
    snprintf(rotated, sizeof rotated, "%s.1", s->log);
    assert_int_equal(rename(s->log, rotated), 0);
    supervised_hang_up(&v);
    await(s, log_count(s, "what=log_reopened") == 3);
    assert_int_equal(log_count(s, "what=stop"), 2);
    assert_int_equal(log_count(s, "what=process_ended"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_deploy_replaces_every_process_and_no_browser_misses_a_row),
        scenario(test_the_new_processes_are_ready_before_an_old_one_drains),
        scenario(test_a_broken_program_leaves_the_old_ones_serving),
        scenario(test_a_slot_without_a_process_is_filled_by_the_next_deploy),
        scenario(test_hup_within_a_round_is_followed_by_another_round),
        scenario(test_a_process_that_does_not_drain_is_killed),
        scenario(test_log_file_is_opened_again_by_all),
    };
    return cmocka_run_group_tests_name("deploy", tests, NULL, NULL);
}
