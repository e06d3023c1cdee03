/* Events that expire: who listens gets them, and after their time nobody does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

#define NOW "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"

/* Half a second after which an event that expired is in no answer any more. */
enum { LATEST_MS = 500 };

static int64_t shell_clock(struct stage *s)
{
    return atoll(shell(s, "SELECT " NOW));
}

static void expect_absent(struct stage *s, const char *path, const char *there)
{
    struct answer a;
    request(s, &a, "GET", path, NULL, NULL);
    if (a.status != 200 || strstr(a.body, "brief") || strstr(a.body, "event: gap") ||
        !strstr(a.body, there))
        fail_stage(s, "%s: %d, with\n%s", path, a.status, a.body);
}

static void expect_posted(struct stage *s, const char *path, const char *data)
{
    struct answer a;
    post(s, &a, path, data);
    assert_int_equal(a.status, 200);
}

/* Of "first", "brief" and "last", who asks gets the first and the last. */
static void expect_nowhere(struct stage *s)
{
    expect_absent(s, "/sse/events?wait=0&lastEventId=earliest", "\"count\":2}");
    expect_absent(s, "/sse/events?wait=0&last=1", "data: last");
    expect_absent(s, "/sse/events?wait=0&last=2", "data: first");
    expect_absent(s, "/sse/history?after=earliest", "\"gap\":null");
}

/* The open stream keeps the process and its tail, which has all three events. */
static void test_an_event_reaches_who_listens_and_is_nowhere_after_its_time(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *open = browser_open(s, "/sse/events"),
                   *away = browser_open(s, "/sse/events");
    expect_connected(open);
    expect_connected(away);
    expect_posted(s, "/sse/broadcast", "first");
    expect_event(away, "message", "first");
    browser_come_back(away, false);
    browser_cut(away);
    expect_posted(s, "/sse/broadcast?expires_in=2", "brief");
    int64_t until = shell_clock(s) + 2000 + LATEST_MS;
    expect_posted(s, "/sse/broadcast", "last");
    expect_event(open, "message", "first");
    expect_event(open, "message", "brief");
    expect_event(open, "message", "last");
    await(s, shell_clock(s) > until);
    browser_come_back(away, true);
    browser_connect(away);
    expect_connected(away);
    expect_replay_start(away, 1);
    expect_event(away, "message", "last");
    expect_replay_end(away, 1);
    expect_nowhere(s);
    expect_posted(s, "/sse/broadcast", "live");
    expect_event(open, "message", "live");
    expect_event(away, "message", "live");
}

/* Insert the numbers from `first` to `last`; each third of them stays, the others expire within a
 * second. */
static void insert_brief(struct stage *s, int first, int last)
{
    shell(s,
          "INSERT INTO events(type, data, expires_at) WITH RECURSIVE n(i) AS (SELECT %d UNION "
          "ALL SELECT i + 1 FROM n WHERE i < %d) SELECT 'n', i, "
          "iif(i %% 3 = 0, NULL, " NOW " + abs(random()) %% 1000) FROM n",
          first, last);
}

/* Some of them are due when the feeder reads them. */
static void expect_those_that_stay(struct stage *s, struct browser *b, int last)
{
    int newest = 0, stayed = 0;
    const struct sse_event *e = NULL;
    while (newest < last && (e = browser_next(b, PATIENCE))) {
        if (strcmp(e->type, "n") != 0 || atoi(e->data) <= newest)
            fail_stage(s, "%s %s came after %d", e->type, e->data, newest);
        newest = atoi(e->data);
        stayed += newest % 3 == 0;
    }
    if (!e || stayed != last / 3)
        fail_stage(s, "%d of %d came, up to %d", stayed, last / 3, newest);
}

static void test_events_that_expire_by_the_hundred_hide_none_of_the_others(void **state)
{
    enum { STEP = 30, LAST = 900 };
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *open = browser_open(s, "/sse/events");
    expect_connected(open);
    for (int i = 0; i < LAST; i += STEP)
        insert_brief(s, i + 1, i + STEP);
    expect_those_that_stay(s, open, LAST);
    int64_t until = shell_clock(s) + 1000 + LATEST_MS;
    await(s, shell_clock(s) > until);
    struct browser *late = browser_open(s, "/sse/events?lastEventId=earliest");
    expect_connected(late);
    expect_replay_start(late, LAST / 3);
    for (int i = 3; i <= LAST; i += 3)
        expect_count(late, "n", i, i);
    expect_replay_end(late, LAST / 3);
    await(s, atoi(shell(s, "SELECT count(*) FROM events")) == LAST / 3); /* the janitor */
    assert_string_equal(shell(s, "SELECT trimmed_to FROM rowcast_log"), "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_an_event_reaches_who_listens_and_is_nowhere_after_its_time),
        scenario(test_events_that_expire_by_the_hundred_hide_none_of_the_others),
    };
    return cmocka_run_group_tests_name("expiry", tests, NULL, NULL);
}
