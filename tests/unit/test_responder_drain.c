/* A responder that drains: nobody is accepted, its streams end over time, and it says when. */
#include <poll.h>

#include "fcgi/hub/responder.h"
#include "tests/unit/place.h"

enum { DEADLINE_MS = 10000, FOR_EVER_S = 3600, STREAMS = 4 };

struct service {
    struct place *place;
    struct responder *responder;
    int listener;
};

static int service_open(void **state)
{
    struct service *s = calloc(1, sizeof *s);
    assert_non_null(s);
    *state = s;
    place_open((void **)&s->place);
    s->listener = place_listen(s->place);
    assert_non_null(s->responder = responder_new(s->place->db));
    assert_true(responder_serve(s->responder, s->listener));
    return 0;
}

static int service_close(void **state)
{
    struct service *s = *state;
    responder_free(s->responder);
    close(s->listener);
    place_close((void **)&s->place);
    free(s);
    return 0;
}

static void send_record(int fd, int type, const char *content, size_t len)
{
    char record[8 + 255] = {1, (char)type, 0, 1, 0, (char)len, 0, 0};
    memcpy(record + 8, content, len);
    assert_int_equal(send(fd, record, 8 + len, MSG_NOSIGNAL), 8 + len);
}

/* Ask for a stream, whether or not it is accepted. */
static int ask(const struct service *s)
{
    static const char pairs[] = "\x0e\x03REQUEST_METHODGET\x09\x07PATH_INFO/events";
    int fd = place_connect(s->place);
    send_record(fd, 1, "\0\1\0\0\0\0\0\0", 8);
    send_record(fd, 4, pairs, sizeof pairs - 1);
    send_record(fd, 4, "", 0);
    send_record(fd, 5, "", 0);
    return fd;
}

static bool readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static void begin_streams(const struct service *s, int fd[STREAMS])
{
    for (int i = 0; i < STREAMS; i++)
        fd[i] = ask(s);
    for (int i = 0; i < STREAMS; i++) {
        char text[4096] = "";
        size_t have = 0;
        while (!memmem(text, have, "event: connected", 16)) {
            assert_true(readable(fd[i], DEADLINE_MS));
            ssize_t n = read(fd[i], text + have, sizeof text - have);
            assert_true(n > 0);
            have += (size_t)n;
        }
    }
}

static void expect_all_ended(int fd[STREAMS])
{
    for (int i = 0; i < STREAMS; i++) {
        size_t len;
        char *text = read_to_end(fd[i], &len);
        assert_non_null(memmem(text, len, "event: later\nretry: ", 20));
        free(text);
    }
}

static void test_one_that_never_streamed_is_empty_at_once(void **state)
{
    struct service *s = *state;
    assert_false(readable(responder_emptied(s->responder), 0));
    responder_drain(s->responder, FOR_EVER_S);
    assert_true(readable(responder_emptied(s->responder), DEADLINE_MS));
}

static void test_it_says_when_the_last_stream_of_a_drain_has_ended(void **state)
{
    struct service *s = *state;
    int fd[STREAMS];
    begin_streams(s, fd);
    responder_drain(s->responder, 1);
    assert_true(readable(responder_emptied(s->responder), DEADLINE_MS));
    expect_all_ended(fd);
}

static void test_that_it_was_empty_before_does_not_count(void **state)
{
    struct service *s = *state;
    int fd[STREAMS];
    begin_streams(s, fd);
    for (int i = 0; i < STREAMS; i++)
        close(fd[i]);
    assert_true(readable(responder_emptied(s->responder), DEADLINE_MS));
    begin_streams(s, fd);
    responder_drain(s->responder, FOR_EVER_S);
    assert_false(readable(responder_emptied(s->responder), 200));
    responder_drain(s->responder, 0);
    assert_true(readable(responder_emptied(s->responder), DEADLINE_MS));
    expect_all_ended(fd);
}

static void test_nobody_is_accepted_any_more(void **state)
{
    struct service *s = *state;
    int fd[STREAMS];
    begin_streams(s, fd);
    responder_drain(s->responder, FOR_EVER_S);
    int late = ask(s); /* it waits for the process that takes over the socket */
    assert_false(readable(late, 300));
    close(late);
    for (int i = 0; i < STREAMS; i++)
        close(fd[i]);
}

static void test_the_end_hastens_a_drain_under_way(void **state)
{
    struct service *s = *state;
    int fd[STREAMS];
    begin_streams(s, fd);
    responder_drain(s->responder, FOR_EVER_S);
    responder_free(s->responder);
    s->responder = NULL;
    expect_all_ended(fd);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, service_open, service_close)
    const struct CMUnitTest tests[] = {
        SERVED(test_one_that_never_streamed_is_empty_at_once),
        SERVED(test_it_says_when_the_last_stream_of_a_drain_has_ended),
        SERVED(test_that_it_was_empty_before_does_not_count),
        SERVED(test_nobody_is_accepted_any_more),
        SERVED(test_the_end_hastens_a_drain_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
