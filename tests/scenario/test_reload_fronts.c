/* Reloads behind other web servers, and before several processes. */
#include <stdio.h>
#include <unistd.h>

#include "tests/scenario/pages.h"
#include "tests/scenario/supervisor.h"

enum { RATE = 20, WINDOW_MS = 12000, AGAIN_MS = 5000 };

static void reload(struct stage *s, int rate)
{
    static struct pages p;
    pages_open(&p, s, rate);
    pages_add(&p, 1000, 100, s->port);
    pages_add(&p, 2000, 100, s->port);
    pages_add(&p, 6000, 100, s->port);
    pages_run(&p, WINDOW_MS, 2);
    pages_expect_few_again(&p, AGAIN_MS);
    pages_close(&p);
}

static void start_alone(struct stage *s, char where[NAME_SIZE])
{
    snprintf(where, NAME_SIZE, "%.100s/socket", s->folder);
    responder_start(s, where, NULL);
}

static void test_behind_nginx(void **state)
{
    struct stage *s = *state;
    char where[NAME_SIZE];
    start_alone(s, where);
    nginx_start(s, where);
    reload(s, RATE);
}

/* Apache hears of a departure when it cannot write, and there is little to write here: without
 * the heartbeats that a waiting claim has sent, each load would begin where the one before the
 * last began. */
static void test_behind_apache_with_a_row_a_second(void **state)
{
    struct stage *s = *state;
    char where[NAME_SIZE];
    stage_share_with(s, "www-data");
    snprintf(where, sizeof where, "%.100s/socket", s->folder);
    responder_start(s, where, "www-data");
    apache_start_proxy(s, where);
    reload(s, 1);
}

/* The next load comes to any of them, and the end of the last one is saved by another. */
static void test_before_two_processes(void **state)
{
    struct supervised v;
    supervised_start(&v, *state, 2, NULL);
    supervised_front(&v);
    reload(*state, RATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_behind_nginx),
        scenario(test_behind_apache_with_a_row_a_second),
        scenario(test_before_two_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
