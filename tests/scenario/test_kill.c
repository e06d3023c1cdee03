/* kill -9 in mid-burst, again and again: browsers that do as EventSource does miss nothing. */
#include <signal.h>

#include "tests/scenario/crowd.h"

enum { KILLS = 5, ROWS = 300 /* a kill */ };

static pid_t respawned(struct stage *s, pid_t killed)
{
    await(s, process_ended(killed, NULL) || responder_pid(s) != killed);
    return responder_pid(s);
}

static void test_killed_five_times_in_mid_burst_every_row_comes_once_and_in_order(void **state)
{
    struct stage *s = *state;
    struct crowd c;
    shell_set(s, "heartbeat_interval", "1");
    lighttpd_start(s);
    crowd_open(&c, s);
    pid_t pid = responder_pid(s);
    for (int k = 0; k < KILLS; k++) {
        crowd_publish(&c, ROWS / 2);
        crowd_await_row(&c, k * ROWS + 1); /* the burst is under way */
        kill(pid, SIGKILL);
        crowd_publish(&c, ROWS / 2 - 1);
        pid = respawned(s, pid);
        crowd_await(&c);
        crowd_publish(&c, 1); /* live again */
        crowd_await(&c);
        /* lighttpd answers 503 for a second when its program dies twice within one. */
        expect_heartbeats(c.browser[0], 2);
    }
    crowd_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_killed_five_times_in_mid_burst_every_row_comes_once_and_in_order),
    };
    return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
