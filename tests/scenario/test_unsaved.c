/* The sessions can not be saved: streams run all the same, and the log says so once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

enum { BROWSERS = 20 };

static int said(struct stage *s, const char *words)
{
    char line[2048];
    int n = 0;
    FILE *f = fopen(s->log, "re");
    while (f && fgets(line, sizeof line, f))
        n += strstr(line, words) != NULL;
    if (f)
        fclose(f);
    return n;
}

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
    /* It keeps its cookie and its id, and is told of no gap: a page would load anew each time.
     */
    expect_connected(b[0]);
    expect_replay_start(b[0], 2);
    expect_count(b[0], "n", 4, 5);
    expect_replay_end(b[0], 2);
    if (strcasestr(browser_head(b[0]), "set-cookie"))
        fail_stage(s, "waited for no new cookie, came\n%s", browser_head(b[0]));
    shell(s, "INSERT INTO events(session_id, data) VALUES ('%s', 'for you')", first);
    expect_event(b[0], "message", "for you");
    for (int i = 1; i < BROWSERS; i++)
        expect_count(b[i], "n", 4, 5);
    if (said(s, "sessions_unsaved") != 1)
        fail_stage(s, "waited for one line about sessions_unsaved, came %d",
                   said(s, "sessions_unsaved"));
}

static void test_a_full_disk_of_the_sessions_lets_streams_run(void **state)
{
    struct stage *s = *state;
    char elsewhere[NAME_SIZE];
    if (!stage_mount_small(s, "1m"))
        skip(); /* needs the right to mount */
    /* The sessions alone are on a disk that is full. */
    snprintf(elsewhere, sizeof elsewhere, "%.100s/sessions", s->small);
    assert_int_equal(symlink(elsewhere, s->sessions), 0);
    shell_sessions(s, ".read sql/sessions_schema.sql");
    stage_fill_small(s);
    lighttpd_start(s);
    expect_streams_run_unsaved(s);
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
        scenario(test_sessions_that_may_not_be_written_let_streams_run),
    };
    return cmocka_run_group_tests_name("unsaved", tests, NULL, NULL);
}
