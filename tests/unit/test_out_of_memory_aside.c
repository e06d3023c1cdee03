/* A request that waits for the end of an earlier stream, with each allocation failing: it is a
 * stream or is told `later`, and in neither case forgotten. */
#include "fcgi/hub/aside.h"
#include "tests/unit/failing_memory.h"
#include "tests/unit/place.h"
#include "tests/unit/stream_helpers.h"

static void on_ended(void *arg, struct ending *e)
{
    (void)arg;
    free(e);
}

static void on_emptied(void *arg)
{
    (void)arg;
}

/* Put a request aside and serve it; how many allocations failed. */
static long serve_with_a_failure(struct place *p, struct hub *h, const char *cookie, long n,
                                 bool lasting)
{
    int client;
    struct request r;
    request_make(&r, &client, ENVIRONMENT("HTTP_USER_AGENT=page", cookie), NULL);
    size_t before = hub_streams(h);
    memory_fail(MEMORY_MINE, n, lasting);
    struct aside *a = aside_new(&r, p->settings, h);
    bool served = a && aside_serve(a, p->store, h, false);
    long failures = memory_mend();
    if (!a) { /* the worker has it still */
        assert_int_not_equal(r.fd, -1);
        request_end(&r);
        close(client);
        return failures;
    }
    assert_true(served);
    if (hub_streams(h) == before) {
        char *text = read_to_end(client, NULL);
        assert_has(text, "event: later\nretry: ");
        free(text);
    } else {
        close(client);
    }
    return failures;
}

static void test_it_becomes_a_stream_or_is_told_later_whatever_fails(void **state)
{
    struct place *p = *state;
    struct hub_friends friends = {.ended = on_ended, .emptied = on_emptied};
    struct hub *h = hub_new(&friends, p->settings, 1000);
    struct opened first =
        open_stream(p->store, p->settings, "", ENVIRONMENT("HTTP_USER_AGENT=page"));
    char token[SESSION_TOKEN_SIZE], cookie[80];
    assert_non_null(h);
    token_in(first.text, "X-SSE-Session-ID: ", token);
    snprintf(cookie, sizeof cookie, "HTTP_COOKIE=sse-session-id=%s", token);
    for (int lasting = 0; lasting < 2; lasting++) {
        long failures = 1;
        for (long n = 1; failures > 0; n++) {
            failures = serve_with_a_failure(p, h, cookie, n, lasting);
            assert_true(n > 1 || failures > 0);
        }
    }
    hub_free(h);
    end_stream(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_it_becomes_a_stream_or_is_told_later_whatever_fails, place_open, place_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
