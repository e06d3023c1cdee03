/* Batches over HTTP: up to 1,000 events in one request, all of them or none. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

#define BEARER "Authorization: Bearer " TOKEN "\r\n"
#define NDJSON "Content-Type: application/x-ndjson\r\n"
#define JSON "Content-Type: application/json\r\n"

enum { ROWS_MAX = 1001, BODY_SIZE = ROWS_MAX * 64 };

/* So many rows with the numbers from 1 as their data, but `instead` as line `bad`. */
static const char *rows(int n, bool keyed, int bad, const char *instead)
{
    static char body[BODY_SIZE];
    size_t at = 0;
    for (int i = 1; i <= n; i++) {
        if (i == bad)
            at += (size_t)snprintf(body + at, sizeof body - at, "%s\n", instead);
        else if (keyed)
            at +=
                (size_t)snprintf(body + at, sizeof body - at,
                                 "{\"type\":\"n\",\"dedup_key\":\"k%d\",\"data\":%d}\n", i, i);
        else
            at += (size_t)snprintf(body + at, sizeof body - at,
                                   "{\"type\":\"n\",\"data\":\"%d\"}\n", i);
    }
    return body;
}

static struct answer *batch(struct stage *s, const char *type, const char *body)
{
    static struct answer a;
    char headers[256];
    snprintf(headers, sizeof headers, BEARER "%s", type);
    request(s, &a, "POST", "/sse/batch", headers, body);
    return &a;
}

/* The answer of a batch whose ids are those from `first` on. */
static void expect_ids(struct stage *s, const struct answer *a, int first, int n)
{
    const char *at = a->body;
    char id[64];
    if (a->status != 200 || strncmp(at, "{\"ids\":[", 8) != 0)
        fail_stage(s, "waited for ids, came %d: %.200s", a->status, a->body);
    at += 8;
    for (int i = 0; i < n; i++) {
        snprintf(id, sizeof id, "%s\"%s\"", i ? "," : "", id_text(s, first + i));
        if (strncmp(at, id, strlen(id)) != 0)
            fail_stage(s, "waited for %s, came %.40s", id, at);
        at += strlen(id);
    }
    assert_string_equal(at, "]}\n");
}

static void expect_refused(struct stage *s, const struct answer *a, int status, const char *why)
{
    char json[256];
    snprintf(json, sizeof json, "{\"error\":\"%s\"}\n", why);
    if (a->status != status || strcmp(a->body, json) != 0)
        fail_stage(s, "waited for %d %s, came %d %s", status, json, a->status, a->body);
}

static void test_each_row_reaches_whom_it_names(void **state)
{
    struct stage *s = *state;
    char body[512], id[32];
    lighttpd_start(s);
    struct browser *a = browser_open(s, "/sse/events?channel=room-7");
    struct browser *b = browser_open(s, "/sse/events");
    snprintf(id, sizeof id, "%s", expect_connected(a));
    expect_connected(b);
    snprintf(body, sizeof body,
             "{\"channel\":\"room-7\",\"type\":\"chat\",\"data\":\"two\\nlines\"}\r\n\n"
             "{\"session\":\"%s\",\"data\":\"for one\"}\n"
             "{\"data\":{\"n\":0.1,\"big\":12345678901234567890}}",
             id);
    expect_ids(s, batch(s, NDJSON, body), 1, 3);
    expect_event(a, "chat", "two\nlines");
    expect_event(a, "message", "for one");
    expect_event(a, "message", "{\"n\":0.1,\"big\":12345678901234567890}");
    expect_event(b, "message", "{\"n\":0.1,\"big\":12345678901234567890}");
    expect_ids(s, batch(s, JSON, "[ {\"data\" : \"in an\"},\n {\"data\" : \"array\"} ]"), 4, 2);
    expect_event(b, "message", "in an");
    expect_event(b, "message", "array");
    assert_string_equal(shell(s, "SELECT data FROM events WHERE id = 3"),
                        "{\"n\":0.1,\"big\":12345678901234567890}");
}

static void test_a_thousand_rows_come_in_order_and_again_they_are_the_same(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    expect_ids(s, batch(s, NDJSON, rows(1000, true, 0, NULL)), 1, 1000);
    expect_count(b, "n", 1, 1000);
    expect_ids(s, batch(s, NDJSON, rows(1000, true, 0, NULL)), 1, 1000);
    assert_string_equal(shell(s, "SELECT count(*), max(id) FROM events"), "1000|1000");
    publish(s, "", "message", "next");
    expect_event(b, "message", "next");
}

static void test_one_bad_row_publishes_nothing_and_is_named(void **state)
{
    static const struct {
        const char *row, *why;
    } cases[] = {
        {"{\"data\":1}{\"data\":2}", "line 500: something follows the JSON object, at byte 11"},
        {"{\"data\":1,\"chanel\":\"a\"}",
         "line 500: chanel is not a member of a row; it has channel, session, type, data, "
         "dedup_key, key and expires_in"},
        {"{\"data\":1", "line 500: this is not JSON: a comma or } is missing, at byte 10"},
        {"{\"data\":1,\"type\":\"\"}",
         "line 500: type must be 1 to 128 bytes without CR, LF and NUL"},
        {"{\"data\":1,\"channel\":\"@a\"}",
         "line 500: channels that begin with @, user: or rowcast: are reserved"},
        {"{\"data\":1,\"user\":\"7\"}",
         "line 500: user is not a member of a row; it has channel, session, type, data, "
         "dedup_key, key and expires_in"},
    };
    struct stage *s = *state;
    lighttpd_start(s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(s, batch(s, NDJSON, rows(1000, i % 2, 500, cases[i].row)), 400,
                       cases[i].why);
    expect_refused(s,
                   batch(s, NDJSON, rows(3, false, 2, "{\"data\":1,\"session\":\"nobody\"}")),
                   404, "line 2: there is no session nobody");
    expect_refused(s, batch(s, JSON, "[{\"data\":1},{}]"), 400, "row 2: data is missing");
    assert_string_equal(
        shell(s, "SELECT count(*), (SELECT last_id FROM rowcast_log) FROM events"), "0|0");
}

static void test_a_batch_has_a_limit_of_rows_and_one_of_bytes(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    expect_refused(s, batch(s, NDJSON, rows(1001, false, 0, NULL)), 400,
                   "a batch has at most 1000 rows: send it in several");
    expect_refused(s, batch(s, NDJSON, "\n"), 400, "there is no row: a batch has 1 to 1000");
    expect_refused(s, batch(s, JSON, "[]"), 400, "there is no row: a batch has 1 to 1000");
    shell_set(s, "max_event_bytes", "1024");
    await(s, batch(s, NDJSON, rows(100, false, 0, NULL))->status == 413);
    expect_refused(s, batch(s, NDJSON, rows(100, false, 0, NULL)), 413,
                   "the batch is larger than max_event_bytes (1024): send it in several, or a "
                   "row alone by broadcast");
    int next = atoi(shell(s, "SELECT last_id + 1 FROM rowcast_log"));
    expect_refused(s, batch(s, NDJSON, rows(1000, false, 0, NULL)), 413,
                   "the batch is larger than max_event_bytes (1024): send it in several, or a "
                   "row alone by broadcast");
    expect_ids(s, batch(s, NDJSON, rows(10, false, 0, NULL)), next, 10);
}

static void test_a_batch_is_for_publishers_and_is_posted(void **state)
{
    static const struct {
        const char *method, *path, *headers;
        int status;
    } cases[] = {
        {"POST", "/sse/batch", NDJSON, 401},
        {"GET", "/sse/batch", BEARER, 405},
        {"POST", "/sse/batch?channel=a", BEARER NDJSON, 400},
        {"POST", "/sse/batch", BEARER "Content-Type: multipart/form-data; boundary=x\r\n", 415},
        {"POST", "/sse/batch", BEARER NDJSON "Content-Encoding: gzip\r\n", 415},
    };
    struct stage *s = *state;
    struct answer a;
    lighttpd_start(s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        request(s, &a, cases[i].method, cases[i].path, cases[i].headers,
                strcmp(cases[i].method, "POST") == 0 ? "{\"data\":1}" : NULL);
        if (a.status != cases[i].status || !strstr(a.body, "{\"error\":\""))
            fail_stage(s, "case %zu: waited for %d, came %d %s", i, cases[i].status, a.status,
                       a.body);
    }
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), "0");
}

static void test_a_plain_cgi_process_publishes_a_batch_too(void **state)
{
    struct stage *s = *state;
    lighttpd_start_cgi(s);
    expect_ids(s, batch(s, NDJSON, rows(1000, false, 0, NULL)), 1, 1000);
    expect_refused(s, batch(s, NDJSON, rows(2, false, 2, "{}")), 400,
                   "line 2: data is missing");
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), "1000");
}

/* ---- killed in the middle ------------------------------------------------------------ */

enum { KILLED_ROWS = 500 };

struct publisher {
    struct stage *stage;
    pthread_t thread;
    atomic_bool enough;
    atomic_int taken; /* batches that were answered with ids */
};

static void *publish_batches(void *arg)
{
    struct publisher *p = arg;
    const char *body = rows(KILLED_ROWS, false, 0, NULL);
    while (!atomic_load(&p->enough))
        if (batch(p->stage, NDJSON, body)->status == 200)
            atomic_fetch_add(&p->taken, 1);
        else
            pause_ms(100); /* nobody is there */
    return NULL;
}

static void test_killed_in_the_middle_each_batch_is_there_whole_or_not_at_all(void **state)
{
    struct stage *s = *state;
    struct publisher p = {.stage = s};
    shell_set(s, "buffer_size", "1000000");
    lighttpd_start(s);
    assert_int_equal(pthread_create(&p.thread, NULL, publish_batches, &p), 0);
    for (int kills = 1; kills <= 5; kills++) {
        await(s, atomic_load(&p.taken) >= 3 * kills);
        pid_t pid = responder_pid(s);
        kill(pid, SIGKILL);
        await(s, process_ended(pid, NULL) || responder_pid(s) != pid);
    }
    atomic_store(&p.enough, true);
    pthread_join(p.thread, NULL);
    int have = atoi(shell(s, "SELECT count(*) FROM events"));
    assert_int_equal(have % KILLED_ROWS, 0);
    assert_in_range(have / KILLED_ROWS, atomic_load(&p.taken), atomic_load(&p.taken) + 5);
    assert_string_equal(shell(s,
                              "SELECT count(*) FROM events WHERE CAST(data AS INTEGER) <> "
                              "(id - 1) %% %d + 1",
                              KILLED_ROWS),
                        "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_each_row_reaches_whom_it_names),
        scenario(test_a_thousand_rows_come_in_order_and_again_they_are_the_same),
        scenario(test_one_bad_row_publishes_nothing_and_is_named),
        scenario(test_a_batch_has_a_limit_of_rows_and_one_of_bytes),
        scenario(test_a_batch_is_for_publishers_and_is_posted),
        scenario(test_a_plain_cgi_process_publishes_a_batch_too),
        scenario(test_killed_in_the_middle_each_batch_is_there_whole_or_not_at_all),
    };
    return cmocka_run_group_tests_name("publish_batch", tests, NULL, NULL);
}
