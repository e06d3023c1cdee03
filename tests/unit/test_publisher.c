/* The publisher's thread: who is answered what, whatever is in its way. */
#include "fcgi/hub/publisher.h"
#include "fcgi/request/publish.h"
#include "fcgi/request/publish_batch.h"
#include "tests/unit/place.h"
#include "tests/unit/some_session.h"

#include <sqlite3.h>

enum { POSTS_MAX = 64 };

struct house {
    struct place *place;
    struct publisher *publisher;
    sqlite3 *shell;
    int client[POSTS_MAX];
    int posts;
};

static void shell(struct house *h, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(h->shell, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

static int64_t number(struct house *h, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(h->shell, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

static int house_open(void **state)
{
    struct house *h = calloc(1, sizeof *h);
    assert_non_null(h);
    place_open((void **)&h->place);
    assert_non_null(h->publisher = publisher_new(h->place->db));
    assert_int_equal(sqlite3_open(h->place->db, &h->shell), SQLITE_OK);
    sqlite3_busy_timeout(h->shell, 10000);
    *state = h;
    return 0;
}

static int house_close(void **state)
{
    struct house *h = *state;
    publisher_free(h->publisher);
    sqlite3_close(h->shell);
    place_close((void **)&h->place);
    free(h);
    return 0;
}

/* POST; the answer is to be read from h->client. */
static void post(struct house *h, const char *query, const char *body, int buffer)
{
    char variable[65536];
    struct request r;
    struct query q;
    snprintf(variable, sizeof variable, "QUERY_STRING=%s", query);
    request_make(&r, &h->client[h->posts++], ENVIRONMENT("REQUEST_METHOD=POST", variable),
                 body);
    if (buffer)
        setsockopt(r.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    assert_int_equal(query_parse(&q, query, strlen(query)), QUERY_OK);
    struct publishing *made = strstr(query, "session=")
                                  ? publish_send(h->place->settings, &r, &q)
                                  : publish_broadcast(h->place->settings, &r, &q);
    if (made)
        assert_true(publisher_post(h->publisher, made));
    assert_int_equal(r.fd, -1);
    assert_null(q.list);
}

static struct publishing *batch_made(struct house *h, const char *body)
{
    struct request r;
    struct query q = {0};
    request_make(&r, &h->client[h->posts++], ENVIRONMENT("REQUEST_METHOD=POST"), body);
    struct publishing *made = publish_batch(h->place->settings, &r, &q);
    assert_non_null(made);
    return made;
}

static void post_batch(struct house *h, const char *body)
{
    assert_true(publisher_post(h->publisher, batch_made(h, body)));
}

static void post_number(struct house *h, int i)
{
    char body[16];
    snprintf(body, sizeof body, "%d", i);
    post(h, i % 10 == 5 ? "type=gap" : "type=n", body, 0);
}

/* Row `id` of the log has this number. */
static void expect_taken(struct house *h, int i, int64_t id)
{
    char part[32], sql[128];
    char *text = read_to_end(h->client[i], NULL);
    snprintf(part, sizeof part, "-%lld\"}", (long long)id);
    assert_has(text, "Status: 200 ");
    assert_has(text, part);
    free(text);
    snprintf(sql, sizeof sql, "SELECT data FROM events WHERE id = %lld", (long long)id);
    assert_int_equal(number(h, sql), i);
}

static void expect_status(struct house *h, int i, const char *status, const char *part)
{
    char *text = read_to_end(h->client[i], NULL);
    assert_has(text, status);
    assert_has(text, part);
    free(text);
}

static void test_what_waits_is_committed_in_its_order_and_refused_alone(void **state)
{
    struct house *h = *state;
    int64_t id = 0;
    shell(h, "BEGIN IMMEDIATE");
    for (int i = 0; i < 50; i++)
        post_number(h, i);
    shell(h, "COMMIT");
    for (int i = 0; i < 50; i++)
        if (i % 10 == 5)
            expect_status(h, i, "Status: 400 ", "reserved");
        else
            expect_taken(h, i, ++id);
    assert_int_equal(number(h, "SELECT count(*) FROM events"), 45);
}

static void test_more_than_a_group_holds_is_committed_in_several(void **state)
{
    struct house *h = *state;
    static char large[PUBLISHER_GROUP_BYTES * 2 / 3];
    memset(large, 'x', sizeof large - 1);
    shell(h, "BEGIN IMMEDIATE");
    for (int i = 0; i < 40; i++) /* more than there is room for: who posts does not wait */
        post(h, "type=large", large, 0);
    assert_false(publisher_admits(h->publisher, true));
    shell(h, "COMMIT");
    for (int i = 0; i < 40; i++)
        expect_status(h, i, "Status: 200 ", "{\"id\":");
    assert_int_equal(number(h, "SELECT count(*) FROM events"), 40);
}

/* A batch of more rows than a group has, between others: it goes alone, and in its turn. */
static void test_a_batch_is_committed_in_its_turn_and_nobody_is_refused_for_it(void **state)
{
    struct house *h = *state;
    static char rows[STORE_ROWS_MAX * 16];
    size_t at = 0;
    for (int i = 0; i < STORE_ROWS_MAX; i++)
        at += (size_t)snprintf(rows + at, sizeof rows - at, "{\"data\":%d}\n", i);
    shell(h, "BEGIN IMMEDIATE");
    post_number(h, 0);
    post_batch(h, rows);
    post_batch(h, "{\"data\":1}\n{\"data\":2,\"type\":\"gap\"}");
    post_batch(h, "[{\"data\":1},{\"data\":2}]");
    post_number(h, 4);
    shell(h, "COMMIT");
    expect_taken(h, 0, 1);
    expect_status(h, 1, "Status: 200 ", "-1001\"]}");
    expect_status(h, 2, "Status: 400 ", "{\"error\":\"line 2: type is a word of the protocol");
    expect_status(h, 3, "Status: 200 ", "-1003\"]}");
    expect_taken(h, 4, 1004);
    assert_int_equal(number(h, "SELECT last_id FROM rowcast_log"), 1004);
}

/* By these numbers groups are made, and memory is bounded. */
static void test_a_batch_counts_with_all_its_rows_and_bytes(void **state)
{
    enum { LEN = 100000 };
    struct house *h = *state;
    static char data[LEN + 1], body[2 * LEN + 100];
    memset(data, 'x', LEN);
    snprintf(body, sizeof body, "{\"data\":\"%s\"}\n{\"data\":\"%s\"}", data, data);
    struct publishing *made = batch_made(h, body);
    assert_int_equal(publishing_rows(made), 2);
    assert_in_range(publishing_data(made), 2 * LEN, 2 * LEN + 200);
    assert_in_range(made->bytes, 6 * LEN, 20 * LEN); /* the body, and the rows made of it */
    assert_true(publisher_post(h->publisher, made));
    expect_status(h, 0, "Status: 200 ", "-2\"]}");
}

static void test_an_end_commits_and_answers_what_was_handed_over(void **state)
{
    struct house *h = *state;
    for (int i = 0; i < 5; i++)
        post_number(h, i);
    publisher_free(h->publisher);
    h->publisher = NULL;
    for (int i = 0; i < 5; i++)
        expect_taken(h, i, i + 1);
}

static void test_an_end_has_no_patience_with_a_lock_and_answers_all(void **state)
{
    struct house *h = *state;
    shell(h, "BEGIN IMMEDIATE");
    for (int i = 0; i < 5; i++)
        post_number(h, i);
    publisher_free(h->publisher); /* else it would take five seconds, and the test fail */
    h->publisher = NULL;
    shell(h, "COMMIT");
    for (int i = 0; i < 5; i++)
        expect_status(h, i, "Status: 503 ", "locked");
    assert_int_equal(number(h, "SELECT count(*) FROM events"), 0);
}

static void test_a_log_that_stays_locked_is_told_to_each_in_its_turn(void **state)
{
    struct house *h = *state;
    shell(h, "BEGIN IMMEDIATE");
    post_number(h, 0);
    expect_status(h, 0, "Status: 503 ", "another program is writing");
    post_number(h, 1);
    shell(h, "COMMIT");
    expect_taken(h, 1, 1);
}

/* Its answer has 500 ids, and its socket takes a part of them. */
static void
test_a_client_that_does_not_read_holds_nobody_up_and_gets_all_in_the_end(void **state)
{
    struct house *h = *state;
    char id[SESSION_ID_SIZE], query[65536];
    size_t at = 0, len;
    some_session(h->place->store, h->place->settings, id);
    for (int i = 0; i < 500; i++)
        at += (size_t)snprintf(query + at, sizeof query - at, "%ssession=%s", i ? "&" : "", id);
    post(h, query, "for you", 1);
    post(h, "type=n", "1", 0);
    expect_taken(h, 1, 501);
    char *text = read_to_end(h->client[0], &len);
    assert_has(text, "Status: 200 ");
    assert_string_equal(text + len - 8, "-500\"]}\n");
    free(text);
}

static void test_a_client_that_left_is_no_trouble(void **state)
{
    struct house *h = *state;
    shell(h, "BEGIN IMMEDIATE");
    post_number(h, 0);
    post_number(h, 1);
    close(h->client[0]);
    shell(h, "COMMIT");
    expect_taken(h, 1, 2);
    assert_int_equal(number(h, "SELECT count(*) FROM events"), 2);
}

int main(void)
{
#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, house_open, house_close)
    const struct CMUnitTest tests[] = {
        IN_HOUSE(test_what_waits_is_committed_in_its_order_and_refused_alone),
        IN_HOUSE(test_more_than_a_group_holds_is_committed_in_several),
        IN_HOUSE(test_a_batch_is_committed_in_its_turn_and_nobody_is_refused_for_it),
        IN_HOUSE(test_a_batch_counts_with_all_its_rows_and_bytes),
        IN_HOUSE(test_an_end_commits_and_answers_what_was_handed_over),
        IN_HOUSE(test_an_end_has_no_patience_with_a_lock_and_answers_all),
        IN_HOUSE(test_a_log_that_stays_locked_is_told_to_each_in_its_turn),
        IN_HOUSE(test_a_client_that_does_not_read_holds_nobody_up_and_gets_all_in_the_end),
        IN_HOUSE(test_a_client_that_left_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
