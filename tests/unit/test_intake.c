#include <fcntl.h>
#include <sys/time.h>

#include "fcgi/request/intake.h"
#include "fcgi/request/reply.h"
#include "tests/unit/fastcgi_bytes.h"
#include "tests/unit/http_helpers.h"

/* A connection that was accepted at 0 ms; *client is its other end. */
static void begin(struct intake *i, int *client, const struct intake_patience *patience)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    *client = pair[1];
    intake_begin(i, pair[0], patience, 0);
}

static void say(int client, const struct buffer *bytes, size_t from, size_t to)
{
    assert_false(bytes->failed);
    assert_int_equal(send(client, bytes->bytes + from, to - from, MSG_NOSIGNAL), to - from);
}

/* A POST with a body of `len` bytes. */
static struct buffer post(size_t len)
{
    struct buffer b = {0};

    add_begin(&b);
    add_variable(&b, "REQUEST_METHOD", "POST");
    add_variable(&b, "HTTP_COOKIE", "a=b");
    add_end_of(&b, FCGI_PARAMS);
    add_body(&b, len);
    add_end_of(&b, FCGI_STDIN);
    return b;
}

static bool is_closed(int client)
{
    char *answer = read_to_end(client, NULL); /* else it would not end */
    bool nothing = answer[0] == '\0';

    free(answer);
    return nothing;
}

static void test_a_whole_request_is_read(void **state)
{
    struct buffer b = post(20000);
    struct intake i;
    struct timeval patience = {.tv_sec = 9};
    socklen_t size = sizeof patience;
    int client;

    (void)state;
    begin(&i, &client, NULL);
    say(client, &b, 0, b.len);
    assert_int_equal(intake_step(&i), INTAKE_HEADERS);
    assert_true(i.request.body_unread);
    intake_want(&i, 20000, 0);
    assert_int_equal(intake_step(&i), INTAKE_WHOLE);
    assert_false(i.request.body_unread);
    assert_string_equal(i.request.method, "POST");
    assert_string_equal(i.request.cookie, "a=b");
    assert_int_equal(i.request.framing, FRAMING_FASTCGI);
    assert_int_equal(i.request.request_id, 1);
    assert_int_equal(i.request.body_len, 20000);
    assert_int_equal(strspn(i.request.body, "x"), 20000);
    assert_in_range(intake_size(&i), 20000, 100000);

    /* The connection is left as a stream needs it. */
    assert_int_equal(getsockopt(i.request.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, &size), 0);
    assert_int_equal(patience.tv_sec, 0);
    assert_int_equal(fcntl(i.request.fd, F_GETFL) & O_NONBLOCK, 0);
    intake_end(&i);
    close(client);
    buffer_free(&b);
}

/* Cut a request of every kind of record after each of its bytes. */
static void test_no_part_of_a_request_is_taken_for_a_whole_one(void **state)
{
    struct buffer b = post(10);
    struct intake i;
    int client;

    (void)state;
    for (size_t cut = 0; cut < b.len; cut++) {
        begin(&i, &client, NULL);
        say(client, &b, 0, cut);
        enum intake_news news = intake_step(&i);
        if (news == INTAKE_HEADERS) {
            intake_want(&i, 100, 0);
            news = intake_step(&i);
        }
        assert_int_equal(news, INTAKE_WAITS);
        shutdown(client, SHUT_WR);
        assert_int_equal(intake_step(&i), INTAKE_OVER);
        intake_end(&i);
        assert_true(is_closed(client));
    }
    buffer_free(&b);
}

static void test_a_body_that_is_not_wanted_is_read_to_its_end(void **state)
{
    struct buffer b = post(50000);
    struct intake i;
    char rest;
    int client;

    (void)state;
    begin(&i, &client, NULL);
    say(client, &b, 0, b.len);
    assert_int_equal(intake_step(&i), INTAKE_HEADERS);
    intake_want(&i, 0, 0);
    assert_int_equal(intake_step(&i), INTAKE_WHOLE);
    assert_null(i.request.body);
    assert_true(recv(i.request.fd, &rest, 1, MSG_DONTWAIT) <
                0); /* nothing: no reset at close */
    intake_end(&i);
    close(client);
    buffer_free(&b);
}

static void test_a_body_that_is_too_large_is_known_before_its_end(void **state)
{
    struct buffer b = post(50000);
    struct intake i;
    int client;

    (void)state;
    begin(&i, &client, NULL);
    say(client, &b, 0, 20000);
    assert_int_equal(intake_step(&i), INTAKE_HEADERS);
    intake_want(&i, 100, 0);
    assert_int_equal(intake_step(&i), INTAKE_WHOLE);
    assert_true(i.request.body_too_large);
    assert_true(i.request.body_unread);
    intake_rest(&i, 0);
    assert_int_equal(intake_step(&i), INTAKE_WAITS);
    say(client, &b, 20000, b.len);
    assert_int_equal(intake_step(&i), INTAKE_OVER);
    intake_end(&i);
    close(client);
    buffer_free(&b);
}

/* The clock is the test's: bytes that trickle in do not move a deadline. */
static void test_each_stage_has_one_deadline_in_all(void **state)
{
    const struct intake_patience patience = {.head = 100, .body = 1000, .rest = 10};
    struct buffer b = post(10);
    struct intake i;
    size_t at = 0;
    int client;

    (void)state;
    begin(&i, &client, &patience);
    enum intake_news news = INTAKE_WAITS;
    for (; news == INTAKE_WAITS; at++) {
        assert_false(intake_is_late(&i, 99));
        assert_true(intake_is_late(&i, 100));
        say(client, &b, at, at + 1);
        news = intake_step(&i);
    }
    assert_int_equal(news, INTAKE_HEADERS);
    intake_want(&i, 100, 50);
    for (; at < b.len - 1; at++) {
        say(client, &b, at, at + 1);
        assert_int_equal(intake_step(&i), INTAKE_WAITS);
        assert_false(intake_is_late(&i, 1049));
        assert_true(intake_is_late(&i, 1050));
    }
    assert_true(intake_refuse(&i, 408, "too slow"));
    intake_rest(&i, 1050);
    assert_false(intake_is_late(&i, 1059));
    assert_true(intake_is_late(&i, 1060));
    assert_false(intake_refuse(&i, 408, "once is enough"));
    intake_end(&i);
    buffer_free(&b);
    char *text = read_to_end(client, NULL);
    assert_has(text + FASTCGI_HEADER, "Status: 408 Request Timeout\r\n");
    free(text);
}

static void test_an_answer_does_not_wait_for_the_body_and_is_not_reset(void **state)
{
    struct buffer b = post(100);
    struct intake i;
    char answer[1024] = "";
    int client;

    (void)state;
    begin(&i, &client, NULL);
    say(client, &b, 0, b.len - 108 - FCGI_HEADER_LEN); /* not a byte of the body */
    assert_int_equal(intake_step(&i), INTAKE_HEADERS);
    reply_error(&i.request, 401, NULL, "no");
    assert_int_not_equal(i.request.fd, -1);
    intake_rest(&i, 0);
    say(client, &b, b.len - 108 - FCGI_HEADER_LEN, b.len);
    assert_int_equal(intake_step(&i), INTAKE_OVER);
    intake_end(&i);
    assert_true(recv(client, answer, sizeof answer - 1, 0) > 0);
    assert_has(answer + FASTCGI_HEADER, "Status: 401 ");
    while (recv(client, answer, sizeof answer, 0) > 0)
        ;
    assert_int_equal(recv(client, answer, sizeof answer, 0), 0); /* the end, no ECONNRESET */
    close(client);
    buffer_free(&b);
}

static void test_another_role_is_told_so(void **state)
{
    struct buffer b = {0};
    struct intake i;
    size_t len;
    int client;

    (void)state;
    add_record(&b, FCGI_BEGIN_REQUEST, "\0\3\0\0\0\0\0\0", 8);
    begin(&i, &client, NULL);
    say(client, &b, 0, b.len);
    assert_int_equal(intake_step(&i), INTAKE_OVER);
    intake_end(&i);
    char *text = read_to_end(client, &len);
    assert_int_equal(len, FASTCGI_DECLINE);
    assert_int_equal(text[1], FCGI_END_REQUEST);
    assert_int_equal(text[12], FCGI_UNKNOWN_ROLE);
    free(text);
    buffer_free(&b);
}

static void test_what_is_not_fastcgi_is_closed(void **state)
{
    struct buffer b = {0};
    struct intake i;
    int client;

    (void)state;
    buffer_text(&b, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    begin(&i, &client, NULL);
    say(client, &b, 0, b.len);
    assert_int_equal(intake_step(&i), INTAKE_OVER);
    assert_false(intake_refuse(&i, 503, "nobody to tell"));
    intake_end(&i);
    assert_true(is_closed(client));
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_request_is_read),
        cmocka_unit_test(test_no_part_of_a_request_is_taken_for_a_whole_one),
        cmocka_unit_test(test_a_body_that_is_not_wanted_is_read_to_its_end),
        cmocka_unit_test(test_a_body_that_is_too_large_is_known_before_its_end),
        cmocka_unit_test(test_each_stage_has_one_deadline_in_all),
        cmocka_unit_test(test_an_answer_does_not_wait_for_the_body_and_is_not_reset),
        cmocka_unit_test(test_another_role_is_told_so),
        cmocka_unit_test(test_what_is_not_fastcgi_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
