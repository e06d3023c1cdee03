#include "fcgi/request/parameters.h"
#include "tests/unit/http_helpers.h"

/* Whether the path has what stands in the address; `why` otherwise. */
static bool fits(enum route route, const char *address, char why[PARAMETERS_WHY_SIZE])
{
    struct query q;

    assert_int_equal(query_parse(&q, address, strlen(address)), QUERY_OK);
    bool fit = parameters_fit(route, &q, why);
    query_free(&q);
    return fit;
}

static void test_each_path_has_these_parameters(void **state)
{
    static const struct {
        enum route route;
        const char *address;
    } cases[] = {
        {ROUTE_EVENTS,
         "channel=a&channel=b&types=c&lastEventId=1&last_event_id=2&last=3&wait=4"},
        {ROUTE_EVENTS, "v=1&heartbeat=5"},
        /* What clients add by themselves. */
        {ROUTE_EVENTS, "datastar=%7B%7D&evs_buffer_size_limit=1&evs_preamble=&r=0.31"},
        {ROUTE_EVENTS, "evs_last_event_id=5f2a91c0-1"},
        {ROUTE_EVENTS, ""},
        {ROUTE_BROADCAST, "channel=a&type=b&key=c&dedup_key=d&expires_in=5&data=e"},
        {ROUTE_SEND, "session=a&session=b&type=c&key=d&dedup_key=e&expires_in=5&data=f"},
        {ROUTE_BATCH, ""},
        {ROUTE_DISCONNECT, "session=a"},
        {ROUTE_STATS, ""},
        {ROUTE_HISTORY, "channel=a&channel=b&types=c&after=1&limit=2"},
    };
    char why[PARAMETERS_WHY_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!fits(cases[i].route, cases[i].address, why))
            fail_msg("%s: %s", cases[i].address, why);
}

static void test_what_libraries_add_is_let_through(void **state)
{
    static const char *const added[] = {"_=1", "_t", "__cache=x&", "&&", "&"};
    char why[PARAMETERS_WHY_SIZE];

    (void)state;
    for (int route = 0; route < ROUTE_UNKNOWN; route++)
        for (size_t i = 0; i < sizeof added / sizeof *added; i++)
            assert_true(fits((enum route)route, added[i], why));
}

static void test_what_a_path_does_not_have_is_named_with_what_it_has(void **state)
{
    static const struct {
        enum route route;
        const char *address, *why;
    } cases[] = {
        {ROUTE_BROADCAST, "chanel=room-7",
         "chanel= is not a parameter of /broadcast; it has channel=, type=, key=, dedup_key=, "
         "expires_in= and "
         "data="},
        {ROUTE_BROADCAST, "session=71b0",
         "session= is not a parameter of /broadcast; it has channel=, type=, key=, dedup_key=, "
         "expires_in= and "
         "data= "
         "(session= belongs to /send)"},
        {ROUTE_SEND, "data=x&channel=a",
         "channel= is not a parameter of /send; it has session=, type=, key=, dedup_key=, "
         "expires_in= and data= "
         "(channel= belongs to /broadcast)"},
        {ROUTE_BATCH, "channel=a",
         "channel= is not a parameter of /batch; it has none (channel= belongs to /broadcast)"},
        {ROUTE_DISCONNECT, "session=a&x",
         "x= is not a parameter of /disconnect; it has session="},
        {ROUTE_STATS, "since=1", "since= is not a parameter of /stats; it has none"},
        {ROUTE_STATS, "after=1",
         "after= is not a parameter of /stats; it has none (after= belongs to /history)"},
        {ROUTE_HISTORY, "last=20",
         "last= is not a parameter of /history; it has channel=, types=, after= and limit="},
        {ROUTE_HISTORY, "type=chat", /* strangers are not told of publishers' paths */
         "type= is not a parameter of /history; it has channel=, types=, after= and limit="},
        {ROUTE_EVENTS, "type=chat",
         "type= is not a parameter of /events; it has channel=, types=, lastEventId=, last=, "
         "wait=, heartbeat= and v="},
        {ROUTE_EVENTS, "=x",
         "= is not a parameter of /events; it has channel=, types=, lastEventId=, last=, "
         "wait=, "
         "heartbeat= and v="},
    };
    char why[PARAMETERS_WHY_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_false(fits(cases[i].route, cases[i].address, why));
        assert_string_equal(why, cases[i].why);
    }
}

static void test_near_misses_are_refused(void **state)
{
    static const char *const names[] = {"channel[]=a",  "Channel=a",      "channels=a",
                                        "channel%20=a", "channel%00=a",   "+channel=a",
                                        "lastevent=1",  "lastEventIds=1", "amp;types=a"};
    char why[PARAMETERS_WHY_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int route = 0; route < ROUTE_UNKNOWN; route++)
            assert_false(fits((enum route)route, names[i], why));
}

static void test_a_strangers_name_is_told_short_and_printable(void **state)
{
    char address[4096], why[PARAMETERS_WHY_SIZE];

    (void)state;
    memset(address, 'n', sizeof address);
    address[sizeof address - 1] = '\0';
    memcpy(address, "%0A%22%C3%A4\x7f", 13);
    assert_false(fits(ROUTE_EVENTS, address, why));
    assert_int_equal(strncmp(why, "?????nnn", 8), 0);
    assert_has(why, "nnn...= is not a parameter of /events; it has channel=");
    assert_has(why, " and v=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_path_has_these_parameters),
        cmocka_unit_test(test_what_libraries_add_is_let_through),
        cmocka_unit_test(test_what_a_path_does_not_have_is_named_with_what_it_has),
        cmocka_unit_test(test_near_misses_are_refused),
        cmocka_unit_test(test_a_strangers_name_is_told_short_and_printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
