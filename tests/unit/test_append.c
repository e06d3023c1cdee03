/* Groups of publications that SQLite refuses in ways of its own: an application's triggers, a file
 * that may not grow, ids that are used up, memory that fails. */
#include "tests/unit/group.h"
#include "tests/unit/log_world.h"
#include "tests/unit/some_session.h"
#include "tests/unit/sqlite_memory.h"

#include <pthread.h>
#include <time.h>

#include "store/sqlite/connect.h"
#include "store/sqlite/database.h"
#include "store/sqlite/engine.h"

static enum store_result append(struct log_world *w, struct group *g)
{
    return store_append_all(w->store, g->items, g->n, 0);
}

static void expect_rows(struct log_world *w, int64_t n)
{
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), n);
    assert_int_equal(log_number(w, "SELECT sum(kept) FROM rowcast_channels"), n);
}

static void expect_row(struct log_world *w, int64_t id, const char *data)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM events WHERE id = %lld AND data = '%s'",
             (long long)id, data);
    assert_int_equal(log_number(w, sql), 1);
}

static void claim(struct log_world *w, char id[SESSION_ID_SIZE])
{
    struct settings *settings = settings_new();
    assert_int_equal(store_join(w->store), STORE_OK);
    some_session(w->store, settings, id);
    settings_unref(settings);
}

static void send_to(struct appending *a, const char *const sessions[])
{
    a->what.sessions = sessions;
    a->what.session_count = 2;
}

static void test_one_for_several_sessions_is_there_whole_or_not_at_all(void **state)
{
    struct log_world *w = *state;
    struct group g = {0};
    char a[SESSION_ID_SIZE], b[SESSION_ID_SIZE];
    claim(w, a);
    claim(w, b);
    const char *const both[] = {a, b}, *const unknown[] = {a, "nobody"};
    log_sql(w,
            "CREATE TRIGGER not_for_b BEFORE INSERT ON events "
            "WHEN NEW.session_id = '%s' AND NEW.data = 'no' "
            "BEGIN SELECT RAISE(ABORT, 'not for b'); END",
            b);
    add(&g, "a", "before");
    send_to(add(&g, "a", "no"), both);
    send_to(add(&g, "a", "unknown"), unknown);
    send_to(add(&g, "a", "yes"), both);
    assert_int_equal(append(w, &g), STORE_OK);
    assert_int_equal(g.item[0].result, STORE_OK);
    assert_int_equal(g.item[1].result, STORE_REFUSED);
    assert_string_equal(g.item[1].why, "not for b");
    assert_int_equal(g.item[2].result, STORE_UNKNOWN);
    assert_int_equal(g.item[3].result, STORE_OK);
    expect_rows(w, 3);
    expect_row(w, g.ids[0][0], "before");
    expect_row(w, g.ids[3][0], "yes");
    expect_row(w, g.ids[3][1], "yes");
}

/* Triggers of an application's own may refuse in SQLite's other ways. */
static void refuse_by(struct log_world *w, const char *when, const char *how)
{
    struct group g = {0};
    log_sql(w,
            "CREATE TRIGGER own %s INSERT ON events WHEN NEW.data = 'bad' "
            "BEGIN SELECT RAISE(%s, 'not this one'); END",
            when, how);
    add(&g, "a", "one");
    add(&g, "a", "bad");
    add(&g, "a", "two");
    assert_int_equal(append(w, &g), STORE_OK);
    assert_int_equal(g.item[0].result, STORE_OK);
    assert_int_equal(g.item[1].result, STORE_REFUSED);
    assert_string_equal(g.item[1].why, "not this one");
    assert_int_equal(g.item[2].result, STORE_OK);
    expect_row(w, g.ids[0][0], "one");
    expect_row(w, g.ids[2][0], "two");
    expect_rows(w, 2);
    log_sql(w, "DROP TRIGGER own; DELETE FROM events");
}

static void test_a_trigger_that_ends_the_transaction_refuses_nobody_else(void **state)
{
    refuse_by(*state, "BEFORE", "ROLLBACK");
    refuse_by(*state, "AFTER", "ROLLBACK");
}

static void test_a_trigger_that_leaves_half_of_a_row_leaves_nothing(void **state)
{
    refuse_by(*state, "BEFORE", "FAIL");
    refuse_by(*state, "AFTER", "FAIL");
}

/* What such a trigger writes elsewhere must not be taken for the row. */
static void test_a_row_that_a_trigger_leaves_out_has_no_id(void **state)
{
    struct log_world *w = *state;
    log_sql(w, "CREATE TABLE noted(data);"
               "CREATE TRIGGER out BEFORE INSERT ON events WHEN NEW.data = 'out' "
               "BEGIN SELECT RAISE(IGNORE); END;"
               "CREATE TRIGGER noted_out BEFORE INSERT ON events WHEN NEW.data = 'noted' "
               "BEGIN INSERT INTO noted VALUES (1); SELECT RAISE(IGNORE); END");
    for (int i = 0; i < 2; i++) {
        struct group g = {0};
        add(&g, "a", "one");
        add(&g, "a", i == 0 ? "out" : "noted");
        add(&g, "a", i == 0 ? "noted" : "out")->what.dedup_key = "k";
        add(&g, "a", "two");
        assert_int_equal(append(w, &g), STORE_OK);
        for (int j = 1; j <= 2; j++) {
            assert_int_equal(g.item[j].result, STORE_REFUSED);
            assert_non_null(strstr(g.item[j].why, "RAISE(IGNORE)"));
        }
        expect_row(w, g.ids[0][0], "one");
        expect_row(w, g.ids[3][0], "two");
        expect_rows(w, 2 * (i + 1));
    }
}

static void test_one_that_is_too_large_for_the_disk_refuses_itself_alone(void **state)
{
    struct log_world *w = *state;
    struct group g = {0};
    static char large[500000];
    memset(large, 'x', sizeof large - 1);
    add(&g, "a", "one");
    add(&g, "a", large);
    add(&g, "a", "two");
    log_insert(w, 1);
    log_read(w, 0, NULL);
    sqlite3_exec(sqlite_of(w->store)->log.db, "PRAGMA max_page_count = 40", NULL, NULL, NULL);
    append(w, &g);
    assert_int_equal(g.item[0].result, STORE_OK);
    assert_int_equal(g.item[1].result, STORE_FULL);
    assert_int_equal(g.item[2].result, STORE_OK);
    assert_int_equal(g.ids[0][0], 2);
    assert_int_equal(g.ids[2][0], 3);
    expect_rows(w, 3);
}

static void keep_the_cure(void *arg, const char *line)
{
    const char *cure = strstr(line, "DELETE FROM events");
    if (cure)
        snprintf(arg, 1024, "%s", cure);
}

static void test_ids_that_are_used_up_are_no_full_disk_and_the_cure_is_said(void **state)
{
    struct log_world *w = *state;
    struct group g = {0}, after = {0};
    char cure[1024] = "";
    log_insert(w, 1);
    log_sql(w, "UPDATE rowcast_log SET last_id = 9223372036854775807;"
               "UPDATE sqlite_sequence SET seq = 9223372036854775807");
    add(&g, "a", "two");
    append(w, &g);
    assert_int_equal(g.item[0].result, STORE_CORRUPT);
    assert_non_null(strstr(g.item[0].why, "--check"));
    store_check(w->store, keep_the_cure, cure);
    log_sql(w, "%s", cure);
    add(&after, "a", "two");
    assert_int_equal(append(w, &after), STORE_OK);
    assert_int_equal(after.ids[0][0], 2);
    expect_rows(w, 2);
}

/* ---- memory that fails ------------------------------------------------------------- */

static void test_whichever_allocation_fails_what_is_answered_is_what_is_there(void **state)
{
    struct log_world *w = *state;
    char a[SESSION_ID_SIZE];
    claim(w, a);
    const char *const twice[] = {a, a};
    bool failed = true;
    for (long n = 1; failed; n += 1 + n / 40) {
        struct group g = {0};
        int64_t rows = 0;
        log_sql(w, "DELETE FROM events");
        store_close(w->store);
        assert_int_equal(store_open(&w->store, w->path), STORE_OK);
        add(&g, "a", "one");
        send_to(add(&g, "a", "two"), twice);
        add(&g, "heartbeat", "refused");
        add(&g, "a", "three");
        sqlite_memory_fail(n, false);
        append(w, &g);
        failed = sqlite_memory_mend();
        for (size_t i = 0; i < g.n; i++) {
            enum store_result r = g.item[i].result;
            assert_true(r == STORE_OK || r == STORE_NOMEM || (i == 2 && r == STORE_REFUSED));
            rows += r != STORE_OK ? 0 : i == 1 ? 2 : 1;
        }
        assert_int_equal(log_number(w, "SELECT count(*) FROM events"), rows);
    }
}

enum { SHORT_MS = 300 };

/* SQLite calls it when a statement begins to run. */
static int wait_until_it_is_due(unsigned type, void *world, void *stmt, void *sql)
{
    static const struct timespec pause = {.tv_nsec = 1000000};
    (void)type, (void)stmt;
    while (strstr(sql, "SELECT id FROM events WHERE dedup_key") &&
           log_number(world, "SELECT expires_at > (julianday() - 2440587.5) * 86400000 "
                             "FROM events"))
        nanosleep(&pause, NULL);
    return 0;
}

/* If the machine is so slow that it is due before, the retry is another event. */
static void test_a_retry_finds_its_event_although_its_time_passes_meanwhile(void **state)
{
    struct log_world *w = *state;
    struct group g = {0};
    struct store_end end;
    assert_int_equal(store_where(w->store, &end), STORE_OK);
    sqlite3_trace_v2(sqlite_of(w->store)->log.db, SQLITE_TRACE_STMT, wait_until_it_is_due, w);
    add(&g, "a", "x")->what.dedup_key = "d";
    log_sql(w,
            "INSERT INTO events(dedup_key, expires_at) SELECT 'd', %d + "
            "CAST((julianday() - 2440587.5) * 86400000 AS INTEGER)",
            SHORT_MS);
    assert_int_equal(append(w, &g), STORE_OK);
    assert_int_equal(g.item[0].result, STORE_OK);
    assert_in_range(g.ids[0][0], 1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_one_for_several_sessions_is_there_whole_or_not_at_all),
        LOG_TEST(test_a_retry_finds_its_event_although_its_time_passes_meanwhile),
        LOG_TEST(test_a_trigger_that_ends_the_transaction_refuses_nobody_else),
        LOG_TEST(test_a_trigger_that_leaves_half_of_a_row_leaves_nothing),
        LOG_TEST(test_a_row_that_a_trigger_leaves_out_has_no_id),
        LOG_TEST(test_ids_that_are_used_up_are_no_full_disk_and_the_cure_is_said),
        LOG_TEST(test_one_that_is_too_large_for_the_disk_refuses_itself_alone),
        LOG_TEST(test_whichever_allocation_fails_what_is_answered_is_what_is_there),
    };
    sqlite_memory_replace();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
