#include <fcntl.h>
#include <sqlite3.h>

#include "fcgi/request/cookie.h"
#include "tests/unit/stream_helpers.h"

static void test_a_new_stream_begins_with_these_bytes(void **state)
{
    struct place *p = *state;
    char token[SESSION_TOKEN_SIZE], session[SESSION_ID_SIZE], expected[2048];
    int retry;

    place_publish(p, "", "before");
    struct opened o =
        open_stream(p, "", ENVIRONMENT("HTTPS=off", "REQUEST_URI=/sse/events?x=/a"));
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
             token, token, retry, session, end_of(p).epoch);
    assert_string_equal(o.text, expected);
    assert_string_not_equal(session, token);
    end_stream(&o);
}

static void test_the_ticket_says_where_the_cursor_stands(void **state)
{
    struct place *p = *state;

    place_publish(p, "", "one");
    place_publish(p, "room", "two");
    struct opened o = open_stream(p, "channel=room&lastEventId=earliest", ENVIRONMENT("A=b"));
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
    assert_string_equal(o.ticket->epoch, end_of(p).epoch);
    assert_int_equal(fcntl(o.ticket->fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_non_null(
        subscription_find(o.ticket->cursor.subscription, mailbox_hash("room"), "room"));
    end_stream(&o);
}

static void test_the_cookie_is_for_https_only_where_it_came_by_https(void **state)
{
    struct opened o = open_stream(*state, "", ENVIRONMENT("HTTPS=on"));

    assert_has(o.text, "SameSite=Strict; Secure\r\n");
    end_stream(&o);
}

static void test_a_cookie_or_else_the_header_brings_the_session_back(void **state)
{
    struct place *p = *state;
    char token[SESSION_TOKEN_SIZE], cookie[200], header[100];

    struct opened o = open_stream(p, "", ENVIRONMENT("A=b"));
    token_in(o.text, "X-SSE-Session-ID: ", token);
    end_stream(&o);
    snprintf(cookie, sizeof cookie, "HTTP_COOKIE=x-sse-session-id=1; sse-session-id=%s ;b=c",
             token);
    snprintf(header, sizeof header, "HTTP_X_SSE_SESSION_ID=%s", token);
    const char *const *const ways[] = {ENVIRONMENT(cookie), ENVIRONMENT(header),
                                       ENVIRONMENT(cookie, "HTTP_X_SSE_SESSION_ID=other")};
    for (int i = 0; i < 3; i++) {
        o = open_stream(p, "", ways[i]);
        assert_has(o.text, "\"reconnection\":true");
        assert_has(o.text, token);
        assert_has_not(o.text, "event: gap");
        end_stream(&o);
    }
}

static void test_a_token_that_is_not_ours_is_a_new_session_and_a_gap(void **state)
{
    static const char *const cookies[] = {
        "HTTP_COOKIE=sse-session-id=0123456789abcdef0123456789abcdef",
        "HTTP_COOKIE=sse-session-id=0123456789ABCDEF0123456789ABCDEF",
        "HTTP_COOKIE=sse-session-id=' OR 1=1 --",
        "HTTP_COOKIE=sse-session-id=0123456789abcdef0123456789abcdef0",
        "HTTP_X_SSE_SESSION_ID=nonsense"};

    for (size_t i = 0; i < sizeof cookies / sizeof *cookies; i++) {
        struct opened o = open_stream(*state, "", ENVIRONMENT(cookies[i]));
        assert_has(o.text, "\"reconnection\":false");
        assert_has(o.text, "event: gap\ndata: {\"reason\":\"session\",");
        if (i == 0) /* another installation's, for all we know: it goes back to the browser */
            assert_has(o.text, ".0123456789abcdef0123456789abcdef; Path=");
        else
            assert_has_not(o.text, strchr(strchr(cookies[i], '=') + 1, '=') == NULL
                                       ? "nonsense"
                                       : strrchr(cookies[i], '=') + 1);
        end_stream(&o);
    }
}

/* Put the token in the place of OURS, and another in that of OTHER. */
static void fill_in(char *out, size_t size, const char *form, const char *ours)
{
    size_t n = 0;

    while (*form != '\0' && n < size - SESSION_TOKEN_SIZE) {
        bool own = strncmp(form, "OURS", 4) == 0, other = strncmp(form, "OTHER", 5) == 0;
        if (own || other)
            n +=
                (size_t)sprintf(out + n, "%s", own ? ours : "0123456789abcdef0123456789abcdef");
        else
            out[n++] = *form;
        form += own ? 4 : other ? 5 : 1;
    }
    out[n] = '\0';
}

static void test_the_known_token_wins_wherever_it_stands(void **state)
{
    static const char *const forms[] = {
        "HTTP_COOKIE=sse-session-id=OTHER; sse-session-id=OURS",
        "HTTP_COOKIE=sse-session-id=OTHER, sse-session-id=OURS; x=y",
        "HTTP_COOKIE=sse-session-id=OURS; sse-session-id=OTHER",
        "HTTP_COOKIE=sse-session-id=\"OURS\"; x=OTHER",
        "HTTP_COOKIE=sse-session-id=OTHER.OURS",
        "HTTP_COOKIE=sse-session-id=\"OTHER.OURS\"",
        "HTTP_COOKIE=sse-session-id=nonsense; sse-session-id=OURS; x=OTHER",
        "HTTP_COOKIE=sse-session-id=; sse-session-id=OURS.; x=OTHER",
        "HTTP_COOKIE=x=OTHER,sse-session-id=OURS",
        "HTTP_X_SSE_SESSION_ID=OURS, OTHER",
        "HTTP_X_SSE_SESSION_ID=OTHER,OURS"};
    struct place *p = *state;
    char token[SESSION_TOKEN_SIZE], header[300];

    struct opened o = open_stream(p, "", ENVIRONMENT("A=b"));
    token_in(o.text, "X-SSE-Session-ID: ", token);
    end_stream(&o);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        fill_in(header, sizeof header, forms[i], token);
        o = open_stream(p, "", ENVIRONMENT(header));
        if (!strstr(o.text, "\"reconnection\":true") || strstr(o.text, "event: gap"))
            fail_msg("%s: %s", header, o.text);
        snprintf(header, sizeof header,
                 "X-SSE-Session-ID: %s\r\nSet-Cookie: sse-session-id=%s%s", token, token,
                 strstr(forms[i], "x=OTHER") ? ";" : ".");
        assert_has(o.text, header);
        end_stream(&o);
    }
}

static void test_three_tokens_of_others_are_kept_and_our_own_old_ones_are_not(void **state)
{
    struct place *p = *state;
    char token[SESSION_TOKEN_SIZE], cookie[600], expected[200];
    bool more;

    struct opened o = open_stream(p, "", ENVIRONMENT("A=b"));
    token_in(o.text, "X-SSE-Session-ID: ", token);
    end_stream(&o);
    /* Its stream ends, and its time passes. */
    sqlite3 *shell;
    char path[100];
    snprintf(path, sizeof path, "%s.sessions", p->db);
    assert_int_equal(sqlite3_open(path, &shell), SQLITE_OK);
    assert_int_equal(sqlite3_exec(shell, "UPDATE streams SET ended_at = 0", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(shell);
    for (int i = 0; i < 5; i++)
        assert_int_equal(store_expire(p->store, p->settings, 30000, &more), STORE_OK);
    snprintf(cookie, sizeof cookie,
             "HTTP_COOKIE=sse-session-id=%s.%032d.%032d; sse-session-id=%032d.%032d.%032d",
             token, 1, 2, 1, 3, 4);
    o = open_stream(p, "", ENVIRONMENT(cookie));
    assert_has_not(o.text, token);
    snprintf(expected, sizeof expected, ".%032d.%032d.%032d; Path=", 1, 2, 3);
    assert_has(o.text, expected);
    end_stream(&o);
}

static void test_name_and_path_of_the_cookie_can_be_set(void **state)
{
    struct place *p = *state;
    char token[SESSION_TOKEN_SIZE], cookie[100];

    strcpy(p->settings->cookie_name, "shop.session");
    strcpy(p->settings->cookie_path, "/shop");
    struct opened o = open_stream(p, "", ENVIRONMENT("REQUEST_URI=/sse/events"));
    token_in(o.text, "\r\nSet-Cookie: shop.session=", token);
    assert_has(o.text, "; Path=/shop; Max-Age=");
    end_stream(&o);
    snprintf(cookie, sizeof cookie, "HTTP_COOKIE=shop.session=%s", token);
    o = open_stream(p, "", ENVIRONMENT(cookie));
    assert_has(o.text, "\"reconnection\":true");
    end_stream(&o);
    snprintf(cookie, sizeof cookie, "HTTP_COOKIE=sse-session-id=%s", token);
    o = open_stream(p, "", ENVIRONMENT(cookie));
    assert_has(o.text, "\"reconnection\":false");
    end_stream(&o);
}

static void test_the_cookies_path_is_the_folder_that_the_browser_asked_for(void **state)
{
    static const struct {
        const char *uri, *script, *info, *path;
    } cases[] = {
        {"/sse/events", "/x", "/y", "/sse"},
        {"/events", "", "/events", "/"},
        {"/a/b/events/?types=/x/y", "", "", "/a/b"},
        {"http://example.org/sse/events", "", "", "/sse"},
        {"/?x", "", "", "/"},
        {"", "/cgi-bin/rowcast.cgi", "/events", "/cgi-bin/rowcast.cgi"},
        {"", "", "", "/"},
        {"/a;b/events", "", "", "/"},
        {"/a b/events", "", "", "/"},
        {"/a,b/events", "", "", "/"},
        {"/a\r\nX: y/events", "", "", "/"},
        {"events", "", "", "/"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request r = {.request_uri = cases[i].uri,
                            .script_name = cases[i].script,
                            .path_info = cases[i].info};
        char folder[COOKIE_FOLDER_SIZE];
        cookie_folder(folder, &r);
        assert_string_equal(folder, cases[i].path);
    }
}

static void test_an_id_that_is_not_ours_is_told_and_never_echoed(void **state)
{
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
        struct opened o = open_stream(*state, cases[i].query, ENVIRONMENT(cases[i].header));
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
    struct place *p = *state;
    char id[EVENT_ID_SIZE], header[64], query[64];

    for (int i = 0; i < 3; i++)
        place_publish(p, "", "x");
    event_id_format(id, end_of(p).epoch, 2);
    snprintf(header, sizeof header, "HTTP_LAST_EVENT_ID=%s", id);
    struct opened o = open_stream(p, "lastEventId=earliest&last=1", ENVIRONMENT(header));
    assert_int_equal(o.ticket->cursor.after, 2);
    char opening[64];
    snprintf(opening, sizeof opening, "\nid: %s\n\nevent: connected", id);
    assert_has(o.text, opening);
    end_stream(&o);

    event_id_format(id, end_of(p).epoch, 1);
    snprintf(query, sizeof query, "last=1&lastEventId=%s", id);
    o = open_stream(p, query, ENVIRONMENT("HTTP_LAST_EVENT_ID="));
    assert_int_equal(o.ticket->cursor.after, 1);
    end_stream(&o);
    o = open_stream(p, "last=2", ENVIRONMENT("A=b"));
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
    struct place *p = *state;
    char id[EVENT_ID_SIZE], header[128], query[128];

    for (int i = 0; i < 3; i++)
        place_publish(p, "", "x");
    event_id_format(id, end_of(p).epoch, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        replace_id(header, cases[i].header, "HTTP_LAST_EVENT_ID=", id);
        replace_id(query, cases[i].query, "", id);
        struct opened o = open_stream(p, query, ENVIRONMENT(header));
        assert_non_null(o.ticket);
        if (o.ticket->cursor.after != cases[i].cursor)
            fail_msg("%s, %s: at %d", header, query, (int)o.ticket->cursor.after);
        assert_int_equal(strstr(o.text, "\"reason\":\"unknown\"") != NULL, cases[i].unknown);
        end_stream(&o);
    }
}

static void test_without_reconnection_it_is_a_plain_stream(void **state)
{
    struct place *p = *state;

    p->settings->enable_reconnection = false;
    place_publish(p, "", "x");
    struct opened o = open_stream(p, "",
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
    static const char *const queries[] = {
        "channel=@me",   "channel=user:7", "channel=rowcast:x",
        "channel=a%0Ab", "types=a%00b",    "types=a,b%0Dc,d",
        "last=-1",       "last=many",      "last=",
        "wait=",         "wait=3601",      "wait=-1",
        "wait=1.5",      "wait=5s",        "wait=%00",
        "wait=+5",       "wait",           "wait=99999999999999999999"};
    char many[4096] = "";

    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct opened o = open_stream(*state, queries[i], ENVIRONMENT("A=b"));
        assert_null(o.ticket);
        assert_has(o.text, "Status: 400 Bad Request\r\n");
        assert_has(o.text, "{\"error\":\"");
        end_stream(&o);
    }
    for (int i = 0; i <= SUBSCRIPTION_CHANNELS_MAX; i++)
        snprintf(many + strlen(many), 20, "channel=c%d&", i);
    struct opened o = open_stream(*state, many, ENVIRONMENT("A=b"));
    assert_has(o.text, "64 channels");
    end_stream(&o);
}

static void test_types_are_separated_by_commas_however_written(void **state)
{
    struct opened o = open_stream(*state, "types=a,,b%2Cc&unknown=%0A", ENVIRONMENT("A=b"));

    assert_non_null(o.ticket);
    assert_int_equal(o.ticket->cursor.subscription->types, 3);
    assert_true(subscription_wants(o.ticket->cursor.subscription, "c"));
    assert_false(subscription_wants(o.ticket->cursor.subscription, "message"));
    end_stream(&o);
}

static void test_a_log_that_can_not_be_read_means_later(void **state)
{
    struct place *p = *state;

    store_close(p->store);
    assert_int_equal(store_open(&p->store, p->folder), STORE_OK); /* a folder is no log */
    struct opened o = open_stream(p, "", ENVIRONMENT("A=b"));
    assert_null(o.ticket);
    assert_has(o.text, "Status: 200 OK\r\n");
    assert_has(o.text, "\r\n\r\nevent: later\nretry: ");
    end_stream(&o);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_open, place_close)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_a_new_stream_begins_with_these_bytes),
        IN_PLACE(test_the_ticket_says_where_the_cursor_stands),
        IN_PLACE(test_the_cookie_is_for_https_only_where_it_came_by_https),
        IN_PLACE(test_a_cookie_or_else_the_header_brings_the_session_back),
        IN_PLACE(test_a_token_that_is_not_ours_is_a_new_session_and_a_gap),
        IN_PLACE(test_the_known_token_wins_wherever_it_stands),
        IN_PLACE(test_three_tokens_of_others_are_kept_and_our_own_old_ones_are_not),
        IN_PLACE(test_name_and_path_of_the_cookie_can_be_set),
        cmocka_unit_test(test_the_cookies_path_is_the_folder_that_the_browser_asked_for),
        IN_PLACE(test_an_id_that_is_not_ours_is_told_and_never_echoed),
        IN_PLACE(test_the_header_is_newer_than_the_address),
        IN_PLACE(test_a_header_that_cannot_be_used_hides_no_id_in_the_address),
        IN_PLACE(test_without_reconnection_it_is_a_plain_stream),
        IN_PLACE(test_what_no_stream_can_have_is_refused),
        IN_PLACE(test_types_are_separated_by_commas_however_written),
        IN_PLACE(test_a_log_that_can_not_be_read_means_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
