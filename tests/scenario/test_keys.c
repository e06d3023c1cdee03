/* State in the log: of each key the newest event, and then what changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

enum { KEYS = 100, ROUNDS = 30 };

/* Insert the numbers from `first` to `last`, in turn over KEYS keys of a channel, in one
 * transaction. */
static void state_count(struct stage *s, int first, int last)
{
    shell(
        s,
        "INSERT INTO events(channel, type, key, data) WITH RECURSIVE n(i) AS (SELECT %d UNION "
        "ALL SELECT i + 1 FROM n WHERE i < %d) SELECT 'prices', 'n', 'k' || (i %% %d), i FROM "
        "n",
        first, last, KEYS);
}

static struct browser *listen_from(struct stage *s, const char *position)
{
    char path[128];
    snprintf(path, sizeof path, "/sse/events?channel=prices&lastEventId=%s", position);
    return browser_open(s, path);
}

/* Take what comes up to a marker that is published now, and expect so many gaps among it.  Numbers
 * ascend and the newest is `last`, whether or not the tail still had older ones of their keys. */
static void expect_gaps(struct stage *s, struct browser *b, int gaps, int last)
{
    static int markers;
    char marker[32];
    const struct sse_event *e;
    int newest = 0, told = 0;
    snprintf(marker, sizeof marker, "marker %d", ++markers);
    publish(s, "prices", "marker", "%s", marker);
    while ((e = browser_next(b, PATIENCE)) && strcmp(e->data, marker) != 0) {
        told += strcmp(e->type, "gap") == 0;
        if (strcmp(e->type, "n") != 0)
            continue;
        if (atoi(e->data) <= newest)
            fail_stage(s, "%s came after %d", e->data, newest);
        newest = atoi(e->data);
    }
    if (!e || told != gaps || newest != last)
        fail_stage(s, "waited for %d gaps, %d and the marker, came %d, %d and %s", gaps, last,
                   told, newest, e ? e->data : "nothing");
}

static void test_a_stream_from_earliest_gets_the_state_and_then_what_changes(void **state)
{
    struct stage *s = *state;
    const int rows = KEYS * ROUNDS;
    lighttpd_start(s);
    struct browser *before = browser_open(s, "/sse/events?channel=prices");
    expect_connected(before);
    state_count(s, 1, rows);
    assert_string_equal(shell(s, "SELECT count(*), min(id), max(trimmed_to) FROM events, "
                                 "rowcast_log"),
                        "100|2901|0");
    struct browser *late = listen_from(s, "earliest"), *behind = listen_from(s, id_text(s, 1));
    struct browser *of_three[] = {before, late, behind};
    for (int i = 0; i < 3; i++) {
        if (of_three[i] != before) {
            expect_connected(of_three[i]);
            expect_replay_start(of_three[i], KEYS);
        }
        expect_count(of_three[i], "n", rows - KEYS + 1, rows);
        if (of_three[i] != before)
            expect_replay_end(of_three[i], KEYS);
    }
    state_count(s, rows + 1, rows + 3);
    for (int i = 0; i < 3; i++)
        expect_count(of_three[i], "n", rows + 1, rows + 3);
    browser_cut(late);
    state_count(s, rows + 4, rows + 10);
    state_count(s, rows + 104, rows + 110);
    expect_gaps(s, late, 0, rows + 110);
    expect_gaps(s, before, 0, rows + 110);
}

/* The stream that was there the whole time makes the process keep each state in its memory. */
static void test_a_page_that_is_loaded_anew_is_sent_no_state_that_was_replaced(void **state)
{
    struct stage *s = *state;
    static const int inserted[] = {2, 1, 101, 201}; /* of k2, and three states of k1 */
    lighttpd_start(s);
    struct browser *there = browser_open(s, "/sse/events?channel=prices");
    expect_connected(there);
    for (int i = 0; i < 4; i++) {
        state_count(s, inserted[i], inserted[i]);
        expect_count(there, "n", inserted[i], inserted[i]);
    }
    for (int i = 0; i < 3; i++) {
        struct browser *loaded = listen_from(s, "earliest");
        expect_connected(loaded);
        expect_replay_start(loaded, 2);
        expect_count(loaded, "n", 2, 2);
        expect_count(loaded, "n", 201, 201);
        expect_replay_end(loaded, 2);
        browser_close(loaded);
    }
    state_count(s, 301, 301);
    expect_count(there, "n", 301, 301);
}

/* Each answer from the log has only a part of it, and the last one ends where the log ends. */
static void test_a_page_that_is_loaded_anew_gets_a_large_state_whole(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *there = browser_open(s, "/sse/events?channel=prices");
    expect_connected(there);
    shell(s,
          "INSERT INTO events(channel, type, key, data) WITH RECURSIVE n(i) AS (SELECT 1 UNION "
          "ALL SELECT i + 1 FROM n WHERE i < %d) SELECT 'prices', 'n', 'k' || i, "
          "printf('%%d%%3000s', i, '') FROM n",
          KEYS);
    struct browser *loaded = listen_from(s, "earliest");
    expect_connected(loaded);
    expect_replay_start(loaded, KEYS);
    for (int i = 1; i <= KEYS; i++) {
        const struct sse_event *e = browser_next(loaded, PATIENCE);
        if (!e || strcmp(e->type, "n") != 0 || atoi(e->data) != i)
            fail_stage(s, "waited for %d, came %.20s", i, e ? e->data : "nothing");
    }
    expect_replay_end(loaded, KEYS);
    expect_gaps(s, there, 0, KEYS);
}

/* A stream that got the state of three keys, and is away while newer states come. */
static struct browser *leave_before_newer_states(struct stage *s)
{
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events?channel=prices");
    expect_connected(b);
    state_count(s, 1, 3);
    expect_count(b, "n", 1, 3);
    browser_cut(b);
    state_count(s, 101, 103);
    return b;
}

static void test_the_newest_event_of_a_key_that_is_deleted_is_told_as_one_gap(void **state)
{
    struct stage *s = *state;
    struct browser *b = leave_before_newer_states(s);
    shell(s, "DELETE FROM events WHERE key = 'k2'");
    expect_gaps(s, b, 1, 103);
    expect_gaps(s, listen_from(s, id_text(s, 1)), 1, 103);
}

/* Both have had it and would show it for ever. */
static void test_pages_that_show_what_is_deleted_are_told_at_once(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *there = browser_open(s, "/sse/events?channel=prices"),
                   *other = browser_open(s, "/sse/events?channel=other");
    expect_connected(there);
    expect_connected(other);
    state_count(s, 1, 3);
    expect_count(there, "n", 1, 3);
    struct browser *away = listen_from(s, id_text(s, 3));
    expect_connected(away);
    browser_cut(away);
    shell(s, "DELETE FROM events WHERE key = 'k2'");
    expect_gap(there, "trimmed", 4);
    expect_gaps(s, away, 1, 0);
    expect_gaps(s, there, 0, 0);
    publish(s, "other", "message", "all there is");
    expect_event(other, "message", "all there is");
}

static void test_a_key_that_buffer_size_overtakes_is_told_as_one_gap(void **state)
{
    struct stage *s = *state;
    shell_set(s, "buffer_size", "3");
    struct browser *b = leave_before_newer_states(s);
    state_count(s, 4, 5); /* pushes k1 and k2 out */
    expect_gaps(s, b, 1, 5);
}

static void test_keys_that_one_transaction_pushes_out_are_told_to_who_is_there(void **state)
{
    struct stage *s = *state;
    shell_set(s, "buffer_size", "3");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events?channel=prices");
    expect_connected(b);
    state_count(s, 1, 10);
    expect_gap(b, "trimmed", 7);
    expect_count(b, "n", 8, 10);
    state_count(s, 8, 10);
    expect_count(b, "n", 8, 10);
    expect_gaps(s, b, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_stream_from_earliest_gets_the_state_and_then_what_changes),
        scenario(test_a_page_that_is_loaded_anew_is_sent_no_state_that_was_replaced),
        scenario(test_a_page_that_is_loaded_anew_gets_a_large_state_whole),
        scenario(test_the_newest_event_of_a_key_that_is_deleted_is_told_as_one_gap),
        scenario(test_pages_that_show_what_is_deleted_are_told_at_once),
        scenario(test_a_key_that_buffer_size_overtakes_is_told_as_one_gap),
        scenario(test_keys_that_one_transaction_pushes_out_are_told_to_who_is_there),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
