/* Pages that are loaded again and again with nothing but their cookie: nothing is skipped, and
 * a few seconds come again, however often they are reloaded.
 *
 * The whole matrix, which takes seven minutes, and its figures:
 *
 *     RELOAD_LOADS=30 RELOAD_UP=400 build/scenario/test_reload
 */
#include <stdlib.h>

#include "tests/scenario/delay.h"
#include "tests/scenario/pages.h"

enum { RATE = 20, WINDOW_MS = 24000, AGAIN_MS = 5000 };

static int number(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

/* The proxy delays by 0.4 s, which in the full matrix it does both ways. */
static void test_a_reloaded_page_gets_a_few_seconds_again_and_skips_nothing(void **state)
{
    static struct pages p;
    static const int life_ms[] = {1000, 2000, 5000, 10000}, pause_ms[] = {100, 2500};
    struct stage *s = *state;
    int loads = number("RELOAD_LOADS", 0), delayed;
    lighttpd_start(s);
    pid_t proxy =
        delay_start(s, number("RELOAD_DOWN", 400), number("RELOAD_UP", 200), &delayed);
    pages_open(&p, s, RATE);
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 2; k++) {
            pages_add(&p, life_ms[i], pause_ms[k], s->port);
            pages_add(&p, life_ms[i], pause_ms[k], delayed);
        }
    pages_run(&p, WINDOW_MS, loads);
    pages_expect_few_again(&p, AGAIN_MS);
    pages_close(&p);
    delay_stop(proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_reloaded_page_gets_a_few_seconds_again_and_skips_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
