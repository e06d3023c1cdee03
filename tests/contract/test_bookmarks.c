/* Sessions that come back without an id: which bookmark a stream takes. */
#include "tests/contract/contract_claims.h"

/* A session with streams that were sent everything up to some id; negative: it ended there. */
static void streams_at(struct world *w, char *token, int64_t *id, const int64_t *at, size_t n)
{
    token[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        struct claim *c = claim_as(w, i ? token : NULL);
        strcpy(token, c->token);
        id[i] = c->stream_id;
    }
    for (size_t i = 0; i < n; i++)
        if (at[i] < 0)
            end_at(w, id[i], -at[i]);
        else
            save_at(w, id[i], at[i]);
}

static int64_t comes_back_at(struct world *w, const char *token)
{
    return claim_as(w, token)->cursor;
}

static void test_a_stream_starts_at_the_bookmark_it_left(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id;
    publish_some(w, 10);
    streams_at(w, token, &id, (int64_t[]){-4}, 1);
    struct claim *c = claim_as(w, token);
    assert_int_equal(c->cursor, 4);
    assert_int_equal(c->bookmark, 4);
    assert_int_equal(c->count, 6);
    assert_int_equal(c->gap, GAP_NONE);
    assert_int_equal(count(w, ENDED_STREAMS), 0); /* taken */
}

static void test_two_tabs_that_reload_at_once_skip_nothing(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id[2];
    publish_some(w, 10);
    streams_at(w, token, id, (int64_t[]){-4, -7}, 2);
    assert_int_equal(comes_back_at(w, token), 4);
    assert_int_equal(comes_back_at(w, token), 4);
    assert_int_equal(count(w, ENDED_STREAMS), 0);
}

static void test_one_tab_that_reloads_skips_nothing_whichever_it_was(void **state)
{
    struct world *w = *state;
    static const int64_t cases[][2] = {{-4, 7}, {7, -4}, {4, -7}, {-7, 4}};
    publish_some(w, 10);
    for (size_t i = 0; i < 4; i++) {
        char token[SESSION_TOKEN_SIZE];
        int64_t id[2];
        streams_at(w, token, id, cases[i], 2);
        assert_int_equal(comes_back_at(w, token), 4);
    }
}

static void test_an_open_streams_bookmark_stays_its_own(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id;
    publish_some(w, 10);
    streams_at(w, token, &id, (int64_t[]){6}, 1);
    assert_int_equal(comes_back_at(w, token), 6);
    assert_int_equal(position_of(w, id), 6);
}

static void test_another_subscriptions_bookmark_is_not_taken(void **state)
{
    struct world *w = *state;
    const char *forth[] = {"a", "b"}, *back[] = {"b", "a", "b"};
    struct claim_request r = some_request();
    char token[SESSION_TOKEN_SIZE];
    publish_some(w, 10);
    r.channels = forth;
    r.channel_count = 2;
    claim(w, &r);
    strcpy(token, w->claim.token);
    end_at(w, w->claim.stream_id, 3);
    assert_int_equal(comes_back_at(w, token), 10);
    r.token = token;
    r.channels = back; /* the same set */
    r.channel_count = 3;
    assert_int_equal(claim(w, &r)->cursor, 3);
    end_at(w, w->claim.stream_id, 3);
    r.types = forth;
    r.type_count = 1;
    assert_int_equal(claim(w, &r)->cursor, 10);
}

static void test_an_id_is_newer_than_any_bookmark_and_takes_one_away(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id[3];
    struct claim_request r = request_from(w, 8);
    publish_some(w, 10);
    streams_at(w, token, id, (int64_t[]){-4, -7, -9}, 3);
    r.token = token;
    assert_int_equal(claim(w, &r)->cursor, 8);
    /* It cannot have left the one at 9; the largest that it may have left is gone. */
    assert_int_equal(position_of(w, id[0]), 4);
    assert_int_equal(position_of(w, id[1]), -1);
    assert_int_equal(position_of(w, id[2]), 9);
}

static void test_a_bookmark_whose_rows_were_trimmed_is_told(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id;
    set(w, "buffer_size", "5");
    publish_some(w, 2);
    streams_at(w, token, &id, (int64_t[]){-1}, 1);
    publish_some(w, 10);
    struct claim *c = claim_as(w, token);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->gap_from, 1);
    assert_int_equal(c->cursor, 7);
    assert_int_equal(c->bookmark, 1);
    /* Killed before it could say so: told again. */
    end_at(w, c->stream_id, c->bookmark);
    assert_int_equal(claim_as(w, token)->gap, GAP_TRIMMED);
}

static void test_a_stream_that_was_never_saved_comes_back_where_it_began(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    publish_some(w, 3);
    strcpy(token, claim_as(w, NULL)->token);
    publish_some(w, 3);
    assert_int_equal(comes_back_at(w, token), 3);
}

static void test_a_bookmark_beyond_the_end_starts_at_the_end(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id;
    publish_some(w, 3);
    streams_at(w, token, &id, (int64_t[]){-5}, 1);
    struct claim *c = claim_as(w, token);
    assert_int_equal(c->cursor, 3);
    assert_int_equal(c->gap, GAP_NONE);
}

static void test_saved_bookmarks_outlive_the_process(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id;
    publish_some(w, 10);
    streams_at(w, token, &id, (int64_t[]){6}, 1);
    reopen(w);
    assert_int_equal(comes_back_at(w, token), 6);
}

static void test_saving_shows_that_the_session_was_seen(void **state)
{
    struct world *w = *state;
    struct claim *c = claim_as(w, NULL);
    age(w, 1000);
    int64_t before = session_number(w, c->session_id, "last_seen_at");
    save_at(w, c->stream_id, 0);
    assert_true(session_number(w, c->session_id, "last_seen_at") >= before + 1000 * 1000);
}

static bool waits(struct world *w, const struct claim_request *r)
{
    struct claim_open open;
    assert_int_equal(store_claim_waits(w->store, r, &open), STORE_OK);
    return open.n > 0;
}

static void test_a_claim_waits_while_a_stream_of_its_kind_is_open(void **state)
{
    struct world *w = *state;
    struct claim_request r = some_request();
    char token[SESSION_TOKEN_SIZE];
    assert_false(waits(w, &r));
    r.token = "00000000000000000000000000000000";
    assert_false(waits(w, &r));
    strcpy(token, claim_as(w, NULL)->token);
    int64_t first = w->claim.stream_id;
    claim_as(w, NULL); /* somebody else's */
    assert_false(waits(w, &r));
    r.token = token;
    assert_true(waits(w, &r));
    int64_t second = claim_as(w, token)->stream_id;
    struct claim_open open;
    assert_int_equal(store_claim_waits(w->store, &r, &open), STORE_OK);
    assert_int_equal(open.n, 2); /* and it says for which */
    assert_int_equal(open.stream_id[0] + open.stream_id[1], first + second);
    end_at(w, first, 0);
    assert_true(waits(w, &r));
    end_at(w, second, 0);
    assert_false(waits(w, &r));
}

static void test_a_claim_that_needs_no_bookmark_does_not_wait(void **state)
{
    struct world *w = *state;
    const char *one[] = {"a"};
    char token[SESSION_TOKEN_SIZE];
    strcpy(token, claim_as(w, NULL)->token);
    struct claim_request r = some_request();
    r.token = token;
    r.start = START_NEWEST;
    assert_true(waits(w, &r));
    r.start = START_EARLIEST;
    assert_false(waits(w, &r));
    r.start = START_AT_ID;
    r.position = id_text(w, 0);
    assert_false(waits(w, &r));
    r.start = START_UNSAID;
    assert_true(waits(w, &r));
    r.channels = one; /* of another subscription none is open */
    r.channel_count = 1;
    assert_false(waits(w, &r));
}

static void test_an_ended_stream_is_saved_no_more(void **state)
{
    struct world *w = *state;
    claim_as(w, NULL);
    end_at(w, w->claim.stream_id, 5);
    save_at(w, w->claim.stream_id, 9);
    end_at(w, w->claim.stream_id, 9);
    assert_int_equal(position_of(w, w->claim.stream_id), 5);
}

static void test_streams_of_sessions_that_were_lost_are_nobodys(void **state)
{
    struct world *w = *state;
    int64_t old = claim_as(w, NULL)->stream_id;
    lose(w, THE_SESSIONS);
    int64_t newer = claim_as(w, NULL)->stream_id;
    assert_int_not_equal(newer, 0);
    assert_int_not_equal(newer, old);
    end_at(w, old, 9);
    assert_int_equal(count(w, ENDED_STREAMS), 0);
    assert_int_equal(count(w, OPEN_STREAMS), 1);
}

/* Two subscriptions that are alike for longer than people are shown of them. */
static void test_bookmarks_of_long_subscriptions_are_told_apart(void **state)
{
    struct world *w = *state;
    const char *channels[4] = {NULL};
    char name[4][EVENT_NAME_MAX + 1], token[SESSION_TOKEN_SIZE];
    struct claim_request r = some_request();
    for (int i = 0; i < 4; i++) {
        memset(name[i], 'a' + i, EVENT_NAME_MAX);
        name[i][EVENT_NAME_MAX] = '\0';
        channels[i] = name[i];
    }
    r.channels = channels;
    r.channel_count = 4;
    publish_some(w, 10);
    strcpy(token, claim(w, &r)->token);
    end_at(w, w->claim.stream_id, 3);
    r.token = token;
    r.channel_count = 3;
    assert_int_equal(claim(w, &r)->cursor, 10);
    r.channel_count = 4;
    assert_int_equal(claim(w, &r)->cursor, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_stream_starts_at_the_bookmark_it_left),
        TEST(test_two_tabs_that_reload_at_once_skip_nothing),
        TEST(test_one_tab_that_reloads_skips_nothing_whichever_it_was),
        TEST(test_an_open_streams_bookmark_stays_its_own),
        TEST(test_another_subscriptions_bookmark_is_not_taken),
        TEST(test_an_id_is_newer_than_any_bookmark_and_takes_one_away),
        TEST(test_a_bookmark_whose_rows_were_trimmed_is_told),
        TEST(test_a_stream_that_was_never_saved_comes_back_where_it_began),
        TEST(test_a_bookmark_beyond_the_end_starts_at_the_end),
        TEST(test_saved_bookmarks_outlive_the_process),
        TEST(test_saving_shows_that_the_session_was_seen),
        TEST(test_a_claim_waits_while_a_stream_of_its_kind_is_open),
        TEST(test_a_claim_that_needs_no_bookmark_does_not_wait),
        TEST(test_an_ended_stream_is_saved_no_more),
        TEST(test_streams_of_sessions_that_were_lost_are_nobodys),
        TEST(test_bookmarks_of_long_subscriptions_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
