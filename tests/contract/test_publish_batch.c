/* What the request of a batch becomes: its rows, or a sentence that names the row. */
#include "fcgi/request/publish_batch.h"
#include "tests/contract/contract_claims.h"
#include "tests/contract/contract_log.h"
#include "tests/unit/http_helpers.h"

#define LINES "CONTENT_TYPE=application/x-ndjson"
#define ARRAY "CONTENT_TYPE=application/json"

/* POST this body; the answer's text, to be freed. */
static char *post(struct world *w, const char *type, const char *body)
{
    struct request r;
    struct query q = {0};
    int client;
    request_make(&r, &client, ENVIRONMENT("REQUEST_METHOD=POST", type), body);
    struct publishing *made = publish_batch(w->settings, &r, &q);
    if (made)
        publishing_commit(made, w->store);
    assert_int_equal(r.fd, -1);
    request_end(&r);
    return read_to_end(client, NULL);
}

static void expect(struct world *w, const char *type, const char *body, const char *status,
                   const char *json)
{
    char *text = post(w, type, body);
    assert_has(text, status);
    const char *answer = strstr(text, "\r\n\r\n");
    assert_non_null(answer);
    assert_string_equal(answer + 4, json);
    free(text);
}

static void test_the_answer_has_the_ids_in_the_order_of_the_rows(void **state)
{
    struct world *w = *state;
    char json[128];
    snprintf(json, sizeof json, "{\"ids\":[\"%s-1\",\"%s-2\"]}\n", w->epoch, w->epoch);
    expect(w, LINES,
           "{\"channel\":\"room-7\",\"type\":\"update\",\"data\":{\"n\":0.1,"
           "\"big\":12345678901234567890}}\n{\"data\":\"two\\nlines\",\"dedup_key\":\"k\"}\n",
           "Status: 200 OK\r\n", json);
    expect_event(w, 1, "{\"n\":0.1,\"big\":12345678901234567890}");
    assert_string_equal(the_seen.mailbox, "room-7");
    assert_string_equal(the_seen.type, "update");
    assert_true(the_seen.is_object);
    expect_event(w, 2, "two\nlines");
    assert_string_equal(the_seen.mailbox, "");
    assert_string_equal(the_seen.type, "message");
    snprintf(json, sizeof json, "{\"ids\":[\"%s-2\"]}\n", w->epoch);
    expect(w, ARRAY, "[{\"data\":\"again\",\"dedup_key\":\"k\"}]", "Status: 200 OK\r\n", json);
    assert_int_equal(count(w, EVENTS), 2);
}

static void test_what_the_log_refuses_is_named_by_its_place_in_the_body(void **state)
{
    struct world *w = *state;
    expect(w, LINES, "{\"data\":1}\n\n\n{\"data\":1,\"type\":\"\"}\n",
           "Status: 400 Bad Request\r\n",
           "{\"error\":\"line 4: type must be 1 to 128 bytes without CR, LF and NUL\"}\n");
    expect(
        w, ARRAY, "[{\"data\":1},\n\n{\"data\":1,\"channel\":\"@x\"}]",
        "Status: 400 Bad Request\r\n",
        "{\"error\":\"row 2: channels that begin with @, user: or rowcast: are reserved\"}\n");
    expect(w, LINES, "{\"data\":1}\n{\"data\":1,\"session\":\"nobody\"}\n",
           "Status: 404 Not Found\r\n", "{\"error\":\"line 2: there is no session nobody\"}\n");
    assert_int_equal(count(w, LAST_ID), 0);
}

static void test_what_is_no_row_never_comes_to_the_log(void **state)
{
    struct world *w = *state;
    hold(w, THE_LOG);
    expect(w, LINES, "{\"data\":1}\n{\"data\":2}{\"data\":3}\n", "Status: 400 Bad Request\r\n",
           "{\"error\":\"line 2: something follows the JSON object, at byte 11\"}\n");
    expect(w, ARRAY, NULL, "Status: 400 Bad Request\r\n",
           "{\"error\":\"there is no row: a batch has 1 to 1000\"}\n");
    release(w, THE_LOG);
    assert_int_equal(count(w, EVENTS), 0);
}

static void test_rows_reach_sessions(void **state)
{
    struct world *w = *state;
    char body[128], json[64];
    const char *id = claim_as(w, NULL)->session_id;
    snprintf(body, sizeof body, "{\"session\":\"%s\",\"data\":\"psst\"}", id);
    snprintf(json, sizeof json, "{\"ids\":[\"%s-1\"]}\n", w->epoch);
    expect(w, LINES, body, "Status: 200 OK\r\n", json);
    expect_event(w, 1, "psst");
    assert_string_equal(the_seen.mailbox + 1, id);
}

static void begin_nothing(void *arg, const struct store_end *end)
{
    (void)arg, (void)end;
}

static void no_hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    (void)arg, (void)mailbox, (void)trimmed_to;
}

/* The key of the first event after `after`, and how many seconds it lives; 0: for ever. */
struct state_of {
    char key[16];
    int64_t lives_s;
};

static enum store_taken look_at_state(void *arg, const struct event *e)
{
    struct state_of *its = arg;
    snprintf(its->key, sizeof its->key, "%s", e->key ? e->key : "none");
    its->lives_s = e->expires_at > 0 ? (e->expires_at - e->created_at + 500) / 1000 : 0;
    return STORE_LAST;
}

static struct state_of state_after(struct world *w, int64_t after)
{
    struct state_of its = {.key = ""};
    struct store_question q = {.after = after};
    struct store_sink sink = {&its, begin_nothing, no_hole, look_at_state};
    int64_t through;
    assert_int_equal(store_read(w->store, &q, &sink, &through), STORE_OK);
    return its;
}

static void test_a_row_can_have_a_key_and_an_expiry(void **state)
{
    struct world *w = *state;
    char json[128];
    snprintf(json, sizeof json, "{\"ids\":[\"%s-1\",\"%s-2\",\"%s-3\"]}\n", w->epoch, w->epoch,
             w->epoch);
    expect(w, LINES,
           "{\"key\":\"a\",\"data\":\"old\"}\n{\"key\":\"a\",\"data\":\"new\"}\n"
           "{\"expires_in\":3600,\"data\":\"for an hour\"}\n",
           "Status: 200 OK\r\n", json);
    assert_int_equal(count(w, EVENTS), 2);
    expect_event(w, 2, "new");
    assert_string_equal(state_after(w, 1).key, "a");
    assert_int_equal(state_after(w, 1).lives_s, 0);
    expect_event(w, 3, "for an hour");
    assert_string_equal(state_after(w, 2).key, "none");
    assert_int_equal(state_after(w, 2).lives_s, 3600);
    books_agree(w);
}

static void test_a_batch_that_is_too_large_is_413_and_names_the_setting(void **state)
{
    struct world *w = *state;
    struct request r;
    struct query q = {0};
    int client;
    request_make(&r, &client, ENVIRONMENT("REQUEST_METHOD=POST", "PATH_INFO=/batch"), NULL);
    r.body_too_large = true;
    assert_null(publish_batch(w->settings, &r, &q));
    char *text = read_to_end(client, NULL);
    assert_has(text, "Status: 413 ");
    assert_has(text, "the batch is larger than max_event_bytes (1048576): send it in several, "
                     "or a row alone by broadcast");
    free(text);
    request_end(&r);
}

static void test_a_log_that_cannot_be_written_blames_no_row(void **state)
{
    struct world *w = *state;
    publish_some(w, 1);
    damage(w, THE_LOG);
    reopen(w);
    char *text = post(w, LINES, "{\"data\":1}\n{\"data\":2}\n");
    assert_has(text, "Status: 503 ");
    assert_has(text, "{\"error\":\"");
    assert_has_not(text, "line ");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_answer_has_the_ids_in_the_order_of_the_rows),
        TEST(test_what_the_log_refuses_is_named_by_its_place_in_the_body),
        TEST(test_what_is_no_row_never_comes_to_the_log),
        TEST(test_rows_reach_sessions),
        TEST(test_a_row_can_have_a_key_and_an_expiry),
        TEST(test_a_batch_that_is_too_large_is_413_and_names_the_setting),
        TEST(test_a_log_that_cannot_be_written_blames_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
