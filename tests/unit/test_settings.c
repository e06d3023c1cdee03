#include "tests/unit/log_world.h"

static struct settings *settings_of(struct log_world *w)
{
    struct settings *s = NULL;
    enum store_result r = store_settings_newer(w->store, NULL, &s);
    if (r != STORE_OK)
        fail_msg("store_settings_newer gave %d: %s", r, store_why(w->store));
    return s;
}

static void test_a_new_log_has_the_documented_defaults(void **state)
{
    struct log_world *w = *state;
    struct settings *s = settings_of(w), *d = settings_new();
    assert_non_null(d);
    assert_int_equal(s->version, 0);
    assert_int_equal(d->version, -1);
    d->version = s->version;
    assert_int_equal(s->buffer_size, d->buffer_size);
    assert_int_equal(s->buffer_age, d->buffer_age);
    assert_int_equal(s->buffer_bytes, d->buffer_bytes);
    assert_int_equal(s->buffer_ttl, d->buffer_ttl);
    assert_int_equal(s->enable_reconnection, d->enable_reconnection);
    assert_int_equal(s->cleanup_interval, d->cleanup_interval);
    assert_int_equal(s->heartbeat_interval, d->heartbeat_interval);
    assert_int_equal(s->retry, d->retry);
    assert_int_equal(s->stream_max_age, d->stream_max_age);
    assert_int_equal(s->max_event_bytes, d->max_event_bytes);
    assert_int_equal(s->tail_bytes, d->tail_bytes);
    assert_int_equal(s->memory_bytes, d->memory_bytes);
    assert_int_equal(s->mark_replayed, d->mark_replayed);
    assert_int_equal(s->session_check, d->session_check);
    assert_string_equal(s->publish_token, d->publish_token);
    assert_string_equal(s->meta_headers, d->meta_headers);
    assert_string_equal(s->cookie_name, d->cookie_name);
    assert_string_equal(s->cookie_path, d->cookie_path);
    settings_unref(s);
    settings_unref(d);
}

static void test_a_change_moves_the_version_and_is_read(void **state)
{
    struct log_world *w = *state;
    log_set(w, "retry", 250);
    log_set(w, "stream_max_age", 31536000);
    log_sql(w, "UPDATE rowcast_config SET value = 'none' WHERE name = 'session_check'");
    log_sql(w, "UPDATE rowcast_config SET value = 'secret' WHERE name = 'publish_token'");
    log_sql(w,
            "UPDATE rowcast_config SET value = 'X-Tenant, Origin' WHERE name = 'meta_headers'");
    struct settings *s = settings_of(w);
    assert_int_equal(s->version, 5);
    assert_int_equal(s->retry, 250);
    assert_int_equal(s->stream_max_age, 31536000);
    assert_int_equal(s->session_check, SESSION_CHECK_NONE);
    assert_string_equal(s->publish_token, "secret");
    assert_string_equal(s->meta_headers, "X-Tenant, Origin");
    settings_unref(s);
}

static const struct {
    const char *name, *value;
} impossible[] = {
    {"buffer_size", "'0'"},
    {"buffer_size", "'10000001'"},
    {"buffer_size", "'-1'"},
    {"buffer_size", "'1.5'"},
    {"buffer_size", "'1e3'"},
    {"buffer_size", "''"},
    {"buffer_size", "' 5'"},
    {"buffer_size", "'5x'"},
    {"buffer_size", "'00'"},
    {"buffer_size", "NULL"},
    {"buffer_size", "x'35'"},
    {"buffer_size", "'5' || char(0) || 'x'"},
    {"buffer_age", "'-1'"},
    {"buffer_age", "'00'"},
    {"buffer_age", "'3153600001'"},
    {"buffer_bytes", "'65535'"},
    {"buffer_bytes", "'99999999999999999999'"},
    {"buffer_bytes", "'all'"},
    {"buffer_ttl", "'0'"},
    {"enable_reconnection", "'2'"},
    {"enable_reconnection", "'yes'"},
    {"cleanup_interval", "'0'"},
    {"heartbeat_interval", "'0'"},
    {"heartbeat_interval", "'3601'"},
    {"retry", "'99'"},
    {"retry", "'3600001'"},
    {"stream_max_age", "'-1'"},
    {"stream_max_age", "'31536001'"},
    {"stream_max_age", "'never'"},
    {"max_event_bytes", "'1023'"},
    {"tail_bytes", "'1'"},
    {"memory_bytes", "'1'"},
    {"mark_replayed", "'true'"},
    {"publish_token", "printf('%.257c', 'x')"},
    {"publish_token", "'two words'"},
    {"publish_token", "'a' || char(10)"},
    {"publish_token", "char(228)"},
    {"session_check", "'ip'"},
    {"meta_headers", "printf('%.1025c', 'x')"},
    {"meta_headers", "'X: y'"},
    {"cookie_name", "''"},
    {"cookie_name", "'a=b'"},
    {"cookie_name", "'a b'"},
    {"cookie_name", "'a;b'"},
    {"cookie_name", "'__Host-a'"},
    {"cookie_name", "'a' || char(13, 10) || 'X: y'"},
    {"cookie_name", "printf('%.65c', 'x')"},
    {"cookie_path", "'sse'"},
    {"cookie_path", "'/a b'"},
    {"cookie_path", "'/a; Domain=b'"},
    {"cookie_path", "'/a,b'"},
    {"cookie_path", "'/\"'"},
    {"cookie_path", "'/\\'"},
    {"cookie_path", "'/' || char(10)"},
    {"cookie_path", "'/' || char(228)"},
    {"cookie_path", "printf('/%.256c', 'x')"},
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
    log_set(w, "retry", 250);
    log_sql(w, "DROP TRIGGER rowcast_config_delete");
    log_sql(w, "DELETE FROM rowcast_config WHERE name = 'stream_max_age' "
               "OR name LIKE 'cookie%%'");
    log_sql(w, "CREATE TRIGGER rowcast_config_delete BEFORE DELETE ON rowcast_config "
               "BEGIN SELECT RAISE(ABORT, 'a setting cannot be deleted'); END");
    log_sql(w, "DROP TRIGGER rowcast_config_update");
    log_sql(w, "CREATE TRIGGER rowcast_config_update BEFORE UPDATE ON rowcast_config "
               "BEGIN SELECT RAISE(ABORT, 'no') WHERE NEW.name IS NOT OLD.name; END");
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
    log_insert(w, 3);
    make_old(w);
    assert_non_null(log_try(w, "INSERT INTO rowcast_config VALUES ('stream_max_age', '5')"));
    setenv("ROWCAST_BUFFER_SIZE", "77", 1); /* seeds new logs only */
    reopen(w);
    struct settings *s = settings_of(w);
    unsetenv("ROWCAST_BUFFER_SIZE");
    assert_int_equal(s->stream_max_age, 0);
    assert_int_equal(s->retry, 250);
    assert_int_equal(s->buffer_size, 1000);
    assert_int_equal(s->version, 1);
    settings_unref(s);
    assert_string_equal(log_read(w, 0, NULL), "1 2 3");
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

static void test_settings_are_given_again_only_when_they_are_others(void **state)
{
    struct log_world *w = *state;
    struct settings *have = settings_of(w), *newer = have;
    assert_int_equal(store_settings_newer(w->store, have, &newer), STORE_OK);
    assert_null(newer);
    log_insert(w, 1);
    assert_int_equal(store_settings_newer(w->store, have, &newer), STORE_OK);
    assert_null(newer);
    log_set(w, "retry", 5000);
    assert_int_equal(store_settings_newer(w->store, have, &newer), STORE_OK);
    assert_non_null(newer);
    assert_int_equal(newer->retry, 5000);
    assert_string_equal(newer->epoch, have->epoch);
    settings_unref(have);
    have = newer;
    log_sql(w, "UPDATE rowcast_log SET epoch = '0badcafe'"); /* another log's are others */
    assert_int_equal(store_settings_newer(w->store, have, &newer), STORE_OK);
    assert_non_null(newer);
    assert_string_equal(newer->epoch, "0badcafe");
    settings_unref(have);
    settings_unref(newer);
}

static void collect(void *arg, const char *line)
{
    strcat(arg, line);
    strcat(arg, "\n");
}

static void test_the_environment_seeds_a_new_log_and_no_other(void **state)
{
    struct log_world *w = *state;
    char path[64], said[4096] = "";
    struct store *s = NULL;
    struct settings *got = NULL;
    snprintf(path, sizeof path, "%s/new", w->dir);
    setenv("ROWCAST_BUFFER_SIZE", "77", 1);
    setenv("ROWCAST_RETRY", "5", 1);
    setenv("ROWCAST_PUBLISH_TOKEN", "hush", 1);
    assert_int_equal(store_open(&s, path), STORE_OK);
    assert_int_equal(store_settings_newer(s, NULL, &got), STORE_OK);
    assert_int_equal(got->buffer_size, 77);
    assert_int_equal(got->retry, 3000); /* 5 is impossible: the default, and a line */
    assert_string_equal(got->publish_token, "hush");
    assert_int_equal(store_environment(s, collect, said), STORE_OK);
    assert_non_null(strstr(said, "retry must be"));
    assert_null(strstr(said, "buffer_size"));
    settings_unref(got);
    store_close(s);

    said[0] = '\0';
    assert_int_equal(store_environment(w->store, collect, said), STORE_OK);
    assert_non_null(strstr(said, "buffer_size, 77 is not in force: the log has 1000"));
    assert_non_null(strstr(said, "UPDATE rowcast_config"));
    assert_non_null(strstr(said, "publish_token"));
    assert_null(strstr(said, "hush"));
    got = settings_of(w);
    assert_int_equal(got->buffer_size, 1000);
    settings_unref(got);
    unsetenv("ROWCAST_BUFFER_SIZE");
    unsetenv("ROWCAST_RETRY");
    unsetenv("ROWCAST_PUBLISH_TOKEN");
}

static const char *standard_of(struct log_world *w, const char *name)
{
    static char value[2048];
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(w->shell,
                                        "SELECT value FROM rowcast_config WHERE name = ?1", -1,
                                        &stmt, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("the schema has no %s", name);
    snprintf(value, sizeof value, "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return value;
}

/* Whether the schema takes a value, which has to be what settings_take says of it. */
static void expect_alike(struct log_world *w, const char *name, const char *value)
{
    struct settings *s = settings_new();
    char *sql =
        sqlite3_mprintf("UPDATE rowcast_config SET value = %Q WHERE name = %Q", value, name);
    bool table = !log_try(w, sql), ours = settings_take(s, name, value) == SETTING_TAKEN;
    if (table != ours)
        fail_msg("%s = \"%.40s\": the schema says %d, settings.c says %d", name, value, table,
                 ours);
    sqlite3_free(sql);
    settings_unref(s);
}

static void expect_alike_at_the_edges(struct log_world *w, const struct setting *is)
{
    static const char *const values[] = {"",
                                         "0",
                                         "1",
                                         "2",
                                         "00",
                                         "-1",
                                         "1.5",
                                         "1e3",
                                         " 1",
                                         "1 ",
                                         "x",
                                         "none",
                                         "user_agent",
                                         "ip",
                                         "a b",
                                         "a,b",
                                         "/",
                                         "/a",
                                         "/a;b",
                                         "\"",
                                         "a_b-c.d",
                                         ".a",
                                         "-a",
                                         "\xc3\xa4",
                                         "a\tb",
                                         "2305843009213693952",
                                         "999999999999999",
                                         "9999999999999999"};
    char text[2048];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        expect_alike(w, is->name, values[i]);
    for (int64_t step = -1; step <= 1; step++) {
        long long least = is->least + step, most = is->most + step;
        snprintf(text, sizeof text, "%lld", least);
        expect_alike(w, is->name, text);
        snprintf(text, sizeof text, "%lld", most);
        expect_alike(w, is->name, text);
        if (is->kind == SETTING_NUMBER || is->most == 0 || is->most > 2000)
            continue;
        memset(text, 'a', sizeof text);
        text[0] = is->kind == SETTING_PATH ? '/' : 'a';
        text[is->most + step] = '\0';
        expect_alike(w, is->name, text);
    }
}

static void test_the_settings_of_the_program_and_of_the_schema_are_the_same(void **state)
{
    struct log_world *w = *state;
    size_t n;
    const struct setting *table = settings_table(&n);
    assert_int_equal(log_number(w, "SELECT count(*) FROM rowcast_config"), n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(standard_of(w, table[i].name), table[i].standard);
        expect_alike_at_the_edges(w, &table[i]);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_a_new_log_has_the_documented_defaults),
        LOG_TEST(test_a_change_moves_the_version_and_is_read),
        LOG_TEST(test_an_impossible_value_is_refused_with_a_sentence_that_names_the_setting),
        LOG_TEST(test_no_setting_can_be_deleted_renamed_or_invented),
        LOG_TEST(test_an_insert_of_a_setting_that_is_there_changes_it),
        LOG_TEST(test_a_log_of_an_earlier_version_gains_what_it_lacks_and_keeps_the_rest),
        LOG_TEST(test_an_older_log_that_is_locked_is_used_as_it_is),
        LOG_TEST(test_the_settings_of_the_program_and_of_the_schema_are_the_same),
        LOG_TEST(test_a_value_past_the_rules_leaves_the_default_in_force),
        LOG_TEST(test_settings_are_given_again_only_when_they_are_others),
        LOG_TEST(test_the_environment_seeds_a_new_log_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
