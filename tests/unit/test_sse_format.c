#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fcgi/stream/sse_format.h"
#include "store/rules.h"

#define BAD "\xEF\xBF\xBD"

static struct event event_with(const char *type, const char *data, size_t len)
{
    return (struct event){.id = 19,
                          .mailbox = "",
                          .type = type,
                          .data = data,
                          .data_len = len,
                          .created_at = 1763912345678};
}

static void assert_bytes(struct buffer *out, const char *expected, size_t len)
{
    assert_false(out->failed);
    assert_int_equal(out->len, len);
    if (len > 0)
        assert_memory_equal(out->bytes, expected, len);
    buffer_free(out);
}

static void assert_text(struct buffer *out, const char *expected)
{
    assert_bytes(out, expected, strlen(expected));
}

static void test_event_has_its_type_then_data_then_id(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct event e = event_with("update", "hi", 2);
    uint32_t object_end;
    sse_format_event(&out, &e, "5f2a91c0", true, &object_end);
    assert_int_equal(object_end, 0);
    assert_text(&out, "event: update\ndata: hi\nid: 5f2a91c0-19\n\n");
}

static void test_without_ids_there_is_no_id_line(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct event e = event_with("update", "hi", 2);
    uint32_t object_end;
    sse_format_event(&out, &e, "5f2a91c0", false, &object_end);
    assert_text(&out, "event: update\ndata: hi\n\n");
}

struct data_case {
    const char *data;
    size_t len;
    const char *lines;
    size_t lines_len;
};
#define CASE(data, lines)                                                                      \
    {                                                                                          \
        data, sizeof(data) - 1, lines, sizeof(lines) - 1                                       \
    }

static void assert_data_cases(const struct data_case *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buffer out = {0}, expected = {0};
        struct event e = event_with("message", c[i].data, c[i].len);
        uint32_t object_end;
        sse_format_event(&out, &e, "5f2a91c0", false, &object_end);
        buffer_add(&expected, c[i].lines, c[i].lines_len);
        buffer_text(&expected, "\n\n");
        assert_bytes(&out, expected.bytes, expected.len);
        buffer_free(&expected);
    }
}

static void test_line_breaks_in_data_cannot_end_the_event(void **state)
{
    (void)state;
    static const struct data_case cases[] = {
        CASE("", "data: "),
        CASE("a\nb", "data: a\ndata: b"),
        CASE("a\rb", "data: a\ndata: b"),
        CASE("a\r\nb", "data: a\ndata: b"),
        CASE("a\n\rb", "data: a\ndata: \ndata: b"),
        CASE("\r\n\r\n", "data: \ndata: \ndata: "),
        CASE("a\n", "data: a\ndata: "),
        CASE("\r", "data: \ndata: "),
        CASE("x\n\nid: 7\nevent: y", "data: x\ndata: \ndata: id: 7\ndata: event: y"),
    };
    assert_data_cases(cases, sizeof cases / sizeof *cases);
}

static void test_bytes_that_are_not_utf8_become_one_replacement_a_part(void **state)
{
    (void)state;
    static const struct data_case cases[] = {
        CASE("\xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80",
             "data: \xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80"),
        CASE("\xEF\xBB\xBFx", "data: \xEF\xBB\xBFx"),
        CASE("\xF4\x8F\xBF\xBF", "data: \xF4\x8F\xBF\xBF"),
        CASE("a\x80z", "data: a" BAD "z"),
        CASE("\xC0\xAF", "data: " BAD BAD), /* overlong */
        CASE("\xE0\x80\xAF", "data: " BAD BAD BAD),
        CASE("\xF0\x80\x80\xAF", "data: " BAD BAD BAD BAD),
        CASE("\xED\xA0\x80", "data: " BAD BAD BAD),         /* a surrogate */
        CASE("\xF4\x90\x80\x80", "data: " BAD BAD BAD BAD), /* beyond U+10FFFF */
        CASE("\xF5\xFF\xFE", "data: " BAD BAD BAD),
        CASE("\xE2\x82", "data: " BAD), /* truncated */
        CASE("\xE2\x82z", "data: " BAD "z"),
        CASE("\xF0\x9F\x98", "data: " BAD),
        CASE("\xF0\x9F\x98\n\xC3", "data: " BAD "\ndata: " BAD),
        CASE("\xF1\x80\xE1\x80\xC2z", "data: " BAD BAD BAD "z"),
    };
    assert_data_cases(cases, sizeof cases / sizeof *cases);
}

static void test_nul_in_data_is_passed_on(void **state)
{
    (void)state;
    static const struct data_case cases[] = {CASE("a\0b\0", "data: a\0b\0")};
    assert_data_cases(cases, 1);
}

static void test_no_publisher_can_use_the_name_of_a_block_of_ours(void **state)
{
    (void)state;
    struct buffer out = {0};
    sse_format_opening(&out, 3000, NULL);
    sse_format_connected(&out, NULL, false, 1000, 0, 15, NULL);
    sse_format_gap(&out, "trimmed", NULL, NULL, "5f2a91c0-7");
    sse_format_replay_start(&out, 1);
    sse_format_replay_end(&out, 1);
    sse_format_heartbeat(&out, 0, NULL);
    sse_format_later(&out, 3000);
    buffer_add(&out, "", 1);
    size_t blocks = 0;
    for (char *at = out.bytes; (at = strstr(at, "event: ")); blocks++) {
        at += strlen("event: ");
        char *end = strchr(at, '\n');
        *end = '\0';
        assert_true(rules_type_is_reserved(at));
        *end = '\n';
    }
    assert_int_equal(blocks, 7);
    buffer_free(&out);
}

static void test_types_that_could_be_mistaken_are_not_sent(void **state)
{
    (void)state;
    char longest[EVENT_TYPE_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[EVENT_TYPE_MAX + 1] = '\0';
    const char *unsound[] = {"",           "open",  "error",        "opening",    "connected",
                             "gap",        "a\nb",  "replay-start", "replay-end", "heartbeat",
                             "a\rdata: x", "later", longest};
    for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++) {
        struct buffer out = {0};
        struct event e = event_with(unsound[i], "hi", 2);
        uint32_t object_end;
        assert_false(rules_type_is_sound(unsound[i]));
        sse_format_event(&out, &e, "5f2a91c0", false, &object_end);
        assert_text(&out, "data: hi\n\n");
    }
    longest[EVENT_TYPE_MAX] = '\0';
    assert_true(rules_type_is_sound(longest));
    assert_true(rules_type_is_sound("gaps"));
}

/* The replayed rendition as it goes out, or NULL when it is the live one. */
static void assert_replayed(const char *data, const char *expected)
{
    struct buffer out = {0}, mark = {0}, replayed = {0};
    struct event e = event_with("message", data, strlen(data));
    uint32_t end;
    e.is_object = true;
    sse_format_event(&out, &e, "5f2a91c0", false, &end);
    sse_format_mark(&mark, &e);
    assert_true(end > 0);
    buffer_add(&replayed, out.bytes, end);
    buffer_add(&replayed, mark.bytes, mark.len);
    buffer_add(&replayed, out.bytes + end, out.len - end);
    buffer_free(&out);
    buffer_free(&mark);
    assert_text(&replayed, expected);
}

static void test_mark_stands_before_the_last_brace(void **state)
{
    (void)state;
#define MARK "\"_replayed\":true,\"_originalTime\":1763912345"
    assert_replayed("{\"a\":1}", "data: {\"a\":1," MARK "}\n\n");
    assert_replayed("{\"a\":{}} ", "data: {\"a\":{}," MARK "} \n\n");
    assert_replayed("{\"a\":\"}\"\r\n}\n", "data: {\"a\":\"}\"\ndata: ," MARK "}\ndata: \n\n");
    assert_replayed("{}", "data: {" MARK "}\n\n");
    assert_replayed(" { \n }", "data:  { \ndata:  " MARK "}\n\n");
    assert_replayed("{\"a\":\"\xFF\"}", "data: {\"a\":\"" BAD "\"," MARK "}\n\n");
}

static void test_brace_behind_a_nul_is_not_the_object_s(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct event e = event_with("message", "{}\0}", 4);
    uint32_t end;
    e.is_object = true;
    sse_format_event(&out, &e, "5f2a91c0", false, &end);
    assert_int_equal(end, 0);
    buffer_free(&out);
}

static void test_original_time_may_lie_before_1970(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct event e = event_with("message", "{}", 2);
    e.is_object = true;
    e.created_at = -5000;
    sse_format_mark(&out, &e);
    assert_text(&out, "\"_replayed\":true,\"_originalTime\":-5");
}

static void test_opening_block_follows_its_comment_without_a_blank_line(void **state)
{
    (void)state;
    struct buffer out = {0};
    sse_format_opening(&out, 3127, "5f2a91c0-3");
    assert_text(&out, ":\nevent: opening\nretry: 3127\nid: 5f2a91c0-3\n\n");
    sse_format_opening(&out, 3127, NULL);
    assert_text(&out, ":\nevent: opening\nretry: 3127\n\n");
}

static void test_connected_tells_the_session(void **state)
{
    (void)state;
    struct buffer out = {0};
    sse_format_connected(&out, "71b0", true, 1000, 1, 15, "5f2a91c0-3");
    assert_text(&out, "event: connected\ndata: {\"sessionId\":\"71b0\",\"reconnection\":true,"
                      "\"bufferSize\":1000,\"reconnections\":1,\"heartbeat\":15}\n"
                      "id: 5f2a91c0-3\n\n");
    sse_format_connected(&out, "", false, 5, 0, 1, NULL);
    assert_text(&out, "event: connected\ndata: {\"sessionId\":null,\"reconnection\":false,"
                      "\"bufferSize\":5,\"reconnections\":0,\"heartbeat\":1}\n\n");
}

static void test_own_blocks_are_as_documented(void **state)
{
    (void)state;
    struct buffer out = {0};
    sse_format_gap(&out, "trimmed", "5f2a91c0-3", "5f2a91c0-19", "5f2a91c0-18");
    assert_text(&out, "event: gap\ndata: {\"reason\":\"trimmed\",\"from\":\"5f2a91c0-3\","
                      "\"oldest\":\"5f2a91c0-19\"}\nid: 5f2a91c0-18\n\n");
    sse_format_gap(&out, "unknown", NULL, NULL, "5f2a91c0-18");
    assert_text(&out, "event: gap\ndata: {\"reason\":\"unknown\",\"from\":null,"
                      "\"oldest\":null}\nid: 5f2a91c0-18\n\n");
    sse_format_replay_start(&out, 2);
    assert_text(&out, "event: replay-start\ndata: {\"count\":2}\n\n");
    sse_format_replay_end(&out, 2);
    assert_text(&out, "event: replay-end\ndata: {\"count\":2}\n\n");
    sse_format_heartbeat(&out, 1763912360, NULL);
    assert_text(&out, "event: heartbeat\ndata: {\"timestamp\":1763912360}\n\n");
    sse_format_heartbeat(&out, 1763912360, "5f2a91c0-9");
    assert_text(&out, "event: heartbeat\ndata: {\"timestamp\":1763912360}\nid: 5f2a91c0-9\n\n");
    sse_format_later(&out, 2500);
    assert_text(&out, "event: later\nretry: 2500\n\n");
}

static void test_jitter_spreads_within_its_bounds(void **state)
{
    (void)state;
    static const struct {
        int64_t retry, low, high;
    } cases[] = {{3000, 1500, 4500},
                 {0, 100, 100},
                 {-7, 100, 100},
                 {3600000, 1800000, 3600000},
                 {INT64_MAX, 1800000, 3600000}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int i = 0; i < 1000; i++) {
            int64_t wait = sse_jitter(cases[c].retry);
            assert_true(wait >= cases[c].low && wait <= cases[c].high);
        }
    int64_t low = INT64_MAX, high = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t wait = sse_jitter(3000);
        low = wait < low ? wait : low;
        high = wait > high ? wait : high;
    }
    assert_true(low < 2000 && high > 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_has_its_type_then_data_then_id),
        cmocka_unit_test(test_without_ids_there_is_no_id_line),
        cmocka_unit_test(test_line_breaks_in_data_cannot_end_the_event),
        cmocka_unit_test(test_bytes_that_are_not_utf8_become_one_replacement_a_part),
        cmocka_unit_test(test_nul_in_data_is_passed_on),
        cmocka_unit_test(test_no_publisher_can_use_the_name_of_a_block_of_ours),
        cmocka_unit_test(test_types_that_could_be_mistaken_are_not_sent),
        cmocka_unit_test(test_mark_stands_before_the_last_brace),
        cmocka_unit_test(test_brace_behind_a_nul_is_not_the_object_s),
        cmocka_unit_test(test_original_time_may_lie_before_1970),
        cmocka_unit_test(test_opening_block_follows_its_comment_without_a_blank_line),
        cmocka_unit_test(test_connected_tells_the_session),
        cmocka_unit_test(test_own_blocks_are_as_documented),
        cmocka_unit_test(test_jitter_spreads_within_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
