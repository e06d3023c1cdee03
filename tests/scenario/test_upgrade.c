/* A log that a program of revision 1 left, with the sessions of its browsers, behind real servers. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/crowd.h"
#include "tests/scenario/supervisor.h"

/* The files of revision 1 in the place of the stage's own. */
static void take_old_files(struct stage *s)
{
    snprintf(s->db, sizeof s->db, "%.60s/old.db", s->small[0] ? s->small : s->folder);
    snprintf(s->sessions, sizeof s->sessions, "%.100s.sessions", s->db);
    shell(s, ".read tests/fixtures/r1-log.sql");
    shell_sessions(s, ".read tests/fixtures/r1-sessions.sql");
    assert_int_equal(chmod(s->db, 0660) | chmod(s->sessions, 0600), 0);
    snprintf(s->epoch, sizeof s->epoch, "%.8s", shell(s, "SELECT epoch FROM rowcast_log"));
    shell_set(s, "publish_token", TOKEN);
    shell_set(s, "retry", "200");
}

static bool is_upgraded(struct stage *s)
{
    return strcmp(shell(s, "SELECT count(*) FROM pragma_table_info('rowcast_log') "
                           "WHERE name = 'revision'"),
                  "1") == 0;
}

/* A browser of the fixture comes back, with its cookie. */
static struct browser *old_browser(struct stage *s, const char *client, const char *path)
{
    char cookie[128];
    struct browser *b = browser_new(s, path);
    snprintf(cookie, sizeof cookie, "sse-session-id=%.32s",
             shell(s, "SELECT token FROM clients WHERE name = '%s'", client));
    browser_header(b, "Cookie", cookie);
    browser_header(b, "User-Agent", "fixture/1");
    browser_connect(b);
    return b;
}

static void test_browsers_of_the_version_before_resume_by_cookie_and_by_id(void **state)
{
    struct stage *s = *state;
    take_old_files(s);
    lighttpd_start(s);
    struct browser *b = old_browser(s, "bookmark", "/sse/events?channel=room-1");
    expect_connected(b);
    expect_replay_start(b, 3);
    expect_event(b, "chat", "10");
    expect_event(b, "news", NULL);
    expect_event(b, "notice", "again");
    expect_replay_end(b, 3);
    struct browser *order = old_browser(s, "open", "/sse/events?channel=orders&types=order");
    expect_connected(order);
    expect_replay_start(order, 1);
    expect_event(order, "order", NULL);
    expect_replay_end(order, 1);
    struct browser *id = browser_new(s, "/sse/events?channel=room-1&types=chat");
    browser_header(id, "Last-Event-ID", id_text(s, 9));
    browser_connect(id);
    expect_connected(id);
    expect_replay_start(id, 3);
    expect_count(id, "chat", 8, 10);
    expect_replay_end(id, 3);
    assert_true(is_upgraded(s));
    assert_int_equal(log_count(s, "what=log_upgraded"), 2);
    shell(s, "UPDATE orders SET state = 'back' WHERE id = 1"); /* the application's trigger */
    expect_event(order, "order", "{\"id\":1,\"state\":\"back\"}");
}

/* A column of the application stands in the way. */
static void test_a_log_that_cannot_be_upgraded_streams_and_says_why(void **state)
{
    struct stage *s = *state;
    struct answer a;
    take_old_files(s);
    shell(s, "ALTER TABLE events ADD COLUMN key TEXT");
    lighttpd_start(s);
    struct browser *b = old_browser(s, "bookmark", "/sse/events?channel=room-1&types=chat,n");
    expect_connected(b);
    for (int i = 0; i < 3; i++) {
        post(s, &a, "/sse/broadcast?type=n", "x");
        assert_int_equal(a.status, 503);
        assert_non_null(strstr(a.body, "cannot be upgraded"));
        assert_non_null(strstr(a.body, "duplicate column name: key"));
    }
    assert_int_equal(log_count(s, "what=log_not_upgraded"), 1);
    shell(s, "INSERT INTO events(type, data) VALUES ('n', '1')");
    expect_event(b, "n", "1");
    shell(s, "ALTER TABLE events RENAME COLUMN key TO their_key");
    post(s, &a, "/sse/broadcast?type=n&key=k", "2");
    assert_int_equal(a.status, 200);
    expect_event(b, "n", "2");
    assert_true(is_upgraded(s));
}

/* A shell that has the file open, so that its -wal and its -shm are there. */
static FILE *hold_open(struct stage *s, const char *path)
{
    char command[NAME_SIZE + 64];
    struct stat st;
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch %s >/dev/null", path);
    FILE *holder = popen(command, "we");
    assert_non_null(holder);
    fputs("BEGIN IMMEDIATE; COMMIT;\n", holder);
    fflush(holder);
    snprintf(command, sizeof command, "%s-shm", path);
    await(s, stat(command, &st) == 0 && st.st_size >= 32768);
    return holder;
}

static void test_on_a_full_disk_the_old_log_streams_until_there_is_room(void **state)
{
    struct stage *s = *state;
    struct answer a;
    if (!stage_mount_small(s, "2m"))
        skip(); /* needs the right to mount */
    take_old_files(s);
    FILE *holders[] = {hold_open(s, s->db), hold_open(s, s->sessions)};
    stage_fill_small(s);
    lighttpd_start(s);
    struct browser *b = browser_new(s, "/sse/events?channel=room-1&types=chat,n");
    browser_header(b, "Last-Event-ID", id_text(s, 9));
    browser_connect(b);
    expect_connected(b);
    expect_replay_start(b, 3);
    expect_count(b, "chat", 8, 10);
    expect_replay_end(b, 3);
    post(s, &a, "/sse/broadcast?type=n", "x");
    assert_int_equal(a.status, 507);
    assert_true(log_count(s, "what=log_not_upgraded") > 0);
    assert_false(is_upgraded(s));
    assert_true(stage_mount_small(s, "8m"));
    post(s, &a, "/sse/broadcast?type=n", "1");
    assert_int_equal(a.status, 200);
    expect_event(b, "n", "1");
    assert_true(is_upgraded(s));
    pclose(holders[0]);
    pclose(holders[1]);
}

/* Nobody is there who would serve instead. */
static void test_a_program_alone_that_does_not_know_the_version_answers_later(void **state)
{
    struct stage *s = *state;
    struct answer a;
    shell(s, "UPDATE rowcast_log SET version = 99");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    if (!browser_sees_end(b, PATIENCE) || !strstr(browser_body(b), "event: later"))
        fail_stage(s, "a browser was told: %s", browser_body(b));
    post(s, &a, "/sse/broadcast?type=n", "x");
    assert_int_equal(a.status, 503);
    assert_true(log_count(s, "has version 99 of the schema, made by a newer") > 0);
    shell(s, "UPDATE rowcast_log SET version = 1");
    expect_connected(b);
    shell_count(s, "n", 1, 1);
    expect_count(b, "n", 1, 1);
}

/* A still earlier version did not have the setting. */
static void test_a_setting_that_an_old_log_lacks_can_be_set(void **state)
{
    struct stage *s = *state;
    take_old_files(s);
    shell(s, "DROP TRIGGER rowcast_config_delete;"
             "DELETE FROM rowcast_config WHERE name = 'stream_max_age'");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    browser_come_back(b, false);
    shell_set(s, "stream_max_age", "1");
    assert_true(browser_sees_end(b, PATIENCE));
}

/* $ROWCAST_OLD_PROGRAM is a program of revision 1: tests/old_program.sh builds it. */
static void deploy_old(struct supervised *v, const char *program)
{
    char text[4200];
    snprintf(text, sizeof text, "#!/bin/sh\nexec \"%.4000s\" \"$@\"\n", program);
    supervised_deploy(v, text);
}

static void run_round(struct supervised *v, struct crowd *c, int rounds)
{
    kill(v->stage->alone, SIGHUP);
    while (log_count(v->stage, "what=round_done") < rounds) {
        crowd_publish(c, 5);
        crowd_await(c);
    }
}

static void test_old_and_new_programs_serve_one_log_and_nobody_misses_a_row(void **state)
{
    static const char *const drain_two_seconds[] = {"--drain-seconds", "2", NULL};
    const char *old = getenv("ROWCAST_OLD_PROGRAM");
    struct stage *s = *state;
    struct supervised v;
    struct crowd c;
    if (!old || !*old)
        skip();
    take_old_files(s);
    shell_set(s, "buffer_size", "1000");
    supervised_start(&v, s, 2, drain_two_seconds);
    supervised_front(&v);
    deploy_old(&v, old);
    supervised_hang_up(&v); /* a rollback: the log is upgraded already */
    assert_true(is_upgraded(s));
    crowd_open(&c, s);
    for (int round = 2; round < 6; round++) {
        if (round % 2 == 0)
            supervised_deploy(&v, NULL);
        else
            deploy_old(&v, old);
        run_round(&v, &c, round);
    }
    assert_int_equal(c.gaps, 0);
    crowd_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_browsers_of_the_version_before_resume_by_cookie_and_by_id),
        scenario(test_a_log_that_cannot_be_upgraded_streams_and_says_why),
        scenario(test_on_a_full_disk_the_old_log_streams_until_there_is_room),
        scenario(test_a_program_alone_that_does_not_know_the_version_answers_later),
        scenario(test_a_setting_that_an_old_log_lacks_can_be_set),
        scenario(test_old_and_new_programs_serve_one_log_and_nobody_misses_a_row),
    };
    return cmocka_run_group_tests_name("upgrade", tests, NULL, NULL);
}
