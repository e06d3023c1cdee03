/* GET /history, and polls that are answered with it: which requests, what the answer looks like,
 * and what becomes of one that fails or is too large for its socket. */
#include <poll.h>

#include "fcgi/base/log.h"
#include "fcgi/request/history.h"
#include "fcgi/request/unsent.h"
#include "fcgi/request/wish.h"
#include "tests/unit/place.h"
#include "tests/unit/some_session.h"

#define JSON "application/json"
#define STREAM "text/event-stream"

/* Make a request with these headers; `more` is one more variable, or "". */
static void request_for(struct request *r, int *client, const char *method, const char *path,
                        const char *accept, const char *more)
{
    char m[40], p[100], q[200] = "QUERY_STRING=", a[200];
    snprintf(m, sizeof m, "REQUEST_METHOD=%s", method);
    snprintf(p, sizeof p, "PATH_INFO=%.*s", (int)strcspn(path, "?"), path);
    if (strchr(path, '?'))
        snprintf(q, sizeof q, "QUERY_STRING=%s", strchr(path, '?') + 1);
    snprintf(a, sizeof a, "HTTP_ACCEPT=%s", accept);
    request_make(r, client, ENVIRONMENT(m, p, q, a, more), NULL);
}

static char *ask_for(struct place *p, const char *method, const char *path, const char *accept,
                     const char *more)
{
    struct answerer a = {.store = p->store};
    struct request r;
    int client;
    request_for(&r, &client, method, path, accept, more);
    struct ticket *t = request_answer(&a, p->settings, &r, ANSWER_AT_ONCE);
    if (!t)
        return read_to_end(client, NULL);
    char *text = strndup(t->prologue.bytes, t->prologue.len);
    ticket_free(t);
    close(client);
    return text;
}

static void expect_part(struct place *p, const char *path, const char *accept, const char *part)
{
    char *text = ask_for(p, "GET", path, accept, "");
    assert_has(text, part);
    assert_has(text, "\r\nCache-Control: no-store");
    free(text);
}

static void publish_bytes(struct place *p, const char *channel, const char *session,
                          const char *type, const char *data, size_t len)
{
    int64_t id;
    char epoch[EPOCH_SIZE];
    struct publication e = {.channel = channel,
                            .sessions = &session,
                            .session_count = session ? 1 : 0,
                            .type = type,
                            .data = data,
                            .data_len = len};
    assert_int_equal(store_append(p->store, &e, &id, epoch), STORE_OK);
}

/* ---- which requests ---------------------------------------------------------------- */

static void test_a_poll_that_reads_json_alone_gets_it(void **state)
{
    static const struct {
        const char *path, *accept;
        bool json;
    } cases[] = {
        {"/events?wait=0", JSON, true},
        {"/events?wait=00&channel=a", "Application/JSON; charset=utf-8", true},
        {"/?wait=0", "text/html, " JSON ";q=0.9, */*;q=0.8", true},
        {"/events?wait=0", JSON "\t,*/*", true},
        {"/events?wait=0", JSON ", " STREAM, false},
        {"/events?wait=0", STREAM ";q=0.1," JSON, false},
        {"/events?wait=0", "*/*", false},
        {"/events?wait=0", "", false},
        {"/events?wait=0", "application/jsonl", false},
        {"/events?wait=0", "x" JSON, false},
        {"/events?wait=0", "application/", false},
        {"/events?wait=20", JSON, false},
        {"/events?wait=", JSON, false},
        {"/events", JSON, false},
        {"/events?wait=0x", JSON, false},
        {"/events?wait=00&", JSON, true},
        {"/events?await=0", JSON, false},
        {"/events?wait=10&wait=0", JSON, false}, /* the first counts */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request r;
        int client;
        request_for(&r, &client, "GET", cases[i].path, cases[i].accept, "");
        if (history_is_wanted(&r) != cases[i].json)
            fail_msg("%s, Accept: %s", cases[i].path, cases[i].accept);
        request_end(&r);
        close(client);
    }
}

static void test_such_a_poll_needs_no_hub_and_has_the_streams_parameters(void **state)
{
    struct place *p = *state;
    struct request r;
    int client;
    request_for(&r, &client, "GET", "/events?wait=0", JSON, "");
    assert_false(answer_wants_hub(&r, p->settings));
    request_end(&r);
    close(client);
    for (int i = 0; i < 3; i++)
        place_publish(p, i == 0 ? "room" : "", "x");
    expect_part(p, "/events?wait=0&last=1", JSON, "{\"events\":[{\"id\":\"");
    expect_part(p, "/events?wait=0&last=0", JSON, "{\"events\":[],");
    expect_part(p, "/events?wait=0&last=5000", JSON, "-2\",\"channel\":\"\"");
    expect_part(p, "/events?wait=0&lastEventId=earliest&channel=room", JSON,
                "-1\",\"channel\":\"room\"");
    expect_part(p, "/events?wait=0&lastEventId=01234567-1", JSON, "\"reason\":\"epoch\"");
    expect_part(p, "/events?wait=0&limit=3", JSON, "limit= is not a parameter of /events");
    expect_part(p, "/events?wait=0", JSON ", " STREAM, "event: connected");
    char *text = ask_for(p, "GET", "/events?wait=0", JSON, "HTTP_LAST_EVENT_ID=01234567-1");
    assert_has(text, "\"reason\":\"epoch\"");
    free(text);
}

static void test_invalid_requests_get_a_sentence(void **state)
{
    static const char *const limits[] = {
        "0", "x", "", "-1", "1001", "1e2", "10 ", "%00", "99999999999999999999"};
    struct place *p = *state;
    char path[64];
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        snprintf(path, sizeof path, "/history?limit=%s", limits[i]);
        expect_part(p, path, "", "Status: 400 Bad Request\r\n");
        expect_part(
            p, path, "",
            "{\"error\":\"limit= must be the number of events to give at most, from 1 to "
            "1000\"}");
    }
    expect_part(p, "/history?limit=1000", "", "Status: 200 OK\r\n");
    expect_part(p, "/history?channel=user:7", "", "are reserved");
    expect_part(p, "/history?wait=0", "",
                "wait= is not a parameter of /history; it has channel=, "
                "types=, after= and limit=\"");
}

static void test_get_and_head_are_answered(void **state)
{
    struct place *p = *state;
    char *text = ask_for(p, "HEAD", "/history", "", "");
    assert_string_equal(text, "Status: 200 OK\r\n"
                              "Content-Type: application/json\r\n"
                              "Cache-Control: no-store\r\n"
                              "\r\n");
    free(text);
    text = ask_for(p, "POST", "/history", "", "");
    assert_has(text, "Status: 405 Method Not Allowed\r\n");
    assert_has(text, "\r\nAllow: GET, HEAD\r\n");
    free(text);
}

/* ---- what it looks like ------------------------------------------------------------ */

/* The answer with the epoch replaced by E and times by T. */
static char *plain(const struct place *p, char *text)
{
    char *body = strstr(text, "\r\n\r\n"), *at;
    assert_non_null(body);
    memmove(text, body + 4, strlen(body + 4) + 1);
    while ((at = strstr(text, p->settings->epoch))) {
        *at = 'E';
        memmove(at + 1, at + EPOCH_SIZE - 1, strlen(at + EPOCH_SIZE - 1) + 1);
    }
    for (at = text; (at = strstr(at, "\"at\":")); at += 6) {
        size_t digits = strspn(at + 5, "0123456789");
        assert_int_equal(digits, 13);
        at[5] = 'T';
        memmove(at + 6, at + 5 + digits, strlen(at + 5 + digits) + 1);
    }
    return text;
}

static void expect_answer(struct place *p, const char *path, const char *more, const char *all)
{
    char *text = plain(p, ask_for(p, "GET", path, "", more));
    assert_string_equal(text, all);
    free(text);
}

static void test_an_answer_has_the_events_and_where_to_go_on(void **state)
{
    struct place *p = *state;
    expect_answer(p, "/history", "",
                  "{\"events\":[],\"next\":\"E-0\",\"gap\":null,\"more\":false}\n");
    publish_bytes(p, "", NULL, "message", "hello", 5);
    publish_bytes(p, "room", NULL, "chat", "{\"n\":0.10}\r\n\xff\0|\xe2\x82\xac", 18);
    expect_answer(p, "/history?channel=room", "",
                  "{\"events\":["
                  "{\"id\":\"E-1\",\"channel\":\"\",\"type\":\"message\",\"data\":\"hello\","
                  "\"at\":T,\"key\":null},"
                  "{\"id\":\"E-2\",\"channel\":\"room\",\"type\":\"chat\","
                  "\"data\":\"{\\\"n\\\":0.10}\\r\\n\xef\xbf\xbd\\u0000|\xe2\x82\xac\","
                  "\"at\":T,\"key\":null}],"
                  "\"next\":\"E-2\",\"gap\":null,\"more\":false}\n");
    expect_answer(p, "/history?channel=room&after=earliest&limit=1", "",
                  "{\"events\":["
                  "{\"id\":\"E-1\",\"channel\":\"\",\"type\":\"message\",\"data\":\"hello\","
                  "\"at\":T,\"key\":null}],"
                  "\"next\":\"E-1\",\"gap\":null,\"more\":true}\n");
    expect_answer(p, "/history?after=01234567-1", "",
                  "{\"events\":[],\"next\":\"E-2\",\"gap\":{\"reason\":\"epoch\",\"from\":null,"
                  "\"oldest\":null},\"more\":false}\n");
}

static void test_an_event_of_the_sessions_own_has_no_channel(void **state)
{
    struct place *p = *state;
    struct claim_request r = some_request();
    struct claim c;
    char token[80];
    assert_int_equal(store_claim(p->store, p->settings, &r, &c), STORE_OK);
    subscription_free(c.subscription);
    publish_bytes(p, NULL, c.session_id, "notice", "psst", 4);
    snprintf(token, sizeof token, "HTTP_X_SSE_SESSION_ID=%s", c.token);
    expect_answer(p, "/history", "",
                  "{\"events\":[],\"next\":\"E-1\",\"gap\":null,\"more\":false}\n");
    expect_answer(p, "/history", token, /* another User-Agent: the token is not honoured */
                  "{\"events\":[],\"next\":\"E-1\",\"gap\":null,\"more\":false}\n");
    p->settings->session_check = SESSION_CHECK_NONE;
    expect_answer(p, "/history", token,
                  "{\"events\":[{\"id\":\"E-1\",\"channel\":null,\"type\":\"notice\","
                  "\"data\":\"psst\",\"at\":T,\"key\":null}],"
                  "\"next\":\"E-1\",\"gap\":null,\"more\":false}\n");
}

static void test_no_cookie_and_no_session_come_of_it(void **state)
{
    struct place *p = *state;
    struct store_stats stats;
    char *text = ask_for(p, "GET", "/history", "", "");
    assert_has_not(text, "Set-Cookie");
    assert_has_not(text, "X-SSE-Session-ID");
    free(text);
    assert_int_equal(store_stats(p->store, &stats), STORE_OK);
    assert_int_equal(stats.sessions, 0);
}

/* ---- what fails -------------------------------------------------------------------- */

static void test_without_reconnection_there_is_no_history(void **state)
{
    struct place *p = *state;
    p->settings->enable_reconnection = false;
    expect_part(p, "/history", "", "Status: 403 Forbidden\r\n");
    expect_part(p, "/history", "", "enable_reconnection is 0");
    expect_part(p, "/events?wait=0", JSON, "Status: 403 Forbidden\r\n");
    expect_part(p, "/history?limit=0", "", "Status: 400 ");
}

static void test_before_the_settings_were_read_there_is_no_history(void **state)
{
    struct place *p = *state;
    struct settings *read = p->settings;
    p->settings = settings_new(); /* which say nothing of enable_reconnection */
    assert_non_null(p->settings);
    expect_part(p, "/history", "", "Status: 503 Service Unavailable\r\n");
    expect_part(p, "/events?wait=0", JSON, "the event log cannot be read now");
    settings_unref(p->settings);
    p->settings = read;
    expect_part(p, "/history", "", "Status: 200 OK\r\n");
}

static void test_a_log_that_cannot_be_read_is_tried_later_and_not_explained(void **state)
{
    static const char *const paths[] = {"/history", "/events?wait=0"};
    struct place *p = *state;
    char nowhere[96];
    snprintf(nowhere, sizeof nowhere, "%s/none/rowcast.db", p->folder);
    store_close(p->store);
    assert_int_equal(store_open(&p->store, nowhere), STORE_OK);
    for (size_t i = 0; i < 2; i++) {
        char *text = ask_for(p, "GET", paths[i], JSON, "");
        assert_has(text, "Status: 503 Service Unavailable\r\n");
        assert_has(text, "\r\nRetry-After: ");
        assert_has(text, "{\"error\":\"the event log cannot be read now: try again later\"}");
        assert_has_not(text, p->folder);
        free(text);
    }
}

/* How often the log file says this. */
static int lines_with(const char *path, const char *part)
{
    char line[1000];
    int n = 0;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        n += strstr(line, part) != NULL;
    assert_int_equal(fclose(f), 0);
    return n;
}

static void test_an_outage_is_logged_when_it_begins_and_when_it_is_over(void **state)
{
    struct place *p = *state;
    char nowhere[96], log[96];
    snprintf(nowhere, sizeof nowhere, "%s/none/rowcast.db", p->folder);
    snprintf(log, sizeof log, "%s/rowcast.log", p->folder);
    expect_part(p, "/history", "", "Status: 200 OK\r\n");
    assert_true(log_open(log, LOG_LEVEL_INFO));
    store_close(p->store);
    assert_int_equal(store_open(&p->store, nowhere), STORE_OK);
    for (int i = 0; i < 3; i++)
        expect_part(p, "/history", "", "Status: 503 ");
    assert_int_equal(lines_with(log, "what=history_fails why="), 1);
    store_close(p->store);
    assert_int_equal(store_open(&p->store, p->db), STORE_OK);
    for (int i = 0; i < 3; i++)
        expect_part(p, "/history", "", "Status: 200 OK\r\n");
    log_close();
    assert_int_equal(lines_with(log, "what=history_fails over=1"), 1);
    assert_int_equal(lines_with(log, "what=history_fails"), 2);
    assert_int_equal(unlink(log), 0);
}

static void test_a_poll_for_the_newest_gets_a_thousand_at_most(void **state)
{
    struct place *p = *state;
    for (int i = 0; i <= WISH_LIMIT_MAX; i++)
        place_publish(p, "", "x");
    char *text = ask_for(p, "GET", "/events?wait=0&last=5000", JSON, "");
    assert_has(text, "-1001\",\"channel\"");
    assert_has(text, "-2\",\"channel\"");
    assert_has_not(text, "-1\",\"channel\"");
    assert_has(text, "\"more\":false}");
    free(text);
}

static void test_without_a_descriptor_a_poll_for_json_gets_503(void **state)
{
    struct place *p = *state;
    struct request r;
    int client;
    request_for(&r, &client, "GET", "/events?wait=0", JSON, "");
    answer_put_off(p->settings, &r, "no file descriptor is free: try again");
    request_end(&r);
    char *text = read_to_end(client, NULL);
    assert_has(text, "Status: 503 Service Unavailable\r\n");
    assert_has(text, "\r\nRetry-After: ");
    free(text);
}

/* ---- larger than the socket -------------------------------------------------------- */

enum { PARTS = 10, PART = 100 * 1000 };

static void publish_much(struct place *p)
{
    char *data = malloc(PART);
    assert_non_null(data);
    memset(data, 'x', PART);
    for (int i = 0; i < PARTS; i++)
        publish_bytes(p, "", NULL, "message", data, PART);
    free(data);
}

/* Ask for much, and read nothing yet: what the socket does not take is in `unsent`. */
static int ask_for_much(struct place *p, struct unsent *unsent)
{
    struct answerer a = {.store = p->store, .unsent = unsent};
    struct request r;
    int client;
    request_for(&r, &client, "GET", "/history?after=earliest", "", "");
    assert_null(request_answer(&a, p->settings, &r, ANSWER_AT_ONCE));
    return client;
}

/* Read all of it, while the rest is written. */
static size_t read_much(int client, struct unsent *unsent)
{
    static char bytes[PARTS * PART + 100000];
    size_t len = 0;
    for (ssize_t n = 1; n > 0; len += (size_t)n) {
        struct pollfd p = {.fd = client, .events = POLLIN};
        unsent_flush(unsent);
        assert_int_equal(poll(&p, 1, 5000), 1);
        n = read(client, bytes + len, sizeof bytes - len);
        assert_true(n >= 0);
    }
    close(client);
    assert_memory_equal(bytes + len - 8, ":false}\n", 8);
    return len;
}

static void test_what_the_socket_does_not_take_is_sent_as_the_client_reads(void **state)
{
    struct place *p = *state;
    struct unsent unsent = {0}, elsewhere = {0};
    publish_much(p);
    int first = ask_for_much(p, &unsent), second = ask_for_much(p, &unsent);
    assert_non_null(unsent.first);
    assert_true(unsent_bytes() >= 2 * PARTS * PART);
    unsent_move(&elsewhere, &unsent);
    assert_null(unsent.first);
    assert_true(read_much(first, &elsewhere) > PARTS * PART);
    assert_true(read_much(second, &elsewhere) > PARTS * PART);
    assert_null(elsewhere.first);
    assert_int_equal(unsent_bytes(), 0);
}

static void test_clients_that_do_not_read_cannot_take_all_memory(void **state)
{
    enum { CLIENTS = HISTORY_UNSENT_MAX / (PARTS * PART) + 2 };
    struct place *p = *state;
    struct unsent unsent = {0};
    int client[CLIENTS], n = 0;
    publish_much(p);
    while (unsent_bytes() <= HISTORY_UNSENT_MAX) {
        assert_in_range(n, 0, CLIENTS - 1);
        client[n++] = ask_for_much(p, &unsent);
    }
    expect_part(p, "/history", "", "too many answers are read slowly");
    expect_part(p, "/history", "", "\r\nRetry-After: ");
    unsent_close(&unsent);
    assert_int_equal(unsent_bytes(), 0);
    expect_part(p, "/history?limit=1", "", "Status: 200 OK\r\n");
    while (n > 0)
        close(client[--n]);
}

static void test_a_client_that_left_is_forgotten(void **state)
{
    struct place *p = *state;
    struct unsent unsent = {0};
    publish_much(p);
    close(ask_for_much(p, &unsent));
    unsent_flush(&unsent);
    assert_null(unsent.first);
    assert_int_equal(unsent_bytes(), 0);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_open, place_close)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_a_poll_that_reads_json_alone_gets_it),
        IN_PLACE(test_such_a_poll_needs_no_hub_and_has_the_streams_parameters),
        IN_PLACE(test_invalid_requests_get_a_sentence),
        IN_PLACE(test_get_and_head_are_answered),
        IN_PLACE(test_an_answer_has_the_events_and_where_to_go_on),
        IN_PLACE(test_an_event_of_the_sessions_own_has_no_channel),
        IN_PLACE(test_no_cookie_and_no_session_come_of_it),
        IN_PLACE(test_without_reconnection_there_is_no_history),
        IN_PLACE(test_before_the_settings_were_read_there_is_no_history),
        IN_PLACE(test_a_log_that_cannot_be_read_is_tried_later_and_not_explained),
        IN_PLACE(test_an_outage_is_logged_when_it_begins_and_when_it_is_over),
        IN_PLACE(test_a_poll_for_the_newest_gets_a_thousand_at_most),
        IN_PLACE(test_without_a_descriptor_a_poll_for_json_gets_503),
        IN_PLACE(test_what_the_socket_does_not_take_is_sent_as_the_client_reads),
        IN_PLACE(test_clients_that_do_not_read_cannot_take_all_memory),
        IN_PLACE(test_a_client_that_left_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
