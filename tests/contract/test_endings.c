/* Streams that somebody ends: a person's DELETE FROM sessions, and /disconnect. */
#include "tests/unit/store_world.h"

static size_t endings(struct world *w, int64_t *ids, size_t max)
{
    size_t n = 99;
    assert_int_equal(store_beat(w->store, ids, max, &n), STORE_OK);
    return n;
}

static void test_a_deleted_sessions_streams_have_to_end(void **state)
{
    struct world *w = *state;
    int64_t ids[8], first, second;
    char token[SESSION_TOKEN_SIZE];
    first = world_claim_token(w, NULL)->stream_id;
    strcpy(token, w->claim.token);
    second = world_claim_token(w, token)->stream_id;
    world_claim_token(w, NULL); /* somebody else */
    assert_int_equal(endings(w, ids, 8), 0);
    world_sql(w->sessions, "DELETE FROM sessions WHERE token = '%q'", token);
    assert_int_equal(endings(w, ids, 8), 2);
    assert_int_equal(ids[0], first);
    assert_int_equal(ids[1], second);
    assert_int_equal(endings(w, ids, 8), 0); /* they are forgotten */
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM streams"), 1);
    assert_int_equal(world_claim_token(w, token)->gap, GAP_SESSION);
}

static void test_ending_a_stream_whose_session_is_gone_is_fine(void **state)
{
    struct world *w = *state;
    int64_t id = world_claim_token(w, NULL)->stream_id;
    world_sql(w->sessions, "DELETE FROM sessions");
    world_save(w, id, 1);
    world_end(w, id, 1);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM streams"), 0);
}

static void test_only_open_streams_have_to_end(void **state)
{
    struct world *w = *state;
    int64_t ids[8];
    world_claim_token(w, NULL);
    world_end(w, w->claim.stream_id, 0);
    world_sql(w->sessions, "DELETE FROM sessions");
    assert_int_equal(endings(w, ids, 8), 0);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM endings"), 0);
}

static void test_a_disconnected_session_stays(void **state)
{
    struct world *w = *state;
    int64_t ids[8];
    char token[SESSION_TOKEN_SIZE];
    int64_t id = world_claim_token(w, NULL)->stream_id;
    strcpy(token, w->claim.token);
    assert_int_equal(store_disconnect(w->store, w->claim.session_id), STORE_OK);
    assert_int_equal(endings(w, ids, 8), 1);
    assert_int_equal(ids[0], id);
    assert_true(world_claim_token(w, token)->reconnection);
}

static void test_an_unknown_session_cannot_be_disconnected(void **state)
{
    struct world *w = *state;
    world_claim_token(w, NULL);
    assert_int_equal(store_disconnect(w->store, "0000000000000000"), STORE_UNKNOWN);
    assert_string_not_equal(store_why(w->store), "");
    assert_int_equal(store_disconnect(w->store, w->claim.token), STORE_UNKNOWN);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM endings"), 0);
}

static void test_each_responder_reads_its_own_endings(void **state)
{
    struct world *w = *state;
    int64_t ids[8];
    world_claim_token(w, NULL);
    world_sql(w->sessions, "UPDATE streams SET responder = 2");
    world_sql(w->sessions, "DELETE FROM sessions");
    assert_int_equal(endings(w, ids, 8), 0);
    assert_int_equal(world_number(w->sessions, "SELECT count(*) FROM endings"), 1);
}

static void test_more_endings_than_room_come_one_after_the_other(void **state)
{
    struct world *w = *state;
    int64_t ids[2];
    for (int i = 0; i < 5; i++)
        world_claim_token(w, NULL);
    world_sql(w->sessions, "DELETE FROM sessions");
    world_sql(w->log, "CREATE TEMP TABLE told(id INTEGER PRIMARY KEY)");
    static const size_t rounds[] = {2, 2, 1, 0};
    for (size_t i = 0; i < 4; i++) {
        size_t n = endings(w, ids, 2);
        assert_int_equal(n, rounds[i]);
        for (size_t k = 0; k < n; k++) {
            world_sql(w->log, "INSERT INTO told VALUES (%lld)", ids[k]); /* each once */
        }
    }
}

static void test_finding_nothing_writes_nothing(void **state)
{
    struct world *w = *state;
    int64_t ids[2];
    world_claim_token(w, NULL);
    world_sql(w->sessions, "BEGIN IMMEDIATE"); /* nobody can write now */
    assert_int_equal(endings(w, ids, 2), 0);
    world_sql(w->sessions, "COMMIT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_deleted_sessions_streams_have_to_end),
        TEST(test_ending_a_stream_whose_session_is_gone_is_fine),
        TEST(test_only_open_streams_have_to_end),
        TEST(test_a_disconnected_session_stays),
        TEST(test_an_unknown_session_cannot_be_disconnected),
        TEST(test_each_responder_reads_its_own_endings),
        TEST(test_more_endings_than_room_come_one_after_the_other),
        TEST(test_finding_nothing_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
