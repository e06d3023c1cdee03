#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "fcgi/hub/parking.h"
#include "fcgi/hub/places.h"
#include "fcgi/hub/publisher.h"
#include "fcgi/hub/worker.h"
#include "tests/unit/place.h"

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

static int start(void **state, bool publishes)
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
    if (publishes)
        assert_non_null(s->context.publisher = publisher_new(s->place->db));
    s->workers = workers_start(&s->context, 4);
    assert_non_null(s->workers);
    *state = s;
    return 0;
}

static int service_start(void **state)
{
    return start(state, false);
}

static int service_start_publishing(void **state)
{
    return start(state, true);
}

static int service_stop(void **state)
{
    struct service *s = *state;

    assert_int_equal(write(s->stop[1], "x", 1), 1);
    workers_stop(s->workers, 0);
    publisher_free(s->context.publisher);
    close(s->stop[0]);
    close(s->stop[1]);
    close(s->context.listener);
    board_close(&s->board);
    place_close((void **)&s->place);
    free(s);
    return 0;
}

static void connect_to(const struct service *s, int fd)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 20};

    strcpy(a.sun_path, s->socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

static int service_connect(const struct service *s)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    connect_to(s, fd);
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

/* The content of the answer's records; asserts that its last one is the end of the request, and
 * that nothing follows.  The connection stays open. */
static void expect_shut(int fd, const char *part)
{
    size_t len;
    char *bytes = read_to_end(dup(fd), &len), content[4096] = "";
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

static void expect_answer(int fd, const char *part)
{
    expect_shut(fd, part);
    close(fd);
}

static void test_many_requests_at_once_are_all_answered(void **state)
{
    int fd[40];

    for (int i = 0; i < 40; i++)
        fd[i] = get(*state, i % 2 == 0 ? "/nothing" : "/stats");
    for (int i = 0; i < 40; i++)
        expect_answer(fd[i], i % 2 == 0 ? "Status: 404 " : "Status: 403 ");
}

/* The context's patience is 5 s, of which none of this waits. */
static const struct intake_patience impatient = {.head = 50, .body = 50, .rest = 50};

static void test_connections_that_say_nothing_do_not_stay(void **state)
{
    struct service *s = *state;
    int silent[8];

    s->context.patience = &impatient; /* read at each connection */
    for (int i = 0; i < 8; i++) {     /* more than workers */
        silent[i] = service_connect(s);
        send_record(silent[i], 1, "\0\1\0\0\0\0\0\0", 8);
    }
    expect_answer(get(s, "/nothing"), "Status: 404 ");
    for (int i = 0; i < 8; i++) {
        char *nothing = read_to_end(silent[i], NULL);
        assert_string_equal(nothing, "");
        free(nothing);
    }
}

/* A connection that began a request and does not go on, for as long as a worker waits for
 * it. */
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

static void test_slow_requests_hold_no_worker(void **state)
{
    struct service *s = *state;
    int slow[20];

    for (int i = 0; i < 20; i++)
        slow[i] = get_slowly(s);
    for (int i = 0; i < 5; i++)
        expect_answer(get(s, "/nothing"), "Status: 404 ");
    for (int i = 0; i < 20; i++)
        assert_true(is_open(slow[i]));
    assert_in_range(workers_count(s->workers), 1, 4);
    for (int i = 0; i < 20; i++) {
        send_rest(slow[i], i % 2 == 0 ? "/nothing" : "/stats");
        expect_answer(slow[i], i % 2 == 0 ? "Status: 404 " : "Status: 403 ");
    }
}

static void add_pair(char *pairs, size_t *len, const char *name, const char *value)
{
    *len += (size_t)sprintf(pairs + *len, "%c%c%s%s", (char)strlen(name), (char)strlen(value),
                            name, value);
}

/* POST /broadcast with a token, and the first byte of a body of two. */
static int post_slowly(const struct service *s, const char *token)
{
    char pairs[250], authorization[64];
    size_t len = 0;
    int fd = service_connect(s);

    snprintf(authorization, sizeof authorization, "Bearer %s", token);
    add_pair(pairs, &len, "REQUEST_METHOD", "POST");
    add_pair(pairs, &len, "PATH_INFO", "/broadcast");
    add_pair(pairs, &len, "HTTP_AUTHORIZATION", authorization);
    send_record(fd, 1, "\0\1\0\0\0\0\0\0", 8);
    send_record(fd, 4, pairs, len);
    send_record(fd, 4, "", 0);
    send_record(fd, 5, "a", 1);
    return fd;
}

static void set_token(const struct service *s)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(s->place->db, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "UPDATE rowcast_config SET value = 'secret' WHERE name = 'publish_token'",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
}

static void test_slow_bodies_hold_up_nobody_and_are_published_once_they_are_whole(void **state)
{
    struct service *s = *state;
    int slow[12];

    set_token(s);
    for (int i = 0; i < 12; i++)
        slow[i] = post_slowly(s, "secret");
    for (int i = 0; i < 5; i++)
        expect_answer(get(s, "/events"), "\r\n\r\nevent: later\n");
    for (int i = 0; i < 12; i++) {
        assert_true(is_open(slow[i]));
        send_record(slow[i], 5, "b", 1);
        send_record(slow[i], 5, "", 0);
        expect_answer(slow[i], "\r\n\r\n{\"id\":\"");
    }
}

static void test_who_has_no_token_is_told_before_the_body(void **state)
{
    struct service *s = *state;

    set_token(s);
    int fd = post_slowly(s, "guess");
    expect_shut(fd, "Status: 401 ");
    send_record(fd, 5, "", 0); /* it is still taken, so that the front reads the answer */
    close(fd);
}

static void test_a_body_that_does_not_come_is_told_so(void **state)
{
    struct service *s = *state;

    set_token(s);
    s->context.patience = &impatient;
    int fd = post_slowly(s, "secret");
    expect_shut(fd, "Status: 408 ");
    close(fd);
}

/* The first of these connections on which something is to be read. */
static int first_answered(const int *fd, int count)
{
    struct pollfd p[PLACES_SLOW_MAX + 2];

    for (int i = 0; i < count; i++)
        p[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
    assert_true(poll(p, (nfds_t)count, 20000) > 0);
    for (int i = 0; i < count; i++)
        if (p[i].revents != 0)
            return i;
    return -1;
}

static void test_of_too_many_slow_bodies_an_old_one_goes_and_is_told(void **state)
{
    struct service *s = *state;
    int slow[PLACES_SLOW_MAX + 2], last = PLACES_SLOW_MAX + 1;

    set_token(s);
    for (int i = 0; i <= last; i++)
        slow[i] = post_slowly(s, "secret");
    int gone = first_answered(slow, last);
    expect_shut(slow[gone], "Status: 503 ");
    send_record(slow[last], 5, "b", 1);
    send_record(slow[last], 5, "", 0);
    expect_shut(slow[last], "{\"id\":\"");
    for (int i = 0; i <= last; i++)
        close(slow[i]);
}

static void test_a_stop_tells_those_whose_body_is_still_on_its_way(void **state)
{
    struct service *s = *state;

    set_token(s);
    int fd = post_slowly(s, "secret");
    expect_answer(get(s, "/nothing"), "Status: 404 ");
    assert_int_equal(write(s->stop[1], "x", 1), 1);
    workers_stop(s->workers, 0);
    s->workers = NULL;
    expect_answer(fd, "Status: 503 ");
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
    workers_stop(s->workers, 0);
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
    workers_stop(s->workers, 0);
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
    struct store_stats stats;

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
    assert_int_equal(store_stats(p->store, &stats), STORE_OK);
    assert_int_equal(stats.streams, 0);
    assert_int_equal(stats.sessions, 0);
    free(said);
    board_close(&board);
}

static void test_streams_are_told_later_while_there_is_no_hub(void **state)
{
    expect_answer(get(*state, "/events"), "\r\n\r\nevent: later\nretry: ");
}

/* Take every descriptor that is free, and let there be no more. */
static size_t fill_descriptors(int *taken, size_t max, struct rlimit *before)
{
    size_t n = 0;
    int top = dup(STDERR_FILENO);

    assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
    struct rlimit few = {.rlim_cur = (rlim_t)top + 1, .rlim_max = before->rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    taken[n++] = top;
    for (int fd; (fd = dup(STDERR_FILENO)) >= 0; taken[n++] = fd)
        assert_true(n < max);
    return n;
}

static void test_who_comes_while_no_descriptor_is_free_is_told_at_once(void **state)
{
    struct service *s = *state;
    enum { CLIENTS = 8, FILL = 64 };
    int fd[CLIENTS], taken[FILL];
    struct rlimit before;

    for (int i = 0; i < CLIENTS; i++)
        fd[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    size_t n = fill_descriptors(taken, FILL, &before);
    for (int i = 0; i < CLIENTS; i++) {
        connect_to(s, fd[i]);
        send_record(fd[i], 1, "\0\1\0\0\0\0\0\0", 8);
        send_rest(fd[i], i % 2 == 0 ? "/events" : "/stats");
    }
    for (int i = 0; i < CLIENTS; i++) {
        struct pollfd p = {.fd = fd[i], .events = POLLIN};
        assert_int_equal(poll(&p, 1, 20000), 1);
    }
    while (n > 0)
        close(taken[--n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (int i = 0; i < CLIENTS; i++)
        expect_answer(fd[i], i % 2 == 0 ? "\r\n\r\nevent: later\nretry: " : "Status: 503 ");
    expect_answer(get(s, "/nothing"), "Status: 404 "); /* and the spare one was taken back */
}

/* More than PUBLISHER_WAITING_BYTES, with a margin. */
enum { POSTERS = 80, LARGE = 600 * 1000 };

/* One that posts a large body, as far as it is taken, and reads the answer. */
struct poster {
    pthread_t thread;
    int fd;
    atomic_bool sent; /* all of it was taken */
    char *answer;
    size_t len;
};

static void *poster_run(void *arg)
{
    static const char body[LARGE];
    struct poster *p = arg;
    char head[8] = {1, 5, 0, 1, (char)0xf0};
    bool taken = true;

    for (size_t sent = 0; taken && sent < LARGE; sent += 0xf000)
        taken = send(p->fd, head, sizeof head, MSG_NOSIGNAL) == sizeof head &&
                send(p->fd, body, 0xf000, MSG_NOSIGNAL) == 0xf000;
    head[4] = 0;
    p->sent = taken && send(p->fd, head, sizeof head, MSG_NOSIGNAL) == sizeof head;
    p->answer = read_to_end(p->fd, &p->len);
    return NULL;
}

static void posters_start(struct poster *p, const struct service *s)
{
    for (int i = 0; i < POSTERS; i++)
        p[i] = (struct poster){.fd = post_slowly(s, "secret")};
    for (int i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&p[i].thread, NULL, poster_run, &p[i]), 0);
}

static int posters_sent(struct poster *p)
{
    int sent = 0;

    for (int i = 0; i < POSTERS; i++)
        sent += p[i].sent;
    return sent;
}

static size_t posters_told(struct poster *p, const char *part)
{
    size_t told = 0;

    for (int i = 0; i < POSTERS; i++) {
        pthread_join(p[i].thread, NULL);
        told += memmem(p[i].answer, p[i].len, part, strlen(part)) != NULL;
        free(p[i].answer);
    }
    return told;
}

/* A service whose publisher has more than it takes, since somebody keeps the log locked. */
static sqlite3 *crowd(struct service *s, struct poster *posters)
{
    sqlite3 *shell;

    set_token(s);
    assert_int_equal(sqlite3_open(s->place->db, &shell), SQLITE_OK);
    assert_int_equal(sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    posters_start(posters, s);
    while (publisher_admits(s->context.publisher, true))
        poll(NULL, 0, 1);
    return shell;
}

/* Else the four workers stood there until patience was over, and the first were told 503. */
static void test_publications_that_wait_for_the_lock_hold_no_worker_and_all_get_in(void **state)
{
    struct service *s = *state;
    struct poster posters[POSTERS];
    sqlite3 *shell = crowd(s, posters);

    for (int i = 0; i < 5; i++)
        expect_answer(get(s, "/events"), "\r\n\r\nevent: later\n");
    int sent = posters_sent(posters); /* the others are in the sockets */
    assert_int_equal(sqlite3_exec(shell, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(posters_told(posters, "{\"id\":\""), POSTERS);
    assert_in_range(sent, 1, POSTERS - 1);
    sqlite3_close(shell);
}

static void test_a_stop_answers_those_who_wait_for_room(void **state)
{
    struct service *s = *state;
    struct poster posters[POSTERS];
    sqlite3 *shell = crowd(s, posters);

    expect_answer(get(s, "/events"), "\r\n\r\nevent: later\n"); /* all were accepted */
    publisher_hurry(s->context.publisher);
    assert_int_equal(write(s->stop[1], "x", 1), 1);
    workers_stop(s->workers, 0);
    s->workers = NULL;
    publisher_free(s->context.publisher);
    s->context.publisher = NULL;
    assert_int_equal(posters_told(posters, "Status: 503 "), POSTERS);
    sqlite3_close(shell);
}

/* More than a socket takes at once, in ten events. */
static void publish_much(const struct service *s)
{
    static char data[100 * 1000 + 1];

    memset(data, 'x', sizeof data - 1);
    for (int i = 0; i < 10; i++)
        place_publish(s->place, "", data);
}

static void test_clients_that_read_history_slowly_hold_no_worker(void **state)
{
    struct service *s = *state;
    int slow[8];

    publish_much(s);
    for (int i = 0; i < 8; i++) /* more than workers */
        slow[i] = get(s, "/history");
    for (int i = 0; i < 8; i++)
        expect_answer(get(s, "/nothing"), "Status: 404 ");
    for (int i = 0; i < 8; i++) {
        size_t len;
        char *bytes = read_to_end(slow[i], &len);
        assert_true(len > 10 * 100 * 1000);
        assert_int_equal(bytes[len - 16 + 1], 3); /* the end of the request */
        free(bytes);
    }
}

static void test_a_stop_does_not_wait_for_a_client_that_does_not_read(void **state)
{
    struct service *s = *state;
    size_t len;

    publish_much(s);
    int fd = get(s, "/history");
    expect_answer(get(s, "/nothing"), "Status: 404 ");
    assert_int_equal(write(s->stop[1], "x", 1), 1);
    workers_stop(s->workers, 0);
    s->workers = NULL;
    char *bytes = read_to_end(fd, &len);
    assert_in_range(len, 1, 10 * 100 * 1000); /* what the socket had taken */
    free(bytes);
}

int main(void)
{
#define IN_SERVICE(test) cmocka_unit_test_setup_teardown(test, service_start, service_stop)
    const struct CMUnitTest tests[] = {
        IN_SERVICE(test_many_requests_at_once_are_all_answered),
        IN_SERVICE(test_connections_that_say_nothing_do_not_stay),
        IN_SERVICE(test_streams_are_told_later_while_there_is_no_hub),
        IN_SERVICE(test_who_comes_while_no_descriptor_is_free_is_told_at_once),
        IN_SERVICE(test_one_worker_waits_and_the_first_request_brings_the_next),
        IN_SERVICE(test_slow_requests_hold_no_worker),
        IN_SERVICE(test_clients_that_read_history_slowly_hold_no_worker),
        IN_SERVICE(test_a_stop_does_not_wait_for_a_client_that_does_not_read),
        IN_SERVICE(test_slow_bodies_hold_up_nobody_and_are_published_once_they_are_whole),
        IN_SERVICE(test_who_has_no_token_is_told_before_the_body),
        IN_SERVICE(test_a_body_that_does_not_come_is_told_so),
        IN_SERVICE(test_of_too_many_slow_bodies_an_old_one_goes_and_is_told),
        IN_SERVICE(test_a_stop_tells_those_whose_body_is_still_on_its_way),
        IN_SERVICE(test_a_stop_gives_up_requests_that_are_still_being_read),
        IN_SERVICE(test_a_request_that_comes_in_whole_after_the_stop_is_answered),
        cmocka_unit_test_setup_teardown(
            test_publications_that_wait_for_the_lock_hold_no_worker_and_all_get_in,
            service_start_publishing, service_stop),
        cmocka_unit_test_setup_teardown(test_a_stop_answers_those_who_wait_for_room,
                                        service_start_publishing, service_stop),
        cmocka_unit_test_setup_teardown(
            test_a_cgi_process_that_can_not_stream_says_later_and_enters_nothing, place_open,
            place_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
