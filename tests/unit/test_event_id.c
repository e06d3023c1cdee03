#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "store/event_id.h"

static void test_an_id_survives_being_written_and_read(void **state)
{
    (void)state;
    static const int64_t ids[] = {0, 1, 9, 10, 19, 1234567890123, INT64_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char text[EVENT_ID_SIZE];
        struct event_id id;
        size_t n = event_id_format(text, "5f2a91c0", ids[i]);
        assert_int_equal(n, strlen(text));
        assert_true(event_id_parse(&id, text));
        assert_string_equal(id.epoch, "5f2a91c0");
        assert_int_equal(id.id, ids[i]);
    }
}

static void test_anything_else_is_no_id_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "19",
        "-",
        "5f2a91c0",
        "5f2a91c0-",
        "5f2a91c0--1",
        "5f2a91c0-+1",
        "5f2a91c0- 1",
        "5f2a91c0-1 ",
        "5f2a91c0-01",
        "5f2a91c0-00",
        "5f2a91c0-1x",
        "5f2a91c0-9223372036854775808",
        "5f2a91c0-99999999999999999999999999999999999999999999999999999999999999999999",
        "5F2A91C0-1",
        "5f2a91c-11",
        "5f2a91c00-1",
        "5f2a91g0-1",
        " 5f2a91c0-1",
        "5f2a91c0-1\r\ndata: x",
        "5f2a91c0-\xd9\xa1",
        "\xff\xfe",
        "x\ndata:",
        "earliest",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct event_id id = {.epoch = "unchange", .id = 7};
        if (event_id_parse(&id, bad[i]))
            fail_msg("taken for an id: %s", bad[i]);
        assert_string_equal(id.epoch, "unchange");
        assert_int_equal(id.id, 7);
    }
}

static void test_four_hundred_digits_are_no_id(void **state)
{
    (void)state;
    char text[512] = "5f2a91c0-";
    struct event_id id;
    memset(text + 9, '1', 400);
    text[409] = '\0';
    assert_false(event_id_parse(&id, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_id_survives_being_written_and_read),
        cmocka_unit_test(test_anything_else_is_no_id_and_changes_nothing),
        cmocka_unit_test(test_four_hundred_digits_are_no_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
