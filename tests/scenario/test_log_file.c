/* Whatever becomes of the responder's own log, streams go on, and lines go where people
 * look. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/supervisor.h"

static void front(struct stage *s, char socket[NAME_SIZE])
{
    char backend[NAME_SIZE + 32];
    snprintf(socket, NAME_SIZE, "%.60s/own.socket", s->folder);
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", socket);
    lighttpd_start_external(s, backend);
}

static void replace_all(char *text, size_t size, const char *what, const char *with)
{
    static char rest[16384];
    for (char *at = text; (at = strstr(at, what)); at += strlen(with)) {
        snprintf(rest, sizeof rest, "%s", at + strlen(what));
        snprintf(at, size - (size_t)(at - text), "%s%s", with, rest);
    }
}

static void read_text(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t n = fread(text, 1, size - 1, f);
    fclose(f);
    text[n] = '\0';
}

/* Rotate by this rule, as the system does it once a week. */
static void rotate_by(struct stage *s, const char *rule)
{
    char file[NAME_SIZE], command[3 * NAME_SIZE];
    snprintf(file, sizeof file, "%.60s/rule", s->folder);
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    fputs(rule, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(file, 0644), 0);
    snprintf(command, sizeof command,
             "/usr/sbin/logrotate -f -s %.60s/state %s >%.60s/said 2>&1", s->folder, file,
             s->folder);
    if (system(command) != 0) {
        snprintf(file, sizeof file, "%.60s/said", s->folder);
        read_text(file, command, sizeof command);
        fail_stage(s, "logrotate said: %s", command);
    }
}

static void expect_rotated(struct stage *s, struct browser *b, int row)
{
    char rotated[NAME_SIZE + 8];
    snprintf(rotated, sizeof rotated, "%s.1", s->log);
    assert_int_equal(access(rotated, F_OK), 0);
    await(s, log_count(s, "what=log_reopened") == 1);
    shell_count(s, "n", row, row);
    expect_count(b, "n", row, row); /* in the same stream */
    memcpy(s->log, rotated, sizeof s->log);
    assert_int_equal(log_count(s, "what=start "), 1);
}

static void test_the_rule_that_debian_has_for_lighttpd_rotates_our_log_as_well(void **state)
{
    struct stage *s = *state;
    char rule[16384], pattern[NAME_SIZE], hang_up[64];
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    read_text("/etc/logrotate.d/lighttpd", rule, sizeof rule);
    snprintf(pattern, sizeof pattern, "%.60s/*.log", s->folder);
    snprintf(hang_up, sizeof hang_up, "kill -HUP %d", (int)s->server);
    replace_all(rule, sizeof rule, "/var/log/lighttpd/*.log", pattern);
    /* What reopen-logs does; there is no such service here. */
    replace_all(rule, sizeof rule, "invoke-rc.d lighttpd reopen-logs", hang_up);
    replace_all(rule, sizeof rule, "/etc/init.d/lighttpd reopen-logs", hang_up);
    assert_non_null(strstr(rule, hang_up));
    rotate_by(s, rule);
    expect_rotated(s, b, 1);
}

static void test_our_rule_for_logrotate_needs_no_signal(void **state)
{
    struct stage *s = *state;
    char rule[16384], pattern[NAME_SIZE], socket[NAME_SIZE];
    if (geteuid() != 0)
        skip(); /* logrotate is root's */
    front(s, socket);
    responder_start(s, socket, NULL);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    read_text("conf/logrotate.conf.example", rule, sizeof rule);
    snprintf(pattern, sizeof pattern, "%.60s/rowcast.log", s->folder);
    replace_all(rule, sizeof rule, "/var/log/rowcast/*.log", pattern);
    replace_all(rule, sizeof rule, "rowcast rowcast", "root root");
    rotate_by(s, rule);
    expect_rotated(s, b, 1);
}

/* Nobody told it; the old file is let go, and its disk space with it. */
static void test_a_log_that_was_moved_or_deleted_is_made_anew(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    supervised_start(&v, s, 2, NULL);
    supervised_front(&v);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    assert_int_equal(unlink(s->log), 0);
    await(s, log_count(s, "what=log_reopened") == 3); /* of all three */
    shell_count(s, "n", 1, 1);
    expect_count(b, "n", 1, 1);
}

/* A pipe that is as full as it gets. */
static int full_pipe(const char *path)
{
    static const char chunk[4096];
    assert_int_equal(mkfifo(path, 0666), 0);
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    while (write(fd, chunk, sizeof chunk) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
    return fd;
}

static void test_a_full_pipe_as_stderr_stops_nobody(void **state)
{
    struct stage *s = *state;
    char socket[NAME_SIZE], pipe[NAME_SIZE];
    const char *const argv[] = {s->program, "--db",   s->db,         "--listen", socket,
                                "--log-to", "stderr", "--log-level", "debug",    NULL};
    snprintf(pipe, sizeof pipe, "%.60s/pipe", s->folder);
    int reader = full_pipe(pipe);
    front(s, socket);
    s->alone = process_start(argv, NULL, pipe, NULL);
    for (int row = 1; row <= 20; row++)
        expect_delivery(s, row);
    assert_int_equal(process_stop(s, s->alone, SIGTERM), 0);
    s->alone = 0;
    close(reader);
}

static void test_a_full_pipe_as_stderr_stops_no_supervisor(void **state)
{
    struct stage *s = *state;
    char socket[NAME_SIZE], pipe[NAME_SIZE];
    const char *const argv[] = {s->program, "--db",   s->db,         "--listen", socket,
                                "--log-to", "stderr", "--processes", "2",        NULL};
    snprintf(pipe, sizeof pipe, "%.60s/pipe", s->folder);
    int reader = full_pipe(pipe);
    front(s, socket);
    s->alone = process_start(argv, NULL, pipe, NULL);
    expect_delivery(s, 1);
    assert_int_equal(process_stop(s, s->alone, SIGTERM), 0);
    s->alone = 0;
    close(reader);
}

static void test_a_fifo_that_nobody_reads_keeps_nobody_from_serving(void **state)
{
    struct stage *s = *state;
    char socket[NAME_SIZE];
    assert_int_equal(mkfifo(s->log, 0666), 0);
    front(s, socket);
    responder_start(s, socket, NULL);
    expect_delivery(s, 1);
    assert_int_equal(process_stop(s, s->alone, SIGTERM), 0);
    s->alone = 0;
    snprintf(s->log, sizeof s->log, "%s", s->errors); /* stderr has the lines */
    assert_true(log_count(s, "what=log_not_opened") > 0);
    assert_true(log_count(s, "what=stop") > 0);
}

static void test_a_log_whose_folder_comes_later_is_written_then(void **state)
{
    struct stage *s = *state;
    char socket[NAME_SIZE], folder[NAME_SIZE];
    snprintf(folder, sizeof folder, "%.60s/later", s->folder);
    snprintf(s->log, sizeof s->log, "%.100s/rowcast.log", folder);
    front(s, socket);
    responder_start(s, socket, NULL);
    expect_delivery(s, 1);
    assert_int_equal(mkdir(folder, 0755), 0);
    await(s, log_count(s, "what=log_reopened") == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_the_rule_that_debian_has_for_lighttpd_rotates_our_log_as_well),
        scenario(test_our_rule_for_logrotate_needs_no_signal),
        scenario(test_a_log_that_was_moved_or_deleted_is_made_anew),
        scenario(test_a_full_pipe_as_stderr_stops_nobody),
        scenario(test_a_full_pipe_as_stderr_stops_no_supervisor),
        scenario(test_a_fifo_that_nobody_reads_keeps_nobody_from_serving),
        scenario(test_a_log_whose_folder_comes_later_is_written_then),
    };
    return cmocka_run_group_tests_name("log_file", tests, NULL, NULL);
}
