#include "tests/unit/fixtures.h"
#include "tests/unit/log_world.h"

#include "sql_text.h"

/* Statements that may walk a whole table: because it never grows, because a person asked, or
 * because an accident concerns all of it. */
static const char *const may_scan[] = {"settings_read.sql", "check_objects.sql",
                                       "check_object.sql", "check_books.sql",
                                       "sessions_lost.sql"};

static bool excused(const char *name)
{
    for (size_t i = 0; i < sizeof may_scan / sizeof *may_scan; i++)
        if (strcmp(name, may_scan[i]) == 0)
            return true;
    return false;
}

static bool is_plan_of_interest(const char *sql)
{
    for (;;) { /* past the comment at the head */
        sql += strspn(sql, " \n\t");
        if (strncmp(sql, "--", 2) != 0)
            break;
        sql += strcspn(sql, "\n");
    }
    static const char *const verbs[] = {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strncmp(sql, verbs[i], strlen(verbs[i])) == 0)
            return true;
    return false;
}

/* SCAN of a table's rows; the parts of a query that stand in parentheses, and constants, are
 * scanned harmlessly. */
static bool scans_a_table(const char *detail)
{
    static const char *const tables[] = {"events", "rowcast_channels", "sessions", "streams",
                                         "endings"};
    if (strncmp(detail, "SCAN ", 5) != 0)
        return false;
    size_t n = strcspn(detail + 5, " ");
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (n == strlen(tables[i]) && strncmp(detail + 5, tables[i], n) == 0)
            return true;
    return false;
}

/* False: this file does not know the statement's tables. */
static bool plan_is_fine(sqlite3 *db, const char *name, const char *sql)
{
    char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *stmt = NULL;
    assert_non_null(explain);
    bool known = sqlite3_prepare_v2(db, explain, -1, &stmt, NULL) == SQLITE_OK;
    while (known && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(stmt, 3);
        if (scans_a_table(detail) && !excused(name))
            fail_msg("%s: %s", name, detail);
    }
    sqlite3_finalize(stmt);
    sqlite3_free(explain);
    return known;
}

static void test_no_statement_walks_a_table_that_grows(void **state)
{
    struct log_world *w = *state;
    sqlite3 *sessions = NULL;
    assert_int_equal(sqlite3_open(":memory:", &sessions), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sessions, sql_text[SQL_SESSIONS_SCHEMA], NULL, NULL, NULL),
                     SQLITE_OK);
    for (int i = 0; i < SQL_COUNT; i++) {
        if (!is_plan_of_interest(sql_text[i]))
            continue;
        bool in_log = plan_is_fine(w->shell, sql_name[i], sql_text[i]);
        bool in_sessions = plan_is_fine(sessions, sql_name[i], sql_text[i]);
        if (!in_log && !in_sessions)
            fail_msg("%s can be prepared in neither file", sql_name[i]);
    }
    sqlite3_close(sessions);
}

/* They need what a file of the earlier revision does not have: an append upgrades it first. */
static const char *const only_upgraded[] = {"log_insert.sql",
                                            "log_insert_rows.sql",
                                            "log_revision.sql",
                                            "log_revision_set.sql",
                                            "sessions_revision.sql",
                                            "sessions_revision_set.sql",
                                            "sessions_responder_version.sql"};

static bool needs_upgrade(const char *name)
{
    for (size_t i = 0; i < sizeof only_upgraded / sizeof *only_upgraded; i++)
        if (strcmp(name, only_upgraded[i]) == 0)
            return true;
    return false;
}

/* A file of revision 1 as a connection sees it that could not upgrade it. */
static sqlite3 *open_behind(struct log_world *w, const char *name, enum sql view,
                            void (*load)(const char *path))
{
    char path[96];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    load(path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql_text[view], NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void test_none_does_so_in_files_that_could_not_be_upgraded(void **state)
{
    struct log_world *w = *state;
    sqlite3 *log = open_behind(w, "old", SQL_REVISION_1, fixture_load_log);
    sqlite3 *sessions =
        open_behind(w, "old.sessions", SQL_SESSIONS_REVISION_1, fixture_load_sessions);
    for (int i = 0; i < SQL_COUNT; i++) {
        if (!is_plan_of_interest(sql_text[i]))
            continue;
        bool in_log = plan_is_fine(log, sql_name[i], sql_text[i]);
        bool in_sessions = plan_is_fine(sessions, sql_name[i], sql_text[i]);
        if (needs_upgrade(sql_name[i]) == (in_log || in_sessions))
            fail_msg("%s: %d in the log, %d in the sessions", sql_name[i], in_log, in_sessions);
    }
    sqlite3_close(log);
    sqlite3_close(sessions);
}

static void plan(struct log_world *w, const char *sql, char *out, size_t size)
{
    char explain[1024];
    sqlite3_stmt *stmt = NULL;
    snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
    assert_int_equal(sqlite3_prepare_v2(w->shell, explain, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    snprintf(out, size, "%s", (const char *)sqlite3_column_text(stmt, 3));
    sqlite3_finalize(stmt);
}

/* How many instructions of SQLite's machine it takes to run the statement to its end. */
static int steps_of(struct log_world *w, enum sql id)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(w->shell, sql_text[id], -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(stmt, 1, INT64_MAX), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        ;
    int steps = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
    sqlite3_finalize(stmt);
    return steps;
}

static void test_a_mailbox_is_walked_by_its_index_in_id_order(void **state)
{
    struct log_world *w = *state;
    char detail[256];
    plan(w, sql_text[SQL_LOG_WALK], detail, sizeof detail);
    assert_string_equal(detail, "SEARCH events USING INDEX events_mailbox "
                                "(session_id=? AND channel=? AND id>?)");
    plan(w, sql_text[SQL_LOG_READ], detail, sizeof detail);
    assert_string_equal(detail, "SEARCH events USING INTEGER PRIMARY KEY (rowid>?)");
    plan(w, sql_text[SQL_LOG_HOLES], detail, sizeof detail);
    assert_string_equal(detail, "SEARCH rowcast_channels USING COVERING INDEX "
                                "rowcast_channels_trimmed_to (trimmed_to>?)");
}

static void test_what_is_due_is_found_by_its_index_and_without_the_data(void **state)
{
    static const enum sql due[] = {SQL_CLAIM_DUE, SQL_RETAIN_DUE};
    struct log_world *w = *state;
    char detail[256];
    for (size_t i = 0; i < sizeof due / sizeof *due; i++) {
        plan(w, sql_text[due[i]], detail, sizeof detail);
        assert_string_equal(detail, "SEARCH events USING COVERING INDEX events_expires_at "
                                    "(expires_at<?)");
    }
}

static void test_a_claim_walks_an_index_and_never_the_data(void **state)
{
    static const enum sql walks[] = {SQL_CLAIM_OLDEST, SQL_CLAIM_NEWEST, SQL_CLAIM_PRIVATE};
    struct log_world *w = *state;
    char detail[256];
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        plan(w, sql_text[walks[i]], detail, sizeof detail);
        assert_non_null(
            strstr(detail, "USING COVERING INDEX events_mailbox (session_id=? AND"));
    }
}

/* Where a log of revision 1 could not be upgraded, the columns that it lacks are NULL in a view. */
static void test_in_a_log_without_the_column_nothing_is_due_and_nothing_is_walked(void **state)
{
    enum { ROWS = 100 };
    static const enum sql due[] = {SQL_CLAIM_DUE, SQL_RETAIN_DUE, SQL_LOG_READ};
    struct log_world *w = *state;
    char detail[256];
    log_insert(w, ROWS);
    log_sql(w, "%s", sql_text[SQL_REVISION_1]);
    for (size_t i = 0; i < sizeof due / sizeof *due; i++) {
        plan(w, sql_text[due[i]], detail, sizeof detail);
        assert_ptr_equal(strstr(detail, "SEARCH main.events USING INTEGER PRIMARY KEY"),
                         detail);
    }
    plan(w, sql_text[SQL_LOG_WALK], detail, sizeof detail);
    assert_non_null(
        strstr(detail, "USING INDEX events_mailbox (session_id=? AND channel=? AND"));
    plan(w, sql_text[SQL_CLAIM_OLDEST], detail, sizeof detail);
    assert_non_null(strstr(detail, "USING COVERING INDEX events_mailbox (session_id=? AND"));
    assert_true(steps_of(w, SQL_CLAIM_DUE) < ROWS);
    assert_true(steps_of(w, SQL_RETAIN_DUE) < ROWS);
}

/* ---- what an INSERT costs, with all of its triggers ---------------------------------- */

#define IN_AN_HOUR "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + 3600000"

static const char *const inserts[] = {
    "INSERT INTO events(channel) VALUES ('c1')",
    "INSERT INTO events(channel, key) VALUES ('c1', 'k1')", /* replaces */
    "INSERT INTO events(channel, key) VALUES ('c1', 'new')",
    "INSERT INTO events(channel, expires_at) VALUES ('c1', " IN_AN_HOUR ")",
    "INSERT INTO events(channel, key, expires_at) VALUES ('c1', 'k1', " IN_AN_HOUR ")",
    "INSERT INTO events(session_id, key) VALUES ('s1', 'k1')",
    "INSERT INTO events(channel, dedup_key) VALUES ('c1', 'd')",
    ("DELETE FROM events WHERE id = (SELECT max(id) FROM events "
     "WHERE session_id IS NULL AND channel = 'c1' AND key = 'k1')"),
};

static int steps_of_sql(struct log_world *w, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    log_sql(w, "SAVEPOINT one");
    assert_int_equal(sqlite3_prepare_v2(w->shell, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    int steps = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    log_sql(w, "ROLLBACK TO one; RELEASE one");
    return steps;
}

/* So many mailboxes of each kind, with 8 events that have a key, one that expires and one more. */
static void fill_mailboxes(struct log_world *w, int mailboxes)
{
    log_sql(w,
            "WITH RECURSIVE m(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM m WHERE i < %d), "
            "k(j) AS (VALUES (1) UNION ALL SELECT j + 1 FROM k WHERE j < 10) "
            "INSERT INTO events(channel, session_id, key, expires_at) "
            "SELECT iif(own, '', 'c' || i), iif(own, 's' || i, NULL), iif(j < 9, 'k' || j, "
            "NULL), iif(j = 9, " IN_AN_HOUR " + i, NULL) "
            "FROM m, k, (SELECT 0 AS own UNION ALL SELECT 1)",
            mailboxes);
}

/* A scan of anything that grew would show. */
static void test_an_insert_takes_as_many_steps_in_a_large_log_as_in_a_small_one(void **state)
{
    enum { INSERTS = sizeof inserts / sizeof *inserts };
    struct log_world *w = *state;
    int small[INSERTS];
    log_set(w, "buffer_size", 10); /* a mailbox is full, also in the small log */
    fill_mailboxes(w, 2);
    for (int i = 0; i < INSERTS; i++)
        small[i] = steps_of_sql(w, inserts[i]);
    fill_mailboxes(w, 1000);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 20000);
    for (int i = 0; i < INSERTS; i++) {
        int steps = steps_of_sql(w, inserts[i]);
        if (steps > small[i] + small[i] / 10)
            fail_msg("%s: %d steps, %d in a small log", inserts[i], steps, small[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_no_statement_walks_a_table_that_grows),
        LOG_TEST(test_none_does_so_in_files_that_could_not_be_upgraded),
        LOG_TEST(test_a_mailbox_is_walked_by_its_index_in_id_order),
        LOG_TEST(test_what_is_due_is_found_by_its_index_and_without_the_data),
        LOG_TEST(test_a_claim_walks_an_index_and_never_the_data),
        LOG_TEST(test_in_a_log_without_the_column_nothing_is_due_and_nothing_is_walked),
        LOG_TEST(test_an_insert_takes_as_many_steps_in_a_large_log_as_in_a_small_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
