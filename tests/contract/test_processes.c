/* Several processes over one log, as a web server starts them: what is whose, what becomes of the
 * streams of those that die, and who tidies. */
#include "tests/contract/contract_processes.h"

/* A session whose last stream ended. */
static void visitor(struct world *w)
{
    end_at(w, claim_as(w, NULL)->stream_id, 0);
}

/* More time than a session without a stream is kept for. */
static void wait_long(struct world *w)
{
    serve(w, 31);
    serve(w, 1);
}

static void test_the_streams_of_living_processes_stay_open(void **state)
{
    struct world *w = *state;
    struct process a = process_start(w, claim_one), b = process_start(w, claim_one);
    int64_t own = claim_as(w, NULL)->stream_id;
    assert_int_not_equal(a.said, b.said);
    assert_int_not_equal(a.said, own);
    wait_long(w);
    assert_int_equal(count(w, RESPONDERS), 3);
    assert_int_equal(count(w, OPEN_STREAMS), 3);
    assert_int_equal(count(w, SESSIONS), 3);
    process_kill(a);
    serve(w, 1);
    assert_int_equal(count(w, RESPONDERS), 2);
    assert_int_equal(count(w, OPEN_STREAMS), 2);
    process_kill(b);
}

static void test_orders_to_a_dead_process_go_with_its_streams(void **state)
{
    struct world *w = *state;
    struct process other = process_start(w, claim_one);
    delete_session(w, NULL);
    assert_int_equal(count(w, ORDERS), 1);
    process_kill(other);
    struct process heir = process_start(w, claim_one); /* as a supervisor starts it at once */
    serve(w, 1);
    assert_int_equal(count(w, ORDERS), 0);
    assert_int_equal(count(w, OPEN_STREAMS), 1);
    assert_true(position_of(w, heir.said) >= 0);
    process_kill(heir);
}

static void test_to_join_again_ends_no_stream(void **state)
{
    struct world *w = *state;
    claim_as(w, NULL);
    assert_int_equal(store_join(w->store), STORE_OK);
    serve(w, 1);
    assert_int_equal(count(w, RESPONDERS), 1);
    assert_int_equal(count(w, OPEN_STREAMS), 1);
}

static void test_a_store_that_is_closed_takes_no_stream_along(void **state)
{
    struct world *w = *state;
    struct claim_request r = some_request();
    struct store *second = another_store(w);
    assert_int_equal(store_join(second), STORE_OK);
    assert_int_equal(store_claim(second, w->settings, &r, &w->claim), STORE_OK);
    store_close(second);
    wait_long(w);
    assert_int_equal(count(w, RESPONDERS), 1);
    assert_int_equal(count(w, OPEN_STREAMS), 1);
}

static void test_whoever_lost_the_sessions_is_entered_again(void **state)
{
    struct world *w = *state;
    claim_as(w, NULL);
    lose(w, THE_SESSIONS);
    claim_as(w, NULL);
    wait_long(w);
    assert_int_equal(count(w, RESPONDERS), 1);
    assert_int_equal(count(w, OPEN_STREAMS), 1);
}

/* ---- who tidies -------------------------------------------------------------------- */

static int64_t tidy_long(struct store *s, const struct world *w)
{
    struct world own = *w;
    own.store = s;
    enum store_result r = try_serve(&own, 31);
    return r == STORE_OK ? try_serve(&own, 1) : r;
}

static void test_while_one_process_tidies_no_other_does(void **state)
{
    struct world *w = *state;
    visitor(w);
    serve(w, 1); /* from now on it is us */
    struct process other = process_start(w, tidy_long);
    assert_int_equal(other.said, STORE_OK); /* not its to do */
    assert_int_equal(count(w, SESSIONS), 1);
    process_kill(other);
    wait_long(w);
    assert_int_equal(count(w, SESSIONS), 0);
}

static void test_a_dead_process_that_tidied_is_followed(void **state)
{
    struct world *w = *state;
    struct process other = process_start(w, tidy_long); /* from now on it is that one */
    assert_int_equal(other.said, STORE_OK);
    visitor(w);
    wait_long(w);
    assert_int_equal(count(w, SESSIONS), 1);
    process_kill(other);
    wait_long(w);
    assert_int_equal(count(w, SESSIONS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TTL(test_the_streams_of_living_processes_stay_open),
        WITH_TTL(test_orders_to_a_dead_process_go_with_its_streams),
        WITH_TTL(test_to_join_again_ends_no_stream),
        WITH_TTL(test_a_store_that_is_closed_takes_no_stream_along),
        WITH_TTL(test_whoever_lost_the_sessions_is_entered_again),
        WITH_TTL(test_while_one_process_tidies_no_other_does),
        WITH_TTL(test_a_dead_process_that_tidied_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
