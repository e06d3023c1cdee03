#include <pthread.h>
#include <sys/resource.h>

#include "fcgi/base/monotonic.h"
#include "fcgi/hub/parking.h"
#include "tests/unit/fastcgi_bytes.h"
#include "tests/unit/http_helpers.h"

enum { MANY = 40 };

/* A parking of connections that began a request and do not go on. */
struct lot {
    struct board board;
    struct worker_context context;
    struct parking *parking;
    int client[MANY];
};

static int lot_open(void **state)
{
    struct lot *l = calloc(1, sizeof *l);
    struct buffer b = {0};
    struct intake i;

    assert_non_null(l);
    board_open(&l->board, settings_new());
    l->context = (struct worker_context){.db_path = "/nowhere/rowcast.db", .board = &l->board};
    l->parking = parking_new(&l->context);
    assert_non_null(l->parking);
    add_begin(&b);
    for (int k = 0; k < MANY; k++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        l->client[k] = pair[1];
        assert_int_equal(send(pair[1], b.bytes, b.len, 0), (ssize_t)b.len);
        intake_begin(&i, pair[0], NULL, monotonic_ms());
        assert_int_equal(intake_step(&i), INTAKE_WAITS);
        parking_take(l->parking, &i);
    }
    buffer_free(&b);
    *state = l;
    return 0;
}

static int lot_close(void **state)
{
    struct lot *l = *state;

    parking_stop(l->parking, 0, 0);
    for (int k = 0; k < MANY; k++)
        close(l->client[k]);
    board_close(&l->board);
    free(l);
    return 0;
}

static bool is_closed(int client)
{
    char c;

    return recv(client, &c, 1, MSG_DONTWAIT) == 0;
}

static void test_without_descriptors_those_that_came_first_give_theirs(void **state)
{
    struct lot *l = *state;

    for (int k = 0; k < MANY; k++)
        assert_false(is_closed(l->client[k]));
    parking_shed(l->parking);
    for (int k = 0; k < MANY; k++)
        assert_int_equal(is_closed(l->client[k]), k < PARKING_SHED);
    parking_shed(l->parking);
    parking_shed(l->parking);
    for (int k = 0; k < MANY; k++)
        assert_true(is_closed(l->client[k]));
    parking_shed(l->parking); /* nobody is left, and it returns */
}

static void test_a_stop_ends_what_does_not_come_in_time(void **state)
{
    struct lot *l = *state;

    parking_stop(l->parking, monotonic_ms(), 0);
    l->parking = NULL;
    for (int k = 0; k < MANY; k++)
        assert_true(is_closed(l->client[k]));
}

static void test_a_stop_has_nothing_to_wait_for_when_all_have_left(void **state)
{
    struct lot *l = *state;

    for (int k = 0; k < MANY; k++)
        shutdown(l->client[k], SHUT_RDWR);
    parking_stop(l->parking, INT64_MAX, 0); /* else it would never return */
    l->parking = NULL;
}

/* Without a descriptor the thread cannot start. */
static void test_an_answer_that_nobody_can_write_is_given_up(void **state)
{
    struct worker_context context = {.db_path = "/nowhere/rowcast.db"};
    struct parking *parking = parking_new(&context);
    struct unsent unsent = {0};
    struct buffer large = {0};
    struct rlimit limit, none = {0};
    int pair[2];
    size_t len;

    (void)state;
    assert_non_null(parking);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    for (int i = 0; i < 1000000; i++)
        buffer_text(&large, "x");
    assert_true(unsent_send(&unsent, pair[0], &large));
    assert_non_null(unsent.first);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none.rlim_max = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    parking_finish(parking, &unsent);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_null(unsent.first);
    assert_int_equal(unsent_bytes(), 0);
    free(read_to_end(pair[1], &len));
    assert_in_range(len, 1, 999999);
    parking_stop(parking, 0, 0);
}

static void *read_it(void *arg)
{
    int fd = *(int *)arg;
    size_t len;
    free(read_to_end(fd, &len));
    return (void *)len;
}

/* The time of those that were not complete is over already. */
static void test_a_stop_lets_clients_read_answers_to_their_end(void **state)
{
    struct lot *l = *state;
    struct unsent unsent = {0};
    struct buffer large = {0};
    pthread_t client;
    void *len;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    for (int i = 0; i < 1000000; i++)
        buffer_text(&large, "x");
    assert_true(unsent_send(&unsent, pair[0], &large));
    parking_finish(l->parking, &unsent);
    assert_int_equal(pthread_create(&client, NULL, read_it, &pair[1]), 0);
    parking_stop(l->parking, 0, INT64_MAX);
    l->parking = NULL;
    assert_int_equal(pthread_join(client, &len), 0);
    assert_int_equal((size_t)len, 1000000);
    for (int k = 0; k < MANY; k++)
        assert_true(is_closed(l->client[k]));
}

int main(void)
{
#define IN_LOT(test) cmocka_unit_test_setup_teardown(test, lot_open, lot_close)
    const struct CMUnitTest tests[] = {
        IN_LOT(test_without_descriptors_those_that_came_first_give_theirs),
        IN_LOT(test_a_stop_ends_what_does_not_come_in_time),
        IN_LOT(test_a_stop_has_nothing_to_wait_for_when_all_have_left),
        IN_LOT(test_a_stop_lets_clients_read_answers_to_their_end),
        cmocka_unit_test(test_an_answer_that_nobody_can_write_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
