/* The web server is restarted or reloads: what that does to streams, for each server and each
 * of its signals.  Whatever it does, every browser has every row once and in order. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

enum { BROWSERS = 4, ROWS = 20, NEVER_WAITS = 2500 /* ms, far less than a graceful timeout */ };

enum {
    STREAMS_END = 0,
    STREAMS_GO_ON = 1,
    REQUESTS_GO_ON = 2 /* none is refused, and none waits for the streams to end */
};

struct reader {
    struct browser *b;
    int have;  /* rows */
    int times; /* it was connected */
};

static const char *own_socket(struct stage *s)
{
    static char path[NAME_SIZE];
    snprintf(path, sizeof path, "%s/own.socket", s->folder);
    return path;
}

/* What has come by now: rows once and in order, over however many connections. */
static void take(struct stage *s, struct reader *r)
{
    const struct sse_event *e;
    while ((e = browser_next(r->b, 1))) {
        if (strcmp(e->type, "connected") == 0)
            r->times++;
        else if (strcmp(e->type, "n") == 0 && atoi(e->data) == r->have + 1)
            r->have++;
        else if (strncmp(e->type, "replay-", 7) != 0)
            fail_stage(s, "after row %d came %s %s", r->have, e->type, e->data);
    }
    if (browser_is_dead(r->b))
        fail_stage(s, "a browser is dead after row %d: status %d", r->have,
                   browser_status(r->b));
}

static bool all_have(struct stage *s, struct reader *r, int rows, int times)
{
    int complete = 0;
    for (int i = 0; i < BROWSERS; i++) {
        take(s, &r[i]);
        complete += r[i].have == rows && r[i].times >= times;
    }
    return complete == BROWSERS;
}

static void ask(struct stage *s)
{
    struct answer a;
    int64_t began = now_ms();
    request(s, &a, "GET", "/sse/nothing", NULL, NULL);
    int64_t took = now_ms() - began;
    assert_int_equal(a.status, 404); /* the responder's own */
    if (took > NEVER_WAITS)
        fail_stage(s, "a request waited for %d ms", (int)took);
}

/* Rows go on while the server does what `act` tells it. */
static void pass_through(struct stage *s, void (*act)(struct stage *s), int what)
{
    struct reader r[BROWSERS] = {0};
    int rows = 0, times = what & STREAMS_GO_ON ? 1 : 2;
    for (int i = 0; i < BROWSERS; i++)
        r[i].b = browser_open(s, "/sse/events");
    await(s, all_have(s, r, rows, 1));
    act(s);
    int64_t until = now_ms() + PATIENCE;
    for (; rows < ROWS || !all_have(s, r, rows, times); pause_ms(20)) {
        if (now_ms() > until)
            fail_stage(s, "a browser is not back: row %d of %d, connected %d times", r[0].have,
                       rows, r[0].times);
        rows++;
        shell_count(s, "n", rows, rows);
        all_have(s, r, rows, times);
        if (what & REQUESTS_GO_ON)
            ask(s);
    }
    await(s, all_have(s, r, rows, times));
    for (int i = 0; i < BROWSERS; i++)
        if (r[i].times != times)
            fail_stage(s, "a browser was connected %d times, not %d", r[i].times, times);
}

static void hang_up(struct stage *s)
{
    kill(s->server, SIGHUP);
}

/* ---- lighttpd ---------------------------------------------------------------------- */

static void test_lighttpd_and_its_responder_restarted(void **state)
{
    lighttpd_start(*state);
    pass_through(*state, server_restart, STREAMS_END);
}

/* Streams go on for server.graceful-shutdown-timeout, 8 s, and new requests wait as long. */
static void test_lighttpd_and_its_responder_reloaded(void **state)
{
    lighttpd_start(*state);
    pass_through(*state, server_reload, STREAMS_END);
}

static void test_lighttpd_before_a_socket_restarted(void **state)
{
    responder_start(*state, own_socket(*state), NULL);
    lighttpd_start_socket_with(*state, "", own_socket(*state));
    pass_through(*state, server_restart, STREAMS_END);
}

static void test_lighttpd_before_a_socket_reloaded_in_the_background(void **state)
{
    responder_start(*state, own_socket(*state), NULL);
    lighttpd_start_socket_with(*state,
                               "server.systemd-socket-activation = \"enable\"\n"
                               "server.feature-flags += (\n"
                               "    \"server.graceful-restart-bg\" => \"enable\",\n"
                               "    \"server.graceful-shutdown-timeout\" => 2 )",
                               own_socket(*state));
    pass_through(*state, server_reload, STREAMS_END | REQUESTS_GO_ON);
}

static void test_lighttpd_reopens_its_logs(void **state)
{
    lighttpd_start(*state);
    pass_through(*state, hang_up, STREAMS_GO_ON | REQUESTS_GO_ON);
}

/* INT lets everything end by itself; there is no other server until somebody starts it. */
static void test_lighttpd_told_to_end_waits_for_its_streams(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    kill(s->server, SIGINT);
    shell_count(s, "n", 1, 5);
    expect_count(b, "n", 1, 5);
    browser_close(b);
    await(s, process_ended(s->server, NULL));
    s->server = 0;
}

/* ---- Apache ------------------------------------------------------------------------ */

static void start_apache(struct stage *s)
{
    responder_start(s, own_socket(s), NULL);
    apache_start_proxy(s, own_socket(s));
}

static void test_apache_before_a_socket_reloaded(void **state)
{
    start_apache(*state);
    pass_through(*state, server_reload, STREAMS_GO_ON | REQUESTS_GO_ON);
}

static void test_apache_before_a_socket_restarted(void **state)
{
    start_apache(*state);
    pass_through(*state, server_restart, STREAMS_END);
}

static void test_apache_before_a_socket_restarted_by_hup(void **state)
{
    start_apache(*state);
    pass_through(*state, hang_up, STREAMS_END);
}

static void test_apache_with_mod_fcgid_reloaded(void **state)
{
    apache_start_fcgid(*state);
    pass_through(*state, server_reload, STREAMS_END);
}

static void test_apache_with_mod_fcgid_restarted(void **state)
{
    apache_start_fcgid(*state);
    pass_through(*state, server_restart, STREAMS_END);
}

/* ---- nginx ------------------------------------------------------------------------- */

static void start_nginx(struct stage *s)
{
    responder_start(s, own_socket(s), NULL);
    nginx_start(s, own_socket(s));
}

static void test_nginx_reloaded(void **state)
{
    start_nginx(*state);
    pass_through(*state, server_reload, STREAMS_GO_ON | REQUESTS_GO_ON);
}

static void test_nginx_restarted(void **state)
{
    start_nginx(*state);
    pass_through(*state, server_restart, STREAMS_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_lighttpd_and_its_responder_restarted),
        scenario(test_lighttpd_and_its_responder_reloaded),
        scenario(test_lighttpd_before_a_socket_restarted),
        scenario(test_lighttpd_before_a_socket_reloaded_in_the_background),
        scenario(test_lighttpd_reopens_its_logs),
        scenario(test_lighttpd_told_to_end_waits_for_its_streams),
        scenario(test_apache_before_a_socket_reloaded),
        scenario(test_apache_before_a_socket_restarted),
        scenario(test_apache_before_a_socket_restarted_by_hup),
        scenario(test_apache_with_mod_fcgid_reloaded),
        scenario(test_apache_with_mod_fcgid_restarted),
        scenario(test_nginx_reloaded),
        scenario(test_nginx_restarted),
    };
    return cmocka_run_group_tests_name("server restart", tests, NULL, NULL);
}
