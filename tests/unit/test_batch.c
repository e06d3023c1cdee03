#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "store/subscription.h"
#include "tests/unit/batches.h"

static const struct batch_format with_all = {.epoch = EPOCH, .ids = true, .replays = true};

static struct event plain(int64_t id, const char *data, size_t len)
{
    return (struct event){
        .id = id, .mailbox = "", .type = "message", .data = data, .data_len = len};
}

static void test_live_renditions_are_neighbours(void **state)
{
    (void)state;
    const struct row rows[] = {
        {4, "", "update", "{\"a\":1}"}, {5, "", "message", "hi"}, {9, "", "update", "{}"}};
    const char expected[] = "event: update\ndata: {\"a\":1}\nid: " EPOCH "-4\n\n"
                            "data: hi\nid: " EPOCH "-5\n\n"
                            "event: update\ndata: {}\nid: " EPOCH "-9\n\n";
    struct batch *b = batch_of(3, 10, ROWS(rows), NO_HOLES);
    assert_non_null(b);
    assert_int_equal(b->events, 3);
    assert_memory_equal(b->bytes, expected, sizeof expected - 1);
    for (size_t i = 0; i + 1 < b->events; i++)
        assert_int_equal(b->event[i].at + b->event[i].len, b->event[i + 1].at);
    assert_true(b->event[0].mark_at >= sizeof expected - 1);
    assert_int_equal(b->event[1].object_end, 0);
    batch_unref(b);
}

static void test_names_and_holes_are_kept_with_the_batch(void **state)
{
    (void)state;
    const struct row rows[] = {
        {4, "room-7", "update", "a"}, {5, "@71b0", "open", "b"}, {6, "room-7", "update", "c"}};
    const struct hole holes[] = {{"room-7", 3}, {NULL, 2}, {"", 1}};
    struct batch *b = batch_of(0, 6, ROWS(rows), ROWS(holes));
    assert_non_null(b);
    assert_int_equal(b->events, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(b->text + b->event[i].mailbox, rows[i].mailbox);
        assert_int_equal(b->event[i].mailbox_hash, mailbox_hash(rows[i].mailbox));
    }
    assert_int_equal(b->event[0].type, b->event[2].type);
    assert_string_equal(b->text + b->event[0].type, "update");
    assert_string_equal(b->text + b->event[1].type, "message"); /* `open` is our own word */
    assert_int_equal(b->holes, 3);
    assert_string_equal(b->text + b->hole[0].mailbox, "room-7");
    assert_false(b->hole[0].everyone);
    assert_true(b->hole[1].everyone);
    assert_false(b->hole[2].everyone);
    assert_string_equal(b->text + b->hole[2].mailbox, "");
    assert_false(b->broadcasts_only);
    batch_unref(b);
}

static void test_many_names_stay_apart(void **state)
{
    (void)state;
    enum { NAMES = 1000 };
    struct batch_builder *w = batch_builder_new();
    char name[32];
    assert_non_null(w);
    batch_builder_begin(w, &with_all);
    for (int i = 0; i < NAMES; i++) {
        struct event e = plain(i + 1, "x", 1);
        snprintf(name, sizeof name, "room-%d", i % 300);
        e.mailbox = name;
        assert_int_equal(batch_builder_add(w, &e), BATCH_ADDED);
    }
    struct batch *b = batch_builder_finish(w, 0, NAMES);
    assert_non_null(b);
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "room-%d", i % 300);
        assert_string_equal(b->text + b->event[i].mailbox, name);
    }
    batch_unref(b);
    batch_builder_free(w);
}

static void test_batch_ends_at_its_size_or_with_one_larger_event(void **state)
{
    (void)state;
    struct batch_builder *w = batch_builder_new();
    size_t len = 4 * BATCH_BYTES;
    char *large = malloc(len);
    assert_non_null(w);
    assert_non_null(large);
    memset(large, 'x', len);
    struct event small = plain(1, "hi", 2), big = plain(2, large, len);

    batch_builder_begin(w, &with_all);
    assert_int_equal(batch_builder_add(w, &small), BATCH_ADDED);
    assert_int_equal(batch_builder_add(w, &big), BATCH_NO_ROOM);
    struct batch *b = batch_builder_finish(w, 0, 1);
    assert_non_null(b);
    assert_int_equal(b->events, 1);
    batch_unref(b);

    batch_builder_begin(w, &with_all);
    assert_int_equal(batch_builder_add(w, &big), BATCH_ADDED_LAST);
    b = batch_builder_finish(w, 1, 2);
    assert_non_null(b);
    assert_int_equal(b->events, 1);
    assert_true(b->event[0].len > len);
    batch_unref(b);

    batch_builder_begin(w, &with_all);
    struct event half = plain(3, large, BATCH_BYTES / 2 - 10); /* two pass it by their ids */
    assert_int_equal(batch_builder_add(w, &half), BATCH_ADDED);
    half.id = 4;
    assert_int_equal(batch_builder_add(w, &half), BATCH_NO_ROOM);
    b = batch_builder_finish(w, 2, 3);
    assert_non_null(b);
    assert_int_equal(b->events, 1);
    batch_unref(b);
    free(large);
    batch_builder_free(w);
}

static void test_a_batch_may_hold_nothing(void **state)
{
    (void)state;
    struct batch *b = batch_of(7, 5000, NULL, 0, NO_HOLES);
    assert_non_null(b);
    assert_int_equal(b->events, 0);
    assert_int_equal(b->through, 5000);
    assert_true(b->broadcasts_only);
    assert_int_equal(batch_find(b, 7), 0);
    batch_unref(b);
}

static void test_without_replays_both_renditions_are_the_same(void **state)
{
    (void)state;
    const struct batch_format live = {.epoch = EPOCH, .ids = false, .replays = false};
    struct batch_builder *w = batch_builder_new();
    struct event e = plain(1, "{}", 2);
    assert_non_null(w);
    e.is_object = true;
    batch_builder_begin(w, &live);
    assert_int_equal(batch_builder_add(w, &e), BATCH_ADDED);
    struct batch *b = batch_builder_finish(w, 0, 1);
    assert_non_null(b);
    assert_int_equal(b->event[0].object_end, 0);
    assert_int_equal(b->event[0].len, strlen("data: {}\n\n"));
    batch_unref(b);
    batch_builder_free(w);
}

static void test_find_gives_the_first_event_behind_an_id(void **state)
{
    (void)state;
    const struct row rows[] = {{4, "", "a", "x"}, {7, "", "a", "x"}, {9, "", "a", "x"}};
    static const struct {
        int64_t id;
        size_t index;
    } cases[] = {{0, 0}, {3, 0}, {4, 1}, {6, 1}, {7, 2}, {8, 2}, {9, 3}, {INT64_MAX, 3}};
    struct batch *b = batch_of(0, 10, ROWS(rows), NO_HOLES);
    assert_non_null(b);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(batch_find(b, cases[i].id), cases[i].index);
    batch_unref(b);
}

static void *use_references(void *arg)
{
    struct batch *b = arg;
    for (int i = 0; i < 10000; i++) {
        batch_ref(b);
        assert_int_equal(b->bytes[0], 'd');
        batch_unref(b);
    }
    batch_unref(b);
    return NULL;
}

static void test_memory_is_counted_until_the_last_thread_lets_go(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    const struct row rows[] = {{1, "", "message", "x"}};
    pthread_t thread[THREADS];
    size_t before = batch_memory();
    struct batch *b = batch_of(0, 1, ROWS(rows), NO_HOLES);
    assert_non_null(b);
    assert_int_equal(batch_memory(), before + b->memory);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, use_references, batch_ref(b)), 0);
    batch_unref(b);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(batch_memory(), before);
}

static void test_a_batch_knows_when_the_first_of_its_events_expires(void **state)
{
    static const struct {
        int64_t times[3], first;
    } cases[] = {
        {{0, 0, 0}, 0}, {{0, 700, 0}, 700}, {{900, 700, 800}, 700}, {{700, 0, 900}, 700}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct batch *b = batch_expiring(100, cases[i].times, 3);
        assert_non_null(b);
        assert_int_equal(b->expires_at, cases[i].first);
        batch_unref(b);
    }
}

static void test_what_expires_in_a_batch_is_no_matter_of_the_next(void **state)
{
    const struct batch_format format = {.epoch = EPOCH, .ids = true};
    struct event e = {.id = 1, .mailbox = "", .type = "t", .data = "", .expires_at = 700};
    struct batch_builder *w = batch_builder_new();
    (void)state;
    assert_non_null(w);
    batch_builder_begin(w, &format);
    batch_builder_add(w, &e);
    batch_unref(batch_builder_finish(w, 0, 1));
    batch_builder_begin(w, &format);
    e.id = 2;
    e.expires_at = 0;
    batch_builder_add(w, &e);
    struct batch *b = batch_builder_finish(w, 1, 2);
    batch_builder_free(w);
    assert_non_null(b);
    assert_int_equal(b->expires_at, 0);
    batch_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_renditions_are_neighbours),
        cmocka_unit_test(test_names_and_holes_are_kept_with_the_batch),
        cmocka_unit_test(test_many_names_stay_apart),
        cmocka_unit_test(test_batch_ends_at_its_size_or_with_one_larger_event),
        cmocka_unit_test(test_a_batch_may_hold_nothing),
        cmocka_unit_test(test_without_replays_both_renditions_are_the_same),
        cmocka_unit_test(test_find_gives_the_first_event_behind_an_id),
        cmocka_unit_test(test_a_batch_knows_when_the_first_of_its_events_expires),
        cmocka_unit_test(test_what_expires_in_a_batch_is_no_matter_of_the_next),
        cmocka_unit_test(test_memory_is_counted_until_the_last_thread_lets_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
