/* heartbeat= in the address of a stream. */
#include "tests/unit/place.h"
#include "tests/unit/stream_helpers.h"

static void test_connected_tells_the_heartbeat_in_force(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *query;
        int asked, told;
    } cases[] = {
        {"heartbeat=1", 1, 1},
        {"heartbeat=14", 14, 14},
        {"heartbeat=15", 15, 15},
        {"heartbeat=16", 16, 15},
        {"heartbeat=99999999999999999999", 3600, 15},
        {"heartbeat=05", 5, 5},
        {"heartbeat=5&wait=20", 5, 5},
        {"", 0, 15},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char told[32];
        struct opened o =
            open_stream(p->store, p->settings, cases[i].query, ENVIRONMENT("A=b"));
        assert_non_null(o.ticket);
        assert_int_equal(o.ticket->heartbeat, cases[i].asked);
        snprintf(told, sizeof told, "\"heartbeat\":%d}\n", cases[i].told);
        assert_has(o.text, told);
        end_stream(&o);
    }
}

static void test_a_heartbeat_that_is_no_number_of_seconds_is_refused(void **state)
{
    struct place *p = *state;
    static const char *const queries[] = {"heartbeat=",   "heartbeat",     "heartbeat=0",
                                          "heartbeat=00", "heartbeat=-1",  "heartbeat=+5",
                                          "heartbeat=5s", "heartbeat=0.5", "heartbeat=%00"};

    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct opened o = open_stream(p->store, p->settings, queries[i], ENVIRONMENT("A=b"));
        assert_null(o.ticket);
        assert_has(o.text, "Status: 400 Bad Request\r\n");
        assert_has(o.text, "{\"error\":\"heartbeat= must be ");
        end_stream(&o);
    }
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_open, place_close)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_connected_tells_the_heartbeat_in_force),
        IN_PLACE(test_a_heartbeat_that_is_no_number_of_seconds_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
