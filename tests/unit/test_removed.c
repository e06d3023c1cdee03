/* Who is told that the newest event of a key was deleted, whatever statement or trigger did it. */
#include "tests/unit/log_world.h"

#define KEYED(MAILBOX, KEY)                                                                    \
    "INSERT INTO events(channel, key) VALUES ('" MAILBOX "', '" KEY "');"
#define STOCK                                                                                  \
    "CREATE TABLE stock(item TEXT); INSERT INTO stock VALUES ('a');"                           \
    "CREATE TRIGGER gone AFTER DELETE ON stock BEGIN "
#define GONE "DELETE FROM events WHERE channel = 'r' AND key = OLD.item;"
#define NEWS(MAILBOX) "INSERT INTO events(channel) VALUES ('" MAILBOX "');"

/* `listed` are the mailboxes whose streams are to be told after all of it. */
static const struct {
    const char *name, *sql, *listed;
} cases[] = {
    {"a DELETE", KEYED("r", "a") "DELETE FROM events", "r"},
    {"a DELETE of several mailboxes",
     KEYED("r", "a") KEYED("s", "a") KEYED("s", "b") "DELETE FROM events", "r,s"},
    {"a DELETE behind an INSERT in one transaction",
     KEYED("r", "a") "BEGIN;" NEWS("r") "DELETE FROM events WHERE key = 'a'; COMMIT", "r"},
    {"a trigger that deletes", KEYED("r", "a") STOCK GONE "END; DELETE FROM stock", "r"},
    {"a trigger that deletes and then inserts",
     KEYED("r", "a") STOCK GONE NEWS("r") "END; DELETE FROM stock", "r"},
    {"a trigger that inserts elsewhere and then deletes",
     KEYED("r", "a") STOCK NEWS("other") GONE "END; DELETE FROM stock", "r"},
    {"a trigger that inserts into the mailbox and then deletes",
     KEYED("r", "a") STOCK NEWS("r") GONE "END; DELETE FROM stock", "r"},
    {"a trigger on events that deletes in another mailbox",
     KEYED("r", "a") "CREATE TRIGGER end AFTER INSERT ON events WHEN NEW.channel = 'end' BEGIN "
                     "DELETE FROM events WHERE channel = 'r'; END;" NEWS("end"),
     "r"},
    {"an event for one session",
     "INSERT INTO events(session_id, key) VALUES ('s', 'a'); DELETE FROM events", "@s"},
    {"an event without a key", NEWS("r") "DELETE FROM events", ""},
    {"an event that a newer one replaces", KEYED("r", "a") KEYED("r", "a"), ""},
    {"one that is replaced by OR REPLACE",
     KEYED("r", "a") "INSERT OR REPLACE INTO events(channel, key) VALUES ('r', 'a')", ""},
    {"an event whose time has passed",
     "INSERT INTO events(channel, key, expires_at) VALUES ('r', 'a', 1000000000000);"
     "DELETE FROM events",
     ""},
    {"one that makes room in its mailbox",
     "UPDATE rowcast_config SET value = 2 WHERE name = 'buffer_size';" KEYED("r", "a") NEWS("r")
         NEWS("r"),
     ""},
    {"many that make room for the rows of one statement",
     "UPDATE rowcast_config SET value = 2 WHERE name = 'buffer_size';" KEYED("r", "a")
         KEYED("r", "b") "INSERT INTO events(channel) VALUES ('r'), ('r'), ('r')",
     ""},
    {"one that makes room in the log",
     "UPDATE rowcast_config SET value = 65536 WHERE name = 'buffer_bytes';" KEYED("r", "a")
         KEYED("r", "b") "INSERT INTO events(data) VALUES (printf('%.65200c', 'x'))",
     ""},
    {"a DELETE after one made room in the log",
     "UPDATE rowcast_config SET value = 65536 WHERE name = 'buffer_bytes';" KEYED("r", "a")
         KEYED("s", "b") "INSERT INTO events(data) VALUES (printf('%.65100c', 'x'));"
                         "DELETE FROM events WHERE channel = 's'",
     "s"},
};

/* The caller frees, by sqlite3_free. */
static char *listed_mailboxes(struct log_world *w)
{
    static const char sql[] = "SELECT group_concat(mailbox) FROM rowcast_removed ORDER BY 1";
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(w->shell, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const char *names = (const char *)sqlite3_column_text(stmt, 0);
    char *copy = sqlite3_mprintf("%s", names ? names : "");
    sqlite3_finalize(stmt);
    return copy;
}

static void test_a_removal_is_listed_whatever_did_it_and_nothing_else_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *world;
        log_setup(&world);
        struct log_world *w = world;
        log_sql(w, "%s", cases[i].sql);
        char *listed = listed_mailboxes(w);
        if (strcmp(listed, cases[i].listed) != 0)
            fail_msg("%s: \"%s\" is listed", cases[i].name, listed);
        sqlite3_free(listed);
        log_teardown(&world);
    }
}

/* The id that is given goes on from what SQLite remembers, so the next event has another. */
static void test_a_removal_in_any_trigger_leaves_ids_that_ascend(void **state)
{
    struct log_world *w = *state;
    struct store_end end;
    log_sql(w, KEYED("r", "a") STOCK NEWS("other") GONE NEWS("r") "END; DELETE FROM stock");
    for (int i = 0; i < 2; i++)
        assert_int_equal(store_where(w->store, &end), STORE_OK);
    assert_int_equal(end.last_id, 4);
    log_sql(w, NEWS("r"));
    assert_int_equal(log_number(w, "SELECT max(id) FROM events"), 5);
    assert_int_equal(
        log_number(w, "SELECT trimmed_to FROM rowcast_channels WHERE mailbox = 'r'"), 4);
    assert_int_equal(log_number(w, "SELECT count(*) FROM rowcast_removed"), 0);
}

/* The id that tells of it makes room for nothing. */
static void test_telling_of_a_removal_keeps_an_event_larger_than_the_bound(void **state)
{
    struct log_world *w = *state;
    log_set(w, "buffer_bytes", 65536);
    log_sql(w, KEYED("r", "a") "INSERT INTO events(data) VALUES (printf('%%.100000c', 'x'))");
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 1);
    log_sql(w, "INSERT INTO rowcast_removed VALUES ('r')");
    for (int i = 0; i < 2; i++)
        assert_non_null(log_read(w, 1, NULL));
    assert_int_equal(log_number(w, "SELECT last_id FROM rowcast_log"), 3);
    assert_int_equal(log_number(w, "SELECT id FROM events"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_removal_is_listed_whatever_did_it_and_nothing_else_is),
        LOG_TEST(test_a_removal_in_any_trigger_leaves_ids_that_ascend),
        LOG_TEST(test_telling_of_a_removal_keeps_an_event_larger_than_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
