#include <pthread.h>
#include <sys/time.h>
#include <sys/un.h>

#include "fcgi/accept.h"
#include "fcgi/buffer.h"
#include "tests/unit/http_helpers.h"

enum { BEGIN = 1, PARAMS = 4, STDIN = 5 };

static void add_record(struct buffer *out, int type, const char *content, size_t len)
{
    const unsigned char header[8] = {
        1, (unsigned char)type, 0, 1, (unsigned char)(len >> 8), (unsigned char)len, 0, 0};

    buffer_add(out, header, sizeof header);
    buffer_add(out, content, len);
}

static void add_begin(struct buffer *out)
{
    add_record(out, BEGIN, "\0\1\0\0\0\0\0\0", 8); /* a responder, do not keep the connection */
}

static void add_variable(struct buffer *out, const char *name, const char *value)
{
    char pair[256];
    int len = snprintf(pair, sizeof pair, "%c%c%s%s", (char)strlen(name), (char)strlen(value),
                       name, value);

    add_record(out, PARAMS, pair, (size_t)len);
}

static void add_body(struct buffer *out, size_t len)
{
    char chunk[1000];

    memset(chunk, 'x', sizeof chunk);
    for (; len > 0; len -= len < sizeof chunk ? len : sizeof chunk)
        add_record(out, STDIN, chunk, len < sizeof chunk ? len : sizeof chunk);
}

/* Send the bytes and end the connection's sending side; *client is its other end. */
static bool receive(struct request *r, const struct buffer *bytes, size_t body_max, int *client)
{
    int pair[2];

    assert_false(bytes->failed);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(send(pair[1], bytes->bytes, bytes->len, 0), (ssize_t)bytes->len);
    shutdown(pair[1], SHUT_WR);
    *client = pair[1];
    return accept_request(r, pair[0], body_max);
}

static void test_a_whole_request_is_read(void **state)
{
    struct buffer b = {0};
    struct request r;
    int client;

    (void)state;
    add_begin(&b);
    add_variable(&b, "REQUEST_METHOD", "POST");
    add_variable(&b, "HTTP_COOKIE", "a=b");
    add_record(&b, PARAMS, "", 0);
    add_body(&b, 20000);
    add_record(&b, STDIN, "", 0);
    assert_true(receive(&r, &b, 20000, &client));
    assert_string_equal(r.method, "POST");
    assert_string_equal(r.cookie, "a=b");
    assert_int_equal(r.framing, FRAMING_FASTCGI);
    assert_int_equal(r.request_id, 1);
    assert_int_equal(r.body_len, 20000);
    assert_int_equal(strspn(r.body, "x"), 20000);

    struct timeval patience = {.tv_sec = 9};
    socklen_t size = sizeof patience;
    assert_int_equal(getsockopt(r.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, &size), 0);
    assert_int_equal(patience.tv_sec, 0);
    assert_int_equal(send(r.fd, "still open", 10, 0), 10);
    request_end(&r);
    free(read_to_end(client, NULL));
    buffer_free(&b);
}

static void test_a_large_body_is_read_to_its_end_and_dropped(void **state)
{
    struct buffer b = {0};
    struct request r;
    int client;

    (void)state;
    add_begin(&b);
    add_record(&b, PARAMS, "", 0);
    add_body(&b, 50000);
    add_record(&b, STDIN, "", 0);
    assert_true(receive(&r, &b, 100, &client));
    assert_true(r.body_too_large);
    assert_null(r.body);
    char rest;
    assert_int_equal(recv(r.fd, &rest, 1, MSG_DONTWAIT), 0);
    request_end(&r);
    close(client);
    buffer_free(&b);
}

/* Cut a request of every kind of record after each of its bytes. */
static void test_no_part_of_a_request_is_taken_for_a_whole_one(void **state)
{
    struct buffer b = {0};
    struct request r;
    int client;

    (void)state;
    add_begin(&b);
    add_variable(&b, "REQUEST_METHOD", "POST");
    add_record(&b, PARAMS, "", 0);
    add_body(&b, 10);
    add_record(&b, STDIN, "", 0);
    size_t whole = b.len;
    for (b.len = 0; b.len < whole; b.len++) {
        if (receive(&r, &b, 100, &client))
            fail_msg("%zu of %zu bytes passed", b.len, whole);
        assert_int_equal(r.fd, -1);
        char *answer = read_to_end(client, NULL); /* it was closed, or this would not end */
        assert_string_equal(answer, "");
        free(answer);
    }
    assert_true(receive(&r, &b, 100, &client));
    request_end(&r);
    close(client);
    buffer_free(&b);
}

static void test_what_is_not_fastcgi_is_closed(void **state)
{
    static const char *const junk[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                       "\2\1\2\3\4\5\6\7 another version",
                                       "\1\7\1\1\1\1\1\1\1\1\1\1\1\1\1\1"};
    struct request r;
    int client;

    (void)state;
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        struct buffer b = {.bytes = (char *)(uintptr_t)junk[i], .len = strlen(junk[i])};
        assert_false(receive(&r, &b, 100, &client));
        assert_int_equal(r.fd, -1);
        free(read_to_end(client, NULL));
    }
}

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
        cmocka_unit_test(test_a_whole_request_is_read),
        cmocka_unit_test(test_a_large_body_is_read_to_its_end_and_dropped),
        cmocka_unit_test(test_no_part_of_a_request_is_taken_for_a_whole_one),
        cmocka_unit_test(test_what_is_not_fastcgi_is_closed),
        LISTENING(test_connections_are_accepted_until_told_to_stop),
        LISTENING(test_a_waiting_worker_can_be_stopped),
        LISTENING(test_a_listener_that_is_none_ends_the_work),
    };

    if (!accept_setup())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
