/* The log cannot be written, or not be read: streams go on or come later, nothing is lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

static void expect_refused(struct stage *s, int status)
{
    struct answer a;
    post(s, &a, "/sse/broadcast", "refused");
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

/* Renamed into place: were there no file for a moment, the responder would make a log. */
static void put_in_place(struct stage *s, const char *from)
{
    static const char *const end[] = {"-wal", "-shm"};
    char name[NAME_SIZE + 8];
    if (rename(from, s->db))
        fail_stage(s, "rename %s failed", from);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%s", s->db, end[i]);
        unlink(name);
    }
}

static void test_what_is_no_database_means_later_until_it_is_mended(void **state)
{
    struct stage *s = *state;
    char other[NAME_SIZE], db[NAME_SIZE];
    lighttpd_start(s);
    pid_t pid = responder_pid(s);
    snprintf(other, sizeof other, "%s/other", s->folder);
    FILE *f = fopen(other, "we");
    for (int i = 0; f && i < 1000; i++)
        fputs("this is no database\n", f);
    assert_int_equal(f ? fclose(f) : -1, 0);
    put_in_place(s, other);
    struct browser *b = expect_later(s);
    expect_refused(s, 503);
    memcpy(db, s->db, sizeof db);
    memcpy(s->db, other, sizeof other);
    shell(s, ".read sql/schema.sql");
    memcpy(s->db, db, sizeof db);
    put_in_place(s, other);
    expect_connected(b);
    shell(s, "PRAGMA busy_timeout = 5000; INSERT INTO events(data) VALUES('mended')");
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
    assert_int_equal(responder_pid(s), pid);
    assert_string_equal(shell(s, "SELECT version FROM rowcast_log"), "99");
}

static void test_a_full_disk_refuses_publishers_and_loses_nothing(void **state)
{
    struct stage *s = *state;
    struct answer a;
    char body[32769];
    if (!stage_mount_small(s, "1m"))
        skip(); /* needs the right to mount */
    snprintf(s->db, sizeof s->db, "%.100s/rowcast.db", s->small);
    snprintf(s->sessions, sizeof s->sessions, "%.100s/rowcast.db.sessions", s->small);
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
        post(s, &a, "/sse/broadcast", body);
    int refused = a.status;
    for (int i = 0; i < taken; i++)
        expect_event(b, "message", body);
    struct browser *new = browser_open(s, "/sse/events"); /* runs, unsaved if need be */
    expect_connected(new);
    assert_int_equal(refused, 507);
    assert_true(stage_mount_small(s, "32m"));
    post(s, &a, "/sse/broadcast", "room again");
    assert_int_equal(a.status, 200);
    expect_event(b, "message", "room again");
    expect_event(new, "message", "room again");
}

/* Root ignores file modes, so this responder is nobody's. */
static void start_as_nobody(struct stage *s)
{
    char where[NAME_SIZE], backend[256];
    stage_share_with(s, "nobody");
    snprintf(where, sizeof where, "%s/own.socket", s->folder);
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", where);
    responder_start(s, where, "nobody");
    lighttpd_start_external(s, backend);
}

/* The folder of the log and the log itself, for all or for root alone to write. */
static void let_all_write(struct stage *s, bool yes)
{
    const char *const end[] = {"", "-wal", "-shm"};
    char name[NAME_SIZE + 8];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", s->db, end[i]);
        if (chmod(name, yes ? 0666 : 0444) && i == 0)
            fail_stage(s, "chmod %s failed", name);
    }
    *strrchr(name, '/') = '\0';
    assert_int_equal(chmod(name, yes ? 0777 : 0555), 0);
}

/* A log in a folder of its own, since the sessions and sockets have other modes. */
static void set_apart(struct stage *s)
{
    char closed[NAME_SIZE];
    snprintf(closed, sizeof closed, "%s/closed", s->folder);
    assert_int_equal(mkdir(closed, 0777), 0);
    snprintf(s->db, sizeof s->db, "%.100s/rowcast.db", closed);
    shell(s, ".read sql/schema.sql");
    shell_set(s, "publish_token", TOKEN);
    shell_set(s, "retry", "200");
    shell_set(s, "heartbeat_interval", "1");
}

static void test_a_log_that_may_not_be_written_means_later_until_it_may(void **state)
{
    struct stage *s = *state;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    set_apart(s);
    let_all_write(s, false);
    start_as_nobody(s);
    struct browser *b = expect_later(s);
    expect_refused(s, 503);
    assert_false(process_ended(s->alone, NULL));
    let_all_write(s, true);
    expect_connected(b);
    publish(s, "", "message", "open again");
    expect_event(b, "message", "open again");
}

static int status_of_post(struct stage *s)
{
    struct answer a;
    post(s, &a, "/sse/broadcast", "posted");
    if (a.status != 200 && (strstr(a.body, s->folder) || strstr(a.body, ".sql")))
        fail_stage(s, "a path in %s", a.body);
    return a.status;
}

/* The log is read-only when it is opened; then its rights are repaired, and posts never pause:
 * who has it open would keep it as it was. */
static void repair_while_posts_come(struct stage *s, const char *const end[])
{
    char name[NAME_SIZE + 8];
    set_apart(s);
    let_all_write(s, true);
    /* Somebody else works with the log all the time, as an application does. */
    char command[NAME_SIZE + 64];
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch %s", s->db);
    FILE *other = popen(command, "we");
    assert_non_null(other);
    fputs(".timeout 10000\nINSERT INTO events(type, data) VALUES('n', 1);\n", other);
    fflush(other);
    await(s, strcmp(shell(s, "SELECT count(*) FROM events"), "1") == 0);
    for (int i = 0; end[i]; i++) {
        snprintf(name, sizeof name, "%s%s", s->db, end[i]);
        assert_int_equal(chmod(name, 0444), 0);
    }
    start_as_nobody(s);
    for (int i = 0; end[i]; i++) { /* which belong to root all the time */
        snprintf(name, sizeof name, "%s%s", s->db, end[i]);
        assert_int_equal(chown(name, 0, 0), 0);
        assert_int_equal(chmod(name, 0444), 0);
    }
    struct browser *b = browser_open(s, "/sse/events?last=1");
    for (int i = 0; i < 10; i++)
        assert_int_equal(status_of_post(s), 503);
    for (int i = 0; end[i]; i++) {
        snprintf(name, sizeof name, "%s%s", s->db, end[i]);
        assert_int_equal(chmod(name, 0666), 0);
    }
    await(s, status_of_post(s) == 200);
    for (const struct sse_event *e = NULL; !e || strcmp(e->data, "posted") != 0;)
        if (!(e = browser_next(b, PATIENCE)))
            fail_stage(s, "what was posted after the repair did not come");
    pclose(other);
}

static void test_posts_are_taken_again_though_they_never_paused_after_a_repair(void **state)
{
    static const char *const log_alone[] = {"", NULL};
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    repair_while_posts_come(*state, log_alone);
}

static void test_the_same_where_the_files_beside_the_log_were_read_only_too(void **state)
{
    static const char *const all[] = {"", "-wal", "-shm", NULL};
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    repair_while_posts_come(*state, all);
}

/* Streams run unsaved meanwhile, and the next that comes is saved. */
static void test_streams_are_saved_again_though_they_never_paused_after_a_repair(void **state)
{
    struct stage *s = *state;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    shell_sessions(s, ".read sql/sessions_schema.sql");
    assert_int_equal(chmod(s->sessions, 0400), 0);
    start_as_nobody(s);
    for (int i = 0; i < 5; i++) {
        struct browser *b = browser_open(s, "/sse/events");
        expect_connected(b);
    }
    assert_int_equal(stats(s, "active_clients"), 0);
    assert_int_equal(chmod(s->sessions, 0600), 0);
    await(s,
          (expect_connected(browser_open(s, "/sse/events")), stats(s, "active_clients")) > 0);
}

/* A backup of the log that was put in its place belongs to root. */
static void replace_by_read_only_copy(struct stage *s)
{
    char copy[NAME_SIZE + 8];
    snprintf(copy, sizeof copy, "%s.copy", s->db);
    shell(s, ".backup '%s'", copy); /* which stays in WAL mode */
    put_in_place(s, copy);
    let_all_write(s, false);
}

static void test_open_streams_go_on_when_the_log_turns_read_only(void **state)
{
    struct stage *s = *state;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    set_apart(s);
    let_all_write(s, true);
    start_as_nobody(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 3);
    expect_count(b, "n", 1, 3);
    replace_by_read_only_copy(s);
    expect_refused(s, 503);
    struct browser *new = expect_later(s);
    int64_t began = now_ms(), cpu = process_cpu_ms(s->alone);
    expect_heartbeats(b, 3);
    cpu = process_cpu_ms(s->alone) - cpu;
    if (!stage_is_sanitized() && cpu * 4 > now_ms() - began)
        fail_stage(s, "%d ms of CPU in %d ms", (int)cpu, (int)(now_ms() - began));
    let_all_write(s, true);
    expect_connected(new);
    publish(s, "", "n", "4");
    expect_count(b, "n", 4, 4);
    expect_count(new, "n", 4, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_somebody_s_open_transaction_stops_publishers_alone),
        scenario(test_what_is_no_database_means_later_until_it_is_mended),
        scenario(test_a_log_of_a_newer_version_is_left_alone),
        scenario(test_a_log_that_may_not_be_written_means_later_until_it_may),
        scenario(test_open_streams_go_on_when_the_log_turns_read_only),
        scenario(test_posts_are_taken_again_though_they_never_paused_after_a_repair),
        scenario(test_the_same_where_the_files_beside_the_log_were_read_only_too),
        scenario(test_streams_are_saved_again_though_they_never_paused_after_a_repair),

        scenario(test_a_full_disk_refuses_publishers_and_loses_nothing),
    };
    return cmocka_run_group_tests_name("trouble", tests, NULL, NULL);
}
