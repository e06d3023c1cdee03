#include <errno.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "fcgi/worker.h"
#include "tests/unit/http_helpers.h"

/* Workers behind a socket, with a log of their own. */
struct service {
    struct place *place;
    char socket[64];
    struct board board;
    struct worker_context context;
    struct workers *workers;
    int stop[2];
};

static struct hub *no_hub(void *arg)
{
    (void)arg;
    return NULL;
}

static int service_start(void **state)
{
    struct service *s = calloc(1, sizeof *s);
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    assert_non_null(s);
    place_open((void **)&s->place);
    snprintf(s->socket, sizeof s->socket, "%s/socket", s->place->folder);
    strcpy(a.sun_path, s->socket);
    board_open(&s->board, settings_new());
    assert_int_equal(pipe(s->stop), 0);
    s->context = (struct worker_context){.db_path = s->place->db,
                                         .board = &s->board,
                                         .listener = socket(AF_UNIX, SOCK_STREAM, 0),
                                         .stop_fd = s->stop[0],
                                         .start_streaming = no_hub};
    assert_int_equal(bind(s->context.listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->context.listener, 100), 0);
    s->workers = workers_start(&s->context, 4);
    assert_non_null(s->workers);
    *state = s;
    return 0;
}

static int service_stop(void **state)
{
    struct service *s = *state;

    assert_int_equal(write(s->stop[1], "x", 1), 1);
    workers_stop(s->workers);
    close(s->stop[0]);
    close(s->stop[1]);
    close(s->context.listener);
    board_close(&s->board);
    place_close((void **)&s->place);
    free(s);
    return 0;
}

static int service_connect(const struct service *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(a.sun_path, s->socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void send_record(int fd, int type, const char *content, size_t len)
{
    char record[8 + 255] = {1, (char)type, 0, 1, 0, (char)len, 0, 0};

    memcpy(record + 8, content, len);
    assert_int_equal(send(fd, record, 8 + len, MSG_NOSIGNAL), (ssize_t)(8 + len));
}

/* What follows the record that begins a request. */
static void send_rest(int fd, const char *path)
{
    char pairs[200];
    int len = snprintf(pairs, sizeof pairs, "%c%cREQUEST_METHODGET%c%cPATH_INFO%s", 14, 3, 9,
                       (char)strlen(path), path);

    send_record(fd, 4, pairs, (size_t)len);
    send_record(fd, 4, "", 0);
    send_record(fd, 5, "", 0);
}

/* Send a GET for `path`, without waiting for what is answered. */
static int get(const struct service *s, const char *path)
{
    int fd = service_connect(s);

    send_record(fd, 1, "\0\1\0\0\0\0\0\0", 8);
    send_rest(fd, path);
    return fd;
}

/* The content of the answer's records; asserts that its last one is the end of the request. */
static void expect_answer(int fd, const char *part)
{
    size_t len;
    char *bytes = read_to_end(fd, &len), content[4096] = "";
    size_t at = 0, total = 0;

    while (at + 8 <= len && bytes[at + 1] == 6) {
        size_t size = (size_t)(unsigned char)bytes[at + 4] << 8 | (unsigned char)bytes[at + 5];
        assert_true(total + size < sizeof content);
        memcpy(content + total, bytes + at + 8, size);
        total += size;
        at += 8 + size;
    }
    content[total] = '\0';
    assert_int_equal(len - at, 16);
    assert_int_equal(bytes[at + 1], 3);
    assert_has(content, part);
    free(bytes);
}

static void test_many_requests_at_once_are_all_answered(void **state)
{
    int fd[40];

    for (int i = 0; i < 40; i++)
        fd[i] = get(*state, i % 2 == 0 ? "/nothing" : "/stats");
    for (int i = 0; i < 40; i++)
        expect_answer(fd[i], i % 2 == 0 ? "Status: 404 " : "Status: 403 ");
}

static void test_connections_that_say_nothing_do_not_stay(void **state)
{
    int silent[4];

    for (int i = 0; i < 4; i++) { /* one for each worker */
        silent[i] = service_connect(*state);
        send_record(silent[i], 1, "\0\1\0\0\0\0\0\0", 8);
    }
    expect_answer(get(*state, "/nothing"), "Status: 404 ");
    for (int i = 0; i < 4; i++) {
        char *nothing = read_to_end(silent[i], NULL);
        assert_string_equal(nothing, "");
        free(nothing);
    }
}

/* A connection that began a request and does not go on, for as long as a worker waits for it.
 */
static int get_slowly(const struct service *s)
{
    int fd = service_connect(s);

    send_record(fd, 1, "\0\1\0\0\0\0\0\0", 8);
    return fd;
}

static bool is_open(int fd)
{
    char c;

    return recv(fd, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void test_one_worker_waits_and_the_first_request_brings_the_next(void **state)
{
    struct service *s = *state;

    assert_int_equal(workers_count(s->workers), 1);
    expect_answer(get(s, "/nothing"), "Status: 404 ");
    assert_int_equal(workers_count(s->workers), 2);
}

static void test_slow_requests_do_not_hold_up_others_while_a_worker_is_to_be_had(void **state)
{
    struct service *s = *state;
    int slow[3];

    for (int i = 0; i < 3; i++) {
        slow[i] = get_slowly(s);
        expect_answer(get(s, "/nothing"), "Status: 404 ");
        for (int k = 0; k <= i; k++)
            assert_true(is_open(slow[k]));
    }
    assert_int_equal(workers_count(s->workers), 4);
    for (int i = 0; i < 3; i++)
        close(slow[i]);
}

static void test_there_are_never_more_workers_than_the_most(void **state)
{
    struct service *s = *state;
    int fd[20];

    for (int i = 0; i < 20; i++)
        fd[i] = i < 6 ? get_slowly(s) : get(s, "/nothing");
    for (int i = 0; i < 6; i++)
        close(fd[i]);
    for (int i = 6; i < 20; i++)
        expect_answer(fd[i], "Status: 404 ");
    assert_in_range(workers_count(s->workers), 1, 4);
}

static void test_a_stop_gives_up_requests_that_are_still_being_read(void **state)
{
    struct service *s = *state;
    int slow[3];

    for (int i = 0; i < 3; i++)
        slow[i] = get_slowly(s);
    expect_answer(get(s, "/nothing"), "Status: 404 ");
    for (int i = 0; i < 3; i++)
        assert_true(is_open(slow[i]));
    assert_int_equal(write(s->stop[1], "x", 1), 1);
    workers_stop(s->workers);
    s->workers = NULL;
    for (int i = 0; i < 3; i++) {
        char *nothing = read_to_end(slow[i], NULL);
        assert_string_equal(nothing, "");
        free(nothing);
    }
}

/* Whoever was accepted at the moment of the stop did nothing wrong. */
static void test_a_request_that_comes_in_whole_after_the_stop_is_answered(void **state)
{
    struct service *s = *state;
    int fd = get_slowly(s);

    expect_answer(get(s, "/nothing"), "Status: 404 "); /* so the first was accepted before */
    assert_int_equal(write(s->stop[1], "x", 1), 1);
    send_rest(fd, "/nothing");
    workers_stop(s->workers);
    s->workers = NULL;
    expect_answer(fd, "Status: 404 ");
}

/* A CGI process with one request for the stream; its exit status is what it said. */
static pid_t cgi_start(const struct worker_context *c, int *out)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pair[1], STDOUT_FILENO);
        close(pair[0]);
        close(pair[1]);
        setenv("REQUEST_METHOD", "GET", 1);
        setenv("PATH_INFO", "/events", 1);
        _exit(worker_answer_cgi(c));
    }
    close(pair[1]);
    *out = pair[0];
    return pid;
}

static void test_a_cgi_process_that_can_not_stream_says_later_and_enters_nothing(void **state)
{
    struct place *p = *state;
    struct worker_context c = {.db_path = p->db, .start_streaming = no_hub};
    struct board board;
    int out, status;
    char *json;

    store_close(p->store); /* not for a forked child to inherit */
    p->store = NULL;
    board_open(&board, settings_new());
    c.board = &board;
    pid_t pid = cgi_start(&c, &out);
    char *said = read_to_end(out, NULL);
    assert_has(said, "\r\n\r\nevent: later\nretry: ");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(store_open(&p->store, p->db), STORE_OK);
    assert_int_equal(store_stats(p->store, &json), STORE_OK);
    assert_has(json, "\"active_clients\":0,\"total_sessions\":0,");
    free(json);
    free(said);
    board_close(&board);
}

static void test_streams_are_told_later_while_there_is_no_hub(void **state)
{
    expect_answer(get(*state, "/events"), "\r\n\r\nevent: later\nretry: ");
}

int main(void)
{
#define IN_SERVICE(test) cmocka_unit_test_setup_teardown(test, service_start, service_stop)
    const struct CMUnitTest tests[] = {
        IN_SERVICE(test_many_requests_at_once_are_all_answered),
        IN_SERVICE(test_connections_that_say_nothing_do_not_stay),
        IN_SERVICE(test_streams_are_told_later_while_there_is_no_hub),
        IN_SERVICE(test_one_worker_waits_and_the_first_request_brings_the_next),
        IN_SERVICE(test_slow_requests_do_not_hold_up_others_while_a_worker_is_to_be_had),
        IN_SERVICE(test_there_are_never_more_workers_than_the_most),
        IN_SERVICE(test_a_stop_gives_up_requests_that_are_still_being_read),
        IN_SERVICE(test_a_request_that_comes_in_whole_after_the_stop_is_answered),
        cmocka_unit_test_setup_teardown(
            test_a_cgi_process_that_can_not_stream_says_later_and_enters_nothing, place_open,
            place_close),
    };

    if (!workers_setup())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
