/* What a publisher's request becomes: an event, or a sentence. */
#include "fcgi/request/publish.h"
#include "tests/contract/contract_claims.h"
#include "tests/contract/contract_log.h"
#include "tests/unit/http_helpers.h"

#include <signal.h>

#define SIXTY_FOUR "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG_CHANNEL /* 513 bytes */                                                           \
    "channel=" SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR    \
        SIXTY_FOUR "x"
#define FORM "CONTENT_TYPE=application/x-www-form-urlencoded"

/* What the last event in the log says. */
struct last {
    int rows;
    struct seen event;
};

static struct last last_event(struct world *w)
{
    int64_t id = count(w, LAST_ID);
    struct last l = {.rows = (int)count(w, EVENTS), .event = *first_after(w, id - 1, NULL)};
    return l;
}

enum how { BROADCAST, SEND };

/* POST with this query, content type and body; the answer's text, to be freed. */
static char *post(struct world *w, enum how how, const char *query, const char *type,
                  const char *body)
{
    char variable[2048];
    struct request r;
    struct query q;
    int client;

    snprintf(variable, sizeof variable, "QUERY_STRING=%s", query);
    request_make(&r, &client, ENVIRONMENT("REQUEST_METHOD=POST", variable, type), body);
    assert_int_equal(query_parse(&q, query, strlen(query)), QUERY_OK);
    struct publishing *made = how == BROADCAST ? publish_broadcast(w->settings, &r, &q)
                                               : publish_send(w->settings, &r, &q);
    if (made)
        publishing_commit(made, w->store);
    assert_int_equal(r.fd, -1);
    query_free(&q);
    request_end(&r);
    return read_to_end(client, NULL);
}

static void expect(struct world *w, enum how how, const char *query, const char *type,
                   const char *body, const char *part)
{
    char *text = post(w, how, query, type, body);

    assert_has(text, part);
    free(text);
}

static void test_the_answer_is_the_id_of_the_event(void **state)
{
    struct world *w = *state;
    struct store_end end;
    char id[EVENT_ID_SIZE], json[64];

    char *text = post(w, BROADCAST, "type=update", "CONTENT_TYPE=", "hi");
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    event_id_format(id, end.epoch, end.last_id);
    snprintf(json, sizeof json, "\r\n\r\n{\"id\":\"%s\"}", id);
    assert_has(text, "Status: 200 OK\r\n");
    assert_has(text, json);
    free(text);
}

static void test_data_comes_from_the_body_the_form_or_the_address(void **state)
{
    static const struct {
        const char *query, *type, *body;
        const char *channel, *event, *data;
    } cases[] = {
        {"", "CONTENT_TYPE=", " as it is\r\n", "", "message", " as it is\r\n"},
        {"type=a&channel=room-7", "CONTENT_TYPE=text/plain", "data=x", "room-7", "a", "data=x"},
        {"type=a+b", FORM, "data=one%0Atwo+three", "", "a b", "one\ntwo three"},
        {"", FORM "; charset=utf-8", "type=t&channel=c&data=d", "c", "t", "d"},
        {"", FORM, "no key of ours=1&x", "", "message", "no key of ours=1&x"},
        {"", FORM, "data", "", "message", "data"},
        {"", FORM, "{\"a\":\"b&data=c\"}", "", "message", "{\"a\":\"b&data=c\"}"},
        {"", FORM, " {\"a\":\"b&data=c\"}", "", "message", " {\"a\":\"b&data=c\"}"},
        {"", FORM, "\r\n\t[\"&data=c\"]", "", "message", "\r\n\t[\"&data=c\"]"},
        {"", FORM, "\xef\xbb\xbf{\"a\":\"&data=c\"}", "", "message",
         "\xef\xbb\xbf{\"a\":\"&data=c\"}"},
        {"", FORM, "\xef\xbb\xbf \"&data=c\"", "", "message", "\xef\xbb\xbf \"&data=c\""},
        {"", FORM, "&data=d&_=7&", "", "message", "d"},
        {"_nocache=1&&type=a", "CONTENT_TYPE=", "x", "", "a", "x"},
        {"data=in%20the+address", "CONTENT_TYPE=", NULL, "", "message", "in the address"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect(w, BROADCAST, cases[i].query, cases[i].type, cases[i].body,
               "Status: 200 OK\r\n");
        struct last l = last_event(w);
        assert_int_equal(l.rows, i + 1);
        assert_string_equal(l.event.mailbox, cases[i].channel);
        assert_string_equal(l.event.type, cases[i].event);
        assert_string_equal(l.event.data, cases[i].data);
    }
}

static void test_bad_input_is_refused_with_a_sentence_and_nothing_is_written(void **state)
{
    static const struct {
        const char *query, *type, *body, *part;
    } cases[] = {
        {"type=a", "CONTENT_TYPE=", NULL, "data is missing"},
        {"data=a", "CONTENT_TYPE=", "b", "and as a body"},
        {"data=a", FORM, "data=b", "more than once"},
        {"data=a&data=b", "CONTENT_TYPE=", NULL, "more than once"},
        {"data=a%00b", "CONTENT_TYPE=", NULL, "%00"},
        {"", FORM, "data=a%00b", "%00"},
        {"type=a&type=b", "CONTENT_TYPE=", "x", "type is given more than once"},
        {"type=a%0Ab", "CONTENT_TYPE=", "x", "control characters"},
        {"type=heartbeat", "CONTENT_TYPE=", "x", "{\"error\":\""},
        {"channel=%40me", "CONTENT_TYPE=", "x", "{\"error\":\""},
        {"channel=user:7", "CONTENT_TYPE=", "x", "{\"error\":\""},
        {LONG_CHANNEL, "CONTENT_TYPE=", "x", "channel must be at most 512 bytes"},
        {"session=71b0000000000000", "CONTENT_TYPE=", "x", "/send"},
        {"channel=", "CONTENT_TYPE=", "x", "channel= is empty"},
        {"channel", "CONTENT_TYPE=", "x", "channel= is empty"},
        {"", FORM, "channel=&data=x", "channel= is empty"},
        {"dedup_key=", "CONTENT_TYPE=", "x", "dedup_key"},
        {"key=", "CONTENT_TYPE=", "x", "key must be NULL, or 1 to 128 bytes of text"},
        {"key=a&key=b", "CONTENT_TYPE=", "x", "key is given more than once"},
        {"key=a%00", "CONTENT_TYPE=", "x", "key cannot contain control characters"},
        {"type=", "CONTENT_TYPE=", "x", "type"},
        {"", FORM, "chanel=room&data=x", "chanel= is not a parameter of /broadcast"},
        {"", FORM, "hello world&data=x", "hello world= is not a parameter"},
        {"", FORM, "data=x&session=71b0", "belongs to /send"},
        {"", FORM, "channel=room-7&dta=x", "the form has channel= but no data="},
        {"type=a", FORM, "text=for you&session=71b0", "the form has session= but no data="},
        {"%00channel=x", "CONTENT_TYPE=", "x", "?channel= is not a parameter"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = post(w, BROADCAST, cases[i].query, cases[i].type, cases[i].body);
        assert_has(text, "Status: 400 Bad Request\r\n");
        assert_has(text, "\r\n\r\n{\"error\":\"");
        assert_has(text, cases[i].part);
        free(text);
    }
    assert_int_equal(last_event(w).rows, 0);
}

static void expect_to_expire(struct world *w, const char *query, int64_t seconds)
{
    expect(w, BROADCAST, query, "CONTENT_TYPE=", "x", "Status: 200 OK\r\n");
    struct seen e = last_event(w).event;
    assert_int_equal(seconds ? e.expires_at - e.created_at : e.expires_at, seconds * 1000);
}

static void test_a_time_to_expire_is_whole_seconds_up_to_a_year(void **state)
{
    static const char *const wrong[] = {"",   "0",   "-1",   "%2B5",     "1.5",
                                        "5s", "+5",  "1e3",  "31536001", "99999999999999999999",
                                        "5+", "5,5", "0x10", "%C2%B2"};
    struct world *w = *state;
    char query[64];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(query, sizeof query, "expires_in=%s", wrong[i]);
        expect(w, BROADCAST, query, "CONTENT_TYPE=", "x",
               "{\"error\":\"expires_in must be whole seconds, from 1 to 31536000\"}");
    }
    expect(w, BROADCAST, "expires_in=5&expires_in=6", "CONTENT_TYPE=", "x",
           "expires_in is given more than once");
    assert_int_equal(last_event(w).rows, 0);
    expect_to_expire(w, "expires_in=1", 1);
    expect_to_expire(w, "expires_in=0031", 31);
    expect_to_expire(w, "expires_in=31536000", 31536000);
    expect_to_expire(w, "", 0);
}

static void test_an_event_with_a_key_replaces_the_older_one_of_its_channel(void **state)
{
    struct world *w = *state;
    expect(w, BROADCAST, "key=EUR&channel=prices", "CONTENT_TYPE=", "1", "Status: 200 OK\r\n");
    expect(w, BROADCAST, "key=EUR", "CONTENT_TYPE=", "2", "Status: 200 OK\r\n");
    expect(w, BROADCAST, "", FORM, "key=EUR&channel=prices&data=3", "Status: 200 OK\r\n");
    assert_int_equal(last_event(w).rows, 2);
    assert_string_equal(last_event(w).event.key, "EUR");
    assert_string_equal(last_event(w).event.data, "3");
    expect_event(w, 2, "2");
    expect(w, BROADCAST, "channel=prices", "CONTENT_TYPE=", "4", "Status: 200 OK\r\n");
    assert_string_equal(last_event(w).event.key, "");
    assert_int_equal(last_event(w).rows, 3);
}

static void test_a_dedup_key_that_is_there_gives_the_same_id_again(void **state)
{
    struct world *w = *state;
    char *first = post(w, BROADCAST, "dedup_key=k", "CONTENT_TYPE=", "one");
    char *again = post(w, BROADCAST, "dedup_key=k", "CONTENT_TYPE=", "two");

    assert_string_equal(first, again);
    assert_int_equal(last_event(w).rows, 1);
    free(first);
    free(again);
}

static void test_too_large_is_413_and_names_the_setting(void **state)
{
    struct world *w = *state;
    size_t size = (size_t)w->settings->max_event_bytes + 1;
    char *body = malloc(size + 1);
    struct request r;
    struct query q = {0};
    int client;

    assert_non_null(body);
    memset(body, 'x', size);
    body[size] = '\0';
    char *text = post(w, BROADCAST, "", "CONTENT_TYPE=", body);
    assert_has(text, "Status: 413 ");
    assert_has(text, "max_event_bytes");
    free(text);
    free(body);

    request_make(&r, &client, ENVIRONMENT("REQUEST_METHOD=POST"), NULL);
    r.body_too_large = true;
    assert_null(publish_broadcast(w->settings, &r, &q));
    text = read_to_end(client, NULL);
    assert_has(text, "Status: 413 ");
    assert_has(text, "max_event_bytes");
    free(text);
    request_end(&r);
}

/* A form with the largest value of each field, in which each byte that can be is encoded. */
static void test_a_form_may_have_all_fields_at_their_largest(void **state)
{
    struct world *w = *state;
    size_t data = strlen("data=") + 3 * (size_t)w->settings->max_event_bytes;
    size_t others = strlen("&type=&key=&dedup_key=&expires_in=31536000") +
                    3 * (EVENT_TYPE_MAX + 2 * EVENT_KEY_MAX);
    size_t channel = strlen("&channel=") + 3 * EVENT_NAME_MAX;
    size_t sessions = QUERY_ITEMS_MAX * strlen("&session=71b03c5a9e2d4f68");
    assert_true(data + others + channel <= publish_body_max(w->settings, ROUTE_BROADCAST));
    assert_true(data + others + sessions <= publish_body_max(w->settings, ROUTE_SEND));
}

static void test_send_reaches_each_session_or_none(void **state)
{
    struct world *w = *state;
    char a[SESSION_ID_SIZE], b[SESSION_ID_SIZE], query[200];

    strcpy(a, claim_as(w, NULL)->session_id);
    strcpy(b, claim_as(w, NULL)->session_id);
    snprintf(query, sizeof query, "session=%s&session=%s", a, b);
    char *text = post(w, SEND, query, "CONTENT_TYPE=", "psst");
    assert_has(text, "Status: 200 OK\r\n");
    assert_has(text, ",\"ids\":[\"");
    free(text);
    struct last l = last_event(w);
    assert_int_equal(l.rows, 2);
    assert_int_equal(l.event.mailbox[0], '@');
    assert_string_equal(l.event.mailbox + 1, b);

    snprintf(query, sizeof query, "session=%s&session=0000000000000000", a);
    expect(w, SEND, query, "CONTENT_TYPE=", "psst", "Status: 404 Not Found\r\n");
    assert_int_equal(last_event(w).rows, 2);
}

static void test_each_session_of_a_send_has_its_own_event_of_a_key(void **state)
{
    struct world *w = *state;
    char a[SESSION_ID_SIZE], b[SESSION_ID_SIZE], query[200];

    strcpy(a, claim_as(w, NULL)->session_id);
    strcpy(b, claim_as(w, NULL)->session_id);
    snprintf(query, sizeof query, "session=%s&session=%s&key=cart&expires_in=60", a, b);
    expect(w, SEND, query, "CONTENT_TYPE=", "1", "Status: 200 OK\r\n");
    snprintf(query, sizeof query, "session=%s&key=cart&expires_in=60", b);
    expect(w, SEND, query, "CONTENT_TYPE=", "2", "Status: 200 OK\r\n");
    struct last l = last_event(w);
    assert_int_equal(l.rows, 2);
    assert_string_equal(l.event.mailbox + 1, b);
    assert_string_equal(l.event.key, "cart");
    assert_int_equal(l.event.expires_at - l.event.created_at, 60000);
    expect_event(w, 1, "1");
}

static void test_send_wants_sessions_and_no_channel(void **state)
{
    struct world *w = *state;

    expect(w, SEND, "", "CONTENT_TYPE=", "x", "session= is missing");
    expect(w, SEND, "session=", "CONTENT_TYPE=", "x", "Status: 400 ");
    expect(w, SEND, "session=a%0Ab", "CONTENT_TYPE=", "x", "Status: 400 ");
    expect(w, SEND, "session=a&channel=b", "CONTENT_TYPE=", "x", "/broadcast");
    assert_int_equal(last_event(w).rows, 0);
}

/* Locked by somebody who does not let go, as a plain CGI process meets it that is then told to
 * end: else it would be told that the log is locked, once its patience is over. */
static void expect_end_at(struct world *w, int signal, enum how how, const char *query)
{
    sigset_t ends, before;

    hold(w, THE_LOG);
    sigemptyset(&ends);
    sigaddset(&ends, signal);
    assert_int_equal(sigprocmask(SIG_BLOCK, &ends, &before), 0);
    assert_int_equal(raise(signal), 0);
    char *text = post(w, how, query, "CONTENT_TYPE=", "x");
    assert_int_equal(sigwaitinfo(&ends, NULL), signal);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    assert_has(text, "Status: 503 ");
    assert_has(text, "Retry-After: 1\r\n");
    assert_has(text, "the responder is being stopped: try again");
    free(text);
    release(w, THE_LOG);
}

static void test_a_process_that_is_told_to_end_does_not_wait_for_the_lock(void **state)
{
    struct world *w = *state;
    char id[SESSION_ID_SIZE], query[64];

    strcpy(id, claim_as(w, NULL)->session_id);
    snprintf(query, sizeof query, "session=%s", id);
    expect_end_at(w, SIGTERM, BROADCAST, "");
    expect_end_at(w, SIGINT, BROADCAST, "channel=a");
    expect_end_at(w, SIGUSR1, SEND, query);
    assert_int_equal(last_event(w).rows, 0);
    expect(w, BROADCAST, "", "CONTENT_TYPE=", "x", "Status: 200 ");
    assert_int_equal(last_event(w).rows, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_answer_is_the_id_of_the_event),
        TEST(test_data_comes_from_the_body_the_form_or_the_address),
        TEST(test_bad_input_is_refused_with_a_sentence_and_nothing_is_written),
        TEST(test_a_time_to_expire_is_whole_seconds_up_to_a_year),
        TEST(test_an_event_with_a_key_replaces_the_older_one_of_its_channel),
        TEST(test_a_dedup_key_that_is_there_gives_the_same_id_again),
        TEST(test_too_large_is_413_and_names_the_setting),
        TEST(test_a_form_may_have_all_fields_at_their_largest),
        TEST(test_send_reaches_each_session_or_none),
        TEST(test_each_session_of_a_send_has_its_own_event_of_a_key),
        TEST(test_send_wants_sessions_and_no_channel),
        TEST(test_a_process_that_is_told_to_end_does_not_wait_for_the_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
