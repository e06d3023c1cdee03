#include "fcgi/request/reply.h"
#include "tests/unit/http_helpers.h"

static char *json(int status, const char *headers, const char *body)
{
    struct request r;
    int client;

    request_make(&r, &client, ENVIRONMENT("REQUEST_METHOD=GET"), NULL);
    reply_json(&r, status, headers, body);
    assert_int_equal(r.fd, -1);
    request_end(&r);
    return read_to_end(client, NULL);
}

static void test_a_cgi_answer_is_a_status_headers_and_the_body(void **state)
{
    char *text = json(200, NULL, "{\"a\":1}");

    (void)state;
    assert_string_equal(text, "Status: 200 OK\r\n"
                              "Content-Type: application/json\r\n"
                              "Cache-Control: no-store\r\n"
                              "\r\n"
                              "{\"a\":1}\n");
    free(text);
    text = json(405, "Allow: GET\r\n", "{}");
    assert_has(text, "Status: 405 Method Not Allowed\r\n");
    assert_has(text, "\r\nAllow: GET\r\n\r\n{}");
    free(text);
}

/* The content of all FCGI_STDOUT records, put together; the end of the request is asserted. */
static size_t unpack(const unsigned char *bytes, size_t len, char *content)
{
    size_t at = 0, total = 0;

    while (at + 8 <= len && bytes[at + 1] == 6) {
        size_t size = (size_t)bytes[at + 4] << 8 | bytes[at + 5];
        assert_int_equal(bytes[at + 2] << 8 | bytes[at + 3], 0x1234);
        memcpy(content + total, bytes + at + 8, size);
        total += size;
        at += 8 + size + bytes[at + 6];
    }
    assert_int_equal(len - at, 16);
    assert_int_equal(bytes[at + 1], 3);
    return total;
}

static void test_a_large_fastcgi_answer_is_whole_in_several_records(void **state)
{
    size_t size = 100000, len; /* two records, and fits a socket's buffer */
    char *body = malloc(size), *content = malloc(size + 1000);
    int pair[2];
    struct request r;

    (void)state;
    assert_non_null(body);
    assert_non_null(content);
    memset(body, 'x', size);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    request_begin(&r, pair[0], FRAMING_FASTCGI, 0x1234);
    reply_send(&r, &(struct reply){
                       .status = 200, .type = "text/plain", .body = body, .body_len = size});
    char *bytes = read_to_end(pair[1], &len);
    size_t total = unpack((const unsigned char *)bytes, len, content);
    assert_true(total > size);
    assert_int_equal(strncmp(content, "Status: 200 OK\r\n", 16), 0);
    assert_memory_equal(content + total - size, body, size);
    free(bytes);
    free(content);
    free(body);
}

static void test_a_client_that_left_is_no_trouble(void **state)
{
    struct request r;
    int client;

    (void)state;
    request_make(&r, &client, ENVIRONMENT("REQUEST_METHOD=GET"), NULL);
    close(client);
    reply_json(&r, 200, NULL, "{}");
    assert_int_equal(r.fd, -1);
    request_end(&r);
}

static void test_errors_are_sentences_in_json(void **state)
{
    struct request r;
    int client;

    (void)state;
    request_make(&r, &client, ENVIRONMENT("REQUEST_METHOD=GET"), NULL);
    reply_error(&r, 400, NULL, "it was \"so\"");
    char *text = read_to_end(client, NULL);
    assert_has(text, "Status: 400 Bad Request\r\n");
    assert_has(text, "\r\n\r\n{\"error\":\"it was \\\"so\\\"\"}");
    free(text);
    request_end(&r);
}

static void test_what_the_store_says_decides_the_status(void **state)
{
    static const struct {
        enum store_result result;
        const char *why, *status;
    } cases[] = {
        {STORE_REFUSED, "a channel and a session exclude each other", "400 "},
        {STORE_REFUSED, "max_event_bytes is mentioned", "400 "},
        {STORE_TOO_LARGE, "data is larger than is allowed", "413 "},
        {STORE_UNKNOWN, "", "404 "},
        {STORE_FULL, "database or disk is full", "507 "},
        {STORE_BUSY, "database is locked", "503 "},
        {STORE_NOMEM, "out of memory", "503 "},
        {STORE_CORRUPT, "file is not a database", "503 "},
        {STORE_NEWER, "made by a newer version", "503 "},
        {STORE_READONLY, "attempt to write a readonly database", "503 "},
        {STORE_IO, "disk I/O error", "503 "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request r;
        int client;
        request_make(&r, &client, ENVIRONMENT("REQUEST_METHOD=POST"), NULL);
        reply_failure(&r, cases[i].result, cases[i].why);
        char *text = read_to_end(client, NULL);
        assert_int_equal(strncmp(text + strlen("Status: "), cases[i].status, 4), 0);
        assert_has(text, cases[i].why);
        if (cases[i].result == STORE_BUSY)
            assert_has(text, "Retry-After: ");
        free(text);
        request_end(&r);
    }
}

static void test_later_is_an_event_stream_that_ends(void **state)
{
    struct request r;
    int client, retry, end = 0;

    (void)state;
    request_make(&r, &client, ENVIRONMENT("REQUEST_METHOD=GET"), NULL);
    reply_later(&r, 3000);
    char *text = read_to_end(client, NULL);
    assert_has(text, "Status: 200 OK\r\n");
    assert_has(text, "Content-Type: text/event-stream\r\n");
    const char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(sscanf(body, "\r\n\r\nevent: later\nretry: %d\n\n%n", &retry, &end), 1);
    assert_in_range(retry, 1500, 4500);
    assert_int_equal(body[end], '\0');
    free(text);
    request_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cgi_answer_is_a_status_headers_and_the_body),
        cmocka_unit_test(test_a_large_fastcgi_answer_is_whole_in_several_records),
        cmocka_unit_test(test_a_client_that_left_is_no_trouble),
        cmocka_unit_test(test_errors_are_sentences_in_json),
        cmocka_unit_test(test_what_the_store_says_decides_the_status),
        cmocka_unit_test(test_later_is_an_event_stream_that_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
