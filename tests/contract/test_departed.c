/* Sessions that expired, and whose clients come back: they are told of a gap only if they may have
 * lost something. */
#include "tests/contract/contract_claims.h"

/* A session that was there, had everything up to `at`, left, and expired. */
static void sleeper(struct world *w, int64_t at, char *token, char *id)
{
    struct claim *c = claim_as(w, NULL);
    strcpy(token, c->token);
    strcpy(id, c->session_id);
    end_at(w, c->stream_id, at);
    for (int i = 0; i < 3; i++)
        serve(w, 31);
    assert_int_equal(count(w, SESSIONS), 0);
}

/* Its client comes back, by the cookie alone (-1), or with an id too. */
static struct claim *wake(struct world *w, const char *token, int64_t at)
{
    struct claim_request r = at < 0 ? some_request() : request_from(w, at);
    r.token = token;
    return claim(w, &r);
}

static void test_who_slept_while_nothing_came_is_told_of_no_gap(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    publish_some(w, 3);
    sleeper(w, 3, token, id);
    for (int64_t at = -1; at <= 3; at += 4) { /* by the cookie alone, and by an id */
        struct claim *c = wake(w, token, at);
        assert_int_equal(c->gap, GAP_NONE);
        assert_false(c->reconnection);
        assert_string_not_equal(c->token, token);
        assert_int_equal(c->others, 0); /* it was ours: it is dropped */
        assert_int_equal(c->cursor, 3);
    }
}

static void test_of_many_that_went_at_once_none_is_told_of_a_gap(void **state)
{
    enum { MANY = 600 };
    static char token[MANY][SESSION_TOKEN_SIZE];
    static struct bookmark at[MANY];
    struct world *w = *state;
    publish_some(w, 3);
    for (int i = 0; i < MANY; i++) {
        struct claim *c = claim_as(w, NULL);
        strcpy(token[i], c->token);
        at[i] = bookmark_at(w, c->stream_id, 3);
    }
    assert_int_equal(store_ended(w->store, at, MANY), STORE_OK);
    serve(w, 31);
    serve(w, 1);
    assert_int_equal(count(w, SESSIONS), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(wake(w, token[i], -1)->gap, GAP_NONE);
}

static void test_who_slept_and_brings_an_id_gets_what_is_for_everyone(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    publish_some(w, 3);
    sleeper(w, 3, token, id);
    publish_some(w, 2);
    struct claim *c = wake(w, token, 3);
    assert_int_equal(c->gap, GAP_NONE);
    assert_int_equal(c->count, 2);
    assert_int_equal(wake(w, token, -1)->gap, GAP_SESSION); /* it does not say what it has */
}

static void test_an_event_of_its_own_that_it_had_is_not_lost(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    struct claim *c = claim_as(w, NULL);
    strcpy(token, c->token);
    strcpy(id, c->session_id);
    int64_t stream = c->stream_id;
    publish_to(w, id, "x", 2);
    end_at(w, stream, 2);
    serve(w, 31);
    serve(w, 1);
    assert_int_equal(count(w, EVENTS), 0);
    assert_int_equal(wake(w, token, 2)->gap, GAP_NONE);
    assert_int_equal(wake(w, token, -1)->gap, GAP_NONE);
    assert_int_equal(wake(w, token, 1)->gap, GAP_SESSION);
}

static void nothing_goes(struct world *w, const char *own)
{
    (void)w, (void)own;
}

static void events_go(struct world *w, const char *own)
{
    (void)own;
    delete_all_events(w);
}

static void the_mailbox_goes(struct world *w, const char *own)
{
    delete_all_events(w);
    if (kept(w, own) >= 0)
        forget(w, own);
}

static void expect_its_loss_is_told(struct world *w, bool before,
                                    void (*after)(struct world *w, const char *own))
{
    char token[SESSION_TOKEN_SIZE], own[SESSION_ID_SIZE + 1];
    struct claim *c = claim_as(w, NULL);
    strcpy(token, c->token);
    sprintf(own, "@%s", c->session_id);
    publish_some(w, 1);
    end_at(w, c->stream_id, 1);
    if (before)
        publish(w, own, "update", "x", 1);
    serve(w, 31);
    serve(w, 1);
    if (!before)
        publish(w, own, "update", "x", 1);
    after(w, own);
    assert_int_equal(wake(w, token, 1)->gap, GAP_SESSION);
    assert_int_equal(wake(w, token, 2)->gap, GAP_NONE);
}

/* Whenever it came, and wherever it went. */
static void test_an_event_of_its_own_that_it_had_not_is_told(void **state)
{
    void (*const after[])(struct world * w, const char *own) = {nothing_goes, events_go,
                                                                the_mailbox_goes};
    for (int before = 0; before < 2; before++)
        for (size_t i = 0; i < 3; i++) {
            world_teardown(state);
            setup_ttl(state);
            expect_its_loss_is_told(*state, before, after[i]);
        }
}

static void test_a_channel_that_was_trimmed_meanwhile_is_told_by_cookie_and_by_id(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    publish_some(w, 3);
    sleeper(w, 3, token, id);
    publish_some(w, 2);
    delete_all_events(w);
    assert_int_equal(wake(w, token, -1)->gap, GAP_SESSION);
    assert_int_equal(wake(w, token, 3)->gap, GAP_TRIMMED);
}

static void test_the_mail_of_others_makes_no_gap(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    publish_some(w, 1);
    sleeper(w, 1, token, id);
    publish_to(w, "somebody", "x", 1);
    publish(w, "room", "update", "x", 1);
    assert_int_equal(wake(w, token, 1)->gap, GAP_NONE);
    assert_int_equal(wake(w, token, -1)->gap, GAP_NONE);
}

static void test_of_another_log_everything_may_be_lost(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    sleeper(w, 0, token, id);
    replace(w);
    assert_int_equal(wake(w, token, -1)->gap, GAP_SESSION);
}

static void test_a_session_that_a_person_deleted_is_not_remembered(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    strcpy(token, claim_as(w, NULL)->token);
    delete_session(w, NULL);
    assert_int_equal(wake(w, token, -1)->gap, GAP_SESSION);
    assert_int_equal(count(w, DEPARTED), 0);
}

/* ---- polls ------------------------------------------------------------------------- */

static void poll_in_vain(struct world *w, int64_t stream, int64_t at)
{
    struct bookmark b = bookmark_at(w, stream, at);
    b.in_vain = true;
    assert_int_equal(store_ended(w->store, &b, 1), STORE_OK);
}

static void test_a_poll_in_vain_leaves_no_session_and_is_not_forgotten(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    publish_some(w, 2);
    struct claim *c = claim_as(w, NULL);
    strcpy(token, c->token);
    strcpy(id, c->session_id);
    poll_in_vain(w, c->stream_id, 2);
    assert_int_equal(count(w, SESSIONS), 0);
    assert_int_equal(count(w, OPEN_STREAMS) + count(w, ENDED_STREAMS), 0);
    assert_int_equal(count(w, ORDERS), 0);
    publish_some(w, 1);
    publish_to(w, id, "x", 1);
    c = claim_as(w, token);
    assert_true(c->reconnection);
    assert_string_equal(c->session_id, id);
    assert_string_equal(c->token, token);
    assert_int_equal(c->gap, GAP_NONE);
    assert_int_equal(c->count, 2);
    assert_int_equal(count(w, DEPARTED), 0);
    poll_in_vain(w, c->stream_id, 4); /* somebody came back to it: it stays */
    assert_int_equal(count(w, SESSIONS), 1);
    assert_int_equal(claim_as(w, token)->cursor, 4);
}

static void test_a_session_with_another_stream_outlives_a_poll_in_vain(void **state)
{
    struct world *w = *state;
    const char *types[] = {"a"};
    struct claim_request r = some_request();
    struct claim first = *claim_as(w, NULL);
    r.token = first.token;
    r.types = types;
    r.type_count = 1;
    claim(w, &r);
    poll_in_vain(w, first.stream_id, 0);
    assert_int_equal(count(w, SESSIONS), 1);
    assert_int_equal(count(w, OPEN_STREAMS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TTL(test_who_slept_while_nothing_came_is_told_of_no_gap),
        WITH_TTL(test_of_many_that_went_at_once_none_is_told_of_a_gap),
        WITH_TTL(test_who_slept_and_brings_an_id_gets_what_is_for_everyone),
        WITH_TTL(test_an_event_of_its_own_that_it_had_is_not_lost),
        WITH_TTL(test_an_event_of_its_own_that_it_had_not_is_told),
        WITH_TTL(test_a_channel_that_was_trimmed_meanwhile_is_told_by_cookie_and_by_id),
        WITH_TTL(test_the_mail_of_others_makes_no_gap),
        WITH_TTL(test_of_another_log_everything_may_be_lost),
        WITH_TTL(test_a_session_that_a_person_deleted_is_not_remembered),
        WITH_TTL(test_a_poll_in_vain_leaves_no_session_and_is_not_forgotten),
        WITH_TTL(test_a_session_with_another_stream_outlives_a_poll_in_vain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
