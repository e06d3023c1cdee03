/* What left the log is told, before anything newer. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

/* A browser that comes with this id in the header. */
static struct browser *come_with(struct stage *s, const char *id)
{
    struct browser *b = browser_new(s, "/sse/events");
    browser_header(b, "Last-Event-ID", id);
    browser_connect(b);
    return b;
}

static void test_rows_that_were_trimmed_are_told_to_who_comes_back(void **state)
{
    struct stage *s = *state;
    char part[64];
    shell_set(s, "buffer_size", "5");
    shell_count(s, "n", 1, 12);
    lighttpd_start(s);
    struct browser *b = come_with(s, id_text(s, 1));
    expect_connected(b);
    const struct sse_event *e = expect_gap(b, "trimmed", 7);
    snprintf(part, sizeof part, "\"from\":\"%s\"", id_text(s, 1));
    assert_non_null(strstr(e->data, part));
    snprintf(part, sizeof part, "\"oldest\":\"%s\"", id_text(s, 8));
    assert_non_null(strstr(e->data, part));
    expect_replay_start(b, 5);
    expect_count(b, "n", 8, 12);
    expect_replay_end(b, 5);
}

static void test_who_missed_nothing_that_left_is_told_of_no_gap(void **state)
{
    struct stage *s = *state;
    shell_set(s, "buffer_size", "5");
    shell_count(s, "n", 1, 12);
    lighttpd_start(s);
    struct browser *b = come_with(s, id_text(s, 9));
    expect_connected(b);
    expect_replay_start(b, 3);
    expect_count(b, "n", 10, 12);
    expect_replay_end(b, 3);
}

static void test_a_connected_browser_is_told_what_one_transaction_pushed_out(void **state)
{
    struct stage *s = *state;
    shell_set(s, "buffer_size", "5");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 100);
    expect_gap(b, "trimmed", 95);
    expect_count(b, "n", 96, 100);
    shell_count(s, "n", 101, 102);
    expect_count(b, "n", 101, 102);
}

/* Skip one gap, which may be told twice but must not stand for the row. */
static void expect_own_row_after_gap(struct browser *b)
{
    const struct sse_event *e;
    do
        e = browser_next(b, PATIENCE);
    while (e && (strcmp(e->type, "gap") == 0 || strncmp(e->type, "replay-", 7) == 0));
    assert_string_equal(e ? e->data : "nothing", "for you");
}

static void test_a_gap_never_jumps_over_a_row_that_is_kept(void **state)
{
    struct stage *s = *state;
    char session[32];
    shell_set(s, "buffer_size", "5");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(b));
    shell_count(s, "n", 1, 1);
    expect_count(b, "n", 1, 1);
    browser_cut(b);
    shell_count(s, "n", 2, 2);
    publish_to(s, session, "message", "for you");
    shell_count(s, "n", 4, 13);
    expect_connected(b);
    expect_gap(b, "trimmed", 2);
    browser_cut(b); /* right after the gap: its id must not lose the kept row */
    expect_connected(b);
    expect_own_row_after_gap(b);
    expect_count(b, "n", 9, 13);
    expect_event(b, "replay-end", NULL);
}

static void test_replaced_rows_lose_nothing(void **state)
{
    struct stage *s = *state;
    shell_set(s, "buffer_size", "5");
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    for (int i = 0; i < 8; i++)
        shell(s, "INSERT OR REPLACE INTO events(data, dedup_key) VALUES ('kept', 'key')");
    expect_event(b, "message", "kept");
    for (int i = 1; i <= 6; i++)
        shell_count(s, "n", i, i);
    expect_count(b, "n", 1, 6);
}

static void test_rows_a_person_deleted_are_told(void **state)
{
    struct stage *s = *state;
    shell_count(s, "n", 1, 9);
    shell(s, "DELETE FROM events WHERE id BETWEEN 3 AND 5");
    lighttpd_start(s);
    struct browser *b = come_with(s, id_text(s, 2));
    expect_connected(b);
    expect_gap(b, "trimmed", 5);
    expect_replay_start(b, 4);
    expect_count(b, "n", 6, 9);
    expect_replay_end(b, 4);
}

/* Ids no log gave out: 200, one gap, nothing of it said back, then live. */
static void strange(struct stage *s, struct browser *b, const char *reason, const char *secret)
{
    static int n;
    char marker[32];
    browser_connect(b);
    if (browser_status(b) != 200)
        fail_stage(s, "id %s: status %d", secret, browser_status(b));
    expect_connected(b);
    expect_gap(b, reason, -1);
    snprintf(marker, sizeof marker, "live %d", ++n);
    publish(s, "", "message", "%s", marker);
    expect_event(b, "message", marker);
    if (strstr(browser_body(b), secret))
        fail_stage(s, "id %s is said back:\n%s", secret, browser_body(b));
    browser_close(b);
}

static void test_strange_ids_give_one_gap_and_then_live_events(void **state)
{
    struct stage *s = *state;
    char digits[512], ours[3][64], foreign[32];
    memset(digits, '7', 400);
    digits[400] = '\0';
    snprintf(foreign, sizeof foreign, "%s-3",
             strcmp(s->epoch, "deadbeef") ? "deadbeef" : "0badcafe");
    snprintf(ours[0], sizeof ours[0], "%s", id_text(s, 999999));
    snprintf(ours[1], sizeof ours[1], "%s--77", s->epoch);
    snprintf(ours[2], sizeof ours[2], "%s-9223372036854775808", s->epoch);
    const struct {
        const char *id, *reason;
    } header[] = {
        {"garbage", "unknown"}, {foreign, "epoch"},         {ours[0], "future"},
        {ours[1], "unknown"},   {ours[2], "unknown"},       {digits, "unknown"},
        {"-17171", "unknown"},  {"caf\xc3\xa9", "unknown"}, {"{\"a\":[]}", "unknown"},
    };
    shell_count(s, "n", 1, 3);
    lighttpd_start(s);
    for (size_t i = 0; i < sizeof header / sizeof *header; i++) {
        struct browser *b = browser_new(s, "/sse/events");
        browser_header(b, "Last-Event-ID", header[i].id);
        /* Of an id in our own form the gap's "from" may say the number. */
        strange(s, b, header[i].reason,
                strcmp(header[i].reason, "unknown") == 0 ? header[i].id : "\n\n\n");
    }
}

static void test_strange_ids_in_the_query_are_not_said_back(void **state)
{
    struct stage *s = *state;
    char example[4096], config[8192];
    static const struct {
        const char *path, *secret;
    } query[] = {
        {"/sse/events?lastEventId=x%0Adata:evil", "evil"},
        {"/sse/events?last_event_id=x%0D%0A%0D%0Aevent:%20evil%0A%0A", "evil"},
        {"/sse/events?lastEventId=%00%ff%fezz", "zz"},
    };
    assert_non_null(realpath("lighttpd.conf.example", example));
    /* Others let these characters pass, which lighttpd refuses by itself unless told. */
    snprintf(config, sizeof config,
             "server.http-parseopts = ( \"url-ctrls-reject\" => \"disable\",\n"
             "    \"url-invalid-utf8-reject\" => \"disable\" )\n"
             "include \"%s\"",
             example);
    shell_count(s, "n", 1, 3);
    lighttpd_start_with(s, config);
    for (size_t i = 0; i < sizeof query / sizeof *query; i++)
        strange(s, browser_new(s, query[i].path), "unknown", query[i].secret);
}

static void test_earliest_and_last_begin_where_they_say_and_tell_no_gap(void **state)
{
    struct stage *s = *state;
    shell_set(s, "buffer_size", "5");
    shell_count(s, "n", 1, 12);
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events?lastEventId=earliest");
    expect_connected(b);
    expect_replay_start(b, 5);
    expect_count(b, "n", 8, 12);
    expect_replay_end(b, 5);
    b = browser_open(s, "/sse/events?last=2");
    expect_connected(b);
    expect_replay_start(b, 2);
    expect_count(b, "n", 11, 12);
    expect_replay_end(b, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_rows_that_were_trimmed_are_told_to_who_comes_back),
        scenario(test_who_missed_nothing_that_left_is_told_of_no_gap),
        scenario(test_a_connected_browser_is_told_what_one_transaction_pushed_out),
        scenario(test_a_gap_never_jumps_over_a_row_that_is_kept),
        scenario(test_replaced_rows_lose_nothing),
        scenario(test_rows_a_person_deleted_are_told),
        scenario(test_strange_ids_give_one_gap_and_then_live_events),
        scenario(test_strange_ids_in_the_query_are_not_said_back),
        scenario(test_earliest_and_last_begin_where_they_say_and_tell_no_gap),
    };
    return cmocka_run_group_tests_name("gap", tests, NULL, NULL);
}
