/* What streams leave behind while the sessions cannot be written, and time that nobody
 * served. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

static bool said(struct stage *s, const char *words)
{
    char line[2048];
    bool yes = false;
    FILE *f = fopen(s->log, "re");
    while (f && fgets(line, sizeof line, f))
        yes |= strstr(line, words) != NULL;
    if (f)
        fclose(f);
    return yes;
}

/* A shell that holds the sessions' write lock until it is closed. */
static FILE *hold_sessions(struct stage *s)
{
    char command[NAME_SIZE + 64], held[NAME_SIZE + 8];
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch %s", s->sessions);
    snprintf(held, sizeof held, "%s.held", s->db);
    FILE *f = popen(command, "we");
    assert_non_null(f);
    fprintf(f, ".timeout 10000\nBEGIN IMMEDIATE;\n.shell touch %s\n", held);
    fflush(f);
    await(s, access(held, F_OK) == 0);
    unlink(held);
    return f;
}

static int64_t sessions_number(struct stage *s, const char *sql)
{
    return strtoll(shell_sessions(s, "%s", sql), NULL, 10);
}

static void test_a_bookmark_that_was_not_saved_is_saved_later_without_another_row(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    FILE *lock = hold_sessions(s);
    shell_count(s, "n", 1, 3);
    expect_count(b, "n", 1, 3);
    await(s, said(s, "what=sessions_unsaved doing=bookmarks"));
    pclose(lock);
    await(s, sessions_number(s, "SELECT position FROM streams") == 3);
}

static void test_the_end_of_a_stream_that_was_not_saved_is_kept_until_it_is(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events"), *other = browser_open(s, "/sse/events");
    expect_connected(b);
    expect_connected(other);
    shell_count(s, "n", 1, 3);
    expect_count(b, "n", 1, 3);
    await(s, sessions_number(s, "SELECT count(*) FROM streams WHERE position = 3") == 2);
    shell_count(s, "n", 4, 6);
    expect_count(b, "n", 4, 6);
    FILE *lock = hold_sessions(s);
    browser_close(b);
    await(s, said(s, "what=sessions_unsaved doing=endings"));
    pclose(lock);
    await(s, sessions_number(s, "SELECT count(*) FROM streams WHERE ended_at NOT NULL") == 1);
    shell_count(s, "n", 7, 7);
    browser_reload(b);
    expect_connected(b);
    const struct sse_event *e = browser_next(b, PATIENCE);
    if (!e || strcmp(e->type, "replay-start") != 0)
        fail_stage(s, "waited for replay-start, came %s", e ? e->type : "nothing");
    e = browser_next(b, PATIENCE);
    if (!e || atoi(e->data) < 4) /* what was saved before came again */
        fail_stage(s, "waited for row 4 or later, came %s", e ? e->data : "nothing");
}

static void test_time_during_which_a_responder_stood_still_is_not_served(void **state)
{
    enum { STOPPED_MS = 5000, SLACK_MS = 2500 };
    static const char served[] = "SELECT served FROM state";
    struct stage *s = *state;
    shell_set(s, "cleanup_interval", "1");
    lighttpd_start(s);
    expect_connected(browser_open(s, "/sse/events"));
    await(s, sessions_number(s, served) > 0);
    int64_t before = sessions_number(s, served), since = now_ms();
    kill(responder_pid(s), SIGSTOP);
    pause_ms(STOPPED_MS); /* the stop itself */
    kill(responder_pid(s), SIGCONT);
    await(s, sessions_number(s, served) > before);
    int64_t counted = sessions_number(s, served) - before, passed = now_ms() - since;
    /* (A round that was under way, and a second that it may take for having run.) */
    if (counted > passed - STOPPED_MS + SLACK_MS)
        fail_stage(s, "%lld ms were served in %lld ms, %d of them stopped", (long long)counted,
                   (long long)passed, STOPPED_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_bookmark_that_was_not_saved_is_saved_later_without_another_row),
        scenario(test_the_end_of_a_stream_that_was_not_saved_is_kept_until_it_is),
        scenario(test_time_during_which_a_responder_stood_still_is_not_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
