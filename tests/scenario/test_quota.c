/* A limit of file size, or a quota, is a full disk: told as one, and survived. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/scenario/scenario.h"

static void limit(pid_t pid, rlim_t bytes)
{
    struct rlimit l;
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, NULL, &l), 0);
    l.rlim_cur = bytes < l.rlim_max ? bytes : l.rlim_max;
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &l, NULL), 0);
}

static rlim_t wal_size(const struct stage *s)
{
    char path[NAME_SIZE + 8];
    struct stat st;
    snprintf(path, sizeof path, "%s-wal", s->db);
    assert_int_equal(stat(path, &st), 0);
    return (rlim_t)st.st_size;
}

static void test_a_log_that_may_not_grow_refuses_publishers_and_ends_nobody(void **state)
{
    struct stage *s = *state;
    struct answer a;
    static char data[40000];
    memset(data, 'x', sizeof data - 1);
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    post(s, &a, "/sse/broadcast?type=n", "1");
    assert_int_equal(a.status, 200);
    expect_event(b, "n", "1");
    pid_t pid = responder_pid(s);
    limit(pid, wal_size(s) + 100);
    for (int i = 0; i < 3; i++) {
        post(s, &a, "/sse/broadcast?type=n", data);
        if (a.status != 507)
            fail_stage(s, "waited for 507; the answer is %d %s", a.status, a.body);
        assert_non_null(strstr(a.body, "File too large")); /* not "disk I/O error" alone */
    }
    shell_count(s, "n", 2, 2); /* others have room */
    expect_event(b, "n", "2");
    limit(pid, RLIM_INFINITY);
    post(s, &a, "/sse/broadcast?type=n", "3");
    assert_int_equal(a.status, 200);
    expect_event(b, "n", "3");
    assert_int_equal(responder_pid(s), pid);
}

static void test_a_stream_begins_and_runs_where_nothing_may_be_written(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    expect_connected(browser_open(s, "/sse/events")); /* the log is open, and has its -shm */
    pid_t pid = responder_pid(s);
    limit(pid, 0);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 1);
    expect_count(b, "n", 1, 1);
    limit(pid, RLIM_INFINITY);
    shell_count(s, "n", 2, 2);
    expect_count(b, "n", 2, 2);
    assert_int_equal(responder_pid(s), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_log_that_may_not_grow_refuses_publishers_and_ends_nobody),
        scenario(test_a_stream_begins_and_runs_where_nothing_may_be_written),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
