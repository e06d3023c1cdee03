/* A session as a request for a stream brings it: in a cookie, in a header, among others. */
#include "tests/contract/contract_streams.h"

static void test_the_cookie_is_for_https_only_where_it_came_by_https(void **state)
{
    struct world *w = *state;
    struct opened o = request_stream(w, "", ENVIRONMENT("HTTPS=on"));

    assert_has(o.text, "SameSite=Strict; Secure\r\n");
    end_stream(&o);
}

static void test_a_cookie_or_else_the_header_brings_the_session_back(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], cookie[200], header[100];

    struct opened o = request_stream(w, "", ENVIRONMENT("A=b"));
    token_in(o.text, "X-SSE-Session-ID: ", token);
    end_stream(&o);
    snprintf(cookie, sizeof cookie, "HTTP_COOKIE=x-sse-session-id=1; sse-session-id=%s ;b=c",
             token);
    snprintf(header, sizeof header, "HTTP_X_SSE_SESSION_ID=%s", token);
    const char *const *const ways[] = {ENVIRONMENT(cookie), ENVIRONMENT(header),
                                       ENVIRONMENT(cookie, "HTTP_X_SSE_SESSION_ID=other")};
    for (int i = 0; i < 3; i++) {
        o = request_stream(w, "", ways[i]);
        assert_has(o.text, "\"reconnection\":true");
        assert_has(o.text, token);
        assert_has_not(o.text, "event: gap");
        end_stream(&o);
    }
}

static void test_a_token_that_is_not_ours_is_a_new_session_and_a_gap(void **state)
{
    struct world *w = *state;
    static const char *const cookies[] = {
        "HTTP_COOKIE=sse-session-id=0123456789abcdef0123456789abcdef",
        "HTTP_COOKIE=sse-session-id=0123456789ABCDEF0123456789ABCDEF",
        "HTTP_COOKIE=sse-session-id=' OR 1=1 --",
        "HTTP_COOKIE=sse-session-id=0123456789abcdef0123456789abcdef0",
        "HTTP_X_SSE_SESSION_ID=nonsense"};

    for (size_t i = 0; i < sizeof cookies / sizeof *cookies; i++) {
        struct opened o = request_stream(w, "", ENVIRONMENT(cookies[i]));
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
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], header[300];

    struct opened o = request_stream(w, "", ENVIRONMENT("A=b"));
    token_in(o.text, "X-SSE-Session-ID: ", token);
    end_stream(&o);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        fill_in(header, sizeof header, forms[i], token);
        o = request_stream(w, "", ENVIRONMENT(header));
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
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], cookie[600], expected[200];

    struct claim *c = claim_as(w, NULL);
    strcpy(token, c->token);
    end_at(w, c->stream_id, 0);
    for (int i = 0; i < 5; i++)
        serve(w, 30);
    assert_int_equal(count(w, SESSIONS), 0);
    snprintf(cookie, sizeof cookie,
             "HTTP_COOKIE=sse-session-id=%s.%032d.%032d; sse-session-id=%032d.%032d.%032d",
             token, 1, 2, 1, 3, 4);
    struct opened o = request_stream(w, "", ENVIRONMENT(cookie));
    assert_has_not(o.text, token);
    snprintf(expected, sizeof expected, ".%032d.%032d.%032d; Path=", 1, 2, 3);
    assert_has(o.text, expected);
    end_stream(&o);
}

static void test_name_and_path_of_the_cookie_can_be_set(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE], cookie[100];

    strcpy(w->settings->cookie_name, "shop.session");
    strcpy(w->settings->cookie_path, "/shop");
    struct opened o = request_stream(w, "", ENVIRONMENT("REQUEST_URI=/sse/events"));
    token_in(o.text, "\r\nSet-Cookie: shop.session=", token);
    assert_has(o.text, "; Path=/shop; Max-Age=");
    end_stream(&o);
    snprintf(cookie, sizeof cookie, "HTTP_COOKIE=shop.session=%s", token);
    o = request_stream(w, "", ENVIRONMENT(cookie));
    assert_has(o.text, "\"reconnection\":true");
    end_stream(&o);
    snprintf(cookie, sizeof cookie, "HTTP_COOKIE=sse-session-id=%s", token);
    o = request_stream(w, "", ENVIRONMENT(cookie));
    assert_has(o.text, "\"reconnection\":false");
    end_stream(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_cookie_is_for_https_only_where_it_came_by_https),
        TEST(test_a_cookie_or_else_the_header_brings_the_session_back),
        TEST(test_a_token_that_is_not_ours_is_a_new_session_and_a_gap),
        TEST(test_the_known_token_wins_wherever_it_stands),
        TEST(test_three_tokens_of_others_are_kept_and_our_own_old_ones_are_not),
        TEST(test_name_and_path_of_the_cookie_can_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
