#include "fcgi/answer.h"
#include "tests/unit/http_helpers.h"

/* What is answered to a request for `path`; a stream that was opened is ended again. */
static char *ask(struct answerer *a, const struct settings *settings, const char *method,
                 const char *path, const char *authorization, const char *body)
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
    struct ticket *t = answer(a, settings, &r);
    assert_int_equal(r.fd, -1);
    if (t == NULL)
        return read_to_end(client, NULL);
    char *text = strndup(t->prologue.bytes, t->prologue.len);
    ticket_free(t);
    close(client);
    return text;
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

static bool no_room(void *arg)
{
    ++*(int *)arg;
    return false;
}

static void test_a_stream_without_room_is_told_to_come_later_and_not_entered(void **state)
{
    struct place *p = *state;
    int asked = 0;
    struct answerer a = {.store = p->store, .may_stream = no_room, .arg = &asked};

    char *text = ask(&a, p->settings, "GET", "/events", "", NULL);
    assert_has(text, "Status: 200 OK\r\n");
    assert_has(text, "event: later\n");
    assert_int_equal(asked, 1);
    free(text);
    expect(p, "GET", "/stats", "Bearer secret", "\"total_sessions\":0");
}

static void
test_while_the_log_can_not_be_read_publishers_get_503_and_streams_later(void **state)
{
    struct place *p = *state;
    struct board board;
    struct answerer a = {.board = &board};

    board_open(&board, settings_new());
    assert_int_equal(store_open(&a.store, p->folder), STORE_OK); /* a folder is no log */
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

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_open, place_close)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_path_and_method_decide_who_answers),
        IN_PLACE(test_publishers_need_the_token),
        IN_PLACE(test_an_empty_token_closes_publishing_and_says_so),
        IN_PLACE(test_a_stream_without_room_is_told_to_come_later_and_not_entered),
        IN_PLACE(test_while_the_log_can_not_be_read_publishers_get_503_and_streams_later),
        IN_PLACE(test_settings_are_read_when_they_were_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
