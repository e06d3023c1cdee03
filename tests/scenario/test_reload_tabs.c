/* What brings more again when pages are loaded anew: several tabs, and a responder that is
 * killed. Nothing is skipped. */
#include "tests/scenario/pages.h"

enum { RATE = 20, AGAIN_KILLED_MS = 10000 };

/* Their loads are out of step, and each may take the other's bookmark: more comes again then,
 * and still nothing is skipped. */
static void test_tabs_of_one_session_that_are_reloaded_skip_nothing(void **state)
{
    static struct pages p;
    struct stage *s = *state;
    lighttpd_start(s);
    pages_open(&p, s, RATE);
    struct page *first = pages_add(&p, 1300, 100, s->port);
    pages_run(&p, 0, 1); /* so that there is a session */
    pages_same_session(pages_add(&p, 2100, 100, s->port), first);
    pages_same_session(pages_add(&p, 3700, 500, s->port), first);
    pages_run(&p, 12000, 4);
    pages_close(&p);
}

static void test_a_killed_responder_brings_ten_seconds_again_at_most(void **state)
{
    static struct pages p;
    struct stage *s = *state;
    lighttpd_start(s);
    pages_open(&p, s, RATE);
    pages_add(&p, 100000, 100, s->port);
    pages_add(&p, 4000, 100, s->port);
    for (int i = 0; i < 2; i++) {
        pages_run(&p, i ? 5300 : 11000, LOADS_GO_ON);
        responder_kill(s);
        responder_revive(s);
    }
    p.page[0].life_ms = 1000;
    p.page[0].until = 0;
    pages_run(&p, 3000, 3);
    pages_expect_few_again(&p, AGAIN_KILLED_MS);
    pages_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_tabs_of_one_session_that_are_reloaded_skip_nothing),
        scenario(test_a_killed_responder_brings_ten_seconds_again_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
