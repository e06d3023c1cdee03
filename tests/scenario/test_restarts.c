/* Everything restarts, and no browser notices: processes are killed, replaced, and the web
 * server goes down and up. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

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

/* As a tool that "unlocks" databases does, in mid-burst.  The publisher has the log open. */
static void remove_shm(struct stage *s)
{
    char shm[NAME_SIZE + 8];
    snprintf(shm, sizeof shm, "%s-shm", s->db);
    assert_int_equal(unlink(shm), 0);
}

static void restart_everything(struct stage *s, bool shm_is_removed)
{
    struct supervised v;
    struct crowd c;
    int each = ROWS / (KILLS + ROUNDS + RESTARTS), steps = KILLS + ROUNDS + RESTARTS;
    supervised_start(&v, s, PROCESSES, drain_one_second);
    supervised_front(&v);
    crowd_open(&c, s);
    c.may_gap = shm_is_removed;
    for (int k = 0; k < steps; k++) {
        int rows = k + 1 < steps ? each : ROWS - c.rows;
        crowd_publish(&c, rows / 2);
        crowd_await_row(&c, c.rows - rows / 2 + 1); /* they are on their way */
        if (shm_is_removed && (k == KILLS / 2 || k == KILLS + ROUNDS / 2))
            remove_shm(s);
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
    if (shm_is_removed)
        print_message("gaps told: %d\n", c.gaps);
    crowd_close(&c);
}

static void test_twenty_browsers_have_every_row_once_and_in_order(void **state)
{
    restart_everything(*state, false);
}

static void test_a_shm_that_is_removed_twice_meanwhile_costs_no_row_in_silence(void **state)
{
    restart_everything(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_twenty_browsers_have_every_row_once_and_in_order),
        scenario(test_a_shm_that_is_removed_twice_meanwhile_costs_no_row_in_silence),
    };
    return cmocka_run_group_tests_name("restarts", tests, NULL, NULL);
}
