/* Heartbeats of streams that are slow, and of those that asked for more of them. */
#include "tests/unit/hub_world.h"

enum { ROWS = 100, ROW_BYTES = 500 };

/* One whose peer takes few bytes that it has not read. */
static int begin_narrow(struct world *w, int64_t cursor)
{
    int peer, small = 1;
    struct ticket *t = ticket_of(w, 0, cursor, &peer);
    assert_int_equal(setsockopt(t->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    hub_serve(w->hub, t);
    return peer;
}

/* What came before `id` and what of it is a heartbeat. */
static int beats_before(char *text, const char *id)
{
    int beats = 0;
    char *end = strstr(text, id);
    assert_non_null(end);
    for (char *at = text; (at = strstr(at, "\n\nevent: heartbeat\n")) && at < end; at++)
        beats++;
    return beats;
}

static void test_a_stream_that_is_full_at_every_tick_gets_what_was_due(void **state)
{
    struct world *w = *state;
    char data[ROW_BYTES];
    bool ended;
    memset(data, 'x', sizeof data);
    int slow = begin_narrow(w, 100), other = begin_stream(w, 0, 100);
    expect(other, "hello");
    assert_true(hub_feed(w->hub, batch_of(w, 100, 100 + ROWS, data, sizeof data)));
    w->end += ROWS;
    for (int i = 0; i < 2; i++) /* nobody reads at the other end meanwhile */
        expect(other, "event: heartbeat");
    char *text = read_until(slow, "id: 5f2a91c0-200\n\n", &ended);
    assert_int_equal(beats_before(text, "id: 5f2a91c0-200\n\n"), 1); /* not one for each tick */
    close(slow);
    close(other);
}

static void test_who_asked_for_more_heartbeats_gets_them_and_nobody_else(void **state)
{
    struct world *w = *state;
    bool ended;
    int often;
    set(w, 3600, 0);
    int seldom = begin_stream(w, 0, 100);
    struct ticket *t = ticket_of(w, 0, 100, &often);
    t->heartbeat = 1;
    hub_serve(w->hub, t);
    for (int i = 0; i < 2; i++)
        expect(often, "event: heartbeat");
    feed(w, "row", 3);
    assert_string_equal(read_until(seldom, "\nid: 5f2a91c0-101\n\n", &ended),
                        "hello\n\ndata: row\nid: 5f2a91c0-101\n\n");
    close(often);
    close(seldom);
}

static void test_a_setting_that_becomes_shorter_than_asked_for_is_kept(void **state)
{
    struct world *w = *state;
    int a;
    set(w, 3600, 0);
    struct ticket *t = ticket_of(w, 0, 100, &a);
    t->heartbeat = 1800;
    hub_serve(w->hub, t);
    expect(a, "hello");
    set(w, 1, 0);
    expect(a, "event: heartbeat");
    close(a);
}

static void test_a_drain_does_not_wait_for_a_heartbeat_that_is_owed(void **state)
{
    struct world *w = *state;
    size_t len = 1024 * 1024;
    char *large = malloc(len);
    bool ended;
    memset(large, 'x', len);
    int slow = begin_narrow(w, 100), other = begin_stream(w, 0, 100);
    feed(w, large, len);
    for (int i = 0; i < 2; i++)
        expect(other, "event: heartbeat");
    hub_drain(w->hub, 0, 60000);
    char *text = read_until(slow, NULL, &ended), *row = strstr(text, "\nid: 5f2a91c0-101\n\n");
    assert_non_null(row);
    assert_non_null(strstr(row, "event: later\nretry: "));
    assert_true(ended);
    close(slow);
    close(other);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(test_a_stream_that_is_full_at_every_tick_gets_what_was_due),
        HUB_TEST(test_who_asked_for_more_heartbeats_gets_them_and_nobody_else),
        HUB_TEST(test_a_setting_that_becomes_shorter_than_asked_for_is_kept),
        HUB_TEST(test_a_drain_does_not_wait_for_a_heartbeat_that_is_owed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
