/* Rows that are published together, where an application's own triggers are in the way, or memory
 * is. */
#include "tests/unit/log_world.h"
#include "tests/unit/some_session.h"
#include "tests/unit/sqlite_memory.h"

#include "store/sqlite/database.h"
#include "store/sqlite/engine.h"

#define ROW(channel, data, dedup_key)                                                          \
    "[\"" channel "\",null,\"a\",\"" data "\"," dedup_key ",null,null]"

enum { ROWS_MAX = 8 };

struct many {
    struct store_rows rows;
    int64_t ids[ROWS_MAX];
    struct appending one;
};

static struct appending *many(struct many *m, const char *json, size_t count)
{
    *m = (struct many){.rows = {.json = json, .len = strlen(json), .count = count}};
    m->one = (struct appending){.what.rows = &m->rows, .ids = m->ids};
    return &m->one;
}

static enum store_result append(struct log_world *w, struct appending *a)
{
    store_append_all(w->store, &a, 1, 0);
    return a->result;
}

static void expect_data(struct log_world *w, const char *expected)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT (SELECT group_concat(id || data) FROM (SELECT id, data FROM events ORDER "
             "BY id)) IS '%s'",
             expected);
    assert_int_equal(log_number(w, sql), 1);
    assert_int_equal(log_number(w, "SELECT count(*) = (SELECT ifnull(sum(kept), 0) FROM "
                                   "rowcast_channels) FROM events"),
                     1);
}

static const char three[] =
    "[" ROW("", "x", "null") "," ROW("", "bad", "null") "," ROW("", "y", "null") "]";

/* Triggers of an application's own may refuse in SQLite's other ways. */
static void refuse_by(struct log_world *w, const char *when, const char *how)
{
    struct many bad, good;
    struct appending *items[] = {
        many(&good, "[" ROW("", "one", "null") "]", 1),
        many(&bad, three, 3),
    };
    log_sql(w,
            "CREATE TRIGGER own %s INSERT ON events WHEN NEW.data = 'bad' "
            "BEGIN SELECT RAISE(%s, 'not this one'); END",
            when, how);
    assert_int_equal(store_append_all(w->store, items, 2, 0), STORE_OK);
    assert_int_equal(good.one.result, STORE_OK);
    assert_int_equal(bad.one.result, STORE_REFUSED);
    assert_string_equal(bad.one.why, "not this one");
    assert_int_equal(bad.one.row, 2);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 1);
    assert_int_equal(append(w, many(&bad, three, 3)), STORE_REFUSED); /* the same alone */
    assert_string_equal(bad.one.why, "not this one");
    assert_int_equal(bad.one.row, 2);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events WHERE data <> 'one'"), 0);
    log_sql(w, "DROP TRIGGER own; DELETE FROM events");
}

static void test_a_trigger_that_refuses_one_row_refuses_all_and_the_row_is_named(void **state)
{
    refuse_by(*state, "BEFORE", "ABORT");
    refuse_by(*state, "AFTER", "ABORT");
}

static void test_so_does_one_that_ends_the_transaction(void **state)
{
    refuse_by(*state, "BEFORE", "ROLLBACK");
    refuse_by(*state, "AFTER", "ROLLBACK");
}

static void test_so_does_one_that_leaves_half_of_a_row(void **state)
{
    refuse_by(*state, "BEFORE", "FAIL");
    refuse_by(*state, "AFTER", "FAIL");
}

static void test_a_row_that_a_trigger_leaves_out_is_refused_and_all_with_it(void **state)
{
    static const char alone[] = "[" ROW("", "bad", "null") "]";
    static const char with_key[] = "[" ROW("", "x", "null") "," ROW("", "bad", "\"k\"") "]";
    struct log_world *w = *state;
    struct many m;
    log_sql(w, "CREATE TRIGGER out BEFORE INSERT ON events WHEN NEW.data = 'bad' "
               "BEGIN SELECT RAISE(IGNORE); END");
    assert_int_equal(append(w, many(&m, three, 3)), STORE_REFUSED);
    assert_int_equal(m.one.row, 2);
    assert_non_null(strstr(m.one.why, "RAISE(IGNORE)"));
    assert_int_equal(append(w, many(&m, alone, 1)), STORE_REFUSED);
    assert_int_equal(m.one.row, 1);
    assert_int_equal(append(w, many(&m, with_key, 2)), STORE_REFUSED);
    assert_int_equal(m.one.row, 2);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 0);
}

static void test_rows_between_which_a_trigger_inserts_events_have_their_own_ids(void **state)
{
    struct log_world *w = *state;
    struct many m;
    const int64_t ids[] = {1, 3, 4};
    log_sql(w, "CREATE TRIGGER more BEFORE INSERT ON events WHEN NEW.data = 'bad' "
               "BEGIN INSERT INTO events(channel, data) VALUES ('own', 'z'); END");
    assert_int_equal(append(w, many(&m, three, 3)), STORE_OK);
    assert_memory_equal(m.ids, ids, sizeof ids);
    expect_data(w, "1x,2z,3bad,4y");
}

static void test_ids_that_somebody_moved_ahead_are_told_as_they_are(void **state)
{
    struct log_world *w = *state;
    struct many m;
    log_insert(w, 1);
    log_sql(w, "UPDATE sqlite_sequence SET seq = 10");
    assert_int_equal(append(w, many(&m, three, 3)), STORE_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(m.ids[i], 11 + i);
}

/* ---- memory that fails ------------------------------------------------------------- */

static void claim(struct log_world *w, char id[SESSION_ID_SIZE])
{
    struct settings *settings = settings_new();
    assert_int_equal(store_join(w->store), STORE_OK);
    some_session(w->store, settings, id);
    settings_unref(settings);
}

/* Whether all allocations of the call had memory. */
static bool append_without_memory(struct log_world *w, struct many *m, long n)
{
    log_sql(w, "DELETE FROM events WHERE data <> 'old'");
    store_close(w->store);
    assert_int_equal(store_open(&w->store, w->path), STORE_OK);
    sqlite_memory_fail(n, false);
    enum store_result r = append(w, &m->one);
    bool failed = sqlite_memory_mend();
    assert_true(r == STORE_OK || r == STORE_NOMEM || r == STORE_REFUSED);
    if (r == STORE_NOMEM)
        assert_true(failed);
    if (r != STORE_REFUSED)
        assert_int_equal(m->one.row, 0);
    int64_t rows = log_number(w, "SELECT count(*) FROM events WHERE data <> 'old'");
    assert_int_equal(rows, r == STORE_OK ? m->rows.count - 1 : 0);
    return !failed;
}

static void test_whichever_allocation_fails_all_rows_are_there_or_none(void **state)
{
    struct log_world *w = *state;
    char json[512], id[SESSION_ID_SIZE];
    struct many good, bad;
    claim(w, id);
    log_sql(w, "INSERT INTO events(data, dedup_key) VALUES ('old', 'k')");
    snprintf(json, sizeof json,
             "[[\"\",\"%s\",\"a\",\"x\",null,null,null]," ROW("", "y", "\"k\"") "," ROW(
                 "", "z", "\"l\"") "]",
             id);
    many(&good, json, 3)->what.rows = &good.rows;
    good.rows.has_sessions = true;
    many(&bad, "[" ROW("", "x", "null") "," ROW("@", "y", "null") "]", 2);
    bool enough = false;
    for (long n = 1; !enough; n += 1 + n / 40)
        enough = append_without_memory(w, &good, n);
    assert_int_equal(good.one.result, STORE_OK);
    assert_int_equal(good.ids[1], 1);
    enough = false;
    for (long n = 1; !enough; n += 1 + n / 40)
        enough = append_without_memory(w, &bad, n);
    assert_int_equal(bad.one.result, STORE_REFUSED);
    assert_int_equal(bad.one.row, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_a_trigger_that_refuses_one_row_refuses_all_and_the_row_is_named),
        LOG_TEST(test_so_does_one_that_ends_the_transaction),
        LOG_TEST(test_so_does_one_that_leaves_half_of_a_row),
        LOG_TEST(test_a_row_that_a_trigger_leaves_out_is_refused_and_all_with_it),
        LOG_TEST(test_rows_between_which_a_trigger_inserts_events_have_their_own_ids),
        LOG_TEST(test_ids_that_somebody_moved_ahead_are_told_as_they_are),
        LOG_TEST(test_whichever_allocation_fails_all_rows_are_there_or_none),
    };
    sqlite_memory_replace();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
