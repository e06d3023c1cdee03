/* What a stream will be sent again: everything kept, the newest rows, and of those no other than
 * its own. */
#include "tests/contract/contract_claims.h"

static struct claim *claim_newest(struct world *w, const char *token, int64_t n)
{
    struct claim_request r = some_request();
    r.token = token;
    r.start = START_NEWEST;
    r.newest = n;
    return claim(w, &r);
}

static void test_earliest_gives_everything_kept_and_no_gap(void **state)
{
    struct world *w = *state;
    struct claim_request r = some_request();
    r.start = START_EARLIEST;
    struct claim *c = claim(w, &r);
    assert_int_equal(c->cursor, 0);
    set(w, "buffer_size", "5");
    publish_some(w, 12);
    c = claim(w, &r);
    expect_no_gap(c);
    assert_int_equal(c->cursor, 7);
    assert_int_equal(c->bookmark, 7);
    assert_int_equal(c->count, 5);
}

static void test_last_gives_the_newest_rows_of_its_filter(void **state)
{
    struct world *w = *state;
    static const struct row rows[] = {{"", "x"},  {"a", "x"}, {"b", "z"}, {"c", "x"},
                                      {"a", "y"}, {"", "z"},  {"b", "x"}, {"c", "y"}};
    const char *channels[] = {"b", "a"}, *types[] = {"x", "y"};
    struct claim_request r = some_request();
    r.start = START_NEWEST;
    r.channels = channels;
    r.channel_count = 2;
    publish_each(w, rows, sizeof rows / sizeof *rows);
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
        struct claim *c = claim(w, &r);
        expect_no_gap(c);
        assert_int_equal(c->cursor, cases[i].cursor);
        assert_int_equal(c->count, cases[i].count);
        r.types = types;
        r.type_count = 2;
        c = claim(w, &r);
        assert_int_equal(c->cursor, cases[i].typed_cursor);
        assert_int_equal(c->count, cases[i].typed_count);
    }
}

/* What a stranger asks for may cost so much and no more: then it begins early, and says so. */
static void test_last_looks_at_so_many_rows_and_no_more(void **state)
{
    struct world *w = *state;
    const char *types[] = {"rare"};
    struct claim_request r = some_request();
    r.types = types;
    r.type_count = 1;
    r.start = START_NEWEST;
    r.newest = 1;
    set(w, "buffer_size", "1000000");
    publish(w, "", "rare", "x", 1);
    publish_some(w, CLAIM_ROWS_MAX + 10);
    struct claim *c = claim(w, &r);
    assert_int_equal(c->cursor, c->until - CLAIM_ROWS_MAX);
    assert_int_equal(c->count, 1); /* not looked at: rows may follow, so none is passed over */
    assert_int_equal(c->gap, GAP_NONE);
    r.type_count = 0;
    r.newest = 1000000; /* more than there are */
    c = claim(w, &r);
    assert_int_equal(c->cursor, 0);
    assert_int_equal(c->count, CLAIM_ROWS_MAX);
    r.newest = CLAIM_ROWS_MAX + 5;
    assert_int_equal(claim(w, &r)->cursor, w->claim.until - CLAIM_ROWS_MAX);
    r.newest = 3;
    assert_int_equal(claim(w, &r)->count, 3);
}

static void test_last_starts_at_an_older_bookmark(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    publish_some(w, 10);
    remember_session(w, token, NULL, 4);
    struct claim *c = claim_newest(w, token, 3);
    assert_int_equal(c->cursor, 4);
    assert_int_equal(c->count, 6);
    expect_no_gap(c);
    remember_session(w, token, NULL, 9);
    assert_int_equal(claim_newest(w, token, 3)->cursor, 7);
}

/* It resumes from there as much as from an older one. */
static void test_last_that_starts_just_at_a_bookmark_tells_what_was_lost_since(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    publish_some(w, 10);
    remember_session(w, token, NULL, 7);
    delete_events(w, "", 9, 9);
    struct claim *c = claim_newest(w, token, 2);
    assert_int_equal(c->cursor, 7);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->gap_from, 7);
    assert_int_equal(c->count, 2);
}

static void test_last_gives_no_gap_although_rows_were_trimmed(void **state)
{
    struct world *w = *state;
    set(w, "buffer_size", "5");
    publish_some(w, 12);
    struct claim *c = claim_newest(w, NULL, 100);
    expect_no_gap(c);
    assert_int_equal(c->cursor, 7);
    assert_int_equal(c->count, 5);
}

static void test_only_rows_of_the_filter_are_counted(void **state)
{
    struct world *w = *state;
    static const struct row rows[] = {{"", "a"},      {"", "b"},         {"room", "a"},
                                      {"other", "a"}, {"room", "aa"},    {"", "A"},
                                      {"", "c"},      {"@stranger", "a"}};
    const char *channels[] = {"room"}, *types[] = {"a", "b\nc"};
    struct claim_request r = request_from(w, 0);
    publish_each(w, rows, sizeof rows / sizeof *rows);
    assert_int_equal(claim(w, &r)->count, 4);
    r.channels = channels;
    r.channel_count = 1;
    assert_int_equal(claim(w, &r)->count, 6);
    r.types = types;
    r.type_count = 2;
    assert_int_equal(claim(w, &r)->count, 2);
}

static void test_foreign_rows_that_passed_are_no_gap(void **state)
{
    struct world *w = *state;
    const char *types[] = {"rare"};
    struct claim_request r = request_from(w, 1);
    r.types = types;
    r.type_count = 1;
    set(w, "buffer_size", "10000");
    publish_some(w, 5001);
    struct claim *c = claim(w, &r);
    expect_no_gap(c);
    assert_int_equal(c->count, 0);
    assert_int_equal(c->until, 5001);
}

static void test_rows_for_an_absent_session_wait_for_it_alone(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    remember_session(w, token, id, 0);
    publish_to(w, id, "for you", 1);
    publish_some(w, 1);
    struct claim *c = claim_from(w, 0);
    assert_int_equal(c->count, 1); /* somebody else */
    assert_int_equal(c->private_to, 0);
    c = claim_as(w, token);
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
    publish_to(w, id, "secret", 1);
    struct claim_request r = some_request();
    r.start = START_EARLIEST;
    r.channels = channels;
    r.channel_count = 1;
    struct claim *c = claim(w, &r);
    assert_int_equal(c->count, 0);
    assert_null(subscription_find(c->subscription, mailbox_hash(name), name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_earliest_gives_everything_kept_and_no_gap),
        TEST(test_last_gives_the_newest_rows_of_its_filter),
        TEST(test_last_looks_at_so_many_rows_and_no_more),
        TEST(test_last_starts_at_an_older_bookmark),
        TEST(test_last_that_starts_just_at_a_bookmark_tells_what_was_lost_since),
        TEST(test_last_gives_no_gap_although_rows_were_trimmed),
        TEST(test_only_rows_of_the_filter_are_counted),
        TEST(test_foreign_rows_that_passed_are_no_gap),
        TEST(test_rows_for_an_absent_session_wait_for_it_alone),
        TEST(test_asking_for_a_sessions_mailbox_as_a_channel_opens_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
