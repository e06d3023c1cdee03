/* The ways in: each server's example, a socket of its own, and two processes on one log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/hosting.h"

/* The pages, with the headers that bind them. */
static void pages(struct stage *s)
{
    static const char *const paths[] = {"/rowcast/", "/rowcast/demo.js", "/rowcast/no-such"};
    static const char *const types[] = {"text/html", "text/javascript", NULL};
    struct answer a;
    for (int i = 0; i < 3; i++) {
        request(s, &a, "GET", paths[i], "", NULL);
        assert_int_equal(a.status, types[i] ? 200 : 404);
        assert_non_null(strcasestr(a.head, "\nContent-Security-Policy: default-src 'none'; "));
        assert_non_null(strcasestr(a.head, "; frame-ancestors 'none'\r"));
        assert_non_null(strcasestr(a.head, "\nX-Content-Type-Options: nosniff\r"));
        assert_non_null(strcasestr(a.head, "\nReferrer-Policy: no-referrer\r"));
        assert_true(!types[i] || strstr(a.head, types[i]));
    }
    request(s, &a, "GET", "/rowcastle/", "", NULL);
    assert_null(strcasestr(a.head, "\nContent-Security-Policy"));
}

/* What people read when they start a server: nothing about our example. */
static void no_warnings(struct stage *s)
{
    static const char *const marks[] = {
        "[warn]", ":warn]", "[emerg]", "[notice] conflicting", "(warning)", "WARNING"};
    char said[16384];
    FILE *f = fopen(s->errors, "re");
    size_t n = f ? fread(said, 1, sizeof said - 1, f) : 0;
    if (f)
        fclose(f);
    said[n] = '\0';
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strstr(said, marks[i]))
            fail_stage(s, "the server warns at its start");
}

static void smoke(struct stage *s)
{
    no_warnings(s);
    rows_come_and_come_back(s);
    pages(s);
}

static void test_lighttpd_with_the_example(void **state)
{
    lighttpd_start(*state);
    smoke(*state);
}

static void test_lighttpd_with_mod_cgi(void **state)
{
    lighttpd_start_cgi(*state);
    smoke(*state);
}

static void test_apache_with_mod_fcgid(void **state)
{
    apache_start_fcgid(*state);
    smoke(*state);
}

static void test_apache_with_mod_cgid(void **state)
{
    apache_start_cgi(*state);
    smoke(*state);
}

static const char *own_socket(struct stage *s)
{
    static char path[NAME_SIZE];
    snprintf(path, sizeof path, "%s/own.socket", s->folder);
    return path;
}

static void test_apache_with_mod_proxy_fcgi(void **state)
{
    responder_start(*state, own_socket(*state), NULL);
    apache_start_proxy(*state, own_socket(*state));
    smoke(*state);
}

/* Two steps within Apache; the inner one knows what the outer one was told. */
static void test_apache_with_mod_proxy_fcgi_over_http2_knows_the_browser(void **state)
{
    struct stage *s = *state;
    s->secure = true;
    responder_start(s, own_socket(s), NULL);
    apache_start_proxy(s, own_socket(s));
    struct browser *b = browser_new(s, "/sse/events");
    browser_header(b, "X-Forwarded-For", "192.0.2.7");
    browser_connect(b);
    expect_connected(b);
    assert_non_null(strstr(browser_head(b), "; Secure"));
    assert_string_equal(
        shell_sessions(s, "SELECT count(*) FROM sessions WHERE remote_addr LIKE '127.%%'"),
        "1");
}

static void test_nginx(void **state)
{
    responder_start(*state, own_socket(*state), NULL);
    nginx_start(*state, own_socket(*state));
    smoke(*state);
}

static void test_nginx_with_fcgiwrap(void **state)
{
    nginx_start_cgi(*state);
    smoke(*state);
}

static void test_a_socket_of_its_own(void **state)
{
    struct stage *s = *state;
    char backend[256];
    responder_start(s, own_socket(s), NULL);
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", own_socket(s));
    lighttpd_start_external(s, backend);
    smoke(s);
}

static void test_a_port_of_its_own(void **state)
{
    struct stage *s = *state;
    char where[16], backend[64];
    int port = 12000 + (int)(getpid() % 20000); /* below those of outgoing connections */
    snprintf(where, sizeof where, ":%d", port);
    responder_start(s, where, NULL);
    snprintf(backend, sizeof backend, "\"host\" => \"127.0.0.1\", \"port\" => %d", port);
    lighttpd_start_external(s, backend);
    smoke(s);
}

/* lighttpd's own responder at /sse, and one that was started by hand at /other. */
static void start_two(struct stage *s)
{
    char path[NAME_SIZE], config[1024], example[512];
    assert_non_null(realpath("lighttpd.conf.example", example));
    snprintf(path, sizeof path, "%s/own.socket", s->folder);
    responder_start(s, path, NULL);
    snprintf(config, sizeof config,
             "include \"%s\"\n$HTTP[\"url\"] =~ \"^/other/\" {\n"
             "server.stream-response-body = 2\n"
             "fastcgi.server = ( \"/other\" => ( ( \"socket\" => \"%s\",\n"
             "    \"check-local\" => \"disable\", \"tcp-fin-propagate\" => \"enable\" ) ) ) }",
             example, path);
    lighttpd_start_with(s, config);
}

static void test_two_processes_on_one_log_work_together(void **state)
{
    struct stage *s = *state;
    struct answer answer;
    char session[32], path[128];
    start_two(s);
    struct browser *a = browser_open(s, "/sse/events"), *b = browser_new(s, "/other/events");
    snprintf(session, sizeof session, "%s", expect_connected(a));
    browser_share_cookie(b, a);
    browser_connect(b);
    assert_string_equal(expect_connected(b), session);
    shell_count(s, "n", 1, 2);
    expect_count(a, "n", 1, 2);
    expect_count(b, "n", 1, 2);
    post(s, &answer, "/other/broadcast", "through the other");
    expect_event(a, "message", "through the other");
    expect_event(b, "message", "through the other");
    snprintf(path, sizeof path, "/sse/send?session=%s", session);
    post(s, &answer, path, "to both tabs");
    expect_event(a, "message", "to both tabs");
    expect_event(b, "message", "to both tabs");
    await(s, stats(s, "active_clients") == 2);
}

static void test_a_session_deleted_in_the_shell_ends_its_streams_in_both_processes(void **state)
{
    struct stage *s = *state;
    start_two(s);
    struct browser *a = browser_open(s, "/sse/events"), *b = browser_new(s, "/other/events");
    struct browser *stays = browser_open(s, "/other/events");
    char session[32];
    snprintf(session, sizeof session, "%s", expect_connected(a));
    browser_share_cookie(b, a);
    browser_connect(b);
    expect_connected(b);
    expect_connected(stays);
    shell_sessions(s, "PRAGMA busy_timeout = 5000; DELETE FROM sessions WHERE id = '%s'",
                   session);
    int64_t began = now_ms();
    if (!browser_sees_end(a, PATIENCE) || !browser_sees_end(b, PATIENCE))
        fail_stage(s, "a stream goes on after its session was deleted");
    if (!stage_is_sanitized() && now_ms() - began > 1500)
        fail_stage(s, "the streams ended only after %d ms", (int)(now_ms() - began));
    browser_connect(a);
    assert_string_not_equal(expect_connected(a), session);
    expect_gap(a, "session", -1);
    publish(s, "", "message", "marker");
    expect_event(stays, "message", "marker");
}

static void test_a_killed_process_leaves_no_ghosts(void **state)
{
    struct stage *s = *state;
    start_two(s);
    struct browser *a = browser_open(s, "/other/events"), *b = browser_open(s, "/sse/events");
    expect_connected(a);
    expect_connected(b);
    await(s, stats(s, "active_clients") == 2);
    process_stop(s, s->alone, 9);
    s->alone = 0;
    await(s, stats(s, "active_clients") == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_lighttpd_with_the_example),
        scenario(test_lighttpd_with_mod_cgi),
        scenario(test_apache_with_mod_fcgid),
        scenario(test_apache_with_mod_proxy_fcgi),
        scenario(test_apache_with_mod_proxy_fcgi_over_http2_knows_the_browser),
        scenario(test_apache_with_mod_cgid),
        scenario(test_nginx),
        scenario(test_nginx_with_fcgiwrap),
        scenario(test_a_socket_of_its_own),
        scenario(test_a_port_of_its_own),
        scenario(test_two_processes_on_one_log_work_together),
        scenario(test_a_session_deleted_in_the_shell_ends_its_streams_in_both_processes),
        scenario(test_a_killed_process_leaves_no_ghosts),
    };
    return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
