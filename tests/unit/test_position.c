/* Positions as clients and proxies write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fcgi/request/position.h"

static void test_a_position_is_read_as_it_was_meant(void **state)
{
    static const struct {
        const char *value;
        int kind;
        const char *text;
    } cases[] = {
        {"5f2a91c0-19", POSITION_ID, "5f2a91c0-19"},
        {"5f2a91c0-19, 5f2a91c0-19", POSITION_ID, "5f2a91c0-19"},
        {"5f2a91c0-19,5f2a91c0-7", POSITION_ID, "5f2a91c0-7"},
        {"5f2a91c0-7,5f2a91c0-19", POSITION_ID, "5f2a91c0-7"},
        {"00000000-7,5f2a91c0-19", POSITION_ID, "5f2a91c0-19"},
        {"null, 5f2a91c0-19", POSITION_ID, "5f2a91c0-19"},
        {"5f2a91c0-19, garbage", POSITION_ID, "5f2a91c0-19"},
        {"garbage, 5f2a91c0-19", POSITION_ID, "5f2a91c0-19"},
        {"\"5f2a91c0-19\"", POSITION_ID, "5f2a91c0-19"},
        {" 5f2a91c0-19\t", POSITION_ID, "5f2a91c0-19"},
        {"earliest,5f2a91c0-19", POSITION_ID, "5f2a91c0-19"},
        {"5f2a91c0-9223372036854775807", POSITION_ID, "5f2a91c0-9223372036854775807"},
        {"earliest", POSITION_EARLIEST, ""},
        {"null", POSITION_NONE, ""},
        {"Undefined", POSITION_NONE, ""},
        {"undefined, null,,None", POSITION_NONE, ""},
        {"", POSITION_NONE, ""},
        {" , ", POSITION_NONE, ""},
        {"\"\"", POSITION_NONE, ""},
        {"nullify", POSITION_UNUSABLE, ""},
        {"0", POSITION_UNUSABLE, ""},
        {"5f2a91c0-19\001", POSITION_UNUSABLE, ""},
        {"5f2a91c0-92233720368547758070000000", POSITION_UNUSABLE, ""},
        {"5f2a91c0 19", POSITION_UNUSABLE, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct position p = position_read(cases[i].value);
        if (p.kind != (unsigned)cases[i].kind)
            fail_msg("%s: kind %d", cases[i].value, (int)p.kind);
        assert_string_equal(p.text, cases[i].text);
    }
}

static void test_it_has_many_names(void **state)
{
    static const char *const names[] = {"lastEventId", "evs_last_event_id", "last_event_id",
                                        "lastEventID", "Last-Event-ID",     "last-event-id",
                                        "LastEventId"};
    static const char *const others[] = {"last", "lastEvent", "lastEventIds",
                                         "",     "id",        "last id"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(position_is_name(names[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(position_is_name(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_position_is_read_as_it_was_meant),
        cmocka_unit_test(test_it_has_many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
