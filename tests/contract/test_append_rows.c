/* Rows that are published together: all of them or none, each with its own id. */
#include "tests/contract/contract_claims.h"
#include "tests/contract/contract_log.h"
#include "tests/unit/group.h"

enum { JSON_SIZE = 262144 };

struct many {
    char json[JSON_SIZE];
    struct store_rows rows;
    int64_t ids[STORE_ROWS_MAX];
    struct appending one;
};

/* Add a row, which is given as JSON. */
__attribute__((format(printf, 2, 3))) static void row(struct many *m, const char *format, ...)
{
    struct store_rows *rows = &m->rows;
    va_list args;
    rows->len -= rows->len > 0;
    m->json[rows->len++] = rows->count++ ? ',' : '[';
    va_start(args, format);
    rows->len +=
        (size_t)vsnprintf(m->json + rows->len, sizeof m->json - rows->len - 1, format, args);
    va_end(args);
    assert_true(rows->len < sizeof m->json - 1);
    m->json[rows->len++] = ']';
    rows->json = m->json;
    m->one = (struct appending){.what.rows = rows, .ids = m->ids};
}

static void broadcast(struct many *m, const char *type, const char *data)
{
    row(m, "[\"\",null,\"%s\",\"%s\",null,null,null]", type, data);
}

static void with_key(struct many *m, const char *channel, int dedup_key)
{
    row(m, "[\"%s\",null,\"a\",\"%d\",\"k%d\",null,null]", channel, dedup_key, dedup_key);
}

static void to_session(struct many *m, const char *session, const char *data)
{
    row(m, "[\"\",\"%s\",\"a\",\"%s\",null,null,null]", session, data);
    m->rows.has_sessions = true;
}

static void some_rows(struct many *m, int n, bool keyed)
{
    for (int i = 1; i <= n; i++)
        if (keyed)
            with_key(m, "", i);
        else
            row(m, "[\"\",null,\"a\",\"%d\",null,null,null]", i);
}

static struct many *new_rows(void)
{
    struct many *m = calloc(1, sizeof *m);
    assert_non_null(m);
    return m;
}

static enum store_result append_rows(struct world *w, struct many *m)
{
    struct appending *item = &m->one;
    enum store_result r = store_append_all(w->store, &item, 1, 0);
    assert_true(r == STORE_OK || r == m->one.result);
    if (m->one.result == STORE_OK)
        assert_string_equal(m->one.why, "");
    return m->one.result;
}

static void expect_ids(const struct many *m, int64_t first)
{
    for (size_t i = 0; i < m->rows.count; i++)
        assert_int_equal(m->ids[i], first + (int64_t)i);
}

static void expect_rows(struct world *w, int64_t n)
{
    assert_int_equal(count(w, EVENTS), n);
    books_agree(w);
}

static void test_a_thousand_rows_get_their_ids_in_their_order(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    publish_some(w, 3);
    some_rows(m, STORE_ROWS_MAX, false);
    set(w, "buffer_size", "2000");
    assert_int_equal(append_rows(w, m), STORE_OK);
    assert_string_equal(m->one.epoch, w->epoch);
    expect_ids(m, 4);
    expect_event(w, 4, "1");
    expect_event(w, 503, "500");
    expect_event(w, 1003, "1000");
    expect_rows(w, 1003);
    free(m);
}

static void test_the_same_rows_again_give_the_same_ids_and_add_none(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    some_rows(m, STORE_ROWS_MAX, true);
    assert_int_equal(append_rows(w, m), STORE_OK);
    expect_ids(m, 1);
    memset(m->ids, 0, sizeof m->ids);
    assert_int_equal(append_rows(w, m), STORE_OK);
    expect_ids(m, 1);
    expect_rows(w, STORE_ROWS_MAX);
    assert_int_equal(count(w, LAST_ID), STORE_ROWS_MAX);
    free(m);
}

static void test_rows_that_are_there_in_part_get_old_ids_and_new_ones(void **state)
{
    struct world *w = *state;
    struct many *before = new_rows(), *m = new_rows();
    with_key(before, "", 2);
    with_key(before, "room", 3);
    assert_int_equal(append_rows(w, before), STORE_OK);
    some_rows(m, 3, true);
    with_key(m, "room", 3);
    broadcast(m, "a", "none");
    assert_int_equal(append_rows(w, m), STORE_OK);
    const int64_t ids[] = {3, 1, 4, 2, 5};
    assert_memory_equal(m->ids, ids, sizeof ids);
    expect_rows(w, 5);
    free(before);
    free(m);
}

static void test_a_key_that_comes_twice_is_one_row(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    with_key(m, "", 1);
    broadcast(m, "a", "between");
    with_key(m, "", 1);
    with_key(m, "room", 1);
    assert_int_equal(append_rows(w, m), STORE_OK);
    const int64_t ids[] = {1, 2, 1, 3};
    assert_memory_equal(m->ids, ids, sizeof ids);
    expect_rows(w, 3);
    free(m);
}

/* The rows before it trim the one that has its key, so it is a new one again. */
static void test_a_key_that_rows_before_it_trim_is_free(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    set(w, "buffer_size", "2");
    with_key(m, "", 1);
    assert_int_equal(append_rows(w, m), STORE_OK);
    broadcast(m, "a", "two");
    broadcast(m, "a", "three");
    with_key(m, "", 1);
    assert_int_equal(append_rows(w, m), STORE_OK);
    const int64_t ids[] = {1, 2, 3, 4};
    assert_memory_equal(m->ids, ids, sizeof ids);
    expect_event(w, 4, "1");
    expect_rows(w, 2);
    free(m);
}

static void test_more_rows_than_a_mailbox_keeps_have_ids_all_the_same(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    set(w, "buffer_size", "10");
    some_rows(m, 100, true);
    assert_int_equal(append_rows(w, m), STORE_OK);
    expect_ids(m, 1);
    expect_event(w, 91, "91");
    expect_rows(w, 10);
    free(m);
}

static void test_a_rule_that_refuses_one_row_refuses_all_and_names_it(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    some_rows(m, 499, false);
    broadcast(m, "heartbeat", "bad");
    some_rows(m, 499, false);
    broadcast(m, "gap", "bad too");
    assert_int_equal(append_rows(w, m), STORE_REFUSED);
    assert_int_equal(m->one.row, 500);
    assert_non_null(strstr(m->one.why, "reserved"));
    expect_rows(w, 0);
    publish_some(w, 1);
    assert_int_equal(count(w, LAST_ID), 1);
    free(m);
}

static void test_a_row_that_is_too_large_is_told_apart(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    set(w, "max_event_bytes", "1024");
    broadcast(m, "a", "one");
    broadcast(m, "a", letters(1025));
    assert_int_equal(append_rows(w, m), STORE_TOO_LARGE);
    assert_int_equal(m->one.row, 2);
    assert_non_null(strstr(m->one.why, "max_event_bytes"));
    expect_rows(w, 0);
    free(m);
}

static void test_rows_are_for_sessions_and_channels_alike(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    char id[SESSION_ID_SIZE], mailbox[EVENT_MAILBOX_MAX + 1];
    strcpy(id, claim_as(w, NULL)->session_id);
    snprintf(mailbox, sizeof mailbox, "@%s", id);
    broadcast(m, "a", "for all");
    to_session(m, id, "for one");
    row(m, "[\"room\",null,\"b\",\"for some\",null,null,null]");
    assert_int_equal(append_rows(w, m), STORE_OK);
    expect_ids(m, 1);
    assert_int_equal(kept(w, ""), 1);
    assert_int_equal(kept(w, mailbox), 1);
    assert_int_equal(kept(w, "room"), 1);
    expect_event(w, 2, "for one");
    expect_event(w, 3, "for some");
    assert_string_equal(the_seen.type, "b");
    free(m);
}

static void test_a_session_that_does_not_exist_refuses_all_and_its_row_is_named(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    broadcast(m, "a", "for all");
    to_session(m, claim_as(w, NULL)->session_id, "for one");
    to_session(m, "nobody", "for nobody");
    to_session(m, "nobody-either", "for nobody");
    assert_int_equal(append_rows(w, m), STORE_UNKNOWN);
    assert_int_equal(m->one.row, 3);
    assert_string_equal(m->one.why, "there is no session nobody");
    expect_rows(w, 0);
    free(m);
}

static void test_rows_without_sessions_need_no_sessions(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    broadcast(m, "a", "for all");
    damage(w, THE_SESSIONS);
    reopen(w);
    assert_int_equal(append_rows(w, m), STORE_OK);
    assert_int_equal(count(w, EVENTS), 1);
    free(m);
}

/* As JSON may write them, and as no JSON library but the publisher's has changed them. */
static void test_texts_arrive_as_the_json_says_them(void **state)
{
    static const struct {
        const char *json, *data;
    } cases[] = {
        {"", ""},
        {"\\\"a\\\" \\\\ \\/ \\b\\f\\n\\r\\t", "\"a\" \\ / \b\f\n\r\t"},
        {"\\u00e4\\u20AC \\ud83d\\udc26 \\u0001\\u007f", "ä€ 🐦 \x01\x7f"},
        {"ä€🐦", "ä€🐦"},
        {"{\\\"n\\\":0.1,\\\"big\\\":12345678901234567890}",
         "{\"n\":0.1,\"big\":12345678901234567890}"},
        {"1e400", "1e400"},
        {"null", "null"},
    };
    struct world *w = *state;
    struct many *m = new_rows();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        broadcast(m, "a", cases[i].json);
    assert_int_equal(append_rows(w, m), STORE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_event(w, (int64_t)i + 1, cases[i].data);
    free(m);
}

static void test_rows_and_other_publications_of_a_group_do_not_disturb_each_other(void **state)
{
    struct world *w = *state;
    struct many *good = new_rows(), *bad = new_rows();
    struct group g = {0};
    some_rows(good, 3, true);
    some_rows(bad, 2, true);
    broadcast(bad, "error", "bad");
    struct appending *one = add(&g, "a", "one"), *two = add(&g, "a", "two");
    struct appending *items[] = {one, &bad->one, &good->one, two};
    assert_int_equal(store_append_all(w->store, items, 4, 0), STORE_OK);
    assert_int_equal(one->result, STORE_OK);
    assert_int_equal(one->ids[0], 1);
    assert_int_equal(bad->one.result, STORE_REFUSED);
    assert_int_equal(bad->one.row, 3);
    assert_int_equal(good->one.result, STORE_OK);
    expect_ids(good, 2);
    assert_int_equal(two->ids[0], 5);
    expect_rows(w, 5);
    free(good);
    free(bad);
}

static void test_a_lock_that_is_not_free_writes_nothing_and_blames_no_row(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    some_rows(m, 3, false);
    hold(w, THE_LOG);
    assert_int_equal(append_rows(w, m), STORE_BUSY);
    assert_int_equal(m->one.row, 0);
    assert_string_not_equal(m->one.why, "");
    release(w, THE_LOG);
    expect_rows(w, 0);
    assert_int_equal(append_rows(w, m), STORE_OK);
    expect_ids(m, 1);
    free(m);
}

static void test_without_room_nothing_is_written_and_it_is_told(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    publish_some(w, 1);
    read_ids(w, 0, NULL);
    fill_up(w, THE_LOG, true);
    broadcast(m, "a", "small");
    broadcast(m, "a", letters(200000));
    assert_int_equal(append_rows(w, m), STORE_FULL);
    assert_string_not_equal(m->one.why, "");
    expect_rows(w, 1);
    fill_up(w, THE_LOG, false);
    assert_int_equal(append_rows(w, m), STORE_OK);
    expect_rows(w, 3);
    free(m);
}

static void test_the_ids_are_those_of_the_log_that_is_there_now(void **state)
{
    struct world *w = *state;
    struct many *m = new_rows();
    struct store_end end;
    some_rows(m, 2, true);
    assert_int_equal(append_rows(w, m), STORE_OK);
    renew(w);
    assert_int_equal(append_rows(w, m), STORE_OK);
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    assert_string_not_equal(end.epoch, w->epoch);
    assert_string_equal(m->one.epoch, end.epoch);
    replace(w);
    assert_int_equal(append_rows(w, m), STORE_OK);
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    assert_string_equal(m->one.epoch, end.epoch);
    expect_ids(m, 1);
    expect_rows(w, 2);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_thousand_rows_get_their_ids_in_their_order),
        TEST(test_the_same_rows_again_give_the_same_ids_and_add_none),
        TEST(test_rows_that_are_there_in_part_get_old_ids_and_new_ones),
        TEST(test_a_key_that_comes_twice_is_one_row),
        TEST(test_a_key_that_rows_before_it_trim_is_free),
        TEST(test_more_rows_than_a_mailbox_keeps_have_ids_all_the_same),
        TEST(test_a_rule_that_refuses_one_row_refuses_all_and_names_it),
        TEST(test_a_row_that_is_too_large_is_told_apart),
        TEST(test_rows_are_for_sessions_and_channels_alike),
        TEST(test_a_session_that_does_not_exist_refuses_all_and_its_row_is_named),
        TEST(test_rows_without_sessions_need_no_sessions),
        TEST(test_texts_arrive_as_the_json_says_them),
        TEST(test_rows_and_other_publications_of_a_group_do_not_disturb_each_other),
        TEST(test_a_lock_that_is_not_free_writes_nothing_and_blames_no_row),
        TEST(test_without_room_nothing_is_written_and_it_is_told),
        TEST(test_the_ids_are_those_of_the_log_that_is_there_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
