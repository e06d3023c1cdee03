/* The columns of the hosting matrix: each must be true of every way of hosting. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/scenario/hosting.h"
#include "tests/scenario/server.h"

enum { NUMBERS = 131072 /* of 8 digits: a megabyte */, STALLED_EVENTS = 24 };

static void expect_id(struct stage *s, const char *session, const char *expected)
{
    if (strcmp(session, expected) != 0)
        fail_stage(s, "waited for session %s, came %s", expected, session);
}

/* Nothing but the row is written, so nothing else can push it out of a buffer. */
static void a_row_arrives_at_once(struct stage *s, const struct hosting *h)
{
    struct timespec now;
    shell_set(s, "heartbeat_interval", "3600");
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell(s, "INSERT INTO events(type, data) VALUES "
             "('at', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))");
    int64_t inserted = atoll(expect_event(b, "at", NULL)->data);
    clock_gettime(CLOCK_REALTIME, &now);
    hosting_figure(s, h, "a row, from INSERT to event",
                   (int)(now.tv_sec * 1000 + now.tv_nsec / 1000000 - inserted));
}

static void insert_megabyte(struct stage *s)
{
    shell(s,
          "INSERT INTO events(type, data) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
          "SELECT i + 1 FROM n WHERE i < %d) "
          "SELECT 'big', group_concat(printf('%%08d', i), '') FROM n",
          NUMBERS);
}

static void expect_megabyte(struct stage *s, struct browser *b)
{
    char number[16];
    const struct sse_event *e = expect_event(b, "big", NULL);
    if (e->data_len != (size_t)NUMBERS * 8)
        fail_stage(s, "waited for %d bytes, came %zu", NUMBERS * 8, e->data_len);
    for (int i = 1; i <= NUMBERS; i++) {
        snprintf(number, sizeof number, "%08d", i);
        if (memcmp(e->data + (size_t)(i - 1) * 8, number, 8) != 0)
            fail_stage(s, "number %d of the megabyte came as %.8s", i,
                       e->data + (size_t)(i - 1) * 8);
    }
}

static void an_event_of_a_megabyte_arrives_whole(struct stage *s, const struct hosting *h)
{
    (void)h;
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    insert_megabyte(s);
    expect_megabyte(s, b);
    browser_cut(b);
    insert_megabyte(s);
    expect_connected(b);
    expect_replay_start(b, 1);
    expect_megabyte(s, b);
    expect_replay_end(b, 1);
}

/* Of a browser that has no cookie: the id alone. */
static void a_last_event_id_resumes_exactly(struct stage *s, const struct hosting *h)
{
    (void)h;
    shell_count(s, "n", 1, 5);
    struct browser *b = browser_new(s, "/sse/events");
    browser_header(b, "Last-Event-ID", id_text(s, 2));
    browser_connect(b);
    expect_connected(b);
    expect_replay_start(b, 3);
    expect_count(b, "n", 3, 5);
    expect_replay_end(b, 3);
    browser_header(b, NULL, NULL);
    browser_cut(b); /* and as a browser does it, with what it has */
    shell_count(s, "n", 6, 7);
    expect_connected(b);
    expect_replay_start(b, 2);
    expect_count(b, "n", 6, 7);
    expect_replay_end(b, 2);
}

static void the_cookie_alone_resumes_and_skips_nothing(struct stage *s, const struct hosting *h)
{
    (void)h;
    char session[32];
    struct browser *b = browser_open(s, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(b));
    shell_count(s, "n", 1, 3);
    expect_count(b, "n", 1, 3);
    browser_close(b);
    shell_count(s, "n", 4, 6);
    browser_reload(b);
    expect_id(s, expect_connected(b), session);
    expect_event(b, "replay-start", NULL);
    /* The last seconds may come again; then what was missed, all of it. */
    int first = atoi(expect_event(b, "n", NULL)->data);
    if (first < 1 || first > 4)
        fail_stage(s, "waited for row 1 to 4, came row %d", first);
    expect_count(b, "n", first + 1, 6);
}

static void a_targeted_row_reaches_its_session_alone(struct stage *s, const struct hosting *h)
{
    (void)h;
    char session[32];
    struct browser *a = browser_open(s, "/sse/events"), *b = browser_open(s, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(a));
    expect_connected(b);
    publish_to(s, session, "private", "for a");
    shell_count(s, "n", 1, 1);
    expect_event(a, "private", "for a");
    expect_count(a, "n", 1, 1);
    expect_count(b, "n", 1, 1);
}

/* Two browsers, of which the second has just gone without a word; the first is given. */
static struct browser *stay_alone(struct stage *s, const char *heartbeat_interval)
{
    shell_set(s, "heartbeat_interval", heartbeat_interval);
    struct browser *stays = browser_open(s, "/sse/events");
    struct browser *leaves = browser_open(s, "/sse/events");
    expect_connected(stays);
    expect_connected(leaves);
    await_clients(s, 2);
    browser_close(leaves);
    return stays;
}

/* So many heartbeats, and time for a slow machine to count streams. */
static void notice_within(struct stage *s, const struct hosting *h, int heartbeats)
{
    stay_alone(s, "1");
    int ms = await_clients(s, 1);
    hosting_figure(s, h, "a departed client noticed, heartbeat_interval 1", ms);
    if (!stage_is_sanitized() && ms > heartbeats * 1000 + 3000)
        fail_stage(s, "a departed client was noticed after %d ms", ms);
}

static void a_departed_client_is_noticed_within_two_heartbeats(struct stage *s,
                                                               const struct hosting *h)
{
    notice_within(s, h, 2);
}

void a_departed_client_is_noticed_within_three_heartbeats(struct stage *s,
                                                          const struct hosting *h)
{
    notice_within(s, h, 3);
}

static void a_departed_client_is_noticed_without_a_write(struct stage *s,
                                                         const struct hosting *h)
{
    stay_alone(s, "3600");
    hosting_figure(s, h, "a departed client noticed, nothing written", await_clients(s, 1));
}

/* Each write but the last brings a refusal, one step closer to the responder. */
static void notice_at(struct stage *s, const struct hosting *h, int writes)
{
    struct browser *stays = stay_alone(s, "3600");
    for (int i = 1; i < writes; i++) {
        shell_count(s, "n", i, i);
        expect_count(stays, "n", i, i);
        pause_ms(500); /* the refusal is on its way */
    }
    shell_count(s, "n", writes, writes);
    hosting_figure(s, h, "a departed client noticed, after the last row", await_clients(s, 1));
}

void a_departed_client_is_noticed_at_the_second_write(struct stage *s, const struct hosting *h)
{
    notice_at(s, h, 2);
}

void a_departed_client_is_noticed_at_the_third_write(struct stage *s, const struct hosting *h)
{
    notice_at(s, h, 3);
}

static void a_stalled_client_holds_up_nobody_and_gets_everything(struct stage *s,
                                                                 const struct hosting *h)
{
    (void)h;
    shell_set(s, "buffer_bytes", "1000000000");
    s->narrow = true;
    struct browser *stalled = browser_open(s, "/sse/events");
    s->narrow = false;
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    for (int i = 0; i < STALLED_EVENTS; i++) { /* more than all buffers on the way hold */
        insert_megabyte(s);
        expect_megabyte(s, b);
    }
    browser_widen(stalled);
    expect_connected(stalled);
    for (int i = 0; i < STALLED_EVENTS; i++)
        expect_megabyte(s, stalled);
}

static void a_post_publishes_and_a_wrong_token_is_refused(struct stage *s,
                                                          const struct hosting *h)
{
    (void)h;
    struct answer a;
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    post(s, &a, "/sse/broadcast?type=n", "1");
    assert_int_equal(a.status, 200);
    expect_count(b, "n", 1, 1);
    request(s, &a, "POST", "/sse/broadcast?type=n", "Authorization: Bearer wrong\r\n", "2");
    assert_int_equal(a.status, 401);
    post(s, &a, "/sse/broadcast?type=n", "3");
    assert_int_equal(a.status, 200);
    expect_count(b, "n", 3, 3);
}

static struct browser *open_with_three_rows(struct stage *s)
{
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 3);
    expect_count(b, "n", 1, 3);
    return b;
}

static void a_drained_responder_costs_no_row(struct stage *s, const struct hosting *h)
{
    struct browser *b = open_with_three_rows(s);
    int64_t began = now_ms();
    h->drain(s);
    shell_count(s, "n", 4, 6);
    expect_rows(b, "n", 4, 6);
    hosting_figure(s, h, "drained, from the signal to the next row", (int)(now_ms() - began));
    shell_count(s, "n", 7, 8);
    expect_rows(b, "n", 7, 8);
}

/* A plain EventSource, which notices nothing by itself: the front has to end its stream. */
static void a_killed_responder_costs_no_row(struct stage *s, const struct hosting *h)
{
    struct browser *b = open_with_three_rows(s);
    int64_t began = now_ms();
    h->kill(s);
    shell_count(s, "n", 4, 6);
    expect_rows(b, "n", 4, 6);
    hosting_figure(s, h, "killed, from the signal to the next row", (int)(now_ms() - began));
    shell_count(s, "n", 7, 8);
    expect_rows(b, "n", 7, 8);
}

static void a_restarted_server_costs_no_row(struct stage *s, const struct hosting *h)
{
    struct browser *b = open_with_three_rows(s);
    int64_t began = now_ms();
    server_stop(s);
    hosting_figure(s, h, "the server's stop", (int)(now_ms() - began));
    shell_count(s, "n", 4, 5);
    server_start(s, s->command, s->reload_signal);
    shell_count(s, "n", 6, 6);
    expect_rows(b, "n", 4, 6);
    hosting_figure(s, h, "restarted, from the signal to the next row", (int)(now_ms() - began));
    shell_count(s, "n", 7, 8);
    expect_rows(b, "n", 7, 8);
}

static void a_reloaded_server_costs_no_row(struct stage *s, const struct hosting *h)
{
    struct browser *b = open_with_three_rows(s);
    int64_t began = now_ms();
    server_reload(s);
    if (h->reload_ends_streams) {
        if (!browser_sees_end(b, 2 * PATIENCE))
            fail_stage(s, "the reload does not end streams");
        hosting_figure(s, h, "reloaded, until a stream is ended", (int)(now_ms() - began));
    } else {
        browser_come_back(b, false); /* it would show */
    }
    shell_count(s, "n", 4, 6);
    expect_rows(b, "n", 4, 6);
    struct browser *newer = browser_open(s, "/sse/events");
    hosting_figure(s, h, "reloaded, until a new browser is let in", (int)(now_ms() - began));
    expect_connected(newer);
    shell_count(s, "n", 7, 8);
    expect_rows(b, "n", 7, 8);
    expect_rows(newer, "n", 7, 8);
}

#define cell(f)                                                                                \
    {                                                                                          \
#f, f                                                                                  \
    }
const struct hosting_cell hosting_cells[] = {
    cell(a_row_arrives_at_once),
    cell(an_event_of_a_megabyte_arrives_whole),
    cell(a_last_event_id_resumes_exactly),
    cell(the_cookie_alone_resumes_and_skips_nothing),
    cell(a_targeted_row_reaches_its_session_alone),
    cell(a_departed_client_is_noticed_within_two_heartbeats),
    cell(a_departed_client_is_noticed_without_a_write),
    cell(a_stalled_client_holds_up_nobody_and_gets_everything),
    cell(a_post_publishes_and_a_wrong_token_is_refused),
    cell(a_drained_responder_costs_no_row),
    cell(a_killed_responder_costs_no_row),
    cell(a_restarted_server_costs_no_row),
    cell(a_reloaded_server_costs_no_row),
    {NULL, NULL},
};
