/* What happened, as JSON: for a page that loads it first and then listens, and for a script. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"
#include "tests/scenario/wire.h"

enum { ROWS = 600, ROUNDS = 5, CHANNELS = 64 };

/* Rows from shells of their own, while others look.  The row with the number i is for everyone, for
 * one of the channels or for the session, in turn; rows of another type and another channel stand
 * between them. */
static pid_t insert_for_all(struct stage *s, const char *session)
{
    static char script[1024];
    snprintf(script, sizeof script,
             "i=1; while [ $i -le %d ]; do sqlite3 -cmd '.timeout 20000' '%s' \""
             "INSERT INTO events(channel, session_id, type, data) VALUES "
             "('', NULL, 'n', $i), ('elsewhere', NULL, 'n', 0), ('', NULL, 'other', 0), "
             "('room-$((i %% %d))', NULL, 'n', $((i + 1))), ('', '%s', 'n', $((i + 2)))"
             "\" || exit 1; i=$((i + 3)); done",
             ROWS - 2, s->db, CHANNELS, session);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return process_start(argv, NULL, NULL, NULL);
}

/* The address of a path with all channels and one type, and what `more` says. */
static const char *address(const char *path, const char *more)
{
    static char text[4096];
    int n = snprintf(text, sizeof text, "%s?types=n&%s", path, more);
    for (int i = 0; i < CHANNELS; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "&channel=room-%d", i);
    return text;
}

/* Read the numbers of an answer: they have to follow `last`, which moves on.  Returns whether there
 * are more. */
static bool take_numbers(struct stage *s, const struct answer *a, int *last, char next[32])
{
    const char *at = a->body;
    if (a->status != 200 || !strstr(a->body, "\"gap\":null,"))
        fail_stage(s, "waited for an answer without a gap, came %d\n%s", a->status, a->body);
    while ((at = strstr(at, "\"data\":\""))) {
        at += 8;
        if (atoi(at) != ++*last)
            fail_stage(s, "waited for %d, came:\n%s", *last, a->body);
    }
    at = strstr(a->body, "\"next\":\"");
    assert_non_null(at);
    snprintf(next, 32, "%.*s", (int)strcspn(at + 8, "\""), at + 8);
    return strstr(a->body, "\"more\":true");
}

/* Load what there is, in as many answers as it takes, as the client of that session. */
static void load(struct stage *s, const char *token, int *last, char next[32])
{
    char headers[128], more[96];
    struct answer a;
    snprintf(headers, sizeof headers, "User-Agent: scenario\r\nCookie: sse-session-id=%s\r\n",
             token);
    do {
        snprintf(more, sizeof more, "limit=%d&after=%s", 7 + *last % 30, next);
        request(s, &a, "GET", address("/sse/history", more), headers, NULL);
    } while (take_numbers(s, &a, last, next));
}

/* A page loads what happened, then listens; it is reloaded, and goes on where it was. */
static void test_history_and_the_stream_behind_it_give_each_event_once(void **state)
{
    struct stage *s = *state;
    char session[64], token[64], next[32] = "earliest", more[96];
    int last = 0;
    lighttpd_start(s);
    struct browser *first = browser_open(s, "/sse/events");
    snprintf(session, sizeof session, "%s", expect_connected(first));
    snprintf(token, sizeof token, "%s", browser_cookie(first));
    pid_t publisher = insert_for_all(s, session);
    for (int round = 1; round <= ROUNDS; round++) {
        int rows = round * ROWS / ROUNDS;
        await(s, atoi(shell(s, "SELECT max(data + 0) FROM events WHERE type = 'n'")) >= rows);
        load(s, token, &last, next);
        int to = round == ROUNDS || last + 20 > ROWS ? ROWS : last + 20;
        snprintf(more, sizeof more, "lastEventId=%s", next);
        struct browser *b = browser_new(s, address("/sse/events", more));
        browser_share_cookie(b, first);
        browser_connect(b);
        expect_rows(b, "n", last + 1, to);
        if (to > last)
            snprintf(next, sizeof next, "%s", browser_last_id(b));
        last = to;
        browser_close(b);
    }
    assert_int_equal(process_stop(s, publisher, 0), 0);
    load(s, token, &last, next);
    assert_int_equal(last, ROWS);
    assert_string_equal(shell_sessions(s, "SELECT count(*) FROM sessions"), "1");
}

static void test_a_script_reads_json_with_any_tool(void **state)
{
    struct stage *s = *state;
    struct answer a;
    lighttpd_start(s);
    shell(s, "INSERT INTO events(channel, type, key, data) VALUES "
             "('prices', 'price', 'apples', '{\"n\":0.1}')");
    request(s, &a, "GET", "/sse/history?channel=prices", NULL, NULL);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.head, "application/json"));
    assert_non_null(strstr(a.head, "no-store"));
    assert_null(strstr(a.head, "sse-session-id"));
    assert_non_null(strstr(a.body, "\"channel\":\"prices\",\"type\":\"price\","
                                   "\"data\":\"{\\\"n\\\":0.1}\",\"at\":"));
    assert_non_null(strstr(a.body, ",\"key\":\"apples\"}]"));
    request(s, &a, "GET", "/sse/events?wait=0&channel=prices", "Accept: application/json\r\n",
            NULL);
    assert_non_null(strstr(a.body, ",\"key\":\"apples\"}]"));
    request(s, &a, "GET", "/sse/events?wait=0&channel=prices",
            "Accept: application/json, text/event-stream\r\n", NULL);
    assert_non_null(strstr(a.body, "event: connected\n"));
}

/* The text with this log's epoch for each @. */
static const char *with_epoch(const struct stage *s, const char *text, char out[128])
{
    size_t n = 0;
    for (; *text && n < 100; text++)
        n += (size_t)snprintf(out + n, 128 - n, "%.*s", *text == '@' ? 8 : 1,
                              *text == '@' ? s->epoch : text);
    return out;
}

static void test_what_is_invalid_is_refused_and_what_is_gone_is_told(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *part; /* of the answer */
    } cases[] = {
        {"/sse/history?limit=0", 400, "from 1 to 1000"},
        {"/sse/history?limit=x", 400, "from 1 to 1000"},
        {"/sse/history?last=9", 400, "it has channel=, types=, after= and limit="},
        {"/sse/history?after=01234567-1", 200, "\"gap\":{\"reason\":\"epoch\",\"from\":null,"},
        {"/sse/history?after=x", 200, "\"gap\":{\"reason\":\"unknown\","},
        {"/sse/history?after=@-9", 200, "\"gap\":{\"reason\":\"future\","},
        {"/sse/history?after=@-1", 200, "\"trimmed\",\"from\":\"@-1\",\"oldest\":\"@-3\"}"},
        {"/sse/history?after=@-3", 200, "\"next\":\"@-3\",\"gap\":null,\"more\":false}"},
        {"/sse/history?after=earliest", 200, "{\"events\":[{\"id\":\"@-3\",\"channel\":\"\","},
        {"/sse/history", 200, "\"next\":\"@-3\",\"gap\":null,\"more\":false}"},
    };
    struct stage *s = *state;
    lighttpd_start(s);
    shell_count(s, "n", 1, 3);
    shell(s, "DELETE FROM events WHERE id < 3");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128], part[128];
        struct answer a;
        request(s, &a, "GET", with_epoch(s, cases[i].path, path), NULL, NULL);
        if (a.status != cases[i].status || !strstr(a.body, with_epoch(s, cases[i].part, part)))
            fail_stage(s, "%s: waited for %d, %s, came %d, %s", path, cases[i].status, part,
                       a.status, a.body);
    }
}

enum { EVENTS = 10, SIZE = 100000 };

static void insert_much(struct stage *s)
{
    shell(s,
          "INSERT INTO events(type, data) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i "
          "+ 1 "
          "FROM n WHERE i < %d) SELECT 'n', printf('%%%ds', i) FROM n",
          EVENTS, SIZE);
}

static void read_all(struct stage *s, struct wire *w)
{
    static char bytes[EVENTS * (SIZE + 200)];
    size_t have = 0;
    int64_t until = now_ms() + PATIENCE;
    if (!wire_read_head(w, until))
        fail_stage(s, "no answer");
    while (!w->ended && have < sizeof bytes - 1 && now_ms() < until)
        have += wire_read(w, bytes + have, sizeof bytes - 1 - have, until);
    if (!w->ended || have <= EVENTS * SIZE || memcmp(bytes + have - 8, ":false}\n", 8) != 0)
        fail_stage(s, "waited for %d bytes and the end, came %zu", EVENTS * SIZE, have);
    wire_close(w);
}

/* Larger than the buffers on the way, and read by nobody at first. */
static void test_a_large_answer_is_whole(void **state)
{
    struct stage *s = *state;
    struct wire w;
    lighttpd_start(s);
    insert_much(s);
    assert_true(wire_ask(&w, s, "GET", "/sse/history", "Connection: close\r\n", ""));
    expect_delivery(s, 1); /* others are served meanwhile */
    read_all(s, &w);
}

static void test_plain_cgi_answers_with_history_too(void **state)
{
    struct stage *s = *state;
    struct wire w;
    lighttpd_start_cgi(s);
    insert_much(s);
    assert_true(wire_ask(&w, s, "GET", "/sse/history", "Connection: close\r\n", ""));
    read_all(s, &w);
    assert_true(wire_ask(&w, s, "GET", "/sse/events?wait=0",
                         "Connection: close\r\nAccept: application/json\r\n", ""));
    read_all(s, &w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_history_and_the_stream_behind_it_give_each_event_once),
        scenario(test_a_script_reads_json_with_any_tool),
        scenario(test_what_is_invalid_is_refused_and_what_is_gone_is_told),
        scenario(test_a_large_answer_is_whole),
        scenario(test_plain_cgi_answers_with_history_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
