/* What the answers look like, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi/request/json.h"

static void assert_json(char *json, const char *expected)
{
    assert_non_null(json);
    assert_string_equal(json, expected);
    free(json);
}

static void test_a_sentence_stays_as_it_is(void **state)
{
    (void)state;
    assert_json(json_of_error("no channel /a/b, as \xc3\xa4nderung says"),
                "{\"error\":\"no channel /a/b, as \xc3\xa4nderung says\"}");
    assert_json(json_of_error("\"a\\b\"\n\t\x01"),
                "{\"error\":\"\\\"a\\\\b\\\"\\n\\t\\u0001\"}");
    assert_json(json_of_error(""), "{\"error\":\"\"}");
}

#define LOST "\xef\xbf\xbd" /* U+FFFD */

static void test_bytes_that_are_no_utf8_do_not_break_an_answer(void **state)
{
    static const struct {
        const char *sentence, *told;
    } cases[] = {
        {"/srv/\xff.db", "/srv/" LOST ".db"},
        {"cut in a \xc3", "cut in a " LOST},
        {"cut in \xe2\x82", "cut in " LOST},
        {"whole \xe2\x82\xac \xf0\x9f\x90\xa6 \xff",
         "whole \xe2\x82\xac \xf0\x9f\x90\xa6 " LOST},
        {"overlong \xc0\x80", "overlong " LOST LOST},
        {"overlong \xe0\x80\x80", "overlong " LOST LOST LOST},
        {"half of a pair \xed\xa0\x80", "half of a pair " LOST LOST LOST},
        {"beyond \xf4\x90\x80\x80\xf5", "beyond " LOST LOST LOST LOST LOST},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "{\"error\":\"%s\"}", cases[i].told);
        assert_json(json_of_error(cases[i].sentence), expected);
    }
}

static void test_statistics_have_their_names_in_their_order(void **state)
{
    struct settings *settings = settings_new();
    struct store_stats stats = {.end = {.epoch = "0a1b2c3d", .last_id = 42, .trimmed_to = 5},
                                .where = "/srv/\"log\".db",
                                .streams = 4,
                                .active = 2,
                                .sessions = 3,
                                .responders = 1,
                                .oldest_id = 6,
                                .oldest_at = 1700000000000,
                                .events = 37,
                                .mailboxes = 2,
                                .bytes = 12345};
    (void)state;
    assert_non_null(settings);
    assert_json(json_of_stats(&stats, settings),
                "{\"active_clients\":4,\"total_sessions\":3,\"buffered_sessions\":1,"
                "\"responders\":1,\"config\":{\"buffer_size\":1000,\"buffer_ttl_seconds\":30,"
                "\"reconnection_enabled\":true},\"log\":{\"path\":\"/srv/\\\"log\\\".db\","
                "\"epoch\":\"0a1b2c3d\",\"last_event_id\":\"0a1b2c3d-42\","
                "\"oldest_event_id\":\"0a1b2c3d-6\",\"oldest_event_at\":1700000000000,"
                "\"events\":37,\"mailboxes\":2,\"trimmed_to\":5,\"bytes\":12345}}");
    settings_unref(settings);
}

static void test_what_is_not_known_is_null(void **state)
{
    struct settings *settings = settings_new();
    struct store_stats stats = {.end = {.epoch = "0a1b2c3d"},
                                .where = "log",
                                .streams = -1,
                                .active = -1,
                                .sessions = -1,
                                .responders = -1};
    (void)state;
    assert_non_null(settings);
    settings->buffer_size = 7;
    settings->enable_reconnection = false;
    assert_json(json_of_stats(&stats, settings),
                "{\"active_clients\":null,\"total_sessions\":null,\"buffered_sessions\":null,"
                "\"responders\":null,\"config\":{\"buffer_size\":7,\"buffer_ttl_seconds\":30,"
                "\"reconnection_enabled\":false},\"log\":{\"path\":\"log\","
                "\"epoch\":\"0a1b2c3d\",\"last_event_id\":\"0a1b2c3d-0\","
                "\"oldest_event_id\":null,\"oldest_event_at\":null,"
                "\"events\":0,\"mailboxes\":0,\"trimmed_to\":0,\"bytes\":0}}");
    settings_unref(settings);
}

static void test_an_id_for_a_channel_and_one_a_session(void **state)
{
    int64_t ids[] = {8, 9};
    struct appending a = {.ids = ids, .epoch = "0a1b2c3d"};
    (void)state;
    assert_json(json_of_published(&a), "{\"id\":\"0a1b2c3d-8\"}");
    a.what.session_count = 2;
    assert_json(json_of_published(&a),
                "{\"id\":\"0a1b2c3d-8\",\"ids\":[\"0a1b2c3d-8\",\"0a1b2c3d-9\"]}");
}

static void test_one_id_a_row_for_a_batch(void **state)
{
    int64_t ids[] = {8, 3};
    struct store_rows rows = {.count = 2};
    struct appending a = {.ids = ids, .epoch = "0a1b2c3d", .what.rows = &rows};
    (void)state;
    assert_json(json_of_published(&a), "{\"ids\":[\"0a1b2c3d-8\",\"0a1b2c3d-3\"]}");
}

/* The log is read once more if it was replaced meanwhile. */
static void test_history_that_begins_again_forgets_what_came_before(void **state)
{
    struct json_history *h = json_history_new();
    struct event e = {.id = 7, .mailbox = "", .type = "n", .data = "old", .data_len = 3};
    const struct history end = {.epoch = "00000001", .next = 8, .gap_from = -1};
    (void)state;
    assert_non_null(h);
    json_history_begin(h, "5f2a91c0");
    assert_true(json_history_add(h, &e));
    json_history_begin(h, "00000001");
    e.id = 8;
    e.data = "new";
    assert_true(json_history_add(h, &e));
    assert_json(json_of_history(h, &end),
                "{\"events\":[{\"id\":\"00000001-8\",\"channel\":\"\",\"type\":\"n\","
                "\"data\":\"new\",\"at\":0,\"key\":null}],"
                "\"next\":\"00000001-8\",\"gap\":null,\"more\":false}");
    json_history_free(h);
}

static void test_headers_are_ascii_and_no_longer_than_wanted(void **state)
{
    const struct json_header headers[] = {
        {"X-One", "a \"b\""}, {"X-Two", "\xe4\xff"}, {"X-Three", "1"}};
    (void)state;
    assert_json(json_of_headers(headers, 0, 100), "{}");
    assert_json(json_of_headers(headers, 3, 100),
                "{\"X-One\":\"a \\\"b\\\"\",\"X-Two\":\"\\u00E4\\u00FF\",\"X-Three\":\"1\"}");
    assert_json(json_of_headers(headers, 3, 40),
                "{\"X-One\":\"a \\\"b\\\"\",\"X-Three\":\"1\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sentence_stays_as_it_is),
        cmocka_unit_test(test_bytes_that_are_no_utf8_do_not_break_an_answer),
        cmocka_unit_test(test_statistics_have_their_names_in_their_order),
        cmocka_unit_test(test_what_is_not_known_is_null),
        cmocka_unit_test(test_an_id_for_a_channel_and_one_a_session),
        cmocka_unit_test(test_one_id_a_row_for_a_batch),
        cmocka_unit_test(test_history_that_begins_again_forgets_what_came_before),
        cmocka_unit_test(test_headers_are_ascii_and_no_longer_than_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
