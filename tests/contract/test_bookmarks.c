/* Sessions that come back without an id: which bookmark a stream takes. */
#include "tests/unit/store_world.h"

/* A session with streams that were sent everything up to some id; negative: it ended there. */
static void streams_at(struct world *w, char *token, int64_t *id, const int64_t *at, size_t n)
{
    token[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        struct claim *c = world_claim_token(w, i ? token : NULL);
        strcpy(token, c->token);
        id[i] = c->stream_id;
    }
    for (size_t i = 0; i < n; i++)
        if (at[i] < 0)
            world_end(w, id[i], -at[i]);
        else
            world_save(w, id[i], at[i]);
}

static int64_t comes_back_at(struct world *w, const char *token)
{
    return world_claim_token(w, token)->cursor;
}

static int64_t ended(struct world *w)
{
    return world_number(w->sessions, "SELECT count(*) FROM streams WHERE ended_at IS NOT NULL");
}

static void test_a_stream_starts_at_the_bookmark_it_left(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id;
    world_insert(w, 10);
    streams_at(w, token, &id, (int64_t[]){-4}, 1);
    struct claim *c = world_claim_token(w, token);
    assert_int_equal(c->cursor, 4);
    assert_int_equal(c->bookmark, 4);
    assert_int_equal(c->count, 6);
    assert_int_equal(c->gap, GAP_NONE);
    assert_int_equal(ended(w), 0); /* taken */
}

static void test_two_tabs_that_reload_at_once_skip_nothing(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id[2];
    world_insert(w, 10);
    streams_at(w, token, id, (int64_t[]){-4, -7}, 2);
    assert_int_equal(comes_back_at(w, token), 4);
    assert_int_equal(comes_back_at(w, token), 4);
    assert_int_equal(ended(w), 0);
}

static void test_one_tab_that_reloads_skips_nothing_whichever_it_was(void **state)
{
    struct world *w = *state;
    static const int64_t cases[][2] = {{-4, 7}, {7, -4}, {4, -7}, {-7, 4}};
    world_insert(w, 10);
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
    world_insert(w, 10);
    streams_at(w, token, &id, (int64_t[]){6}, 1);
    assert_int_equal(comes_back_at(w, token), 6);
    assert_int_equal(
        world_number(w->sessions, "SELECT position FROM streams WHERE id = %lld", id), 6);
}

static void test_another_subscriptions_bookmark_is_not_taken(void **state)
{
    struct world *w = *state;
    const char *forth[] = {"a", "b"}, *back[] = {"b", "a", "b"};
    struct claim_request r = world_request();
    char token[SESSION_TOKEN_SIZE];
    world_insert(w, 10);
    r.channels = forth;
    r.channel_count = 2;
    world_claim(w, &r);
    strcpy(token, w->claim.token);
    world_end(w, w->claim.stream_id, 3);
    assert_int_equal(comes_back_at(w, token), 10);
    r.token = token;
    r.channels = back; /* the same set */
    r.channel_count = 3;
    assert_int_equal(world_claim(w, &r)->cursor, 3);
    world_end(w, w->claim.stream_id, 3);
    r.types = forth;
    r.type_count = 1;
    assert_int_equal(world_claim(w, &r)->cursor, 10);
}

static void test_an_id_is_newer_than_any_bookmark_and_takes_one_away(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], text[EVENT_ID_SIZE];
    int64_t id[3];
    struct claim_request r = world_request();
    world_insert(w, 10);
    streams_at(w, token, id, (int64_t[]){-4, -7, -9}, 3);
    event_id_format(text, w->epoch, 8);
    r.token = token;
    r.start = START_AT_ID;
    r.position = text;
    assert_int_equal(world_claim(w, &r)->cursor, 8);
    /* It can not have left the one at 9; the largest that it can have left is gone. */
    assert_int_equal(world_number(w->sessions,
                                  "SELECT sum(position) FROM streams WHERE ended_at "
                                  "IS NOT NULL"),
                     4 + 9);
}

static void test_a_bookmark_whose_rows_were_trimmed_is_told(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id;
    world_sql(w->log, "UPDATE rowcast_config SET value = '5' WHERE name = 'buffer_size'");
    world_insert(w, 2);
    streams_at(w, token, &id, (int64_t[]){-1}, 1);
    world_insert(w, 10);
    struct claim *c = world_claim_token(w, token);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->gap_from, 1);
    assert_int_equal(c->cursor, 7);
    assert_int_equal(c->bookmark, 1);
    /* Killed before it could say so: told again. */
    world_end(w, c->stream_id, c->bookmark);
    assert_int_equal(world_claim_token(w, token)->gap, GAP_TRIMMED);
}

static void test_a_stream_that_was_never_saved_comes_back_where_it_began(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    world_insert(w, 3);
    strcpy(token, world_claim_token(w, NULL)->token);
    world_insert(w, 3);
    assert_int_equal(comes_back_at(w, token), 3);
}

static void test_a_bookmark_beyond_the_end_starts_at_the_end(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id;
    world_insert(w, 3);
    streams_at(w, token, &id, (int64_t[]){-5}, 1);
    struct claim *c = world_claim_token(w, token);
    assert_int_equal(c->cursor, 3);
    assert_int_equal(c->gap, GAP_NONE);
}

static void test_saved_bookmarks_outlive_the_process(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    int64_t id;
    struct store *other;
    struct claim_request r = world_request();
    world_insert(w, 10);
    streams_at(w, token, &id, (int64_t[]){6}, 1);
    r.token = token;
    assert_int_equal(store_open(&other, w->log_path), STORE_OK);
    subscription_free(w->claim.subscription);
    assert_int_equal(store_claim(other, w->settings, &r, &w->claim), STORE_OK);
    assert_int_equal(w->claim.cursor, 6);
    store_close(other);
}

static void test_saving_tells_how_far_the_log_was_seen(void **state)
{
    struct world *w = *state;
    struct store_end end = {.last_id = 7};
    strcpy(end.epoch, "0000000a");
    assert_int_equal(store_save(w->store, NULL, 0, &end), STORE_OK);
    end.last_id = 5;
    assert_int_equal(store_save(w->store, NULL, 0, &end), STORE_OK);
    assert_int_equal(world_number(w->sessions, "SELECT last_id FROM state"), 7);
    strcpy(end.epoch, "0000000b");
    assert_int_equal(store_save(w->store, NULL, 0, &end), STORE_OK);
    assert_int_equal(world_number(w->sessions, "SELECT last_id FROM state"), 5);
}

static void test_saving_shows_that_the_session_was_seen(void **state)
{
    struct world *w = *state;
    world_claim_token(w, NULL);
    world_sql(w->sessions, "UPDATE sessions SET last_seen_at = 0");
    world_save(w, w->claim.stream_id, 0);
    assert_true(world_number(w->sessions, "SELECT last_seen_at FROM sessions") > 0);
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
    struct claim_request r = world_request();
    char token[SESSION_TOKEN_SIZE];
    assert_false(waits(w, &r));
    r.token = "00000000000000000000000000000000";
    assert_false(waits(w, &r));
    strcpy(token, world_claim_token(w, NULL)->token);
    int64_t first = w->claim.stream_id;
    world_claim_token(w, NULL); /* somebody else's */
    assert_false(waits(w, &r));
    r.token = token;
    assert_true(waits(w, &r));
    int64_t second = world_claim_token(w, token)->stream_id;
    struct claim_open open;
    assert_int_equal(store_claim_waits(w->store, &r, &open), STORE_OK);
    assert_int_equal(open.n, 2); /* and it says for which */
    assert_int_equal(open.stream_id[0] + open.stream_id[1], first + second);
    world_end(w, first, 0);
    assert_true(waits(w, &r));
    world_end(w, second, 0);
    assert_false(waits(w, &r));
}

static void test_a_claim_that_needs_no_bookmark_does_not_wait(void **state)
{
    struct world *w = *state;
    const char *one[] = {"a"};
    char token[SESSION_TOKEN_SIZE], text[EVENT_ID_SIZE];
    strcpy(token, world_claim_token(w, NULL)->token);
    event_id_format(text, w->epoch, 0);
    struct claim_request r = world_request();
    r.token = token;
    r.start = START_NEWEST;
    assert_true(waits(w, &r));
    r.start = START_EARLIEST;
    assert_false(waits(w, &r));
    r.start = START_AT_ID;
    r.position = text;
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
    world_claim_token(w, NULL);
    world_end(w, w->claim.stream_id, 5);
    world_save(w, w->claim.stream_id, 9);
    world_end(w, w->claim.stream_id, 9);
    assert_int_equal(world_number(w->sessions, "SELECT position FROM streams"), 5);
}

static void test_streams_of_a_file_that_was_replaced_are_nobodys(void **state)
{
    struct world *w = *state;
    char wal[80];
    int64_t old = world_claim_token(w, NULL)->stream_id;
    sprintf(wal, "%s-wal", w->sessions_path);
    assert_int_equal(unlink(w->sessions_path), 0);
    assert_int_equal(unlink(wal), 0);
    int64_t newer = world_claim_token(w, NULL)->stream_id;
    assert_int_not_equal(newer, 0);
    assert_int_not_equal(newer, old);
    world_end(w, old, 9);
    sqlite3_close(w->sessions);
    assert_int_equal(sqlite3_open(w->sessions_path, &w->sessions), SQLITE_OK);
    assert_int_equal(ended(w), 0);
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
        TEST(test_saving_tells_how_far_the_log_was_seen),
        TEST(test_saving_shows_that_the_session_was_seen),
        TEST(test_a_claim_waits_while_a_stream_of_its_kind_is_open),
        TEST(test_a_claim_that_needs_no_bookmark_does_not_wait),
        TEST(test_an_ended_stream_is_saved_no_more),
        TEST(test_streams_of_a_file_that_was_replaced_are_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
