/* Everything restarts, and no browser notices: processes are killed, replaced, and the web
 * server goes down and up. */
#include <signal.h>

#include "tests/scenario/crowd.h"
#include "tests/scenario/supervisor.h"

enum { KILLS = 8, ROUNDS = 4, RESTARTS = 2, ROWS = 1500 };

static const char *const drain_one_second[] = {"--drain-seconds", "1", NULL};

static void kill_one(struct supervised *v, int k)
{
    pid_t pid[PROCESSES];
    supervised_pids(v, pid);
    kill(pid[k % PROCESSES], SIGKILL);
}

static void test_twenty_browsers_have_every_row_once_and_in_order(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    struct crowd c;
    int each = ROWS / (KILLS + ROUNDS + RESTARTS), steps = KILLS + ROUNDS + RESTARTS;
    supervised_start(&v, s, PROCESSES, drain_one_second);
    supervised_front(&v);
    crowd_open(&c, s);
    for (int k = 0; k < steps; k++) {
        int rows = k + 1 < steps ? each : ROWS - c.rows;
        crowd_publish(&c, rows / 2);
        crowd_await_row(&c, c.rows - rows / 2 + 1); /* they are on their way */
        if (k < KILLS)
            kill_one(&v, k);
        else if (k < KILLS + ROUNDS)
            supervised_hang_up(&v);
        else
            server_restart(s);
        crowd_publish(&c, rows - rows / 2);
        crowd_await(&c);
    }
    assert_int_equal(c.rows, ROWS);
    assert_int_equal(log_count(s, "signal=9"), KILLS);
    assert_int_equal(log_count(s, "what=round_done"), ROUNDS);
    crowd_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_twenty_browsers_have_every_row_once_and_in_order),
    };
    return cmocka_run_group_tests_name("restarts", tests, NULL, NULL);
}
