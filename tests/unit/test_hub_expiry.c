/* What the hub does with events whose time to expire passes: who has such a batch may send it, and
 * nobody else takes it from the tail.  The loop turns only when a test turns it, and the wall clock
 * is the test's. */
#include "fcgi/hub/hub_internal.h"
#include "tests/unit/hub_world.h"

enum { LARGE = 4 * 1024 * 1024 };

static int64_t the_time;

static int64_t the_clock(void)
{
    return the_time;
}

static int set_up_clock(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct hub_friends friends = {w, on_ask, on_ended, on_marks, on_fanned_out, on_emptied};
    pthread_mutex_init(&w->lock, NULL);
    w->settings = settings_new();
    w->builder = batch_builder_new();
    w->hub = hub_new(&friends, w->settings, STREAMS_MAX);
    w->hub->wall_ms = the_clock;
    w->end = 100;
    the_time = 1000;
    assert_true(hub_reset(w->hub, EPOCH, w->end));
    *state = w;
    return 0;
}

static int tear_down_clock(void **state)
{
    world_free(*state);
    return 0;
}

#define CLOCK_TEST(f) cmocka_unit_test_setup_teardown(f, set_up_clock, tear_down_clock)

static void loop_once(struct world *w)
{
    uv_run(&w->hub->loop, UV_RUN_NOWAIT);
}

/* A stream from `cursor` on, which has sent `what` by now. */
static struct stream *enter(struct world *w, int64_t cursor, const char *what, int *peer)
{
    hub_serve(w->hub, ticket_of(w, 7, cursor, peer));
    loop_once(w);
    expect(*peer, what);
    return w->hub->stream[w->hub->seats - 1];
}

/* Feed one event that expires then (0: never). */
static void feed_expiring(struct world *w, int64_t expires_at, const char *data, size_t len)
{
    const struct batch_format format = {.epoch = EPOCH, .ids = true};
    const struct event e = {.id = ++w->end,
                            .mailbox = "",
                            .type = "message",
                            .data = data,
                            .data_len = len,
                            .expires_at = expires_at};
    batch_builder_begin(w->builder, &format);
    batch_builder_add(w->builder, &e);
    assert_true(hub_feed(w->hub, batch_builder_finish(w->builder, w->end - 1, w->end)));
    loop_once(w);
}

/* Turn the loop until its tick has raised the floor. */
static void await_floor(struct world *w, int64_t floor)
{
    for (int ms = 0; tail_floor(w->hub->tail) != floor; ms++) {
        assert_in_range(ms, 0, DEADLINE_MS);
        poll(NULL, 0, 1);
        loop_once(w);
    }
}

static void await_tick(struct world *w)
{
    uint64_t last = w->hub->rotated_at;
    for (int ms = 0; w->hub->rotated_at == last; ms++) {
        assert_in_range(ms, 0, DEADLINE_MS);
        poll(NULL, 0, 1);
        loop_once(w);
    }
}

static void give(struct world *w, int64_t through)
{
    struct question *q = w->question[w->questions - 1];
    q->answer = batch_of(w, q->after, through, "from the log", 12);
    hub_answer(w->hub, q);
    loop_once(w);
}

static void test_after_its_time_an_event_is_not_taken_from_the_tail(void **state)
{
    struct world *w = *state;
    int before, after;
    feed_expiring(w, 2000, "brief", 5);
    feed_expiring(w, 0, "lasting", 7);
    the_time = 1999;
    struct stream *s = enter(w, 100, "data: lasting\n", &before);
    assert_int_equal(s->state, STREAM_WAITS);
    assert_int_equal(w->questions, 0);
    the_time = 2000;
    await_floor(w, 101);
    s = enter(w, 100, "hello", &after);
    assert_int_equal(s->state, STREAM_ASKS);
    assert_int_equal(w->question[0]->after, 100);
    give(w, 102);
    assert_int_equal(s->state, STREAM_WAITS);
    close(before);
    close(after);
}

static void test_a_stream_at_the_end_stays_there_when_the_newest_event_expires(void **state)
{
    struct world *w = *state;
    int peer;
    struct stream *s = enter(w, 100, "hello", &peer);
    feed_expiring(w, 2000, "brief", 5);
    expect(peer, "data: brief\n");
    the_time = 2000;
    await_floor(w, 101);
    assert_int_equal(s->state, STREAM_WAITS);
    for (int i = 0; i < 3; i++) { /* each is due before the next comes */
        the_time += 1000;
        feed_expiring(w, the_time, "next", 4);
        expect(peer, "data: next\n");
        await_floor(w, w->end);
        assert_int_equal(s->state, STREAM_WAITS);
    }
    feed_expiring(w, 0, "last", 4);
    expect(peer, "data: last\n");
    assert_int_equal(w->questions, 0);
    close(peer);
}

/* It was fed late, and the streams that wait for it have nothing else to wait for. */
static void test_a_batch_that_is_due_when_it_comes_goes_to_those_who_wait_for_it(void **state)
{
    struct world *w = *state;
    int peer;
    enter(w, 100, "hello", &peer);
    the_time = 2000;
    feed_expiring(w, 1990, "late", 4);
    expect(peer, "data: late\n");
    assert_int_equal(w->questions, 0);
    close(peer);
}

static void test_who_holds_a_batch_sends_it_and_then_asks_for_what_follows(void **state)
{
    struct world *w = *state;
    int peer;
    char *large = malloc(LARGE);
    static char bytes[65536];
    memset(large, 'x', LARGE);
    struct stream *s = enter(w, 100, "hello", &peer);
    feed_expiring(w, 2000, large, LARGE);
    assert_int_equal(s->state, STREAM_BLOCKED);
    feed_expiring(w, 2000, "brief", 5);
    feed_expiring(w, 0, "lasting", 7);
    the_time = 2000;
    await_floor(w, 102);
    for (int i = 0; s->state == STREAM_BLOCKED; i++) {
        assert_in_range(i, 0, 10000);
        (void)!recv(peer, bytes, sizeof bytes, MSG_DONTWAIT);
        loop_once(w);
    }
    assert_int_equal(s->state, STREAM_ASKS);
    assert_int_equal(w->question[0]->after, 101);
    give(w, 103);
    assert_int_equal(s->state, STREAM_WAITS);
    feed_expiring(w, 0, "live again", 10);
    expect(peer, "data: live again\n");
    assert_int_equal(w->questions, 1);
    free(large);
    close(peer);
}

/* A log of events that live for a year must not cost more than others. */
static void test_the_tick_comes_more_often_only_when_an_event_is_about_to_expire(void **state)
{
    struct world *w = *state;
    feed_expiring(w, the_time + 365LL * 24 * 3600 * 1000, "brief", 5);
    await_tick(w);
    assert_int_equal(uv_timer_get_repeat(&w->hub->tick), 500);
    the_time += 365LL * 24 * 3600 * 1000 - 900;
    await_tick(w);
    assert_int_equal(uv_timer_get_repeat(&w->hub->tick), 250);
    the_time += 900;
    await_tick(w);
    assert_int_equal(uv_timer_get_repeat(&w->hub->tick), 500);
    assert_int_equal(tail_floor(w->hub->tail), 101);
}

static void test_while_nothing_expires_the_tail_keeps_all(void **state)
{
    struct world *w = *state;
    int peer;
    feed_expiring(w, 0, "lasting", 7);
    the_time = INT64_MAX;
    feed_expiring(w, 0, "lasting", 7);
    enter(w, 100, "hello", &peer);
    await_tick(w);
    assert_int_equal(tail_floor(w->hub->tail), 100);
    close(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLOCK_TEST(test_after_its_time_an_event_is_not_taken_from_the_tail),
        CLOCK_TEST(test_a_stream_at_the_end_stays_there_when_the_newest_event_expires),
        CLOCK_TEST(test_a_batch_that_is_due_when_it_comes_goes_to_those_who_wait_for_it),
        CLOCK_TEST(test_who_holds_a_batch_sends_it_and_then_asks_for_what_follows),
        CLOCK_TEST(test_the_tick_comes_more_often_only_when_an_event_is_about_to_expire),
        CLOCK_TEST(test_while_nothing_expires_the_tail_keeps_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
