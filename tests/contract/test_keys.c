/* Events with a key: of each key a mailbox keeps the newest, and nobody misses the older ones. */
#include "tests/contract/contract_claims.h"
#include "tests/contract/contract_log.h"
#include "tests/unit/group.h"

enum { TEN_YEARS = 315360000, LONG_MS = 10000 };

/* Publish n events in turn over so many keys, to everyone. */
static void publish_over_keys(struct world *w, int n, int keys)
{
    char key[16], data[16];
    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof key, "k%d", i % keys);
        snprintf(data, sizeof data, "%d", i);
        publish_key(w, "", key, data);
    }
}

static struct claim *claim_earliest(struct world *w)
{
    struct claim_request r = some_request();
    r.start = START_EARLIEST;
    return claim(w, &r);
}

static void expect_rows_alone(const struct claim *c, int64_t rows)
{
    expect_no_gap(c);
    assert_int_equal(c->count, rows);
}

static void
test_of_each_key_the_newest_event_is_kept_and_nothing_counts_as_missing(void **state)
{
    struct world *w = *state;
    publish_over_keys(w, 3000, 100);
    assert_int_equal(count(w, EVENTS), 100);
    assert_int_equal(count(w, OLDEST_ID), 2901);
    assert_int_equal(count(w, LAST_ID), 3000);
    assert_int_equal(count(w, TRIMMED_TO), 0);
    assert_int_equal(kept(w, ""), 100);
    books_agree(w);
    expect_rows_alone(claim_earliest(w), 100);
    expect_rows_alone(claim_from(w, 1), 100);
    expect_rows_alone(claim_from(w, 2950), 50);
    assert_null(strstr(read_ids(w, 0, NULL), "hole"));
    publish_over_keys(w, 1, 1);
    assert_string_equal(read_ids(w, 3000, NULL), "3001");
    assert_null(strstr(read_ids(w, 0, NULL), "hole"));
}

static void test_keys_of_two_mailboxes_are_two_keys(void **state)
{
    static const char *const mailboxes[] = {"", "a", "b", "@s", "@t"};
    struct world *w = *state;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof mailboxes / sizeof *mailboxes; i++)
            publish_key(w, mailboxes[i], "k", "x");
    publish_key(w, "a", "K", "x");
    publish(w, "a", "update", "without a key", 1);
    publish_key(w, "a", "k", "x");
    assert_string_equal(read_ids(w, 0, NULL), "6 8 9 10 11 12 13");
    books_agree(w);
}

static void test_an_event_of_another_type_replaces_too(void **state)
{
    struct world *w = *state;
    publish_key(w, "", "k", "x");
    assert_null(TRY(w, WITH("key", "k"), WITH("type", "gone"), WITH("data", "")));
    assert_string_equal(read_ids(w, 0, NULL), "2");
}

static void test_an_event_that_is_refused_replaces_nothing(void **state)
{
    struct world *w = *state;
    publish_key(w, "", "k", "x");
    assert_non_null(TRY(w, WITH("key", "k"), WITH("type", "gap")));
    assert_string_equal(read_ids(w, 0, NULL), "1");
    books_agree(w);
}

static void test_a_key_has_1_to_128_bytes_of_text(void **state)
{
    struct world *w = *state;
    assert_null(TRY(w, WITH("key", letters(128))));
    assert_null(TRY(w, WITH("key", "\xc3\xa4\n")));
    assert_non_null(strstr(TRY(w, WITH("key", letters(129))), "key must be"));
    assert_non_null(strstr(TRY(w, WITH("key", "")), "key must be"));
    assert_non_null(strstr(TRY(w, WITH_BYTES("key", "a\0b", 3)), "key must be"));
    assert_int_equal(count(w, EVENTS), 2);
}

static void expect_news(struct world *w, int64_t after, const char *news)
{
    assert_int_equal(store_wait(w->store, after, LONG_MS), STORE_OK);
    assert_string_equal(read_ids(w, after, NULL), news);
}

/* Streams that have had it still show it, so they are told by a new id, which no event has. */
static void
test_the_newest_of_a_key_that_a_person_deletes_is_missing_for_everybody(void **state)
{
    struct world *w = *state;
    publish_over_keys(w, 6, 3);
    assert_string_equal(read_ids(w, 3, NULL), "4 5 6");
    delete_events(w, "", 5, 5);
    expect_news(w, 6, "hole:<7");
    assert_string_equal(read_ids(w, 3, NULL), "hole:<7 4 6");
    assert_string_equal(read_ids(w, 7, NULL), "");
    assert_int_equal(claim_from(w, 6)->gap, GAP_TRIMMED);
    assert_int_equal(claim_from(w, 7)->gap, GAP_NONE);
    publish_key(w, "", "k0", "newer");
    expect_news(w, 7, "8");
    assert_int_equal(count(w, TRIMMED_TO), 7);
    books_agree(w);
}

static void test_many_that_a_person_deletes_at_once_are_told_of_once(void **state)
{
    struct world *w = *state;
    struct claim *c;
    publish_key(w, "room", "k", "x");
    publish_over_keys(w, 6, 3);
    publish(w, "", "update", "news", 1);
    assert_string_equal(read_ids(w, 8, NULL), "");
    delete_all_events(w);
    expect_news(w, 8, "hole:<9 hole:room<9");
    assert_string_equal(read_ids(w, 9, NULL), "");
    c = claim_earliest(w);
    assert_int_equal(c->gap, GAP_NONE);
    assert_int_equal(c->cursor, 9);
    books_agree(w);
}

/* Whoever has had it has missed nothing. */
static void test_news_that_a_person_deletes_is_told_to_nobody_who_has_had_it(void **state)
{
    struct world *w = *state;
    struct store_end before, after;
    publish_some(w, 3);
    assert_int_equal(store_where(w->store, &before), STORE_OK);
    delete_events(w, "", 2, 2);
    assert_int_equal(store_where(w->store, &after), STORE_OK);
    assert_int_equal(store_where(w->store, &after), STORE_OK);
    assert_int_equal(after.last_id, before.last_id);
    assert_string_equal(read_ids(w, 3, NULL), "");
}

static void test_a_removal_is_told_once_the_log_can_be_written(void **state)
{
    struct world *w = *state;
    publish_over_keys(w, 2, 2);
    assert_string_equal(read_ids(w, 0, NULL), "1 2");
    delete_events(w, "", 1, 1);
    hold(w, THE_LOG);
    assert_string_equal(read_ids(w, 2, NULL), "");
    assert_string_equal(read_ids(w, 2, NULL), "");
    release(w, THE_LOG);
    expect_news(w, 2, "hole:<3");
}

/* Looking at the end twice is when a removal would be told. */
static void expect_end(struct world *w, int64_t last_id)
{
    struct store_end end;
    for (int i = 0; i < 2; i++)
        assert_int_equal(store_where(w->store, &end), STORE_OK);
    assert_int_equal(end.last_id, last_id);
}

static void
test_nobody_is_told_when_the_mailbox_of_a_session_that_is_gone_is_emptied(void **state)
{
    struct world *w = *state;
    w->settings->buffer_age = 0;
    publish_key(w, "@nobody", "k", "x");
    age(w, 1000);
    tidy(w);
    assert_int_equal(kept(w, "@nobody"), -1);
    expect_end(w, 1);
}

static void test_nor_when_its_session_expires(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE], own[SESSION_ID_SIZE + 1];
    remember_session(w, token, id, 0);
    snprintf(own, sizeof own, "@%s", id);
    publish_key(w, own, "k", "x");
    for (int i = 0; i < 3; i++)
        serve(w, 31);
    assert_int_equal(count(w, SESSIONS), 0);
    assert_int_equal(kept(w, own), 0);
    expect_end(w, 1);
}

static void test_the_newest_of_a_key_that_exceeds_the_bound_is_missing(void **state)
{
    struct world *w = *state;
    set(w, "buffer_size", "3");
    publish_over_keys(w, 6, 3);
    assert_int_equal(count(w, TRIMMED_TO), 0);
    publish_some(w, 1);
    assert_string_equal(read_ids(w, 3, NULL), "hole:<4 5 6 7");
    assert_int_equal(count(w, TRIMMED_TO), 4);
    publish_key(w, "", "k1", "replaces, so that nothing exceeds the bound");
    assert_int_equal(count(w, TRIMMED_TO), 4);
    assert_string_equal(read_ids(w, 4, NULL), "6 7 8");
    books_agree(w);
}

static void test_events_with_a_key_count_towards_the_bytes_of_all(void **state)
{
    struct world *w = *state;
    set(w, "buffer_bytes", "65536");
    publish_key(w, "", "k", letters(40000));
    publish_key(w, "", "k", letters(40000));
    assert_int_equal(count(w, TRIMMED_TO), 0);
    publish_key(w, "", "other", letters(40000));
    assert_string_equal(read_ids(w, 2, NULL), "3");
    assert_int_equal(count(w, TRIMMED_TO), 2);
    books_agree(w);
}

static void test_an_event_with_a_key_does_not_age(void **state)
{
    struct world *w = *state;
    publish_key(w, "", "k", "x");
    publish_some(w, 3);
    age(w, TEN_YEARS);
    publish_some(w, 1);
    tidy(w);
    assert_string_equal(read_ids(w, 4, NULL), "5");
    assert_int_equal(first_after(w, 0, NULL)->id, 1);
    assert_int_equal(count(w, EVENTS), 2);
    assert_int_equal(kept(w, ""), 2);
}

/* A replaced event is not kept, and a dedup_key is remembered as long as its event. */
static void test_the_dedup_key_of_a_replaced_event_is_free_again(void **state)
{
    struct world *w = *state;
    const struct column once[] = {WITH("key", "k"), WITH("dedup_key", "d")};
    assert_null(try_publish(w, once, 2));
    assert_null(try_publish(w, once, 2));
    assert_int_equal(count(w, LAST_ID), 1);
    publish_key(w, "", "k", "newer");
    assert_null(try_publish(w, once, 2));
    assert_string_equal(read_ids(w, 0, NULL), "3");
}

static void test_two_of_one_group_with_a_key_have_ids_and_the_later_is_kept(void **state)
{
    struct world *w = *state;
    struct group g = {0};
    add(&g, "a", "one")->what.key = "k";
    add(&g, "heartbeat", "refused")->what.key = "k";
    add(&g, "a", "two")->what.key = "k";
    assert_int_equal(store_append_all(w->store, g.items, g.n, 0), STORE_OK);
    assert_int_equal(g.item[1].result, STORE_REFUSED);
    assert_int_equal(g.ids[0][0], 1);
    assert_int_equal(g.ids[2][0], 2);
    expect_event(w, 2, "two");
    assert_string_equal(the_seen.key, "k");
    assert_int_equal(count(w, EVENTS), 1);
    assert_int_equal(count(w, TRIMMED_TO), 0);
}

static void test_a_group_with_a_time_to_expire_gives_each_its_own(void **state)
{
    struct world *w = *state;
    struct group g = {0};
    add(&g, "a", "one")->what.expires_in = 60;
    add(&g, "a", "two");
    assert_int_equal(store_append_all(w->store, g.items, g.n, 0), STORE_OK);
    expect_event(w, 1, "one");
    assert_int_equal(the_seen.expires_at - the_seen.created_at, 60000);
    expect_event(w, 2, "two");
    assert_int_equal(the_seen.expires_at, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_of_each_key_the_newest_event_is_kept_and_nothing_counts_as_missing),
        TEST(test_keys_of_two_mailboxes_are_two_keys),
        TEST(test_an_event_of_another_type_replaces_too),
        TEST(test_an_event_that_is_refused_replaces_nothing),
        TEST(test_a_key_has_1_to_128_bytes_of_text),
        TEST(test_the_newest_of_a_key_that_a_person_deletes_is_missing_for_everybody),
        TEST(test_many_that_a_person_deletes_at_once_are_told_of_once),
        TEST(test_news_that_a_person_deletes_is_told_to_nobody_who_has_had_it),
        TEST(test_a_removal_is_told_once_the_log_can_be_written),
        TEST(test_nobody_is_told_when_the_mailbox_of_a_session_that_is_gone_is_emptied),
        WITH_TTL(test_nor_when_its_session_expires),
        TEST(test_the_newest_of_a_key_that_exceeds_the_bound_is_missing),
        TEST(test_events_with_a_key_count_towards_the_bytes_of_all),
        TEST(test_an_event_with_a_key_does_not_age),
        TEST(test_the_dedup_key_of_a_replaced_event_is_free_again),
        TEST(test_two_of_one_group_with_a_key_have_ids_and_the_later_is_kept),
        TEST(test_a_group_with_a_time_to_expire_gives_each_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
