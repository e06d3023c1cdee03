/* What a stream does and what makes it do something else.  The loop turns only when a test turns
 * it, on the test's own thread, so that the states can be looked at. */
#include "fcgi/hub/hub_internal.h"
#include "tests/unit/aborts.h"
#include "tests/unit/hub_world.h"

enum { STATES = STREAM_CLOSED + 1, LARGE = 4 * 1024 * 1024 };

static const char *const OTHER = "00000001";

static int set_up_still(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct hub_friends friends = {w, on_ask, on_ended, on_marks, on_fanned_out, on_emptied};
    pthread_mutex_init(&w->lock, NULL);
    w->settings = settings_new();
    w->builder = batch_builder_new();
    w->hub = hub_new(&friends, w->settings, STREAMS_MAX);
    w->end = 100;
    assert_true(hub_reset(w->hub, EPOCH, w->end));
    *state = w;
    return 0;
}

static int tear_down_still(void **state)
{
    world_free(*state);
    return 0;
}

static void turn(struct world *w)
{
    uv_run(&w->hub->loop, UV_RUN_NOWAIT);
}

/* Serve it, and read its prologue, which shows that it began; *peer is the other end. */
static struct stream *begin(struct world *w, const char *epoch, int64_t cursor, int *peer)
{
    struct ticket *t = ticket_of(w, 7, cursor, peer);
    memcpy(t->epoch, epoch, sizeof t->epoch);
    hub_serve(w->hub, t);
    turn(w);
    expect(*peer, "hello");
    return w->hub->stream[w->hub->seats - 1];
}

static void feed_large(struct world *w)
{
    char *large = malloc(LARGE);
    memset(large, 'x', LARGE);
    assert_true(hub_feed(w->hub, batch_of(w, w->end, w->end + 1, large, LARGE)));
    w->end++;
    turn(w);
    free(large);
}

/* Read what there is and turn, until it does that. */
static void read_until_it(struct world *w, const struct stream *s, enum stream_state state,
                          int fd)
{
    static char bytes[65536];
    for (int i = 0; s->state != state; i++) {
        assert_in_range(i, 0, 10000);
        (void)!recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        turn(w);
    }
}

/* Time passes until it does that. */
static void wait_until_it(struct world *w, const struct stream *s, enum stream_state state)
{
    for (int ms = 0; s->state != state; ms++) {
        assert_in_range(ms, 0, DEADLINE_MS);
        poll(NULL, 0, 1);
        turn(w);
    }
}

static void answer(struct world *w, int64_t through)
{
    struct question *q = w->question[w->questions - 1];
    q->answer = through ? batch_of(w, q->after, through, "row", 3) : NULL;
    hub_answer(w->hub, q);
    turn(w);
}

/* Heartbeats that nobody reads, until the socket is full. */
static void beat_until_blocked(struct stream *s)
{
    for (int i = 0; s->state != STREAM_BLOCKED; i++) {
        assert_in_range(i, 0, 100000);
        clock_beat(s);
    }
}

static void test_a_stream_at_the_end_waits_and_a_batch_or_a_heartbeat_wakes_it(void **state)
{
    struct world *w = *state;
    int peer;
    struct stream *s = begin(w, EPOCH, 100, &peer);
    assert_int_equal(s->state, STREAM_WAITS);
    assert_true(hub_feed(w->hub, batch_of(w, 100, 101, "row", 3)));
    turn(w);
    expect(peer, "data: row\n");
    assert_int_equal(s->state, STREAM_WAITS);
    clock_beat(s);
    expect(peer, "event: heartbeat\n");
    assert_int_equal(s->state, STREAM_WAITS);
    close(peer);
}

static void test_a_stream_of_a_log_that_is_not_reached_yet_strays_until_it_is(void **state)
{
    struct world *w = *state;
    int peer;
    struct stream *s = begin(w, OTHER, 5, &peer);
    assert_int_equal(s->state, STREAM_STRAYS);
    uint64_t since = s->strays_since;
    poll(NULL, 0, 20);
    uv_update_time(&w->hub->loop);
    clock_beat(s);
    expect(peer, "event: heartbeat\n");
    assert_int_equal(s->state, STREAM_STRAYS);
    assert_int_equal(s->strays_since, since); /* a heartbeat is no news of the log */
    assert_true(hub_reset(w->hub, OTHER, 5));
    turn(w);
    assert_int_equal(s->state, STREAM_WAITS);
    assert_int_equal(s->strays_since, 0);
    clock_beat(s);
    bool ended;
    assert_null(strstr(read_until(peer, "event: heartbeat\n", &ended), "event: gap"));
    close(peer);
}

static void
test_a_stream_that_strayed_for_long_is_told_of_the_log_that_is_followed(void **state)
{
    struct world *w = *state;
    int peer;
    struct stream *s = begin(w, OTHER, 5, &peer);
    assert_int_equal(s->state, STREAM_STRAYS);
    s->strays_since = uv_now(&w->hub->loop) - 2900;
    turn(w);
    assert_int_equal(s->state, STREAM_STRAYS);
    wait_until_it(w, s, STREAM_WAITS);
    expect(peer, "event: gap\ndata: {\"reason\":\"epoch\"");
    assert_string_equal(s->client.epoch, EPOCH);
    close(peer);
}

static void test_a_stream_behind_the_tail_asks_and_puts_off_what_nobody_knows_yet(void **state)
{
    struct world *w = *state;
    int peer;
    struct stream *s = begin(w, EPOCH, 90, &peer);
    assert_int_equal(s->state, STREAM_ASKS);
    const struct pending *asked = s->pending;
    assert_non_null(asked);
    clock_beat(s);
    assert_int_equal(s->state, STREAM_ASKS);
    assert_ptr_equal(s->pending, asked);
    answer(w, 0);
    assert_int_equal(s->state, STREAM_PUTS_OFF);
    assert_null(s->pending);
    wait_until_it(w, s, STREAM_ASKS);
    assert_int_equal(w->questions, 2);
    answer(w, 95);
    assert_int_equal(s->state, STREAM_ASKS);
    answer(w, 100);
    assert_int_equal(s->state, STREAM_WAITS);
    expect(peer, "id: 5f2a91c0-100\n");
    close(peer);
}

static void test_a_question_under_way_outlives_a_full_socket(void **state)
{
    struct world *w = *state;
    int peer;
    struct stream *s = begin(w, EPOCH, 90, &peer);
    beat_until_blocked(s);
    assert_non_null(s->pending);
    answer(w, 100);
    assert_int_equal(s->state, STREAM_BLOCKED);
    assert_null(s->pending);
    assert_non_null(s->client.cursor.batch);
    read_until_it(w, s, STREAM_WAITS, peer);
    assert_int_equal(client_position(&s->client), 100);
    assert_int_equal(w->questions, 1);
    close(peer);
}

static void test_a_stream_that_blocks_again_goes_to_the_end_of_the_list(void **state)
{
    struct world *w = *state;
    int a_peer, b_peer;
    struct stream *a = begin(w, EPOCH, 100, &a_peer), *b = begin(w, EPOCH, 100, &b_peer);
    w->hub->settings->memory_bytes = 1024 * 1024 * 1024;
    feed_large(w);
    assert_int_equal(a->state, STREAM_BLOCKED);
    assert_int_equal(b->state, STREAM_BLOCKED);
    struct stream *first = w->hub->blocked;
    assert_ptr_equal(first->next, first == a ? b : a);
    uint64_t written = first->client.written;
    for (int i = 0; first->client.written == written; i++) {
        char bytes[65536];
        assert_in_range(i, 0, 10000);
        (void)!recv(first == a ? a_peer : b_peer, bytes, sizeof bytes, MSG_DONTWAIT);
        turn(w);
    }
    assert_int_equal(first->state, STREAM_BLOCKED);
    assert_ptr_equal(w->hub->blocked, first == a ? b : a);
    read_until_it(w, a, STREAM_WAITS, a_peer);
    read_until_it(w, b, STREAM_WAITS, b_peer);
    assert_null(w->hub->blocked);
    close(a_peer);
    close(b_peer);
}

static void test_another_log_lets_a_question_and_a_full_socket_go(void **state)
{
    struct world *w = *state;
    int asks_peer, full_peer;
    struct stream *asks = begin(w, EPOCH, 90, &asks_peer);
    struct stream *full = begin(w, EPOCH, 80, &full_peer);
    beat_until_blocked(full);
    assert_true(hub_reset(w->hub, OTHER, 5));
    turn(w);
    assert_int_equal(asks->state, STREAM_WAITS);
    assert_int_equal(full->state, STREAM_BLOCKED);
    assert_null(full->pending);
    read_until_it(w, full, STREAM_WAITS, full_peer);
    assert_string_equal(full->client.epoch, OTHER);
    for (int i = 0; i < w->questions; i++)
        hub_answer(w->hub, w->question[i]); /* to nobody */
    turn(w);
    assert_null(w->hub->pending);
    close(asks_peer);
    close(full_peer);
}

static void test_an_end_needs_no_state_but_waits_for_a_full_socket(void **state)
{
    struct world *w = *state;
    int waits_peer, strays_peer, asks_peer, off_peer, full_peer;
    struct stream *waits = begin(w, EPOCH, 100, &waits_peer);
    struct stream *strays = begin(w, OTHER, 5, &strays_peer);
    struct stream *off = begin(w, EPOCH, 70, &off_peer);
    answer(w, 0);
    struct stream *asks = begin(w, EPOCH, 90, &asks_peer);
    struct stream *full = begin(w, EPOCH, 100, &full_peer);
    beat_until_blocked(full);
    assert_int_equal(off->state, STREAM_PUTS_OFF);
    assert_int_equal(asks->state, STREAM_ASKS);
    stream_end(waits);
    stream_end(strays);
    stream_end(off);
    stream_end(asks);
    stream_end(full);
    assert_int_equal(w->hub->seats, 1);
    assert_ptr_equal(w->hub->stream[0], full);
    assert_int_equal(full->state, STREAM_BLOCKED);
    bool ended;
    for (char bytes[65536]; w->hub->seats > 0; turn(w))
        (void)!recv(full_peer, bytes, sizeof bytes, MSG_DONTWAIT);
    assert_null(w->hub->blocked);
    read_until(asks_peer, NULL, &ended);
    assert_true(ended);
    answer(w, 100); /* to nobody */
    const int peers[] = {waits_peer, strays_peer, asks_peer, off_peer, full_peer};
    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++)
        close(peers[i]);
}

/* What it has was of its own log, and it never hears of the other one. */
static void test_the_bookmark_of_a_stream_that_ends_stays_in_its_log(void **state)
{
    struct world *w = *state;
    int peer;
    struct stream *full = begin(w, EPOCH, 100, &peer);
    beat_until_blocked(full);
    stream_end(full);
    assert_true(hub_reset(w->hub, OTHER, 500));
    assert_true(hub_collect(w->hub, true));
    turn(w);
    assert_int_equal(w->marks->n, 1);
    assert_int_equal(w->marks->bookmark[0].position, 100);
    assert_string_equal(w->marks->bookmark[0].epoch, EPOCH);
    close(peer);
    while (w->hub->seats > 0)
        turn(w);
    assert_int_equal(w->last_ended.position, 100);
    assert_string_equal(w->last_ended.epoch, EPOCH);
}

struct move {
    enum stream_state from, to;
    bool asked; /* a question is under way when it moves to `to` */
};

/* A stream of its own, brought to `from` by moves that are allowed. */
static void move(void *arg)
{
    const struct move *m = arg;
    struct hub h = {0};
    struct pending p = {0};
    struct stream s = {.hub = &h};
    if (m->from != STREAM_NEW && m->from != STREAM_CLOSED)
        stream_move(&s, STREAM_WRITES);
    s.pending = m->from == STREAM_ASKS ? &p : NULL;
    if (m->from != STREAM_NEW && m->from != STREAM_WRITES)
        stream_move(&s, m->from);
    s.pending = m->asked ? &p : NULL;
    stream_move(&s, m->to);
}

/* A letter a state: new, writes, waits, strays, asks, puts off, blocked, closed. */
static void test_every_other_move_of_a_stream_aborts(void **state)
{
    const char *const to[STATES] = {
        [STREAM_NEW] = ".w.....c",     [STREAM_WRITES] = "..wsapbc",
        [STREAM_WAITS] = ".w.....c",   [STREAM_STRAYS] = ".w.....c",
        [STREAM_ASKS] = ".w...p.c",    [STREAM_PUTS_OFF] = ".w.....c",
        [STREAM_BLOCKED] = ".w.....c", [STREAM_CLOSED] = "........"};
    (void)state;
    for (int from = 0; from < STATES; from++)
        for (int i = 0; i < STATES; i++) {
            struct move m = {(enum stream_state)from, (enum stream_state)i, i == STREAM_ASKS};
            if (aborts(move, &m) != (to[from][i] == '.'))
                fail_msg("from %d to %d", from, i);
        }
}

static void test_a_question_is_under_way_only_where_it_can_be(void **state)
{
    struct move m = {.from = STREAM_WRITES, .asked = true};
    (void)state;
    for (int i = STREAM_WAITS; i < STATES; i++) {
        m.to = (enum stream_state)i;
        assert_int_equal(aborts(move, &m), m.to != STREAM_ASKS && m.to != STREAM_BLOCKED);
    }
    m = (struct move){.from = STREAM_WRITES, .to = STREAM_ASKS, .asked = false};
    assert_true(aborts(move, &m));
}

int main(void)
{
#define STATE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up_still, tear_down_still)
    const struct CMUnitTest tests[] = {
        STATE_TEST(test_a_stream_at_the_end_waits_and_a_batch_or_a_heartbeat_wakes_it),
        STATE_TEST(test_a_stream_of_a_log_that_is_not_reached_yet_strays_until_it_is),
        STATE_TEST(test_a_stream_that_strayed_for_long_is_told_of_the_log_that_is_followed),
        STATE_TEST(test_a_stream_behind_the_tail_asks_and_puts_off_what_nobody_knows_yet),
        STATE_TEST(test_a_question_under_way_outlives_a_full_socket),
        STATE_TEST(test_a_stream_that_blocks_again_goes_to_the_end_of_the_list),
        STATE_TEST(test_another_log_lets_a_question_and_a_full_socket_go),
        STATE_TEST(test_an_end_needs_no_state_but_waits_for_a_full_socket),
        STATE_TEST(test_the_bookmark_of_a_stream_that_ends_stays_in_its_log),
        cmocka_unit_test(test_every_other_move_of_a_stream_aborts),
        cmocka_unit_test(test_a_question_is_under_way_only_where_it_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
