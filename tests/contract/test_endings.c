/* Streams that somebody ends: a person's DELETE FROM sessions, and /disconnect. */
#include "tests/contract/contract_processes.h"

static void test_a_deleted_sessions_streams_have_to_end(void **state)
{
    struct world *w = *state;
    int64_t ids[8], first, second;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    first = claim_as(w, NULL)->stream_id;
    strcpy(token, w->claim.token);
    strcpy(id, w->claim.session_id);
    second = claim_as(w, token)->stream_id;
    claim_as(w, NULL); /* somebody else */
    assert_int_equal(orders(w, ids, 8), 0);
    delete_session(w, id);
    assert_int_equal(orders(w, ids, 8), 2);
    assert_int_equal(ids[0] + ids[1], first + second);
    assert_int_equal(orders(w, ids, 8), 0); /* they are forgotten */
    assert_int_equal(count(w, OPEN_STREAMS) + count(w, ENDED_STREAMS), 1);
    assert_int_equal(claim_as(w, token)->gap, GAP_SESSION);
}

static void test_ending_a_stream_whose_session_is_gone_is_fine(void **state)
{
    struct world *w = *state;
    int64_t id = claim_as(w, NULL)->stream_id;
    delete_session(w, NULL);
    save_at(w, id, 1);
    end_at(w, id, 1);
    assert_int_equal(count(w, OPEN_STREAMS) + count(w, ENDED_STREAMS), 0);
}

static void test_only_open_streams_have_to_end(void **state)
{
    struct world *w = *state;
    int64_t ids[8];
    claim_as(w, NULL);
    end_at(w, w->claim.stream_id, 0);
    delete_session(w, NULL);
    assert_int_equal(orders(w, ids, 8), 0);
    assert_int_equal(count(w, ORDERS), 0);
}

static void test_a_disconnected_session_stays(void **state)
{
    struct world *w = *state;
    int64_t ids[8];
    char token[SESSION_TOKEN_SIZE];
    int64_t id = claim_as(w, NULL)->stream_id;
    strcpy(token, w->claim.token);
    assert_int_equal(store_disconnect(w->store, w->claim.session_id), STORE_OK);
    assert_int_equal(orders(w, ids, 8), 1);
    assert_int_equal(ids[0], id);
    assert_true(claim_as(w, token)->reconnection);
}

static void test_an_unknown_session_cannot_be_disconnected(void **state)
{
    struct world *w = *state;
    claim_as(w, NULL);
    assert_int_equal(store_disconnect(w->store, "0000000000000000"), STORE_UNKNOWN);
    assert_string_not_equal(store_why(w->store), "");
    assert_int_equal(store_disconnect(w->store, w->claim.token), STORE_UNKNOWN);
    assert_int_equal(count(w, ORDERS), 0);
}

static void test_each_process_is_told_of_its_own_streams(void **state)
{
    struct world *w = *state;
    int64_t ids[8];
    struct process other = process_start(w, claim_one);
    int64_t own = claim_as(w, NULL)->stream_id;
    assert_int_not_equal(other.said, own);
    delete_session(w, NULL);
    assert_int_equal(orders(w, ids, 8), 1);
    assert_int_equal(ids[0], own);
    assert_int_equal(count(w, ORDERS), 1); /* the other one's */
    process_kill(other);
}

/* It is among them, and will not be a second time. */
static void forget_one(int64_t *ids, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id) {
            ids[i] = 0;
            return;
        }
    fail_msg("nobody was to end %lld, or it is told twice", (long long)id);
}

static void test_more_orders_than_room_come_one_after_the_other(void **state)
{
    static const size_t rounds[] = {2, 2, 1, 0};
    struct world *w = *state;
    int64_t own[5], ids[2];
    for (int i = 0; i < 5; i++)
        own[i] = claim_as(w, NULL)->stream_id;
    delete_session(w, NULL);
    for (size_t i = 0; i < 4; i++) {
        size_t n = orders(w, ids, 2);
        assert_int_equal(n, rounds[i]);
        for (size_t k = 0; k < n; k++)
            forget_one(own, 5, ids[k]);
    }
}

static void test_finding_nothing_writes_nothing(void **state)
{
    struct world *w = *state;
    int64_t ids[2];
    claim_as(w, NULL);
    hold(w, THE_SESSIONS); /* nobody can write now */
    assert_int_equal(orders(w, ids, 2), 0);
    release(w, THE_SESSIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_deleted_sessions_streams_have_to_end),
        TEST(test_ending_a_stream_whose_session_is_gone_is_fine),
        TEST(test_only_open_streams_have_to_end),
        TEST(test_a_disconnected_session_stays),
        TEST(test_an_unknown_session_cannot_be_disconnected),
        TEST(test_each_process_is_told_of_its_own_streams),
        TEST(test_more_orders_than_room_come_one_after_the_other),
        TEST(test_finding_nothing_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
