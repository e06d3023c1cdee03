/* Reading the log and appending to it, by the responder's own calls. */
#include "tests/contract/contract_claims.h"
#include "tests/contract/contract_log.h"

#include <time.h>

static struct publication publication(const char *type, const char *data)
{
    return (struct publication){
        .channel = "", .type = type, .data = data, .data_len = strlen(data)};
}

static int64_t append(struct world *w, const struct publication *p)
{
    int64_t id = 0;
    char epoch[EPOCH_SIZE];
    enum store_result r = store_append(w->store, p, &id, epoch);
    if (r != STORE_OK)
        fail_msg("store_append gave %d: %s", r, store_why(w->store));
    assert_string_equal(epoch, the_reading.end.epoch);
    return id;
}

static void test_a_new_log_is_empty_and_has_an_epoch(void **state)
{
    assert_string_equal(read_ids(*state, 0, NULL), "");
    assert_int_equal(the_reading.through, 0);
    assert_int_equal(the_reading.end.last_id, 0);
    assert_int_equal(strspn(the_reading.end.epoch, "0123456789abcdef"), 8);
}

static void test_mailboxes_are_merged_in_id_order(void **state)
{
    struct world *w = *state;
    static const char *const mailboxes[] = {"b", "c", "a", "", "@me", "@you"};
    const char *channels[] = {"a", "b"};
    struct subscription *s = subscription_new("me", channels, 2, NULL, 0);
    for (int i = 0; i < 18; i++)
        publish(w, mailboxes[i % 6], "update", "x", 1);
    assert_string_equal(read_ids(w, 0, s), "1 3 4 5 7 9 10 11 13 15 16 17");
    assert_int_equal(the_reading.through, 18);
    assert_string_equal(read_ids(w, 9, s), "10 11 13 15 16 17");
    assert_string_equal(read_ids(w, 18, s), "");
    assert_string_equal(read_ids(w, 500, s), "");
    assert_int_equal(the_reading.through, 500);
    subscription_free(s);
}

static void test_the_sessions_own_mailbox_can_be_left_out(void **state)
{
    struct world *w = *state;
    struct subscription *s = subscription_new("me", NULL, 0, NULL, 0);
    struct store_question q = {.only = s, .without_session = true};
    publish_some(w, 1);
    publish_to(w, "me", "x", 1);
    publish_some(w, 1);
    assert_int_equal(try_read(w, &q), STORE_OK);
    assert_string_equal(the_reading.rows, "1 3");
    subscription_free(s);
}

static void test_the_answer_reaches_as_far_as_the_sink_took(void **state)
{
    struct world *w = *state;
    struct subscription *s = subscription_new(NULL, NULL, 0, NULL, 0);
    struct subscription *asked[] = {NULL, s};
    publish_some(w, 1);
    publish(w, "other", "update", "x", 2);
    publish_some(w, 5);
    for (int i = 0; i < 2; i++) {
        the_reading.most = i ? 2 : 4;
        the_reading.at_most = STORE_LAST;
        read_ids(w, 0, asked[i]);
        assert_int_equal(the_reading.through, 4);
        the_reading.at_most = STORE_ENOUGH; /* up to the row before: foreign ones are passed */
        read_ids(w, 0, asked[i]);
        assert_int_equal(the_reading.through, 3);
        assert_string_equal(the_reading.rows, i ? "1" : "1 2 3");
    }
    the_reading.most = 0;
    subscription_free(s);
}

static const struct {
    const char *data;
    size_t len; /* 0: up to the NUL */
    bool is_object;
} datas[] = {
    {"{}", 0, true},    {" {\"a\":1} ", 0, true}, {"\n\t\r{\"a\":[1,{}]}", 0, true},
    {"[1]", 0, false},  {"1", 0, false},          {"\"{}\"", 0, false},
    {"{", 0, false},    {"{} x", 0, false},       {"{}\0junk", 7, false},
    {"\0{}", 3, false}, {"", 0, false},           {"{\"a\":\"\n\"}", 0, false},
};

static void test_data_is_told_to_be_an_object_only_if_it_is_a_whole_one(void **state)
{
    struct world *w = *state;
    struct subscription *s = subscription_new(NULL, NULL, 0, NULL, 0);
    for (size_t i = 0; i < sizeof datas / sizeof *datas; i++)
        for (int filtered = 0; filtered < 2; filtered++) {
            if (!filtered)
                assert_null(TRY(w, WITH_BYTES("data", datas[i].data, datas[i].len)));
            if (first_after(w, (int64_t)i, filtered ? s : NULL)->is_object !=
                datas[i].is_object)
                fail_msg("%s is %san object", datas[i].data, the_seen.is_object ? "" : "not ");
        }
    subscription_free(s);
}

static void test_a_row_is_given_as_it_stands_nul_bytes_included(void **state)
{
    struct world *w = *state;
    struct publication p = publication("chat", "");
    int64_t now = (int64_t)time(NULL) * 1000;
    p.data = "a\0b\r\n";
    p.data_len = 5;
    p.channel = "room";
    read_ids(w, 0, NULL);
    assert_int_equal(append(w, &p), 1);
    expect_event(w, 1, "a");
    assert_int_equal(the_seen.data_len, 5);
    assert_memory_equal(the_seen.data, "a\0b\r\n", 5);
    assert_string_equal(the_seen.type, "chat");
    assert_string_equal(the_seen.mailbox, "room");
    assert_in_range(the_seen.created_at, now - 1000, now + 60000);
    set(w, "buffer_age", "0");
    assert_null(TRY(w, WITH("created_at", "1234567890123")));
    assert_int_equal(first_after(w, 1, NULL)->created_at, 1234567890123);
}

static void test_a_key_that_is_there_gives_the_id_it_has(void **state)
{
    struct world *w = *state;
    struct publication p = publication("update", "x");
    read_ids(w, 0, NULL);
    p.dedup_key = "k";
    assert_int_equal(append(w, &p), 1);
    assert_int_equal(append(w, &p), 1);
    p.channel = "room";
    assert_int_equal(append(w, &p), 2);
    assert_int_equal(append(w, &p), 2);
    assert_int_equal(count(w, EVENTS), 2);
}

static void test_an_append_that_is_refused_says_the_schemas_sentence(void **state)
{
    struct world *w = *state;
    struct publication p = publication("open", "x");
    int64_t id;
    char epoch[EPOCH_SIZE];
    assert_int_equal(store_append(w->store, &p, &id, epoch), STORE_REFUSED);
    assert_non_null(strstr(store_why(w->store), "type is a word of the protocol"));
    p.type = "update";
    assert_int_equal(store_append(w->store, &p, &id, epoch), STORE_OK);
    assert_string_equal(store_why(w->store), "");
}

static void test_an_unknown_session_gets_nothing_and_nor_do_the_others(void **state)
{
    struct world *w = *state;
    struct publication p = publication("update", "x");
    int64_t ids[2];
    char epoch[EPOCH_SIZE];
    claim_as(w, NULL);
    const char *both[] = {w->claim.session_id, "nobody"},
               *twice[] = {w->claim.session_id, w->claim.session_id};
    p.sessions = both;
    p.session_count = 2;
    assert_int_equal(store_append(w->store, &p, ids, epoch), STORE_UNKNOWN);
    assert_non_null(strstr(store_why(w->store), "nobody"));
    assert_int_equal(count(w, EVENTS), 0);
    p.sessions = twice;
    assert_int_equal(store_append(w->store, &p, ids, epoch), STORE_OK);
    assert_int_equal(ids[0], 1);
    assert_int_equal(ids[1], 2);
}

static void test_what_follows_a_replaced_log_is_read_from_the_new_one(void **state)
{
    struct world *w = *state;
    publish_some(w, 3);
    read_ids(w, 0, NULL);
    replace(w);
    assert_string_equal(read_ids(w, 0, NULL), "");
    assert_string_not_equal(the_reading.end.epoch, w->epoch);
    struct publication p = publication("update", "x");
    assert_int_equal(append(w, &p), 1);
}

static void test_an_older_copy_of_the_log_gets_a_new_epoch(void **state)
{
    struct world *w = *state;
    publish_some(w, 6);
    read_ids(w, 0, NULL);
    put_back(w, 3);
    assert_string_equal(read_ids(w, 0, NULL), "1 2 3");
    assert_string_not_equal(the_reading.end.epoch, w->epoch);
    assert_int_equal(the_reading.end.last_id, 3);
    publish_some(w, 1);
    assert_string_equal(read_ids(w, 3, NULL), "4");
    books_agree(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_log_is_empty_and_has_an_epoch),
        TEST(test_mailboxes_are_merged_in_id_order),
        TEST(test_the_sessions_own_mailbox_can_be_left_out),
        TEST(test_the_answer_reaches_as_far_as_the_sink_took),
        TEST(test_data_is_told_to_be_an_object_only_if_it_is_a_whole_one),
        TEST(test_a_row_is_given_as_it_stands_nul_bytes_included),
        TEST(test_a_key_that_is_there_gives_the_id_it_has),
        TEST(test_an_append_that_is_refused_says_the_schemas_sentence),
        TEST(test_an_unknown_session_gets_nothing_and_nor_do_the_others),
        TEST(test_what_follows_a_replaced_log_is_read_from_the_new_one),
        TEST(test_an_older_copy_of_the_log_gets_a_new_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
