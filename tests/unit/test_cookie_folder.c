/* For which addresses a session's cookie is. */
#include "fcgi/request/cookie.h"
#include "tests/unit/http_helpers.h"

static void test_the_cookies_path_is_the_folder_that_the_browser_asked_for(void **state)
{
    static const struct {
        const char *uri, *script, *info, *path;
    } cases[] = {
        {"/sse/events", "/x", "/y", "/sse"},
        {"/events", "", "/events", "/"},
        {"/a/b/events/?types=/x/y", "", "", "/a/b"},
        {"http://example.org/sse/events", "", "", "/sse"},
        {"/?x", "", "", "/"},
        {"", "/cgi-bin/rowcast.cgi", "/events", "/cgi-bin/rowcast.cgi"},
        {"", "", "", "/"},
        {"/a;b/events", "", "", "/"},
        {"/a b/events", "", "", "/"},
        {"/a,b/events", "", "", "/"},
        {"/a\r\nX: y/events", "", "", "/"},
        {"events", "", "", "/"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request r = {.request_uri = cases[i].uri,
                            .script_name = cases[i].script,
                            .path_info = cases[i].info};
        char folder[COOKIE_FOLDER_SIZE];
        cookie_folder(folder, &r);
        assert_string_equal(folder, cases[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_cookies_path_is_the_folder_that_the_browser_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
