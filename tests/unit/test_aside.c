/* Claims that wait until an earlier stream of their session has ended. */
#include <sys/stat.h>

#include "fcgi/hub/aside.h"
#include "tests/unit/place.h"
#include "tests/unit/stream_helpers.h"

/* A session whose first stream stands at the log's first rows, and a hub that is never run. */
struct world {
    struct place *place;
    struct opened first;
    char cookie[80];
    struct hub *hub;
    int emptied;
};

static void on_ended(void *arg, struct ending *e)
{
    (void)arg;
    free(e);
}

static void on_emptied(void *arg)
{
    ((struct world *)arg)->emptied++;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct hub_friends friends = {.arg = w, .ended = on_ended, .emptied = on_emptied};
    char token[SESSION_TOKEN_SIZE];
    assert_non_null(w);
    place_open((void **)&w->place);
    w->hub = hub_new(&friends, w->place->settings, 16);
    assert_non_null(w->hub);
    w->first = open_stream(w->place->store, w->place->settings, "",
                           ENVIRONMENT("HTTP_USER_AGENT=page"));
    token_in(w->first.text, "X-SSE-Session-ID: ", token);
    snprintf(w->cookie, sizeof w->cookie, "HTTP_COOKIE=sse-session-id=%s", token);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    hub_free(w->hub);
    end_stream(&w->first);
    place_close((void **)&w->place);
    free(w);
    return 0;
}

static int64_t open_streams(struct place *p)
{
    struct store_stats stats;
    assert_int_equal(store_stats(p->store, &stats), STORE_OK);
    return stats.streams;
}

static void end_first(struct world *w, int64_t at)
{
    struct bookmark b = w->first.ticket->ending->bookmark;
    b.position = at;
    assert_int_equal(store_ended(w->place->store, &b, 1), STORE_OK);
}

static struct aside *put_aside(struct world *w, int *client)
{
    struct request r;
    request_make(&r, client, ENVIRONMENT("HTTP_USER_AGENT=page", w->cookie), NULL);
    struct aside *a = aside_new(&r, w->place->settings, w->hub);
    assert_non_null(a);
    assert_int_equal(r.fd, -1);
    return a;
}

static void test_it_is_claimed_once_the_earlier_stream_has_ended(void **state)
{
    struct world *w = *state;
    int client;
    for (int i = 0; i < 5; i++)
        place_publish(w->place, "", "row");
    struct aside *a = put_aside(w, &client);
    assert_int_equal(hub_streams(w->hub), 1); /* a drain waits for it */
    assert_false(aside_serve(a, w->place->store, w->hub, true));
    assert_false(aside_serve(a, w->place->store, w->hub, true));
    assert_int_equal(open_streams(w->place), 1); /* nothing was done */
    end_first(w, 3);
    assert_true(aside_serve(a, w->place->store, w->hub, true));
    assert_int_equal(hub_streams(w->hub), 1);
    assert_int_equal(open_streams(w->place), 1);
    close(client);
}

static void test_whoever_answers_is_told_that_it_had_better_wait(void **state)
{
    struct world *w = *state;
    struct answerer a = {.store = w->place->store};
    struct request r;
    int client;
    request_make(&r, &client,
                 ENVIRONMENT("REQUEST_METHOD=GET", "PATH_INFO=/events", "HTTP_USER_AGENT=page",
                             w->cookie),
                 NULL);
    assert_true(answer_wants_hub(&r, w->place->settings));
    struct outcome o = answer(&a, w->place->settings, &r, ANSWER_MAY_WAIT);
    assert_true(o.waits);
    assert_null(o.ticket);
    assert_true(r.fd >= 0); /* the request is as it was */
    o = answer(&a, w->place->settings, &r, ANSWER_AT_ONCE);
    assert_false(o.waits);
    assert_non_null(o.ticket);
    ticket_free(o.ticket);
    request_end(&r);
    close(client);
}

static void test_it_does_not_wait_for_a_tab_that_stays(void **state)
{
    struct world *w = *state;
    int client;
    struct aside *a = put_aside(w, &client);
    assert_true(aside_serve(a, w->place->store, w->hub, false));
    assert_int_equal(open_streams(w->place), 2);
    close(client);
}

static void test_at_the_end_of_the_process_it_is_told_later(void **state)
{
    struct world *w = *state;
    int client;
    aside_refuse(put_aside(w, &client), w->hub);
    char *text = read_to_end(client, NULL);
    assert_has(text, "Status: 200 OK\r\n");
    assert_has(text, "event: later\nretry: ");
    free(text);
    assert_int_equal(hub_streams(w->hub), 0);
    assert_int_equal(w->emptied, 1);
    assert_int_equal(open_streams(w->place), 1);
}

static void test_a_stream_that_cannot_be_claimed_is_told_later_and_counts_no_more(void **state)
{
    struct world *w = *state;
    char away[128];
    int client;
    struct aside *a = put_aside(w, &client);
    snprintf(away, sizeof away, "%s.away", w->place->db);
    assert_int_equal(rename(w->place->db, away), 0);
    assert_int_equal(mkdir(w->place->db, 0700), 0);
    assert_true(aside_serve(a, w->place->store, w->hub, false));
    char *text = read_to_end(client, NULL);
    assert_has(text, "event: later\nretry: ");
    free(text);
    assert_int_equal(w->emptied, 1);
    assert_int_equal(rmdir(w->place->db), 0);
    assert_int_equal(rename(away, w->place->db), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whoever_answers_is_told_that_it_had_better_wait),
        TEST(test_it_is_claimed_once_the_earlier_stream_has_ended),
        TEST(test_it_does_not_wait_for_a_tab_that_stays),
        TEST(test_at_the_end_of_the_process_it_is_told_later),
        TEST(test_a_stream_that_cannot_be_claimed_is_told_later_and_counts_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
