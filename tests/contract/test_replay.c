/* Rows as a cursor asks for them: batches of bytes, from any engine. */
#include "fcgi/hub/replay.h"
#include "tests/contract/contract_world.h"

/* A world, and what formats its rows. */
struct replay {
    struct world *world;
    struct batch_builder *builder;
};

static int open_replay(void **state)
{
    struct replay *t = calloc(1, sizeof *t);
    void *world;
    assert_non_null(t);
    world_setup(&world);
    t->world = world;
    t->builder = batch_builder_new();
    assert_non_null(t->builder);
    set(t->world, "buffer_size", "400");
    *state = t;
    return 0;
}

static int close_replay(void **state)
{
    struct replay *t = *state;
    void *world = t->world;
    batch_builder_free(t->builder);
    free(t);
    return world_teardown(&world);
}

/* The id it got. */
static int64_t add(struct replay *t, const char *channel, const char *data)
{
    publish(t->world, channel, "update", data, 1);
    return count(t->world, LAST_ID);
}

static struct batch *next(struct replay *t, const struct store_question *q,
                          struct store_end *end)
{
    struct batch *b;
    assert_int_equal(replay_next(t->world->store, t->builder, t->world->settings, q, &b, end),
                     STORE_OK);
    return b;
}

static struct batch *next_after(struct replay *t, int64_t after, struct store_end *end)
{
    const struct store_question q = {.after = after};
    return next(t, &q, end);
}

static void test_nothing_follows_the_end(void **state)
{
    struct store_end end;
    assert_null(next_after(*state, 0, &end));
    int64_t id = add(*state, "", "x");
    assert_null(next_after(*state, id, &end));
    assert_int_equal(end.last_id, id);
}

static void test_rows_come_formatted_with_the_epoch_of_the_log(void **state)
{
    struct store_end end;
    char expected[256];
    int64_t first = add(*state, "", "{\"a\":1}"), second = add(*state, "room-7", "hi");
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
    struct replay *t = *state;
    struct store_end end;
    int64_t id = add(t, "", "{}");
    t->world->settings->enable_reconnection = t->world->settings->mark_replayed = false;
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
        last = add(*state, i % 3 ? "" : "room-7", data);
        first = first ? first : last;
    }
    int64_t after = first - 1;
    for (struct batch *b; (b = next_after(*state, after, &end)); batches++) {
        assert_int_equal(b->log_end, last);
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
    struct replay *t = *state;
    static const char *const channels[] = {"room-7"};
    struct subscription *s = subscription_new("71b0", channels, 1, NULL, 0);
    struct store_end end;
    assert_non_null(s);
    int64_t first = add(t, "room-8", "no");
    add(t, "room-7", "yes");
    int64_t last = add(t, "room-8", "no");
    const struct store_question q = {.after = first - 1, .only = s, .without_session = true};
    struct batch *b = next(t, &q, &end);
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
    int64_t first = add(*state, "", "x");
    for (int i = 0; i < 400; i++)
        add(*state, i < 10 ? "room-7" : "", "y");
    for (int i = 0; i < 20; i++)
        add(*state, "", "z");
    struct batch *b = next_after(*state, first - 1, &end);
    assert_non_null(b);
    assert_int_equal(b->holes, 1);
    assert_string_equal(b->text + b->hole[0].mailbox, "");
    assert_int_equal(b->hole[0].trimmed_to, end.trimmed_to);
    assert_true(b->hole[0].trimmed_to > first);
    batch_unref(b);
}

#define REPLAY(f) cmocka_unit_test_setup_teardown(f, open_replay, close_replay)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPLAY(test_nothing_follows_the_end),
        REPLAY(test_rows_come_formatted_with_the_epoch_of_the_log),
        REPLAY(test_settings_decide_what_is_written),
        REPLAY(test_batches_join_without_gap_or_repeat),
        REPLAY(test_question_for_some_mailboxes_passes_the_others_by),
        REPLAY(test_trimmed_mailbox_is_a_hole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
