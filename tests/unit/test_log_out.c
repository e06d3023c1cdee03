#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "fcgi/base/log.h"
#include "fcgi/base/log_out.h"

/* Lines that no pipe and no socket takes all of. */
enum { MANY = 100000 };

struct place {
    char folder[32], path[64], rotated[64];
    int stderr_kept;
};

static int place_open(void **state)
{
    static struct place p;
    strcpy(p.folder, "/tmp/rowcast-XXXXXX");
    if (!mkdtemp(p.folder))
        return -1;
    snprintf(p.path, sizeof p.path, "%s/log", p.folder);
    snprintf(p.rotated, sizeof p.rotated, "%s/log.1", p.folder);
    p.stderr_kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    *state = &p;
    return 0;
}

static int place_close(void **state)
{
    struct place *p = *state;
    log_close();
    dup2(p->stderr_kept, STDERR_FILENO);
    close(p->stderr_kept);
    unlink(p->path);
    unlink(p->rotated);
    return rmdir(p->folder);
}

/* Up to `size` - 1 bytes of what the file, pipe or socket has now. */
static const char *read_now(int fd)
{
    static char text[1 << 17];
    size_t n = 0;
    ssize_t got;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    while (n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    return text;
}

static const char *read_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    const char *text = read_now(fd);
    close(fd);
    return text;
}

/* The log goes to this descriptor, which is stderr now. */
static void stderr_is(int fd)
{
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
    assert_true(log_open("stderr", LOG_LEVEL_INFO));
}

/* More than fits.  The words differ, so that none is left out for coming too often. */
static void fill(void)
{
    bool full = false;
    for (int i = 0; i < MANY && !full; i++)
        full = !out_line("a line of the log\n", 18);
    assert_true(full);
    log_line(LOG_LEVEL_INFO, "lost1", "n=1");
    log_line(LOG_LEVEL_INFO, "lost2", "n=2");
}

static void expect_lost(const char *text)
{
    assert_null(strstr(text, "what=lost"));
    assert_non_null(strstr(text, "what=after n=3 lost=2\n"));
}

static void test_full_pipe_holds_nobody_up_and_what_was_lost_is_told(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    stderr_is(ends[1]);
    fill();
    read_now(ends[0]);
    log_line(LOG_LEVEL_INFO, "after", "n=%d", 3);
    expect_lost(read_now(ends[0]));
    /* Those who share the pipe go on as they were. */
    assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
    close(ends[0]);
}

static void test_full_socket_holds_nobody_up(void **state)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    int ends[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, ends), 0);
        stderr_is(ends[1]);
        fill();
        read_now(ends[0]);
        log_line(LOG_LEVEL_INFO, "after", "n=%d", 3);
        expect_lost(read_now(ends[0]));
        close(ends[0]);
    }
}

static void test_terminal_that_was_stopped_holds_nobody_up(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    stderr_is(slave);
    fill();
    close(master);
}

static void test_pipe_whose_reader_left_is_no_end(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    stderr_is(ends[1]);
    close(ends[0]);
    log_line(LOG_LEVEL_INFO, "nobody", "n=1");
    log_line(LOG_LEVEL_INFO, "nobody", "n=2");
}

/* open() of a FIFO waits for its reader. */
static void test_fifo_is_used_once_somebody_reads_it(void **state)
{
    struct place *p = *state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    stderr_is(ends[1]);
    assert_int_equal(mkfifo(p->path, 0600), 0);
    assert_false(log_open(p->path, LOG_LEVEL_INFO));
    assert_non_null(strstr(read_now(ends[0]), "what=log_not_opened"));
    log_line(LOG_LEVEL_INFO, "before", "n=1");
    assert_non_null(strstr(read_now(ends[0]), "what=before"));
    log_look();
    int reader = open(p->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    log_look();
    fill();
    const char *text = read_now(reader);
    assert_non_null(strstr(text, "what=log_reopened"));
    assert_null(strstr(text, "what=before"));
    log_line(LOG_LEVEL_INFO, "after", "n=%d", 3);
    expect_lost(read_now(reader));
    close(reader);
    close(ends[0]);
}

static int daemon_at(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void test_busy_syslog_holds_nobody_up(void **state)
{
    struct place *p = *state;
    int daemon = daemon_at(p->path);
    assert_true(out_syslog(p->path));
    assert_true(out_is_syslog());
    fill();
    assert_non_null(strstr(read_now(daemon), "a line of the log"));
    log_line(LOG_LEVEL_WARN, "after", "n=%d", 3);
    const char *text = read_now(daemon);
    assert_non_null(strstr(text, "<28>rowcast["));
    assert_non_null(strstr(text, "level=warn what=after n=3 lost=2"));
    close(daemon);
}

static void test_syslog_that_was_restarted_is_found_again(void **state)
{
    struct place *p = *state;
    int daemon = daemon_at(p->path);
    assert_true(out_syslog(p->path));
    close(daemon);
    log_line(LOG_LEVEL_INFO, "nobody", "n=1");
    daemon = daemon_at(p->path);
    log_line(LOG_LEVEL_INFO, "after", "n=%d", 3);
    assert_non_null(strstr(read_now(daemon), "what=after n=3 lost=1"));
    close(daemon);
}

static void test_syslog_that_is_not_there_leaves_the_lines_on_stderr(void **state)
{
    struct place *p = *state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    stderr_is(ends[1]);
    assert_false(out_syslog(p->path));
    assert_false(out_is_syslog());
    log_line(LOG_LEVEL_INFO, "before", "n=1");
    assert_non_null(strstr(read_now(ends[0]), "what=before"));
    int daemon = daemon_at(p->path);
    assert_int_equal(out_look(), OUT_REOPENED);
    log_line(LOG_LEVEL_INFO, "after", "n=%d", 3);
    assert_non_null(strstr(read_now(daemon), "what=after"));
    close(daemon);
    close(ends[0]);
}

static void test_another_file_at_the_path_is_taken_at_the_next_look(void **state)
{
    struct place *p = *state;
    assert_true(log_open(p->path, LOG_LEVEL_INFO));
    log_look();
    log_line(LOG_LEVEL_INFO, "before", "n=1");
    assert_int_equal(rename(p->path, p->rotated), 0);
    close(open(p->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)); /* as logrotate does */
    log_look();
    log_line(LOG_LEVEL_INFO, "after", "n=2");
    const char *text = read_file(p->path);
    assert_non_null(strstr(text, "what=log_reopened"));
    assert_non_null(strstr(text, "what=after"));
    assert_null(strstr(text, "what=before"));
    assert_null(strstr(read_file(p->rotated), "what=after"));
}

/* logrotate renames the old file first, and would find ours in its way. */
static void test_file_that_is_gone_is_made_anew_at_the_second_look(void **state)
{
    struct place *p = *state;
    assert_true(log_open(p->path, LOG_LEVEL_INFO));
    assert_int_equal(rename(p->path, p->rotated), 0);
    log_look();
    assert_int_equal(access(p->path, F_OK), -1);
    log_look();
    assert_int_equal(access(p->path, F_OK), 0);
    log_line(LOG_LEVEL_INFO, "after", "n=1");
    assert_non_null(strstr(read_file(p->path), "what=after"));
}

static void test_log_that_cannot_be_opened_is_told_and_tried_again(void **state)
{
    struct place *p = *state;
    char folder[64], file[80];
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    stderr_is(ends[1]);
    snprintf(folder, sizeof folder, "%s/later", p->folder);
    snprintf(file, sizeof file, "%s/log", folder);
    assert_false(log_open(file, LOG_LEVEL_INFO));
    assert_non_null(strstr(read_now(ends[0]), "what=log_not_opened"));
    log_look();
    log_look();
    assert_string_equal(read_now(ends[0]), ""); /* once is enough */
    assert_int_equal(mkdir(folder, 0700), 0);
    log_look();
    log_line(LOG_LEVEL_INFO, "after", "n=1");
    assert_non_null(strstr(read_file(file), "what=after"));
    assert_string_equal(read_now(ends[0]), "");
    unlink(file);
    rmdir(folder);
    close(ends[0]);
}

static void test_line_that_was_cut_off_by_a_full_disk_stays_a_line_of_its_own(void **state)
{
    struct place *p = *state;
    struct rlimit all, few;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
    few = all;
    few.rlim_cur = 20;
    assert_true(log_open(p->path, LOG_LEVEL_INFO));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    log_line(LOG_LEVEL_INFO, "lost1", "n=1");
    log_line(LOG_LEVEL_INFO, "lost2", "n=2");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
    log_line(LOG_LEVEL_INFO, "after", "n=%d", 3);
    const char *text = read_file(p->path);
    assert_int_equal(text[20], '\n');
    expect_lost(text);
}

#define placed(f) cmocka_unit_test_setup_teardown(f, place_open, place_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        placed(test_full_pipe_holds_nobody_up_and_what_was_lost_is_told),
        placed(test_full_socket_holds_nobody_up),
        placed(test_terminal_that_was_stopped_holds_nobody_up),
        placed(test_pipe_whose_reader_left_is_no_end),
        placed(test_fifo_is_used_once_somebody_reads_it),
        placed(test_busy_syslog_holds_nobody_up),
        placed(test_syslog_that_was_restarted_is_found_again),
        placed(test_syslog_that_is_not_there_leaves_the_lines_on_stderr),
        placed(test_another_file_at_the_path_is_taken_at_the_next_look),
        placed(test_file_that_is_gone_is_made_anew_at_the_second_look),
        placed(test_log_that_cannot_be_opened_is_told_and_tried_again),
        placed(test_line_that_was_cut_off_by_a_full_disk_stays_a_line_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
