#include "fcgi/request/publish.h"
#include "fcgi/request/stream_open.h"
#include "tests/unit/place.h"
#include "tests/unit/some_session.h"

#include <signal.h>
#include <sqlite3.h>

#define FORM "CONTENT_TYPE=application/x-www-form-urlencoded"

/* What the last event in the log says. */
struct last {
    int rows;
    char mailbox[EVENT_MAILBOX_MAX + 1], type[EVENT_TYPE_MAX + 1], data[256];
    size_t data_len;
};

static enum store_taken note_row(void *arg, const struct event *e)
{
    struct last *l = arg;

    l->rows++;
    snprintf(l->mailbox, sizeof l->mailbox, "%s", e->mailbox);
    snprintf(l->type, sizeof l->type, "%s", e->type);
    assert_true(e->data_len < sizeof l->data);
    memcpy(l->data, e->data, e->data_len);
    l->data[l->data_len = e->data_len] = '\0';
    return STORE_MORE;
}

static void note_begin(void *arg, const struct store_end *end)
{
    (void)arg, (void)end;
}

static void note_hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    (void)arg, (void)mailbox, (void)trimmed_to;
}

static struct last last_event(struct place *p)
{
    struct last l = {0};
    struct store_sink sink = {&l, note_begin, note_hole, note_row};
    struct store_question all = {.after = 0};
    int64_t through;

    assert_int_equal(store_read(p->store, &all, &sink, &through), STORE_OK);
    return l;
}

enum how { BROADCAST, SEND };

/* POST with this query, content type and body; the answer's text, to be freed. */
static char *post(struct place *p, enum how how, const char *query, const char *type,
                  const char *body)
{
    char variable[2048];
    struct request r;
    struct query q;
    int client;

    snprintf(variable, sizeof variable, "QUERY_STRING=%s", query);
    request_make(&r, &client, ENVIRONMENT("REQUEST_METHOD=POST", variable, type), body);
    assert_int_equal(query_parse(&q, query, strlen(query)), QUERY_OK);
    struct publishing *made = how == BROADCAST ? publish_broadcast(p->settings, &r, &q)
                                               : publish_send(p->settings, &r, &q);
    if (made)
        publishing_commit(made, p->store);
    assert_int_equal(r.fd, -1);
    query_free(&q);
    request_end(&r);
    return read_to_end(client, NULL);
}

static void expect(struct place *p, enum how how, const char *query, const char *type,
                   const char *body, const char *part)
{
    char *text = post(p, how, query, type, body);

    assert_has(text, part);
    free(text);
}

static void test_the_answer_is_the_id_of_the_event(void **state)
{
    struct place *p = *state;
    struct store_end end;
    char id[EVENT_ID_SIZE], json[64];

    char *text = post(p, BROADCAST, "type=update", "CONTENT_TYPE=", "hi");
    assert_int_equal(store_where(p->store, &end), STORE_OK);
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
    struct place *p = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect(p, BROADCAST, cases[i].query, cases[i].type, cases[i].body,
               "Status: 200 OK\r\n");
        struct last l = last_event(p);
        assert_int_equal(l.rows, i + 1);
        assert_string_equal(l.mailbox, cases[i].channel);
        assert_string_equal(l.type, cases[i].event);
        assert_string_equal(l.data, cases[i].data);
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
        {"session=71b0000000000000", "CONTENT_TYPE=", "x", "/send"},
        {"channel=", "CONTENT_TYPE=", "x", "channel= is empty"},
        {"channel", "CONTENT_TYPE=", "x", "channel= is empty"},
        {"", FORM, "channel=&data=x", "channel= is empty"},
        {"dedup_key=", "CONTENT_TYPE=", "x", "dedup_key"},
        {"type=", "CONTENT_TYPE=", "x", "type"},
        {"", FORM, "chanel=room&data=x", "chanel= is no parameter of /broadcast"},
        {"", FORM, "hello world&data=x", "hello world= is no parameter"},
        {"", FORM, "data=x&session=71b0", "belongs to /send"},
        {"", FORM, "channel=room-7&dta=x", "the form has channel= but no data="},
        {"type=a", FORM, "text=for you&session=71b0", "the form has session= but no data="},
        {"%00channel=x", "CONTENT_TYPE=", "x", "?channel= is no parameter"},
    };
    struct place *p = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = post(p, BROADCAST, cases[i].query, cases[i].type, cases[i].body);
        assert_has(text, "Status: 400 Bad Request\r\n");
        assert_has(text, "\r\n\r\n{\"error\":\"");
        assert_has(text, cases[i].part);
        free(text);
    }
    assert_int_equal(last_event(p).rows, 0);
}

static void test_a_key_that_is_there_gives_the_same_id_again(void **state)
{
    struct place *p = *state;
    char *first = post(p, BROADCAST, "dedup_key=k", "CONTENT_TYPE=", "one");
    char *again = post(p, BROADCAST, "dedup_key=k", "CONTENT_TYPE=", "two");

    assert_string_equal(first, again);
    assert_int_equal(last_event(p).rows, 1);
    free(first);
    free(again);
}

static void test_too_large_is_413_and_names_the_setting(void **state)
{
    struct place *p = *state;
    size_t size = (size_t)p->settings->max_event_bytes + 1;
    char *body = malloc(size + 1);
    struct request r;
    struct query q = {0};
    int client;

    assert_non_null(body);
    memset(body, 'x', size);
    body[size] = '\0';
    char *text = post(p, BROADCAST, "", "CONTENT_TYPE=", body);
    assert_has(text, "Status: 413 ");
    assert_has(text, "max_event_bytes");
    free(text);
    free(body);

    request_make(&r, &client, ENVIRONMENT("REQUEST_METHOD=POST"), NULL);
    r.body_too_large = true;
    assert_null(publish_broadcast(p->settings, &r, &q));
    text = read_to_end(client, NULL);
    assert_has(text, "Status: 413 ");
    assert_has(text, "max_event_bytes");
    free(text);
    request_end(&r);
}

static void test_send_reaches_each_session_or_none(void **state)
{
    struct place *p = *state;
    char a[SESSION_ID_SIZE], b[SESSION_ID_SIZE], query[200];

    some_session(p->store, p->settings, a);
    some_session(p->store, p->settings, b);
    snprintf(query, sizeof query, "session=%s&session=%s", a, b);
    char *text = post(p, SEND, query, "CONTENT_TYPE=", "psst");
    assert_has(text, "Status: 200 OK\r\n");
    assert_has(text, ",\"ids\":[\"");
    free(text);
    struct last l = last_event(p);
    assert_int_equal(l.rows, 2);
    assert_int_equal(l.mailbox[0], '@');
    assert_string_equal(l.mailbox + 1, b);

    snprintf(query, sizeof query, "session=%s&session=0000000000000000", a);
    expect(p, SEND, query, "CONTENT_TYPE=", "psst", "Status: 404 Not Found\r\n");
    assert_int_equal(last_event(p).rows, 2);
}

static void test_send_wants_sessions_and_no_channel(void **state)
{
    struct place *p = *state;

    expect(p, SEND, "", "CONTENT_TYPE=", "x", "session= is missing");
    expect(p, SEND, "session=", "CONTENT_TYPE=", "x", "Status: 400 ");
    expect(p, SEND, "session=a%0Ab", "CONTENT_TYPE=", "x", "Status: 400 ");
    expect(p, SEND, "session=a&channel=b", "CONTENT_TYPE=", "x", "/broadcast");
    assert_int_equal(last_event(p).rows, 0);
}

/* Locked by somebody who does not let go, as a plain CGI process meets it that is then told to
 * end: else it would be told that the log is locked, once its patience is over. */
static void expect_end_at(struct place *p, int signal, enum how how, const char *query)
{
    sqlite3 *shell;
    sigset_t ends, before;

    assert_int_equal(sqlite3_open(p->db, &shell), SQLITE_OK);
    assert_int_equal(sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    sigemptyset(&ends);
    sigaddset(&ends, signal);
    assert_int_equal(sigprocmask(SIG_BLOCK, &ends, &before), 0);
    assert_int_equal(raise(signal), 0);
    char *text = post(p, how, query, "CONTENT_TYPE=", "x");
    assert_int_equal(sigwaitinfo(&ends, NULL), signal);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    assert_has(text, "Status: 503 ");
    assert_has(text, "Retry-After: 1\r\n");
    assert_has(text, "the responder is being stopped: try again");
    free(text);
    sqlite3_close(shell);
}

static void test_a_process_that_is_told_to_end_does_not_wait_for_the_lock(void **state)
{
    struct place *p = *state;
    char id[SESSION_ID_SIZE], query[64];

    some_session(p->store, p->settings, id);
    snprintf(query, sizeof query, "session=%s", id);
    expect_end_at(p, SIGTERM, BROADCAST, "");
    expect_end_at(p, SIGINT, BROADCAST, "channel=a");
    expect_end_at(p, SIGUSR1, SEND, query);
    assert_int_equal(last_event(p).rows, 0);
    expect(p, BROADCAST, "", "CONTENT_TYPE=", "x", "Status: 200 ");
    assert_int_equal(last_event(p).rows, 1);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_open, place_close)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_the_answer_is_the_id_of_the_event),
        IN_PLACE(test_data_comes_from_the_body_the_form_or_the_address),
        IN_PLACE(test_bad_input_is_refused_with_a_sentence_and_nothing_is_written),
        IN_PLACE(test_a_key_that_is_there_gives_the_same_id_again),
        IN_PLACE(test_too_large_is_413_and_names_the_setting),
        IN_PLACE(test_send_reaches_each_session_or_none),
        IN_PLACE(test_send_wants_sessions_and_no_channel),
        IN_PLACE(test_a_process_that_is_told_to_end_does_not_wait_for_the_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
