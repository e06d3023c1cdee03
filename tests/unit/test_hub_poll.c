/* Polls: streams that end by themselves, once they told something or waited long enough. */
#include "tests/unit/hub_world.h"

enum { LONG_MS = 3600000 };

static int begin_poll(struct world *w, int64_t cursor, int32_t wait_ms)
{
    int peer;
    struct ticket *t = ticket_of(w, 7, cursor, &peer);
    t->wait_ms = wait_ms;
    t->cursor.replaying = t->answered = cursor < w->end;
    hub_serve(w->hub, t);
    return peer;
}

/* All it was told, which has to end with a retry and the end of the request. */
static char *read_poll(int fd)
{
    bool ended;
    char *text = read_until(fd, NULL, &ended), *later = strstr(text, "event: later\nretry: ");
    if (!later || !ended || !strstr(later, "\n\n") || strstr(later, "\n\n")[2]) {
        fail_msg("it did not end as it should: %s", text);
        return text;
    }
    later[0] = '\0';
    close(fd);
    return text;
}

static void test_a_row_ends_the_poll_that_waits_for_it(void **state)
{
    struct world *w = *state;
    int fd = begin_poll(w, 100, LONG_MS);
    expect(fd, "hello");
    feed(w, "row", 3);
    assert_string_equal(read_poll(fd), "data: row\nid: 5f2a91c0-101\n\n");
    await(&w->emptied);
}

static void test_all_rows_of_a_batch_come_in_one_poll(void **state)
{
    struct world *w = *state;
    int fd = begin_poll(w, 100, LONG_MS);
    expect(fd, "hello");
    assert_true(hub_feed(w->hub, batch_of(w, 100, 110, "row", 3)));
    assert_non_null(strstr(read_poll(fd), "data: row\nid: 5f2a91c0-110\n\n"));
}

static void test_a_poll_that_waits_in_vain_ends(void **state)
{
    struct world *w = *state;
    assert_string_equal(read_poll(begin_poll(w, 100, 100)), "hello\n\n");
    assert_string_equal(read_poll(begin_poll(w, 100, 0)), "hello\n\n");
}

static void test_a_long_wait_has_heartbeats(void **state)
{
    struct world *w = *state;
    int fd = begin_poll(w, 100, LONG_MS);
    expect(fd, "event: heartbeat");
    expect(fd, "event: heartbeat");
    feed(w, "row", 3);
    assert_string_equal(read_poll(fd), "data: row\nid: 5f2a91c0-101\n\n");
}

static void test_rows_for_others_end_no_poll_and_its_end_tells_the_position(void **state)
{
    struct world *w = *state;
    set(w, 3600, 0); /* no heartbeat of another reason tells it */
    int fd = begin_poll(w, 100, 1500);
    expect(fd, "hello");
    feed_elsewhere(w);
    char *text = read_poll(fd), *beat = strstr(text, "event: heartbeat\n");
    assert_non_null(beat);
    assert_non_null(strstr(beat, "}\nid: 5f2a91c0-101\n\n"));
    assert_null(strstr(text, "data: row"));
}

static void answer(struct world *w, int i, int64_t through)
{
    await(&w->asked);
    w->question[i]->answer = batch_of(w, w->question[i]->after, through, "old", 3);
    hub_answer(w->hub, w->question[i]);
}

static void test_a_replay_comes_in_one_poll_however_many_batches_it_takes(void **state)
{
    struct world *w = *state;
    int rows = 0, asked = 0;
    for (int wait = 0; wait <= LONG_MS; wait += LONG_MS) {
        int fd = begin_poll(w, 90, wait);
        for (int i = 0; i < 5; i++)
            answer(w, asked++, 92 + 2 * i);
        char *text = read_poll(fd);
        assert_non_null(strstr(text, "event: replay-end\ndata: {\"count\":10}\n\n"));
        for (rows = 0; (text = strstr(text, "data: old")); rows++)
            text++;
        assert_int_equal(rows, 10);
    }
}

static void test_a_replay_ends_behind_the_live_rows_that_are_at_hand(void **state)
{
    struct world *w = *state;
    int fd = begin_poll(w, 98, LONG_MS);
    await(&w->asked);
    w->question[0]->answer = batch_of(w, 98, 103, "row", 3);
    hub_answer(w->hub, w->question[0]);
    char *text = strstr(read_poll(fd), "event: replay-end\ndata: {\"count\":2}\n\n");
    assert_non_null(text);
    assert_non_null(strstr(text, "id: 5f2a91c0-103\n\n"));
}

static void test_a_slow_client_gets_its_rows_whole(void **state)
{
    struct world *w = *state;
    size_t len = 1024 * 1024;
    char *large = malloc(len);
    memset(large, 'x', len);
    int fd = begin_poll(w, 100, 1000), other = begin_stream(w, 0, 100);
    feed(w, large, len);
    for (int i = 0; i < 3; i++) /* the time it may wait is over meanwhile */
        expect(other, "event: heartbeat");
    char *text = read_poll(fd);
    assert_non_null(strstr(text, "x\nid: 5f2a91c0-101\n\n"));
    assert_true(strlen(text) > len);
    close(other);
    free(large);
}

static void test_a_gap_ends_a_poll(void **state)
{
    struct world *w = *state;
    int fd = begin_poll(w, 100, LONG_MS);
    expect(fd, "hello");
    assert_true(hub_reset(w->hub, "00000001", 5));
    char *text = read_poll(fd);
    assert_non_null(strstr(text, "\"reason\":\"epoch\""));
    assert_non_null(strstr(text, "\nid: 00000001-5\n\n"));
    struct ticket *t = ticket_of(w, 0, 5, &fd); /* told in its prologue */
    memcpy(t->epoch, "00000001", sizeof t->epoch);
    t->cursor.until = 5;
    t->wait_ms = LONG_MS;
    t->answered = true;
    hub_serve(w->hub, t);
    assert_string_equal(read_poll(fd), "hello\n\n");
}

static void test_the_mark_of_a_poll_is_where_it_began(void **state)
{
    struct world *w = *state;
    int fd = begin_poll(w, 100, LONG_MS);
    expect(fd, "hello");
    feed(w, "row", 3);
    read_poll(fd);
    await(&w->ended);
    assert_int_equal(last_ended(w).stream_id, 7);
    assert_int_equal(last_ended(w).position, 100); /* who brings no id hears it again */
}

static void
test_a_poll_of_who_brings_no_id_stays_until_its_mark_is_behind_its_rows(void **state)
{
    struct world *w = *state;
    int fd;
    struct ticket *t = ticket_of(w, 8, 100, &fd);
    t->wait_ms = 100;
    t->lingers = true;
    hub_serve(w->hub, t);
    assert_string_equal(read_poll(fd), "hello\n\n"); /* nothing was told: nothing to wait for */
    await(&w->ended);
    t = ticket_of(w, 9, 100, &fd);
    t->wait_ms = LONG_MS;
    t->lingers = true;
    hub_serve(w->hub, t);
    expect(fd, "hello");
    feed(w, "one", 3);
    expect(fd, "data: one\n");
    feed(w, "two", 3);
    assert_non_null(strstr(read_poll(fd), "data: two\nid: 5f2a91c0-102\n\n"));
    await(&w->ended);
    assert_int_equal(last_ended(w).stream_id, 9);
    assert_int_equal(last_ended(w).position, 102);
}

static void test_a_drain_ends_polls_as_well(void **state)
{
    struct world *w = *state;
    int fd = begin_poll(w, 100, LONG_MS);
    expect(fd, "hello");
    hub_drain(w->hub, 0, LONG_MS);
    assert_string_equal(read_poll(fd), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(test_a_row_ends_the_poll_that_waits_for_it),
        HUB_TEST(test_all_rows_of_a_batch_come_in_one_poll),
        HUB_TEST(test_a_poll_that_waits_in_vain_ends),
        HUB_TEST(test_a_long_wait_has_heartbeats),
        HUB_TEST(test_rows_for_others_end_no_poll_and_its_end_tells_the_position),
        HUB_TEST(test_a_replay_comes_in_one_poll_however_many_batches_it_takes),
        HUB_TEST(test_a_replay_ends_behind_the_live_rows_that_are_at_hand),
        HUB_TEST(test_a_slow_client_gets_its_rows_whole),
        HUB_TEST(test_a_gap_ends_a_poll),
        HUB_TEST(test_the_mark_of_a_poll_is_where_it_began),
        HUB_TEST(test_a_poll_of_who_brings_no_id_stays_until_its_mark_is_behind_its_rows),
        HUB_TEST(test_a_drain_ends_polls_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
