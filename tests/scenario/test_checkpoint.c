/* A reader that never ends keeps the -wal from being copied: the log says so, and for how
 * long. */
#include <stdio.h>
#include <unistd.h>

#include "tests/scenario/supervisor.h"

static void test_a_reader_that_keeps_the_wal_growing_is_told(void **state)
{
    struct stage *s = *state;
    char command[NAME_SIZE + 64];
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch %s", s->db);
    FILE *reader = popen(command, "we");
    assert_non_null(reader);
    fprintf(reader, "BEGIN; SELECT count(*) FROM events;\n.shell touch %.60s/reads\n",
            s->folder);
    fflush(reader);
    snprintf(command, sizeof command, "%.60s/reads", s->folder);
    await(s, access(command, F_OK) == 0);
    shell(s, "CREATE TABLE large(x); INSERT INTO large VALUES (zeroblob(70000000))");
    shell_count(s, "n", 1, 1);
    expect_count(b, "n", 1, 1);
    await(s, log_count(s, "what=checkpoint done=0 waited_s=0 wal_mb=6") == 1);
    assert_int_equal(log_count(s, "another program keeps a read transaction"), 1);
    fputs("COMMIT;\n", reader);
    pclose(reader);
    await(s, log_count(s, "what=checkpoint done=1 waited_s=") == 1);
    assert_int_equal(log_count(s, "what=checkpoint done=0"), 1); /* not each second */
    shell_count(s, "n", 2, 2);
    expect_count(b, "n", 2, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_reader_that_keeps_the_wal_growing_is_told),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
