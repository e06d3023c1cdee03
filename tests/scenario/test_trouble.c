/* The log can not be written, or not be read: streams go on or come later, nothing is lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

static int check_status(struct stage *s)
{
    const char *const argv[] = {s->program, "--db", s->db, "--check", NULL};
    int status = -1;
    pid_t pid = process_start(argv, NULL, s->errors, NULL);
    await(s, process_ended(pid, &status));
    return status;
}

static void expect_refused(struct stage *s, int status)
{
    struct answer a;
    publish(s, &a, "/sse/broadcast", "refused");
    if (a.status != status || !strstr(a.body, "\"error\""))
        fail_stage(s, "waited for %d and a reason, came %d\n%s", status, a.status, a.body);
}

/* `later` always is 200, with a retry, and the end. */
static struct browser *expect_later(struct stage *s)
{
    struct browser *b = browser_open(s, "/sse/events");
    browser_come_back(b, false);
    if (!browser_sees_end(b, PATIENCE))
        fail_stage(s, "waited for the end after later; came\n%s", browser_body(b));
    if (!strstr(browser_body(b), "event: later\n") || !strstr(browser_body(b), "retry: "))
        fail_stage(s, "waited for later, came\n%s", browser_body(b));
    browser_come_back(b, true);
    return b;
}

static void test_somebody_s_open_transaction_stops_publishers_alone(void **state)
{
    struct stage *s = *state;
    char command[NAME_SIZE + 64];
    int status = 0;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch %s", s->db);
    FILE *holder = popen(command, "we");
    assert_non_null(holder);
    fputs("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE;\n", holder);
    fflush(holder);
    await(s,
          strstr(shell_status(s, &status, "INSERT INTO events(data) VALUES('y')"), "locked"));
    expect_refused(s, 503);
    struct browser *new = browser_open(s, "/sse/events");
    expect_connected(new);
    fputs("INSERT INTO events(data) VALUES('from the holder'); COMMIT;\n", holder);
    pclose(holder);
    const struct sse_event *e;
    do
        e = expect_event(b, "message", NULL);
    while (strlen(e->data) == 1); /* a row from before the lock was there */
    assert_string_equal(e->data, "from the holder");
    expect_event(new, "message", "from the holder");
}

static void test_what_is_no_database_means_later_until_it_is_mended(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    pid_t pid = responder_pid(s);
    unlink(s->db);
    FILE *f = fopen(s->db, "we");
    for (int i = 0; f && i < 1000; i++)
        fputs("this is no database\n", f);
    assert_int_equal(f ? fclose(f) : -1, 0);
    struct browser *b = expect_later(s);
    expect_refused(s, 503);
    assert_int_not_equal(check_status(s), 0);
    unlink(s->db);
    shell(s, ".read sql/schema.sql");
    expect_connected(b);
    shell(s, "INSERT INTO events(data) VALUES('mended')");
    expect_event(b, "message", "mended");
    assert_int_equal(responder_pid(s), pid);
}

static void test_a_log_of_a_newer_version_is_left_alone(void **state)
{
    struct stage *s = *state;
    shell(s, "UPDATE rowcast_log SET version = 99");
    lighttpd_start(s);
    pid_t pid = responder_pid(s);
    expect_later(s);
    expect_refused(s, 503);
    assert_int_not_equal(check_status(s), 0);
    assert_int_equal(responder_pid(s), pid);
    assert_string_equal(shell(s, "SELECT version FROM rowcast_log"), "99");
}

static void test_a_full_disk_refuses_publishers_and_loses_nothing(void **state)
{
    struct stage *s = *state;
    struct answer a;
    char small[NAME_SIZE], body[32769];
    snprintf(small, sizeof small, "%s/small", s->folder);
    if (mkdir(small, 0700) || mount("tmpfs", small, "tmpfs", 0, "size=1m"))
        skip(); /* needs the right to mount */
    snprintf(s->db, sizeof s->db, "%.100s/rowcast.db", small);
    snprintf(s->sessions, sizeof s->sessions, "%.100s/rowcast.db.sessions", small);
    shell(s, ".read sql/schema.sql");
    shell_set(s, "publish_token", TOKEN);
    shell_set(s, "retry", "200");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    int taken = 0;
    for (a.status = 200; a.status == 200 && taken < 100; taken += a.status == 200)
        publish(s, &a, "/sse/broadcast", body);
    int refused = a.status;
    for (int i = 0; i < taken; i++)
        expect_event(b, "message", body);
    struct browser *new = browser_open(s, "/sse/events"); /* runs, unsaved if need be */
    expect_connected(new);
    mount("tmpfs", small, "tmpfs", MS_REMOUNT, "size=32m");
    publish(s, &a, "/sse/broadcast", "room again");
    int again = a.status;
    if (again == 200) {
        expect_event(b, "message", "room again");
        expect_event(new, "message", "room again");
    }
    server_stop(s);
    umount2(small, MNT_DETACH);
    assert_int_equal(refused, 507);
    assert_int_equal(again, 200);
}

/* Root ignores file modes, so this responder is nobody's. */
static void test_a_log_that_may_not_be_written_means_later_until_it_may(void **state)
{
    struct stage *s = *state;
    char closed[NAME_SIZE], where[NAME_SIZE], backend[256];
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    stage_share_with(s, "nobody");
    snprintf(closed, sizeof closed, "%s/closed", s->folder);
    snprintf(where, sizeof where, "%s/own.socket", s->folder);
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", where);
    assert_int_equal(mkdir(closed, 0555), 0);
    snprintf(s->db, sizeof s->db, "%.100s/rowcast.db", closed);
    shell(s, ".read sql/schema.sql");
    shell_set(s, "publish_token", TOKEN);
    shell_set(s, "retry", "200");
    assert_int_equal(chmod(s->db, 0444), 0);
    responder_start(s, where, "nobody");
    lighttpd_start_external(s, backend);
    struct browser *b = expect_later(s);
    expect_refused(s, 503);
    assert_false(process_ended(s->alone, NULL));
    assert_int_equal(chmod(s->db, 0666), 0);
    assert_int_equal(chmod(closed, 0777), 0);
    expect_connected(b);
    shell(s, "INSERT INTO events(data) VALUES('open again')");
    expect_event(b, "message", "open again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_somebody_s_open_transaction_stops_publishers_alone),
        scenario(test_what_is_no_database_means_later_until_it_is_mended),
        scenario(test_a_log_of_a_newer_version_is_left_alone),
        scenario(test_a_log_that_may_not_be_written_means_later_until_it_may),
        scenario(test_a_full_disk_refuses_publishers_and_loses_nothing),
    };
    return cmocka_run_group_tests_name("trouble", tests, NULL, NULL);
}
