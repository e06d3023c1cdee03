/* The hub with a real loop and real sockets; what lies behind it (feeder, readers, janitor) is
 * played by the test. */
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "fcgi/hub.h"

enum { STREAMS_MAX = 64, QUESTIONS_MAX = 256, DEADLINE_MS = 10000, TEXT_MAX = 4 * 1024 * 1024 };

static const char *const EPOCH = "5f2a91c0";

struct world {
    struct hub *hub;
    struct settings *settings;
    pthread_t thread;
    struct batch_builder *builder;
    int64_t end;
    sem_t asked, ended, fanned_out, emptied, collected;
    struct question *question[QUESTIONS_MAX];
    int questions;
    struct mark last_ended;
    struct mark *marks;
    size_t marks_n;
};

static void on_ask(void *arg, struct question *q)
{
    struct world *w = arg;
    w->question[w->questions++] = q;
    sem_post(&w->asked);
}

static void on_ended(void *arg, struct ending *e)
{
    struct world *w = arg;
    w->last_ended = e->mark;
    free(e);
    sem_post(&w->ended);
}

static void on_marks(void *arg, struct mark *marks, size_t n)
{
    struct world *w = arg;
    free(w->marks);
    w->marks = marks;
    w->marks_n = n;
    sem_post(&w->collected);
}

static void on_fanned_out(void *arg)
{
    sem_post(&((struct world *)arg)->fanned_out);
}

static void on_emptied(void *arg)
{
    sem_post(&((struct world *)arg)->emptied);
}

static void *run(void *arg)
{
    hub_run(((struct world *)arg)->hub);
    return NULL;
}

static void await(sem_t *s)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += DEADLINE_MS / 1000;
    assert_int_equal(sem_timedwait(s, &t), 0);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    sem_t *all[] = {&w->asked, &w->ended, &w->fanned_out, &w->emptied, &w->collected};
    struct hub_friends friends = {w, on_ask, on_ended, on_marks, on_fanned_out, on_emptied};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        sem_init(all[i], 0, 0);
    w->settings = settings_new();
    w->settings->heartbeat_interval = 1;
    w->settings->memory_bytes = 2 * 1024 * 1024;
    w->settings->max_event_bytes = 1024; /* else it raises the limit */
    w->settings->tail_bytes = 256 * 1024;
    w->builder = batch_builder_new();
    w->hub = hub_new(&friends, w->settings, STREAMS_MAX);
    w->end = 100;
    assert_true(hub_reset(w->hub, EPOCH, w->end));
    pthread_create(&w->thread, NULL, run, w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    hub_stop(w->hub);
    pthread_join(w->thread, NULL);
    hub_free(w->hub);
    batch_builder_free(w->builder);
    settings_unref(w->settings);
    free(w->marks);
    free(w);
    return 0;
}

/* A stream from `cursor` on; returns its peer. */
static int begin_stream(struct world *w, int64_t stream_id, int64_t cursor)
{
    int pair[2];
    struct ticket *t = calloc(1, sizeof *t);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    t->fd = pair[0];
    t->framing = FRAMING_FASTCGI;
    t->request_id = 1;
    t->ids = true;
    t->stream_id = stream_id;
    if (stream_id) {
        t->ending = calloc(1, sizeof *t->ending);
        t->ending->mark.stream_id = stream_id;
    }
    t->bookmark = t->cursor = cursor;
    t->until = w->end;
    t->last_sent = cursor;
    memcpy(t->epoch, EPOCH, sizeof t->epoch);
    t->subscription = subscription_new(NULL, NULL, 0, NULL, 0);
    buffer_text(&t->prologue, "hello\n\n");
    hub_serve(w->hub, t);
    return pair[1];
}

static struct batch *batch_of(struct world *w, int64_t after, int64_t through, const char *data,
                              size_t len)
{
    struct batch_format format = {.epoch = EPOCH, .ids = true};
    batch_builder_begin(w->builder, &format);
    for (int64_t id = after + 1; id <= through; id++) {
        struct event e = {
            .id = id, .mailbox = "", .type = "message", .data = data, .data_len = len};
        assert_int_not_equal(batch_builder_add(w->builder, &e), BATCH_NO_ROOM);
    }
    return batch_builder_finish(w->builder, after, through);
}

static void feed(struct world *w, const char *data, size_t len)
{
    assert_true(hub_feed(w->hub, batch_of(w, w->end, w->end + 1, data, len)));
    w->end++;
    await(&w->fanned_out);
}

/* Read records until their content holds `what`, or (what NULL) until the end; the content so
 * far.  *ended: FCGI_END_REQUEST came. */
static char *read_until(int fd, const char *what, bool *ended)
{
    static char text[TEXT_MAX];
    static unsigned char raw[TEXT_MAX];
    size_t have = 0, len = 0;
    *ended = false;
    for (;;) {
        while (have >= 8 && have >= 8u + raw[4] * 256u + raw[5]) {
            size_t content = raw[4] * 256u + raw[5];
            if (raw[1] == 6)
                memcpy(text + len, raw + 8, content);
            len += raw[1] == 6 ? content : 0;
            *ended = *ended || raw[1] == 3;
            have -= 8 + content;
            memmove(raw, raw + 8 + content, have);
        }
        text[len] = '\0';
        if (what && strstr(text, what))
            return text;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, DEADLINE_MS) != 1)
            fail_msg("awaited \"%s\", got \"%.300s\"", what ? what : "the end", text);
        ssize_t n = read(fd, raw + have, sizeof raw - have);
        if (n <= 0) {
            if (what)
                fail_msg("awaited \"%s\", the stream ended with \"%.300s\"", what, text);
            return text;
        }
        have += (size_t)n;
    }
}

static void expect(int fd, const char *what)
{
    bool ended;
    read_until(fd, what, &ended);
}

static void test_a_fed_row_reaches_every_stream(void **state)
{
    struct world *w = *state;
    int fd[20];
    for (int i = 0; i < 20; i++)
        fd[i] = begin_stream(w, 0, 100);
    feed(w, "first", 5);
    for (int i = 0; i < 20; i++) {
        expect(fd[i], "hello\n\ndata: first\nid: 5f2a91c0-101\n\n");
        close(fd[i]);
    }
}

static void test_equal_questions_behind_the_tail_are_asked_once(void **state)
{
    struct world *w = *state;
    int a = begin_stream(w, 0, 90), b = begin_stream(w, 0, 90);
    expect(a, "hello");
    expect(b, "hello");
    await(&w->asked);
    assert_int_equal(w->question[0]->after, 90);
    w->question[0]->answer = batch_of(w, 90, 100, "old", 3);
    hub_answer(w->hub, w->question[0]);
    expect(a, "data: old\nid: 5f2a91c0-100\n\n");
    expect(b, "data: old\nid: 5f2a91c0-100\n\n");
    assert_int_equal(w->questions, 1);
    feed(w, "new", 3);
    expect(a, "data: new\nid: 5f2a91c0-101\n\n");
    close(a);
    close(b);
}

static void test_a_question_without_an_answer_is_asked_again(void **state)
{
    struct world *w = *state;
    int a = begin_stream(w, 0, 99);
    await(&w->asked);
    hub_answer(w->hub, w->question[0]);
    await(&w->asked);
    w->question[1]->answer = batch_of(w, 99, 100, "late", 4);
    hub_answer(w->hub, w->question[1]);
    expect(a, "data: late\n");
    close(a);
}

static void test_an_answer_to_a_stream_that_left_is_let_go(void **state)
{
    struct world *w = *state;
    int a = begin_stream(w, 7, 99);
    await(&w->asked);
    close(a);
    await(&w->ended);
    w->question[0]->answer = batch_of(w, 99, 100, "late", 4);
    hub_answer(w->hub, w->question[0]);
    feed(w, "x", 1); /* which shows that the answer was handled */
}

static void test_a_peer_that_leaves_is_told_the_end_and_its_mark_is_passed_on(void **state)
{
    struct world *w = *state;
    bool ended;
    int a = begin_stream(w, 42, 100);
    expect(a, "hello");
    shutdown(a, SHUT_WR);
    read_until(a, NULL, &ended);
    assert_true(ended);
    await(&w->ended);
    assert_int_equal(w->last_ended.stream_id, 42);
    assert_int_equal(w->last_ended.position, 100);
    close(a);
}

static void test_a_stalled_stream_delays_nobody_and_is_closed_when_memory_is_short(void **state)
{
    struct world *w = *state;
    size_t len = 1024 * 1024;
    char *large = malloc(len);
    memset(large, 'x', len);
    int stalled = begin_stream(w, 13, 100), other = begin_stream(w, 0, 100);
    for (int i = 0; i < 4; i++) {
        char id[32];
        feed(w, large, len);
        snprintf(id, sizeof id, "id: %s-%d\n\n", EPOCH, 101 + i);
        expect(other, id);
    }
    await(&w->ended); /* its batch had left the tail, and was the only one over the limit */
    assert_int_equal(w->last_ended.stream_id, 13);
    assert_true(batch_memory() <= (size_t)w->settings->memory_bytes);
    close(stalled);
    close(other);
    free(large);
}

static void test_draining_ends_each_stream_behind_its_event_with_a_retry(void **state)
{
    struct world *w = *state;
    bool ended;
    size_t len = 1024 * 1024;
    char *large = malloc(len);
    memset(large, 'x', len);
    int a = begin_stream(w, 0, 100), b = begin_stream(w, 0, 100);
    expect(b, "hello");
    feed(w, large, len);
    hub_drain(w->hub, DEADLINE_MS);
    char *text = read_until(a, NULL, &ended);
    assert_true(ended);
    assert_non_null(strstr(text, "x\nid: 5f2a91c0-101\n\nevent: later\nretry: "));
    assert_string_equal(text + strlen(text) - 2, "\n\n");
    read_until(b, NULL, &ended);
    assert_true(ended);
    await(&w->emptied);
    int late = begin_stream(w, 0, 100);
    text = read_until(late, NULL, &ended);
    assert_true(ended);
    assert_non_null(strstr(text, "hello\n\n"));
    close(a);
    close(b);
    close(late);
    free(large);
}

static void test_another_log_is_told_to_streams_of_the_old_one_only(void **state)
{
    struct world *w = *state;
    int a = begin_stream(w, 0, 100);
    expect(a, "hello");
    assert_true(hub_reset(w->hub, "00000001", 5));
    expect(a, "event: gap\ndata: {\"reason\":\"epoch\",\"from\":null,\"oldest\":null}\n"
              "id: 00000001-5\n\n");
    int b = begin_stream(w, 8, 100); /* claimed from the old log, just before */
    expect(b, "\"reason\":\"epoch\"");
    shutdown(b, SHUT_WR);
    await(&w->ended); /* its bookmark is of the new log, not the old position under its name */
    assert_string_equal(w->last_ended.epoch, "00000001");
    assert_int_equal(w->last_ended.position, 5);
    close(a);
    close(b);
}

static void test_a_heartbeat_carries_the_position_only_when_it_moved(void **state)
{
    struct world *w = *state;
    bool ended;
    int a = begin_stream(w, 0, 100);
    char *text = read_until(a, "event: heartbeat\ndata: {\"timestamp\":", &ended);
    assert_null(strstr(text, "id: "));
    struct batch_format format = {.epoch = EPOCH, .ids = true};
    struct event e = {
        .id = 101, .mailbox = "elsewhere", .type = "t", .data = "", .data_len = 0};
    batch_builder_begin(w->builder, &format);
    batch_builder_add(w->builder, &e);
    assert_true(hub_feed(w->hub, batch_builder_finish(w->builder, 100, 101)));
    expect(a, "id: 5f2a91c0-101\n\n");
    close(a);
}

static void test_a_stream_that_waits_for_an_answer_hears_heartbeats(void **state)
{
    struct world *w = *state;
    int a = begin_stream(w, 0, 99);
    await(&w->asked);
    expect(a, "event: heartbeat");
    w->question[0]->answer = batch_of(w, 99, 100, "late", 4);
    hub_answer(w->hub, w->question[0]);
    expect(a, "data: late\nid: 5f2a91c0-100\n\n");
    assert_int_equal(w->questions, 1);
    close(a);
}

static void *answer_nothing(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < QUESTIONS_MAX; i++) {
        await(&w->asked);
        hub_answer(w->hub, w->question[i]);
    }
    return NULL;
}

static void test_a_stream_that_is_put_off_hears_heartbeats(void **state)
{
    struct world *w = *state;
    pthread_t reader;
    int a = begin_stream(w, 5, 99);
    pthread_create(&reader, NULL, answer_nothing, w);
    expect(a, "event: heartbeat");
    close(a);
    await(&w->ended);
    pthread_cancel(reader);
    pthread_join(reader, NULL);
    while (sem_trywait(&w->asked) == 0)
        hub_answer(w->hub, w->question[w->questions - 1]);
}

static void test_who_was_let_in_at_the_last_seat_is_served(void **state)
{
    struct world *w = *state;
    int fd[STREAMS_MAX + 3];
    for (int i = 0; i < STREAMS_MAX + 3; i++) /* as workers that asked at the same moment do */
        fd[i] = begin_stream(w, 0, 100);
    for (int i = 0; i < STREAMS_MAX + 3; i++)
        expect(fd[i], "hello");
    assert_true(hub_is_full(w->hub));
    for (int i = 0; i < STREAMS_MAX + 3; i++)
        close(fd[i]);
}

static void test_rows_for_others_do_not_keep_heartbeats_back(void **state)
{
    struct world *w = *state;
    struct batch_format format = {.epoch = EPOCH, .ids = true};
    int a = begin_stream(w, 0, 100);
    expect(a, "hello");
    struct pollfd p = {.fd = a, .events = POLLIN};
    for (int round = 0; poll(&p, 1, 100) == 0; round++) {
        struct event e = {.id = ++w->end, .mailbox = "elsewhere", .type = "t", .data = ""};
        assert_true(round < DEADLINE_MS / 100);
        batch_builder_begin(w->builder, &format);
        batch_builder_add(w->builder, &e);
        assert_true(hub_feed(w->hub, batch_builder_finish(w->builder, w->end - 1, w->end)));
        await(&w->fanned_out);
    }
    expect(a, "event: heartbeat");
    close(a);
}

static void test_only_the_streams_named_are_ended(void **state)
{
    struct world *w = *state;
    bool ended;
    int64_t ids[] = {3, 1};
    int a = begin_stream(w, 1, 100), b = begin_stream(w, 2, 100), c = begin_stream(w, 3, 100);
    expect(a, "hello");
    expect(b, "hello");
    expect(c, "hello");
    assert_true(hub_end_streams(w->hub, ids, 2));
    read_until(a, NULL, &ended);
    assert_true(ended);
    read_until(c, NULL, &ended);
    assert_true(ended);
    feed(w, "still here", 10);
    expect(b, "data: still here");
    close(a);
    close(b);
    close(c);
}

static void test_marks_are_collected_once_for_each_that_moved(void **state)
{
    struct world *w = *state;
    int a = begin_stream(w, 9, 100);
    expect(a, "hello");
    hub_collect(w->hub);
    await(&w->collected);
    assert_int_equal(w->marks_n, 0); /* the claim saved it */
    feed(w, "x", 1);
    do { /* it trails by two rounds of 2 s */
        expect(a, "event: heartbeat");
        hub_collect(w->hub);
        await(&w->collected);
    } while (w->marks_n == 0);
    assert_int_equal(w->marks[0].stream_id, 9);
    assert_int_equal(w->marks[0].position, 101);
    close(a);
}

#define HUB_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(test_a_fed_row_reaches_every_stream),
        HUB_TEST(test_equal_questions_behind_the_tail_are_asked_once),
        HUB_TEST(test_a_question_without_an_answer_is_asked_again),
        HUB_TEST(test_an_answer_to_a_stream_that_left_is_let_go),
        HUB_TEST(test_a_peer_that_leaves_is_told_the_end_and_its_mark_is_passed_on),
        HUB_TEST(test_a_stalled_stream_delays_nobody_and_is_closed_when_memory_is_short),
        HUB_TEST(test_draining_ends_each_stream_behind_its_event_with_a_retry),
        HUB_TEST(test_another_log_is_told_to_streams_of_the_old_one_only),
        HUB_TEST(test_a_heartbeat_carries_the_position_only_when_it_moved),
        HUB_TEST(test_a_stream_that_waits_for_an_answer_hears_heartbeats),
        HUB_TEST(test_a_stream_that_is_put_off_hears_heartbeats),
        HUB_TEST(test_who_was_let_in_at_the_last_seat_is_served),
        HUB_TEST(test_rows_for_others_do_not_keep_heartbeats_back),
        HUB_TEST(test_only_the_streams_named_are_ended),
        HUB_TEST(test_marks_are_collected_once_for_each_that_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
