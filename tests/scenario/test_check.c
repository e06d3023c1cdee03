/* `--check` makes the log where there is none, and says in words what is wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

static void expect_fine(struct stage *s)
{
    int status = -1;
    const char *said = responder_check(s, NULL, &status);
    if (status != 0)
        fail_stage(s, "--check ended with %d and said: %s", status, said);
}

static void expect_finding(struct stage *s, const char *user, const char *words)
{
    int status = -1;
    const char *said = responder_check(s, user, &status);
    if (status != 1 || !strstr(said, words))
        fail_stage(s, "waited for status 1 and \"%s\"; --check ended with %d and said: %s",
                   words, status, said);
}

static void test_a_log_is_made_where_there_is_none(void **state)
{
    struct stage *s = *state;
    snprintf(s->db, sizeof s->db, "%s/new.db", s->folder);
    expect_fine(s);
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), "0");
    assert_string_equal(shell(s, "PRAGMA journal_mode"), "wal");
    expect_fine(s); /* and what it made is as it wants it */
}

static void test_older_events_of_a_key_are_said_and_go_with_a_recount(void **state)
{
    struct stage *s = *state;
    chmod(s->db, 0660);
    expect_fine(s);
    shell(s, "INSERT INTO events(key) VALUES ('a'), ('b'), ('a')");
    expect_fine(s);
    shell(s, "DROP TRIGGER rowcast_log_replaced; INSERT INTO events(key) VALUES ('a'), ('a')");
    expect_finding(s, NULL, "2 events are older than another of their key");
    shell(s, "DROP TRIGGER events_deleted");
    expect_finding(s, NULL, "events_deleted");
    assert_string_equal(shell(s, "SELECT group_concat(id) FROM events"), "2,5");
    expect_fine(s);
}

static void test_events_whose_time_to_expire_is_wrong_are_said(void **state)
{
    struct stage *s = *state;
    chmod(s->db, 0660);
    shell(s, "INSERT INTO events(expires_at) VALUES (4102444800000)");
    expect_fine(s);
    shell(s, "DROP TRIGGER events_update; UPDATE events SET expires_at = 'soon'");
    expect_finding(s, NULL, "1 events have an expires_at that is no time");
    shell(s, "DROP TRIGGER events_update; UPDATE events SET expires_at = 1700000000000; "
             "CREATE TRIGGER events_update BEFORE UPDATE ON events BEGIN SELECT 1; END");
    expect_finding(s, NULL, "nobody removes them");
}

static void test_a_full_disk_is_said(void **state)
{
    struct stage *s = *state;
    if (!stage_mount_small(s, "2m"))
        skip(); /* needs the right to mount */
    snprintf(s->db, sizeof s->db, "%.100s/rowcast.db", s->small);
    shell(s, ".read sql/schema.sql");
    chmod(s->db, 0660);
    expect_fine(s);
    stage_fill_small(s);
    expect_finding(s, NULL, "is free on its disk");
    snprintf(s->db, sizeof s->db, "%.100s/new.db", s->small);
    expect_finding(s, NULL, "disk is full");
}

static void test_a_transaction_that_somebody_keeps_open_is_said(void **state)
{
    struct stage *s = *state;
    char command[NAME_SIZE + 64];
    int status = 0;
    chmod(s->db, 0660);
    expect_fine(s);
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch %s", s->db);
    FILE *holder = popen(command, "we");
    assert_non_null(holder);
    fputs("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE;\n", holder);
    fflush(holder);
    await(s, strstr(shell_status(s, &status, "BEGIN IMMEDIATE"), "locked"));
    expect_finding(s, NULL, "cannot be written: ");
    expect_finding(s, NULL, "locked");
    fputs("COMMIT;\n", holder);
    pclose(holder);
    expect_fine(s);
}

static void test_a_log_that_may_not_be_written_is_said(void **state)
{
    struct stage *s = *state;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    stage_share_with(s, "nobody");
    assert_int_equal(chmod(s->db, 0440), 0);
    expect_finding(s, "nobody", "nobody may not write it. Give both accounts one group");
}

static void test_what_is_no_database_is_said(void **state)
{
    struct stage *s = *state;
    FILE *f = fopen(s->db, "we");
    for (int i = 0; f && i < 1000; i++)
        fputs("this is no database\n", f);
    assert_int_equal(f ? fclose(f) : -1, 0);
    expect_finding(s, NULL, "not a database");
}

static void test_a_log_of_a_newer_version_is_said(void **state)
{
    struct stage *s = *state;
    shell(s, "UPDATE rowcast_log SET version = 99");
    expect_finding(s, NULL, "newer");
}

static void test_a_trigger_that_is_missing_is_said(void **state)
{
    struct stage *s = *state;
    char name[128];
    chmod(s->db, 0660);
    snprintf(name, sizeof name, "%s",
             shell(s, "SELECT name FROM sqlite_schema WHERE type = 'trigger' LIMIT 1"));
    shell(s, "DROP TRIGGER %s", name);
    expect_finding(s, NULL, name);
}

static void test_leases_that_cannot_be_used_are_said(void **state)
{
    struct stage *s = *state;
    char path[NAME_SIZE + 16];
    chmod(s->db, 0660);
    expect_fine(s);
    snprintf(path, sizeof path, "%s.leases", s->db);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_finding(s, NULL, ".leases is not used: it must be a regular file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(s->db, path), 0);
    expect_finding(s, NULL, ".leases is not used: it must be a regular file");
    assert_int_equal(unlink(path), 0);
    expect_fine(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_log_is_made_where_there_is_none),
        scenario(test_older_events_of_a_key_are_said_and_go_with_a_recount),
        scenario(test_events_whose_time_to_expire_is_wrong_are_said),
        scenario(test_a_full_disk_is_said),
        scenario(test_a_transaction_that_somebody_keeps_open_is_said),
        scenario(test_a_log_that_may_not_be_written_is_said),
        scenario(test_what_is_no_database_is_said),
        scenario(test_a_log_of_a_newer_version_is_said),
        scenario(test_a_trigger_that_is_missing_is_said),
        scenario(test_leases_that_cannot_be_used_are_said),
    };
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
