/* What a request for a stream becomes: its first bytes, and the ticket for the hub. */
#include "tests/contract/contract_streams.h"

#include <fcntl.h>
#include <malloc.h>

static void test_a_new_stream_begins_with_these_bytes(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], session[SESSION_ID_SIZE], expected[2048];
    int retry;

    publish(w, "", "message", "before", 1);
    struct opened o =
        request_stream(w, "", ENVIRONMENT("HTTPS=off", "REQUEST_URI=/sse/events?x=/a"));
    assert_non_null(o.ticket);
    token_in(o.text, "X-SSE-Session-ID: ", token);
    assert_int_equal(sscanf(strstr(o.text, "retry: "), "retry: %d\n", &retry), 1);
    snprintf(session, sizeof session, "%s", strstr(o.text, "sessionId\":\"") + 12);
    snprintf(expected, sizeof expected,
             "Status: 200 OK\r\n"
             "Content-Type: text/event-stream\r\n"
             "Cache-Control: no-store, no-transform\r\n"
             "X-Accel-Buffering: no\r\n"
             "X-SSE-Session-ID: %s\r\n"
             "Set-Cookie: sse-session-id=%s; Path=/sse; Max-Age=34560000; HttpOnly; "
             "SameSite=Strict\r\n"
             "\r\n"
             ":\n"
             "event: opening\n"
             "retry: %d\n"
             "\n"
             "event: connected\n"
             "data: {\"sessionId\":\"%s\",\"reconnection\":false,\"bufferSize\":1000,"
             "\"reconnections\":0,\"heartbeat\":15}\n"
             "id: %s-1\n"
             "\n",
             token, token, retry, session, w->epoch);
    assert_string_equal(o.text, expected);
    assert_string_not_equal(session, token);
    end_stream(&o);
}

static void test_the_ticket_says_where_the_cursor_stands(void **state)
{
    struct world *w = *state;

    publish(w, "", "message", "one", 1);
    publish(w, "room", "message", "two", 1);
    struct opened o =
        request_stream(w, "channel=room&lastEventId=earliest", ENVIRONMENT("A=b"));
    assert_non_null(o.ticket);
    assert_has(o.text, "event: replay-start\ndata: {\"count\":2}\n\n");
    assert_has_not(o.text, "event: gap");
    assert_int_equal(o.ticket->cursor.after, 0);
    assert_int_equal(o.ticket->cursor.until, 2);
    assert_int_equal(o.ticket->cursor.last_sent, 0);
    assert_true(o.ticket->cursor.replaying);
    assert_true(o.ticket->ids);
    assert_int_equal(o.ticket->wait_ms, -1);
    assert_int_not_equal(o.ticket->ending->bookmark.stream_id, 0);
    assert_string_equal(o.ticket->epoch, w->epoch);
    assert_int_equal(fcntl(o.ticket->fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_non_null(
        subscription_find(o.ticket->cursor.subscription, mailbox_hash("room"), "room"));
    end_stream(&o);
}

static void test_an_id_that_is_not_ours_is_told_and_never_echoed(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *query, *header, *reason;
    } cases[] = {
        {"", "HTTP_LAST_EVENT_ID=garbage", "unknown"},
        {"", "HTTP_LAST_EVENT_ID=00000000-1", "epoch"},
        {"", "HTTP_LAST_EVENT_ID=-5", "unknown"},
        {"", "HTTP_LAST_EVENT_ID=\xff\xfe", "unknown"},
        {"lastEventId=x%0Adata:evil", "A=b", "unknown"},
        {"last_event_id=x%0Ddata:evil", "A=b", "unknown"},
        {"lastEventId=x%00", "A=b", "unknown"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct opened o = request_stream(w, cases[i].query, ENVIRONMENT(cases[i].header));
        char reason[40];
        assert_non_null(o.ticket);
        snprintf(reason, sizeof reason, "event: gap\ndata: {\"reason\":\"%s\",",
                 cases[i].reason);
        assert_has(o.text, reason);
        assert_has_not(o.text, "evil");
        assert_has_not(o.text, "garbage");
        assert_has_not(strstr(o.text, "event: connected"), "heartbeat\":15}\nid: ");
        end_stream(&o);
    }
}

static void test_the_header_is_newer_than_the_address(void **state)
{
    struct world *w = *state;
    char id[EVENT_ID_SIZE], header[64], query[64];

    for (int i = 0; i < 3; i++)
        publish(w, "", "message", "x", 1);
    event_id_format(id, w->epoch, 2);
    snprintf(header, sizeof header, "HTTP_LAST_EVENT_ID=%s", id);
    struct opened o = request_stream(w, "lastEventId=earliest&last=1", ENVIRONMENT(header));
    assert_int_equal(o.ticket->cursor.after, 2);
    char opening[64];
    snprintf(opening, sizeof opening, "\nid: %s\n\nevent: connected", id);
    assert_has(o.text, opening);
    end_stream(&o);

    event_id_format(id, w->epoch, 1);
    snprintf(query, sizeof query, "last=1&lastEventId=%s", id);
    o = request_stream(w, query, ENVIRONMENT("HTTP_LAST_EVENT_ID="));
    assert_int_equal(o.ticket->cursor.after, 1);
    end_stream(&o);
    o = request_stream(w, "last=2", ENVIRONMENT("A=b"));
    assert_has(o.text, "replay-start\ndata: {\"count\":2}");
    end_stream(&o);
}

/* `form` with `id` in the place of each '#', behind `before`. */
static void replace_id(char *out, const char *form, const char *before, const char *id)
{
    out = stpcpy(out, before);
    for (; *form != '\0'; form++) {
        if (*form == '#')
            out = stpcpy(out, id);
        else
            *out++ = *form;
    }
    *out = '\0';
}

static void test_a_header_that_cannot_be_used_hides_no_id_in_the_address(void **state)
{
    static const struct {
        const char *header, *query;
        int64_t cursor;
        bool unknown;
    } cases[] = {
        {"null", "lastEventId=#", 2, false},
        {"garbage", "lastEventId=#", 2, false},
        {"undefined", "lastEventID=#", 2, false},
        {"", "Last-Event-ID=#", 2, false},
        {"", "last-event-id=#&last=1", 2, false},
        {"", "lastEventId=null&last_event_id=#", 2, false},
        {"", "lastEventId=#&lastEventId=garbage", 2, false},
        {"", "lastEventId=earliest&lastEventId=#", 2, false},
        {"#, #", "lastEventId=garbage", 2, false},
        {"null", "lastEventId=undefined", 3, false},
        {"null", "last=2", 1, false},
        {"garbage", "lastEventId=null", 3, true},
        {"null", "lastEventId=garbage", 3, true},
    };
    struct world *w = *state;
    char id[EVENT_ID_SIZE], header[128], query[128];

    for (int i = 0; i < 3; i++)
        publish(w, "", "message", "x", 1);
    event_id_format(id, w->epoch, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        replace_id(header, cases[i].header, "HTTP_LAST_EVENT_ID=", id);
        replace_id(query, cases[i].query, "", id);
        struct opened o = request_stream(w, query, ENVIRONMENT(header));
        assert_non_null(o.ticket);
        if (o.ticket->cursor.after != cases[i].cursor)
            fail_msg("%s, %s: at %d", header, query, (int)o.ticket->cursor.after);
        assert_int_equal(strstr(o.text, "\"reason\":\"unknown\"") != NULL, cases[i].unknown);
        end_stream(&o);
    }
}

static void test_without_reconnection_it_is_a_plain_stream(void **state)
{
    struct world *w = *state;

    w->settings->enable_reconnection = false;
    publish(w, "", "message", "x", 1);
    struct opened o =
        request_stream(w, "",
                       ENVIRONMENT("HTTP_LAST_EVENT_ID=garbage",
                                   "HTTP_COOKIE=sse-session-id=0123456789abcdef"));
    assert_non_null(o.ticket);
    assert_has(o.text, "{\"sessionId\":null,");
    assert_has_not(o.text, "Set-Cookie");
    assert_has_not(o.text, "X-SSE-Session-ID");
    assert_has_not(o.text, "\nid: ");
    assert_has_not(o.text, "event: gap");
    assert_false(o.ticket->ids);
    assert_int_equal(o.ticket->cursor.last_sent, -1);
    end_stream(&o);
}

static void test_what_no_stream_can_have_is_refused(void **state)
{
    struct world *w = *state;
    static const char *const queries[] = {
        "channel=@me",   "channel=user:7", "channel=rowcast:x",
        "channel=a%0Ab", "types=a%00b",    "types=a,b%0Dc,d",
        "last=-1",       "last=many",      "last=",
        "wait=",         "wait=3601",      "wait=-1",
        "wait=1.5",      "wait=5s",        "wait=%00",
        "wait=+5",       "wait",           "wait=99999999999999999999"};
    char many[4096] = "";

    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct opened o = request_stream(w, queries[i], ENVIRONMENT("A=b"));
        assert_null(o.ticket);
        assert_has(o.text, "Status: 400 Bad Request\r\n");
        assert_has(o.text, "{\"error\":\"");
        end_stream(&o);
    }
    for (int i = 0; i <= SUBSCRIPTION_CHANNELS_MAX; i++)
        snprintf(many + strlen(many), 20, "channel=c%d&", i);
    struct opened o = request_stream(w, many, ENVIRONMENT("A=b"));
    assert_has(o.text, "64 channels");
    end_stream(&o);
}

/* A query with `n` channels of `length` bytes, which differ at their end; valid until the next
 * call. */
static char *query_of_names(int n, size_t length)
{
    static char query[2 * SUBSCRIPTION_NAMES_MAX];
    char *at = query;
    for (int i = 0; i < n; i++) {
        at = stpcpy(stpcpy(at, "channel="), letters(length));
        at[-1] = (char)('a' + i / 8);
        at[-2] = (char)('a' + i % 8);
        at = stpcpy(at, "&");
    }
    return query;
}

static void expect_names(struct world *w, const char *query, const char *refusal)
{
    struct opened o = request_stream(w, query, ENVIRONMENT("A=b"));
    assert_has(o.text, refusal ? "Status: 400 Bad Request\r\n" : "Status: 200 OK\r\n");
    assert_has(o.text, refusal ? refusal : "event: connected\n");
    end_stream(&o);
}

static void test_names_have_512_bytes_and_all_of_a_stream_8192(void **state)
{
    struct world *w = *state;
    expect_names(w, query_of_names(1, 512), NULL);
    expect_names(w, query_of_names(1, 513), "a channel's name has at most 512 bytes");
    expect_names(w, query_of_names(64, 128), NULL);
    expect_names(w, query_of_names(16, 512), NULL);
    expect_names(w, strcat(query_of_names(16, 512), "channel=&channel="), NULL);
    expect_names(w, strcat(query_of_names(16, 512), "channel=x"),
                 "the names of a stream's channels have at most 8192 bytes together");
}

/* The subscription is the only copy of the names that stays. */
static void
test_a_stream_of_the_longest_names_is_no_larger_than_one_of_the_most_names(void **state)
{
    struct world *w = *state;
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        struct opened o = request_stream(
            w, i ? query_of_names(16, 512) : query_of_names(64, 128), ENVIRONMENT("A=b"));
        assert_non_null(o.ticket);
        bytes[i] = malloc_usable_size(o.ticket->cursor.subscription);
        end_stream(&o);
    }
    assert_true(bytes[1] < bytes[0]);
}

static void test_types_are_separated_by_commas_however_written(void **state)
{
    struct world *w = *state;
    struct opened o = request_stream(w, "types=a,,b%2Cc&unknown=%0A", ENVIRONMENT("A=b"));

    assert_non_null(o.ticket);
    assert_int_equal(o.ticket->cursor.subscription->types, 3);
    assert_true(subscription_wants(o.ticket->cursor.subscription, "c"));
    assert_false(subscription_wants(o.ticket->cursor.subscription, "message"));
    end_stream(&o);
}

static void test_a_log_that_cannot_be_read_means_later(void **state)
{
    struct world *w = *state;

    damage(w, THE_LOG);
    struct opened o = request_stream(w, "", ENVIRONMENT("A=b"));
    assert_null(o.ticket);
    assert_has(o.text, "Status: 200 OK\r\n");
    assert_has(o.text, "\r\n\r\nevent: later\nretry: ");
    end_stream(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_stream_begins_with_these_bytes),
        TEST(test_the_ticket_says_where_the_cursor_stands),
        TEST(test_an_id_that_is_not_ours_is_told_and_never_echoed),
        TEST(test_the_header_is_newer_than_the_address),
        TEST(test_a_header_that_cannot_be_used_hides_no_id_in_the_address),
        TEST(test_without_reconnection_it_is_a_plain_stream),
        TEST(test_what_no_stream_can_have_is_refused),
        TEST(test_names_have_512_bytes_and_all_of_a_stream_8192),
        TEST(test_a_stream_of_the_longest_names_is_no_larger_than_one_of_the_most_names),
        TEST(test_types_are_separated_by_commas_however_written),
        TEST(test_a_log_that_cannot_be_read_means_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
