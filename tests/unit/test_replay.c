#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "fcgi/hub/replay.h"

/* A log of its own, and what reads it. */
struct bench {
    char folder[32];
    struct store *store;
    struct batch_builder *builder;
    struct settings *settings;
};

static int open_bench(void **state)
{
    struct bench *t = calloc(1, sizeof *t);
    char path[64];
    if (!t)
        return -1;
    strcpy(t->folder, "/tmp/rowcast-XXXXXX");
    if (!mkdtemp(t->folder))
        return -1;
    snprintf(path, sizeof path, "%s/log.db", t->folder);
    setenv("ROWCAST_BUFFER_SIZE", "400", 1);
    t->builder = batch_builder_new();
    t->settings = settings_new();
    *state = t;
    return store_open(&t->store, path) == STORE_OK && t->builder && t->settings ? 0 : -1;
}

static int close_bench(void **state)
{
    struct bench *t = *state;
    char path[320];
    store_close(t->store);
    batch_builder_free(t->builder);
    settings_unref(t->settings);
    DIR *d = opendir(t->folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", t->folder, e->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    int r = rmdir(t->folder);
    free(t);
    return r;
}

static int64_t publish(struct bench *t, const char *channel, const char *data)
{
    const struct publication p = {
        .channel = channel, .type = "update", .data = data, .data_len = strlen(data)};
    char epoch[EPOCH_SIZE];
    int64_t id = 0;
    assert_int_equal(store_append(t->store, &p, &id, epoch), STORE_OK);
    return id;
}

static struct batch *next_after(struct bench *t, int64_t after, struct store_end *end)
{
    const struct store_question q = {.after = after};
    struct batch *b;
    assert_int_equal(replay_next(t->store, t->builder, t->settings, &q, &b, end), STORE_OK);
    return b;
}

static void test_nothing_follows_the_end(void **state)
{
    struct store_end end;
    assert_null(next_after(*state, 0, &end));
    int64_t id = publish(*state, "", "x");
    assert_null(next_after(*state, id, &end));
    assert_int_equal(end.last_id, id);
}

static void test_rows_come_formatted_with_the_epoch_of_the_log(void **state)
{
    struct store_end end;
    char expected[256];
    int64_t first = publish(*state, "", "{\"a\":1}"), second = publish(*state, "room-7", "hi");
    struct batch *b = next_after(*state, first - 1, &end);
    assert_non_null(b);
    assert_int_equal(b->events, 2);
    assert_int_equal(b->through, second);
    assert_string_equal(b->epoch, end.epoch);
    snprintf(
        expected, sizeof expected,
        "event: update\ndata: {\"a\":1}\nid: %s-%d\n\nevent: update\ndata: hi\nid: %s-%d\n\n",
        end.epoch, (int)first, end.epoch, (int)second);
    assert_memory_equal(b->bytes, expected, strlen(expected));
    assert_true(b->event[0].object_end > 0);
    assert_string_equal(b->text + b->event[1].mailbox, "room-7");
    assert_false(b->broadcasts_only || b->without_sessions);
    batch_unref(b);
}

static void test_settings_decide_what_is_written(void **state)
{
    struct bench *t = *state;
    struct store_end end;
    int64_t id = publish(t, "", "{}");
    t->settings->enable_reconnection = t->settings->mark_replayed = false;
    struct batch *b = next_after(t, id - 1, &end);
    assert_non_null(b);
    assert_int_equal(b->event[0].len, strlen("event: update\ndata: {}\n\n"));
    assert_int_equal(b->event[0].object_end, 0);
    batch_unref(b);
}

static void test_batches_join_without_gap_or_repeat(void **state)
{
    enum { ROWS = 300 };
    struct store_end end;
    char *data = malloc(2001);
    int64_t first = 0, last = 0;
    size_t rows = 0, batches = 0;
    assert_non_null(data);
    for (int i = 0; i < ROWS; i++) {
        memset(data, 'a' + i % 26, 2000);
        data[i == 150 ? 2000 : 500 + i] = '\0';
        last = publish(*state, i % 3 ? "" : "room-7", data);
        first = first ? first : last;
    }
    int64_t after = first - 1;
    for (struct batch *b; (b = next_after(*state, after, &end)); batches++) {
        assert_int_equal(b->after, after);
        for (size_t i = 0; i < b->events; i++, rows++)
            assert_int_equal(b->event[i].id, first + (int64_t)rows);
        after = b->through;
        batch_unref(b);
    }
    assert_int_equal(after, last);
    assert_int_equal(rows, ROWS);
    assert_true(batches > 2);
    free(data);
}

static void test_question_for_some_mailboxes_passes_the_others_by(void **state)
{
    struct bench *t = *state;
    static const char *const channels[] = {"room-7"};
    struct subscription *s = subscription_new("71b0", channels, 1, NULL, 0);
    struct store_end end;
    struct batch *b;
    assert_non_null(s);
    int64_t first = publish(t, "room-8", "no");
    publish(t, "room-7", "yes");
    int64_t last = publish(t, "room-8", "no");
    const struct store_question q = {.after = first - 1, .only = s, .without_session = true};
    assert_int_equal(replay_next(t->store, t->builder, t->settings, &q, &b, &end), STORE_OK);
    assert_non_null(b);
    assert_int_equal(b->events, 1);
    assert_int_equal(b->through, last);
    assert_true(b->without_sessions);
    batch_unref(b);
    subscription_free(s);
}

static void test_trimmed_mailbox_is_a_hole(void **state)
{
    struct store_end end;
    int64_t first = publish(*state, "", "x");
    for (int i = 0; i < 400; i++)
        publish(*state, i < 10 ? "room-7" : "", "y");
    for (int i = 0; i < 20; i++)
        publish(*state, "", "z");
    struct batch *b = next_after(*state, first - 1, &end);
    assert_non_null(b);
    assert_int_equal(b->holes, 1);
    assert_string_equal(b->text + b->hole[0].mailbox, "");
    assert_int_equal(b->hole[0].trimmed_to, end.trimmed_to);
    assert_true(b->hole[0].trimmed_to > first);
    batch_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_follows_the_end, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_rows_come_formatted_with_the_epoch_of_the_log,
                                        open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_settings_decide_what_is_written, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(test_batches_join_without_gap_or_repeat, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(test_question_for_some_mailboxes_passes_the_others_by,
                                        open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_trimmed_mailbox_is_a_hole, open_bench,
                                        close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
