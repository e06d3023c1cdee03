#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fcgi/base/buffer.h"
#include "fcgi/stream/cursor.h"
#include "fcgi/stream/sse_format.h"
#include "tests/unit/batches.h"

/* Listens to room-7, as session 71b0. */
static struct cursor cursor_at(int64_t after, int64_t until, const char *type)
{
    static const char *const channels[] = {"room-7"};
    struct cursor c;
    struct subscription *s = subscription_new("71b0", channels, 1, &type, type ? 1 : 0);
    assert_non_null(s);
    cursor_begin(&c, s, after, until);
    return c;
}

static void take(struct cursor *c, struct batch *b)
{
    assert_non_null(b);
    cursor_take(c, b);
    batch_unref(b);
}

/* Everything the cursor says of its batch, `step` bytes at a time. */
static char *told(struct cursor *c, size_t step)
{
    struct buffer out = {0};
    int64_t id, oldest;
    for (;;) {
        struct iovec slice[4];
        size_t bytes, n;
        switch (cursor_next(c, &id, &oldest)) {
        case CURSOR_BYTES:
            n = cursor_slices(c, slice, 4, step, &bytes);
            assert_true(bytes > 0 && bytes <= step);
            for (size_t i = 0; i < n; i++)
                buffer_add(&out, slice[i].iov_base, slice[i].iov_len);
            cursor_advance(c, bytes);
            break;
        case CURSOR_GAP:
            buffer_printf(&out, "<gap %d oldest %d>", (int)id, (int)oldest);
            cursor_said_gap(c, id);
            break;
        case CURSOR_REPLAYED:
            buffer_printf(&out, "<replayed %d>", (int)c->replayed);
            cursor_said_replayed(c);
            break;
        case CURSOR_DONE:
            buffer_add(&out, "", 1);
            assert_false(out.failed);
            return out.bytes;
        }
    }
}

static void assert_told(struct cursor *c, size_t step, const char *expected)
{
    char *text = told(c, step);
    assert_string_equal(text, expected);
    free(text);
}

#define PLAIN(id, data) "data: " data "\nid: " EPOCH "-" #id "\n\n"
#define MARKED(id) PLAIN(id, "{\"_replayed\":true,\"_originalTime\":" #id "}")

static void test_rows_up_to_until_are_replayed_and_later_ones_live(void **state)
{
    (void)state;
    const struct row rows[] = {{4, "", "message", "{}"},
                               {5, "", "message", "hi"},
                               {6, "", "message", "{}"},
                               {7, "", "message", "{}"}};
    for (size_t step = 1; step < 300; step += 7) {
        struct cursor c = cursor_at(3, 6, NULL);
        c.replaying = true;
        take(&c, batch_of(3, 7, ROWS(rows), NO_HOLES));
        assert_told(&c, step, MARKED(4) PLAIN(5, "hi") MARKED(6) "<replayed 3>" PLAIN(7, "{}"));
        assert_int_equal(c.after, 7);
        assert_int_equal(c.last_sent, 7);
        cursor_end(&c);
    }
}

static void test_replay_ends_with_the_batch_that_reaches_until(void **state)
{
    (void)state;
    const struct row rows[] = {{4, "", "message", "hi"}, {6, "other", "message", "no"}};
    struct cursor c = cursor_at(3, 6, NULL);
    c.replaying = true;
    take(&c, batch_of(3, 5, rows, 1, NO_HOLES));
    assert_told(&c, 1000, PLAIN(4, "hi"));
    take(&c, batch_of(5, 9, rows + 1, 1, NO_HOLES));
    assert_told(&c, 1000, "<replayed 1>");
    assert_int_equal(c.after, 9);
    assert_int_equal(c.last_sent, 4);
    cursor_end(&c);
}

static void test_only_rows_of_its_mailboxes_and_types_go_out(void **state)
{
    (void)state;
    const struct row rows[] = {{1, "", "a", "broadcast"},      {2, "room-7", "a", "channel"},
                               {3, "room-8", "a", "foreign"},  {4, "@71b0", "a", "own"},
                               {5, "@71b1", "a", "another's"}, {6, "", "b", "other type"},
                               {7, "room-7", "a", "last"}};
    struct cursor c = cursor_at(0, 0, "a");
    take(&c, batch_of(0, 7, ROWS(rows), NO_HOLES));
    assert_told(&c, 9,
                "event: a\n" PLAIN(1, "broadcast") "event: a\n" PLAIN(
                    2, "channel") "event: a\n" PLAIN(4, "own") "event: a\n" PLAIN(7, "last"));
    cursor_end(&c);
}

static void test_position_moves_on_though_nothing_matched(void **state)
{
    (void)state;
    const struct row rows[] = {{1, "room-8", "a", "foreign"}};
    struct cursor c = cursor_at(0, 0, NULL);
    take(&c, batch_of(0, 5000, ROWS(rows), NO_HOLES));
    assert_told(&c, 9, "");
    assert_int_equal(c.after, 5000);
    assert_int_equal(c.last_sent, -1);
    cursor_end(&c);
}

static void test_live_broadcasts_are_one_slice(void **state)
{
    (void)state;
    enum { EVENTS = 500 };
    struct row rows[EVENTS];
    struct iovec slice[2];
    size_t bytes;
    int64_t id, oldest;
    for (int i = 0; i < EVENTS; i++)
        rows[i] = (struct row){i + 1, "", "message", "{\"a\":1}"};
    struct cursor c = cursor_at(10, 10, NULL);
    take(&c, batch_of(0, EVENTS, ROWS(rows), NO_HOLES));
    assert_int_equal(cursor_next(&c, &id, &oldest), CURSOR_BYTES);
    assert_int_equal(cursor_slices(&c, slice, 2, SIZE_MAX, &bytes), 1);
    assert_ptr_equal(slice[0].iov_base, c.batch->bytes + c.batch->event[10].at);
    size_t three = c.batch->event[13].at - c.batch->event[10].at;
    cursor_advance(&c, three + 5);
    assert_int_equal(c.after, 13);
    assert_false(cursor_between_events(&c));
    assert_int_equal(cursor_event_left(&c), c.batch->event[13].len - 5);
    cursor_advance(&c, bytes - three - 5);
    assert_true(cursor_between_events(&c));
    assert_int_equal(cursor_event_left(&c), 0);
    assert_int_equal(c.last_sent, EVENTS);
    assert_int_equal(cursor_next(&c, &id, &oldest), CURSOR_DONE);
    cursor_end(&c);
}

struct gap_case {
    int64_t after;
    struct hole hole;
    const char *expected;
};

static void test_trimming_of_its_mailboxes_is_told_before_any_row(void **state)
{
    (void)state;
    const struct row rows[] = {{12, "room-8", "message", "foreign"},
                               {14, "", "message", "kept"},
                               {18, "room-7", "message", "x"}};
    static const struct gap_case cases[] = {
        {10, {"room-7", 16}, "<gap 13 oldest 14>" PLAIN(14, "kept") PLAIN(18, "x")},
        {10, {"room-8", 16}, PLAIN(14, "kept") PLAIN(18, "x")},
        {10, {"", 11}, "<gap 13 oldest 14>" PLAIN(14, "kept") PLAIN(18, "x")},
        {15, {"", 11}, PLAIN(18, "x")},
        {15, {"room-7", 16}, "<gap 17 oldest 18>" PLAIN(18, "x")},
        {18, {"@71b0", 19}, "<gap 20 oldest 0>"},
        {10, {NULL, 11}, "<gap 13 oldest 14>" PLAIN(14, "kept") PLAIN(18, "x")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cursor c = cursor_at(cases[i].after, 0, NULL);
        take(&c, batch_of(10, 20, ROWS(rows), &cases[i].hole, 1));
        assert_told(&c, 50, cases[i].expected);
        cursor_end(&c);
    }
}

static void test_one_gap_tells_of_all_holes_and_each_once(void **state)
{
    (void)state;
    const struct row rows[] = {{14, "", "message", "a"}, {18, "", "message", "b"}};
    const struct hole holes[] = {{"", 13}, {"room-7", 16}, {NULL, 16}};
    struct cursor c = cursor_at(10, 10, NULL);
    take(&c, batch_of(10, 15, rows, 1, ROWS(holes)));
    assert_told(&c, 50, "<gap 13 oldest 14>" PLAIN(14, "a"));
    take(&c, batch_of(15, 20, rows + 1, 1, holes + 1, 2));
    assert_told(&c, 50, PLAIN(18, "b"));
    cursor_end(&c);
}

static void test_what_was_forgotten_does_not_hush_later_trimming(void **state)
{
    (void)state;
    const struct row rows[] = {{14, "", "message", "a"}, {18, "", "message", "b"}};
    const struct hole forgotten = {NULL, 17}, trimmed = {"", 16};
    struct cursor c = cursor_at(10, 10, NULL);
    take(&c, batch_of(10, 15, rows, 1, &forgotten, 1));
    assert_told(&c, 50, "<gap 13 oldest 14>" PLAIN(14, "a"));
    take(&c, batch_of(15, 20, rows + 1, 1, &trimmed, 1));
    assert_told(&c, 50, "<gap 17 oldest 18>" PLAIN(18, "b"));
    cursor_end(&c);
}

static void test_kept_row_of_another_type_is_not_jumped_over(void **state)
{
    (void)state;
    const struct row rows[] = {{14, "", "other", "a"}, {18, "", "mine", "b"}};
    const struct hole hole = {"", 12};
    struct cursor c = cursor_at(10, 10, "mine");
    take(&c, batch_of(10, 20, ROWS(rows), &hole, 1));
    assert_told(&c, 50, "<gap 13 oldest 14>event: mine\n" PLAIN(18, "b"));
    cursor_end(&c);
}

static void test_replay_that_was_trimmed_away_still_ends(void **state)
{
    (void)state;
    const struct row rows[] = {{18, "", "message", "live"}};
    const struct hole hole = {"", 15};
    struct cursor c = cursor_at(10, 12, NULL);
    c.replaying = true;
    take(&c, batch_of(10, 20, ROWS(rows), &hole, 1));
    assert_told(&c, 50, "<gap 17 oldest 18><replayed 0>" PLAIN(18, "live"));
    cursor_end(&c);
}

static struct batch *without_sessions(struct batch *b)
{
    assert_non_null(b);
    b->without_sessions = true;
    return b;
}

static void test_batch_without_private_rows_carries_only_to_until(void **state)
{
    (void)state;
    const struct row rows[] = {{14, "", "message", "a"}, {18, "", "message", "b"}};
    const struct hole hole = {"", 11};
    struct cursor c = cursor_at(12, 16, NULL);
    assert_false(cursor_needs_session(&c));
    c.replaying = true;
    take(&c, without_sessions(batch_of(10, 20, ROWS(rows), NO_HOLES)));
    assert_told(&c, 50, PLAIN(14, "a") "<replayed 1>");
    assert_int_equal(c.after, 16);
    assert_true(cursor_needs_session(&c));
    cursor_end(&c);

    c = cursor_at(10, 12, NULL);
    take(&c, without_sessions(batch_of(10, 20, ROWS(rows), &hole, 1)));
    assert_told(&c, 50, "<gap 12 oldest 0>");
    assert_int_equal(c.after, 12);
    cursor_end(&c);
}

static void test_private_rows_are_asked_for_only_where_they_may_be(void **state)
{
    (void)state;
    struct cursor c = cursor_at(10, 20, NULL);
    assert_false(cursor_needs_session(&c));
    c.private_to = 15;
    assert_true(cursor_needs_session(&c));
    c.after = 15;
    assert_false(cursor_needs_session(&c));
    c.after = 20;
    assert_true(cursor_needs_session(&c));
    cursor_end(&c);
    struct subscription *s = subscription_new(NULL, NULL, 0, NULL, 0);
    assert_non_null(s);
    cursor_begin(&c, s, 20, 20);
    assert_false(cursor_needs_session(&c));
    cursor_end(&c);
}

static void test_another_log_begins_afresh(void **state)
{
    (void)state;
    const struct row rows[] = {{14, "", "message", "a"}, {3, "", "message", "{}"}};
    const struct hole old_hole = {"", 12}, new_hole = {"", 2};
    struct cursor c = cursor_at(10, 13, NULL);
    take(&c, batch_of(10, 20, rows, 1, &old_hole, 1));
    assert_told(&c, 50, "<gap 13 oldest 14>" PLAIN(14, "a"));
    cursor_restart(&c, 1);
    take(&c, batch_of(1, 4, rows + 1, 1, &new_hole, 1));
    assert_told(&c, 50, "<gap 2 oldest 3>" PLAIN(3, "{}"));
    cursor_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_up_to_until_are_replayed_and_later_ones_live),
        cmocka_unit_test(test_replay_ends_with_the_batch_that_reaches_until),
        cmocka_unit_test(test_only_rows_of_its_mailboxes_and_types_go_out),
        cmocka_unit_test(test_position_moves_on_though_nothing_matched),
        cmocka_unit_test(test_live_broadcasts_are_one_slice),
        cmocka_unit_test(test_trimming_of_its_mailboxes_is_told_before_any_row),
        cmocka_unit_test(test_one_gap_tells_of_all_holes_and_each_once),
        cmocka_unit_test(test_what_was_forgotten_does_not_hush_later_trimming),
        cmocka_unit_test(test_kept_row_of_another_type_is_not_jumped_over),
        cmocka_unit_test(test_replay_that_was_trimmed_away_still_ends),
        cmocka_unit_test(test_batch_without_private_rows_carries_only_to_until),
        cmocka_unit_test(test_private_rows_are_asked_for_only_where_they_may_be),
        cmocka_unit_test(test_another_log_begins_afresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
