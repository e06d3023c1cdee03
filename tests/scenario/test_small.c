/* Where the web server starts a process a stream (plain CGI, mod_fcgid): each has only the
 * threads and connections that one stream needs, and ends at once, with its bookmark saved. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

/* At several processes the pages of programs and libraries are shared, as they are in use. */
enum { PROCESSES = 4, MEMORY_KB_MAX = 3 * 1024, END_MS = 1000 };

/* As mod_fcgid has them: each process with a listener of its own as descriptor 0, and a stream
 * that goes to the one which has the fewest. */
static void start_one_a_stream(struct stage *s)
{
    char config[1024];
    snprintf(config, sizeof config,
             "server.modules = ( \"mod_fastcgi\" )\n"
             "server.stream-response-body = 2\n"
             "fastcgi.server = ( \"/sse\" => ( ( \"socket\" => var.rowcast_socket,\n"
             "    \"bin-path\" => var.rowcast_program, \"check-local\" => \"disable\",\n"
             "    \"max-procs\" => %d, \"tcp-fin-propagate\" => \"enable\",\n"
             "    \"bin-environment\" => ( \"ROWCAST_DB\" => var.rowcast_db,\n"
             "        \"ROWCAST_LOG_TO\" => var.rowcast_log ) ) ) )",
             PROCESSES);
    lighttpd_start_with(s, config);
}

static int threads_of(pid_t pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    for (const struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* SQLite keeps descriptors of a database that it does not use any more for the bookmark
 * connection, but none of a -wal: so those are counted. */
static int connections_of(pid_t pid, const char *database)
{
    char folder[64], wal[NAME_SIZE + 8], path[512], target[512];
    int n = 0;
    snprintf(folder, sizeof folder, "/proc/%d/fd", (int)pid);
    snprintf(wal, sizeof wal, "%s-wal", database);
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        ssize_t len = readlink(path, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        n += strcmp(target, wal) == 0;
    }
    if (d)
        closedir(d);
    return n;
}

static void open_all(struct stage *s, struct browser *browser[PROCESSES])
{
    for (int i = 0; i < PROCESSES; i++) {
        browser[i] = browser_open(s, "/sse/events");
        expect_connected(browser[i]);
    }
    shell_count(s, "n", 1, 3);
    for (int i = 0; i < PROCESSES; i++)
        expect_count(browser[i], "n", 1, 3);
}

/* One connection to the log follows it, one to the sessions saves.  What claims and questions
 * needed is closed after some idle seconds, and so is what retention looks with. */
static bool have_what_they_need(const struct stage *s, const pid_t *child)
{
    int log = 0;
    for (int i = 0; i < PROCESSES; i++) {
        log += connections_of(child[i], s->db);
        if (connections_of(child[i], s->sessions) != 1)
            return false;
    }
    return log == PROCESSES;
}

static void expect_small(struct stage *s, int threads)
{
    pid_t child[PROCESSES + 1];
    await(s, process_children(s->server, child, PROCESSES + 1) == PROCESSES);
    await(s, have_what_they_need(s, child));
    for (int i = 0; i < PROCESSES; i++) {
        if (!stage_is_sanitized() && threads_of(child[i]) != threads)
            fail_stage(s, "%d threads, not %d", threads_of(child[i]), threads);
        long kb = process_memory_kb(child[i]);
        if (!stage_is_sanitized() && (kb < 0 || kb >= MEMORY_KB_MAX))
            fail_stage(s, "a process with one stream takes %ld KiB", kb);
    }
}

static void test_a_cgi_process_has_four_threads_and_less_than_three_megabytes(void **state)
{
    struct browser *browser[PROCESSES];
    lighttpd_start_cgi(*state);
    open_all(*state, browser);
    expect_small(*state, 4); /* main, hub, feeder, janitor */
}

static void test_a_fastcgi_process_with_one_stream_has_two_workers_more(void **state)
{
    struct browser *browser[PROCESSES];
    start_one_a_stream(*state);
    open_all(*state, browser);
    expect_small(*state, 6);
}

/* End the process of the only stream, and expect the end soon and in the books. */
static void terminate(struct stage *s)
{
    pid_t child[PROCESSES + 1];
    size_t n = process_children(s->server, child, PROCESSES + 1), streaming = n;
    for (size_t i = 0; i < n; i++)
        if (connections_of(child[i], s->db) > 0)
            streaming = i;
    if (streaming == n)
        fail_stage(s, "no process has a stream");
    int64_t began = now_ms();
    process_stop(s, child[streaming], SIGTERM);
    if (!stage_is_sanitized() && now_ms() - began > END_MS)
        fail_stage(s, "it ended only after %d ms", (int)(now_ms() - began));
}

static void expect_resume_after_the_end(struct stage *s)
{
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 2);
    expect_count(b, "n", 1, 2);
    browser_come_back(b, false);
    terminate(s);
    assert_string_equal(shell_sessions(s, "SELECT count(*), count(ended_at), "
                                          "min(position BETWEEN 0 AND 2) FROM streams"),
                        "1|1|1");
    if (!browser_sees_end(b, PATIENCE))
        fail_stage(s, "the stream goes on without its process");
    shell_count(s, "n", 3, 4);
    browser_come_back(b, true);
    expect_connected(b); /* with its last event id: nothing twice */
    expect_replay_start(b, 2);
    expect_count(b, "n", 3, 4);
    expect_replay_end(b, 2);
}

static void test_a_cgi_process_ends_at_once_and_its_stream_resumes(void **state)
{
    lighttpd_start_cgi(*state);
    expect_resume_after_the_end(*state);
}

static void test_a_fastcgi_process_ends_at_once_and_its_stream_resumes(void **state)
{
    start_one_a_stream(*state);
    expect_resume_after_the_end(*state);
}

/* The bookmark trails what was sent, so the page may see some again, but misses nothing. */
static void
test_a_page_without_an_id_goes_on_from_the_bookmark_of_the_ended_process(void **state)
{
    struct stage *s = *state;
    lighttpd_start_cgi(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 2);
    expect_count(b, "n", 1, 2);
    browser_come_back(b, false);
    terminate(s);
    shell_count(s, "n", 3, 3);
    int bookmark = (int)strtol(shell_sessions(s, "SELECT position FROM streams"), NULL, 10);
    browser_come_back(b, true);
    browser_reload(b);
    expect_connected(b);
    expect_replay_start(b, 3 - bookmark);
    expect_count(b, "n", bookmark + 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_cgi_process_has_four_threads_and_less_than_three_megabytes),
        scenario(test_a_fastcgi_process_with_one_stream_has_two_workers_more),
        scenario(test_a_cgi_process_ends_at_once_and_its_stream_resumes),
        scenario(test_a_fastcgi_process_ends_at_once_and_its_stream_resumes),
        scenario(test_a_page_without_an_id_goes_on_from_the_bookmark_of_the_ended_process),
    };
    return cmocka_run_group_tests_name("small", tests, NULL, NULL);
}
