/* A listening socket that somebody else made, one with rights of its own, and SIGHUP. */
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/scenario/supervisor.h"

struct given {
    char path[96];
    int fd;
};

static void listen_at(struct stage *s, struct given *g)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(g->path, sizeof g->path, "%s/given.socket", s->folder);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", g->path);
    g->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(g->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(g->fd, 100), 0);
}

static pid_t start(struct stage *s, const struct given *g, int as, const char *processes)
{
    const char *const argv[] = {s->program, "--db", s->db,
                                "--log-to", s->log, processes ? "--processes" : NULL,
                                processes,  NULL};
    return process_start_given(argv, g->fd, as, s->errors);
}

static void front(struct stage *s, const struct given *g)
{
    char backend[NAME_SIZE + 32];
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", g->path);
    lighttpd_start_external(s, backend);
}

/* Who comes while nobody serves waits at the socket, which nobody removes. */
static void served_by_two_in_turn(struct stage *s, int as, const char *processes)
{
    struct given g;
    listen_at(s, &g);
    s->alone = start(s, &g, as, processes);
    front(s, &g);
    expect_delivery(s, 1);
    assert_int_equal(process_stop(s, s->alone, SIGTERM), 0);
    s->alone = 0;
    assert_int_equal(access(g.path, F_OK), 0);
    s->alone = start(s, &g, as, processes);
    expect_delivery(s, 2);
    close(g.fd);
}

static void test_socket_activation_of_a_single_process(void **state)
{
    served_by_two_in_turn(*state, 3, NULL);
}

static void test_socket_activation_of_a_supervisor(void **state)
{
    served_by_two_in_turn(*state, 3, "2");
}

static void test_descriptor_0_of_a_single_process(void **state)
{
    served_by_two_in_turn(*state, 0, NULL);
}

static void test_descriptor_0_of_a_supervisor(void **state)
{
    served_by_two_in_turn(*state, 0, "2");
}

static void test_the_listener_stays_as_it_was_made(void **state)
{
    struct stage *s = *state;
    struct given g;
    listen_at(s, &g);
    assert_int_equal(fcntl(g.fd, F_SETFL, fcntl(g.fd, F_GETFL) | O_NONBLOCK), 0);
    s->alone = start(s, &g, 0, "2");
    front(s, &g);
    expect_delivery(s, 1);
    assert_true(fcntl(g.fd, F_GETFL) & O_NONBLOCK);
    close(g.fd);
}

static void test_socket_file_has_the_rights_that_were_asked_for(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    struct stat st;
    const char *const rights[] = {"--socket-mode", "660", "--socket-owner",
                                  geteuid() == 0 ? ":www-data" : NULL, NULL};
    const char *const mode_alone[] = {"--socket-mode", "660", NULL};
    supervised_start(&v, s, 1, geteuid() == 0 ? rights : mode_alone);
    assert_int_equal(stat(v.socket, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    if (geteuid() == 0)
        assert_int_equal(st.st_gid, getgrnam("www-data")->gr_gid);
}

static void rotate(struct stage *s)
{
    char rotated[NAME_SIZE + 8];
    snprintf(rotated, sizeof rotated, "%s.1", s->log);
    assert_int_equal(rename(s->log, rotated), 0);
}

static void test_hup_opens_the_log_file_again_and_ends_nothing(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    pid_t pid = responder_pid(s);
    rotate(s);
    kill(pid, SIGHUP);
    await(s, log_count(s, "what=log_reopened") == 1);
    shell_count(s, "n", 1, 1);
    expect_count(b, "n", 1, 1);
    assert_int_equal(responder_pid(s), pid);
}

static void test_hup_does_no_harm_to_plain_cgi(void **state)
{
    struct stage *s = *state;
    lighttpd_start_cgi(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    kill(responder_pid(s), SIGHUP);
    shell_count(s, "n", 1, 1);
    expect_count(b, "n", 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_socket_activation_of_a_single_process),
        scenario(test_socket_activation_of_a_supervisor),
        scenario(test_descriptor_0_of_a_single_process),
        scenario(test_descriptor_0_of_a_supervisor),
        scenario(test_the_listener_stays_as_it_was_made),
        scenario(test_socket_file_has_the_rights_that_were_asked_for),
        scenario(test_hup_opens_the_log_file_again_and_ends_nothing),
        scenario(test_hup_does_no_harm_to_plain_cgi),
    };
    return cmocka_run_group_tests_name("activation", tests, NULL, NULL);
}
