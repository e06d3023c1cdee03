/* What a request with wait= becomes: a ticket for a poll. */
#include "tests/contract/contract_streams.h"

static void
test_a_poll_knows_how_long_it_waits_and_whether_it_has_something_to_tell(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *query;
        int32_t wait_ms;
        bool answered;
        int64_t cursor, last_sent;
    } cases[] = {
        {"wait=0", 0, false, 3, 3},
        {"wait=3600", 3600000, false, 3, 3},
        {"wait=30&last_event_id=earliest", 30000, true, 0, 0},
        {"wait=30&last_event_id=garbage", 30000, true, 3, 3}, /* a gap */
        /* Rows for others: nothing to tell, and no need to pass them over once more. */
        {"wait=30&last_event_id=earliest&types=other", 30000, false, 3, 0},
    };

    for (int i = 0; i < 3; i++)
        publish(w, "", "message", "x", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct opened o = request_stream(w, cases[i].query, ENVIRONMENT("A=b"));
        assert_non_null(o.ticket);
        assert_int_equal(o.ticket->wait_ms, cases[i].wait_ms);
        assert_int_equal(o.ticket->answered, cases[i].answered);
        assert_int_equal(o.ticket->cursor.after, cases[i].cursor);
        assert_int_equal(o.ticket->cursor.last_sent, cases[i].last_sent);
        assert_false(o.ticket->lingers);
        end_stream(&o);
    }
}

static void test_a_poll_lingers_for_who_comes_back_with_a_cookie_and_no_id(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], cookie[100], id[EVENT_ID_SIZE], header[64];

    struct opened o = request_stream(w, "wait=5", ENVIRONMENT("A=b"));
    token_in(o.text, "X-SSE-Session-ID: ", token);
    end_stream(&o);
    snprintf(cookie, sizeof cookie, "HTTP_COOKIE=sse-session-id=%s", token);
    event_id_format(id, w->epoch, 0);
    snprintf(header, sizeof header, "HTTP_LAST_EVENT_ID=%s", id);
    o = request_stream(w, "wait=5", ENVIRONMENT(cookie));
    assert_true(o.ticket->lingers);
    end_stream(&o);
    o = request_stream(w, "wait=5", ENVIRONMENT(cookie, header));
    assert_false(o.ticket->lingers);
    end_stream(&o);
    o = request_stream(w, "", ENVIRONMENT(cookie));
    assert_false(o.ticket->lingers);
    end_stream(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_poll_knows_how_long_it_waits_and_whether_it_has_something_to_tell),
        TEST(test_a_poll_lingers_for_who_comes_back_with_a_cookie_and_no_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
