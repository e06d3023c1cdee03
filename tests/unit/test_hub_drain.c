/* How the hub ends streams that have to go: all at once, spread over time, or by age. */
#include "tests/unit/hub_world.h"

enum { SPREAD = 20, SPREAD_MS = 3000, FOR_EVER = 3600000 };

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
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
    hub_drain(w->hub, 0, DEADLINE_MS);
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

/* How many of them hung up within the time. */
static int count_ended(const int *fd, int n, int within_ms)
{
    int ended = 0;
    for (int i = 0; i < n; i++) {
        struct pollfd p = {.fd = fd[i], .events = POLLRDHUP};
        ended += poll(&p, 1, within_ms) == 1;
    }
    return ended;
}

static void begin_many(struct world *w, int fd[SPREAD])
{
    for (int i = 0; i < SPREAD; i++)
        fd[i] = begin_stream(w, 0, 100);
    for (int i = 0; i < SPREAD; i++)
        expect(fd[i], "hello");
}

/* Read the rest of each, and that it was ended and not cut. */
static void expect_all_ended(const int fd[SPREAD])
{
    bool ended;
    for (int i = 0; i < SPREAD; i++) {
        assert_non_null(strstr(read_until(fd[i], NULL, &ended), "event: later\nretry: "));
        assert_true(ended);
        close(fd[i]);
    }
}

static void test_a_spread_drain_never_ends_more_than_its_share(void **state)
{
    struct world *w = *state;
    int fd[SPREAD], ended = 0;
    begin_many(w, fd);
    int64_t began = now_ms();
    hub_drain(w->hub, SPREAD_MS, FOR_EVER);
    while (ended < SPREAD) {
        ended = count_ended(fd, SPREAD, 0);
        int64_t elapsed = now_ms() - began; /* looked at later, so it can only be too much */
        assert_true(elapsed < DEADLINE_MS);
        if (ended > SPREAD * elapsed / SPREAD_MS + 1)
            fail_msg("%d of %d ended after %d of %d ms", ended, SPREAD, (int)elapsed,
                     SPREAD_MS);
        poll(NULL, 0, 10);
    }
    await(&w->emptied);
    expect_all_ended(fd);
}

static void test_streams_are_served_until_their_turn_and_who_comes_is_ended(void **state)
{
    struct world *w = *state;
    bool ended;
    int fd[SPREAD];
    begin_many(w, fd);
    hub_drain(w->hub, FOR_EVER, FOR_EVER);
    int late = begin_stream(w, 0, 100);
    assert_non_null(strstr(read_until(late, NULL, &ended), "hello\n\nevent: later\nretry: "));
    assert_true(ended);
    feed(w, "still", 5);
    for (int i = 0; i < SPREAD; i++)
        expect(fd[i], "data: still\nid: 5f2a91c0-101\n\n");
    expect(fd[0], "event: heartbeat");
    for (int i = 0; i < SPREAD; i++)
        close(fd[i]);
    close(late);
    await(&w->emptied);
}

static void test_a_later_call_hastens_and_never_slows_down(void **state)
{
    struct world *w = *state;
    int fd[SPREAD];
    begin_many(w, fd);
    hub_drain(w->hub, FOR_EVER, FOR_EVER);
    assert_int_equal(count_ended(fd, 1, 200), 0);
    hub_drain(w->hub, 0, FOR_EVER);
    hub_drain(w->hub, FOR_EVER, FOR_EVER);
    await(&w->emptied);
    expect_all_ended(fd);
}

static void test_a_drain_of_nobody_is_over_at_once(void **state)
{
    struct world *w = *state;
    hub_drain(w->hub, FOR_EVER, FOR_EVER);
    await(&w->emptied);
}

static void test_who_does_not_read_is_cut_at_the_deadline(void **state)
{
    struct world *w = *state;
    bool ended;
    size_t len = 1024 * 1024;
    char *large = calloc(1, len);
    memset(large, 'x', len);
    int a = begin_stream(w, 3, 100);
    feed(w, large, len);
    hub_drain(w->hub, 0, 100);
    await(&w->emptied);
    read_until(a, NULL, &ended);
    assert_false(ended);
    await(&w->ended);
    assert_int_equal(last_ended(w).position, 100);
    close(a);
    free(large);
}

static void set_max_age(struct world *w, int64_t seconds)
{
    set(w, 1, seconds);
}

static void test_streams_that_are_old_enough_are_ended(void **state)
{
    struct world *w = *state;
    int fd[SPREAD];
    begin_many(w, fd);
    set_max_age(w, 3600);
    expect(fd[0], "event: heartbeat"); /* some time passed */
    assert_int_equal(count_ended(fd, SPREAD, 0), 0);
    set_max_age(w, 1); /* it applies to streams that run */
    await(&w->emptied);
    expect_all_ended(fd);
    int64_t began = now_ms();
    int next = begin_stream(w, 0, 100);
    assert_int_equal(count_ended(&next, 1, DEADLINE_MS), 1);
    assert_true(now_ms() - began >= 750); /* 0.8 s, but for the lag of the loop's clock */
    close(next);
}

static void test_a_lowered_age_does_not_end_all_in_one_moment(void **state)
{
    struct world *w = *state;
    int fd[SPREAD];
    begin_many(w, fd);
    for (int i = 0; i < 3; i++)
        expect(fd[0], "event: heartbeat");
    int64_t began = now_ms();
    set_max_age(w, 2);
    for (int ended = 0; ended < SPREAD;) {
        ended = count_ended(fd, SPREAD, 0);
        int64_t elapsed = now_ms() - began; /* looked at later, so it can only be too much */
        assert_true(elapsed < DEADLINE_MS);
        int64_t may = 1 + elapsed / 50 + SPREAD * elapsed / 400; /* in 0.4 s, and one a tick */
        if (ended > may)
            fail_msg("%d of %d ended after %d ms", ended, SPREAD, (int)elapsed);
        poll(NULL, 0, 10);
    }
    await(&w->emptied);
    expect_all_ended(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(test_draining_ends_each_stream_behind_its_event_with_a_retry),
        HUB_TEST(test_a_spread_drain_never_ends_more_than_its_share),
        HUB_TEST(test_streams_are_served_until_their_turn_and_who_comes_is_ended),
        HUB_TEST(test_a_later_call_hastens_and_never_slows_down),
        HUB_TEST(test_a_drain_of_nobody_is_over_at_once),
        HUB_TEST(test_who_does_not_read_is_cut_at_the_deadline),
        HUB_TEST(test_streams_that_are_old_enough_are_ended),
        HUB_TEST(test_a_lowered_age_does_not_end_all_in_one_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
