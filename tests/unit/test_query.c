#include "tests/unit/http_helpers.h"

static void parse(struct query *q, const char *text)
{
    assert_int_equal(query_parse(q, text, strlen(text)), QUERY_OK);
}

static void test_values_are_decoded(void **state)
{
    static const struct {
        const char *text, *value;
    } cases[] = {{"key=plain", "plain"},
                 {"key=a+b%20c", "a b c"},
                 {"key=1%2B1%3D2%26", "1+1=2&"},
                 {"other=x&key=y", "y"},
                 {"key=first&key=second", "first"},
                 {"key=a=b", "a=b"},
                 {"key=", ""},
                 {"key", ""},
                 {"%6Bey=x", "x"},
                 {"key=%zz%4", "%zz%4"},
                 {"key=%C3%A4\xc3\xa4", "\xc3\xa4\xc3\xa4"},
                 {"key=a%0D%0Ab", "a\r\nb"},
                 {"&&key=x&", "x"},
                 {"", NULL},
                 {"keys=x", NULL},
                 {"KEY=x", NULL}};
    struct query q;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parse(&q, cases[i].text);
        const char *value = query_value(&q, "key");
        if (cases[i].value == NULL)
            assert_null(value);
        else
            assert_string_equal(value, cases[i].value);
        query_free(&q);
    }
}

static void test_repeated_keys_are_all_given_in_order(void **state)
{
    struct query q;
    const char *value[2] = {NULL, NULL};

    (void)state;
    parse(&q, "channel=a&x=1&channel=b&channel=c");
    assert_int_equal(query_values(&q, "channel", value, 2), 3);
    assert_string_equal(value[0], "a");
    assert_string_equal(value[1], "b");
    query_free(&q);
}

static void test_a_nul_does_not_end_the_value_but_spoils_it(void **state)
{
    struct query q;

    (void)state;
    parse(&q, "lastEventId=5f2a91c0-3%00junk");
    assert_true(q.nul);
    assert_string_equal(query_value(&q, "lastEventId"), "5f2a91c0-3\001junk");
    query_free(&q);
    assert_int_equal(query_parse(&q, "a=b\0c", 5), QUERY_OK);
    assert_true(q.nul);
    assert_false(query_is_plain(query_value(&q, "a")));
    query_free(&q);
    parse(&q, "a=%2500");
    assert_false(q.nul);
    assert_string_equal(query_value(&q, "a"), "%00");
    query_free(&q);
}

static void test_control_characters_are_not_plain(void **state)
{
    (void)state;
    assert_true(query_is_plain(""));
    assert_true(query_is_plain("room-7 \xc3\xa4"));
    assert_false(query_is_plain("a\nb"));
    assert_false(query_is_plain("\t"));
    assert_false(query_is_plain("\x7f"));
}

static void test_a_query_of_thousands_of_keys_is_refused(void **state)
{
    char text[2 * QUERY_ITEMS_MAX + 2];
    struct query q;

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 == 0 ? 'a' : '&';
    assert_int_equal(query_parse(&q, text, 2 * QUERY_ITEMS_MAX - 1), QUERY_OK);
    query_free(&q);
    assert_int_equal(query_parse(&q, text, 2 * QUERY_ITEMS_MAX + 1), QUERY_TOO_MANY);
    query_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_decoded),
        cmocka_unit_test(test_repeated_keys_are_all_given_in_order),
        cmocka_unit_test(test_a_nul_does_not_end_the_value_but_spoils_it),
        cmocka_unit_test(test_control_characters_are_not_plain),
        cmocka_unit_test(test_a_query_of_thousands_of_keys_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
