/* The rules of the data where SQL is what states or evades them: values that are no text, OR
 * clauses, transactions, the shell and its .import. */
#include "tests/unit/log_world.h"
#include "tests/unit/sentences.h"

static const char id_given[] = "id must be left out: the log gives it";
static const char not_text[] = "channel, type and data must be text, not NULL and not a BLOB";

static const struct {
    const char *columns, *values, *sentence;
} bad_rows[] = {
    {"id", "7", id_given},
    {"id", "-1", id_given},
    {"id", "0", id_given},
    {"id", "-5", id_given},
    {"id", "9223372036854775807", id_given},
    {"type", "NULL", not_text},
    {"data", "NULL", not_text},
    {"channel", "NULL", not_text},
    {"data", "x'00ff'", not_text},
    {"type", "x'41'", not_text},
    {"channel", "x'41'", not_text},
    {"type", "''", bad_type},
    {"channel", "'@x'", reserved},
    {"channel", "'a' || char(10)", bad_channel},
    {"session_id", "x'41'", bad_session},
    {"session_id, channel", "'a', 'room'", both},
    {"dedup_key", "x'41'", bad_key},
    {"key", "x'41'", bad_state_key},
    {"key", "''", bad_state_key},
    {"expires_at", "1.5", bad_expiry},
    {"expires_at", "'soon'", bad_expiry},
    {"expires_at", "9223372036854775807 + 1", bad_expiry},
    {"expires_at", "CAST(strftime('%s', 'now') AS INTEGER)", expiry_in_seconds},
    {"expires_at", "CAST(strftime('%s', 'now') AS INTEGER) * 1000000", expiry_in_microseconds},
    {"created_at", "NULL", bad_time},
    {"created_at", "1.5", bad_time},
    {"created_at", "CAST(strftime('%s', 'now') AS INTEGER)", in_seconds},
    {"created_at", "CAST(strftime('%s', 'now') AS INTEGER) * 1000000", too_far},
    {"data", "printf('%.1048577c', 'x')",
     "data is larger than max_event_bytes in rowcast_config allows"},
};

static void test_a_bad_row_is_refused_with_a_sentence_whatever_the_or_clause(void **state)
{
    static const char *const verbs[] = {"INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE",
                                        "INSERT OR FAIL", "REPLACE"};
    struct log_world *w = *state;
    for (size_t i = 0; i < sizeof bad_rows / sizeof *bad_rows; i++)
        for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
            char sql[256];
            snprintf(sql, sizeof sql, "%s INTO events(%s) VALUES (%s)", verbs[v],
                     bad_rows[i].columns, bad_rows[i].values);
            const char *why = log_try(w, sql);
            if (!why || strcmp(why, bad_rows[i].sentence) != 0)
                fail_msg("%s: %s", sql, why ? why : "was accepted");
        }
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 0);
    assert_int_equal(log_number(w, "SELECT last_id + bytes FROM rowcast_log"), 0);
}

static void test_rows_that_leave_columns_out_or_give_numbers_are_taken(void **state)
{
    static const char *const good[] = {"(data, type) VALUES (5, 7)", "(id) VALUES (NULL)",
                                       " DEFAULT VALUES"};
    struct log_world *w = *state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        log_sql(w, "INSERT INTO events%s", good[i]);
    assert_int_equal(log_number(w, "SELECT last_id FROM rowcast_log"), 3);
}

static void test_an_event_can_not_be_changed(void **state)
{
    static const char *const changes[] = {
        "UPDATE events SET data = 'y'", "UPDATE OR IGNORE events SET type = 'y'",
        "UPDATE OR REPLACE events SET id = 2 WHERE id = 1",
        "INSERT INTO events(id) VALUES (1) ON CONFLICT(id) DO UPDATE SET data = 'y'"};
    struct log_world *w = *state;
    log_insert(w, 2);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        assert_non_null(log_try(w, changes[i]));
    assert_int_equal(log_number(w, "SELECT count(*) FROM events WHERE data = 'x'"), 2);
}

static void test_a_sequence_that_was_set_back_is_noticed(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 4);
    log_sql(w, "DELETE FROM events; DELETE FROM sqlite_sequence");
    const char *why = log_try(w, "INSERT INTO events(data) VALUES ('x')");
    assert_non_null(why);
    assert_non_null(strstr(why, "sqlite_sequence"));
    log_sql(w, "INSERT INTO sqlite_sequence SELECT 'events', last_id FROM rowcast_log");
    log_insert(w, 1);
    assert_int_equal(log_number(w, "SELECT id FROM events"), 5);
}

static void test_the_same_key_again_does_nothing_while_the_event_is_kept(void **state)
{
    static const char *const verbs[] = {"INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE"};
    struct log_world *w = *state;
    for (int i = 0; i < 9; i++)
        log_sql(w, "%s INTO events(data, dedup_key) VALUES ('%d', 'k')", verbs[i % 3], i);
    assert_int_equal(log_number(w, "SELECT count(*) + sum(data = '0') FROM events"), 2);
    log_sql(w, "INSERT INTO events(dedup_key, channel) VALUES ('k', 'room')");
    log_sql(w, "INSERT INTO events(dedup_key, session_id) VALUES ('k', 'a'), ('k', 'b')");
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 4);
    log_sql(w, "DELETE FROM events");
    log_sql(w, "INSERT INTO events(dedup_key) VALUES ('k')");
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 1);
}

/* OR REPLACE fires no delete trigger: a row that it removed would be missing without a word. */
static void test_eight_replaces_with_one_key_lose_nothing(void **state)
{
    struct log_world *w = *state;
    log_set(w, "buffer_size", 5);
    for (int i = 0; i < 8; i++)
        log_sql(w, "INSERT OR REPLACE INTO events(data, dedup_key) VALUES ('%d', 'k')", i);
    for (int i = 0; i < 4; i++)
        log_sql(w, "INSERT OR REPLACE INTO events(data) VALUES ('n%d')", i);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 5);
    assert_int_equal(log_number(w, "SELECT kept FROM rowcast_channels"), 5);
    assert_int_equal(log_number(w, "SELECT trimmed_to FROM rowcast_log"), 0);
    assert_string_equal(log_read(w, 0, NULL), "1 2 3 4 5");
}

static int shell(const struct log_world *w, const char *input, char *said, size_t size)
{
    char command[512];
    snprintf(command, sizeof command, "printf %%b '%s' | sqlite3 %s 2>&1", input, w->path);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    said[fread(said, 1, size - 1, p)] = '\0';
    return pclose(p);
}

static void test_the_rules_hold_for_the_stock_shell(void **state)
{
    struct log_world *w = *state;
    char said[1024];
    shell(w, "INSERT OR IGNORE INTO events(data) VALUES (NULL);", said, sizeof said);
    assert_non_null(strstr(said, not_text));
    shell(w,
          "INSERT INTO events(data) VALUES (1), (2), (3);\\nDELETE FROM events WHERE id = 2;",
          said, sizeof said);
    assert_string_equal(said, "");
    assert_string_equal(log_read(w, 0, NULL), "hole:<2 1 3");
}

static void test_an_import_follows_the_rules(void **state)
{
    struct log_world *w = *state;
    char said[1024], path[64], input[512];
    snprintf(path, sizeof path, "%s/rows.csv", w->dir);
    FILE *csv = fopen(path, "w");
    assert_non_null(csv);
    fputs("5,,,update,hello,,1\n", csv);
    fclose(csv);
    snprintf(input, sizeof input, ".import --csv %s events", path);
    shell(w, input, said, sizeof said);
    assert_non_null(strstr(said, id_given));
    snprintf(input, sizeof input,
             "CREATE TEMP TABLE t(a,b,c,type,data,d,e);\\n.import --csv %s t\\n"
             "INSERT INTO events(type, data) SELECT type, data FROM t;",
             path);
    shell(w, input, said, sizeof said);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events WHERE data = 'hello'"), 1);
}

static void test_loading_the_schema_again_changes_nothing(void **state)
{
    struct log_world *w = *state;
    log_insert(w, 3);
    log_set(w, "buffer_size", 7);
    char command[128];
    for (int i = 0; i < 2; i++) {
        snprintf(command, sizeof command, "sqlite3 %s < sql/schema.sql >/dev/null", w->path);
        assert_int_equal(system(command), 0);
    }
    assert_int_equal(log_number(w, "SELECT last_id FROM rowcast_log"), 3);
    assert_int_equal(log_number(w, "SELECT config_version FROM rowcast_log"), 1);
    assert_int_equal(
        log_number(w, "SELECT value FROM rowcast_config WHERE name = 'buffer_size'"), 7);
}

static void test_a_rolled_back_insert_leaves_no_trace(void **state)
{
    struct log_world *w = *state;
    log_set(w, "buffer_size", 2);
    log_insert(w, 2);
    log_sql(w, "BEGIN; INSERT INTO events(data) VALUES ('y'), ('z'); ROLLBACK");
    assert_string_equal(log_read(w, 0, NULL), "1 2");
    log_sql(w, "BEGIN; SAVEPOINT a; INSERT INTO events(data) VALUES ('y'); ROLLBACK TO a; "
               "INSERT INTO events(data) VALUES ('z'); COMMIT");
    assert_string_equal(log_read(w, 0, NULL), "hole:<1 2 3");
    assert_int_equal(log_number(w, "SELECT sum(kept) FROM rowcast_channels"), 2);
}

static void test_the_books_have_one_row_for_good(void **state)
{
    struct log_world *w = *state;
    assert_non_null(log_try(w, "DELETE FROM rowcast_log"));
    assert_non_null(
        log_try(w, "INSERT INTO rowcast_log(one, version, epoch) VALUES (2, 1, 'x')"));
    assert_int_equal(log_number(w, "SELECT count(*) FROM rowcast_log"), 1);
}

static void expect_refused(struct log_world *w, const char *what, const char *sentence)
{
    char sql[128];
    snprintf(sql, sizeof sql, "UPDATE rowcast_log SET %s", what);
    const char *why = log_try(w, sql);
    if (!why || strncmp(why, sentence, strlen(sentence)) != 0)
        fail_msg("%s: %s", sql, why ? why : "was accepted");
}

static void test_an_epoch_has_eight_hex_digits_and_the_end_of_the_log_never_falls(void **state)
{
    static const char *const epochs[] = {"'123456789'", "'ABCDEF01'", "'abcdef0'",
                                         "'abcdefg0'",  "''",         "x'6162636465663031'"};
    struct log_world *w = *state;
    log_insert(w, 3);
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
        char what[64];
        snprintf(what, sizeof what, "epoch = %s", epochs[i]);
        expect_refused(w, what, "epoch must be eight hex digits in lower case");
        snprintf(what, sizeof what, "epoch = %s, last_id = 1", epochs[i]);
        expect_refused(w, what, "epoch must be eight hex digits in lower case");
    }
    expect_refused(w, "last_id = 1", "last_id never falls");
    expect_refused(w, "last_id = last_id - 1", "last_id never falls");
    expect_refused(w, "last_id = 1, epoch = epoch", "last_id never falls");
    assert_int_equal(log_number(w, "SELECT last_id FROM rowcast_log"), 3);
    log_sql(w, "UPDATE rowcast_log SET last_id = last_id");
    log_sql(w, "UPDATE rowcast_log SET last_id = 1, epoch = lower(hex(randomblob(4)))");
    assert_int_equal(log_number(w, "SELECT last_id FROM rowcast_log"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_a_bad_row_is_refused_with_a_sentence_whatever_the_or_clause),
        LOG_TEST(test_rows_that_leave_columns_out_or_give_numbers_are_taken),
        LOG_TEST(test_an_event_can_not_be_changed),
        LOG_TEST(test_a_sequence_that_was_set_back_is_noticed),
        LOG_TEST(test_the_same_key_again_does_nothing_while_the_event_is_kept),
        LOG_TEST(test_eight_replaces_with_one_key_lose_nothing),
        LOG_TEST(test_the_rules_hold_for_the_stock_shell),
        LOG_TEST(test_an_import_follows_the_rules),
        LOG_TEST(test_loading_the_schema_again_changes_nothing),
        LOG_TEST(test_a_rolled_back_insert_leaves_no_trace),
        LOG_TEST(test_the_books_have_one_row_for_good),
        LOG_TEST(test_an_epoch_has_eight_hex_digits_and_the_end_of_the_log_never_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
