/* A program that cannot use the log takes no stream and no request from those that can. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/supervisor.h"

static const char *const drain_one_second[] = {"--drain-seconds", "1", NULL};

/* Deploy the responder behind a shell script that changes how it is started. */
static void deploy_as(struct supervised *v, const char *before, const char *after)
{
    char text[8192];
    snprintf(text, sizeof text, "#!/bin/sh\nexec %s \"%s\" \"$@\" %s\n", before,
             v->stage->program, after);
    supervised_deploy(v, text);
}

static void other_log(const struct stage *s, char *path, size_t size, const char *name)
{
    snprintf(path, size, "%.60s/%s", s->folder, name);
}

static void deploy_for(struct supervised *v, const char *log)
{
    char after[NAME_SIZE + 16];
    snprintf(after, sizeof after, "--db \"%s\"", log);
    deploy_as(v, "", after);
}

/* The log of a Rowcast that is not there yet. */
static void make_newer(struct stage *s, char *path, size_t size)
{
    char was[NAME_SIZE];
    other_log(s, path, size, "newer.db");
    memcpy(was, s->db, sizeof was);
    snprintf(s->db, sizeof s->db, "%.120s", path);
    shell(s, ".read sql/schema.sql");
    shell(s, "UPDATE rowcast_log SET version = 99");
    memcpy(s->db, was, sizeof was);
}

static void make_garbage(struct stage *s, char *path, size_t size)
{
    other_log(s, path, size, "garbage.db");
    FILE *f = fopen(path, "we");
    for (int i = 0; f && i < 1000; i++)
        fputs("this is no database\n", f);
    assert_int_equal(f ? fclose(f) : -1, 0);
}

/* Every request and every stream is served by the ones before. */
static void expect_refused(struct supervised *v, struct browser *b, const pid_t before[],
                           int row)
{
    struct answer a;
    struct stage *s = v->stage;
    int refused = log_count(s, "why=\"the new process cannot use the log\"");
    kill(s->alone, SIGHUP);
    do {
        post(s, &a, "/sse/broadcast?type=n", "x");
        if (a.status != 200)
            fail_stage(s, "a request was answered with %d: %s", a.status, a.body);
        expect_event(b, "n", "x");
    } while (log_count(s, "why=\"the new process cannot use the log\"") == refused);
    for (int i = 0; i < v->processes; i++)
        assert_true(supervised_has(v, before[i]));
    shell_count(s, "n", row, row);
    expect_count(b, "n", row, row); /* in the same stream */
    assert_int_equal(log_count(s, "what=drain "), 0);
}

static void
test_a_deploy_that_cannot_use_the_log_ends_no_stream_and_refuses_no_request(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    pid_t before[PROCESSES];
    char path[NAME_SIZE];
    supervised_start(&v, s, 2, drain_one_second);
    supervised_front(&v);
    supervised_pids(&v, before);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    make_newer(s, path, sizeof path);
    deploy_for(&v, path);
    expect_refused(&v, b, before, 1);
    assert_true(log_count(s, "made by a newer Rowcast") > 0);
    make_garbage(s, path, sizeof path);
    deploy_for(&v, path);
    expect_refused(&v, b, before, 2);
    supervised_deploy(&v, NULL);
    supervised_hang_up(&v);
    assert_int_equal(log_count(s, "what=round_done"), 1);
    shell_count(s, "n", 3, 3);
    expect_rows(b, "n", 3, 3);
}

static void test_a_deploy_under_an_account_without_rights_ends_no_stream(void **state)
{
    static const char nobody[] = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    struct stage *s = *state;
    struct supervised v;
    pid_t before[PROCESSES];
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    assert_int_equal(chmod(s->folder, 0755), 0);
    supervised_start(&v, s, 1, drain_one_second);
    supervised_front(&v);
    supervised_pids(&v, before);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    assert_int_equal(chmod(s->db, 0600), 0);
    deploy_as(&v, nobody, "");
    expect_refused(&v, b, before, 1);
    assert_int_equal(chmod(s->db, 0644), 0); /* now it can read, and not write */
    expect_refused(&v, b, before, 2);
}

/* Sessions that cannot be written are as good a reason: bookmarks would be lost. */
static void test_a_deploy_that_cannot_use_the_sessions_ends_no_stream(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    pid_t before[PROCESSES];
    char path[NAME_SIZE], sessions[NAME_SIZE + 16];
    supervised_start(&v, s, 1, drain_one_second);
    supervised_front(&v);
    supervised_pids(&v, before);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    make_garbage(s, path, sizeof path);
    snprintf(sessions, sizeof sessions, "%.60s/fine.db.sessions", s->folder);
    assert_int_equal(rename(path, sessions), 0);
    other_log(s, path, sizeof path, "fine.db");
    deploy_for(&v, path);
    expect_refused(&v, b, before, 1);
}

/* Nobody else is there: it serves what it can, and becomes ready when the log does. */
static void test_the_first_processes_of_a_log_that_cannot_be_used_answer_later(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    pid_t pid[PROCESSES];
    shell(s, "UPDATE rowcast_log SET version = 99");
    supervised_start_unready(&v, s, 2, drain_one_second);
    supervised_front(&v);
    supervised_pids(&v, pid);
    await(s, log_count(s, "what=process_unfit") == 2);
    struct browser *b = browser_open(s, "/sse/events");
    if (!browser_sees_end(b, PATIENCE) || !strstr(browser_body(b), "event: later"))
        fail_stage(s, "a browser was told: %s", browser_body(b));
    shell(s, "UPDATE rowcast_log SET version = 1");
    await(s, log_count(s, "what=process_ready") == 2);
    expect_connected(b);
    shell_count(s, "n", 1, 1);
    expect_count(b, "n", 1, 1);
    for (int i = 0; i < 2; i++)
        assert_true(supervised_has(&v, pid[i]));
}

/* One that replaces a dead one is no better: it waits while another one serves. */
static void test_an_unfit_replacement_takes_no_request_from_one_that_serves(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    struct answer a;
    pid_t pid[PROCESSES];
    char path[NAME_SIZE];
    supervised_start(&v, s, 2, drain_one_second);
    supervised_front(&v);
    supervised_pids(&v, pid);
    make_newer(s, path, sizeof path);
    deploy_for(&v, path);
    kill(pid[0], SIGKILL);
    await(s, log_count(s, "what=process_unfit") == 1);
    for (int i = 0; i < 50; i++) {
        post(s, &a, "/sse/broadcast?type=n", "x");
        assert_int_equal(a.status, 200);
    }
    kill(pid[1], SIGKILL); /* nobody is left: 503 with a sentence is better than no answer */
    await(s, log_count(s, "what=process_unfit") == 2);
    post(s, &a, "/sse/broadcast?type=n", "x");
    assert_int_equal(a.status, 503);
}

/* What passes by itself is no reason to keep anybody from serving. */
static void test_a_log_that_is_not_there_yet_or_busy_makes_nobody_unfit(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    char command[NAME_SIZE + 64], later[NAME_SIZE], moved[NAME_SIZE + 8];
    int status = 0;
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch %s", s->db);
    FILE *holder = popen(command, "we");
    assert_non_null(holder);
    fputs("PRAGMA busy_timeout = 10000; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;"
          "CREATE TABLE IF NOT EXISTS held(x);\n",
          holder);
    fflush(holder);
    await(s, strstr(shell_status(s, &status, "BEGIN IMMEDIATE"), "locked"));
    supervised_start(&v, s, 2, drain_one_second);
    assert_int_equal(log_count(s, "what=process_unfit"), 0);
    fputs("COMMIT;\n", holder);
    pclose(holder);
    assert_int_equal(process_stop(s, s->alone, SIGTERM), 0);
    unlink(s->log);
    snprintf(later, sizeof later, "%.60s/later", s->folder);
    snprintf(moved, sizeof moved, "%.100s/rowcast.db", later);
    snprintf(s->db, sizeof s->db, "%.120s", moved);
    supervised_start(&v, s, 2, drain_one_second);
    assert_int_equal(log_count(s, "what=process_unfit"), 0);
    supervised_front(&v);
    struct browser *b = browser_new(s, "/sse/events");
    browser_connect(b);
    assert_int_equal(mkdir(later, 0755), 0);
    expect_connected(b);
    shell_count(s, "n", 1, 1);
    expect_rows(b, "n", 1, 1);
}

/* A log that nobody can write any more, on purpose: what cannot write replaces its like. */
static void test_unfit_processes_can_be_replaced_by_others(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    pid_t before[PROCESSES];
    shell(s, "UPDATE rowcast_log SET version = 99");
    supervised_start_unready(&v, s, 2, drain_one_second);
    supervised_pids(&v, before);
    await(s, log_count(s, "what=process_unfit") == 2);
    supervised_hang_up(&v);
    assert_int_equal(log_count(s, "what=round_done"), 1);
    for (int i = 0; i < 2; i++)
        assert_false(supervised_has(&v, before[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_deploy_that_cannot_use_the_log_ends_no_stream_and_refuses_no_request),
        scenario(test_a_deploy_under_an_account_without_rights_ends_no_stream),
        scenario(test_a_deploy_that_cannot_use_the_sessions_ends_no_stream),
        scenario(test_the_first_processes_of_a_log_that_cannot_be_used_answer_later),
        scenario(test_an_unfit_replacement_takes_no_request_from_one_that_serves),
        scenario(test_a_log_that_is_not_there_yet_or_busy_makes_nobody_unfit),
        scenario(test_unfit_processes_can_be_replaced_by_others),
    };
    return cmocka_run_group_tests_name("unfit", tests, NULL, NULL);
}
