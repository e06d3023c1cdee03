/* The sessions cannot be saved: streams run all the same, and the log says so once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"
#include "tests/scenario/supervisor.h"

enum { BROWSERS = 20 };

/* Many streams, all of them live and able to resume by id; one line about what is not saved. */
static void expect_streams_run_unsaved(struct stage *s)
{
    struct browser *b[BROWSERS];
    char first[32];
    for (int i = 0; i < BROWSERS; i++) {
        b[i] = browser_open(s, "/sse/events");
        const char *session = expect_connected(b[i]);
        if (i == 0)
            snprintf(first, sizeof first, "%s", session);
    }
    shell_count(s, "n", 1, 3);
    for (int i = 0; i < BROWSERS; i++)
        expect_count(b[i], "n", 1, 3);
    browser_cut(b[0]);
    shell_count(s, "n", 4, 5);
    /* It keeps its cookie and its id, and is told of no gap: a page would load anew each
     * time. */
    expect_connected(b[0]);
    expect_replay_start(b[0], 2);
    expect_count(b[0], "n", 4, 5);
    expect_replay_end(b[0], 2);
    if (strcasestr(browser_head(b[0]), "set-cookie"))
        fail_stage(s, "waited for no new cookie, came\n%s", browser_head(b[0]));
    publish_to(s, first, "message", "for you");
    expect_event(b[0], "message", "for you");
    for (int i = 1; i < BROWSERS; i++)
        expect_count(b[i], "n", 4, 5);
    if (log_count(s, "sessions_unsaved") != 1)
        fail_stage(s, "waited for one line about sessions_unsaved, came %d",
                   log_count(s, "sessions_unsaved"));
}

/* The log takes its room before the disk is full: pages in the file that are free again, and a
 * -wal that begins anew, and does not go while the shell stays.  It says by a file that it is
 * ready: somebody who reads the log meanwhile keeps the -wal from beginning anew. */
static FILE *give_the_log_room(struct stage *s)
{
    char command[NAME_SIZE + 64], ready[NAME_SIZE];
    snprintf(ready, sizeof ready, "%s/ready", s->folder);
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch -bail %s", s->db);
    FILE *holder = popen(command, "we");
    assert_non_null(holder);
    fputs(".timeout 5000\nCREATE TABLE room AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL "
          "SELECT i + 1 FROM n WHERE i < 40) SELECT zeroblob(4000) FROM n;\nDROP TABLE room;\n"
          ".output /dev/null\nPRAGMA wal_checkpoint(PASSIVE);\nCREATE TABLE taken(x);\n",
          holder);
    fprintf(holder, ".system touch %s\n", ready);
    fflush(holder);
    await(s, access(ready, F_OK) == 0);
    return holder;
}

static void test_a_full_disk_of_the_sessions_lets_streams_run(void **state)
{
    struct stage *s = *state;
    if (!stage_mount_small(s, "1m"))
        skip(); /* needs the right to mount */
    snprintf(s->db, sizeof s->db, "%.100s/rowcast.db", s->small);
    snprintf(s->sessions, sizeof s->sessions, "%.100s/rowcast.db.sessions", s->small);
    shell(s, ".read sql/schema.sql");
    shell_set(s, "retry", "200");
    FILE *holder = give_the_log_room(s);
    shell_sessions(s, ".read sql/sessions_schema.sql");
    stage_fill_small(s);
    lighttpd_start(s);
    expect_streams_run_unsaved(s);
    if (log_count(s, "no room for the sessions") == 0)
        fail_stage(s, "the sessions had room");
    pclose(holder);
}

/* Whoever may write the folder may put a link there, and would choose what is in it. */
static void test_sessions_behind_a_link_are_not_used_and_streams_run(void **state)
{
    struct stage *s = *state;
    char elsewhere[NAME_SIZE], was[NAME_SIZE];
    snprintf(elsewhere, sizeof elsewhere, "%s/planted", s->folder);
    memcpy(was, s->sessions, sizeof was);
    memcpy(s->sessions, elsewhere, sizeof elsewhere);
    shell_sessions(s, ".read sql/sessions_schema.sql");
    shell_sessions(s, "INSERT INTO sessions(id, token, created_at, last_seen_at) VALUES "
                      "('planted', '0123456789abcdef0123456789abcdef', 0, 0)");
    memcpy(s->sessions, was, sizeof was);
    assert_int_equal(symlink(elsewhere, s->sessions), 0);
    lighttpd_start(s);
    struct browser *b = browser_new(s, "/sse/events");
    browser_header(b, "X-SSE-Session-ID", "0123456789abcdef0123456789abcdef");
    browser_connect(b);
    assert_string_not_equal(expect_connected(b), "planted");
    browser_close(b);
    expect_streams_run_unsaved(s);
    char line[2 * NAME_SIZE];
    snprintf(line, sizeof line, "what=sessions_unsaved why=\"%s is not used: it must be a ",
             was);
    assert_int_equal(log_count(s, line), 1);
}

static void test_leases_that_cannot_be_used_let_streams_run_and_are_named(void **state)
{
    struct stage *s = *state;
    char path[NAME_SIZE + 16];
    snprintf(path, sizeof path, "%s.leases", s->db);
    assert_int_equal(mkdir(path, 0700), 0);
    lighttpd_start(s);
    expect_streams_run_unsaved(s);
    assert_int_equal(log_count(s, ".leases cannot be opened: Is a directory"), 1);
}

/* Root ignores file modes, so this responder is nobody's. */
static void test_sessions_that_may_not_be_written_let_streams_run(void **state)
{
    struct stage *s = *state;
    char where[NAME_SIZE], backend[256];
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    shell_sessions(s, ".read sql/sessions_schema.sql");
    stage_share_with(s, "nobody");
    assert_int_equal(chmod(s->sessions, 0400), 0);
    snprintf(where, sizeof where, "%s/own.socket", s->folder);
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", where);
    responder_start(s, where, "nobody");
    lighttpd_start_external(s, backend);
    expect_streams_run_unsaved(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_full_disk_of_the_sessions_lets_streams_run),
        scenario(test_sessions_behind_a_link_are_not_used_and_streams_run),
        scenario(test_leases_that_cannot_be_used_let_streams_run_and_are_named),
        scenario(test_sessions_that_may_not_be_written_let_streams_run),
    };
    return cmocka_run_group_tests_name("unsaved", tests, NULL, NULL);
}
