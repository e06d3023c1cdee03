/* What a person sees with `sqlite3 -init sql/views.sql`. */
#include <stdio.h>
#include <string.h>

#include "tests/scenario/scenario.h"

/* The answer's one line. */
static void expect_view(struct stage *s, const char *sql, const char *wanted)
{
    char command[1024], line[512] = "";
    snprintf(command, sizeof command, "sqlite3 -batch -init sql/views.sql %s \"%s\" 2>&1",
             s->db, sql);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    if (!fgets(line, sizeof line, f))
        line[0] = '\0';
    int status = pclose(f);
    line[strcspn(line, "\n")] = '\0';
    if (status != 0 || strcmp(line, wanted) != 0)
        fail_stage(s, "%s: waited for %s, came %s (status %d)", sql, wanted, line, status);
}

static void test_the_views_show_events_mailboxes_and_clients(void **state)
{
    struct stage *s = *state;
    lighttpd_start(s);
    struct browser *a = browser_open(s, "/sse/events?channel=room"),
                   *b = browser_open(s, "/sse/events");
    expect_connected(a);
    expect_connected(b);
    publish(s, "room", "chat", "hello");
    expect_event(a, "chat", "hello");
    expect_view(s, "SELECT mailbox, type, data FROM recent_events", "room|chat|hello");
    expect_view(s, "SELECT mailbox, kept FROM mailboxes", "room|1");
    expect_view(s, "SELECT last_id, kept FROM log", "1|1");
    shell(s,
          "INSERT INTO events(channel, key, expires_at) VALUES ('room', 'k', 4102444800000)");
    expect_view(s, "SELECT key, date(expires) > '2099' FROM recent_events", "k|1");
    expect_view(s, "SELECT mailbox, kept, keys FROM mailboxes", "room|2|1");
    expect_view(s, "SELECT count(*), sum(streams) FROM clients", "2|2");
    expect_view(s, "SELECT count(*), count(DISTINCT session_id) FROM open_streams", "2|2");
    browser_close(b);
    await(s, strcmp(shell_sessions(s, "SELECT count(*) FROM streams WHERE ended_at IS NULL"),
                    "1") == 0);
    expect_view(s, "SELECT count(*) FROM open_streams", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_the_views_show_events_mailboxes_and_clients),
    };
    return cmocka_run_group_tests_name("views", tests, NULL, NULL);
}
