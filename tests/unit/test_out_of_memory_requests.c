/* Whole requests over a real store, with each allocation failing: a stream is told `later` and
 * leaves no row, a publisher is told 503 and nothing is in the log.  Nobody is left without an
 * answer, which needs no memory if it must. */
#include "fcgi/hub/publisher.h"
#include "fcgi/request/answer.h"
#include "tests/unit/place.h"
#include "tests/unit/some_session.h"

#include <sqlite3.h>

#include "tests/unit/failing_memory.h"

#define POST(path, type)                                                                       \
    ENVIRONMENT("REQUEST_METHOD=POST", "PATH_INFO=" path, "HTTP_AUTHORIZATION=Bearer secret",  \
                "CONTENT_TYPE=" type)
#define FORM "application/x-www-form-urlencoded"

static int64_t count(const struct place *p, const char *file, const char *sql)
{
    char path[96];
    sqlite3 *db;
    sqlite3_stmt *stmt = NULL;
    snprintf(path, sizeof path, "%s%s", p->db, file);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

static int64_t open_streams(const struct place *p)
{
    return count(p, ".sessions", "SELECT count(*) FROM streams WHERE ended_at IS NULL");
}

static int64_t events(const struct place *p)
{
    return count(p, "", "SELECT count(*) FROM events");
}

struct asked {
    const char *const *environment;
    const char *body;
    bool anew; /* with a store that has opened nothing yet */
};

/* What came of it. */
struct answered {
    struct ticket *ticket;
    char *text;
    long failures;
};

static struct answered ask(struct place *p, const struct asked *a, long n, bool lasting)
{
    struct answerer answerer = {.store = p->store};
    struct answered got;
    struct request r;
    int client;

    request_make(&r, &client, a->environment, a->body);
    if (a->anew) {
        store_close(p->store);
        assert_int_equal(store_open(&p->store, p->db), STORE_OK);
        answerer.store = p->store;
    }
    memory_fail(MEMORY_MINE, n, lasting);
    got.ticket = request_answer(&answerer, p->settings, &r, ANSWER_AT_ONCE);
    got.failures = memory_mend();
    assert_int_equal(r.fd, -1);
    if (got.ticket == NULL) {
        got.text = read_to_end(client, NULL);
    } else {
        got.text = strndup(got.ticket->prologue.bytes, got.ticket->prologue.len);
        close(client);
    }
    return got;
}

/* Let each allocation of the request fail; `check` looks at what came of it. */
static void fail_each_allocation(struct place *p, const struct asked *a,
                                 void (*check)(struct place *p, struct answered *got))
{
    int before = 0;
    for (int lasting = 0; lasting < 2; lasting++) {
        long failures = 1;
        for (long n = 1; failures > 0; n++) {
            struct answered got = ask(p, a, n, lasting);
            failures = got.failures;
            assert_true(n > 1 || failures > 0);
            check(p, &got);
            ticket_free(got.ticket);
            free(got.text);
            if (n == 1 && !lasting)
                before = descriptors();
        }
    }
    assert_in_range(descriptors(), 0, before + 8); /* those of the log, opened meanwhile */
}

static void check_stream(struct place *p, struct answered *got)
{
    if (got->ticket != NULL) {
        const struct ending *e = got->ticket->ending;
        assert_int_equal(open_streams(p), e != NULL);
        if (e)
            assert_int_equal(store_ended(p->store, &e->bookmark, 1), STORE_OK);
        assert_has(got->text, "event: connected\n");
        return;
    }
    assert_int_not_equal(got->failures, 0);
    assert_int_equal(open_streams(p), 0);
    assert_has(got->text, "Status: 200 OK\r\n");
    assert_has(got->text, "\r\n\r\nevent: later\nretry: ");
}

static void test_a_stream_comes_later_and_leaves_no_row_behind(void **state)
{
    struct place *p = *state;
    const char *const plain[] = {"REQUEST_METHOD=GET", "PATH_INFO=/events", NULL};
    const char *const rich[] = {"REQUEST_METHOD=GET",
                                "PATH_INFO=/events",
                                "HTTP_USER_AGENT=browser",
                                "HTTP_X_ONE=1",
                                "HTTP_LAST_EVENT_ID=00000000-1",
                                "QUERY_STRING=channel=room&channel=hall&types=message,a&last=2",
                                NULL};
    const char *const newest[] = {"REQUEST_METHOD=GET", "PATH_INFO=/events",
                                  "QUERY_STRING=channel=room&types=message&last=3", NULL};
    const char *const *const requests[] = {plain, rich, newest};

    strcpy(p->settings->meta_headers, "X-One,X-Two");
    for (int i = 0; i < 5; i++)
        place_publish(p, i % 2 == 0 ? "" : "room", "before");
    for (int i = 0; i < 6; i++) {
        struct asked a = {.environment = requests[i / 2], .anew = i % 2 == 1};
        fail_each_allocation(p, &a, check_stream);
    }
}

static int64_t published; /* events in the log so far */

static void check_publisher(struct place *p, struct answered *got)
{
    assert_null(got->ticket);
    if (strstr(got->text, "Status: 200 ") == NULL)
        assert_has(got->text, "Status: 503 Service Unavailable\r\n");
    else
        published++;
    if (events(p) > published && got->failures > 0) /* committed; the answer found no memory */
        published++;
    if (got->failures == 0)
        assert_has(got->text, "{\"id");
    assert_int_equal(events(p), published);
}

static void test_a_publisher_is_told_503_and_never_that_its_request_is_wrong(void **state)
{
    struct place *p = *state;
    char session[64];
    char id[SESSION_ID_SIZE];

    some_session(p->store, p->settings, id);
    snprintf(session, sizeof session, "QUERY_STRING=session=%s", id);
    const char *const to_one[] = {"REQUEST_METHOD=POST", "PATH_INFO=/send", session,
                                  "HTTP_AUTHORIZATION=Bearer secret", NULL};
    const struct asked asked[] = {
        {.environment = POST("/broadcast", FORM), .body = "type=a&data=b"},
        {.environment = POST("/broadcast", "text/plain"), .body = "hello", .anew = true},
        {.environment = to_one, .body = "psst"},
        {.environment = POST("/batch", "application/x-ndjson"),
         .body = "{\"data\":{\"n\":[1,2]},\"channel\":\"a channel with a long name\"}\n"},
        {.environment = POST("/batch", "application/json"),
         .body = "[{\"data\":1}]",
         .anew = true},
    };
    published = 0;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        fail_each_allocation(p, &asked[i], check_publisher);
}

/* The same by the publisher's thread, in which memory fails. */
static long post_to_a_thread(struct place *p, const struct asked *a, long n, bool lasting)
{
    struct answerer answerer = {.store = p->store};
    struct publisher *publisher = publisher_new(p->db);
    struct answered got = {0};
    struct request r;
    int client;

    assert_non_null(publisher);
    request_make(&r, &client, a->environment, a->body);
    memory_fail(MEMORY_OTHERS, n, lasting);
    assert_int_not_equal(answer_judge(&answerer, p->settings, &r), ANSWER_SAID);
    struct outcome o = answer(&answerer, p->settings, &r, ANSWER_AT_ONCE);
    assert_true(publisher_post(publisher, o.publishing));
    got.text = read_to_end(client, NULL);
    got.failures = memory_mend();
    publisher_free(publisher);
    check_publisher(p, &got);
    free(got.text);
    return got.failures;
}

static void test_the_publishers_thread_says_503_and_what_it_says_is_true(void **state)
{
    struct place *p = *state;
    const struct asked asked[] = {
        {.environment = POST("/broadcast", "text/plain"), .body = "hello"},
        {.environment = POST("/batch", "text/plain"), .body = "{\"data\":\"hello\"}"},
    };
    published = 0;
    for (int i = 0; i < 4; i++) {
        long failures = 1;
        for (long n = 1; failures > 0; n++)
            failures = post_to_a_thread(p, &asked[i / 2], n, i % 2 == 1);
    }
}

static void check_manager(struct place *p, struct answered *got)
{
    (void)p;
    assert_null(got->ticket);
    if (got->failures == 0)
        assert_has_not(got->text, "out of memory");
    else /* 404: the session is not there, which memory cannot hide */
        assert_true(strstr(got->text, "Status: 200 ") || strstr(got->text, "Status: 404 ") ||
                    strstr(got->text, "Status: 503 "));
}

static void test_stats_and_disconnect_say_so_too(void **state)
{
    struct place *p = *state;
    const char *const stats[] = {"REQUEST_METHOD=GET", "PATH_INFO=/stats",
                                 "HTTP_AUTHORIZATION=Bearer secret", NULL};
    const struct asked asked[] = {
        {.environment = stats},
        {.environment = stats, .anew = true},
        {.environment = POST("/disconnect", FORM), .body = "session=71b0"},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        fail_each_allocation(p, &asked[i], check_manager);
}

static void check_history(struct place *p, struct answered *got)
{
    (void)p;
    assert_null(got->ticket);
    assert_has_not(got->text, "unasked"); /* also if the types could not be read */
    if (strstr(got->text, "Status: 200 "))
        assert_has(got->text, "-6\",\"gap\":null,\"more\":false}\n"); /* all of it */
    else
        assert_has(got->text, "Status: 503 Service Unavailable\r\n");
    if (got->failures == 0)
        assert_has(got->text, "Status: 200 ");
}

static void test_history_is_whole_or_503(void **state)
{
    struct place *p = *state;
    const char *const history[] = {"REQUEST_METHOD=GET", "PATH_INFO=/history",
                                   "HTTP_X_SSE_SESSION_ID=0123456789abcdef0123456789abcdef",
                                   "QUERY_STRING=channel=room&types=message&after=earliest",
                                   NULL};
    const char *const poll[] = {"REQUEST_METHOD=GET", "PATH_INFO=/events",
                                "QUERY_STRING=wait=0&last=3&types=message",
                                "HTTP_ACCEPT=application/json", NULL};
    const struct asked asked[] = {
        {.environment = history},
        {.environment = history, .anew = true},
        {.environment = poll},
    };
    const struct publication unasked = {
        .channel = "", .type = "other", .data = "unasked", .data_len = 7};
    int64_t id;
    char epoch[EPOCH_SIZE];
    for (int i = 0; i < 5; i++)
        place_publish(p, i % 2 == 0 ? "" : "room", i == 1 ? "\xff" : "before");
    assert_int_equal(store_append(p->store, &unasked, &id, epoch), STORE_OK);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        fail_each_allocation(p, &asked[i], check_history);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_open, place_close)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_a_stream_comes_later_and_leaves_no_row_behind),
        IN_PLACE(test_a_publisher_is_told_503_and_never_that_its_request_is_wrong),
        IN_PLACE(test_the_publishers_thread_says_503_and_what_it_says_is_true),
        IN_PLACE(test_stats_and_disconnect_say_so_too),
        IN_PLACE(test_history_is_whole_or_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
