/* Where a stream starts, and what it is told to have missed. */
#include "tests/contract/contract_claims.h"

static void test_a_stream_that_says_nothing_starts_now(void **state)
{
    struct world *w = *state;
    publish_some(w, 3);
    struct claim *c = claim_as(w, NULL);
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
    struct claim *c = claim_as(*state, NULL);
    assert_int_equal(c->cursor, 0);
    assert_int_equal(c->until, 0);
    expect_no_gap(c);
}

static void test_an_id_is_where_the_stream_goes_on(void **state)
{
    struct world *w = *state;
    publish_some(w, 5);
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
    publish_some(w, 5);
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
    publish_some(w, 5);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128], *at = strstr(cases[i].position, "%s");
        strcpy(text, cases[i].position);
        if (at)
            sprintf(text, "%s%s", w->epoch, at + 2);
        struct claim *c = claim_at(w, text);
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
    publish_some(w, 5);
    struct claim *c = claim_at(w, text);
    assert_int_equal(c->gap, GAP_EPOCH);
    assert_int_equal(c->gap_from, -1);
    assert_int_equal(c->cursor, 5);
    assert_int_equal(c->presented, 2);
}

static void test_what_was_trimmed_behind_an_id_is_told(void **state)
{
    struct world *w = *state;
    set(w, "buffer_size", "5");
    publish_some(w, 12);
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
    publish_some(w, 4);
    delete_all_events(w);
    struct claim *c = claim_from(w, 1);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->gap_oldest, 0);
    assert_int_equal(c->cursor, 4);
    assert_int_equal(c->count, 0);
}

static void test_a_gap_never_jumps_over_a_kept_row(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    remember_session(w, token, id, 0);
    set(w, "buffer_size", "3");
    publish_some(w, 2);
    publish_to(w, id, "mine", 1); /* 3 */
    publish_some(w, 5);           /* 4 to 8; 6 to 8 are kept */
    struct claim_request r = request_from(w, 1);
    r.token = token;
    struct claim *c = claim(w, &r);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->gap_oldest, 3);
    assert_int_equal(c->cursor, 2);
    assert_int_equal(c->count, 4);
    assert_int_equal(c->private_to, 3);
    assert_int_equal(c->subscription->mailbox[0].told_to, 5);
    /* Cut right after the gap, and resumed from its id: told again, the kept row comes
     * still. */
    r.position = id_text(w, 2);
    c = claim(w, &r);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->cursor, 2);
    assert_int_equal(c->count, 4);
}

static void test_a_channel_nobody_listens_to_makes_no_gap(void **state)
{
    struct world *w = *state;
    set(w, "buffer_size", "1");
    publish(w, "noise", "update", "x", 3);
    expect_no_gap(claim_from(w, 0));
    assert_int_equal(w->claim.count, 0);
}

static void test_a_mailbox_nobody_remembers_counts_as_trimmed_with_the_forgotten(void **state)
{
    struct world *w = *state;
    const char *channels[] = {"room"};
    publish(w, "room", "update", "x", 2);
    delete_all_events(w);
    forget(w, NULL);
    publish_some(w, 1);
    struct claim_request r = request_from(w, 1);
    r.channels = channels;
    r.channel_count = 1;
    struct claim *c = claim(w, &r);
    assert_int_equal(c->gap, GAP_TRIMMED);
    assert_int_equal(c->cursor, 2);
    assert_int_equal(c->subscription->mailbox[1].told_to, 2);
    r.position = id_text(w, 2);
    expect_no_gap(claim(w, &r));
}

static void test_a_new_sessions_own_mailbox_cannot_have_lost_anything(void **state)
{
    struct world *w = *state;
    publish_some(w, 1);
    publish(w, "room", "update", "x", 1);
    delete_events(w, "room", 1, INT64_MAX);
    forget(w, "room");
    struct claim *c = claim_from(w, 1);
    expect_no_gap(c);
    assert_true(c->subscription->has_session);
    assert_int_equal(c->subscription->mailbox[1].told_to, 2); /* nor is it told later */
}

static void test_a_bookmark_of_another_log_is_told(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    publish_some(w, 3);
    remember_session(w, token, NULL, 1);
    foreign(w, w->claim.stream_id);
    struct claim *c = claim_as(w, token);
    assert_int_equal(c->gap, GAP_EPOCH);
    assert_int_equal(c->gap_from, -1);
    assert_int_equal(c->cursor, 3);
    assert_int_equal(claim_as(w, token)->gap, GAP_NONE); /* once */
}

static void test_an_unknown_session_is_told_and_starts_now(void **state)
{
    struct world *w = *state;
    publish_some(w, 3);
    struct claim *c = claim_as(w, "00000000000000000000000000000000");
    assert_int_equal(c->gap, GAP_SESSION);
    assert_int_equal(c->gap_from, -1);
    assert_int_equal(c->cursor, 3);
    assert_int_equal(c->gap_oldest, 0);
}

static void test_an_unknown_session_with_an_id_gets_what_is_for_everyone(void **state)
{
    struct world *w = *state;
    struct claim_request r = request_from(w, 1);
    publish_some(w, 3);
    r.token = "00000000000000000000000000000000";
    struct claim *c = claim(w, &r);
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
        TEST(test_a_bookmark_of_another_log_is_told),
        TEST(test_an_unknown_session_is_told_and_starts_now),
        TEST(test_an_unknown_session_with_an_id_gets_what_is_for_everyone),
        TEST(test_reasons_are_the_words_of_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
