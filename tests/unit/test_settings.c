/* Settings where SQL states or evades their rules, and logs of an earlier version. */
#include "tests/unit/fixtures.h"
#include "tests/unit/log_world.h"

static struct settings *settings_of(struct log_world *w)
{
    struct settings *s = NULL;
    enum store_result r = store_settings_newer(w->store, NULL, &s);
    if (r != STORE_OK)
        fail_msg("store_settings_newer gave %d: %s", r, store_why(w->store));
    return s;
}

static const struct {
    const char *name, *value;
} impossible[] = {
    {"buffer_size", "'0'"},
    {"buffer_size", "NULL"},
    {"buffer_size", "x'35'"},
    {"buffer_size", "'5' || char(0) || 'x'"},
    {"buffer_size", "1.5"},
    {"publish_token", "'a' || char(10)"},
    {"session_check", "'ip'"},
    {"meta_headers", "'X: y'"},
    {"cookie_name", "'a' || char(13, 10) || 'X: y'"},
    {"cookie_path", "'/' || char(228)"},
};

static void
test_an_impossible_value_is_refused_with_a_sentence_that_names_the_setting(void **state)
{
    static const char *const forms[] = {
        "UPDATE rowcast_config SET value = %s WHERE name = '%s'",
        "UPDATE OR IGNORE rowcast_config SET value = %s WHERE name = '%s'",
        "INSERT OR REPLACE INTO rowcast_config(value, name) VALUES (%s, '%s')"};
    struct log_world *w = *state;
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++)
        for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
            char *sql = sqlite3_mprintf(forms[f], impossible[i].value, impossible[i].name);
            const char *why = log_try(w, sql);
            if (!why ||
                (!strstr(why, impossible[i].name) && !strstr(why, "setting must be text")))
                fail_msg("%s: %s", sql, why ? why : "was accepted");
            sqlite3_free(sql);
        }
    assert_int_equal(log_number(w, "SELECT config_version FROM rowcast_log"), 0);
}

static void test_no_setting_can_be_deleted_renamed_or_invented(void **state)
{
    struct log_world *w = *state;
    assert_non_null(log_try(w, "DELETE FROM rowcast_config"));
    assert_non_null(log_try(w, "UPDATE rowcast_config SET name = 'x' WHERE name = 'retry'"));
    assert_non_null(log_try(w, "INSERT INTO rowcast_config VALUES ('bufer_size', '5')"));
    assert_non_null(log_try(w, "INSERT OR IGNORE INTO rowcast_config VALUES ('x', '5')"));
    assert_int_equal(log_number(w, "SELECT count(*) FROM rowcast_config"), 18);
}

static void test_an_insert_of_a_setting_that_is_there_changes_it(void **state)
{
    struct log_world *w = *state;
    log_sql(w, "INSERT OR REPLACE INTO rowcast_config(name, value) VALUES ('buffer_size', 5)");
    log_sql(w, "INSERT INTO rowcast_config(name, value) VALUES ('retry', 500)");
    struct settings *s = settings_of(w);
    assert_int_equal(s->version, 2);
    assert_int_equal(s->buffer_size, 5);
    assert_int_equal(s->retry, 500);
    settings_unref(s);
}

/* As a version before stream_max_age made it, with a setting that was changed since. */
static void make_old(struct log_world *w)
{
    store_close(w->store);
    sqlite3_close(w->shell);
    fixture_load_log(w->path);
    assert_int_equal(sqlite3_open(w->path, &w->shell), SQLITE_OK);
    log_set(w, "retry", 250);
    log_sql(w, "DROP TRIGGER rowcast_config_delete");
    log_sql(w, "DELETE FROM rowcast_config WHERE name = 'stream_max_age' "
               "OR name LIKE 'cookie%%'");
    log_sql(w, "CREATE TRIGGER rowcast_config_delete BEFORE DELETE ON rowcast_config "
               "BEGIN SELECT RAISE(ABORT, 'a setting cannot be deleted'); END");
    log_sql(w, "DROP TRIGGER rowcast_config_update");
    log_sql(w, "CREATE TRIGGER rowcast_config_update BEFORE UPDATE ON rowcast_config "
               "BEGIN SELECT RAISE(ABORT, 'no') WHERE NEW.name IS NOT OLD.name; END");
    assert_int_equal(store_open(&w->store, w->path), STORE_OK);
}

static void reopen(struct log_world *w)
{
    store_close(w->store);
    assert_int_equal(store_open(&w->store, w->path), STORE_OK);
}

static void
test_a_log_of_an_earlier_version_gains_what_it_lacks_and_keeps_the_rest(void **state)
{
    struct log_world *w = *state;
    make_old(w);
    int64_t version = log_number(w, "SELECT config_version FROM rowcast_log");
    assert_non_null(log_try(w, "INSERT INTO rowcast_config VALUES ('stream_max_age', '5')"));
    setenv("ROWCAST_BUFFER_SIZE", "77", 1); /* seeds new logs only */
    reopen(w);
    struct settings *s = settings_of(w);
    unsetenv("ROWCAST_BUFFER_SIZE");
    assert_int_equal(s->stream_max_age, 0);
    assert_int_equal(s->retry, 250);
    assert_int_equal(s->buffer_size, 5);
    assert_int_equal(s->version, version);
    settings_unref(s);
    assert_int_equal(log_number(w, "SELECT count(*) FROM events"), 10);
    assert_non_null(log_try(w, "UPDATE rowcast_config SET value = '-1' "
                               "WHERE name = 'stream_max_age'"));
    log_set(w, "stream_max_age", 60);
    log_sql(w, "UPDATE rowcast_config SET value = '/shop' WHERE name = 'cookie_path'");
    assert_non_null(log_try(w, "INSERT INTO rowcast_config VALUES ('invented', '5')"));
    assert_non_null(log_try(w, "DELETE FROM rowcast_config"));
    reopen(w); /* nothing is added twice, or set back */
    s = settings_of(w);
    assert_int_equal(s->stream_max_age, 60);
    assert_string_equal(s->cookie_path, "/shop");
    settings_unref(s);
    assert_int_equal(log_number(w, "SELECT count(*) FROM rowcast_config"), 18);
}

static void test_an_older_log_that_is_locked_is_used_as_it_is(void **state)
{
    struct log_world *w = *state;
    make_old(w);
    log_sql(w, "BEGIN IMMEDIATE");
    reopen(w);
    struct settings *s = settings_of(w);
    assert_int_equal(s->stream_max_age, 0);
    assert_int_equal(s->retry, 250);
    settings_unref(s);
    log_sql(w, "COMMIT");
    assert_int_equal(log_number(w, "SELECT count(*) FROM rowcast_config"), 15);
    reopen(w);
    settings_unref(settings_of(w));
    assert_int_equal(log_number(w, "SELECT count(*) FROM rowcast_config"), 18);
}

static void test_a_value_past_the_rules_leaves_the_default_in_force(void **state)
{
    static const char *const values[] = {
        "'2305843009213693952'", "'-1'", "x'41'", "'x y'", "'5' || char(0)",
        "printf('%.5000c', 'x')"};
    struct log_world *w = *state;
    struct settings *standard = settings_new();
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        log_sql(w, "DROP TRIGGER IF EXISTS rowcast_config_update"); /* it may be back */
        log_sql(w,
                "UPDATE rowcast_config SET value = %s WHERE name NOT IN "
                "('publish_token', 'meta_headers', 'cookie_path', 'cookie_name')",
                values[i]);
        struct settings *s = settings_of(w);
        assert_int_equal(s->stream_max_age, standard->stream_max_age);
        assert_int_equal(s->heartbeat_interval, standard->heartbeat_interval);
        assert_int_equal(s->memory_bytes, standard->memory_bytes);
        assert_int_equal(s->enable_reconnection, standard->enable_reconnection);
        assert_int_equal(s->session_check, standard->session_check);
        settings_unref(s);
    }
    settings_unref(standard);
}

static void collect(void *arg, const char *line)
{
    strcat(arg, line);
    strcat(arg, "\n");
}

static void test_a_variable_that_is_not_in_force_is_told_with_the_statement_for_it(void **state)
{
    struct log_world *w = *state;
    char said[4096] = "";
    setenv("ROWCAST_BUFFER_SIZE", "77", 1);
    assert_int_equal(store_environment(w->store, collect, said), STORE_OK);
    unsetenv("ROWCAST_BUFFER_SIZE");
    assert_non_null(strstr(said, "UPDATE rowcast_config"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_an_impossible_value_is_refused_with_a_sentence_that_names_the_setting),
        LOG_TEST(test_no_setting_can_be_deleted_renamed_or_invented),
        LOG_TEST(test_an_insert_of_a_setting_that_is_there_changes_it),
        LOG_TEST(test_a_log_of_an_earlier_version_gains_what_it_lacks_and_keeps_the_rest),
        LOG_TEST(test_an_older_log_that_is_locked_is_used_as_it_is),
        LOG_TEST(test_a_value_past_the_rules_leaves_the_default_in_force),
        LOG_TEST(test_a_variable_that_is_not_in_force_is_told_with_the_statement_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
