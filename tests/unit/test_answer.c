#include "fcgi/request/answer.h"
#include "tests/unit/place.h"

#include <sqlite3.h>
#include <sys/stat.h>

/* What is answered to a request for `path`; a stream that was opened is ended again. */
static char *ask_with(struct answerer *a, const struct settings *settings,
                      enum answer_room room, const char *method, const char *path,
                      const char *authorization, const char *body)
{
    char m[40], p[100], q[100] = "QUERY_STRING=", z[100];
    struct request r;
    int client;

    snprintf(m, sizeof m, "REQUEST_METHOD=%s", method);
    snprintf(p, sizeof p, "PATH_INFO=%.*s", (int)strcspn(path, "?"), path);
    if (strchr(path, '?') != NULL)
        snprintf(q, sizeof q, "QUERY_STRING=%s", strchr(path, '?') + 1);
    snprintf(z, sizeof z, "HTTP_AUTHORIZATION=%s", authorization);
    request_make(&r, &client, ENVIRONMENT(m, p, q, z), body);
    struct ticket *t = request_answer(a, settings, &r, room);
    assert_int_equal(r.fd, -1);
    if (t == NULL)
        return read_to_end(client, NULL);
    char *text = strndup(t->prologue.bytes, t->prologue.len);
    ticket_free(t);
    close(client);
    return text;
}

static char *ask(struct answerer *a, const struct settings *settings, const char *method,
                 const char *path, const char *authorization, const char *body)
{
    return ask_with(a, settings, ANSWER_AT_ONCE, method, path, authorization, body);
}

static void expect(struct place *p, const char *method, const char *path,
                   const char *authorization, const char *part)
{
    struct answerer a = {.store = p->store};
    char *text = ask(&a, p->settings, method, path, authorization,
                     strcmp(method, "POST") == 0 ? "data" : NULL);

    assert_has(text, part);
    assert_has(text, "Cache-Control: no-store");
    free(text);
}

static void test_path_and_method_decide_who_answers(void **state)
{
    static const struct {
        const char *method, *path, *part;
    } cases[] = {
        {"GET", "/events", "Status: 200 OK\r\nContent-Type: text/event-stream\r\n"},
        {"GET", "/", "Status: 200 OK\r\nContent-Type: text/event-stream\r\n"},
        {"POST", "/broadcast", "\r\n\r\n{\"id\":\""},
        {"POST", "/send?session=none", "Status: 404 Not Found\r\n"},
        {"POST", "/disconnect?session=none", "Status: 404 Not Found\r\n"},
        {"POST", "/disconnect", "session= is missing"},
        {"GET", "/stats", "\"active_clients\":"},
        {"GET", "/nothing", "Status: 404 Not Found\r\n"},
        {"POST", "/events", "\r\nAllow: GET, HEAD\r\n"},
        {"HEAD", "/events", "Status: 200 OK\r\nContent-Type: text/event-stream\r\n"},
        {"HEAD", "/broadcast", "\r\nAllow: POST\r\n"},
        {"OPTIONS", "/events", "Status: 405 Method Not Allowed\r\n"},
        {"get", "/events", "Status: 405 Method Not Allowed\r\n"},
        {"GET", "/broadcast", "\r\nAllow: POST\r\n"},
        {"GET", "/send", "\r\nAllow: POST\r\n"},
        {"GET", "/disconnect", "\r\nAllow: POST\r\n"},
        {"POST", "/stats", "\r\nAllow: GET, HEAD\r\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(*state, cases[i].method, cases[i].path, "Bearer secret", cases[i].part);
}

static void test_publishers_need_the_token(void **state)
{
    static const char *const wrong[] = {"",
                                        "Bearer",
                                        "Bearer ",
                                        "secret",
                                        "Basic secret",
                                        "Bearer secre",
                                        "Bearer secrets",
                                        "Bearer Secret",
                                        "Bearer secretsecret"};
    static const char *const paths[] = {"/broadcast", "/send?session=x",
                                        "/disconnect?session=x"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect(*state, "GET", "/stats", wrong[i], "Status: 401 Unauthorized\r\n");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        expect(*state, "POST", paths[i], "Bearer wrong", "\r\nWWW-Authenticate: Bearer");
    expect(*state, "GET", "/stats", "bearer  secret", "Status: 200 OK\r\n");
    expect(*state, "GET", "/events", "", "Status: 200 OK\r\n");
}

static void test_an_empty_token_closes_publishing_and_says_so(void **state)
{
    struct place *p = *state;

    p->settings->publish_token[0] = '\0';
    expect(p, "GET", "/stats", "Bearer ", "Status: 403 Forbidden\r\n");
    expect(p, "POST", "/broadcast", "", "publish_token");
}

/* Whether a hub is wanted for this request. */
static bool wants_hub(const struct settings *settings, const char *method, const char *path)
{
    char m[40], p[100];
    struct request r;
    int client;

    snprintf(m, sizeof m, "REQUEST_METHOD=%s", method);
    snprintf(p, sizeof p, "PATH_INFO=%s", path);
    request_make(&r, &client, ENVIRONMENT(m, p), NULL);
    bool wants = answer_wants_hub(&r, settings);
    request_end(&r);
    close(client);
    return wants;
}

static void test_only_a_stream_that_can_be_claimed_wants_a_hub(void **state)
{
    struct place *p = *state;
    struct settings *unread = settings_new();

    assert_true(wants_hub(p->settings, "GET", "/events"));
    assert_false(wants_hub(p->settings, "HEAD", "/events"));
    assert_false(wants_hub(p->settings, "GET", "/stats"));
    assert_false(wants_hub(p->settings, "POST", "/broadcast"));
    assert_false(wants_hub(unread, "GET", "/events")); /* it is told `later` */
    settings_unref(unread);
}

static void test_a_stream_without_room_is_told_to_come_later_and_not_entered(void **state)
{
    struct place *p = *state;
    struct answerer a = {.store = p->store};

    char *text = ask_with(&a, p->settings, ANSWER_NO_ROOM, "GET", "/events", "", NULL);
    assert_has(text, "Status: 200 OK\r\n");
    assert_has(text, "event: later\n");
    free(text);
    expect(p, "GET", "/stats", "Bearer secret", "\"total_sessions\":0");
}

static void
test_while_the_log_can_not_be_read_publishers_get_503_and_streams_later(void **state)
{
    struct place *p = *state;
    struct board board;
    struct answerer a = {.board = &board};
    char folder[64];

    board_open(&board, settings_new());
    snprintf(folder, sizeof folder, "%s/folder", p->folder);
    assert_int_equal(mkdir(folder, 0700), 0); /* a folder is no log */
    assert_int_equal(store_open(&a.store, folder), STORE_OK);
    struct settings *settings = answer_settings(&a);
    char *text = ask(&a, settings, "GET", "/events", "", NULL);
    assert_has(text, "event: later\n");
    free(text);
    text = ask(&a, settings, "GET", "/stats", "Bearer secret", NULL);
    assert_has(text, "Status: 503 Service Unavailable\r\n");
    assert_has(text, "{\"error\":\"");
    free(text);
    settings_unref(settings);
    settings_unref(a.settings);
    store_close(a.store);
    board_close(&board);
}

/* Before the settings were read nobody can be told from a publisher. */
static void test_who_may_have_no_token_is_told_no_path_and_no_statement(void **state)
{
    struct place *p = *state;
    static const char *const paths[] = {"/broadcast", "/send?session=a", "/disconnect"};
    struct settings *unread = settings_new();
    char none[128];
    sqlite3 *holder = NULL;

    snprintf(none, sizeof none, "%s/none/rowcast.db", p->folder);
    assert_int_equal(sqlite3_open(p->db, &holder), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(holder, "UPDATE rowcast_log SET version = 99", NULL, NULL, NULL),
        SQLITE_OK);
    for (size_t i = 0; i < 2 * sizeof paths / sizeof *paths; i++) {
        struct answerer a = {0};
        assert_int_equal(store_open(&a.store, i % 2 == 0 ? none : p->db), STORE_OK);
        char *text = ask(&a, unread, "POST", paths[i / 2], "Bearer secret", "x");
        assert_has(text, "Status: 503 ");
        assert_has(text, "{\"error\":\"");
        assert_has_not(text, p->folder);
        assert_has_not(text, ".sql");
        free(text);
        store_close(a.store);
    }
    sqlite3_close(holder);
    settings_unref(unread);
}

static void test_settings_are_read_when_they_were_changed(void **state)
{
    struct place *p = *state;
    struct answerer a = {.store = p->store};

    struct settings *first = answer_settings(&a), *second = answer_settings(&a);
    assert_true(first->version >= 0);
    assert_ptr_equal(first, second);
    settings_unref(second);
    a.settings->version--; /* as if it had been read before a change */
    second = answer_settings(&a);
    assert_ptr_not_equal(first, second);
    assert_int_equal(second->version, first->version + 1);
    settings_unref(first);
    settings_unref(second);
    settings_unref(a.settings);
}

static void test_head_is_answered_as_get_without_a_body_and_makes_no_session(void **state)
{
    struct place *p = *state;
    struct answerer a = {.store = p->store};

    char *text =
        ask_with(&a, p->settings, ANSWER_NO_ROOM, "HEAD", "/events?channel=room", "", NULL);
    assert_string_equal(text, "Status: 200 OK\r\n"
                              "Content-Type: text/event-stream\r\n"
                              "Cache-Control: no-store, no-transform\r\n"
                              "X-Accel-Buffering: no\r\n"
                              "\r\n");
    free(text);
    text = ask(&a, p->settings, "HEAD", "/stats", "Bearer secret", NULL);
    assert_string_equal(text, "Status: 200 OK\r\n"
                              "Content-Type: application/json\r\n"
                              "Cache-Control: no-store\r\n"
                              "\r\n");
    free(text);
    text = ask(&a, p->settings, "HEAD", "/stats", "", NULL);
    assert_has(text, "Status: 401 Unauthorized\r\n");
    assert_has_not(text, "error");
    free(text);
    text = ask(&a, p->settings, "HEAD", "/events?last=many", "", NULL);
    assert_has(text, "Status: 400 Bad Request\r\n");
    assert_has_not(text, "error");
    free(text);
    expect(p, "GET", "/stats", "Bearer secret", "\"total_sessions\":0");
}

static void test_every_json_answer_ends_with_a_line_break(void **state)
{
    static const char *const asked[][2] = {
        {"GET", "/stats"},        {"GET", "/nothing"},         {"POST", "/broadcast"},
        {"POST", "/broadcast?x"}, {"POST", "/send?session=x"}, {"POST", "/disconnect"}};
    struct place *p = *state;
    struct answerer a = {.store = p->store};

    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        char *text = ask(&a, p->settings, asked[i][0], asked[i][1], "Bearer secret", "data");
        assert_has(text, "application/json");
        assert_string_equal(text + strlen(text) - 2, "}\n");
        free(text);
    }
}

/* The answer to a POST with the token and these variables. */
static char *post(struct place *p, const char *path, const char *const more[2],
                  const char *body)
{
    struct answerer a = {.store = p->store};
    char where[100];
    struct request r;
    int client;

    snprintf(where, sizeof where, "PATH_INFO=%s", path);
    request_make(&r, &client,
                 ENVIRONMENT("REQUEST_METHOD=POST", where, "HTTP_AUTHORIZATION=Bearer secret",
                             more[0], more[1]),
                 body);
    assert_null(request_answer(&a, p->settings, &r, ANSWER_AT_ONCE));
    return read_to_end(client, NULL);
}

static void test_bodies_that_are_not_what_they_seem_are_refused(void **state)
{
    static const struct {
        const char *variables[2], *part;
    } cases[] = {
        {{"HTTP_CONTENT_ENCODING=gzip", ""}, "Status: 415 Unsupported Media Type\r\n"},
        {{"HTTP_CONTENT_ENCODING=br", ""}, "Content-Encoding"},
        {{"HTTP_CONTENT_ENCODING=identity, gzip", ""}, "Status: 415 "},
        {{"CONTENT_TYPE=multipart/form-data; boundary=x", ""}, "multipart/form-data"},
        {{"CONTENT_TYPE=Multipart/Form-Data", ""}, "Status: 415 "},
        {{"CONTENT_LENGTH=3", ""}, "the body has 4 bytes, but Content-Length says 3"},
        {{"CONTENT_LENGTH=5", ""}, "Status: 400 "},
        {{"CONTENT_LENGTH=0", ""}, "Status: 400 "},
        {{"CONTENT_LENGTH=-4", ""}, "Status: 400 "},
        {{"CONTENT_LENGTH=4 ", ""}, "Status: 400 "},
        {{"CONTENT_LENGTH=99999999999999999999999999", ""}, "Status: 413 "},
        {{"CONTENT_LENGTH=3178497", ""},
         "max_event_bytes"}, /* three times that, 32 KiB, and 1 */
        {{"CONTENT_LENGTH=4", "HTTP_CONTENT_ENCODING="}, "Status: 200 "},
        {{"CONTENT_LENGTH=", "HTTP_CONTENT_ENCODING=Identity"}, "Status: 200 "},
        {{"CONTENT_TYPE=application/octet-stream", ""}, "Status: 200 "},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = post(*state, "/broadcast", cases[i].variables, "data");
        assert_has(text, cases[i].part);
        free(text);
    }
}

static void test_a_length_is_compared_on_every_path_that_reads_a_body(void **state)
{
    static const char *const variables[2] = {"CONTENT_TYPE=application/x-www-form-urlencoded",
                                             "CONTENT_LENGTH=100"};
    static const char *const paths[] = {"/broadcast", "/send", "/disconnect"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char *text = post(*state, paths[i], variables, "session=71b0&data=x");
        assert_has(text, "the body has 19 bytes, but Content-Length says 100");
        free(text);
    }
}

/* Nothing of a body is read for these: the request has none, and each is answered. */
static void test_what_the_headers_say_is_judged_without_the_body(void **state)
{
    static const char *const paths[] = {"/broadcast?chanel=x", "/nothing", "/stats", "/send?x"};
    struct place *p = *state;
    struct answerer a = {.store = p->store};
    struct request r;
    int client;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char path[64], query[64];
        const char *mark = strchr(paths[i], '?');
        snprintf(path, sizeof path, "PATH_INFO=%.*s", (int)strcspn(paths[i], "?"), paths[i]);
        snprintf(query, sizeof query, "QUERY_STRING=%s", mark ? mark + 1 : "");
        request_make(&r, &client,
                     ENVIRONMENT("REQUEST_METHOD=POST", path, query, "CONTENT_LENGTH=1000",
                                 "HTTP_AUTHORIZATION=Bearer secret"),
                     NULL);
        assert_int_equal(answer_judge(&a, p->settings, &r), ANSWER_SAID);
        request_end(&r);
        char *text = read_to_end(client, NULL);
        assert_has(text, "Status: 40");
        free(text);
    }
    request_make(&r, &client,
                 ENVIRONMENT("REQUEST_METHOD=POST", "PATH_INFO=/broadcast",
                             "HTTP_AUTHORIZATION=Bearer secret", "CONTENT_LENGTH=1000"),
                 NULL);
    assert_int_equal(answer_judge(&a, p->settings, &r), ANSWER_AFTER_BODY);
    request_end(&r);
    close(client);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_open, place_close)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_path_and_method_decide_who_answers),
        IN_PLACE(test_publishers_need_the_token),
        IN_PLACE(test_an_empty_token_closes_publishing_and_says_so),
        IN_PLACE(test_only_a_stream_that_can_be_claimed_wants_a_hub),
        IN_PLACE(test_a_stream_without_room_is_told_to_come_later_and_not_entered),
        IN_PLACE(test_while_the_log_can_not_be_read_publishers_get_503_and_streams_later),
        IN_PLACE(test_who_may_have_no_token_is_told_no_path_and_no_statement),
        IN_PLACE(test_settings_are_read_when_they_were_changed),
        IN_PLACE(test_head_is_answered_as_get_without_a_body_and_makes_no_session),
        IN_PLACE(test_every_json_answer_ends_with_a_line_break),
        IN_PLACE(test_bodies_that_are_not_what_they_seem_are_refused),
        IN_PLACE(test_a_length_is_compared_on_every_path_that_reads_a_body),
        IN_PLACE(test_what_the_headers_say_is_judged_without_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
