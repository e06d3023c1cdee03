/* Groups of publications: each succeeds or fails alone, and is told its own result. */
#include "tests/contract/contract_claims.h"
#include "tests/contract/contract_log.h"
#include "tests/unit/group.h"

#include <pthread.h>
#include <time.h>

static void send_to(struct appending *a, const char *const sessions[2])
{
    a->what.sessions = sessions;
    a->what.session_count = 2;
}

static enum store_result append(struct world *w, struct group *g)
{
    return store_append_all(w->store, g->items, g->n, 0);
}

static void expect_rows(struct world *w, int64_t n)
{
    assert_int_equal(count(w, EVENTS), n);
    books_agree(w);
}

static void
test_a_group_is_answered_in_its_order_and_who_is_refused_is_refused_alone(void **state)
{
    struct world *w = *state;
    struct group g = {0};
    add(&g, "a", "one");
    add(&g, "heartbeat", "two");
    add(&g, "a", "three");
    assert_int_equal(append(w, &g), STORE_OK);
    assert_int_equal(g.item[0].result, STORE_OK);
    assert_int_equal(g.item[1].result, STORE_REFUSED);
    assert_non_null(strstr(g.item[1].why, "reserved"));
    assert_int_equal(g.item[2].result, STORE_OK);
    assert_string_equal(g.item[2].why, "");
    assert_int_equal(g.ids[0][0], 1);
    assert_int_equal(g.ids[2][0], 2);
    expect_event(w, 1, "one");
    expect_event(w, 2, "three");
    expect_rows(w, 2);
    assert_string_equal(g.item[0].epoch, w->epoch);
    assert_string_equal(g.item[2].epoch, w->epoch);
}

static void test_a_key_of_the_same_group_gives_the_same_id(void **state)
{
    struct world *w = *state;
    struct group g = {0};
    add(&g, "a", "one")->what.dedup_key = "k";
    add(&g, "a", "other");
    add(&g, "a", "again")->what.dedup_key = "k";
    assert_int_equal(append(w, &g), STORE_OK);
    assert_int_equal(g.ids[0][0], 1);
    assert_int_equal(g.ids[1][0], 2);
    assert_int_equal(g.ids[2][0], 1);
    expect_rows(w, 2);
}

/* The key of a row that was undone is free. */
static void test_a_key_of_one_that_was_refused_is_not_taken(void **state)
{
    struct world *w = *state;
    struct group g = {0};
    add(&g, "heartbeat", "refused")->what.dedup_key = "k";
    add(&g, "a", "taken")->what.dedup_key = "k";
    assert_int_equal(append(w, &g), STORE_OK);
    assert_int_equal(g.item[0].result, STORE_REFUSED);
    assert_int_equal(g.item[1].result, STORE_OK);
    expect_event(w, g.ids[1][0], "taken");
    expect_rows(w, 1);
}

static void test_one_for_several_sessions_is_there_whole_or_not_at_all(void **state)
{
    struct world *w = *state;
    struct group g = {0};
    char a[SESSION_ID_SIZE], b[SESSION_ID_SIZE];
    strcpy(a, claim_as(w, NULL)->session_id);
    strcpy(b, claim_as(w, NULL)->session_id);
    const char *const both[] = {a, b}, *const unknown[] = {a, "nobody"};
    add(&g, "a", "before");
    send_to(add(&g, "heartbeat", "refused"), both);
    send_to(add(&g, "a", "unknown"), unknown);
    send_to(add(&g, "a", "yes"), both);
    assert_int_equal(append(w, &g), STORE_OK);
    assert_int_equal(g.item[0].result, STORE_OK);
    assert_int_equal(g.item[1].result, STORE_REFUSED);
    assert_int_equal(g.item[2].result, STORE_UNKNOWN);
    assert_int_equal(g.item[3].result, STORE_OK);
    expect_event(w, g.ids[0][0], "before");
    expect_event(w, g.ids[3][0], "yes");
    expect_event(w, g.ids[3][1], "yes");
    expect_rows(w, 3);
}

static void
test_one_that_is_larger_than_is_allowed_is_told_apart_from_what_is_wrong(void **state)
{
    struct world *w = *state;
    struct group g = {0};
    set(w, "max_event_bytes", "1024");
    add(&g, "a", "one");
    add(&g, "a", letters(1025));
    add(&g, "heartbeat", "reserved");
    add(&g, "a", "four");
    assert_int_equal(append(w, &g), STORE_OK);
    assert_int_equal(g.item[1].result, STORE_TOO_LARGE);
    assert_non_null(strstr(g.item[1].why, "max_event_bytes"));
    assert_int_equal(g.item[2].result, STORE_REFUSED);
    assert_int_equal(g.item[3].result, STORE_OK);
    expect_rows(w, 2);
}

static void test_a_lock_that_is_not_free_in_time_refuses_all_and_writes_nothing(void **state)
{
    struct world *w = *state;
    struct group g = {0};
    add(&g, "a", "one");
    add(&g, "a", "two");
    hold(w, THE_LOG);
    publish_some(w, 1);
    assert_int_equal(append(w, &g), STORE_BUSY);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(g.item[i].result, STORE_BUSY);
        assert_string_not_equal(g.item[i].why, "");
    }
    release(w, THE_LOG);
    expect_rows(w, 1);
    assert_int_equal(append(w, &g), STORE_OK);
    expect_rows(w, 3);
}

static void *release_later(void *arg)
{
    struct timespec longer_than_others_wait = {.tv_nsec = 600 * 1000000L};
    nanosleep(&longer_than_others_wait, NULL);
    release(arg, THE_LOG);
    return NULL;
}

static void test_an_append_waits_for_a_lock_that_outlasts_the_patience_of_others(void **state)
{
    struct world *w = *state;
    struct publication p = {.channel = "", .type = "a", .data = "x", .data_len = 1};
    int64_t id;
    char epoch[EPOCH_SIZE];
    pthread_t holder;
    hold(w, THE_LOG);
    assert_int_equal(pthread_create(&holder, NULL, release_later, w), 0);
    assert_int_equal(store_append(w->store, &p, &id, epoch), STORE_OK);
    pthread_join(holder, NULL);
    expect_rows(w, 1);
}

static void test_without_room_nothing_is_written_and_it_is_told(void **state)
{
    struct world *w = *state;
    struct group g = {0};
    publish_some(w, 1);
    read_ids(w, 0, NULL);
    fill_up(w, THE_LOG, true);
    add(&g, "a", letters(500000));
    append(w, &g);
    assert_int_equal(g.item[0].result, STORE_FULL);
    assert_string_not_equal(g.item[0].why, "");
    expect_rows(w, 1);
    fill_up(w, THE_LOG, false);
    assert_int_equal(append(w, &g), STORE_OK);
    expect_rows(w, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_group_is_answered_in_its_order_and_who_is_refused_is_refused_alone),
        TEST(test_a_key_of_the_same_group_gives_the_same_id),
        TEST(test_a_key_of_one_that_was_refused_is_not_taken),
        TEST(test_one_for_several_sessions_is_there_whole_or_not_at_all),
        TEST(test_one_that_is_larger_than_is_allowed_is_told_apart_from_what_is_wrong),
        TEST(test_a_lock_that_is_not_free_in_time_refuses_all_and_writes_nothing),
        TEST(test_an_append_waits_for_a_lock_that_outlasts_the_patience_of_others),
        TEST(test_without_room_nothing_is_written_and_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
