/* The phases of a client: it streams, moves to another log, ends, signs off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "fcgi/stream/client.h"
#include "tests/unit/aborts.h"
#include "tests/unit/batches.h"

enum { PHASES = CLIENT_SIGNS_OFF + 1, LARGE = 4 * 1024 * 1024 };

struct world {
    struct client client;
    int peer;
    char *large;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct ticket t = {.fd = pair[0], .ids = true, .retry = 500, .wait_ms = -1, .epoch = EPOCH};
    framing_begin(&t.framing, FRAMING_FASTCGI, 1);
    cursor_begin(&t.cursor, subscription_new(NULL, NULL, 0, NULL, 0), 0, 0);
    buffer_text(&t.prologue, "event: connected\n\n");
    client_begin(&w->client, &t);
    w->peer = pair[1];
    w->large = calloc(1, LARGE + 1);
    memset(w->large, 'x', LARGE);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    client_free(&w->client);
    close(w->peer);
    free(w->large);
    free(w);
    return 0;
}

/* An event that no socket takes at once: the client stands in its middle. */
static void stand_in_an_event(struct world *w)
{
    const struct row row = {1, "", "a", w->large};
    struct batch *b = batch_of(0, 1, &row, 1, NO_HOLES);
    assert_int_equal(client_pump(&w->client), CLIENT_IDLE);
    cursor_take(&w->client.cursor, b);
    batch_unref(b);
    enum client_state s;
    while ((s = client_pump(&w->client)) == CLIENT_TIRED)
        ;
    assert_int_equal(s, CLIENT_BLOCKED);
}

/* Read until the client says something else than that its socket is full; what it said. */
static enum client_state finish(struct world *w, struct buffer *got)
{
    static char bytes[65536];
    enum client_state s;
    do {
        s = client_pump(&w->client);
        ssize_t n = read(w->peer, bytes, sizeof bytes);
        if (n > 0)
            buffer_add(got, bytes, (size_t)n);
    } while (s == CLIENT_BLOCKED || s == CLIENT_TIRED);
    for (ssize_t n; (n = read(w->peer, bytes, sizeof bytes)) > 0;)
        buffer_add(got, bytes, (size_t)n);
    return s;
}

static bool got_has(const struct buffer *got, const char *what)
{
    return got->bytes && memmem(got->bytes, got->len, what, strlen(what));
}

static void
test_a_client_that_moves_does_so_at_the_end_of_its_event_and_streams_on(void **state)
{
    struct world *w = *state;
    struct buffer got = {0};
    stand_in_an_event(w);
    client_move(&w->client, "00000001", 7);
    client_move(&w->client, "00000002", 9); /* and the log changes once more */
    assert_int_equal(w->client.phase, CLIENT_MOVES);
    assert_string_equal(w->client.epoch, EPOCH);
    assert_int_equal(finish(w, &got), CLIENT_IDLE);
    assert_int_equal(w->client.phase, CLIENT_STREAMS);
    assert_string_equal(w->client.epoch, "00000002");
    assert_int_equal(client_position(&w->client), 9);
    assert_true(got_has(&got, "\nid: 00000002-9\n\n"));
    assert_false(got_has(&got, "00000001"));
    buffer_free(&got);
}

static void test_a_client_that_ends_signs_off_behind_its_event(void **state)
{
    struct world *w = *state;
    struct buffer got = {0};
    stand_in_an_event(w);
    client_end(&w->client, 500);
    client_end(&w->client, 900); /* the first time counts */
    assert_int_equal(w->client.phase, CLIENT_ENDS);
    assert_true(client_ends(&w->client));
    assert_int_equal(finish(w, &got), CLIENT_ENDED);
    assert_int_equal(w->client.phase, CLIENT_SIGNS_OFF);
    assert_true(client_ends(&w->client));
    assert_true(got_has(&got, "event: later\nretry: 500\n\n"));
    buffer_free(&got);
}

static void test_a_client_that_moves_may_end_and_never_hears_of_the_other_log(void **state)
{
    struct world *w = *state;
    struct buffer got = {0};
    stand_in_an_event(w);
    client_move(&w->client, "00000001", 7);
    client_end(&w->client, 500);
    assert_int_equal(w->client.phase, CLIENT_ENDS);
    client_move(&w->client, "00000002", 9); /* it is too late for that */
    assert_int_equal(w->client.phase, CLIENT_ENDS);
    assert_int_equal(finish(w, &got), CLIENT_ENDED);
    client_move(&w->client, "00000002", 9);
    assert_int_equal(w->client.phase, CLIENT_SIGNS_OFF);
    assert_false(got_has(&got, "event: gap"));
    assert_string_equal(w->client.epoch, EPOCH);
    buffer_free(&got);
}

/* From STREAMS to each phase by moves that are allowed. */
static struct client in_phase(enum client_phase phase)
{
    struct client c = {0};
    if (phase == CLIENT_MOVES)
        client_turn(&c, CLIENT_MOVES);
    if (phase == CLIENT_ENDS || phase == CLIENT_SIGNS_OFF)
        client_turn(&c, CLIENT_ENDS);
    if (phase == CLIENT_SIGNS_OFF)
        client_turn(&c, CLIENT_SIGNS_OFF);
    return c;
}

struct turn {
    enum client_phase from, to;
};

static void turn(void *arg)
{
    const struct turn *t = arg;
    struct client c = in_phase(t->from);
    client_turn(&c, t->to);
}

static void test_every_other_move_of_a_client_aborts(void **state)
{
    const char *const to[PHASES] = {[CLIENT_STREAMS] =
                                        ".me.", /* streams moves ends signs-off */
                                    [CLIENT_MOVES] = "sme.",
                                    [CLIENT_ENDS] = "...o",
                                    [CLIENT_SIGNS_OFF] = "...."};
    (void)state;
    for (int from = 0; from < PHASES; from++)
        for (int i = 0; i < PHASES; i++) {
            struct turn t = {(enum client_phase)from, (enum client_phase)i};
            if (aborts(turn, &t) != (to[from][i] == '.'))
                fail_msg("from %d to %d", from, i);
        }
}

int main(void)
{
#define CLIENT_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(test_a_client_that_moves_does_so_at_the_end_of_its_event_and_streams_on),
        CLIENT_TEST(test_a_client_that_ends_signs_off_behind_its_event),
        CLIENT_TEST(test_a_client_that_moves_may_end_and_never_hears_of_the_other_log),
        cmocka_unit_test(test_every_other_move_of_a_client_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
