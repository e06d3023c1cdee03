#include <pthread.h>
#include <sys/un.h>

#include "fcgi/request/accept.h"
#include "tests/unit/http_helpers.h"

struct listening {
    char folder[32], path[64];
    int listener, stop[2];
};

static int listen_somewhere(void **state)
{
    struct listening *l = calloc(1, sizeof *l);
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    assert_non_null(l);
    strcpy(l->folder, "/tmp/rowcast-XXXXXX");
    assert_non_null(mkdtemp(l->folder));
    snprintf(l->path, sizeof l->path, "%s/socket", l->folder);
    strcpy(a.sun_path, l->path);
    l->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(l->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(l->listener, 5), 0);
    assert_int_equal(pipe(l->stop), 0);
    *state = l;
    return 0;
}

static int stop_listening(void **state)
{
    struct listening *l = *state;

    close(l->listener);
    close(l->stop[0]);
    close(l->stop[1]);
    unlink(l->path);
    rmdir(l->folder);
    free(l);
    return 0;
}

static int connect_to(const struct listening *l)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(a.sun_path, l->path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void test_connections_are_accepted_until_told_to_stop(void **state)
{
    struct listening *l = *state;
    int client = connect_to(l);
    int fd = accept_wait(l->listener, l->stop[0]);

    assert_true(fd >= 0);
    close(fd);
    close(client);
    client = connect_to(l);
    assert_int_equal(write(l->stop[1], "x", 1), 1);
    assert_int_equal(accept_wait(l->listener, l->stop[0]), ACCEPT_STOP);
    assert_int_equal(accept_wait(l->listener, l->stop[0]), ACCEPT_STOP); /* for all workers */
    close(client);
}

static void *wait_in_a_thread(void *arg)
{
    struct listening *l = arg;

    return accept_wait(l->listener, l->stop[0]) == ACCEPT_STOP ? l : NULL;
}

static void test_a_waiting_worker_can_be_stopped(void **state)
{
    struct listening *l = *state;
    pthread_t thread;
    void *stopped;

    assert_int_equal(pthread_create(&thread, NULL, wait_in_a_thread, l), 0);
    assert_int_equal(write(l->stop[1], "x", 1), 1);
    assert_int_equal(pthread_join(thread, &stopped), 0);
    assert_ptr_equal(stopped, l);
}

static void test_a_listener_that_is_none_ends_the_work(void **state)
{
    struct listening *l = *state;
    int plain[2];

    assert_int_equal(pipe(plain), 0);
    assert_int_equal(write(plain[1], "x", 1), 1);
    assert_int_equal(accept_wait(plain[0], l->stop[0]), ACCEPT_STOP);
    close(plain[0]);
    close(plain[1]);
}

int main(void)
{
#define LISTENING(test) cmocka_unit_test_setup_teardown(test, listen_somewhere, stop_listening)
    const struct CMUnitTest tests[] = {
        LISTENING(test_connections_are_accepted_until_told_to_stop),
        LISTENING(test_a_waiting_worker_can_be_stopped),
        LISTENING(test_a_listener_that_is_none_ends_the_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
