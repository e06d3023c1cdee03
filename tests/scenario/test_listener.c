/* Whoever can accept nobody any more ends, with a status that tells; of two that start on one
 * path one serves. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/scenario/supervisor.h"

enum { STARTS = 50 };

static int listen_at(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 100), 0);
    return fd;
}

static bool answers(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return yes;
}

static void socket_path(const struct stage *s, char path[NAME_SIZE])
{
    snprintf(path, NAME_SIZE, "%.60s/own.socket", s->folder);
}

static void expect_end_for(struct stage *s, const char *why)
{
    int status = 0;
    await(s, process_ended(s->alone, &status));
    s->alone = 0;
    if (status != 1 || log_count(s, why) == 0)
        fail_stage(s, "waited for status 1 and \"%s\"; the status is %d", why, status);
}

/* Somebody who has the same socket may end it for all. */
static void shut_down(struct stage *s, const char *processes, int how)
{
    char path[NAME_SIZE];
    socket_path(s, path);
    int fd = listen_at(path);
    const char *const argv[] = {s->program, "--db", s->db,
                                "--log-to", s->log, processes ? "--processes" : NULL,
                                processes,  NULL};
    s->alone = process_start_given(argv, fd, 3, s->errors);
    await(s, log_count(s, processes ? "what=process_ready" : "what=start") > 0);
    assert_int_equal(shutdown(fd, how), 0);
    expect_end_for(s, "the socket was shut down");
    close(fd);
}

static void test_a_process_whose_socket_was_shut_down_ends(void **state)
{
    shut_down(*state, NULL, SHUT_RDWR);
}

static void test_a_process_whose_socket_takes_nobody_any_more_ends(void **state)
{
    shut_down(*state, NULL, SHUT_RD);
}

static void test_a_supervisor_whose_socket_was_shut_down_ends(void **state)
{
    shut_down(*state, "2", SHUT_RDWR);
}

static void test_a_process_whose_socket_file_was_removed_ends(void **state)
{
    struct stage *s = *state;
    char path[NAME_SIZE];
    socket_path(s, path);
    responder_start(s, path, NULL);
    unlink(path);
    expect_end_for(s, "the socket file was removed");
}

static void
test_a_supervisor_whose_socket_file_was_removed_ends_and_so_do_its_processes(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    pid_t pid[PROCESSES];
    supervised_start(&v, s, PROCESSES, NULL);
    supervised_pids(&v, pid);
    unlink(v.socket);
    expect_end_for(s, "the socket file was removed");
    for (int i = 0; i < PROCESSES; i++)
        await(s, process_ended(pid[i], NULL));
}

/* To rename a socket into its place is a way to have it appear at once. */
static void test_a_socket_file_that_was_moved_is_served_on(void **state)
{
    struct stage *s = *state;
    char path[NAME_SIZE], moved[NAME_SIZE + 8], backend[NAME_SIZE + 32];
    socket_path(s, path);
    snprintf(moved, sizeof moved, "%s.moved", path);
    responder_start(s, path, NULL);
    assert_int_equal(rename(path, moved), 0);
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", moved);
    lighttpd_start_external(s, backend);
    shell_set(s, "heartbeat_interval", "1");
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    expect_heartbeats(b, 3); /* it had two looks at least */
    assert_int_equal(process_stop(s, s->alone, SIGTERM), 0);
    s->alone = 0;
    unlink(moved);
}

/* Each finds the file of one that died.  The winner's is never taken away. */
static void one_of_two_serves(struct stage *s, const char *path)
{
    const char *const argv[] = {s->program, "--db",     s->db,  "--listen",
                                path,       "--log-to", s->log, NULL};
    pid_t pid[2];
    int status = 0, loser;
    for (int i = 0; i < 2; i++)
        pid[i] = process_start(argv, NULL, s->errors, NULL);
    await(s, process_ended(pid[0], &status) || process_ended(pid[1], &status));
    loser = kill(pid[0], 0) == 0 ? 1 : 0;
    s->alone = pid[1 - loser];
    assert_int_equal(status, 1);
    await(s, answers(path));
    assert_false(process_ended(s->alone, NULL));
    assert_int_equal(process_stop(s, s->alone, SIGKILL), 128 + SIGKILL);
    s->alone = 0;
    assert_int_equal(access(path, F_OK), 0);
}

static void test_of_two_that_start_at_once_one_serves_and_the_other_says_why_not(void **state)
{
    struct stage *s = *state;
    char path[NAME_SIZE];
    socket_path(s, path);
    close(listen_at(path)); /* its file stays */
    for (int i = 0; i < STARTS; i++)
        one_of_two_serves(s, path);
    assert_int_equal(log_count(s, "what=listen_failed"), STARTS);
    assert_int_equal(log_count(s, "another process serves it"), STARTS);
}

/* So many wait at it that connect() is refused for the moment. */
static void test_a_socket_whose_queue_is_full_is_not_taken_for_a_dead_one(void **state)
{
    struct stage *s = *state;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char path[NAME_SIZE];
    int waiting[8], status = 0;
    socket_path(s, path);
    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    for (int i = 0; i < 8; i++) {
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(waiting[i], (struct sockaddr *)&a, sizeof a); /* most of them wait */
    }
    const char *const argv[] = {s->program, "--db",     s->db,  "--listen",
                                path,       "--log-to", s->log, NULL};
    pid_t pid = process_start(argv, NULL, s->errors, NULL);
    await(s, process_ended(pid, &status));
    assert_int_equal(status, 1);
    assert_int_equal(log_count(s, "another process serves it"), 1);
    for (int i = 0; i < 8; i++)
        close(waiting[i]);
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_process_whose_socket_was_shut_down_ends),
        scenario(test_a_process_whose_socket_takes_nobody_any_more_ends),
        scenario(test_a_supervisor_whose_socket_was_shut_down_ends),
        scenario(test_a_process_whose_socket_file_was_removed_ends),
        scenario(test_a_supervisor_whose_socket_file_was_removed_ends_and_so_do_its_processes),
        scenario(test_a_socket_file_that_was_moved_is_served_on),
        scenario(test_of_two_that_start_at_once_one_serves_and_the_other_says_why_not),
        scenario(test_a_socket_whose_queue_is_full_is_not_taken_for_a_dead_one),
    };
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
