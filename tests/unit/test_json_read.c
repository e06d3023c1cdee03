/* Reading JSON as it stands: what is JSON, where its parts are, and what its strings have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi/request/json_read.h"

/* What is wrong with a text; NULL: it is JSON, and nothing else.  The text is in memory of its own,
 * so that a byte beyond it would be seen by ASan. */
static const char *wrong_with(const char *text, size_t len)
{
    char *own = malloc(len ? len : 1);
    struct json_piece value;
    assert_non_null(own);
    memcpy(own, text, len);
    struct json_reader r = json_read(own, len);
    bool is_json = json_read_value(&r, &value);
    assert_int_equal(is_json, r.wrong == NULL);
    assert_true(r.at >= own && r.at <= own + len);
    if (is_json && !json_read_end(&r))
        r.wrong = "more follows";
    free(own);
    return r.wrong;
}

static void test_what_the_standard_calls_json_is_read_to_its_end(void **state)
{
    static const char *const texts[] = {
        "null",
        " true ",
        "\tfalse\r\n",
        "0",
        "-0",
        "-0.0e-0",
        "12.5E+10",
        "1e400",
        "12345678901234567890123456789012345678901234567890",
        "\"\"",
        "\"a b\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD83D\\uDC26\\ud800\"",
        "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa6\x7f\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[1]",
        "[1,2]",
        "[[],[[]],{}]",
        "[ 1 , [ 2 , 3 ] ]",
        "{\"a\":1}",
        "{\"a\":{\"b\":[{}]},\"a\":2}",
        " { \"\" : \"\" , \"x\" : null } ",
        "[\"]\",\"[\",\"\\\"\"]",
        "[\"\\\\\"]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *wrong = wrong_with(texts[i], strlen(texts[i]));
        if (wrong)
            fail_msg("%s: %s", texts[i], wrong);
    }
}

static void test_everything_else_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        {"", "a value is missing"},
        {"nul", "a value is missing"},
        {"True", "a value is missing"},
        {"NaN", "a value is missing"},
        {"Infinity", "a value is missing"},
        {"'a'", "a value is missing"},
        {"+1", "a value is missing"},
        {".5", "a value is missing"},
        {"// x\n1", "a value is missing"},
        {"\xef\xbb\xbf"
         "1",
         "a value is missing"},
        {"-", "a number lacks a digit"},
        {"-a", "a number lacks a digit"},
        {"1.", "a number lacks a digit"},
        {"1.e5", "a number lacks a digit"},
        {"1e", "a number lacks a digit"},
        {"1e+", "a number lacks a digit"},
        {"-Infinity", "a number lacks a digit"},
        {"01", "more follows"},
        {"0x10", "more follows"},
        {"1 2", "more follows"},
        {"{}{}", "more follows"},
        {"nullx", "more follows"},
        {"[01]", "a comma or ] is missing"},
        {"\"a", "a string has no end"},
        {"\"", "a string has no end"},
        {"\"a\\\"", "a string has no end"},
        {"\"a\nb\"", "a string has a control character that is not escaped"},
        {"\"\xff\"", "a string is not UTF-8"},
        {"\"\xc3", "a string is not UTF-8"},
        {"\"\xed\xa0\x80\"", "a string is not UTF-8"},
        {"\"\\", "a backslash begins no escape of JSON"},
        {"\"\\x41\"", "a backslash begins no escape of JSON"},
        {"\"\\u12\"", "a backslash begins no escape of JSON"},
        {"\"\\u12g4\"", "a backslash begins no escape of JSON"},
        {"\"\\u", "a backslash begins no escape of JSON"},
        {"[", "a value is missing"},
        {"[1", "a comma or ] is missing"},
        {"[1,", "a value is missing"},
        {"[1,]", "a value is missing"},
        {"[,1]", "a value is missing"},
        {"[1 2]", "a comma or ] is missing"},
        {"[1}", "a comma or ] is missing"},
        {"[[]", "a comma or ] is missing"},
        {"{\"a\":1]", "a comma or } is missing"},
        {"{\"a\":[]", "a comma or } is missing"},
        {"{", "the name of a member is missing"},
        {"{a:1}", "the name of a member is missing"},
        {"{1:1}", "the name of a member is missing"},
        {"{\"a\":1,}", "the name of a member is missing"},
        {"{,}", "the name of a member is missing"},
        {"{\"a\"}", "a colon is missing"},
        {"{\"a\" 1}", "a colon is missing"},
        {"{\"a\":}", "a value is missing"},
        {"]", "a value is missing"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *wrong = wrong_with(cases[i].text, strlen(cases[i].text));
        if (!wrong || strcmp(wrong, cases[i].wrong) != 0)
            fail_msg("%s: %s", cases[i].text, wrong ? wrong : "is taken");
    }
    assert_string_equal(wrong_with("\"a\0b\"", 5),
                        "a string has a control character that is not escaped");
    assert_string_equal(wrong_with("1\0", 2), "more follows");
    assert_string_equal(wrong_with("[1\0]", 4), "a comma or ] is missing");
}

static void test_the_beginning_of_json_is_none(void **state)
{
    static const char text[] = "{\"a\":[1,{\"b\":\"\\u00e4\xc3\xa4\"}],\"c\":{\"d\":null}}";
    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++)
        assert_non_null(wrong_with(text, len));
    assert_null(wrong_with(text, sizeof text - 1));
}

/* `open` and `close`, so many times. */
static const char *wrong_at_depth(const char *open, const char *close, size_t depth)
{
    size_t opening = strlen(open), closing = strlen(close);
    char *text = malloc(depth * (opening + closing) + 1), *to = text;
    assert_non_null(text);
    for (size_t i = 0; i < 2 * depth; i++)
        to = stpcpy(to, i < depth ? open : close);
    const char *wrong = wrong_with(text, depth * (opening + closing));
    free(text);
    return wrong;
}

static void test_depth_has_a_limit_that_costs_no_stack(void **state)
{
    static const char deep[] = "arrays and objects are nested too deeply";
    (void)state;
    assert_null(wrong_at_depth("[", "]", JSON_DEPTH_MAX));
    assert_string_equal(wrong_at_depth("[", "]", JSON_DEPTH_MAX + 1), deep);
    assert_string_equal(wrong_at_depth("[", "", 1000000), deep);
    assert_string_equal(wrong_at_depth("{\"a\":", "}", 1000000), deep);
}

static void assert_piece(const struct json_piece *piece, const char *text)
{
    assert_int_equal(piece->len, strlen(text));
    assert_memory_equal(piece->at, text, piece->len);
}

static void test_the_parts_of_arrays_and_objects_are_found_as_they_stand(void **state)
{
    static const char array[] = " [ 0.1 , \"a,]\" , [ 1 , 2 ] ] tail";
    static const char object[] = "{ \"a\\u0062\" : 12345678901234567890 , \"c\":{ } }";
    struct json_piece name, value;
    (void)state;
    struct json_reader r = json_read(array, sizeof array - 1);
    assert_false(json_read_into(&r, '{'));
    assert_true(json_read_into(&r, '['));
    const char *const elements[] = {"0.1", "\"a,]\"", "[ 1 , 2 ]"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(json_read_next(&r, '[', NULL, &value));
        assert_piece(&value, elements[i]);
    }
    assert_false(json_read_next(&r, '[', NULL, &value));
    assert_null(r.wrong);
    assert_string_equal(r.at, " tail");
    assert_false(json_read_end(&r));

    r = json_read(object, sizeof object - 1);
    assert_true(json_read_into(&r, '{'));
    assert_true(json_read_next(&r, '{', &name, &value));
    assert_piece(&name, "\"a\\u0062\"");
    assert_piece(&value, "12345678901234567890");
    assert_true(json_read_next(&r, '{', &name, &value));
    assert_piece(&name, "\"c\"");
    assert_piece(&value, "{ }");
    assert_false(json_read_next(&r, '{', &name, &value));
    assert_null(r.wrong);
    assert_true(json_read_end(&r));
}

static void test_a_string_tells_what_no_text_may_have(void **state)
{
    static const struct {
        const char *string;
        unsigned flaws;
    } cases[] = {
        {"\"\"", 0},
        {"\"a \xc3\xa4 \\\" \\\\ \\/ \\u00e4\"", 0},
        {"\"\\\\u0000\"", 0},
        {"\"\\ud83d\\uDC26\"", 0},
        {"\"\\u0000\"", JSON_NUL | JSON_CONTROL},
        {"\"a\\u001f\"", JSON_CONTROL},
        {"\"\\n\"", JSON_CONTROL},
        {"\"\\t\"", JSON_CONTROL},
        {"\"\x7f\"", JSON_CONTROL},
        {"\"\\u007F\"", JSON_CONTROL},
        {"\"\\ud800\"", JSON_HALF},
        {"\"\\udc00\"", JSON_HALF},
        {"\"\\ud83dx\"", JSON_HALF},
        {"\"\\ud83d\\n\"", JSON_HALF | JSON_CONTROL},
        {"\"\\ud83d\\ud83d\\udc26\"", JSON_HALF},
        {"\"\\udc26\\ud83d\"", JSON_HALF},
        {"\"\\ud83d\\u0000\"", JSON_HALF | JSON_CONTROL | JSON_NUL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_piece string = {cases[i].string, strlen(cases[i].string)};
        if (json_string_flaws(&string) != cases[i].flaws)
            fail_msg("%s: %u", cases[i].string, json_string_flaws(&string));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_standard_calls_json_is_read_to_its_end),
        cmocka_unit_test(test_everything_else_is_refused_with_a_reason),
        cmocka_unit_test(test_the_beginning_of_json_is_none),
        cmocka_unit_test(test_depth_has_a_limit_that_costs_no_stack),
        cmocka_unit_test(test_the_parts_of_arrays_and_objects_are_found_as_they_stand),
        cmocka_unit_test(test_a_string_tells_what_no_text_may_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
