/* The responder is down: every server tells a stream to come later, with status 200, and
 * everybody else the truth.  What the responder itself says goes through untouched. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

static void lighttpd_front(struct stage *s, const char *socket)
{
    lighttpd_start_socket_with(s, "", socket);
}

static const char *own_socket(struct stage *s)
{
    static char path[NAME_SIZE];
    snprintf(path, sizeof path, "%s/own.socket", s->folder);
    return path;
}

/* Told to come later: the whole answer, but for the number. */
static int expect_later(struct stage *s, const char *path)
{
    struct answer a;
    int retry = 0, n = 0;
    request(s, &a, "GET", path, "Accept: text/event-stream\r\n", NULL);
    if (a.status != 200 || !strcasestr(a.head, "Content-Type: text/event-stream") ||
        !strcasestr(a.head, "Cache-Control: no-store") ||
        sscanf(a.body, "event: later\nretry: %d\n\n%n", &retry, &n) != 1 || a.body[n])
        fail_stage(s, "GET %s, status %d:\n%s\n%s", path, a.status, a.head, a.body);
    if (retry < 2000 || retry > 6000)
        fail_stage(s, "GET %s: retry %d", path, retry);
    return retry;
}

static void expect_unavailable_for(struct stage *s, const char *method, const char *path,
                                   const char *accept)
{
    struct answer a;
    char headers[200];
    bool post = strcmp(method, "POST") == 0;
    snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\nAccept: %s\r\n", TOKEN,
             accept);
    request(s, &a, method, path, headers, post ? "data=1" : NULL);
    if (a.status != 503 || !strcasestr(a.head, "Content-Type: application/json") ||
        !strcasestr(a.head, "Retry-After: ") || strncmp(a.body, "{\"error\":\"", 10) != 0)
        fail_stage(s, "%s %s, status %d:\n%s\n%s", method, path, a.status, a.head, a.body);
}

static void expect_unavailable(struct stage *s, const char *method, const char *path)
{
    expect_unavailable_for(s, method, path, "*/*");
}

static void expect_down(struct stage *s)
{
    expect_later(s, "/sse/events");
    expect_later(s, "/sse/events?channel=x&last=3");
    expect_later(s, "/sse");
    expect_unavailable(s, "POST", "/sse/broadcast");
    expect_unavailable(s, "POST", "/sse/events");
    expect_unavailable(s, "POST", "/sse/send?session=1");
    expect_unavailable(s, "POST", "/sse/batch");
    expect_unavailable(s, "GET", "/sse/batch");
    expect_unavailable(s, "GET", "/sse/stats");
    expect_unavailable(s, "GET", "/sse/history");
    expect_unavailable_for(s, "GET", "/sse/events?wait=0", "application/json");
    expect_unavailable_for(s, "GET", "/sse/events?channel=x&wait=0&last=3",
                           "application/json, */*");
    expect_later(s, "/sse/events?wait=0");
    /* Whoever comes at the same time is told different times. */
    int first = expect_later(s, "/sse/events"), others = 0;
    for (int i = 0; i < 5; i++)
        others += expect_later(s, "/sse/events") != first;
    assert_true(others > 0);
}

/* A browser lives through it: it asks again and again, and misses nothing. */
static void outlive(struct stage *s)
{
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 2);
    expect_count(b, "n", 1, 2);
    process_stop(s, s->alone, SIGKILL);
    s->alone = 0;
    shell_count(s, "n", 3, 4);
    await(s, browser_next(b, 20) == NULL && strcasestr(browser_body(b), "event: later"));
    expect_down(s);
    responder_start(s, own_socket(s), NULL);
    stage_give(s, own_socket(s), "www-data");
    expect_connected(b);
    expect_replay_start(b, 2);
    expect_count(b, "n", 3, 4);
    expect_replay_end(b, 2);
    assert_false(browser_is_dead(b));
}

static void before_and_after(struct stage *s, void (*front)(struct stage *s, const char *))
{
    front(s, own_socket(s));
    expect_down(s); /* it was never there */
    responder_start(s, own_socket(s), NULL);
    stage_give(s, own_socket(s), "www-data");
    outlive(s);
}

static void test_lighttpd_tells_streams_to_come_later(void **state)
{
    before_and_after(*state, lighttpd_front);
}

static void test_apache_tells_streams_to_come_later(void **state)
{
    before_and_after(*state, apache_start_proxy);
}

static void test_nginx_tells_streams_to_come_later(void **state)
{
    before_and_after(*state, nginx_start);
}

/* Takes connections and what is asked, and dies each time before it answers. */
static void start_mute(struct stage *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char bytes[4096];
    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", own_socket(s));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 16), 0);
    if (fork() == 0) { /* ends with the stage */
        for (int c; (c = accept(fd, NULL, NULL)) >= 0; close(c))
            if (read(c, bytes, sizeof bytes) < 0)
                _exit(1);
        _exit(0);
    }
    close(fd);
    stage_give(s, own_socket(s), "www-data");
}

static void unanswered(struct stage *s, void (*front)(struct stage *s, const char *))
{
    start_mute(s);
    front(s, own_socket(s));
    stage_give(s, own_socket(s), "www-data");
    expect_down(s);
}

static void test_lighttpd_replaces_an_answer_that_never_began(void **state)
{
    unanswered(*state, lighttpd_front);
}

static void test_apache_replaces_an_answer_that_never_began(void **state)
{
    unanswered(*state, apache_start_proxy);
}

static void test_nginx_replaces_an_answer_that_never_began(void **state)
{
    unanswered(*state, nginx_start);
}

static void expect_own(struct stage *s, const char *method, const char *path,
                       const char *headers, int status)
{
    struct answer a;
    request(s, &a, method, path, headers, NULL);
    if (a.status != status || strncmp(a.body, "{\"error\":\"", 10) != 0 ||
        strstr(a.body, "does not answer"))
        fail_stage(s, "%s %s, status %d, not %d:\n%s\n%s", method, path, a.status, status,
                   a.head, a.body);
}

/* Refusals of all kinds, and a responder whose log is gone: 503 with its own reason. */
static void own_words(struct stage *s, void (*front)(struct stage *s, const char *))
{
    char kept[NAME_SIZE];
    responder_start(s, own_socket(s), NULL);
    front(s, own_socket(s));
    expect_own(s, "GET", "/sse/stats", "Authorization: Bearer wrong\r\n", 401);
    expect_own(s, "GET", "/sse/nothing", NULL, 404);
    expect_own(s, "POST", "/sse/events", NULL, 405);
    expect_own(s, "GET", "/sse/events?last=many", NULL, 400);
    process_stop(s, s->alone, SIGTERM);
    snprintf(kept, sizeof kept, "%s", s->db);
    snprintf(s->db, sizeof s->db, "/nowhere/rowcast.db");
    responder_start(s, own_socket(s), NULL);
    stage_give(s, own_socket(s), "www-data");
    snprintf(s->db, sizeof s->db, "%s", kept);
    expect_own(s, "GET", "/sse/stats", "Authorization: Bearer " TOKEN "\r\n", 503);
}

static void test_lighttpd_leaves_the_responders_own_words_alone(void **state)
{
    own_words(*state, lighttpd_front);
}

static void test_apache_leaves_the_responders_own_words_alone(void **state)
{
    own_words(*state, apache_start_proxy);
}

static void test_nginx_leaves_the_responders_own_words_alone(void **state)
{
    own_words(*state, nginx_start);
}

/* The program of a stage, replaced by one that ends at once. */
static void break_program(struct stage *s)
{
    snprintf(s->program, sizeof s->program, "%s/rowcast.fcgi", s->folder);
    FILE *f = fopen(s->program, "we");
    assert_true(f && fputs("#!/bin/sh\nexit 3\n", f) > 0 && fclose(f) == 0);
    assert_int_equal(chmod(s->program, 0755), 0);
}

static void test_mod_fcgid_with_a_program_that_dies(void **state)
{
    break_program(*state);
    apache_start_fcgid(*state);
    expect_later(*state, "/sse/events");
    expect_unavailable(*state, "POST", "/sse/broadcast");
}

static void test_lighttpd_with_a_program_that_dies_twice(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    pid_t first = responder_pid(s);
    kill(first, SIGKILL);
    await(s, responder_pid(s) != first);
    kill(responder_pid(s), SIGKILL);
    /* Until lighttpd tries again it is told to come later; then it is connected. */
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 2);
    expect_count(b, "n", 1, 2);
}

static void test_cgi_programs_that_die(void **state)
{
    struct stage *s = *state;
    break_program(s);
    lighttpd_start_cgi(s);
    expect_down(s);
    server_stop(s);
    apache_start_cgi(s);
    expect_down(s);
    server_stop(s);
    nginx_start_cgi(s);
    expect_down(s);
}

/* A page of errors that leaves the body unread loses its answer, now and then (Apache's
 * mod_cgid). */
static void posts_are_answered(struct stage *s, void (*front)(struct stage *s, const char *))
{
    enum { LARGE = 1000000 };
    struct answer a;
    char *large = malloc(LARGE + 1);
    assert_non_null(large);
    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    front(s, own_socket(s));
    for (int i = 0; i < 60; i++)
        expect_unavailable(s, "POST", "/sse/broadcast");
    post(s, &a, "/sse/broadcast", large);
    assert_int_equal(a.status, 503);
    free(large);
}

static void test_lighttpd_answers_every_post(void **state)
{
    posts_are_answered(*state, lighttpd_front);
}

static void test_apache_answers_every_post(void **state)
{
    posts_are_answered(*state, apache_start_proxy);
}

static void test_nginx_answers_every_post(void **state)
{
    posts_are_answered(*state, nginx_start);
}

static void test_the_page_of_errors_is_no_page_of_its_own(void **state)
{
    struct stage *s = *state;
    struct answer a;
    lighttpd_front(s, own_socket(s));
    request(s, &a, "GET", "/rowcast-later", NULL, NULL);
    assert_int_equal(a.status, 404);
    server_stop(s);
    apache_start_proxy(s, own_socket(s));
    request(s, &a, "GET", "/rowcast-later", NULL, NULL);
    assert_int_equal(a.status, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_lighttpd_tells_streams_to_come_later),
        scenario(test_apache_tells_streams_to_come_later),
        scenario(test_nginx_tells_streams_to_come_later),
        scenario(test_lighttpd_replaces_an_answer_that_never_began),
        scenario(test_apache_replaces_an_answer_that_never_began),
        scenario(test_nginx_replaces_an_answer_that_never_began),
        scenario(test_lighttpd_leaves_the_responders_own_words_alone),
        scenario(test_apache_leaves_the_responders_own_words_alone),
        scenario(test_nginx_leaves_the_responders_own_words_alone),
        scenario(test_mod_fcgid_with_a_program_that_dies),
        scenario(test_lighttpd_with_a_program_that_dies_twice),
        scenario(test_cgi_programs_that_die),
        scenario(test_lighttpd_answers_every_post),
        scenario(test_apache_answers_every_post),
        scenario(test_nginx_answers_every_post),
        scenario(test_the_page_of_errors_is_no_page_of_its_own),
    };
    return cmocka_run_group_tests_name("down", tests, NULL, NULL);
}
