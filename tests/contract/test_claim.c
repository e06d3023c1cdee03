/* Whose stream it is: sessions found, checked and made, by many threads too. */
#include "tests/contract/contract_claims.h"

#include <pthread.h>

static void test_a_newcomer_gets_a_session_and_a_token_of_random_digits(void **state)
{
    struct world *w = *state;
    struct claim first = *claim_as(w, NULL);
    struct claim *c = claim_as(w, NULL);
    assert_true(is_hex(c->session_id, 16));
    assert_true(is_hex(c->token, 32));
    assert_string_not_equal(c->session_id, first.session_id);
    assert_string_not_equal(c->token, first.token);
    assert_int_equal(strncmp(c->token, c->session_id, 16) != 0,
                     1); /* the address tells nothing */
    assert_false(c->reconnection);
    assert_int_equal(c->reconnections, 0);
    assert_int_equal(c->gap, GAP_NONE);
    assert_int_equal(c->saved, STORE_OK);
    assert_int_not_equal(c->stream_id, 0);
}

static void test_a_session_is_known_again_by_its_token(void **state)
{
    struct world *w = *state;
    struct claim first = *claim_as(w, NULL);
    char token[SESSION_TOKEN_SIZE];
    strcpy(token, first.token);
    for (int i = 1; i <= 3; i++) {
        struct claim *c = claim_as(w, token);
        assert_string_equal(c->session_id, first.session_id);
        assert_string_equal(c->token, token);
        assert_true(c->reconnection);
        assert_int_equal(c->reconnections, i);
        assert_int_equal(c->gap, GAP_NONE);
    }
    assert_int_equal(count(w, SESSIONS), 1);
}

static void test_the_id_of_a_session_is_no_credential(void **state)
{
    struct world *w = *state;
    char id[SESSION_ID_SIZE];
    strcpy(id, claim_as(w, NULL)->session_id);
    struct claim *c = claim_as(w, id);
    assert_false(c->reconnection);
    assert_string_not_equal(c->session_id, id);
    assert_int_equal(c->gap, GAP_SESSION);
}

static void test_a_token_that_is_none_is_not_honoured(void **state)
{
    struct world *w = *state;
    char longer[2 * SESSION_TOKEN_SIZE];
    sprintf(longer, "%s0", claim_as(w, NULL)->token);
    const char *cases[] = {"", "x", "' OR 1=1 --", longer, "\xff"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct claim *c = claim_as(w, cases[i]);
        assert_false(c->reconnection);
        assert_int_equal(c->gap, GAP_SESSION);
        assert_true(is_hex(c->token, 32));
    }
}

static void test_another_browser_with_the_token_gets_a_new_session(void **state)
{
    struct world *w = *state;
    struct claim_request r = some_request();
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    strcpy(id, claim_as(w, NULL)->session_id);
    strcpy(token, w->claim.token);
    publish_to(w, id, "secret", 1);
    r.token = token;
    r.user_agent = "another browser";
    struct claim *c = claim(w, &r);
    assert_false(c->reconnection);
    assert_string_not_equal(c->session_id, id);
    assert_string_not_equal(c->token, token);
    assert_int_equal(c->gap, GAP_SESSION);
    assert_int_equal(c->private_to, 0);
    w->settings->session_check = SESSION_CHECK_NONE;
    c = claim(w, &r);
    assert_true(c->reconnection);
    assert_string_equal(c->session_id, id);
}

static void expect_session(struct world *w, const char *what, const char *value)
{
    if (!session_has(w, w->claim.session_id, what, value))
        fail_msg("the session's %s is not %s", what, value);
}

static void test_a_session_keeps_what_its_request_said(void **state)
{
    struct world *w = *state;
    const char *channels[] = {"room"};
    struct claim_request r = some_request();
    r.client_version = "1.2";
    r.query = "channel=room";
    r.headers = "{\"Accept-Language\":\"de\"}";
    r.channels = channels;
    r.channel_count = 1;
    claim(w, &r);
    struct claim first = w->claim;
    expect_session(w, "user_agent", "browser");
    expect_session(w, "remote_addr", "192.0.2.1");
    expect_session(w, "client_version", "1.2");
    expect_session(w, "query", "channel=room");
    expect_session(w, "subscriptions", "c4:room");
    expect_session(w, "headers", "{\"Accept-Language\":\"de\"}");
    int64_t created_at = session_number(w, first.session_id, "created_at");
    assert_true(created_at > 1000000000000);
    assert_int_equal(session_number(w, first.session_id, "last_seen_at"), created_at);
    r = some_request();
    r.token = first.token;
    r.remote_addr = "192.0.2.2";
    claim(w, &r);
    assert_string_equal(w->claim.session_id, first.session_id);
    expect_session(w, "remote_addr", "192.0.2.2");
    expect_session(w, "query", "");
    assert_int_equal(session_number(w, first.session_id, "reconnections"), 1);
}

static void test_no_tab_kicks_another(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t first = claim_as(w, NULL)->stream_id;
    strcpy(token, w->claim.token);
    assert_int_not_equal(claim_as(w, token)->stream_id, first);
    assert_int_equal(count(w, OPEN_STREAMS), 2);
    assert_int_equal(count(w, SESSIONS), 1);
}

static void test_without_reconnection_there_are_no_sessions(void **state)
{
    struct world *w = *state;
    struct claim_request r = some_request();
    publish_some(w, 2);
    w->settings->enable_reconnection = false;
    r.token = "00000000000000000000000000000000";
    r.start = START_AT_ID;
    r.position = id_text(w, 1);
    struct claim *c = claim(w, &r);
    assert_string_equal(c->session_id, "");
    assert_string_equal(c->token, "");
    assert_int_equal(c->stream_id, 0);
    assert_int_equal(c->saved, STORE_OK);
    assert_int_equal(c->cursor, 2);
    assert_int_equal(c->until, 2);
    assert_int_equal(c->count, 0);
    assert_int_equal(c->presented, -1);
    assert_int_equal(c->gap, GAP_NONE);
    assert_false(c->subscription->has_session);
    assert_int_equal(count(w, SESSIONS), 0);
    assert_int_equal(count(w, OPEN_STREAMS), 0);
}

/* ---- many threads ------------------------------------------------------------------ */

enum { THREADS = 4, CLAIMS = 50 };

struct claimant {
    pthread_t thread;
    const struct world *world;
    const char *token;
    int honoured;
};

static void *claim_often(void *arg)
{
    struct claimant *me = arg;
    struct claim_request r = some_request();
    struct store *s;
    r.token = me->token;
    if (store_open(&s, me->world->address) != STORE_OK)
        return NULL;
    for (int i = 0; i < CLAIMS;) {
        struct claim c;
        enum store_result result = store_claim(s, me->world->settings, &r, &c);
        if (result == STORE_BUSY)
            continue;
        i++;
        me->honoured += result == STORE_OK && c.reconnection && c.stream_id != 0;
        subscription_free(c.subscription);
    }
    store_close(s);
    return NULL;
}

static void test_threads_that_claim_at_once_lose_no_stream(void **state)
{
    struct world *w = *state;
    struct claimant all[THREADS];
    char token[SESSION_TOKEN_SIZE];
    strcpy(token, claim_as(w, NULL)->token);
    for (int i = 0; i < THREADS; i++) {
        all[i] = (struct claimant){.world = w, .token = token};
        assert_int_equal(pthread_create(&all[i].thread, NULL, claim_often, &all[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(all[i].thread, NULL), 0);
        assert_int_equal(all[i].honoured, CLAIMS);
    }
    assert_int_equal(count(w, SESSIONS), 1);
    assert_int_equal(count(w, OPEN_STREAMS), THREADS * CLAIMS + 1);
    assert_int_equal(count(w, RECONNECTIONS), THREADS * CLAIMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_newcomer_gets_a_session_and_a_token_of_random_digits),
        TEST(test_a_session_is_known_again_by_its_token),
        TEST(test_the_id_of_a_session_is_no_credential),
        TEST(test_a_token_that_is_none_is_not_honoured),
        TEST(test_another_browser_with_the_token_gets_a_new_session),
        TEST(test_a_session_keeps_what_its_request_said),
        TEST(test_no_tab_kicks_another),
        TEST(test_without_reconnection_there_are_no_sessions),
        TEST(test_threads_that_claim_at_once_lose_no_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
