/* A responder with few descriptors: who finds none is told to come later, and comes in
 * later. */
#include <stdio.h>
#include <string.h>

#include "tests/scenario/scenario.h"

enum { BROWSERS = 60 };

static void start_with(struct stage *s, int descriptors)
{
    char socket[NAME_SIZE], backend[NAME_SIZE + 32], limit[64];
    snprintf(socket, sizeof socket, "%s/few.socket", s->folder);
    snprintf(limit, sizeof limit, "ulimit -n %d; exec \"$0\" \"$@\"", descriptors);
    const char *const argv[] = {"/bin/sh",  "-c",   limit,      s->program, "--db", s->db,
                                "--listen", socket, "--log-to", s->log,     NULL};
    s->alone = process_start(argv, NULL, s->errors, NULL);
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", socket);
    lighttpd_start_external(s, backend);
}

/* Whether it is let in; else it was told later.  Nothing else will do. */
static bool is_let_in(struct stage *s, struct browser *b)
{
    await(s, browser_sees_end(b, 20) || strstr(browser_body(b), "event: connected\n"));
    assert_int_equal(browser_status(b), 200);
    if (strstr(browser_body(b), "event: connected\n"))
        return true;
    if (!strstr(browser_body(b), "event: later\nretry: "))
        fail_stage(s, "waited for later, came\n%s", browser_body(b));
    return false;
}

static void test_streams_beyond_the_descriptors_come_later_and_are_served_then(void **state)
{
    struct stage *s = *state;
    struct browser *b[BROWSERS];
    bool in[BROWSERS];
    int let_in = 0;
    start_with(s, 40);
    for (int i = 0; i < BROWSERS; i++) {
        b[i] = browser_open(s, "/sse/events");
        browser_come_back(b[i], false);
    }
    for (int i = 0; i < BROWSERS; i++)
        let_in += in[i] = is_let_in(s, b[i]);
    assert_in_range(let_in, 1, BROWSERS - 1);
    publish(s, "", "n", "1");
    for (int i = 0; i < BROWSERS; i++)
        if (in[i]) {
            expect_count(b[i], "n", 1, 1);
            browser_close(b[i]);
        }
    struct browser *next = browser_open(s, "/sse/events?lastEventId=earliest");
    expect_rows(next, "n", 1, 1); /* over as many connections as it takes */
}

/* Not even the process's own files fit. */
static void test_with_hardly_any_descriptor_everybody_is_told_something(void **state)
{
    struct stage *s = *state;
    struct browser *b[BROWSERS];
    struct answer a;
    start_with(s, 24);
    for (int i = 0; i < BROWSERS; i++) {
        b[i] = browser_open(s, "/sse/events");
        browser_come_back(b[i], false);
    }
    for (int i = 0; i < BROWSERS; i++)
        (void)is_let_in(s, b[i]);
    post(s, &a, "/sse/broadcast", "x"); /* a relative: it is no stream, and told as much */
    if (a.status != 200 && a.status != 503)
        fail_stage(s, "%d: %s", a.status, a.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_streams_beyond_the_descriptors_come_later_and_are_served_then),
        scenario(test_with_hardly_any_descriptor_everybody_is_told_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
