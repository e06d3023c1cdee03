#include "fcgi/request/route.h"
#include "tests/unit/http_helpers.h"

static void test_the_path_decides_wherever_it_comes_from(void **state)
{
    static const struct {
        const char *path_info, *request_uri, *script_name;
        enum route route;
    } cases[] = {
        /* lighttpd, prefix /sse */
        {"/events", "/sse/events?types=a", "/sse", ROUTE_EVENTS},
        {"/broadcast", "/sse/broadcast", "/sse", ROUTE_BROADCAST},
        {"/deep/send", "/sse/deep/send", "/sse", ROUTE_SEND},
        {"/batch", "/sse/batch", "/sse", ROUTE_BATCH},
        {"/disconnect/", "/sse/disconnect/", "/sse", ROUTE_DISCONNECT},
        {"", "/sse", "/sse", ROUTE_EVENTS},
        {"/", "/sse/", "/sse", ROUTE_EVENTS},
        {"/nothing", "/sse/nothing", "/sse", ROUTE_UNKNOWN},
        {"/broadcasts", "/sse/broadcasts", "/sse", ROUTE_UNKNOWN},
        {"/events/x", "/sse/events/x", "/sse", ROUTE_UNKNOWN},
        /* lighttpd, prefix /events: /eventsfoo comes too */
        {"", "/events?last=3", "/events", ROUTE_EVENTS},
        {"foo", "/eventsfoo", "/events", ROUTE_UNKNOWN},
        /* nginx and mod_proxy_fcgi give no PATH_INFO */
        {"", "/sse/stats", "/sse/stats", ROUTE_STATS},
        {"", "/sse/stats?x=/send", "", ROUTE_STATS},
        {"", "/sse/history?channel=/events", "", ROUTE_HISTORY},
        {"", "/mybroadcast", "", ROUTE_EVENTS},
        {"", "http://host/sse/broadcast", "", ROUTE_BROADCAST},
        /* a CGI program without REQUEST_URI */
        {"", "", "/cgi-bin/send", ROUTE_SEND},
        {"/stats", "", "/cgi-bin/rowcast", ROUTE_STATS},
        {"", "", "", ROUTE_EVENTS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request r = {.path_info = cases[i].path_info,
                            .request_uri = cases[i].request_uri,
                            .script_name = cases[i].script_name};
        if (route_of(&r) != cases[i].route)
            fail_msg("case %zu: %s %s", i, cases[i].path_info, cases[i].request_uri);
    }
}

static void test_each_route_has_one_method(void **state)
{
    (void)state;
    assert_string_equal(route_method(ROUTE_EVENTS), "GET");
    assert_string_equal(route_method(ROUTE_STATS), "GET");
    assert_string_equal(route_method(ROUTE_HISTORY), "GET");
    assert_string_equal(route_method(ROUTE_BROADCAST), "POST");
    assert_string_equal(route_method(ROUTE_SEND), "POST");
    assert_string_equal(route_method(ROUTE_BATCH), "POST");
    assert_string_equal(route_method(ROUTE_DISCONNECT), "POST");
    assert_null(route_method(ROUTE_UNKNOWN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_path_decides_wherever_it_comes_from),
        cmocka_unit_test(test_each_route_has_one_method),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
