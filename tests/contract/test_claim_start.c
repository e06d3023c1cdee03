/* Where a stream starts, what it is told to have missed, and what it will get replayed. */
#include "tests/unit/store_world.h"

static void position(char *text, const struct world *w, int64_t id)
{
    event_id_format(text, w->epoch, id);
}

static struct claim *claim_from(struct world *w, int64_t id)
{
    char text[EVENT_ID_SIZE];
    position(text, w, id);
    return world_claim_at(w, text);
}

static struct claim *claim_newest(struct world *w, const char *token, int64_t n)
{
    struct claim_request r = world_request();
    r.token = token;
    r.start = START_NEWEST;
    r.newest = n;
    return world_claim(w, &r);
}

static void buffer_size(struct world *w, int n)
{
    world_sql(w->log, "UPDATE rowcast_config SET value = '%d' WHERE name = 'buffer_size'", n);
}

/* Someone whose session is `token` was sent everything up to `at`, and left. */
static void remember_session(struct world *w, char *token, char *id, int64_t at)
{
    struct claim *c = world_claim_token(w, NULL);
    strcpy(token, c->token);
    if (id)
        strcpy(id, c->session_id);
    world_end(w, c->stream_id, at);
}

static void expect_no_gap(const struct claim *c)
{
    assert_int_equal(c->gap, GAP_NONE);
    assert_int_equal(c->gap_from, -1);
}

static void test_a_stream_that_says_nothing_starts_now(void **state)
{
    struct world *w = *state;
    world_insert(w, 3);
    struct claim *c = world_claim_token(w, NULL);
    assert_string_equal(c->epoch, w->epoch);
    assert_int_equal(c->cursor, 3);
    assert_int_equal(c->until, 3);
    assert_int_equal(c->bookmark, 3);
    assert_int_equal(c->count, 0);
    assert_int_equal(c->presented, -1);
    expect_no_gap(c);
}

static void test_a_stream_on_an_empty_log_starts_at_zero(void **state)
{
    struct claim *c = world_claim_token(*state, NULL);
    assert_int_equal(c->cursor, 0);
    assert_int_equal(c->until, 0);
    expect_no_gap(c);
}

static void test_an_id_is_where_the_stream_goes_on(void **state)
{
    struct world *w = *state;
    world_insert(w, 5);
    struct claim *c = claim_from(w, 2);
    assert_int_equal(c->presented, 2);
    assert_string_equal(c->presented_epoch, w->epoch);
    assert_int_equal(c->cursor, 2);
    assert_int_equal(c->bookmark, 2);
    assert_int_equal(c->until, 5);
    assert_int_equal(c->count, 3);
    assert_int_equal(c->private_to, 0);
    expect_no_gap(c);
}

static void test_an_id_at_the_end_misses_nothing(void **state)
{
    struct world *w = *state;
    world_insert(w, 5);
    struct claim *c = claim_from(w, 5);
    assert_int_equal(c->cursor, 5);
    assert_int_equal(c->count, 0);
    expect_no_gap(c);
}

static void test_an_id_that_is_none_is_told_and_the_stream_is_live(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *position; /* %s: the epoch */
        enum gap_reason reason;
        bool parsed;
    } cases[] = {
        {"", GAP_UNKNOWN, false},
        {"garbage", GAP_UNKNOWN, false},
        {"%s", GAP_UNKNOWN, false},
        {"%s-", GAP_UNKNOWN, false},
        {"%s--2", GAP_UNKNOWN, false},
        {"%s-2 ", GAP_UNKNOWN, false},
        {"%s-02", GAP_UNKNOWN, false},
        {"%s-99999999999999999999999999999999999999999999", GAP_UNKNOWN, false},
        {"x\ndata:1", GAP_UNKNOWN, false},
        {"\xc3\xa9", GAP_UNKNOWN, false},
        {"%s-6", GAP_FUTURE, true},
        {"%s-9223372036854775807", GAP_FUTURE, true},
        {"zzzzzzzz-2", GAP_UNKNOWN, false},
    };
    world_insert(w, 5);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128], *at = strstr(cases[i].position, "%s");
        strcpy(text, cases[i].position);
        if (at)
            sprintf(text, "%s%s", w->epoch, at + 2);
        struct claim *c = world_claim_at(w, text);
        assert_int_equal(c->gap, cases[i].reason);
        assert_int_equal(c->gap_from, -1);
        assert_int_equal(c->gap_oldest, 0);
        assert_int_equal(c->cursor, 5);
        assert_int_equal(c->count, 0);
        assert_int_equal(c->presented >= 0, cases[i].parsed);
    }
}

static void test_an_id_of_another_log_is_told(void **state)
{
    struct world *w = *state;
    char text[EVENT_ID_SIZE];
    event_id_format(text, strcmp(w->epoch, "00000001") ? "00000001" : "00000002", 2);
    world_insert(w, 5);
    struct claim *c = world_claim_at(w, text);
    assert_int_equal(c->gap, GAP_EPOCH);
    assert_int_equal(c->gap_from, -1);
    assert_int_equal(c->cursor, 5);
    assert_int_equal(c->presented, 2);
}

static void test_what_was_trimmed_behind_an_id_is_told(void **state)
{
    struct world *w = *state;
    buffer_size(w, 5);
    world_insert(w, 12);
    struct claim *c = claim_from(w, 1);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->gap_from, 1);
    assert_int_equal(c->gap_oldest, 8);
    assert_int_equal(c->cursor, 7);
    assert_int_equal(c->bookmark, 1); /* cut before it saw the gap, it is told again */
    assert_int_equal(c->count, 5);
    assert_int_equal(c->subscription->mailbox[0].told_to, 7);
    expect_no_gap(claim_from(w, 9));
    assert_int_equal(w->claim.count, 3);
    expect_no_gap(claim_from(w, 7));
    assert_int_equal(w->claim.count, 5);
}

static void test_after_everything_was_deleted_the_gap_ends_at_the_end(void **state)
{
    struct world *w = *state;
    world_insert(w, 4);
    world_sql(w->log, "DELETE FROM events");
    struct claim *c = claim_from(w, 1);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->gap_oldest, 0);
    assert_int_equal(c->cursor, 4);
    assert_int_equal(c->count, 0);
}

static void test_a_gap_never_jumps_over_a_kept_row(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE], text[EVENT_ID_SIZE];
    remember_session(w, token, id, 0);
    buffer_size(w, 3);
    world_insert(w, 2);
    world_sql(w->log, "INSERT INTO events(session_id, data) VALUES ('%q', 'mine')", id); /* 3 */
    world_insert(w, 5); /* 4 to 8; 6 to 8 are kept */
    struct claim_request r = world_request();
    position(text, w, 1);
    r.token = token;
    r.start = START_AT_ID;
    r.position = text;
    struct claim *c = world_claim(w, &r);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->gap_oldest, 3);
    assert_int_equal(c->cursor, 2);
    assert_int_equal(c->count, 4);
    assert_int_equal(c->private_to, 3);
    assert_int_equal(c->subscription->mailbox[0].told_to, 5);
    /* Cut right after the gap, and resumed from its id: told again, the kept row comes
     * still. */
    position(text, w, 2);
    c = world_claim(w, &r);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->cursor, 2);
    assert_int_equal(c->count, 4);
}

static void test_a_channel_nobody_listens_to_makes_no_gap(void **state)
{
    struct world *w = *state;
    buffer_size(w, 1);
    world_sql(w->log, "INSERT INTO events(channel) VALUES ('noise'), ('noise'), ('noise')");
    expect_no_gap(claim_from(w, 0));
    assert_int_equal(w->claim.count, 0);
}

static void test_a_mailbox_nobody_remembers_counts_as_trimmed_with_the_forgotten(void **state)
{
    struct world *w = *state;
    const char *channels[] = {"room"};
    char text[EVENT_ID_SIZE];
    world_sql(w->log, "INSERT INTO events(channel) VALUES ('room'), ('room')");
    world_sql(w->log, "DELETE FROM events; DELETE FROM rowcast_channels");
    world_insert(w, 1);
    struct claim_request r = world_request();
    position(text, w, 1);
    r.start = START_AT_ID;
    r.position = text;
    r.channels = channels;
    r.channel_count = 1;
    struct claim *c = world_claim(w, &r);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->cursor, 2);
    assert_int_equal(c->subscription->mailbox[1].told_to, 2);
    position(text, w, 2);
    expect_no_gap(world_claim(w, &r));
}

static void test_a_new_sessions_own_mailbox_cannot_have_lost_anything(void **state)
{
    struct world *w = *state;
    world_insert(w, 1);
    world_sql(w->log, "INSERT INTO events(channel) VALUES ('room')");
    world_sql(w->log, "DELETE FROM events WHERE channel = 'room'");
    world_sql(w->log, "DELETE FROM rowcast_channels WHERE mailbox = 'room'");
    struct claim *c = claim_from(w, 1);
    expect_no_gap(c);
    assert_true(c->subscription->has_session);
    assert_int_equal(c->subscription->mailbox[1].told_to, 2); /* nor is it told later */
}

static void test_earliest_gives_everything_kept_and_no_gap(void **state)
{
    struct world *w = *state;
    struct claim_request r = world_request();
    r.start = START_EARLIEST;
    struct claim *c = world_claim(w, &r);
    assert_int_equal(c->cursor, 0);
    buffer_size(w, 5);
    world_insert(w, 12);
    c = world_claim(w, &r);
    expect_no_gap(c);
    assert_int_equal(c->cursor, 7);
    assert_int_equal(c->bookmark, 7);
    assert_int_equal(c->count, 5);
}

static void test_last_gives_the_newest_rows_of_its_filter(void **state)
{
    struct world *w = *state;
    const char *channels[] = {"b", "a"}, *types[] = {"x", "y"};
    struct claim_request r = world_request();
    r.start = START_NEWEST;
    r.channels = channels;
    r.channel_count = 2;
    world_sql(w->log, "INSERT INTO events(channel, type) VALUES "
                      "('', 'x'), ('a', 'x'), ('b', 'z'), ('c', 'x'), ('a', 'y'), ('', 'z'),"
                      "('b', 'x'), ('c', 'y')");
    static const struct {
        int64_t newest, cursor, count, typed_cursor, typed_count;
    } cases[] = {
        {0, 8, 0, 8, 0}, {1, 6, 1, 6, 1},         {2, 5, 2, 4, 2},
        {3, 4, 3, 1, 3}, {4, 2, 4, 0, 4},         {6, 0, 6, 0, 4},
        {9, 0, 6, 0, 4}, {INT64_MAX, 0, 6, 0, 4}, {-1, 8, 0, 8, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        r.newest = cases[i].newest;
        r.type_count = 0;
        struct claim *c = world_claim(w, &r);
        expect_no_gap(c);
        assert_int_equal(c->cursor, cases[i].cursor);
        assert_int_equal(c->count, cases[i].count);
        r.types = types;
        r.type_count = 2;
        c = world_claim(w, &r);
        assert_int_equal(c->cursor, cases[i].typed_cursor);
        assert_int_equal(c->count, cases[i].typed_count);
    }
}

/* What a stranger asks for may cost so much and no more: then it begins early, and says so. */
static void test_last_looks_at_so_many_rows_and_no_more(void **state)
{
    struct world *w = *state;
    const char *types[] = {"rare"};
    struct claim_request r = world_request();
    r.types = types;
    r.type_count = 1;
    r.start = START_NEWEST;
    r.newest = 1;
    world_sql(w->log, "UPDATE rowcast_config SET value = 1000000 WHERE name = 'buffer_size'");
    world_sql(w->log, "INSERT INTO events(type, data) VALUES ('rare', 'x')");
    world_insert(w, CLAIM_ROWS_MAX + 10);
    struct claim *c = world_claim(w, &r);
    assert_int_equal(c->cursor, c->until - CLAIM_ROWS_MAX);
    assert_int_equal(c->count, 1); /* not looked at: rows may follow, so none is passed over */
    assert_int_equal(c->gap, GAP_NONE);
    r.type_count = 0;
    r.newest = 1000000; /* more than there are */
    c = world_claim(w, &r);
    assert_int_equal(c->cursor, 0);
    assert_int_equal(c->count, CLAIM_ROWS_MAX);
    r.newest = CLAIM_ROWS_MAX + 5;
    assert_int_equal(world_claim(w, &r)->cursor, w->claim.until - CLAIM_ROWS_MAX);
    r.newest = 3;
    assert_int_equal(world_claim(w, &r)->count, 3);
}

static void test_last_starts_at_an_older_bookmark(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    world_insert(w, 10);
    remember_session(w, token, NULL, 4);
    struct claim *c = claim_newest(w, token, 3);
    assert_int_equal(c->cursor, 4);
    assert_int_equal(c->count, 6);
    expect_no_gap(c);
    remember_session(w, token, NULL, 9);
    assert_int_equal(claim_newest(w, token, 3)->cursor, 7);
}

static void test_last_gives_no_gap_although_rows_were_trimmed(void **state)
{
    struct world *w = *state;
    buffer_size(w, 5);
    world_insert(w, 12);
    struct claim *c = claim_newest(w, NULL, 100);
    expect_no_gap(c);
    assert_int_equal(c->cursor, 7);
    assert_int_equal(c->count, 5);
}

static void test_only_rows_of_the_filter_are_counted(void **state)
{
    struct world *w = *state;
    const char *channels[] = {"room"}, *types[] = {"a", "b\nc"};
    char text[EVENT_ID_SIZE];
    position(text, w, 0);
    struct claim_request r = world_request();
    r.start = START_AT_ID;
    r.position = text;
    world_sql(w->log, "INSERT INTO events(channel, type) VALUES ('', 'a'), ('', 'b'), "
                      "('room', 'a'), ('other', 'a'), ('room', 'aa'), ('', 'A'), ('', 'c')");
    world_sql(w->log, "INSERT INTO events(session_id, type) VALUES ('stranger', 'a')");
    assert_int_equal(world_claim(w, &r)->count, 4);
    r.channels = channels;
    r.channel_count = 1;
    assert_int_equal(world_claim(w, &r)->count, 6);
    r.types = types;
    r.type_count = 2;
    assert_int_equal(world_claim(w, &r)->count, 2);
}

static void test_foreign_rows_that_passed_are_no_gap(void **state)
{
    struct world *w = *state;
    const char *types[] = {"rare"};
    char text[EVENT_ID_SIZE];
    world_insert(w, 1);
    position(text, w, 1);
    buffer_size(w, 10000);
    world_insert(w, 5000);
    struct claim_request r = world_request();
    r.start = START_AT_ID;
    r.position = text;
    r.types = types;
    r.type_count = 1;
    struct claim *c = world_claim(w, &r);
    expect_no_gap(c);
    assert_int_equal(c->count, 0);
    assert_int_equal(c->until, 5001);
}

static void test_rows_for_an_absent_session_wait_for_it_alone(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    remember_session(w, token, id, 0);
    world_sql(w->log, "INSERT INTO events(session_id, data) VALUES ('%q', 'for you')", id);
    world_insert(w, 1);
    struct claim *c = claim_from(w, 0);
    assert_int_equal(c->count, 1); /* somebody else */
    assert_int_equal(c->private_to, 0);
    c = world_claim_token(w, token);
    assert_int_equal(c->count, 2);
    assert_int_equal(c->private_to, 1);
}

static void test_asking_for_a_sessions_mailbox_as_a_channel_opens_nothing(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE], name[EVENT_MAILBOX_MAX];
    const char *channels[] = {name};
    remember_session(w, token, id, 0);
    sprintf(name, "@%s", id);
    world_sql(w->log, "INSERT INTO events(session_id, data) VALUES ('%q', 'secret')", id);
    struct claim_request r = world_request();
    r.start = START_EARLIEST;
    r.channels = channels;
    r.channel_count = 1;
    struct claim *c = world_claim(w, &r);
    assert_int_equal(c->count, 0);
    assert_null(subscription_find(c->subscription, mailbox_hash(name), name));
}

static void test_a_bookmark_of_another_log_is_told(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    world_insert(w, 3);
    remember_session(w, token, NULL, 1);
    world_sql(w->sessions, "UPDATE streams SET epoch = 'ffffffff'");
    struct claim *c = world_claim_token(w, token);
    assert_int_equal(c->gap, GAP_EPOCH);
    assert_int_equal(c->gap_from, -1);
    assert_int_equal(c->cursor, 3);
    assert_int_equal(world_claim_token(w, token)->gap, GAP_NONE); /* once */
}

static void test_an_unknown_session_is_told_and_starts_now(void **state)
{
    struct world *w = *state;
    world_insert(w, 3);
    struct claim *c = world_claim_token(w, "00000000000000000000000000000000");
    assert_int_equal(c->gap, GAP_SESSION);
    assert_int_equal(c->gap_from, -1);
    assert_int_equal(c->cursor, 3);
    assert_int_equal(c->gap_oldest, 0);
}

static void test_an_unknown_session_with_an_id_gets_what_is_for_everyone(void **state)
{
    struct world *w = *state;
    char text[EVENT_ID_SIZE];
    struct claim_request r = world_request();
    world_insert(w, 3);
    position(text, w, 1);
    r.token = "00000000000000000000000000000000";
    r.start = START_AT_ID;
    r.position = text;
    struct claim *c = world_claim(w, &r);
    assert_int_equal(c->gap, GAP_SESSION);
    assert_int_equal(c->gap_from, 1);
    assert_int_equal(c->gap_oldest, 2);
    assert_int_equal(c->cursor, 1); /* its id is the gap's: nothing kept is skipped */
    assert_int_equal(c->count, 2);
}

static void test_reasons_are_the_words_of_the_wire(void **state)
{
    (void)state;
    assert_string_equal(gap_reason_text(GAP_NONE), "");
    assert_string_equal(gap_reason_text(GAP_TRIMMED), "trimmed");
    assert_string_equal(gap_reason_text(GAP_UNKNOWN), "unknown");
    assert_string_equal(gap_reason_text(GAP_EPOCH), "epoch");
    assert_string_equal(gap_reason_text(GAP_FUTURE), "future");
    assert_string_equal(gap_reason_text(GAP_SESSION), "session");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_stream_that_says_nothing_starts_now),
        TEST(test_a_stream_on_an_empty_log_starts_at_zero),
        TEST(test_an_id_is_where_the_stream_goes_on),
        TEST(test_an_id_at_the_end_misses_nothing),
        TEST(test_an_id_that_is_none_is_told_and_the_stream_is_live),
        TEST(test_an_id_of_another_log_is_told),
        TEST(test_what_was_trimmed_behind_an_id_is_told),
        TEST(test_after_everything_was_deleted_the_gap_ends_at_the_end),
        TEST(test_a_gap_never_jumps_over_a_kept_row),
        TEST(test_a_channel_nobody_listens_to_makes_no_gap),
        TEST(test_a_mailbox_nobody_remembers_counts_as_trimmed_with_the_forgotten),
        TEST(test_a_new_sessions_own_mailbox_cannot_have_lost_anything),
        TEST(test_earliest_gives_everything_kept_and_no_gap),
        TEST(test_last_gives_the_newest_rows_of_its_filter),
        TEST(test_last_looks_at_so_many_rows_and_no_more),
        TEST(test_last_starts_at_an_older_bookmark),
        TEST(test_last_gives_no_gap_although_rows_were_trimmed),
        TEST(test_only_rows_of_the_filter_are_counted),
        TEST(test_foreign_rows_that_passed_are_no_gap),
        TEST(test_rows_for_an_absent_session_wait_for_it_alone),
        TEST(test_asking_for_a_sessions_mailbox_as_a_channel_opens_nothing),
        TEST(test_a_bookmark_of_another_log_is_told),
        TEST(test_an_unknown_session_is_told_and_starts_now),
        TEST(test_an_unknown_session_with_an_id_gets_what_is_for_everyone),
        TEST(test_reasons_are_the_words_of_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
