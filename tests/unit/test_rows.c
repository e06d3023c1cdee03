/* The body of a batch: which rows it has, in the form that the store takes, or what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi/request/rows.h"

#define LINES "application/x-ndjson"
#define ARRAY "application/json"
#define FORM "application/x-www-form-urlencoded"

/* The rows in the form of the store, or the sentence; valid until the next call. */
static const char *read_as(const char *type, const char *body, size_t len)
{
    static char text[65536], why[ROWS_WHY_SIZE];
    struct rows rows;
    enum rows_result r = rows_read(&rows, body, len, type, why);
    assert_int_not_equal(r, ROWS_NOMEM);
    snprintf(text, sizeof text, "%.*s", r == ROWS_OK ? (int)rows.list.len : -1,
             r == ROWS_OK ? rows.list.json : why);
    rows_free(&rows);
    return text;
}

static const char *read_body(const char *type, const char *body)
{
    return read_as(type, body, strlen(body));
}

static void test_a_row_has_the_form_of_the_store(void **state)
{
    static const struct {
        const char *row, *form;
    } cases[] = {
        {"{\"data\":\"x\"}", "[\"\",null,\"message\",\"x\",null,null,null]"},
        {"{\"data\":\"\"}", "[\"\",null,\"message\",\"\",null,null,null]"},
        {" { \"type\" : \"a\" , \"data\" : \"x\" } ", "[\"\",null,\"a\",\"x\",null,null,null]"},
        {"{\"channel\":\"room\",\"data\":1,\"key\":\"k\",\"dedup_key\":\"d\",\"expires_in\":"
         "60}",
         "[\"room\",null,\"message\",\"1\",\"d\",\"k\",60]"},
        {"{\"session\":\"71b0\",\"data\":null}",
         "[\"\",\"71b0\",\"message\",\"null\",null,null,null]"},
        {"{\"data\":{\"n\":0.1,\"big\":12345678901234567890}}",
         "[\"\",null,\"message\",\"{\\\"n\\\":0.1,\\\"big\\\":12345678901234567890}\",null,"
         "null,"
         "null]"},
        {"{\"data\":[ 1e400,\t\"\\u0000\\\\\",\"\\ud800\"\r]}",
         "[\"\",null,\"message\",\"[ "
         "1e400,\\t\\\"\\\\u0000\\\\\\\\\\\",\\\"\\\\ud800\\\"\\r]\","
         "null,null,null]"},
        {"{\"data\":\"\\u00e4\\n\\\"\"}",
         "[\"\",null,\"message\",\"\\u00e4\\n\\\"\",null,null,null]"},
        {"{\"data\":{\"a\":1,\"a\":2}}",
         "[\"\",null,\"message\",\"{\\\"a\\\":1,\\\"a\\\":2}\",null,null,null]"},
        {"{\"data\":0,\"expires_in\":31536000}",
         "[\"\",null,\"message\",\"0\",null,null,31536000]"},
    };
    char expected[512];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(expected, sizeof expected, "[%s]", cases[i].form);
        assert_string_equal(read_body(LINES, cases[i].row), expected);
    }
}

static void test_a_row_that_is_wrong_is_told_what_it_is(void **state)
{
#define NOT_A_MEMBER                                                                           \
    " is not a member of a row; it has channel, session, type, data, dedup_key, key and "      \
    "expires_in"
    static const struct {
        const char *row, *why;
    } cases[] = {
        {"{\"data\":1}{\"data\":2}", "something follows the JSON object, at byte 11"},
        {"{\"data\":1},", "something follows the JSON object, at byte 11"},
        {"[{\"data\":1}]",
         "a row is a JSON object, and this is an array: send an array of rows "
         "as application/json"},
        {"1", "a row is a JSON object, and this is none"},
        {"{\"data\":1", "this is not JSON: a comma or } is missing, at byte 10"},
        {"{data:1}", "this is not JSON: the name of a member is missing, at byte 2"},
        {"{}", "data is missing"},
        {"{\"type\":\"a\"}", "data is missing"},
        {"{\"data\":1,\"chanel\":\"room\"}", "chanel" NOT_A_MEMBER},
        {"{\"data\":1,\"user\":\"7\"}", "user" NOT_A_MEMBER},
        {"{\"data\":1,\"session_id\":\"7\"}", "session_id" NOT_A_MEMBER},
        {"{\"data\":1,\"\":\"7\"}", NOT_A_MEMBER},
        {"{\"data\":1,\"Channel\":\"7\"}", "Channel" NOT_A_MEMBER},
        {"{\"data\":1,\"\\u0063hannel\":\"room\"}", "\\u0063hannel" NOT_A_MEMBER},
        {"{\"data\":1,\"\xc3\xa4\":1}", "??" NOT_A_MEMBER},
        {"{\"n234567890123456789012345678901234567890\":1}",
         "n234567890123456789012345678901234567890" NOT_A_MEMBER},
        {"{\"n2345678901234567890123456789012345678901\":1}",
         "n234567890123456789012345678901234567890..." NOT_A_MEMBER},
        {"{\"data\":1,\"data\":1}", "data is given more than once"},
        {"{\"channel\":\"a\",\"data\":1,\"channel\":\"b\"}", "channel is given more than once"},
        {"{\"data\":1,\"channel\":null}", "channel must be a text"},
        {"{\"data\":1,\"channel\":7}", "channel must be a text"},
        {"{\"data\":1,\"session\":[\"a\"]}", "session must be a text"},
        {"{\"data\":1,\"type\":{}}", "type must be a text"},
        {"{\"data\":1,\"key\":true}", "key must be a text"},
        {"{\"data\":1,\"dedup_key\":null}", "dedup_key must be a text"},
        {"{\"data\":1,\"channel\":\"\"}",
         "channel is empty: name the channel, or leave it out to reach everyone"},
        {"{\"data\":1,\"session\":\"\"}",
         "session is empty: name the session, or leave it out to reach everyone"},
        {"{\"data\":1,\"channel\":\"a\",\"session\":\"b\"}",
         "a row is for a channel or for a session, not for both"},
        {"{\"data\":1,\"type\":\"a\\nb\"}", "type cannot contain control characters"},
        {"{\"data\":1,\"key\":\"\\u0000\"}", "key cannot contain control characters"},
        {"{\"data\":1,\"channel\":\"\\ud800\"}", "channel has half of a surrogate pair"},
        {"{\"data\":\"\\u0000\"}",
         "data cannot contain \\u0000; broadcast and send take such data"},
        {"{\"data\":\"\\udc00\"}", "data has half of a surrogate pair"},
    };
    char expected[ROWS_WHY_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(expected, sizeof expected, "line 1: %s", cases[i].why);
        assert_string_equal(read_body(LINES, cases[i].row), expected);
    }
}

static void test_an_expiry_is_whole_seconds_within_its_range(void **state)
{
    static const char *const values[] = {
        "0",    "-1",   "31536001", "99999999999999999999999999",
        "1.0",  "1e3",  "\"60\"",   "null",
        "[60]", "true", "1.5"};
    char row[128];
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        snprintf(row, sizeof row, "{\"data\":1,\"expires_in\":%s}", values[i]);
        assert_string_equal(read_body(LINES, row),
                            "line 1: expires_in must be whole seconds, from 1 to 31536000");
    }
}

#define ONE "[\"\",null,\"message\",\"1\",null,null,null]"
#define TWO "[\"\",null,\"message\",\"2\",null,null,null]"

static void test_rows_stand_in_lines_or_in_an_array(void **state)
{
    static const struct {
        const char *type, *body;
    } cases[] = {
        {LINES, "{\"data\":1}\n{\"data\":2}"},
        {LINES, "{\"data\":1}\n{\"data\":2}\n"},
        {LINES, "{\"data\":1}\r\n{\"data\":2}\r\n"},
        {LINES, "\n \n{\"data\":1}\n\t\r\n\n{\"data\":2}\n\n\r\n"},
        {LINES "; charset=utf-8", "\xef\xbb\xbf{\"data\":1}\n{\"data\":2}"},
        {"Application/X-NDJSON", "{\"data\":1}\n{\"data\":2}"},
        {ARRAY, "[{\"data\":1},{\"data\":2}]"},
        {ARRAY ";charset=utf-8", "\xef\xbb\xbf \n[ {\n\"data\" : 1 }\n,\n{\"data\":2} ]\n"},
        {FORM, "{\"data\":1}\n{\"data\":2}\n"},
        {FORM, "\n [{\"data\":1},\n{\"data\":2}]\n"},
        {"", "{\"data\":1}\n{\"data\":2}"},
        {"", "[{\"data\":1},{\"data\":2}]"},
        {"application/jsonl", "{\"data\":1}\n{\"data\":2}"},
        {"text/plain", "\xef\xbb\xbf[{\"data\":1},{\"data\":2}]"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(read_body(cases[i].type, cases[i].body), "[" ONE "," TWO "]");
}

static void test_what_is_wrong_is_named_by_its_place(void **state)
{
    static const struct {
        const char *type, *body, *why;
    } cases[] = {
        {LINES, "{\"data\":1}\n\n{\"data\":2}\r\n{}\n", "line 4: data is missing"},
        {LINES, "{\"data\":1}\n{\"data\":2}{\"data\":3}\n",
         "line 2: something follows the JSON object, at byte 11"},
        {LINES, "{\"data\":\n1}", "line 1: this is not JSON: a value is missing, at byte 9"},
        {LINES, "[{\"data\":1}]",
         "line 1: a row is a JSON object, and this is an array: send an array of rows as "
         "application/json"},
        {ARRAY, "[{\"data\":1},\n{}]", "row 2: data is missing"},
        {ARRAY, "[{\"data\":1},2]", "row 2: a row is a JSON object, and this is none"},
        {ARRAY, "[{\"data\":1} {\"data\":2}]",
         "row 2: this is not JSON: a comma or ] is missing, at byte 13 of the body"},
        {ARRAY, "[{\"data\":1},]",
         "row 2: this is not JSON: a value is missing, at byte 13 of the body"},
        {ARRAY, "[{\"data\":1}",
         "row 2: this is not JSON: a comma or ] is missing, at byte 12 of the body"},
        {ARRAY, "\xef\xbb\xbf[{\"data\":01}]",
         "row 1: this is not JSON: a comma or } is missing, at byte 14 of the body"},
        {ARRAY, "[{\"data\":1}]]", "something follows the array, at byte 13 of the body"},
        {ARRAY, "{\"data\":1}",
         "application/json has to be an array of rows; for a row a line, send "
         "application/x-ndjson"},
        {FORM, "data=1&channel=a", "line 1: this is not JSON: a value is missing, at byte 1"},
        {LINES, "", "there is no row: a batch has 1 to 1000"},
        {LINES, "\r\n \n", "there is no row: a batch has 1 to 1000"},
        {LINES, "\xef\xbb\xbf", "there is no row: a batch has 1 to 1000"},
        {ARRAY, "", "there is no row: a batch has 1 to 1000"},
        {ARRAY, " [ ] ", "there is no row: a batch has 1 to 1000"},
        {FORM, "", "there is no row: a batch has 1 to 1000"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(read_body(cases[i].type, cases[i].body), cases[i].why);
    assert_string_equal(read_as(LINES, "{\"data\":1}\n\0", 12),
                        "line 2: this is not JSON: a value is missing, at byte 1");
}

/* n rows, the first of them `first`, each with `between` behind it. */
static char *many(int n, const char *first, const char *between)
{
    size_t size = strlen(first) + (size_t)n * (strlen("{\"data\":1}") + strlen(between)) + 1;
    char *body = malloc(size), *to = body;
    assert_non_null(body);
    to = stpcpy(to, first);
    for (int i = 0; i < n; i++)
        to = stpcpy(stpcpy(to, "{\"data\":1}"), i < n - 1 ? between : "");
    return body;
}

static void expect_count(const char *type, char *body, size_t count)
{
    struct rows rows;
    char why[ROWS_WHY_SIZE] = "";
    enum rows_result r = rows_read(&rows, body, strlen(body), type, why);
    assert_int_equal(r, count > 0 ? ROWS_OK : ROWS_WRONG);
    if (count > 0)
        assert_int_equal(rows.list.count, count);
    else
        assert_string_equal(why, "a batch has at most 1000 rows: send it in several");
    rows_free(&rows);
    free(body);
}

static void test_a_batch_has_at_most_a_thousand_rows(void **state)
{
    (void)state;
    char *array = many(1000, "[", ",");
    char *closed = malloc(strlen(array) + 2);
    assert_non_null(closed);
    stpcpy(stpcpy(closed, array), "]");
    free(array);
    expect_count(LINES, many(1000, "\n\n", "\n"), 1000);
    expect_count(LINES, many(1001, "", "\n"), 0);
    expect_count(ARRAY, closed, 1000);
    expect_count(ARRAY, many(1001, "[", ","), 0);
}

static void test_a_row_is_found_again_in_its_place(void **state)
{
    static const char lines[] = "\xef\xbb\xbf\n{\"data\":1}\n\r\n{\"data\":2}\n{\"data\":3}";
    static const char array[] = "[{\"data\":1},\n\n{\"data\":2}]";
    struct rows rows;
    char why[ROWS_WHY_SIZE], place[ROWS_PLACE_SIZE];
    (void)state;
    assert_int_equal(rows_read(&rows, lines, sizeof lines - 1, LINES, why), ROWS_OK);
    rows_place(&rows, lines, sizeof lines - 1, 1, place);
    assert_string_equal(place, "line 2");
    rows_place(&rows, lines, sizeof lines - 1, 3, place);
    assert_string_equal(place, "line 5");
    rows_free(&rows);
    assert_int_equal(rows_read(&rows, array, sizeof array - 1, ARRAY, why), ROWS_OK);
    rows_place(&rows, array, sizeof array - 1, 2, place);
    assert_string_equal(place, "row 2");
    rows_free(&rows);
}

static void test_rows_for_sessions_are_noticed(void **state)
{
    static const char lines[] = "{\"data\":1}\n{\"data\":2,\"session\":\"a\"}\n{\"data\":1}";
    struct rows rows;
    char why[ROWS_WHY_SIZE];
    (void)state;
    assert_int_equal(rows_read(&rows, lines, 10, LINES, why), ROWS_OK);
    assert_false(rows.list.has_sessions);
    rows_free(&rows);
    assert_int_equal(rows_read(&rows, lines, sizeof lines - 1, LINES, why), ROWS_OK);
    assert_true(rows.list.has_sessions);
    rows_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_has_the_form_of_the_store),
        cmocka_unit_test(test_a_row_that_is_wrong_is_told_what_it_is),
        cmocka_unit_test(test_an_expiry_is_whole_seconds_within_its_range),
        cmocka_unit_test(test_rows_stand_in_lines_or_in_an_array),
        cmocka_unit_test(test_what_is_wrong_is_named_by_its_place),
        cmocka_unit_test(test_a_batch_has_at_most_a_thousand_rows),
        cmocka_unit_test(test_a_row_is_found_again_in_its_place),
        cmocka_unit_test(test_rows_for_sessions_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
