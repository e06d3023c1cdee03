/* What an event may be, whoever publishes it, and the sentence that refuses it. */
#include "tests/contract/contract_log.h"
#include "tests/unit/sentences.h"

#include <time.h>

static const char too_large[] = "data is larger than max_event_bytes in rowcast_config allows";

static void expect(const char *why, const char *sentence, const char *what)
{
    if (!why || strcmp(why, sentence) != 0)
        fail_msg("%s: %s", what, why ? why : "was accepted");
}

static const struct {
    struct column column;
    const char *sentence;
} bad[] = {
    {WITH("type", ""), bad_type},
    {WITH("type", "a\n"), bad_type},
    {WITH("type", "a\rb"), bad_type},
    {WITH_BYTES("type", "a\0b", 3), bad_type},
    {WITH("channel", "@x"), reserved},
    {WITH("channel", "user:5"), reserved},
    {WITH("channel", "rowcast:x"), reserved},
    {WITH("channel", "a\n"), bad_channel},
    {WITH_BYTES("channel", "a\0", 2), bad_channel},
    {WITH("session_id", ""), bad_session},
    {WITH_BYTES("session_id", "a\0", 2), bad_session},
    {WITH("dedup_key", ""), bad_key},
    {WITH("key", ""), bad_state_key},
    {WITH_BYTES("key", "a\0", 2), bad_state_key},
    {WITH("expires_at", "soon"), bad_expiry},
    {WITH("expires_at", "1795656408000.5"), bad_expiry},
    {WITH("expires_at", "-1"), bad_expiry},
    {WITH("expires_at", "0"), expiry_in_seconds},
    {WITH("expires_at", "1795656408"), expiry_in_seconds},
    {WITH("expires_at", "99999999999"), expiry_in_seconds},
    {WITH("expires_at", "100000000000000"), expiry_in_microseconds},
    {WITH("expires_at", "9223372036854775807"), expiry_in_microseconds},
    {WITH("created_at", "yesterday"), bad_time},
    {WITH("created_at", "1.5"), bad_time},
    {WITH("created_at", "-1"), bad_time},
    {WITH("created_at", "0"), in_seconds},
    {WITH("created_at", "1795656408"), in_seconds},
    {WITH("created_at", "99999999999"), in_seconds},
    {WITH("created_at", "9223372036854775807"), too_far},
};

static void expect_nothing(struct world *w)
{
    assert_int_equal(count(w, EVENTS), 0);
    assert_int_equal(count(w, LAST_ID), 0);
    assert_int_equal(count(w, BYTES), 0);
}

static void test_a_bad_event_is_refused_with_a_sentence(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect(try_publish(w, &bad[i].column, 1), bad[i].sentence, bad[i].column.name);
    expect(TRY(w, WITH("session_id", "a"), WITH("channel", "room")), both, "both");
    expect_nothing(w);
}

static void test_names_that_are_a_byte_too_long_are_refused(void **state)
{
    struct world *w = *state;
    char umlauts[131];
    for (int i = 0; i < 65; i++)
        strcpy(umlauts + 2 * i, "\xc3\xa4");
    expect(TRY(w, WITH("type", umlauts)), bad_type, "type of 65 characters, 130 bytes");
    expect(TRY(w, WITH("type", letters(129))), bad_type, "type");
    expect(TRY(w, WITH("channel", letters(513))), bad_channel, "channel");
    expect(TRY(w, WITH("session_id", letters(129))), bad_session, "session_id");
    expect(TRY(w, WITH("dedup_key", letters(129))), bad_key, "dedup_key");
    expect(TRY(w, WITH("key", letters(129))), bad_state_key, "key");
    expect(TRY(w, WITH("data", letters(1048577))), too_large, "data");
    expect_nothing(w);
}

/* A day from now, in ms, and so many more. */
static const char *tomorrow(int64_t ms)
{
    static char text[32];
    snprintf(text, sizeof text, "%lld", ((long long)time(NULL) + 86400) * 1000 + (long long)ms);
    return text;
}

static void test_a_time_that_is_far_from_now_is_refused(void **state)
{
    struct world *w = *state;
    char seconds[32], microseconds[64];
    snprintf(seconds, sizeof seconds, "%lld", (long long)time(NULL));
    snprintf(microseconds, sizeof microseconds, "%s000000", seconds);
    expect(TRY(w, WITH("created_at", seconds)), in_seconds, "seconds");
    expect(TRY(w, WITH("created_at", microseconds)), too_far, "microseconds");
    expect(TRY(w, WITH("created_at", tomorrow(60000))), too_far, "tomorrow");
    expect_nothing(w);
}

static void test_a_word_of_the_protocol_is_refused_as_type(void **state)
{
    static const char *const words[] = {"open",       "error",     "opening",
                                        "connected",  "gap",       "replay-start",
                                        "replay-end", "heartbeat", "later"};
    static const char *const near[] = {"opened", "Gap", "heartbeats"};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *why = TRY(w, WITH("type", words[i]));
        assert_non_null(why);
        assert_non_null(strstr(why, "word of the protocol"));
        assert_non_null(strstr(why, words[i]));
    }
    for (size_t i = 0; i < sizeof near / sizeof *near; i++)
        assert_null(TRY(w, WITH("type", near[i])));
}

static void test_good_events_at_the_edges_are_taken(void **state)
{
    static const char *const columns[] = {"type", "channel", "session_id", "dedup_key"};
    static const char *const channels[] = {"users:1", "a@b", "rowcast"};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        assert_null(TRY(w, WITH(columns[i], letters(128))));
    assert_null(TRY(w, WITH("channel", letters(512))));
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        assert_null(TRY(w, WITH("channel", channels[i])));
    assert_null(TRY(w, WITH("data", letters(1048576))));
    assert_null(TRY(w, WITH_BYTES("data", "a\0b\r\n", 5)));
    assert_null(TRY(w, WITH("data", "5"), WITH("type", "7")));
    assert_null(TRY(w, WITH("created_at", "100000000000")));
    assert_null(TRY(w, WITH("created_at", tomorrow(-100000))));
    assert_int_equal(count(w, LAST_ID), 13);
}

static void test_an_id_never_comes_twice(void **state)
{
    struct world *w = *state;
    publish_some(w, 3);
    delete_all_events(w);
    publish_some(w, 1);
    assert_string_equal(read_ids(w, 3, NULL), "4");
}

static const char *publish_with_key(struct world *w, const char *column, const char *value)
{
    return TRY(w, WITH("dedup_key", "k"), WITH(column, value));
}

static void test_the_same_key_again_does_nothing_while_the_event_is_kept(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 9; i++)
        assert_null(publish_with_key(w, "data", i ? "again" : "first"));
    assert_string_equal(read_ids(w, 0, NULL), "1");
    expect_event(w, 1, "first");
    assert_null(publish_with_key(w, "channel", "room"));
    assert_null(publish_with_key(w, "session_id", "a"));
    assert_null(publish_with_key(w, "session_id", "b"));
    assert_int_equal(count(w, EVENTS), 4);
    delete_all_events(w);
    assert_null(publish_with_key(w, "data", "new"));
    assert_int_equal(count(w, EVENTS), 1);
    books_agree(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_bad_event_is_refused_with_a_sentence),
        TEST(test_names_that_are_a_byte_too_long_are_refused),
        TEST(test_a_time_that_is_far_from_now_is_refused),
        TEST(test_a_word_of_the_protocol_is_refused_as_type),
        TEST(test_good_events_at_the_edges_are_taken),
        TEST(test_an_id_never_comes_twice),
        TEST(test_the_same_key_again_does_nothing_while_the_event_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
