/* Events that expire: from then on nobody is given them or told that they are missing, whether they
 * were removed already or not. */
#include "tests/contract/contract_history.h"
#include "tests/contract/contract_log.h"
#include "tests/unit/group.h"

enum { SOON_S = 60, LATER_S = 100 /* when those that expire soon are due */ };

/* Publish a row for each letter: `.` one that stays, `x` one that expires soon. */
static void publish_pattern(struct world *w, const char *mailbox, const char *pattern)
{
    for (const char *p = pattern; *p; p++)
        if (*p == 'x')
            publish_expiring(w, mailbox, "x", SOON_S);
        else
            publish_with(w, mailbox, "x", "type", "stays");
}

/* Let the rows that expire soon become due, without an insert that would remove some of them. */
static void become_due(struct world *w)
{
    age(w, LATER_S);
}

static struct subscription *everyones(void)
{
    return subscription_new(NULL, NULL, 0, NULL, 0);
}

static struct claim *claim_last(struct world *w, int64_t n)
{
    struct claim_request r = some_request();
    r.start = START_NEWEST;
    r.newest = n;
    return claim(w, &r);
}

/* ---- reading ----------------------------------------------------------------------- */

static void test_an_event_is_read_until_its_time_and_not_after(void **state)
{
    struct world *w = *state;
    struct subscription *sub = everyones();
    publish_pattern(w, "", "x.xx.x");
    assert_string_equal(read_ids(w, 0, NULL), "1 2 3 4 5 6");
    become_due(w);
    assert_string_equal(read_ids(w, 0, NULL), "2 5");
    assert_int_equal(the_reading.through, 6);
    assert_string_equal(read_ids(w, 0, sub), "2 5");
    assert_int_equal(the_reading.through, 6);
    assert_string_equal(read_ids(w, 5, sub), "");
    assert_int_equal(the_reading.through, 6);
    assert_int_equal(count(w, EVENTS), 6);
    subscription_free(sub);
}

static void test_an_event_for_one_session_expires_as_well(void **state)
{
    struct world *w = *state;
    struct subscription *sub = subscription_new("s", NULL, 0, NULL, 0);
    publish_pattern(w, "@s", "x.x");
    become_due(w);
    assert_string_equal(read_ids(w, 0, sub), "2");
    assert_string_equal(read_ids(w, 0, NULL), "2");
    subscription_free(sub);
}

/* ---- inserts ----------------------------------------------------------------------- */

static void test_an_event_whose_time_is_past_is_accepted_and_never_given(void **state)
{
    struct world *w = *state;
    publish_some(w, 1);
    publish_expiring(w, "", "late", -5);
    assert_int_equal(count(w, LAST_ID), 2);
    assert_string_equal(read_ids(w, 0, NULL), "1");
    publish_expiring(w, "@s", "late", -5);
    publish_some(w, 1);
    assert_string_equal(read_ids(w, 0, NULL), "1 4");
    assert_int_equal(count(w, TRIMMED_TO), 0);
    books_agree(w);
}

/* A publisher must not be told that its event is there when nobody can get it. */
static void test_the_dedup_key_of_an_event_that_is_due_is_free_again(void **state)
{
    struct world *w = *state;
    struct group g = {0};
    for (int i = 0; i < 3; i++) {
        struct appending *a = add(&g, "a", "once");
        a->what.dedup_key = "d";
        a->what.expires_in = SOON_S;
        assert_int_equal(store_append_all(w->store, &g.items[i], 1, 0), STORE_OK);
        if (i == 1)
            become_due(w);
    }
    assert_int_equal(g.ids[0][0], 1);
    assert_int_equal(g.ids[1][0], 1);
    assert_int_equal(g.ids[2][0], 2);
    assert_int_equal(store_append_all(w->store, &g.items[2], 1, 0), STORE_OK);
    assert_int_equal(g.ids[2][0], 2);
    assert_string_equal(read_ids(w, 0, NULL), "2");
}

static void test_each_insert_removes_two_that_are_due_and_tells_no_gap(void **state)
{
    struct world *w = *state;
    publish_pattern(w, "", "xxx");
    publish_pattern(w, "room", "xx");
    publish_pattern(w, "", ".");
    become_due(w);
    publish_some(w, 1);
    assert_int_equal(count(w, EVENTS), 5);
    publish_some(w, 1);
    assert_int_equal(count(w, EVENTS), 4);
    publish_some(w, 1);
    assert_string_equal(read_ids(w, 0, NULL), "6 7 8 9");
    assert_int_equal(count(w, EVENTS), 4);
    assert_int_equal(kept(w, ""), 4);
    assert_int_equal(kept(w, "room"), 0);
    assert_int_equal(count(w, TRIMMED_TO), 0);
    books_agree(w);
}

static void test_an_event_that_leaves_before_its_time_is_missing(void **state)
{
    struct world *w = *state;
    publish_pattern(w, "", "x.x");
    delete_events(w, "", 1, 1);
    become_due(w);
    delete_events(w, "", 3, 3);
    assert_string_equal(read_ids(w, 0, NULL), "hole:<1 2");
    assert_int_equal(count(w, TRIMMED_TO), 1);
    books_agree(w);
}

/* ---- the janitor ------------------------------------------------------------------- */

static void test_the_janitor_removes_what_is_due_a_hundred_at_a_time(void **state)
{
    struct world *w = *state;
    w->settings->buffer_age = 0;
    set(w, "buffer_age", "0");
    publish_pattern(w, "room", ".");
    for (int i = 0; i < 250; i++)
        publish_pattern(w, "room", "x");
    become_due(w);
    assert_true(tidy_a_piece(w)); /* also if somebody just inserted */
    assert_int_equal(count(w, EVENTS), 151);
    assert_true(tidy_a_piece(w));
    assert_int_equal(count(w, EVENTS), 51);
    tidy(w);
    assert_int_equal(count(w, EVENTS), 1);
    assert_int_equal(kept(w, "room"), 1);
    assert_string_equal(read_ids(w, 0, NULL), "1");
    assert_int_equal(count(w, TRIMMED_TO), 0);
    books_agree(w);
}

static void test_events_that_become_due_all_the_time_hold_up_no_other_tidying(void **state)
{
    struct world *w = *state;
    w->settings->buffer_age = 0;
    publish(w, "@nobody", "update", "x", 5);
    age(w, 1000);
    for (int i = 0; i < 2; i++) { /* the events, and the mailbox itself */
        publish_pattern(w, "", "xxx");
        become_due(w);
        assert_true(tidy_a_piece(w));
        assert_int_equal(kept(w, ""), 0);
    }
    assert_int_equal(kept(w, "@nobody"), -1);
}

static void test_while_nothing_is_due_the_janitor_leaves_publishers_alone(void **state)
{
    struct world *w = *state;
    publish_pattern(w, "", "x.x");
    hold(w, THE_LOG);
    tidy(w);
    release(w, THE_LOG);
    assert_int_equal(count(w, EVENTS), 3);
}

/* ---- claims ------------------------------------------------------------------------ */

static void test_a_stream_counts_and_finds_only_what_it_will_be_given(void **state)
{
    struct world *w = *state;
    struct claim_request r = some_request();
    r.start = START_EARLIEST;
    publish_pattern(w, "", "xx.x.xx");
    assert_int_equal(claim(w, &r)->count, 7);
    become_due(w);
    assert_int_equal(claim(w, &r)->count, 2);
    expect_no_gap(&w->claim);
    assert_int_equal(claim_from(w, 3)->count, 1);
    assert_int_equal(claim_from(w, 5)->count, 0);
    expect_no_gap(&w->claim);
    const char *types[] = {"message"};
    r.types = types;
    r.type_count = 1;
    assert_int_equal(claim(w, &r)->count, 0);
    types[0] = "stays";
    assert_int_equal(claim(w, &r)->count, 2);
}

static void test_last_gives_so_many_events_that_are_not_due(void **state)
{
    static const struct {
        int64_t newest, cursor, count;
    } cases[] = {{0, 8, 0}, {1, 6, 1}, {2, 4, 2}, {3, 2, 3}, {4, 2, 3}, {8, 2, 3}, {100, 2, 3}};
    struct world *w = *state;
    publish_pattern(w, "", "xx.x.x.x");
    become_due(w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct claim *c = claim_last(w, cases[i].newest);
        assert_int_equal(c->cursor, cases[i].cursor);
        assert_int_equal(c->count, cases[i].count);
        expect_no_gap(c);
    }
}

static void test_last_of_a_mailbox_where_all_are_due_begins_at_the_end(void **state)
{
    struct world *w = *state;
    publish_pattern(w, "", "xxx");
    become_due(w);
    for (int64_t n = 1; n < 5; n++) {
        assert_int_equal(claim_last(w, n)->cursor, 3);
        assert_int_equal(w->claim.count, 0);
    }
}

static void test_what_is_due_in_other_mailboxes_is_not_subtracted(void **state)
{
    struct world *w = *state;
    const char *channels[] = {"a"};
    struct claim_request r = some_request();
    r.start = START_EARLIEST;
    r.channels = channels;
    r.channel_count = 1;
    publish_pattern(w, "a", ".x.");
    publish_pattern(w, "b", "xxx");
    publish_pattern(w, "@s", "xx");
    publish_pattern(w, "", ".x");
    become_due(w);
    assert_int_equal(claim(w, &r)->count, 3);
}

/* The gap moves the stream past what is due. */
static void test_the_oldest_event_after_a_gap_is_one_that_is_not_due(void **state)
{
    struct world *w = *state;
    publish_pattern(w, "", "..xx.");
    delete_events(w, "", 1, 2);
    become_due(w);
    struct claim *c = claim_from(w, 0);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->gap_oldest, 5);
    assert_int_equal(c->cursor, 4);
    delete_events(w, "", 5, 5);
    c = claim_from(w, 0);
    assert_int_equal(c->gap_oldest, 0);
    assert_int_equal(c->cursor, 5);
}

/* A row of its own that is due, before the oldest that is kept. */
static void test_a_gap_moves_a_stream_past_its_own_event_that_is_due(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE], own[SESSION_ID_SIZE + 1];
    remember_session(w, token, id, 0);
    snprintf(own, sizeof own, "@%s", id);
    publish_pattern(w, "", ".");
    publish_pattern(w, own, "x");
    publish_pattern(w, "", ".");
    struct claim *c = claim_as(w, token);
    assert_int_equal(c->private_to, 2);
    end_at(w, c->stream_id, 0);
    delete_events(w, "", 1, 1);
    become_due(w);
    c = claim_as(w, token);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->cursor, 2);
    assert_int_equal(c->count, 1);
    assert_int_equal(c->private_to, 0);
}

static void test_a_stream_of_which_all_is_due_begins_at_the_end(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE], own[SESSION_ID_SIZE + 1];
    struct claim_request r = some_request();
    remember_session(w, token, id, 0);
    snprintf(own, sizeof own, "@%s", id);
    publish_pattern(w, own, "xx");
    become_due(w);
    r.token = token;
    r.start = START_EARLIEST;
    struct claim *c = claim(w, &r);
    assert_int_equal(c->cursor, 2);
    assert_int_equal(c->count, 0);
    assert_int_equal(c->private_to, 0);
}

static void test_history_leaves_out_what_is_due(void **state)
{
    struct world *w = *state;
    publish_pattern(w, "", "x.x.x");
    become_due(w);
    assert_string_equal(newest(w, 1), "4");
    assert_string_equal(newest(w, 100), "2 4");
    assert_int_equal(the_told.is.next, 5);
    assert_string_equal(history_after(w, 2, 100), "4");
    assert_int_equal(the_told.is.gap, GAP_NONE);
}

/* ---- sessions that are gone -------------------------------------------------------- */

/* A session left, its mailbox got `before`, it expired, its mailbox got `later`, and its client came
 * back: which gap it is told of. */
static enum gap_reason sleep_and_wake(struct world *w, const char *before, const char *later)
{
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE], own[SESSION_ID_SIZE + 1];
    remember_session(w, token, id, 0);
    snprintf(own, sizeof own, "@%s", id);
    publish_pattern(w, own, before);
    become_due(w);
    for (int i = 0; i < 3; i++)
        serve(w, 31);
    assert_int_equal(count(w, SESSIONS), 0);
    publish_pattern(w, own, later);
    become_due(w);
    struct claim *c = claim_as(w, token);
    end_at(w, c->stream_id, c->until);
    return c->gap;
}

static void test_who_slept_while_its_events_expired_has_lost_nothing(void **state)
{
    assert_int_equal(sleep_and_wake(*state, "xx", ""), GAP_NONE);
    assert_int_equal(sleep_and_wake(*state, "", "xx"), GAP_NONE);
    assert_int_equal(sleep_and_wake(*state, "x", "x"), GAP_NONE);
}

static void test_who_slept_is_told_of_an_event_that_did_not_expire(void **state)
{
    assert_int_equal(sleep_and_wake(*state, "x.x", ""), GAP_SESSION);
    assert_int_equal(sleep_and_wake(*state, "", "x.x"), GAP_SESSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_event_is_read_until_its_time_and_not_after),
        TEST(test_an_event_for_one_session_expires_as_well),
        TEST(test_an_event_whose_time_is_past_is_accepted_and_never_given),
        TEST(test_the_dedup_key_of_an_event_that_is_due_is_free_again),
        TEST(test_each_insert_removes_two_that_are_due_and_tells_no_gap),
        TEST(test_an_event_that_leaves_before_its_time_is_missing),
        TEST(test_the_janitor_removes_what_is_due_a_hundred_at_a_time),
        TEST(test_events_that_become_due_all_the_time_hold_up_no_other_tidying),
        TEST(test_while_nothing_is_due_the_janitor_leaves_publishers_alone),
        TEST(test_a_stream_counts_and_finds_only_what_it_will_be_given),
        TEST(test_last_gives_so_many_events_that_are_not_due),
        TEST(test_last_of_a_mailbox_where_all_are_due_begins_at_the_end),
        TEST(test_what_is_due_in_other_mailboxes_is_not_subtracted),
        TEST(test_the_oldest_event_after_a_gap_is_one_that_is_not_due),
        TEST(test_a_gap_moves_a_stream_past_its_own_event_that_is_due),
        TEST(test_a_stream_of_which_all_is_due_begins_at_the_end),
        TEST(test_history_leaves_out_what_is_due),
        WITH_TTL(test_who_slept_while_its_events_expired_has_lost_nothing),
        WITH_TTL(test_who_slept_is_told_of_an_event_that_did_not_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
