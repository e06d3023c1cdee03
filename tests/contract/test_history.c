/* What a client is told that asks what happened, and wants no stream. */
#include "tests/contract/contract_history.h"

static void expect_no_gap_told(void)
{
    assert_int_equal(the_told.is.gap, GAP_NONE);
    assert_int_equal(the_told.is.gap_from, -1);
    assert_int_equal(the_told.is.gap_oldest, 0);
}

static void expect_gap(enum gap_reason reason, int64_t from, int64_t oldest)
{
    assert_int_equal(the_told.is.gap, reason);
    assert_int_equal(the_told.is.gap_from, from);
    assert_int_equal(the_told.is.gap_oldest, oldest);
}

static void expect_next(int64_t next, bool more)
{
    assert_int_equal(the_told.is.next, next);
    assert_int_equal(the_told.is.more, more);
}

/* ---- which events ------------------------------------------------------------------ */

static void test_an_empty_log_has_no_history(void **state)
{
    struct world *w = *state;
    assert_string_equal(newest(w, 100), "");
    expect_next(0, false);
    expect_no_gap_told();
    assert_string_equal(the_told.is.epoch, w->epoch);
}

static void test_without_an_id_the_newest_are_told_oldest_first(void **state)
{
    struct world *w = *state;
    publish_some(w, 5);
    assert_string_equal(newest(w, 3), "3 4 5");
    expect_next(5, false);
    assert_string_equal(newest(w, 100), "1 2 3 4 5");
    expect_next(5, false);
    expect_no_gap_told();
}

static void test_an_event_is_told_as_it_is_stored(void **state)
{
    struct world *w = *state;
    const char *channels[] = {"room"};
    struct claim_request r = request_from(w, 0);
    r.channels = channels;
    r.channel_count = 1;
    publish(w, "room", "chat", "a\r\nb", 1);
    assert_string_equal(history(w, &r, 1), "1");
    assert_string_equal(the_told.type, "chat");
    assert_int_equal(the_told.bytes, 4);
    assert_true(the_told.last.created_at > 0);
}

static void test_history_goes_on_where_the_last_answer_ended(void **state)
{
    struct world *w = *state;
    publish_some(w, 5);
    assert_string_equal(history_after(w, 1, 2), "2 3");
    expect_next(3, true);
    assert_string_equal(history_after(w, 3, 2), "4 5");
    expect_next(5, false); /* nobody is sent once more for nothing */
    assert_string_equal(history_after(w, 5, 2), "");
    expect_next(5, false);
    expect_no_gap_told();
}

static void test_only_the_mailboxes_and_types_asked_for_are_told(void **state)
{
    struct world *w = *state;
    static const struct row rows[] = {{"", "x"},  {"a", "x"}, {"b", "z"}, {"c", "x"},
                                      {"a", "y"}, {"", "z"},  {"b", "x"}, {"c", "y"}};
    const char *channels[] = {"b", "a"}, *types[] = {"x", "y"};
    publish_each(w, rows, sizeof rows / sizeof *rows);
    assert_string_equal(history_after(w, 0, 100), "1 6");
    struct claim_request r = request_from(w, 0);
    r.channels = channels;
    r.channel_count = 2;
    assert_string_equal(history(w, &r, 100), "1 2 3 5 6 7");
    expect_next(8, false); /* past what is for others */
    r.types = types;
    r.type_count = 2;
    assert_string_equal(history(w, &r, 100), "1 2 5 7");
    assert_string_equal(history(w, &r, 3), "1 2 5");
    expect_next(6, true);
    r.start = START_NEWEST;
    r.newest = 2;
    assert_string_equal(history(w, &r, 2), "5 7");
}

static void test_earliest_begins_with_the_oldest_kept_and_tells_of_no_gap(void **state)
{
    struct world *w = *state;
    struct claim_request r = some_request();
    r.start = START_EARLIEST;
    set(w, "buffer_size", "5");
    publish_some(w, 12);
    assert_string_equal(history(w, &r, 3), "8 9 10");
    expect_next(10, true);
    expect_no_gap_told();
}

static void test_nothing_may_be_asked_for(void **state)
{
    struct world *w = *state;
    publish_some(w, 3);
    assert_string_equal(newest(w, 0), "");
    expect_next(3, false);
}

/* ---- how much ---------------------------------------------------------------------- */

static void test_an_answer_ends_at_so_much_data(void **state)
{
    struct world *w = *state;
    publish(w, "", "update", letters(HISTORY_BYTES / 4), 5);
    assert_string_equal(history_after(w, 0, 100), "1 2 3 4");
    assert_int_equal(the_told.bytes, HISTORY_BYTES);
    expect_next(4, true);
    assert_string_equal(history_after(w, 4, 100), "5");
    expect_next(5, false);
}

static void test_one_event_may_be_larger_than_an_answer(void **state)
{
    struct world *w = *state;
    set(w, "max_event_bytes", "2000000");
    publish_some(w, 1);
    publish(w, "", "update", letters(HISTORY_BYTES + 1), 1);
    publish_some(w, 1);
    assert_string_equal(history_after(w, 0, 100), "1");
    expect_next(1, true);
    assert_string_equal(history_after(w, 1, 100), "2");
    expect_next(2, true);
    assert_string_equal(history_after(w, 2, 100), "3");
    expect_next(3, false);
}

/* Whoever asks for a rare type must not keep a thread busy for long. */
static void test_an_answer_looks_at_so_many_rows_and_says_that_there_may_be_more(void **state)
{
    struct world *w = *state;
    const char *types[] = {"rare"};
    struct claim_request r = request_from(w, 0);
    r.types = types;
    r.type_count = 1;
    set(w, "buffer_size", "1000000");
    publish_some(w, HISTORY_ROWS_MAX + 5);
    publish(w, "", "rare", "x", 1);
    assert_string_equal(history(w, &r, 100), "");
    expect_next(HISTORY_ROWS_MAX, true);
    r.position = id_text(w, the_told.is.next);
    assert_string_equal(history(w, &r, 100), "10006");
    expect_next(HISTORY_ROWS_MAX + 6, false);
}

static void test_an_answer_looks_at_so_many_bytes(void **state)
{
    struct world *w = *state;
    const char *types[] = {"rare"};
    struct claim_request r = request_from(w, 0);
    r.types = types;
    r.type_count = 1;
    publish(w, "", "update", letters(1000000), 20);
    publish(w, "", "rare", "x", 1);
    assert_string_equal(history(w, &r, 100), "");
    expect_next(HISTORY_ROWS_BYTES / 1000000 + 1, true);
    r.position = id_text(w, the_told.is.next);
    assert_string_equal(history(w, &r, 100), "21");
}

/* ---- what is missing --------------------------------------------------------------- */

static void test_an_id_that_cannot_be_used_is_told_and_history_begins_at_the_end(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *position;
        enum gap_reason reason;
    } cases[] = {{"", GAP_UNKNOWN},
                 {"garbage", GAP_UNKNOWN},
                 {"%s-02", GAP_UNKNOWN},
                 {"%s-6", GAP_FUTURE},
                 {"01234567-2", GAP_EPOCH}};
    publish_some(w, 5);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        const char *dash = strchr(cases[i].position, '-');
        struct claim_request r = some_request();
        bool ours = cases[i].position[0] == '%';
        snprintf(text, sizeof text, "%s%s", ours ? w->epoch : "",
                 ours ? dash : cases[i].position);
        r.start = START_AT_ID;
        r.position = text;
        assert_string_equal(history(w, &r, 100), "");
        expect_gap(cases[i].reason, -1, 0);
        expect_next(5, false);
    }
}

static void test_what_was_trimmed_after_an_id_is_told_as_to_a_stream(void **state)
{
    struct world *w = *state;
    set(w, "buffer_size", "5");
    publish_some(w, 12);
    assert_string_equal(history_after(w, 1, 2), "8 9");
    expect_gap(GAP_TRIMMED, 1, 8);
    expect_next(9, true);
    assert_string_equal(history_after(w, 9, 100), "10 11 12");
    expect_no_gap_told();
    assert_string_equal(newest(w, 100), "8 9 10 11 12");
    expect_no_gap_told(); /* who says nothing misses nothing */
}

static void all_go(struct world *w)
{
    delete_all_events(w);
}

static void test_what_is_trimmed_while_it_is_looked_up_is_told(void **state)
{
    struct world *w = *state;
    publish_some(w, 5);
    let_happen(w, all_go, 1);
    assert_string_equal(history_after(w, 2, 100), "");
    expect_gap(GAP_TRIMMED, 2, 0);
    expect_next(5, false);
}

static void most_go(struct world *w)
{
    delete_events(w, NULL, 1, 4);
    publish_some(w, 1);
}

static void test_a_gap_names_the_oldest_that_is_left(void **state)
{
    struct world *w = *state;
    publish_some(w, 5);
    let_happen(w, most_go, 1);
    assert_string_equal(history_after(w, 2, 100), "5 6");
    expect_gap(GAP_TRIMMED, 2, 5);
    expect_next(6, false);
}

static void test_a_gap_that_grows_while_it_is_looked_up_is_one_gap(void **state)
{
    struct world *w = *state;
    set(w, "buffer_size", "3");
    publish_some(w, 5);
    let_happen(w, most_go, 1);
    assert_string_equal(history_after(w, 1, 100), "5 6");
    expect_gap(GAP_TRIMMED, 1, 5);
}

static void test_a_first_answer_is_told_of_no_gap_whatever_goes_meanwhile(void **state)
{
    struct world *w = *state;
    publish_some(w, 5);
    let_happen(w, most_go, 1);
    assert_string_equal(newest(w, 100), "5 6");
    expect_no_gap_told();
}

static void test_a_log_that_is_replaced_meanwhile_is_looked_up_anew(void **state)
{
    void (*const ways[])(struct world * w) = {renew, replace};
    struct world *w = *state;
    publish_some(w, 5);
    for (size_t i = 0; i < 2; i++) {
        let_happen(w, ways[i], 1);
        assert_string_equal(history_after(w, 2, 100), "");
        expect_gap(GAP_EPOCH, -1, 0);
        expect_next(i == 0 ? 5 : 0, false);
        assert_string_not_equal(the_told.is.epoch, w->epoch);
        w->store->engine = the_meanwhile.real;
    }
}

static void some_ids_are_unknown_again(struct world *w)
{
    put_back(w, 2);
}

/* As a server that failed over, or a copy that was restored: it may have the same epoch. */
static void test_a_log_that_is_put_back_meanwhile_is_looked_up_anew(void **state)
{
    struct world *w = *state;
    publish_some(w, 5);
    let_happen(w, some_ids_are_unknown_again, 1);
    assert_string_equal(history_after(w, 5, 100), "");
    assert_true(the_told.is.gap == GAP_FUTURE || the_told.is.gap == GAP_EPOCH);
    expect_next(3, false);
}

static void test_a_log_that_is_replaced_again_and_again_is_tried_later(void **state)
{
    struct world *w = *state;
    struct claim_request r = request_from(w, 0);
    let_happen(w, renew, 1000);
    assert_int_equal(try_history(w, &r, 100), STORE_BUSY);
    assert_string_not_equal(store_why(w->store), "");
    the_meanwhile.times = 0;
    assert_int_equal(try_history(w, &r, 100), STORE_OK);
}

/* ---- a session --------------------------------------------------------------------- */

static void test_the_sessions_own_events_are_told_to_its_token_alone(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    remember_session(w, token, id, 0);
    publish_some(w, 1);
    publish_to(w, id, "x", 1);
    struct claim_request r = request_from(w, 0);
    assert_string_equal(history(w, &r, 100), "1");
    r.token = token;
    assert_string_equal(history(w, &r, 100), "1 2");
}

static void test_another_user_agent_is_not_told_them(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    remember_session(w, token, id, 0);
    publish_to(w, id, "x", 1);
    struct claim_request r = request_from(w, 0);
    r.token = token;
    r.user_agent = "another";
    assert_string_equal(history(w, &r, 100), "");
    w->settings->session_check = SESSION_CHECK_NONE;
    assert_string_equal(history(w, &r, 100), "1");
}

static void test_history_makes_no_session_and_moves_no_bookmark(void **state)
{
    struct world *w = *state;
    publish_some(w, 5);
    struct claim *c = claim_from(w, 2);
    char token[SESSION_TOKEN_SIZE];
    int64_t stream = c->stream_id;
    strcpy(token, c->token);
    end_at(w, stream, 2);
    struct claim_request r = some_request();
    r.token = token;
    r.start = START_NEWEST;
    r.newest = 1;
    assert_string_equal(history(w, &r, 1), "5");
    r = request_from(w, 3);
    r.token = token;
    assert_string_equal(history(w, &r, 1), "4");
    newest(w, 1);
    assert_int_equal(count(w, SESSIONS), 1);
    assert_int_equal(position_of(w, stream), 2);
    assert_int_equal(claim_as(w, token)->cursor, 2); /* it was not taken either */
}

/* A stream would give it its session again, and begin where the poll stood. */
static void test_a_first_answer_after_a_poll_in_vain_has_the_newest_and_no_more(void **state)
{
    struct world *w = *state;
    publish_some(w, 2);
    struct claim *c = claim_as(w, NULL);
    struct bookmark stood = bookmark_at(w, c->stream_id, 2);
    char token[SESSION_TOKEN_SIZE];
    strcpy(token, c->token);
    stood.in_vain = true;
    assert_int_equal(store_ended(w->store, &stood, 1), STORE_OK);
    publish_some(w, 3);
    struct claim_request r = some_request();
    r.token = token;
    r.start = START_NEWEST;
    r.newest = 1;
    assert_string_equal(history(w, &r, 1), "5");
    assert_int_equal(claim_as(w, token)->cursor, 2);
}

/* A session that had an event of its own, and expired before it got it. */
static void lost_session(struct world *w, char *token)
{
    char id[SESSION_ID_SIZE];
    struct claim *c = claim_as(w, NULL);
    int64_t stream = c->stream_id;
    strcpy(token, c->token);
    strcpy(id, c->session_id);
    publish_some(w, 1);
    publish_to(w, id, "x", 1);
    end_at(w, stream, 0);
    for (int i = 0; i < 3; i++)
        serve(w, 31);
    assert_int_equal(count(w, SESSIONS), 0);
}

static void test_what_a_departed_session_lost_is_told_once(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    lost_session(w, token);
    struct claim_request r = request_from(w, 0);
    r.token = token;
    assert_string_equal(history(w, &r, 100), "1");
    assert_int_equal(the_told.is.gap, GAP_SESSION);
    r = request_from(w, the_told.is.next);
    r.token = token;
    expect_no_gap(claim(w, &r));
}

static void test_a_token_of_which_nothing_is_known_is_told_by_the_stream(void **state)
{
    struct world *w = *state;
    publish_some(w, 2);
    struct claim_request r = request_from(w, 1);
    r.token = "0123456789abcdef0123456789abcdef";
    assert_string_equal(history(w, &r, 100), "2");
    expect_no_gap_told();
    r = request_from(w, the_told.is.next);
    r.token = "0123456789abcdef0123456789abcdef";
    assert_int_equal(claim(w, &r)->gap, GAP_SESSION);
}

static void test_a_first_answer_tells_nothing_of_a_session(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    lost_session(w, token);
    struct claim_request r = some_request();
    r.start = START_NEWEST;
    r.newest = 100;
    r.token = token;
    assert_string_equal(history(w, &r, 100), "1");
    expect_no_gap_told();
}

/* ---- what fails -------------------------------------------------------------------- */

static void test_ruined_sessions_stop_no_history(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], id[SESSION_ID_SIZE];
    remember_session(w, token, id, 0);
    publish_some(w, 1);
    publish_to(w, id, "x", 1);
    damage(w, THE_SESSIONS);
    struct claim_request r = request_from(w, 0);
    r.token = token;
    assert_string_equal(history(w, &r, 100), "1 2"); /* as a stream that runs unsaved */
    expect_no_gap_told();
}

static void test_a_held_log_stops_no_history(void **state)
{
    struct world *w = *state;
    publish_some(w, 2);
    hold(w, THE_LOG);
    hold(w, THE_SESSIONS);
    assert_string_equal(newest(w, 100), "1 2");
    release(w, THE_SESSIONS);
    release(w, THE_LOG);
}

static void test_a_ruined_log_has_no_history(void **state)
{
    struct world *w = *state;
    struct claim_request r = request_from(w, 0);
    publish_some(w, 2);
    damage(w, THE_LOG);
    assert_int_not_equal(try_history(w, &r, 100), STORE_OK);
    assert_string_not_equal(store_why(w->store), "");
}

static void test_without_memory_for_an_event_there_is_no_answer(void **state)
{
    struct world *w = *state;
    struct claim_request r = request_from(w, 0);
    publish_some(w, 5);
    the_told.room = 3;
    assert_int_equal(try_history(w, &r, 100), STORE_NOMEM);
    assert_string_equal(store_why(w->store), "out of memory");
    the_told.room = 0;
    assert_string_equal(history(w, &r, 100), "1 2 3 4 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_log_has_no_history),
        TEST(test_without_an_id_the_newest_are_told_oldest_first),
        TEST(test_an_event_is_told_as_it_is_stored),
        TEST(test_history_goes_on_where_the_last_answer_ended),
        TEST(test_only_the_mailboxes_and_types_asked_for_are_told),
        TEST(test_earliest_begins_with_the_oldest_kept_and_tells_of_no_gap),
        TEST(test_nothing_may_be_asked_for),
        TEST(test_an_answer_ends_at_so_much_data),
        TEST(test_one_event_may_be_larger_than_an_answer),
        TEST(test_an_answer_looks_at_so_many_rows_and_says_that_there_may_be_more),
        TEST(test_an_answer_looks_at_so_many_bytes),
        TEST(test_an_id_that_cannot_be_used_is_told_and_history_begins_at_the_end),
        TEST(test_what_was_trimmed_after_an_id_is_told_as_to_a_stream),
        TEST(test_what_is_trimmed_while_it_is_looked_up_is_told),
        TEST(test_a_gap_names_the_oldest_that_is_left),
        TEST(test_a_gap_that_grows_while_it_is_looked_up_is_one_gap),
        TEST(test_a_first_answer_is_told_of_no_gap_whatever_goes_meanwhile),
        TEST(test_a_log_that_is_replaced_meanwhile_is_looked_up_anew),
        TEST(test_a_log_that_is_put_back_meanwhile_is_looked_up_anew),
        TEST(test_a_log_that_is_replaced_again_and_again_is_tried_later),
        TEST(test_the_sessions_own_events_are_told_to_its_token_alone),
        TEST(test_another_user_agent_is_not_told_them),
        TEST(test_history_makes_no_session_and_moves_no_bookmark),
        TEST(test_a_first_answer_after_a_poll_in_vain_has_the_newest_and_no_more),
        WITH_TTL(test_what_a_departed_session_lost_is_told_once),
        TEST(test_a_token_of_which_nothing_is_known_is_told_by_the_stream),
        WITH_TTL(test_a_first_answer_tells_nothing_of_a_session),
        TEST(test_ruined_sessions_stop_no_history),
        TEST(test_a_held_log_stops_no_history),
        TEST(test_a_ruined_log_has_no_history),
        TEST(test_without_memory_for_an_event_there_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
