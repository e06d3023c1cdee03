/* The stock sqlite3 shell has no patience with locks, and needs none. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

enum { STREAMS = 1500, INSERTS = 300 };

struct crowd {
    struct stage *stage;
    atomic_bool enough;
    atomic_int opened;
};

/* Browsers that come and leave for as long as rows are inserted, 1,500 and more of them. */
static void *come_and_leave(void *arg)
{
    struct crowd *c = arg;
    while (!atomic_load(&c->enough) || atomic_load(&c->opened) < STREAMS) {
        struct browser *b = browser_new(c->stage, "/sse/events");
        browser_connect(b);
        if (browser_status(b) == 200)
            atomic_fetch_add(&c->opened, 1);
        if (atomic_load(&c->opened) % 4)
            browser_close(b);
    }
    return NULL;
}

static void test_three_hundred_inserts_meet_no_lock_while_streams_come_and_leave(void **state)
{
    struct stage *s = *state;
    struct crowd crowd = {.stage = s};
    pthread_t thread;
    int status = 0;
    stage_raise_limits();
    shell_set(s, "cleanup_interval", "1");
    shell_set(s, "buffer_age", "1");
    lighttpd_start(s);
    assert_int_equal(pthread_create(&thread, NULL, come_and_leave, &crowd), 0);
    char said[256] = "";
    for (int i = 0; i < INSERTS && !said[0]; i++) {
        const char *out = shell_status(s, &status, "INSERT INTO events(data) VALUES ('x')");
        if (status)
            snprintf(said, sizeof said, "insert %d: %.200s", i, out);
    }
    atomic_store(&crowd.enough, true);
    pthread_join(thread, NULL);
    if (said[0])
        fail_stage(s, "%s", said);
    assert_string_equal(shell(s, "SELECT last_id FROM rowcast_log"), "300");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_three_hundred_inserts_meet_no_lock_while_streams_come_and_leave),
    };
    return cmocka_run_group_tests_name("shell", tests, NULL, NULL);
}
