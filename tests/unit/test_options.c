#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "fcgi/process/options.h"

enum { ARGS_MAX = 8, SENTENCE_MAX = 512 };

static struct options options;
static char sentence[SENTENCE_MAX]; /* what went to stderr */

static enum options_action read_args(const char *const args[])
{
    char *argv[ARGS_MAX + 2] = {"rowcast"};
    int argc = 1, fds[2], kept = dup(STDERR_FILENO);
    while (args[argc - 1])
        argv[argc] = (char *)args[argc - 1], argc++;
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    dup2(fds[1], STDERR_FILENO);
    optind = 0; /* begin anew */
    enum options_action action = options_read(&options, argc, argv);
    dup2(kept, STDERR_FILENO);
    ssize_t n = read(fds[0], sentence, sizeof sentence - 1);
    sentence[n > 0 ? n : 0] = '\0';
    close(fds[0]);
    close(fds[1]);
    close(kept);
    return action;
}
#define read_options(...) read_args((const char *const[]){__VA_ARGS__, NULL})

static const char *const variables[] = {
    "ROWCAST_DB",        "ROWCAST_LISTEN",        "ROWCAST_SOCKET_MODE", "ROWCAST_SOCKET_OWNER",
    "ROWCAST_PROCESSES", "ROWCAST_DRAIN_SECONDS", "ROWCAST_LOG_TO",      "ROWCAST_LOG_LEVEL"};

static int clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    return 0;
}

static void test_without_options_one_process_serves_what_it_was_given(void **state)
{
    (void)state;
    assert_int_equal(read_args((const char *const[]){NULL}), OPTIONS_RUN);
    assert_string_equal(options.db, ROWCAST_DB_DEFAULT);
    assert_null(options.listen.where);
    assert_int_equal(options.listen.mode, -1);
    assert_null(options.listen.owner);
    assert_string_equal(options.log_to, "stderr");
    assert_int_equal(options.log_level, LOG_LEVEL_INFO);
    assert_int_equal(options.processes, 0);
    assert_int_equal(options.drain_seconds, 20);
    assert_int_equal(options.control, -1);
}

static void test_every_option_is_understood(void **state)
{
    (void)state;
    assert_int_equal(read_options("--listen", "/s", "--socket-mode=0660", "--socket-owner=a:b",
                                  "--processes=64", "--drain-seconds=3600"),
                     OPTIONS_RUN);
    assert_string_equal(options.listen.where, "/s");
    assert_int_equal(options.listen.mode, 0660);
    assert_string_equal(options.listen.owner, "a:b");
    assert_int_equal(options.processes, 64);
    assert_int_equal(options.drain_seconds, 3600);
    assert_int_equal(read_options("--db=/d", "--listen=fd:3", "--control=4", "--log-to=/l",
                                  "--log-level=debug", "--drain-seconds=0"),
                     OPTIONS_RUN);
    assert_string_equal(options.db, "/d");
    assert_string_equal(options.listen.where, "fd:3");
    assert_int_equal(options.control, 4);
    assert_string_equal(options.log_to, "/l");
    assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(options.drain_seconds, 0);
}

static void test_the_environment_says_it_where_no_option_does(void **state)
{
    (void)state;
    static const char *const values[] = {"/d", "/s", "600", "root", "3", "7", "syslog", "warn"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        setenv(variables[i], values[i], 1);
    assert_int_equal(read_options("--processes", "2", "--db", "/other"), OPTIONS_RUN);
    assert_string_equal(options.db, "/other");
    assert_string_equal(options.listen.where, "/s");
    assert_int_equal(options.listen.mode, 0600);
    assert_string_equal(options.listen.owner, "root");
    assert_int_equal(options.processes, 2);
    assert_int_equal(options.drain_seconds, 7);
    assert_string_equal(options.log_to, "syslog");
    assert_int_equal(options.log_level, LOG_LEVEL_WARN);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        setenv(variables[i], "", 1);
    assert_int_equal(read_args((const char *const[]){NULL}), OPTIONS_RUN); /* empty is unset */
    assert_int_equal(options.processes, 0);
}

static void test_what_can_not_be_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *args[4], *says;
    } wrong[] = {
        {{"--processes", "0"}, "--processes must be 1 to 64"},
        {{"--processes", "65"}, "--processes must be 1 to 64"},
        {{"--processes", "-1"}, "--processes must be 1 to 64"},
        {{"--processes", "two"}, "--processes must be 1 to 64"},
        {{"--processes", "2x"}, "--processes must be 1 to 64"},
        {{"--processes", "18446744073709551618"}, "--processes must be 1 to 64"},
        {{"--processes", ""}, "--processes must be 1 to 64"},
        {{"--drain-seconds", "3601"}, "--drain-seconds must be 0 to 3600"},
        {{"--drain-seconds", " 1"}, "--drain-seconds must be 0 to 3600"},
        {{"--listen=/s", "--socket-mode", "1777"}, "--socket-mode must be octal, up to 777"},
        {{"--listen=/s", "--socket-mode", "rw"}, "--socket-mode must be octal, up to 777"},
        {{"--listen=/s", "--socket-mode", "68"}, "--socket-mode must be octal, up to 777"},
        {{"--listen=:9000", "--socket-mode=660"}, "socket file of --listen PATH"},
        {{"--listen=fd:3", "--socket-owner=root"}, "socket file of --listen PATH"},
        {{"--socket-owner=root"}, "socket file of --listen PATH"},
        {{"--control", "2"}, "--control must be a descriptor"},
        {{"--control=4", "--processes=2"}, "--control is for a process that is supervised"},
        {{"--log-level", "loud"}, "no such log level"},
        {{"--db", ""}, "--db: it is empty"},
        {{"--db", "redis://:secret@host/0"}, "there is no engine for redis:// in this version"},
        {{"--db", "://"}, "there is no engine for ://"},
        {{"more"}, "what is this"},
        {{"--nothing"}, "nothing"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(read_args(wrong[i].args), OPTIONS_WRONG);
        if (!strstr(sentence, wrong[i].says))
            fail_msg("%s: %s", wrong[i].says, sentence);
    }
}

static void test_a_path_may_have_colons_and_slashes(void **state)
{
    (void)state;
    static const char *const paths[] = {"redis:", "a:b.db", ":memory:", "./a://b",
                                        "/srv/a://b"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(read_options("--db", paths[i]), OPTIONS_RUN);
        assert_string_equal(options.db, paths[i]);
    }
}

static void test_a_check_minds_no_socket(void **state)
{
    (void)state;
    setenv("ROWCAST_SOCKET_MODE", "660", 1);
    assert_int_equal(read_options("--check"), OPTIONS_CHECK);
    assert_int_equal(read_options("--help"), OPTIONS_HELP);
    assert_int_equal(read_options("--version"), OPTIONS_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_without_options_one_process_serves_what_it_was_given,
                               clear),
        cmocka_unit_test_setup(test_every_option_is_understood, clear),
        cmocka_unit_test_setup(test_the_environment_says_it_where_no_option_does, clear),
        cmocka_unit_test_setup(test_what_can_not_be_is_refused_with_a_sentence, clear),
        cmocka_unit_test_setup(test_a_path_may_have_colons_and_slashes, clear),
        cmocka_unit_test_setup(test_a_check_minds_no_socket, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
