/* A responder that drains: nobody is accepted, its streams end over time, and it says when. */
#include <poll.h>
#include <pthread.h>

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

/* Ask, whether or not it is accepted. */
static int ask_for(const struct service *s, const char *path)
{
    char pairs[100];
    int len = snprintf(pairs, sizeof pairs, "\x0e\x03REQUEST_METHODGET\x09%cPATH_INFO%s",
                       (int)strlen(path), path);
    int fd = place_connect(s->place);
    send_record(fd, 1, "\0\1\0\0\0\0\0\0", 8);
    send_record(fd, 4, pairs, (size_t)len);
    send_record(fd, 4, "", 0);
    send_record(fd, 5, "", 0);
    return fd;
}

static int ask(const struct service *s)
{
    return ask_for(s, "/events");
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

/* More than a socket takes at once. */
static void publish_much(const struct service *s)
{
    static char data[100 * 1000 + 1];
    memset(data, 'x', sizeof data - 1);
    for (int i = 0; i < 10; i++)
        place_publish(s->place, "", data);
}

struct reading {
    int fd;
    pthread_t thread;
    char *bytes;
    size_t len;
};

static void *read_it(void *arg)
{
    struct reading *r = arg;
    r->bytes = read_to_end(r->fd, &r->len);
    return NULL;
}

static void test_large_answers_are_read_to_their_end_after_a_drain(void **state)
{
    struct service *s = *state;
    struct reading r;
    publish_much(s);
    r.fd = ask_for(s, "/history");
    assert_true(readable(r.fd, DEADLINE_MS));
    responder_drain(s->responder, FOR_EVER_S);
    assert_true(readable(responder_emptied(s->responder), DEADLINE_MS));
    assert_int_equal(pthread_create(&r.thread, NULL, read_it, &r), 0);
    responder_free(s->responder);
    s->responder = NULL;
    assert_int_equal(pthread_join(r.thread, NULL), 0);
    assert_true(r.len > 10 * 100 * 1000);
    assert_int_equal(r.bytes[r.len - 16 + 1], 3); /* the end of the request */
    free(r.bytes);
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
        SERVED(test_large_answers_are_read_to_their_end_after_a_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
