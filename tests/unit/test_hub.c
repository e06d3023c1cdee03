/* Rows, questions, heartbeats, marks: what the hub does while it runs. */
#include "tests/unit/hub_world.h"

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

/* Feed one state of a key. */
static void feed_state(struct world *w, const char *data)
{
    assert_true(
        hub_feed(w->hub, keyed_batch_of(w, w->end, w->end + 1, "k", data, strlen(data))));
    w->end++;
    await(&w->fanned_out);
}

/* A stream whose client does not say what it had last. */
static int begin_anew_as(struct world *w, int64_t stream_id, int64_t cursor)
{
    int peer;
    struct ticket *t = ticket_of(w, stream_id, cursor, &peer);
    t->cursor.anew = true;
    hub_serve(w->hub, t);
    return peer;
}

static int begin_anew(struct world *w, int64_t cursor)
{
    return begin_anew_as(w, 0, cursor);
}

/* The rows of an answer to the stream that began at `after`, read when the log ended at `end`. */
static void answer_state(struct world *w, int n, int64_t after, int64_t end, const char *data)
{
    await(&w->asked);
    assert_int_equal(w->question[n]->after, after);
    w->question[n]->answer = keyed_batch_of(w, after, end, "k", data, strlen(data));
    hub_answer(w->hub, w->question[n]);
}

static void test_a_page_that_is_loaded_anew_gets_no_state_that_was_replaced(void **state)
{
    struct world *w = *state;
    feed_state(w, "first");
    feed_state(w, "second");
    int resumes = begin_stream(w, 0, 100), anew = begin_anew(w, 100);
    expect(resumes, "data: first\nid: 5f2a91c0-101\n\ndata: second\nid: 5f2a91c0-102\n\n");
    answer_state(w, 0, 100, 102, "newest");
    bool ended;
    char *text = read_until(anew, "data: newest\nid: 5f2a91c0-102\n\n", &ended);
    assert_null(strstr(text, "first"));
    feed_state(w, "live");
    expect(anew, "data: live\nid: 5f2a91c0-103\n\n");
    assert_int_equal(w->questions, 1);
    close(resumes);
    close(anew);
}

static void test_a_page_takes_no_answer_that_was_read_before_it_came(void **state)
{
    struct world *w = *state;
    feed_state(w, "first");
    feed_state(w, "second");
    int early = begin_anew(w, 100);
    await(&w->asked);
    feed_state(w, "third");
    int late = begin_anew(w, 100); /* waits for the same answer */
    expect(late, "hello");
    w->question[0]->answer = keyed_batch_of(w, 100, 102, "k", "second", 6);
    hub_answer(w->hub, w->question[0]);
    expect(early, "data: second\nid: 5f2a91c0-102\n\n");
    answer_state(w, 1, 100, 103, "third");
    bool ended;
    char *text = read_until(late, "data: third\nid: 5f2a91c0-103\n\n", &ended);
    assert_null(strstr(text, "second"));
    close(early);
    close(late);
}

static void test_a_page_that_is_loaded_anew_takes_news_from_the_tail(void **state)
{
    struct world *w = *state;
    feed(w, "news", 4);
    int anew = begin_anew(w, 100);
    expect(anew, "data: news\nid: 5f2a91c0-101\n\n");
    assert_int_equal(w->questions, 0);
    close(anew);
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
    assert_int_equal(last_ended(w).stream_id, 42);
    assert_int_equal(last_ended(w).position, 100);
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
    assert_int_equal(last_ended(w).stream_id, 13);
    assert_true(batch_memory() <= (size_t)w->settings->memory_bytes);
    close(stalled);
    close(other);
    free(large);
}

/* The tail has these rows, too, but in a batch that the page did not take. */
static void
test_a_stalled_page_that_was_loaded_anew_is_closed_when_memory_is_short(void **state)
{
    struct world *w = *state;
    static char large[3 * 1024 * 1024];
    memset(large, 'x', sizeof large);
    feed_state(w, "first");
    feed_state(w, "second");
    int stalled = begin_anew_as(w, 13, 100);
    await(&w->asked);
    struct question *q = w->question[0];
    q->answer = keyed_batch_of(w, 100, 101, "k", large, sizeof large);
    q->answer->log_end = 102;
    hub_answer(w->hub, q);
    await(&w->ended);
    assert_int_equal(last_ended(w).stream_id, 13);
    close(stalled);
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
    assert_string_equal(last_ended(w).epoch, "00000001");
    assert_int_equal(last_ended(w).position, 5);
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
    feed_elsewhere(w);
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

static void test_one_that_finds_no_seat_is_told_later_and_keeps_its_place(void **state)
{
    struct world *w = *state;
    enum { MORE = 16 }; /* seats for workers that asked at the same moment */
    int fd[STREAMS_MAX + MORE];
    bool ended;
    for (int i = 0; i < STREAMS_MAX + MORE; i++)
        fd[i] = begin_stream(w, 0, 100);
    int late = begin_stream(w, 77, 90);
    char *text = read_until(late, NULL, &ended);
    assert_ptr_equal(strstr(text, "Status: 200 OK\r\nContent-Type: text/event-stream\r\n"),
                     text);
    assert_non_null(strstr(text, "\r\n\r\nevent: later\nretry: "));
    assert_true(ended);
    await(&w->ended);
    assert_int_equal(last_ended(w).stream_id, 77);
    assert_int_equal(last_ended(w).position, 90);
    close(late);
    for (int i = 0; i < STREAMS_MAX + MORE; i++)
        close(fd[i]);
}

static void test_rows_for_others_do_not_keep_heartbeats_back(void **state)
{
    struct world *w = *state;
    int a = begin_stream(w, 0, 100);
    expect(a, "hello");
    struct pollfd p = {.fd = a, .events = POLLIN};
    for (int round = 0; poll(&p, 1, 100) == 0; round++) {
        assert_true(round < DEADLINE_MS / 100);
        feed_elsewhere(w);
    }
    expect(a, "event: heartbeat");
    close(a);
}

static void test_a_busy_stream_hears_heartbeats_too(void **state)
{
    struct world *w = *state;
    bool ended, beat = false;
    int a = begin_stream(w, 0, 100);
    for (time_t until = time(NULL) + DEADLINE_MS / 1000; !beat;) {
        assert_true(time(NULL) < until);
        feed(w, "busy", 4);
        char *text = read_until(a, "data: busy", &ended);
        beat = strstr(text, "event: heartbeat\n") != NULL;
    }
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
    assert_true(hub_collect(w->hub, false));
    await(&w->collected);
    assert_int_equal(w->marks->n, 0); /* the claim saved it */
    feed(w, "x", 1);
    do { /* it trails by 2 s */
        expect(a, "event: heartbeat");
        assert_true(hub_collect(w->hub, false));
        await(&w->collected);
    } while (w->marks->n == 0);
    assert_int_equal(w->marks->bookmark[0].stream_id, 9);
    assert_int_equal(w->marks->bookmark[0].position, 101);
    close(a);
}

/* Until a row that was written long enough ago is in what is collected. */
static void collect_until_moved(struct world *w, int fd, bool all)
{
    do {
        expect(fd, "event: heartbeat");
        assert_true(hub_collect(w->hub, all));
        await(&w->collected);
    } while (w->marks->n == 0 || w->marks->bookmark[0].position == 100);
}

static void test_marks_that_were_not_saved_are_given_again(void **state)
{
    struct world *w = *state;
    int a = begin_stream(w, 9, 100);
    feed(w, "x", 1);
    collect_until_moved(w, a, false);
    assert_true(hub_collect(w->hub, false));
    await(&w->collected);
    assert_int_equal(w->marks->n, 0);
    assert_true(hub_collect(w->hub, true));
    await(&w->collected);
    assert_int_equal(w->marks->n, 1);
    assert_int_equal(w->marks->bookmark[0].position, 101);
    close(a);
}

static int64_t ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A second and more after it was written, and less than 2 s; false: we were too slow. */
static bool left_unread(struct world *w)
{
    int64_t before = w->end;
    int a = begin_stream(w, 9, before);
    expect(a, "hello");
    int64_t written = ms();
    feed(w, "x", 1); /* it stays in the socket */
    int b = begin_stream(w, 0, w->end);
    for (int i = 0; i < 2; i++)
        expect(b, "event: heartbeat");
    assert_int_equal(shutdown(a, SHUT_WR), 0);
    await(&w->ended);
    bool in_time = ms() - written < 2000;
    if (in_time)
        assert_int_equal(last_ended(w).position, before);
    close(a);
    close(b);
    return in_time;
}

static void test_a_peer_that_left_without_reading_all_did_not_receive_it(void **state)
{
    while (!left_unread(*state))
        ;
}

static void test_a_peer_that_read_all_and_left_in_order_received_it(void **state)
{
    struct world *w = *state;
    int a = begin_stream(w, 9, 100), b = begin_stream(w, 10, 100);
    feed(w, "x", 1);
    expect(a, "data: x");
    expect(b, "event: heartbeat");
    expect(a, "event: heartbeat");
    expect(b, "event: heartbeat");
    expect(a, "event: heartbeat");
    assert_int_equal(shutdown(a, SHUT_WR), 0);
    await(&w->ended);
    assert_int_equal(last_ended(w).position, 101);
    close(a);
    close(b);
}

static void test_streams_that_are_probed_hear_a_heartbeat_at_once(void **state)
{
    struct world *w = *state;
    int64_t ids[] = {77, 9};
    set(w, 3600, 0); /* none by itself */
    int a = begin_stream(w, 9, 100), b = begin_stream(w, 10, 100);
    expect(a, "hello");
    expect(b, "hello");
    hub_probe(w->hub, ids, 2);
    expect(a, "event: heartbeat");
    feed(w, "x", 1);
    assert_null(strstr(read_until(b, "data: x", &(bool){false}), "heartbeat"));
    hub_probe(w->hub, ids, 2);
    expect(a, "event: heartbeat"); /* each time */
    close(a);
    close(b);
}

static void test_an_order_that_overtakes_its_stream_ends_it_when_it_comes(void **state)
{
    struct world *w = *state;
    int64_t ids[] = {5, 9, 7};
    bool ended;
    assert_true(hub_end_streams(w->hub, ids, 3));
    int other = begin_stream(w, 8, 100), late = begin_stream(w, 9, 100);
    char *text = read_until(late, NULL, &ended);
    assert_true(ended);
    assert_non_null(strstr(text, "event: later"));
    feed(w, "still here", 10);
    expect(other, "data: still here");
    int later = begin_stream(w, 7, 101); /* each of them, not the first alone */
    read_until(later, NULL, &ended);
    assert_true(ended);
    close(other);
    close(late);
    close(later);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(test_a_fed_row_reaches_every_stream),
        HUB_TEST(test_equal_questions_behind_the_tail_are_asked_once),
        HUB_TEST(test_a_page_that_is_loaded_anew_gets_no_state_that_was_replaced),
        HUB_TEST(test_a_page_takes_no_answer_that_was_read_before_it_came),
        HUB_TEST(test_a_page_that_is_loaded_anew_takes_news_from_the_tail),
        HUB_TEST(test_a_question_without_an_answer_is_asked_again),
        HUB_TEST(test_an_answer_to_a_stream_that_left_is_let_go),
        HUB_TEST(test_a_peer_that_leaves_is_told_the_end_and_its_mark_is_passed_on),
        HUB_TEST(test_a_stalled_stream_delays_nobody_and_is_closed_when_memory_is_short),
        HUB_TEST(test_a_stalled_page_that_was_loaded_anew_is_closed_when_memory_is_short),
        HUB_TEST(test_another_log_is_told_to_streams_of_the_old_one_only),
        HUB_TEST(test_a_heartbeat_carries_the_position_only_when_it_moved),
        HUB_TEST(test_a_stream_that_waits_for_an_answer_hears_heartbeats),
        HUB_TEST(test_a_stream_that_is_put_off_hears_heartbeats),
        HUB_TEST(test_who_was_let_in_at_the_last_seat_is_served),
        HUB_TEST(test_one_that_finds_no_seat_is_told_later_and_keeps_its_place),
        HUB_TEST(test_rows_for_others_do_not_keep_heartbeats_back),
        HUB_TEST(test_a_busy_stream_hears_heartbeats_too),
        HUB_TEST(test_only_the_streams_named_are_ended),
        HUB_TEST(test_marks_are_collected_once_for_each_that_moved),
        HUB_TEST(test_marks_that_were_not_saved_are_given_again),
        HUB_TEST(test_a_peer_that_left_without_reading_all_did_not_receive_it),
        HUB_TEST(test_a_peer_that_read_all_and_left_in_order_received_it),
        HUB_TEST(test_streams_that_are_probed_hear_a_heartbeat_at_once),
        HUB_TEST(test_an_order_that_overtakes_its_stream_ends_it_when_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
