/* --processes: processes that die are replaced, and nothing of a supervisor that ends stays. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/crowd.h"
#include "tests/scenario/supervisor.h"

static const char *const drain_one_second[] = {"--drain-seconds", "1", NULL};

/* A signal is on its way for a moment; until all threads stand, one may still accept. */
static bool stands_still(pid_t pid)
{
    char path[64], line[256];
    bool all = true;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, atoi(e->d_name));
        FILE *f = fopen(path, "re");
        all = all && f && fgets(line, sizeof line, f) && strstr(line, ") T ");
        if (f)
            fclose(f);
    }
    if (d)
        closedir(d);
    return all;
}

static void test_each_of_the_processes_accepts(void **state)
{
    struct supervised v;
    struct answer a;
    pid_t pid[PROCESSES];
    supervised_start(&v, *state, PROCESSES, NULL);
    supervised_front(&v);
    supervised_pids(&v, pid);
    for (int i = 0; i < PROCESSES; i++) {
        for (int j = 0; j < PROCESSES; j++)
            kill(pid[j], j == i ? SIGCONT : SIGSTOP);
        for (int j = 0; j < PROCESSES; j++)
            await(v.stage, j == i || stands_still(pid[j]));
        request(v.stage, &a, "GET", "/sse/nothing", NULL, NULL); /* needs no lock of theirs */
        assert_int_equal(a.status, 404);
    }
    for (int i = 0; i < PROCESSES; i++)
        kill(pid[i], SIGCONT);
}

static void test_supervisor_is_small_and_alone(void **state)
{
    struct supervised v;
    char path[64], line[256];
    int threads = 0;
    supervised_start(&v, *state, PROCESSES, NULL);
    supervised_front(&v);
    expect_connected(browser_open(*state, "/sse/events"));
    snprintf(path, sizeof path, "/proc/%d/status", (int)v.stage->alone);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Threads: %d", &threads) == 1)
            break;
    if (f)
        fclose(f);
    if (stage_is_sanitized())
        return;
    assert_int_equal(threads, 1);
    long kb = process_memory_kb(v.stage->alone);
    print_message("supervisor: %ld KB\n", kb);
    assert_in_range(kb, 1, 1000);
}

static void test_a_killed_process_is_replaced_and_its_streams_resume(void **state)
{
    struct supervised v;
    struct crowd c;
    pid_t pid[PROCESSES];
    supervised_start(&v, *state, PROCESSES, NULL);
    supervised_front(&v);
    supervised_pids(&v, pid);
    crowd_open(&c, *state);
    for (int i = 0; i < PROCESSES; i++) {
        crowd_publish(&c, 50);
        crowd_await_row(&c, c.rows - 49);
        kill(pid[i], SIGKILL);
        crowd_publish(&c, 50);
        crowd_await(&c);
    }
    supervised_pids(&v, pid);
    assert_int_equal(log_count(*state, "signal=9"), PROCESSES);
    crowd_close(&c);
}

static void test_one_that_dies_again_and_again_comes_back_after_growing_pauses(void **state)
{
    static const char *const pauses[] = {"pause_ms=100", "pause_ms=200", "pause_ms=400"};
    struct supervised v;
    pid_t pid;
    supervised_start(&v, *state, 1, NULL);
    supervised_front(&v);
    struct browser *b = browser_open(*state, "/sse/events");
    expect_connected(b);
    for (int k = 0; k < 4; k++) {
        supervised_pids(&v, &pid);
        kill(pid, SIGKILL);
        await(v.stage, log_count(v.stage, "what=process_ended") == k + 1);
        await(v.stage, log_count(v.stage, "what=process_ready") == k + 2);
    }
    for (int k = 0; k < 3; k++)
        assert_int_equal(log_count(v.stage, pauses[k]), 1);
    shell_count(v.stage, "n", 1, 1);
    expect_rows(b, "n", 1, 1);
}

static void expect_nothing_left(struct supervised *v, const pid_t pid[])
{
    for (int i = 0; i < v->processes; i++)
        await(v->stage, process_ended(pid[i], NULL));
    assert_int_equal(access(v->socket, F_OK), -1);
}

static void end_by(struct stage *s, int signal)
{
    struct supervised v;
    pid_t pid[PROCESSES];
    supervised_start(&v, s, PROCESSES, NULL);
    supervised_front(&v);
    supervised_pids(&v, pid);
    for (int i = 0; i < 10; i++)
        expect_connected(browser_open(s, "/sse/events"));
    int64_t began = now_ms();
    assert_int_equal(process_stop(s, s->alone, signal), 0);
    s->alone = 0;
    if (!stage_is_sanitized() && now_ms() - began > 2000)
        fail_stage(s, "it took %d ms to end", (int)(now_ms() - began));
    expect_nothing_left(&v, pid);
}

static void test_sigterm_ends_all(void **state)
{
    end_by(*state, SIGTERM);
}

static void test_sigint_ends_all(void **state)
{
    end_by(*state, SIGINT);
}

static void test_sigusr1_ends_all(void **state)
{
    end_by(*state, SIGUSR1);
}

static void test_sigterm_in_a_slow_drain_ends_all(void **state)
{
    static const char *const slow[] = {"--drain-seconds", "600", NULL};
    struct stage *s = *state;
    struct supervised v;
    pid_t pid[PROCESSES];
    supervised_start(&v, s, 2, slow);
    supervised_front(&v);
    supervised_pids(&v, pid);
    for (int i = 0; i < 20; i++)
        expect_connected(browser_open(s, "/sse/events"));
    kill(s->alone, SIGHUP);
    await(s, log_count(s, "what=drain seconds=600") >= 1);
    int64_t began = now_ms();
    assert_int_equal(process_stop(s, s->alone, SIGTERM), 0);
    s->alone = 0;
    if (!stage_is_sanitized() && now_ms() - began > 2000)
        fail_stage(s, "it took %d ms to end", (int)(now_ms() - began));
    expect_nothing_left(&v, pid);
}

static void test_one_that_does_not_end_is_killed(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    pid_t pid[PROCESSES];
    supervised_start(&v, s, 2, NULL);
    supervised_pids(&v, pid);
    kill(pid[0], SIGSTOP);
    assert_int_equal(process_stop(s, s->alone, SIGTERM), 0);
    s->alone = 0;
    assert_int_equal(log_count(s, "what=processes_killed"), 1);
    expect_nothing_left(&v, pid);
}

static void test_processes_of_a_killed_supervisor_end(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    pid_t pid[PROCESSES];
    supervised_start(&v, s, PROCESSES, drain_one_second);
    supervised_front(&v);
    supervised_pids(&v, pid);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    process_stop(s, s->alone, SIGKILL);
    s->alone = 0;
    for (int i = 0; i < PROCESSES; i++)
        await(s, process_ended(pid[i], NULL));
    assert_int_equal(log_count(s, "what=supervisor_lost"), PROCESSES);
    /* Its socket file is of no use to anybody, and in nobody's way. */
    unlink(s->log);
    supervised_start(&v, s, 1, NULL);
    shell_count(s, "n", 1, 1);
    expect_rows(b, "n", 1, 1);
}

static void test_without_a_socket_there_is_nothing_to_supervise(void **state)
{
    struct stage *s = *state;
    int status = 0;
    const char *const argv[] = {s->program, "--processes", "2",    "--db",
                                s->db,      "--log-to",    s->log, NULL};
    pid_t pid = process_start(argv, NULL, NULL, NULL);
    await(s, process_ended(pid, &status));
    assert_int_equal(status, 1);
    assert_int_equal(log_count(s, "--processes needs a listening socket"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_each_of_the_processes_accepts),
        scenario(test_supervisor_is_small_and_alone),
        scenario(test_a_killed_process_is_replaced_and_its_streams_resume),
        scenario(test_one_that_dies_again_and_again_comes_back_after_growing_pauses),
        scenario(test_sigterm_ends_all),
        scenario(test_sigint_ends_all),
        scenario(test_sigusr1_ends_all),
        scenario(test_sigterm_in_a_slow_drain_ends_all),
        scenario(test_one_that_does_not_end_is_killed),
        scenario(test_processes_of_a_killed_supervisor_end),
        scenario(test_without_a_socket_there_is_nothing_to_supervise),
    };
    return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
