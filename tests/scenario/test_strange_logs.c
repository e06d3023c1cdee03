/* Logs that a migration tool rebuilt or a person changed, while streams run; and a schema that
 * is loaded where it does not belong, by a shell that goes on after errors. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/scenario/scenario.h"

enum { STOP_MS = 2000 };

/* The twelve steps of https://sqlite.org/lang_altertable.html, by a tool that does not know of
 * triggers. */
static void rebuild(struct stage *s)
{
    shell(s,
          "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON; BEGIN; "
          "CREATE TABLE events_new(id INTEGER PRIMARY KEY AUTOINCREMENT, "
          "channel TEXT NOT NULL DEFAULT '', session_id TEXT, "
          "type TEXT NOT NULL DEFAULT 'message', data TEXT NOT NULL DEFAULT '', "
          "dedup_key TEXT, created_at INTEGER NOT NULL DEFAULT (CAST(round((julianday('now') - "
          "2440587.5) * 86400000) AS INTEGER)), key TEXT, expires_at INTEGER, "
          "priority INTEGER NOT NULL DEFAULT 0); INSERT INTO events_new(id, channel, "
          "session_id, type, data, dedup_key, created_at, key, expires_at) SELECT id, channel, "
          "session_id, type, data, dedup_key, created_at, key, expires_at FROM events; "
          "DROP TABLE events; ALTER TABLE events_new RENAME TO events; COMMIT");
}

static bool is_in_log(struct stage *s, const char *words)
{
    static char text[65536];
    FILE *f = fopen(s->log, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    return strstr(text, words);
}

static int triggers(struct stage *s)
{
    return atoi(shell(s, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"));
}

/* One more column of the table is the application's affair; the rest is as it was. */
static void expect_check_is_content(struct stage *s)
{
    int status = -1;
    chmod(s->db, 0660);
    const char *said = responder_check(s, NULL, &status);
    if (status != 0)
        fail_stage(s, "--check ended with %d and said: %s", status, said);
}

/* A connection with SQLITE_DBCONFIG_ENABLE_TRIGGER off. */
static void insert_without_triggers(struct stage *s, const char *sql)
{
    char command[NAME_SIZE + 64];
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch -bail %s >/dev/null",
             s->db);
    FILE *p = popen(command, "we");
    assert_non_null(p);
    fprintf(p, ".timeout 10000\n.dbconfig enable_trigger off\n%s;\n", sql);
    assert_int_equal(pclose(p), 0);
}

static void test_a_table_that_a_migration_rebuilt_loses_nothing(void **state)
{
    struct stage *s = *state;
    struct answer a;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events"), *late = browser_open(s, "/sse/events");
    expect_connected(b);
    expect_connected(late);
    shell_count(s, "n", 1, 3);
    expect_count(b, "n", 1, 3);
    expect_count(late, "n", 1, 3);
    pid_t pid = responder_pid(s);
    browser_come_back(late, false);
    browser_cut(late);
    int before = triggers(s);
    rebuild(s);
    shell_count(s, "n", 4, 5);
    post(s, &a, "/sse/broadcast?type=n", "6");
    assert_int_equal(a.status, 200);
    expect_count(b, "n", 4, 6);
    await(s, triggers(s) == before);
    await(s, is_in_log(s, "lacks") || is_in_log(s, "lacked"));
    browser_come_back(late, true);
    browser_connect(late);
    expect_connected(late);
    expect_replay_start(late, 3);
    expect_count(late, "n", 4, 6);
    expect_replay_end(late, 3);
    shell_count(s, "n", 7, 7);
    expect_count(b, "n", 7, 7);
    assert_int_equal(responder_pid(s), pid);
    expect_check_is_content(s);
}

static void test_rows_of_a_connection_without_triggers_are_on_the_stream(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    insert_without_triggers(s, "INSERT INTO events(type, data) VALUES ('n', '1'), ('n', '2')");
    expect_count(b, "n", 1, 2);
    shell_count(s, "n", 3, 3);
    expect_count(b, "n", 3, 3);
}

static void test_a_renamed_column_is_said_and_followed_again_once_it_is_back(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell(s, "ALTER TABLE events RENAME COLUMN data TO payload");
    shell(s, "INSERT INTO events(type, payload) VALUES ('n', '1')");
    await(s, is_in_log(s, "has no column data"));
    shell(s, "ALTER TABLE events RENAME COLUMN payload TO data");
    expect_count(b, "n", 1, 1);
}

static void
test_an_endless_view_in_the_place_of_the_events_does_not_hold_up_a_stop(void **state)
{
    struct stage *s = *state;
    struct answer a;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell(s,
          "BEGIN; DROP TABLE events; CREATE VIEW events AS WITH RECURSIVE n(i) AS (VALUES (1) "
          "UNION ALL SELECT i + 1 FROM n) SELECT i AS id, '' AS channel, NULL AS session_id, "
          "'x' AS type, 'x' AS data, NULL AS dedup_key, i AS created_at FROM n; COMMIT");
    await(s, is_in_log(s, "a view of this name"));
    post(s, &a, "/sse/broadcast", "x");
    assert_int_equal(a.status, 503);
    browser_come_back(b, false);
    int64_t began = now_ms();
    process_stop(s, responder_pid(s), SIGTERM);
    if (!stage_is_sanitized() && now_ms() - began > STOP_MS)
        fail_stage(s, "it ended only after %d ms", (int)(now_ms() - began));
}

static void test_created_at_in_seconds_is_refused_and_tells_no_gap(void **state)
{
    struct stage *s = *state;
    int status = 0;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    const char *said =
        shell_status(s, &status,
                     "INSERT INTO events(type, data, created_at) "
                     "VALUES ('n', '1', CAST(strftime('%s', 'now') AS INTEGER))");
    assert_int_not_equal(status, 0);
    assert_non_null(strstr(said, "created_at looks like seconds"));
    shell_count(s, "n", 1, 1);
    expect_count(b, "n", 1, 1);
}

/* What `command` prints; it has DB and the schema in it. */
static const char *bash(struct stage *s, const char *command)
{
    static char said[16384];
    char line[1024];
    snprintf(line, sizeof line,
             "cd %s && DB=%s/shop.db SCHEMA=\"$OLDPWD/sql/schema.sql\"; { %s; } 2>&1",
             s->folder, s->folder, command);
    FILE *p = popen(line, "re");
    assert_non_null(p);
    said[fread(said, 1, sizeof said - 1, p)] = '\0';
    pclose(p);
    return said;
}

static void expect_untouched(struct stage *s, const char *own, const char *shell_options)
{
    char command[1024];
    snprintf(command, sizeof command,
             "rm -f $DB*; sqlite3 $DB \"%s\"; cp $DB before; sqlite3 %s $DB <$SCHEMA; "
             "cmp $DB before && echo untouched",
             own, shell_options);
    const char *said = bash(s, command);
    if (!strstr(said, "has a table events of its own") || !strstr(said, "untouched"))
        fail_stage(s, "%s\n%s", own, said);
}

static void test_a_database_with_events_of_its_own_stays_as_it_was(void **state)
{
    static const char with_a_row[] = "CREATE TABLE events(id INTEGER PRIMARY KEY, name TEXT); "
                                     "INSERT INTO events VALUES (1, 'x')";
    static const char *const own[] = {with_a_row,
                                      "CREATE TABLE Events(id, channel, type, data)",
                                      "CREATE VIEW events AS SELECT 1 AS id"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        expect_untouched(*state, own[i], "-bail");
        expect_untouched(*state, own[i], ""); /* it goes on after each error */
    }
}

/* The lock is free again in the middle of the schema, so its second half could be done. */
static void test_a_database_that_is_busy_gets_the_whole_schema_or_nothing(void **state)
{
    struct stage *s = *state;
    bash(s, "sqlite3 $DB 'PRAGMA journal_mode = WAL; CREATE TABLE t(x)'");
    const char *said = bash(
        s, "mkfifo lock schema locked; sqlite3 $DB <lock >locked & sqlite3 $DB <schema & "
           "exec 3>lock 4>schema; echo 'BEGIN IMMEDIATE; SELECT 1;' >&3; read -r x <locked; "
           "half=$(grep -n 'EXISTS rowcast_channels ' $SCHEMA | head -1 | cut -d: -f1); "
           "head -$half $SCHEMA | sed '$d' >&4; echo '.shell echo read >half' >&4; "
           "while [ ! -s half ]; do :; done; echo 'COMMIT;' >&3; exec 3>&-; wait %1; "
           "tail -n +$half $SCHEMA >&4; exec 4>&-; wait; "
           "echo objects $(sqlite3 $DB \"SELECT group_concat(name) FROM sqlite_schema\")");
    if (!strstr(said, "locked") || !strstr(said, "objects t\n"))
        fail_stage(s, "%s", said);
    said =
        bash(s, "sqlite3 -bail $DB <$SCHEMA; sqlite3 $DB \"SELECT count(*) FROM events, t\"");
    assert_string_equal(said, "wal\n0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_table_that_a_migration_rebuilt_loses_nothing),
        scenario(test_rows_of_a_connection_without_triggers_are_on_the_stream),
        scenario(test_a_renamed_column_is_said_and_followed_again_once_it_is_back),
        scenario(test_an_endless_view_in_the_place_of_the_events_does_not_hold_up_a_stop),
        scenario(test_created_at_in_seconds_is_refused_and_tells_no_gap),
        scenario(test_a_database_with_events_of_its_own_stays_as_it_was),
        scenario(test_a_database_that_is_busy_gets_the_whole_schema_or_nothing),
    };
    return cmocka_run_group_tests_name("strange logs", tests, NULL, NULL);
}
