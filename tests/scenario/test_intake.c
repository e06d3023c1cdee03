/* Requests as real web servers pass them on: bodies that come slowly or not at all, parameters
 * that no path has, variables that are set twice, HEAD. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"
#include "tests/scenario/wire.h"

#define AUTHORIZED "Authorization: Bearer " TOKEN "\r\n"

static const char *own_socket(struct stage *s)
{
    static char path[NAME_SIZE];
    snprintf(path, sizeof path, "%s/own.socket", s->folder);
    return path;
}

/* nginx that passes a body on as it comes. */
static void start_unbuffered(struct stage *s)
{
    responder_start(s, own_socket(s), NULL);
    nginx_start_with(s, own_socket(s), "fastcgi_request_buffering off;");
}

/* A POST of `length` bytes, of which `begin` come. */
static void post_slowly(struct stage *s, struct wire *w, const char *headers, size_t length,
                        const char *begin)
{
    char head[512];
    int n = snprintf(head, sizeof head,
                     "POST /sse/broadcast HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n"
                     "Content-Type: text/plain\r\n%s\r\n%s",
                     s->host, length, headers, begin);
    if (!wire_connect(w, s->host, s->port, false) || !wire_send(w, head, (size_t)n))
        fail_stage(s, "nobody accepts a POST");
}

static void expect_status(struct stage *s, struct wire *w, int status)
{
    if (!wire_read_head(w, now_ms() + PATIENCE) || w->status != status)
        fail_stage(s, "status %d was expected, not %d: %s", status, w->status, w->head);
}

enum { SLOW = 10 };

static void test_slow_bodies_of_strangers_and_publishers_hold_up_no_stream(void **state)
{
    struct stage *s = *state;
    struct wire *slow = calloc(SLOW, sizeof *slow), *stranger = calloc(SLOW, sizeof *stranger);
    char data[8];
    start_unbuffered(s);
    for (int i = 0; i < SLOW; i++) {
        post_slowly(s, &slow[i], AUTHORIZED, 2, "1");
        post_slowly(s, &stranger[i], "", 1000000, "1");
    }
    for (int i = 0; i < SLOW; i++) /* before the body, which never comes */
        expect_status(s, &stranger[i], 401);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    for (int i = 0; i < SLOW; i++) {
        wire_send(&slow[i], (char[]){(char)('0' + i)}, 1);
        expect_status(s, &slow[i], 200);
        snprintf(data, sizeof data, "1%d", i);
        expect_event(b, "message", data);
        wire_close(&slow[i]);
        wire_close(&stranger[i]);
    }
    free(slow);
    free(stranger);
}

static void test_a_stop_tells_a_publisher_whose_body_is_on_its_way(void **state)
{
    struct stage *s = *state;
    struct wire w;
    start_unbuffered(s);
    post_slowly(s, &w, AUTHORIZED, 2, "1");
    struct browser *b = browser_open(s, "/sse/events"); /* so the other was accepted, too */
    expect_connected(b);
    assert_int_equal(process_stop(s, s->alone, 15), 0);
    s->alone = 0;
    expect_status(s, &w, 503);
    wire_close(&w);
}

/* A refusal gets to the client although the responder does not wait for what it refuses. */
static void refuse_large(struct stage *s)
{
    struct answer a;
    size_t len = 3500000; /* more than an event, within what the fronts let through */
    char *body = malloc(len + 1);
    memset(body, 'x', len);
    body[len] = '\0';
    request(s, &a, "POST", "/sse/broadcast", "Content-Type: text/plain\r\n", body);
    assert_int_equal(a.status, 401);
    post(s, &a, "/sse/broadcast?chanel=room-7", body);
    assert_int_equal(a.status, 400);
    post(s, &a, "/sse/broadcast", body);
    if (a.status != 413 || !strstr(a.body, "max_event_bytes"))
        fail_stage(s, "not refused as too large: %d %s", a.status, a.body);
    free(body);
    post(s, &a, "/sse/broadcast", "small"); /* and nothing is left over for the next */
    assert_int_equal(a.status, 200);
}

static void test_a_large_body_that_is_refused_gets_its_answer_through_lighttpd(void **state)
{
    lighttpd_start(*state);
    refuse_large(*state);
}

static void test_a_large_body_that_is_refused_gets_its_answer_through_nginx(void **state)
{
    responder_start(*state, own_socket(*state), NULL);
    nginx_start(*state, own_socket(*state));
    refuse_large(*state);
}

static void test_a_large_body_that_is_refused_gets_its_answer_as_it_comes(void **state)
{
    start_unbuffered(*state);
    refuse_large(*state);
}

static void test_a_large_body_that_is_refused_gets_its_answer_through_mod_proxy(void **state)
{
    responder_start(*state, own_socket(*state), NULL);
    apache_start_proxy(*state, own_socket(*state));
    refuse_large(*state);
}

static void test_a_large_body_that_is_refused_gets_its_answer_through_mod_fcgid(void **state)
{
    apache_start_fcgid_with(*state, "FcgidMaxRequestLen 4000000\n");
    refuse_large(*state);
}

static void test_a_large_body_that_is_refused_gets_its_answer_from_a_cgi_program(void **state)
{
    lighttpd_start_cgi(*state);
    refuse_large(*state);
}

static void test_a_large_body_that_is_refused_gets_its_answer_from_mod_cgid(void **state)
{
    apache_start_cgi(*state);
    refuse_large(*state);
}

static void test_a_large_body_that_is_refused_gets_its_answer_from_fcgiwrap(void **state)
{
    nginx_start_cgi(*state);
    refuse_large(*state);
}

static void test_a_misspelt_or_empty_parameter_reaches_nobody(void **state)
{
    static const char *const typos[] = {
        "chanel=room-7",  "session_id=71b03c5a9e2d4f68", "channel=",   "channel[]=room-7",
        "Channel=room-7", "session=71b03c5a9e2d4f68",    "dedup_key=", "type="};
    struct stage *s = *state;
    struct answer a;
    char path[128];
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    for (size_t i = 0; i < sizeof typos / sizeof *typos; i++) {
        snprintf(path, sizeof path, "/sse/broadcast?%s", typos[i]);
        post(s, &a, path, "a secret");
        assert_int_equal(a.status, 400);
        request(s, &a, "POST", "/sse/broadcast",
                AUTHORIZED "Content-Type: application/x-www-form-urlencoded\r\n",
                strcat(strcpy(path, "data=a+secret&"), typos[i]));
        assert_int_equal(a.status, 400);
    }
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), "0");
    post(s, &a, "/sse/broadcast?_=1", "for everyone");
    assert_int_equal(a.status, 200);
    expect_event(b, "message", "for everyone");
}

static void test_what_a_page_misspells_is_told_it(void **state)
{
    static const char *const typos[] = {"chanel=a", "type=b", "lastEvent=c", "channel%5B%5D=d"};
    struct stage *s = *state;
    struct answer a;
    char path[64];
    lighttpd_start(s);
    for (size_t i = 0; i < sizeof typos / sizeof *typos; i++) {
        snprintf(path, sizeof path, "/sse/events?%s", typos[i]);
        request(s, &a, "GET", path, "", NULL);
        assert_int_equal(a.status, 400);
        assert_non_null(strstr(a.body, "lastEventId="));
    }
    request(s, &a, "GET", "/sse/stats?format=json", AUTHORIZED, NULL);
    assert_int_equal(a.status, 400);
    expect_connected(browser_open(s, "/sse/events?channel=&_=17"));
}

/* As an administrator writes it who wants each user to hear a channel of his own, whatever the
 * page asks for: behind the line of /etc/nginx/fastcgi_params, which is sent, too. */
static void test_a_variable_that_nginx_sends_twice_has_its_last_value(void **state)
{
    struct stage *s = *state;
    responder_start(s, own_socket(s), NULL);
    nginx_start_with(s, own_socket(s),
                     "location /mine { include /etc/nginx/fastcgi_params;\n"
                     "fastcgi_pass $rowcast_socket; fastcgi_buffering off;\n"
                     "fastcgi_param PATH_INFO /events;\n"
                     "fastcgi_param QUERY_STRING channel=mine; }");
    struct browser *b = browser_open(s, "/mine?channel=yours");
    expect_connected(b);
    publish(s, "yours", "message", "1");
    publish(s, "mine", "message", "2");
    expect_event(b, "message", "2");
}

static void head(struct stage *s)
{
    struct answer a;
    request(s, &a, "HEAD", "/sse/events", "", NULL);
    assert_int_equal(a.status, 200);
    assert_non_null(strcasestr(a.head, "\nContent-Type: text/event-stream"));
    assert_null(strcasestr(a.head, "\nSet-Cookie"));
    assert_string_equal(a.body, "");
    request(s, &a, "HEAD", "/sse/stats", AUTHORIZED, NULL);
    assert_int_equal(a.status, 200);
    assert_non_null(strcasestr(a.head, "\nContent-Type: application/json"));
    assert_string_equal(a.body, "");
    request(s, &a, "HEAD", "/sse/broadcast", AUTHORIZED, NULL);
    assert_int_equal(a.status, 405);
    assert_int_equal(stats(s, "total_sessions"), 0);
}

static void test_head_through_lighttpd(void **state)
{
    lighttpd_start(*state);
    head(*state);
}

static void test_head_through_lighttpd_and_cgi(void **state)
{
    lighttpd_start_cgi(*state);
    head(*state);
}

static void test_head_through_nginx(void **state)
{
    responder_start(*state, own_socket(*state), NULL);
    nginx_start(*state, own_socket(*state));
    head(*state);
}

static void test_head_through_apache(void **state)
{
    apache_start_fcgid(*state);
    head(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_slow_bodies_of_strangers_and_publishers_hold_up_no_stream),
        scenario(test_a_stop_tells_a_publisher_whose_body_is_on_its_way),
        scenario(test_a_large_body_that_is_refused_gets_its_answer_through_lighttpd),
        scenario(test_a_large_body_that_is_refused_gets_its_answer_through_nginx),
        scenario(test_a_large_body_that_is_refused_gets_its_answer_as_it_comes),
        scenario(test_a_large_body_that_is_refused_gets_its_answer_through_mod_proxy),
        scenario(test_a_large_body_that_is_refused_gets_its_answer_through_mod_fcgid),
        scenario(test_a_large_body_that_is_refused_gets_its_answer_from_a_cgi_program),
        scenario(test_a_large_body_that_is_refused_gets_its_answer_from_mod_cgid),
        scenario(test_a_large_body_that_is_refused_gets_its_answer_from_fcgiwrap),
        scenario(test_a_misspelt_or_empty_parameter_reaches_nobody),
        scenario(test_what_a_page_misspells_is_told_it),
        scenario(test_a_variable_that_nginx_sends_twice_has_its_last_value),
        scenario(test_head_through_lighttpd),
        scenario(test_head_through_lighttpd_and_cgi),
        scenario(test_head_through_nginx),
        scenario(test_head_through_apache),
    };
    return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
