#include <fcntl.h>
#include <signal.h>

#include "fcgi/request/cgi.h"
#include "fcgi/request/meta.h"
#include "tests/unit/http_helpers.h"

static void test_fields_are_copies_of_the_variables(void **state)
{
    char agent[] = "HTTP_USER_AGENT=curl/8";
    struct request r;
    int client;

    (void)state;
    request_make(&r, &client,
                 ENVIRONMENT("REQUEST_METHOD=GET", "QUERY_STRING=a=b", agent,
                             "HTTP_LAST_EVENT_ID=5f2a91c0-3", "HTTPS=on"),
                 NULL);
    memset(agent, 'x', sizeof agent - 1);
    assert_string_equal(r.method, "GET");
    assert_string_equal(r.query_string, "a=b");
    assert_string_equal(r.user_agent, "curl/8");
    assert_string_equal(r.last_event_id, "5f2a91c0-3");
    assert_string_equal(r.cookie, "");
    assert_true(r.https);
    request_end(&r);
    close(client);
}

static void test_headers_are_found_by_their_http_name(void **state)
{
    struct request r;
    int client;
    char name[400];

    (void)state;
    request_make(&r, &client, ENVIRONMENT("HTTP_X_FORWARDED_FOR=10.0.0.1", "HTTP_X=="), NULL);
    assert_string_equal(request_header(&r, "X-Forwarded-For"), "10.0.0.1");
    assert_string_equal(request_header(&r, "x-forwarded-for"), "10.0.0.1");
    assert_string_equal(request_header(&r, "X-Forwarded"), "");
    assert_string_equal(request_header(&r, "X"), "=");
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_string_equal(request_header(&r, name), "");
    request_end(&r);
    close(client);
}

static void test_a_body_beyond_the_limit_is_dropped_for_good(void **state)
{
    struct request r;

    (void)state;
    request_begin(&r, -1, FRAMING_NONE, 0);
    assert_true(request_body(&r, "12345", 5, 8));
    assert_true(request_body(&r, "678", 3, 8));
    assert_int_equal(r.body_len, 8);
    assert_string_equal(r.body, "12345678");
    assert_true(request_body(&r, "9", 1, 8));
    assert_true(r.body_too_large);
    assert_null(r.body);
    assert_true(request_body(&r, "1", 1, 8));
    assert_true(r.body_too_large);
    assert_null(r.body);
    request_end(&r);
}

static void test_too_many_variables_are_refused(void **state)
{
    size_t size = REQUEST_VARIABLES_MAX;
    char *large = malloc(size + 1);
    struct request r;

    (void)state;
    assert_non_null(large);
    memset(large, 'A', size);
    large[1] = '=';
    large[size] = '\0';
    request_begin(&r, -1, FRAMING_NONE, 0);
    assert_false(request_variables(&r, ENVIRONMENT(large)));
    assert_true(request_variables(&r, ENVIRONMENT(large + size - 9)));
    request_end(&r);
    free(large);
}

/* As a CGI program with `body` on its standard input. */
static bool cgi(struct request *r, const char *length, const char *body, size_t max)
{
    int in[2], out = open("/dev/null", O_WRONLY);

    assert_int_equal(pipe(in), 0);
    assert_int_equal(write(in[1], body, strlen(body)), (ssize_t)strlen(body));
    close(in[1]);
    assert_true(cgi_request(r, ENVIRONMENT("REQUEST_METHOD=POST", length), out));
    bool whole = cgi_body(r, in[0], max, 20000);
    close(in[0]);
    return whole;
}

static void test_cgi_reads_as_much_as_the_content_length_says(void **state)
{
    struct request r;

    (void)state;
    assert_true(cgi(&r, "CONTENT_LENGTH=5", "hello and more", 100));
    assert_int_equal(r.framing, FRAMING_NONE);
    assert_string_equal(r.body, "hello");
    request_end(&r);
    assert_true(cgi(&r, "CONTENT_LENGTH=", "hello", 100));
    assert_null(r.body);
    request_end(&r);
    assert_true(cgi(&r, "CONTENT_LENGTH=5", "hello", 4));
    assert_true(r.body_too_large);
    request_end(&r);
    assert_true(cgi(&r, "CONTENT_LENGTH=6", "hello", 100)); /* the answer will say so */
    assert_int_equal(r.body_len, 5);
    request_end(&r);
}

static void test_cgi_gives_up_a_body_that_does_not_come_when_it_is_told_to_end(void **state)
{
    struct request r;
    int in[2], out[2];
    sigset_t ends;

    (void)state;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &ends, NULL), 0);
    assert_int_equal(pipe(in), 0);
    assert_int_equal(raise(SIGTERM), 0);
    alarm(20); /* else it would wait for ever */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, out), 0);
    assert_true(
        cgi_request(&r, ENVIRONMENT("REQUEST_METHOD=POST", "CONTENT_LENGTH=5"), out[0]));
    assert_false(cgi_body(&r, in[0], 100, 20000));
    alarm(0);
    request_end(&r);
    char *text = read_to_end(out[1], NULL);
    assert_has(text, "Status: 503 ");
    free(text);
    assert_int_equal(sigwaitinfo(&ends, NULL), SIGTERM);
    close(in[0]);
    close(in[1]);
}

static void test_cgi_answers_for_a_body_that_does_not_come_in_time(void **state)
{
    struct request r;
    int in[2], out[2];

    (void)state;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, out), 0);
    assert_true(
        cgi_request(&r, ENVIRONMENT("REQUEST_METHOD=POST", "CONTENT_LENGTH=5"), out[0]));
    assert_false(cgi_body(&r, in[0], 100, 0));
    request_end(&r);
    char *text = read_to_end(out[1], NULL);
    assert_has(text, "Status: 408 ");
    free(text);
    close(in[0]);
    close(in[1]);
}

static void test_of_a_variable_that_is_there_twice_the_last_one_counts(void **state)
{
    struct request r;
    int client;

    (void)state;
    request_make(&r, &client,
                 ENVIRONMENT("QUERY_STRING=channel=of-the-browser", "HTTPS=on", "HTTP_COOKIE=a",
                             "QUERY_STRING=channel=of-the-administrator",
                             "HTTPS=", "HTTP_COOKIE="),
                 NULL);
    assert_string_equal(r.query_string, "channel=of-the-administrator");
    assert_string_equal(request_header(&r, "Cookie"), "");
    assert_false(r.https);
    request_end(&r);
    close(client);
}

static void test_kept_headers_are_json_whatever_was_sent(void **state)
{
    struct request r;
    int client;

    (void)state;
    request_make(&r, &client,
                 ENVIRONMENT("HTTP_X_ONE=say \"hi\"\\", "HTTP_X_TWO=\xff\xc3\xa4\n",
                             "HTTP_X_THREE=not asked for"),
                 NULL);
    char *json = meta_headers(&r, "X-One, X-Two,,X-Missing");
    assert_string_equal(json, "{\"X-One\":\"say \\\"hi\\\"\\\\\","
                              "\"X-Two\":\"\\u00FF\\u00C3\\u00A4 \"}");
    free(json);
    json = meta_headers(&r, "");
    assert_string_equal(json, "{}");
    free(json);
    request_end(&r);
    close(client);
}

static void test_long_texts_are_cut_between_characters(void **state)
{
    char text[META_TEXT_SIZE + 2], out[META_TEXT_SIZE];

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text + META_TEXT_SIZE - 2, "\xc3\xa4", 3);
    meta_clip(out, sizeof out, text);
    assert_int_equal(strlen(out), META_TEXT_SIZE - 2);
    text[META_TEXT_SIZE - 2] = '\0';
    meta_clip(out, sizeof out, text);
    assert_string_equal(out, text);
    meta_clip(out, sizeof out, "a\r\nb\x7f");
    assert_string_equal(out, "a  b ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_are_copies_of_the_variables),
        cmocka_unit_test(test_headers_are_found_by_their_http_name),
        cmocka_unit_test(test_a_body_beyond_the_limit_is_dropped_for_good),
        cmocka_unit_test(test_too_many_variables_are_refused),
        cmocka_unit_test(test_cgi_reads_as_much_as_the_content_length_says),
        cmocka_unit_test(test_cgi_gives_up_a_body_that_does_not_come_when_it_is_told_to_end),
        cmocka_unit_test(test_cgi_answers_for_a_body_that_does_not_come_in_time),
        cmocka_unit_test(test_of_a_variable_that_is_there_twice_the_last_one_counts),
        cmocka_unit_test(test_kept_headers_are_json_whatever_was_sent),
        cmocka_unit_test(test_long_texts_are_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
